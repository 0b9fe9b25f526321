"""Signed URLs of private images. Nothing is asked of a storage."""

import time

from django.conf import settings

from api.errors import Conflict, ServiceUnavailable
from media_assets.models import MediaAsset, State
from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS
from media_assets.signing.urls import UrlMaker, url_maker
from media_assets.storages import is_configured

MAX_EXPIRATION_SECONDS = EXPIRY_MAX_SECONDS  # seven days


class CannotSign(Exception):
    """The image's storage is not configured now, or has no credentials to sign with."""


def secure_url(asset: MediaAsset, expiration: int | None = None) -> tuple[str, int]:
    """A URL signed now, and for how many seconds it lives: exactly ``expiration`` (1 to MAX_EXPIRATION_SECONDS),
    or less where the credentials end earlier. None: ``MEDIA_URL_EXPIRY_SECONDS``.

    A local one begins with a slash. Raises CannotSign, Conflict (nothing to deliver yet, or ever), ValueError.
    """
    expiration = settings.MEDIA_URL_EXPIRY_SECONDS if expiration is None else expiration
    maker, now = _maker(asset), int(time.time())
    try:
        url, ends_at = maker.exact(asset.key, now=now, expires_in=expiration)
    except ServiceUnavailable as error:
        raise CannotSign from error
    return url, expiration if ends_at is None else ends_at - now


def repeating_url(asset: MediaAsset) -> tuple[str, int]:
    """The URL of the present time window, the one that other answers show, and how many seconds it still lives.

    A local one begins with a slash. Raises CannotSign, Conflict.
    """
    maker, now = _maker(asset), time.time()
    try:
        make, ends_at = maker.current(now)
        return make(asset.key), 0 if ends_at is None else int(ends_at - now)
    except ServiceUnavailable as error:
        raise CannotSign from error


def _maker(asset: MediaAsset) -> UrlMaker:
    if asset.state == State.PROCESSING:
        raise Conflict("The image is still being processed.", "image_processing", retry_after=5)
    if asset.state != State.READY:
        raise Conflict("The image cannot be delivered.", "image_failed")
    if not is_configured(asset.storage):
        raise CannotSign
    return url_maker(asset.storage)
