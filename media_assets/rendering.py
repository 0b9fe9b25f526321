"""The ``media`` object of every answer, from plain rows: no query, no storage call."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from media_assets.models import MediaAsset, State
from media_assets.signing.urls import url_maker
from media_assets.storages import is_configured

COLUMNS = (
    *("id", "state", "storage", "key", "content_type", "size", "original_filename", "width", "height"),
    *("placeholder", "location_removed", "variants", "failure_reason"),
)
_DELIVERED = (State.READY.value,)
UNAVAILABLE = "unavailable"


def asset_columns(prefix: str = "") -> list[str]:
    """The columns that ``MediaRenderer.media`` needs, for ``.values()`` over a relation: ``image__id``, …"""
    return [prefix + column for column in COLUMNS]


class MediaRenderer:
    """Renders assets for one request: one signing window per storage, absolute URLs.

    In: ``base_url``, scheme and host without a final slash, for files that the application serves; ``now``, seconds
    since the epoch.
    """

    def __init__(self, base_url: str, now: float | None = None) -> None:
        self._base_url = base_url
        self._now = time.time() if now is None else now
        self._aliases: dict[str, tuple[Callable[[str], str], str | None] | None] = {}

    @classmethod
    def for_request(cls, request: Any) -> "MediaRenderer":
        """The renderer of this request (Django's or the REST framework's), made once."""
        plain: Any = getattr(request, "_request", request)
        renderer: MediaRenderer | None = getattr(plain, "media_renderer", None)
        if renderer is None:
            renderer = plain.media_renderer = cls(base_url(plain))
        return renderer

    def media(self, row: Mapping[str, Any], prefix: str = "") -> dict[str, Any] | None:
        """The ``media`` object of a row that has ``asset_columns(prefix)``; None where it holds no asset."""
        if row[prefix + "id"] is None:
            return None
        return self.fields(*[row[prefix + column] for column in COLUMNS])

    def asset(self, asset: MediaAsset | None) -> dict[str, Any] | None:
        """The ``media`` object of an asset; None for None."""
        return None if asset is None else self.fields(*[getattr(asset, column) for column in COLUMNS])

    def url(self, asset: MediaAsset | None) -> str | None:
        """The URL of an asset, absolute; None where there is none to give."""
        media = self.asset(asset)
        return None if media is None else media["url"]

    def fields(
        self,
        id: int,
        state: str,
        storage: str,
        key: str,
        content_type: str,
        size: int,
        original_filename: str,
        width: int | None,
        height: int | None,
        placeholder: str | None,
        location_removed: bool,
        variants: list[dict[str, Any]] | None,
        failure_reason: str,
    ) -> dict[str, Any]:
        """The ``media`` object of one asset given by its ``COLUMNS``, in their order."""
        found = self._aliases[storage] if storage in self._aliases else self._open(storage)
        url = expires_at = None
        shown: list[dict[str, Any]] = []
        if found is None:
            state = UNAVAILABLE
        elif state in _DELIVERED:
            make, expires_at = found
            url = make(key)
            if variants:
                shown = [{**{name: one[name] for name in _VARIANT}, "url": make(one["key"])} for one in variants]
        media = {
            "id": id,
            "state": state,
            "url": url,
            "expires_at": expires_at,
            "width": width,
            "height": height,
            "content_type": content_type,
            "size": size,
            "original_filename": original_filename,
            "placeholder": placeholder,
            "location_removed": location_removed,
            "variants": shown,
        }
        if state == State.FAILED:
            media["reason"] = failure_reason
        return media

    def _open(self, alias: str) -> tuple[Callable[[str], str], str | None] | None:
        found = None
        if is_configured(alias):
            make, expires_at = url_maker(alias).current(self._now)
            text = (
                None if expires_at is None else datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            )
            found = (self._absolute(make), text)
        self._aliases[alias] = found
        return found

    def _absolute(self, make: Callable[[str], str]) -> Callable[[str], str]:
        if not make("x").startswith("/"):
            return make
        base = self._base_url
        return lambda key: base + make(key)


_VARIANT = ("width", "height", "content_type")


def base_url(request: HttpRequest) -> str:
    """``PUBLIC_BASE_URL``, or scheme and host of the request."""
    return settings.PUBLIC_BASE_URL or f"{request.scheme}://{request.get_host()}"
