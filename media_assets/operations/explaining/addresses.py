"""Which storage a URL belongs to, and under which key; or which setting it does not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from django.conf import settings
from django.http.request import validate_host

from media_assets.operations.explaining.facts import Problem
from media_assets.operations.explaining.keys import known_tail
from media_assets.storages import is_configured

S3_ALIASES = ("s3-public", "s3-private")
_DEFAULT_PORTS = {"http": 80, "https": 443}
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
_AWS_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9._-]+)\.)?s3(?:[.-](?:dualstack\.)?(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(\.cn)?"
)


@dataclass(frozen=True, slots=True)
class Address:
    """``host``: lower case, without a default port; ``path`` and ``query`` as they stand in the URL."""

    alias: str
    key: str
    scheme: str
    host: str
    path: str
    query: str
    style: str

    @property
    def is_private(self) -> bool:
        return self.alias.endswith("-private")

    @property
    def is_local(self) -> bool:
        return self.alias.startswith("local-")

    @property
    def options(self) -> dict[str, Any]:
        """Those of its storage."""
        found: dict[str, Any] = settings.STORAGES[self.alias]["OPTIONS"]
        return found


@dataclass(frozen=True, slots=True)
class _Bucket:
    """A place in a store: ``name`` of the bucket, empty behind a custom domain."""

    name: str
    key: str
    style: str
    region: str = ""
    is_aws: bool = False


def locate(url: str) -> Address | Problem:
    """Where the URL leads. Never raises."""
    try:
        url.encode()
        parts = urlsplit(url)
        host = _host(parts)
        path = unquote_to_bytes(parts.path).decode()
    except UnicodeDecodeError:
        return Problem("bad_encoding", "Its percent-encoded bytes are no UTF-8.", "Take the URL from a fresh answer.")
    except ValueError:
        return _no_url()
    if "\0" in path or not path.startswith("/") or parts.scheme not in (("http", "https") if host else ("",)):
        return _no_url()
    if not host:
        return _local(parts, "", path) or _no_media(path)
    place = _bucket(host, parts, path)
    if place is not None and not (place.name not in _bucket_names() and _is_ours(host) and _local(parts, host, path)):
        return _stored(place, parts, host)
    return _by_application(parts, host, path)


def s3_options() -> dict[str, Mapping[str, Any]]:
    """Of the S3 storages that this environment has, by alias."""
    return {alias: settings.STORAGES[alias]["OPTIONS"] for alias in S3_ALIASES if is_configured(alias)}


def _no_url() -> Problem:
    remedy = "Write the whole URL in quotes, beginning with https:// or with a slash."
    return Problem("not_a_url", "This is no URL.", remedy)


def _no_media(path: str) -> Problem:
    public = settings.STORAGES["local-public"]["OPTIONS"]["base_url"]
    text = f"{path[:200]} is no address of a media file: those of this site begin with {public}."
    return Problem("not_media", text, "Write the URL of a file, as `url` has it in an answer.")


def _host(parts: SplitResult) -> str:
    """Raises ValueError."""
    name, port = (parts.hostname or "").lower(), parts.port
    name = f"[{name}]" if ":" in name else name
    return name if port in (None, _DEFAULT_PORTS.get(parts.scheme)) else f"{name}:{port}"


def _by_application(parts: SplitResult, host: str, path: str) -> Address | Problem:
    found = _local(parts, host, path)
    if _is_ours(host):
        return found or _no_media(path)
    if found is not None and not _is_signed_elsewhere(parts, host):
        base = settings.PUBLIC_BASE_URL
        ours = f"PUBLIC_BASE_URL is {base}" if base else "PUBLIC_BASE_URL is not set"
        text = f"It has the form of this site's URLs, but {host} is not this site: {ours}, ALLOWED_HOSTS lacks it too."
        remedy = f"Set PUBLIC_BASE_URL={parts.scheme}://{host} and ALLOWED_HOSTS where that is right, or use this host."
        return Problem("wrong_host", text, remedy)
    return _foreign(parts, host, path)


def _local(parts: SplitResult, host: str, path: str) -> Address | None:
    for alias in ("local-private", "local-public"):  # the one lies below the other
        base = settings.STORAGES[alias]["OPTIONS"]["base_url"]
        if path.startswith(base) and len(path) > len(base):
            style = "served by the application"
            return Address(alias, path[len(base) :], parts.scheme, host, parts.path, parts.query, style)
    return None


def _is_ours(host: str) -> bool:
    if settings.PUBLIC_BASE_URL and host == _host(urlsplit(settings.PUBLIC_BASE_URL)):
        return True
    allowed = [name for name in settings.ALLOWED_HOSTS if name != "*" or not settings.PUBLIC_BASE_URL]
    return validate_host(re.sub(r":\d+$", "", host), allowed)


def _is_signed_elsewhere(parts: SplitResult, host: str) -> bool:
    return "X-Amz-" in parts.query or _is_cloudfront(parts, host)


def _is_cloudfront(parts: SplitResult, host: str) -> bool:
    return "Key-Pair-Id=" in parts.query or host.endswith(".cloudfront.net")


def _bucket_names() -> set[str]:
    return {"", *(options["bucket_name"] for options in s3_options().values())}


def _bucket(host: str, parts: SplitResult, path: str) -> _Bucket | None:
    """The place where the host is one of a store that we know; None where it is none."""
    rest = path.removeprefix("/")
    for options in s3_options().values():
        if options["custom_domain"] and host == options["custom_domain"].lower():
            return _Bucket("", rest, "custom domain")
    for endpoint in _endpoints():
        known = _host(urlsplit(endpoint))
        front = urlsplit(endpoint).path.strip("/")
        below = rest.removeprefix(f"{front}/") if front else rest
        if host == known:
            name, _, key = below.partition("/")
            return _Bucket(name, key, "path style")
        if host.endswith(f".{known}"):
            return _Bucket(host.removesuffix(f".{known}"), below, "virtual-host style")
    if (aws := _AWS_HOST.fullmatch(host)) is None:
        return None
    region = aws["region"] or ""
    if aws["bucket"]:
        return _Bucket(aws["bucket"], rest, "virtual-host style", region, is_aws=True)
    name, _, key = rest.partition("/")
    return _Bucket(name, key, "path style", region, is_aws=True)


def _endpoints() -> Iterator[str]:
    for options in s3_options().values():
        yield from filter(None, (options["public_endpoint_url"], options["endpoint_url"]))


def _stored(place: _Bucket, parts: SplitResult, host: str) -> Address | Problem:
    """An address in one of our buckets."""
    stores = s3_options()
    if not stores:
        text = f"It leads to the bucket {place.name or '?'}, but this site has no S3."
        return Problem("not_configured", text, f"Set AWS_STORAGE_BUCKET_NAME={place.name} where its files lie there.")
    if problem := _wrong_store(place, host):
        return problem
    fitting = [
        alias
        for alias, options in stores.items()
        if place.name in ("", options["bucket_name"])
        and (not options["location"] or place.key.startswith(f"{options['location']}/"))
    ]
    if not fitting:
        return _wrong_location(place)
    alias = max(fitting, key=lambda one: len(stores[one]["location"]))
    location = stores[alias]["location"]
    key = place.key[len(location) + 1 :] if location else place.key
    if not place.name and not stores[alias]["custom_domain"]:
        text = f"{host} (AWS_S3_CUSTOM_DOMAIN) serves public files only, and this key is a private one's."
        remedy = "Take its signed URL from a fresh answer, or set AWS_CLOUDFRONT_KEY and AWS_CLOUDFRONT_KEY_ID."
        return Problem("private_on_custom_domain", text, remedy)
    if not key:
        return _no_media(parts.path)
    return Address(alias, key, parts.scheme, host, parts.path, parts.query, place.style)


def _wrong_store(place: _Bucket, host: str) -> Problem | None:
    """Another bucket, region or endpoint than ours."""
    stores = s3_options()
    if place.name not in _bucket_names():
        ours = " and ".join(sorted({options["bucket_name"] for options in stores.values()}))
        text = f"It leads to the bucket {place.name or '?'}; this site's is {ours}.{_tail(place.key)}"
        remedy = "Set AWS_STORAGE_BUCKET_NAME (or AWS_PRIVATE_STORAGE_BUCKET_NAME) where the files lie there."
        return Problem("wrong_bucket", text, remedy)
    options = next(one for one in stores.values() if place.name in ("", one["bucket_name"]))
    endpoint, public = options["endpoint_url"], options["public_endpoint_url"]
    if place.is_aws and endpoint:
        text = f"{host} is Amazon's; this site's store is {public or endpoint}."
        return Problem("wrong_host", text, "Remove AWS_S3_ENDPOINT_URL where the files lie at Amazon.")
    if place.is_aws and place.region and place.region != options["region_name"]:
        text = f"It names the region {place.region}; this site's is {options['region_name']}."
        return Problem("wrong_region", text, f"Set AWS_S3_REGION_NAME={place.region} where the bucket is there.")
    if place.name and not place.is_aws and public and _host(urlsplit(public)) not in host:
        text = f"{host} is the store as the application reaches it; browsers reach it at {public}."
        return Problem("wrong_host", text, "Use that host; AWS_S3_PUBLIC_ENDPOINT_URL says which.")
    return None


def _wrong_location(place: _Bucket) -> Problem:
    folders = " or ".join(f"{options['location']}/" for options in s3_options().values())
    text = f"Its key does not begin with {folders}, where this site's objects lie.{_tail(place.key)}"
    return Problem("wrong_location", text, "Set AWS_LOCATION or AWS_PRIVATE_LOCATION to the folder they lie in.")


def _foreign(parts: SplitResult, host: str, path: str) -> Problem:
    """A host that is neither ours nor a store's that we know."""
    text = f"{host} is neither this site nor its store.{_tail(path.removeprefix('/'))}"
    if _is_cloudfront(parts, host):
        return Problem("wrong_host", text, f"Set AWS_S3_CUSTOM_DOMAIN={host} where it is this site's distribution.")
    if not s3_options():
        remedy = "Set AWS_STORAGE_BUCKET_NAME (and AWS_S3_ENDPOINT_URL) where the files lie in an S3 store."
    elif "X-Amz-" in parts.query or path.split("/")[1] in _bucket_names() - {""}:
        name = f"{parts.scheme}://{host}"
        remedy = f"Set AWS_S3_ENDPOINT_URL={name}, or AWS_S3_PUBLIC_ENDPOINT_URL={name} where only browsers use it."
    else:
        remedy = (
            f"Set AWS_S3_CUSTOM_DOMAIN={host} where it serves the bucket, or PUBLIC_BASE_URL where it is this site."
        )
    return Problem("wrong_host", text, remedy)


def _tail(key: str) -> str:
    """Whether the end of it is a key that the registry has."""
    known = known_tail(key)
    return f" The registry has a file {known}." if known else ""
