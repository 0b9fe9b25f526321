"""The policies of upload forms on local disk: laid out, signed and enforced as AWS does it for S3.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html (conditions),
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-UsingHTTPPOST.html (fields, signature).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

ALGORITHM = "AWS4-HMAC-SHA256"
ACCESS_KEY = "local"
REGION = "local"
REQUIRED_FIELDS = ("key", "policy", "x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature")
FREE_FIELDS = ("policy", "x-amz-signature")  # need no condition, nor do those that begin with FREE_PREFIX
FREE_PREFIX = "x-ignore-"
_PURPOSE = b"vitrine.local-form.v1"
_CREDENTIAL = re.compile(rf"{ACCESS_KEY}/(\d{{8}})/{REGION}/s3/aws4_request", re.ASCII)
_EXPIRATION = "%Y-%m-%dT%H:%M:%SZ"


class PolicyError(Exception):
    """The form is refused; the text says why, in the words of S3."""


class FieldRefused(PolicyError):
    """A field that every form needs is absent, or is not what it can be."""

    def __init__(self, message: str, name: str, value: str = "") -> None:
        super().__init__(message)
        self.name, self.value = name, value


class PolicyInvalid(PolicyError):
    """The policy is no policy document."""


class SignatureMismatch(PolicyError):
    """The policy was not signed here."""


class PolicyViolated(PolicyError):
    """The form is not what the policy allows, or not in time."""


@dataclass(frozen=True, slots=True)
class _Policy:
    expiration: datetime
    exact: list[tuple[str, str]]  # fields, in lower case, and their values
    min_size: int  # bytes
    max_size: int


class PolicySigner:
    """Signature Version 4 under secrets derived for this purpose.

    In: ``bucket``, the name that stands in the policies; ``secrets``, the signing one first, then older ones still
    accepted (``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``).
    """

    def __init__(self, bucket: str, secrets: Sequence[str]) -> None:
        self._bucket = bucket
        self._secrets = [hmac.digest(secret.encode(), _PURPOSE, "sha256").hex() for secret in secrets]

    def sign(
        self, fields: Mapping[str, str], *, size_range: tuple[int, int], expires_at: datetime, now: datetime
    ) -> dict[str, str]:
        """The form's fields in their order: those given, each bound by a condition, then those of the signature.

        ``size_range``: the least and the most bytes of the file.
        """
        stamp = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = {
            **fields,
            "x-amz-algorithm": ALGORITHM,
            "x-amz-credential": f"{ACCESS_KEY}/{stamp[:8]}/{REGION}/s3/aws4_request",
            "x-amz-date": stamp,
        }
        conditions = [{"bucket": self._bucket}, *({name: value} for name, value in signed.items())]
        document = {
            "expiration": expires_at.astimezone(UTC).strftime(_EXPIRATION),
            "conditions": [*conditions, ["content-length-range", *size_range]],
        }
        policy = base64.b64encode(json.dumps(document).encode()).decode()
        signature = _signature(self._secrets[0], stamp[:8], policy)
        return {**signed, "policy": policy, "x-amz-signature": signature}

    def verify(self, fields: Mapping[str, str], *, now: datetime) -> tuple[int, int]:
        """The least and the most bytes that this form may bring.

        ``fields``: all that came before the file, their names in lower case. Raises PolicyError.
        """
        for name in REQUIRED_FIELDS:
            if not fields.get(name):
                message = (
                    f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order"
                )
                raise FieldRefused(f"{message} of the fields.", name)
        policy = _read(fields["policy"])
        self._check_signature(fields)
        if policy.expiration <= now:
            raise PolicyViolated("Invalid according to Policy: Policy expired.")
        self._check_conditions(policy, fields)
        return policy.min_size, policy.max_size

    def _check_signature(self, fields: Mapping[str, str]) -> None:
        algorithm, credential = fields["x-amz-algorithm"], fields["x-amz-credential"]
        if algorithm != ALGORITHM:
            raise FieldRefused(f"X-Amz-Algorithm only supports {ALGORITHM}.", "x-amz-algorithm", algorithm)
        if not (scope := _CREDENTIAL.fullmatch(credential)):
            expected = f"{ACCESS_KEY}/YYYYMMDD/{REGION}/s3/aws4_request"
            raise FieldRefused(f"The credential must be {expected}.", "x-amz-credential", credential)
        given = fields["x-amz-signature"].encode(errors="replace")
        made = (_signature(secret, scope[1], fields["policy"]).encode() for secret in self._secrets)
        genuine = [hmac.compare_digest(one, given) for one in made]
        if not any(genuine):
            raise SignatureMismatch(
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method."
            )

    def _check_conditions(self, policy: _Policy, fields: Mapping[str, str]) -> None:
        values = {**fields, "bucket": self._bucket}
        for name, value in policy.exact:
            if values.get(name) != value:
                shown = json.dumps(["eq", f"${name}", value], ensure_ascii=False)
                raise PolicyViolated(f"Invalid according to Policy: Policy Condition failed: {shown}")
        allowed = {*FREE_FIELDS, *(name for name, _ in policy.exact)}
        if extra := [name for name in fields if name not in allowed and not name.startswith(FREE_PREFIX)]:
            raise PolicyViolated(f"Invalid according to Policy: Extra input fields: {', '.join(extra)}")


def _signature(secret: str, day: str, policy: str) -> str:
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, policy.encode(errors="replace"), "sha256").hex()


def _read(encoded: str) -> _Policy:
    """Raises PolicyInvalid."""
    try:
        document = orjson.loads(base64.b64decode(encoded, validate=True))
    except (ValueError, binascii.Error):
        raise PolicyInvalid("Invalid Policy: Invalid JSON.") from None
    try:
        expiration = datetime.strptime(document["expiration"], _EXPIRATION).replace(tzinfo=UTC)
        conditions: list[Any] = document["conditions"]
        exact = list(_exact(conditions))
        ((_, min_size, max_size),) = [one for one in conditions if isinstance(one, list)]
        return _Policy(expiration, exact, int(min_size), int(max_size))
    except (TypeError, ValueError, LookupError, AttributeError, OverflowError):
        raise PolicyInvalid("Invalid Policy: Invalid policy document.") from None


def _exact(conditions: list[Any]) -> Iterator[tuple[str, str]]:
    """Names (in lower case) and values that must hold. Raises ValueError for a kind that is never signed here."""
    for condition in conditions:
        match condition:
            case ["content-length-range", int(), int()]:
                continue
            case dict() if len(condition) == 1:
                ((name, value),) = condition.items()
                yield name.lower(), str(value)
            case _:
                raise ValueError("unknown condition")
