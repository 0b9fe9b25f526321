"""Where a file is read: for each storage alias a maker of URLs, from its options alone.

No storage is instantiated and nothing is asked of it; with static keys boto3 is not even imported.
"""

import re
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote

from django.conf import settings
from django.core.signals import setting_changed

from media_assets.signing.local import LocalSigner
from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS, Credentials, QuerySigner, UnsupportedBySigner

_PLAIN = re.compile(r"[A-Za-z0-9/._~-]*")  # what stands in a URL as it is
WINDOWS_PER_LIFETIME = 4  # a URL repeats for a quarter of its lifetime, so that caches hit


class UrlMaker(Protocol):
    """Makes the URLs of one storage. Local ones begin with a slash, the others with their scheme."""

    def current(self, now: float) -> tuple[Callable[[str], str], int | None]:
        """A function from key to the URL of the time window that ``now`` lies in, and when these URLs expire
        (seconds since the epoch, None: never)."""

    def exact(self, key: str, *, now: float, expires_in: int) -> tuple[str, int | None]:
        """A URL that lives ``expires_in`` seconds from ``now``, and when it expires (None: never).

        Raises ValueError where a signed URL is to live for less than a second or more than seven days.
        """


class PlainUrls:
    """Public files: the base and the quoted key."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url

    def current(self, now: float) -> tuple[Callable[[str], str], int | None]:
        base_url, is_plain = self._base_url, _PLAIN.fullmatch
        return (lambda key: base_url + (key if is_plain(key) else quote(key, safe="/~"))), None

    def exact(self, key: str, *, now: float, expires_in: int) -> tuple[str, int | None]:
        return self._base_url + quote(key, safe="/~"), None


class _Expiring(ABC):
    """What signed URLs share: the window. ``lifetime`` in seconds."""

    def __init__(self, lifetime: int) -> None:
        self._lifetime = lifetime
        self._window = max(1, lifetime // WINDOWS_PER_LIFETIME)

    def current(self, now: float) -> tuple[Callable[[str], str], int | None]:
        signed_at = int(now) - int(now) % self._window
        return self.signed(signed_at, self._lifetime)

    def exact(self, key: str, *, now: float, expires_in: int) -> tuple[str, int | None]:
        if not 1 <= expires_in <= EXPIRY_MAX_SECONDS:
            raise ValueError(f"The expiry must be 1 to {EXPIRY_MAX_SECONDS} seconds, not {expires_in}.")
        make, expires_at = self.signed(int(now), expires_in)
        return make(key), expires_at

    @abstractmethod
    def signed(self, signed_at: int, expires_in: int) -> tuple[Callable[[str], str], int | None]:
        """A function from key to URL, signed at ``signed_at`` for ``expires_in`` seconds, and when they expire."""


class LocalSignedUrls(_Expiring):
    """Private files on disk."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options["querystring_expire"])
        self._signer = local_signer(options["base_url"])

    def signed(self, signed_at: int, expires_in: int) -> tuple[Callable[[str], str], int | None]:
        return self._signer.at(signed_at + expires_in), signed_at + expires_in


class S3SignedUrls(_Expiring):
    """Presigned by our own signer; with the keys of an instance role these come from boto3 and may end it earlier."""

    def __init__(self, options: Mapping[str, Any]) -> None:
        super().__init__(options["querystring_expire"])
        self._options = options
        self._signers: tuple[Credentials, QuerySigner] | None = None
        self._role: Any = None

    def signed(self, signed_at: int, expires_in: int) -> tuple[Callable[[str], str], int | None]:
        credentials, role_ends_at = self._credentials()
        expires_at = signed_at + expires_in
        if role_ends_at is not None:
            expires_at = min(expires_at, role_ends_at)
        return self._signer(credentials).at(signed_at=signed_at, expires_in=expires_in), expires_at

    def _signer(self, credentials: Credentials) -> QuerySigner:
        known = self._signers
        if known is None or known[0] != credentials:
            self._signers = known = (credentials, _query_signer(self._options, credentials))
        return known[1]

    def _credentials(self) -> tuple[Credentials, int | None]:
        options = self._options
        if options["access_key"]:
            return Credentials(options["access_key"], options["secret_key"], options["security_token"]), None
        from media_assets.signing.role import role_credentials

        return role_credentials()


class StorageSignedUrls(_Expiring):
    """What our signer does not cover: CloudFront, and bucket kinds that botocore has special rules for."""

    def __init__(self, alias: str, options: Mapping[str, Any]) -> None:
        super().__init__(options["querystring_expire"])
        self._alias = alias
        self._cloudfront = bool(options.get("cloudfront_key"))

    def signed(self, signed_at: int, expires_in: int) -> tuple[Callable[[str], str], int | None]:
        from media_assets.signing.delegated import botocore_url, cloudfront_url
        from media_assets.storages import get_storage

        storage, expires_at = get_storage(self._alias), signed_at + expires_in
        if self._cloudfront:
            return (lambda key: cloudfront_url(storage, key, expires_at)), expires_at
        remaining = max(1, expires_at - int(time.time()))
        return (lambda key: botocore_url(storage, key, remaining)), expires_at


_makers: dict[str, UrlMaker] = {}
_lock = threading.Lock()


def url_maker(alias: str) -> UrlMaker:
    """The maker of an alias's URLs, built once. Raises KeyError where the alias is not configured."""
    maker = _makers.get(alias)
    if maker is None:
        with _lock:
            maker = _makers[alias] = _build(alias, settings.STORAGES[alias]["OPTIONS"])
    return maker


def storage_url(storage: Any, key: str, expires_in: int | None) -> str:
    """What a storage's ``url`` answers: exactly ``expires_in`` seconds where given, else the present window's."""
    maker, now = url_maker(storage.alias), time.time()
    if expires_in is None:
        return maker.current(now)[0](key)
    return maker.exact(key, now=now, expires_in=expires_in)[0]


def local_signer(base_url: str) -> LocalSigner:
    """The signer of local private URLs, under the site's secrets."""
    return LocalSigner(base_url, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])


def _build(alias: str, options: Mapping[str, Any]) -> UrlMaker:
    engine, _, visibility = alias.partition("-")
    if visibility == "public":
        return PlainUrls(options["base_url"] if engine == "local" else options["public_base_url"])
    if engine == "local":
        return LocalSignedUrls(options)
    if options.get("cloudfront_key"):
        return StorageSignedUrls(alias, options)
    try:
        _query_signer(options, Credentials("probe", "probe"))
    except UnsupportedBySigner:
        return StorageSignedUrls(alias, options)
    return S3SignedUrls(options)


def _query_signer(options: Mapping[str, Any], credentials: Credentials) -> QuerySigner:
    return QuerySigner(
        bucket=options["bucket_name"],
        region=options["region_name"],
        credentials=credentials,
        endpoint_url=options["public_endpoint_url"] or options["endpoint_url"],
        addressing_style=options["addressing_style"],
        location=options["location"],
        us_east_1_regional_endpoint="regional",
    )


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting in ("STORAGES", "SECRET_KEY", "SECRET_KEY_FALLBACKS"):
        _makers.clear()


setting_changed.connect(_forget)
