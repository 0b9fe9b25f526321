"""Pictures in the admin: a column of thumbnails, what is known of a file. No query, no storage call of their own."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString

from media_assets.admin.placeholders import shown_placeholder
from media_assets.models import MediaAsset
from media_assets.rendering import MediaRenderer

THUMBNAIL_PIXELS = 56
LIGHT_BYTES = 256 * 1024  # a picture of more is not loaded for a thumbnail
EMPTY = "–"


def thumbnail(media: dict[str, Any] | None, alt: str, size: int = THUMBNAIL_PIXELS) -> SafeString | str:
    """A square picture of ``size`` pixels for a ``media`` object: a variant, or a light original, or the placeholder of
    a heavy one; its state where there is nothing to show yet."""
    if media is None:
        return EMPTY
    url, kind = _thumbnail_url(media, size * 2), ""
    if url is not None and not media["variants"] and media["size"] > LIGHT_BYTES:
        url, kind = shown_placeholder(media["placeholder"]), " is-placeholder"
    if url is None:
        text = EMPTY if media["url"] else media["state"]
        return format_html('<span title="{}">{}</span>', media.get("reason", ""), text)
    return format_html(
        '<img src="{}" alt="{}" width="{}" height="{}" loading="lazy" decoding="async" class="thumbnail{}">',
        *(url, alt, size, size, kind),
    )


def thumbnail_column(
    request: HttpRequest, asset_of: Callable[[Any], MediaAsset | None], label: str = "image"
) -> Callable[[Any], SafeString | str]:
    """A column for ``get_list_display`` that shows each row's asset by URLs made for this request."""
    renderer = MediaRenderer.for_request(request)

    @admin.display(description=label)
    def thumbnail_of(row: Any) -> SafeString | str:
        return thumbnail(renderer.asset(asset_of(row)), str(row))

    return thumbnail_of


def media_summary(media: dict[str, Any] | None) -> str:
    """``sea.jpg · 640 × 480 px · image/jpeg · 12.3 KB``, with the state where it is not ready."""
    if media is None:
        return ""
    size = f"{media['width']} × {media['height']} px" if media["width"] else ""
    state = "" if media["url"] else f"{media['state']} {media.get('reason', '')}".strip()
    known = (media["original_filename"], size, media["content_type"], filesizeformat(media["size"]), state)
    return " · ".join(part for part in known if part)


def preview_url(media: dict[str, Any] | None, wanted: int) -> str | None:
    """URL of the smallest variant whose longer side has at least ``wanted`` pixels, else of the picture itself."""
    return None if media is None else _smallest(media, max, wanted, media)


def _thumbnail_url(media: dict[str, Any], wanted: int) -> str | None:
    """URL of the smallest variant whose shorter side has at least ``wanted`` pixels; else of the largest variant, or,
    without any, of the picture itself."""
    return _smallest(media, min, wanted, max(media["variants"], key=_width, default=media))


def _smallest(media: dict[str, Any], side: Callable[..., int], wanted: int, otherwise: dict[str, Any]) -> str | None:
    fitting = [one for one in media["variants"] if side(one["width"], one["height"]) >= wanted]
    url: str | None = min(fitting, key=_width, default=otherwise)["url"]
    return url


def _width(one: dict[str, Any]) -> int:
    return int(one["width"])
