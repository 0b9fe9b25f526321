"""Why a presigned S3 URL holds or does not, and which part of it was changed.

The algorithm: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import calendar
import hmac
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from media_assets.errors import StorageUnavailable
from media_assets.operations.explaining.addresses import Address
from media_assets.operations.explaining.facts import (
    FRESH,
    SECONDS,
    UNVERIFIABLE,
    Explanation,
    Problem,
    cut_off,
    moment,
    see_end,
)
from media_assets.operations.explaining.keys import nearest
from media_assets.signing.role import role_credentials
from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS, Credentials, QuerySigner, UnsupportedBySigner

SKEW_SECONDS = 900  # how far clocks may differ (S3, RequestTimeTooSkewed)
_AWS_PARAMETERS = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
_DATE = re.compile(r"\d{8}T\d{6}Z", re.ASCII)


@dataclass(frozen=True)
class _Request:
    """What a SigV4 signature is made of."""

    method: str
    host: str
    path: str  # decoded
    pairs: tuple[tuple[str, str], ...]  # decoded, without the signature
    scope: str
    stamp: str

    def signature(self, secret: str) -> str:
        """Hexadecimal."""
        query = "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in self.pairs))
        path = quote(self.path.encode(), safe="/-_.~")
        request = f"{self.method}\n{path}\n{query}\nhost:{self.host}\n\nhost\nUNSIGNED-PAYLOAD"
        signed = f"AWS4-HMAC-SHA256\n{self.stamp}\n{self.scope}\n{sha256(request.encode()).hexdigest()}"
        key = f"AWS4{secret}".encode()
        for part in self.scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, signed.encode(), "sha256").hex()


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")


def judge_presigned(address: Address, seen: Explanation, now: float) -> None:
    """Add what is to be said of a SigV4 signature in the query."""
    pairs = pairs_of(address.query)
    given = dict(pairs)
    missing = [name for part in _AWS_PARAMETERS if not given.get(name := f"X-Amz-{part}")]
    if missing:
        return seen.fail(cut_off(missing))
    access_key, _, scope = given["X-Amz-Credential"].partition("/")
    if problem := _malformed(given, scope):
        return seen.fail(problem)
    signed_at = calendar.timegm(time.strptime(given["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    ends_at = signed_at + int(given["X-Amz-Expires"])
    seen.see("Signed", f"{moment(signed_at, now)}, with the access key {access_key[:40]}")
    request = _Request(
        method="GET",
        host=address.host,
        path=unquote_to_bytes(address.path).decode(),
        pairs=tuple((name, value) for name, value in pairs if name != "X-Amz-Signature"),
        scope=scope,
        stamp=given["X-Amz-Date"],
    )
    problem = _signed_wrongly(address, request, access_key, given["X-Amz-Signature"])
    seen.see("Signature", "holds" if problem is None else problem.text)
    seen.fail(problem)
    if signed_at > now + SKEW_SECONDS:
        text = f"It is not valid yet: it was signed for {moment(signed_at, now)}."
        seen.fail(Problem("not_yet_valid", text, "Set the clock of the machine that signs (NTP)."))
    return see_end(seen, ends_at, now)


def pairs_of(query: str) -> list[tuple[str, str]]:
    """Decoded as S3 does it: a plus is a plus."""
    return parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)


def _malformed(given: dict[str, str], scope: str) -> Problem | None:
    expires, date = given["X-Amz-Expires"], given["X-Amz-Date"]
    if given["X-Amz-Algorithm"] != "AWS4-HMAC-SHA256":
        text = f"Its algorithm {given['X-Amz-Algorithm'][:40]!r} is none that this site signs with."
        return Problem("tampered", text, FRESH)
    if len(scope.split("/")) != 4 or not scope.endswith("/s3/aws4_request"):
        return Problem("tampered", "Its X-Amz-Credential is not that of a request to S3.", FRESH)
    if not SECONDS.fullmatch(expires) or not _DATE.fullmatch(date) or not _is_date(date):
        return Problem("tampered", "Its X-Amz-Expires or X-Amz-Date cannot be read.", FRESH)
    if not 1 <= int(expires) <= EXPIRY_MAX_SECONDS:
        text = f"It is to live for {expires} seconds; S3 accepts 1 to {EXPIRY_MAX_SECONDS} (seven days)."
        return Problem("expiry_too_long", text, "Sign it for a shorter time.")
    if given["X-Amz-SignedHeaders"] != "host":
        text = f"It was signed with headers that a browser does not send: {given['X-Amz-SignedHeaders'][:80]}."
        return Problem("more_headers", text, "Send them, or ask for a new URL.")
    if not scope.startswith(f"{date[:8]}/"):
        return Problem("tampered", "Its X-Amz-Date is another day than that of X-Amz-Credential.", FRESH)
    return None


def _is_date(text: str) -> bool:
    try:
        time.strptime(text, "%Y%m%dT%H%M%SZ")
    except ValueError:
        return False
    return True


def _signed_wrongly(address: Address, request: _Request, access_key: str, signature: str) -> Problem | None:
    options = address.options
    try:
        credentials = _credentials(options)
    except StorageUnavailable:  # logged where it was raised
        text = "This site has no credentials now, so the signature cannot be recomputed."
        return Problem(UNVERIFIABLE, text, "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or an instance role.")
    if not hmac.compare_digest(access_key.encode(), credentials.access_key.encode()):
        if options["access_key"]:
            text = "It was signed with another access key than AWS_ACCESS_KEY_ID: that was changed, or it is not ours."
            return Problem("other_access_key", text, f"{FRESH} Old URLs work as long as the old key is active.")
        text = "It was signed with earlier keys of the instance role: only the store knows whether they still hold."
        return Problem(UNVERIFIABLE, text, FRESH)
    if _holds(request, credentials, signature):
        return None
    region = request.scope.split("/")[1]
    for changed, what in _changes(address, request, credentials):
        if _holds(changed, credentials, signature):
            return Problem("tampered", f"Its signature does not hold: {what}.", FRESH)
    if region != options["region_name"]:
        text = f"It was signed for the region {region[:40]}; this site's is {options['region_name']}."
        return Problem("wrong_region", text, "Set AWS_S3_REGION_NAME to the bucket's own region.")
    text = "Its signature does not hold: the key, the expiry or another part was changed, or AWS_SECRET_ACCESS_KEY was."
    return Problem("tampered", text, FRESH)


def _credentials(options: Any) -> Credentials:
    """Raises StorageUnavailable."""
    if options["access_key"]:
        return Credentials(options["access_key"], options["secret_key"], options["security_token"])
    return role_credentials()[0]


def _holds(request: _Request, credentials: Credentials, signature: str) -> bool:
    expected = request.signature(credentials.secret_key)
    return hmac.compare_digest(expected.encode(), signature.encode(errors="replace"))


def _changes(address: Address, request: _Request, credentials: Credentials) -> Iterator[tuple[_Request, str]]:
    """What it may have been before somebody changed it, and what that is."""
    for host, path in _own_places(address, credentials):
        if host != request.host:
            yield replace(request, host=host, path=path), f"it was signed for the host {host}"
    for method in ("HEAD", "PUT"):
        yield replace(request, method=method), f"it was signed for {method}, not for reading by GET"
    ours = tuple(one for one in request.pairs if one[0].startswith(("X-Amz-", "response-", "x-id", "versionId")))
    added = [name for name, _ in request.pairs if (name, _) not in ours]
    if added:
        yield replace(request, pairs=ours), f"parameters were added to it: {', '.join(added)[:200]}"
    if meant := nearest(address.key):
        path = request.path.removesuffix(address.key) + meant[0]
        yield replace(request, path=path), f"it was signed for the key {meant[0]} ({meant[1]})"
    for seconds in {address.options["querystring_expire"], 3600, EXPIRY_MAX_SECONDS}:
        pairs = tuple((name, str(seconds) if name == "X-Amz-Expires" else value) for name, value in request.pairs)
        yield replace(request, pairs=pairs), f"its X-Amz-Expires was {seconds} when it was signed"


def _own_places(address: Address, credentials: Credentials) -> Iterator[tuple[str, str]]:
    """Host and path that this site signs the key for, at each endpoint and in either style."""
    options = address.options
    for endpoint in dict.fromkeys((options["public_endpoint_url"], options["endpoint_url"])):
        for style in ("path", "virtual"):
            try:
                signer = QuerySigner(
                    bucket=options["bucket_name"],
                    region=options["region_name"],
                    credentials=credentials,
                    endpoint_url=endpoint,
                    addressing_style=style,
                    location=options["location"],
                    us_east_1_regional_endpoint="regional",
                )
            except UnsupportedBySigner:
                continue
            url = signer.presign(address.key, signed_at=0, expires_in=1).partition("?")[0]
            host, _, path = url.partition("://")[2].partition("/")
            yield host.lower(), unquote_to_bytes(f"/{path}").decode()
