"""Presigned S3 read addresses: AWS Signature Version 4 in the query string, without boto3.

Every address equals, byte for byte, what botocore's
`client.generate_presigned_url("get_object", ...)` gives with a pinned region,
`signature_version="s3v4"` and the same `addressing_style`. What the signer does not cover raises
`UnsupportedBySigner`; the caller then asks botocore. botocore settings from the environment or a
profile (endpoint, FIPS, dual-stack) are not read here: pass the endpoint in, or go through botocore.

The algorithm:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
Hosts and partitions: botocore's S3 endpoint rule set (`data/s3/2006-03-01/endpoint-rule-set-1.json`).
"""

from __future__ import annotations

import hmac
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from _hashlib import HASH

EXPIRY_MAX_SECONDS = 604_800  # seven days: the longest that S3 accepts for Signature Version 4

_ALGORITHM = "AWS4-HMAC-SHA256"
_METHODS = ("GET", "HEAD")
_DAYS_KEPT = 3  # signing keys kept: yesterday, today, tomorrow
_HASH_BLOCK_BYTES = 64

# Path bytes that stay as they are (RFC 3986 unreserved, and the slash); each other byte becomes %XX.
_PATH_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/"
_PATH_ESCAPES = [chr(byte) if byte in _PATH_SAFE else f"%{byte:02X}" for byte in range(256)]

_BUCKET = re.compile(r"[a-zA-Z0-9.\-_]{1,255}")
_OTHER_SERVICE_BUCKET_SUFFIXES = ("--x-s3", "--xa-s3", "--op-s3")  # S3 Express, its access points, Outposts
_HOST_LABEL = re.compile(r"(?!-)[a-zA-Z0-9-]{1,63}(?<!-)")
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_ENDPOINT = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<authority>(?P<host>[a-zA-Z0-9.-]{1,255}|\[[0-9a-fA-F:]+\])(?::(?P<port>[0-9]{1,5}))?)"
    r"(?P<path>(?:/[a-zA-Z0-9._~-]+)*)/?",
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_PSEUDO_REGION = re.compile(r".*(?:fips-|-fips).*|aws-(?:.*-)?global|s3-external-1|[0-9]+", re.IGNORECASE)
_PARTITION_SUFFIXES = (
    (re.compile(r"(?:us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+", re.ASCII), "amazonaws.com"),
    (re.compile(r"us-gov-\w+-\d+", re.ASCII), "amazonaws.com"),
    (re.compile(r"cn-\w+-\d+", re.ASCII), "amazonaws.com.cn"),
    (re.compile(r"eusc-de-\w+-\d+", re.ASCII), "amazonaws.eu"),
)
_RESPONSE_PARAMETERS = {
    "ResponseCacheControl": "response-cache-control",
    "ResponseContentDisposition": "response-content-disposition",
    "ResponseContentEncoding": "response-content-encoding",
    "ResponseContentLanguage": "response-content-language",
    "ResponseContentType": "response-content-type",
    "ResponseExpires": "response-expires",
}
_ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)


class UnsupportedBySigner(ValueError):
    """The signer can not give botocore's address here; ask botocore for it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Static or temporary AWS keys. The secret and the session token never show in `repr`."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


class QuerySigner:
    """Presigns reads of one bucket.

    In: `bucket`, `region`, `credentials`; `endpoint_url` of an S3-compatible store, as the browser
    reaches it (None: AWS); `addressing_style`, with botocore's own falling back to "path" where the
    bucket is no host name; `location`, the folder in front of every key; `method`, "GET" or "HEAD";
    `us_east_1_regional_endpoint`, botocore's option of that name: "legacy" (its default) is the host
    `s3.amazonaws.com` for us-east-1, "regional" is `s3.us-east-1.amazonaws.com`.
    Raises `UnsupportedBySigner` for what only botocore covers, `ValueError` for empty credentials.

    One instance serves all threads. It can not be pickled.
    """

    def __init__(
        self,
        *,
        bucket: str,
        region: str,
        credentials: Credentials,
        endpoint_url: str | None = None,
        addressing_style: Literal["virtual", "path"] = "virtual",
        location: str = "",
        method: str = "GET",
        us_east_1_regional_endpoint: Literal["legacy", "regional"] = "legacy",
    ) -> None:
        if not credentials.access_key or not credentials.secret_key:
            raise ValueError("The access key and the secret key must not be empty.")
        if method.upper() not in _METHODS:
            raise UnsupportedBySigner(f"Only {' and '.join(_METHODS)} are signed here, not {method!r}.")
        if addressing_style not in ("virtual", "path"):
            raise UnsupportedBySigner(f"The addressing style must be virtual or path, not {addressing_style!r}.")
        _check_bucket(bucket)
        _check_region(region)
        endpoint = _aws_endpoint(region, us_east_1_regional_endpoint) if endpoint_url is None else endpoint_url
        origin, self._host, base_path = _locate(bucket, endpoint, addressing_style)
        folder = location.strip("/")
        self._path_prefix = f"{base_path}/{_quote_path(folder)}/" if folder else f"{base_path}/"
        self._url_prefix = origin + self._path_prefix
        self._method = method.upper()
        self._region = region
        self._access_key = credentials.access_key
        self._secret = f"AWS4{credentials.secret_key}".encode()
        token = credentials.session_token
        self._token_pairs = [] if token is None else [("X-Amz-Security-Token", quote(token, safe="-_.~"))]
        self._days: dict[str, tuple[HASH, HASH]] = {}
        self._last: tuple[tuple[int, int], Callable[[str], str]] | None = None

    def presign(self, key: str, *, signed_at: int, expires_in: int, response: Mapping[str, str] | None = None) -> str:
        """One address.

        In: `key` relative to the location, taken as it is (no normalisation); `signed_at`, seconds since
        the epoch; `expires_in`, seconds from then; `response`, the headers S3 shall answer with, under
        botocore's names (`ResponseContentType`, ...). Raises as `at` does.
        """
        if response:
            return self.at(signed_at=signed_at, expires_in=expires_in, response=response)(key)
        last = self._last
        if last is None or last[0] != (signed_at, expires_in):
            last = ((signed_at, expires_in), self.at(signed_at=signed_at, expires_in=expires_in))
            self._last = last
        return last[1](key)

    def at(self, *, signed_at: int, expires_in: int, response: Mapping[str, str] | None = None) -> Callable[[str], str]:
        """A function from key to address, with everything that does not depend on the key done: for lists.

        In: as `presign`. Raises `ValueError` for an expiry outside 1 to 604800 seconds, or, from the
        function, for an empty key; `UnsupportedBySigner` for an unknown response parameter.
        """
        if not 1 <= expires_in <= EXPIRY_MAX_SECONDS:
            raise ValueError(f"The expiry must be 1 to {EXPIRY_MAX_SECONDS} seconds, not {expires_in}.")
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(signed_at))
        day = stamp[:8]
        scope = f"{day}/{self._region}/s3/aws4_request"
        auth_pairs = [
            ("X-Amz-Algorithm", _ALGORITHM),
            ("X-Amz-Credential", quote(f"{self._access_key}/{scope}", safe="-_.~")),
            ("X-Amz-Date", stamp),
            ("X-Amz-Expires", str(expires_in)),
            ("X-Amz-SignedHeaders", "host"),
            *self._token_pairs,
        ]
        pairs = [*_response_pairs(response or {}), *auth_pairs]

        day_inner, outer_start = self._day_states(day)
        inner_start = day_inner.copy()
        inner_start.update(f"{_ALGORITHM}\n{stamp}\n{scope}\n".encode())
        url_start = self._url_prefix
        url_end = f"?{_join_query(pairs)}&X-Amz-Signature="
        request_start = f"{self._method}\n{self._path_prefix}".encode()
        # botocore puts the parameters into the address as they come, but signs them sorted.
        request_end = f"\n{_join_query(sorted(pairs))}\nhost:{self._host}\n\nhost\nUNSIGNED-PAYLOAD".encode()

        def url_for(key: str) -> str:
            path = key.encode()
            if path.translate(None, _PATH_SAFE):
                key = path.decode("latin-1").translate(_PATH_ESCAPES)
                path = key.encode()
            elif not path:
                raise ValueError("The key must not be empty.")
            inner = inner_start.copy()
            inner.update(sha256(request_start + path + request_end).hexdigest().encode())
            outer = outer_start.copy()
            outer.update(inner.digest())
            return f"{url_start}{key}{url_end}{outer.hexdigest()}"

        return url_for

    def _day_states(self, day: str) -> tuple[HASH, HASH]:
        """The inner and outer HMAC states under the signing key of `day` (YYYYMMDD). Copy, never update."""
        states = self._days.get(day)
        if states is None:
            signing_key = self._secret
            for part in (day, self._region, "s3", "aws4_request"):
                signing_key = hmac.digest(signing_key, part.encode(), "sha256")
            # HMAC by its definition (RFC 2104), so that the two states can be copied instead of recomputed.
            block = signing_key.ljust(_HASH_BLOCK_BYTES, b"\0")
            states = (sha256(bytes(byte ^ 0x36 for byte in block)), sha256(bytes(byte ^ 0x5C for byte in block)))
            # A new dictionary each time: other threads see the old one or the new one, both whole.
            kept = list(self._days.items())[-(_DAYS_KEPT - 1) :]
            self._days = dict([*kept, (day, states)])
        return states


def _quote_path(path: str) -> str:
    return path.encode().decode("latin-1").translate(_PATH_ESCAPES)


def _join_query(pairs: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in pairs)


def _check_bucket(bucket: str) -> None:
    if not _BUCKET.fullmatch(bucket):
        raise UnsupportedBySigner(f"{bucket!r} is no plain bucket name; access points go through botocore.")
    if bucket.endswith(_OTHER_SERVICE_BUCKET_SUFFIXES):
        raise UnsupportedBySigner(f"{bucket!r} belongs to S3 Express or Outposts, which sign differently.")


def _check_region(region: str) -> None:
    if not _HOST_LABEL.fullmatch(region) or _PSEUDO_REGION.fullmatch(region):
        raise UnsupportedBySigner(f"{region!r} is no region that names itself in the signature.")


def _aws_endpoint(region: str, us_east_1_regional_endpoint: str) -> str:
    if region == "us-east-1" and us_east_1_regional_endpoint == "legacy":
        return "https://s3.amazonaws.com"
    for pattern, suffix in _PARTITION_SUFFIXES:
        if pattern.fullmatch(region):
            return f"https://s3.{region}.{suffix}"
    raise UnsupportedBySigner(f"The AWS host of region {region!r} is not known here; set the endpoint.")


def _locate(bucket: str, endpoint_url: str, addressing_style: str) -> tuple[str, str, str]:
    """Where the bucket is: origin of the address, value of the Host header, path in front of the key's slash."""
    match = _ENDPOINT.fullmatch(endpoint_url)
    if match is None:  # the message leaves the value out: it may hold a password
        raise UnsupportedBySigner("The endpoint is not http(s)://host[:port][/path].")
    scheme, authority, host, path = match["scheme"], match["authority"], match["host"].lower(), match["path"]
    is_ip = _check_host(host)
    if any(segment in (".", "..") for segment in path.split("/")):
        raise UnsupportedBySigner("An endpoint with dot segments in its path goes through botocore.")
    netloc_host = host
    if match["port"] is not None:
        port = int(match["port"])
        if port > 65535:
            raise UnsupportedBySigner(f"The endpoint's port {port} is above 65535.")
        if port != _DEFAULT_PORTS[scheme]:
            netloc_host = f"{host}:{port}"
    if addressing_style == "virtual" and _is_host_name(bucket, dots_allowed=scheme == "http"):
        if not is_ip:
            return f"{scheme}://{bucket}.{authority}", f"{bucket}.{netloc_host}", path
        if "." in bucket:
            raise UnsupportedBySigner("A bucket with dots under an IP address goes through botocore.")
    return f"{scheme}://{authority}", netloc_host, f"{path}/{bucket}"


def _check_host(host: str) -> bool:
    """Whether `host` is an IP address; raises `UnsupportedBySigner` if it is no host at all."""
    if host.startswith("["):
        try:
            IPv6Address(host[1:-1])
        except ValueError as error:
            raise UnsupportedBySigner(f"{host!r} is no IPv6 address.") from error
        return True
    if not all(_HOST_LABEL.fullmatch(label) for label in host.split(".")):
        raise UnsupportedBySigner(f"{host!r} is no host name.")
    if host.startswith("s3-accelerate."):
        raise UnsupportedBySigner("S3 Transfer Acceleration goes through botocore.")
    return _IPV4.fullmatch(host) is not None


def _is_host_name(bucket: str, *, dots_allowed: bool) -> bool:
    """Whether the bucket can stand in front of the host. Over TLS a dot would not match the certificate."""
    labels = bucket.split(".") if dots_allowed else [bucket]
    return (
        len(bucket) >= 3
        and bucket == bucket.lower()
        and _IPV4.fullmatch(bucket) is None
        and all(_HOST_LABEL.fullmatch(label) for label in labels)
    )


def _response_pairs(response: Mapping[str, str]) -> list[tuple[str, str]]:
    pairs = []
    for parameter, value in response.items():
        name = _RESPONSE_PARAMETERS.get(parameter)
        if name is None:
            raise UnsupportedBySigner(f"{parameter!r} is no response parameter of GetObject.")
        pairs.append((name, quote(_http_date(value) if name == "response-expires" else value, safe="-_.~")))
    return pairs


def _http_date(value: str) -> str:
    """`value` (an HTTP date, or ISO 8601; without an offset: UTC) as the HTTP date that botocore sends."""
    if _ISO_8601.fullmatch(value):
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        return format_datetime(moment, usegmt=True)
    try:
        if format_datetime(parsedate_to_datetime(value).astimezone(UTC), usegmt=True) == value:
            return value
    except ValueError:
        pass
    raise UnsupportedBySigner(f"{value!r} is neither an HTTP date nor ISO 8601.")
