"""The asset that a key belongs to, and the nearest one where it belongs to none."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from media_assets.models import MediaAsset, Upload
from media_assets.presets import asset_id_of
from media_assets.services import RAW
from media_assets.uploads.services import STAGING

MAX_FOLDERS = 12  # of a key that are taken away, one after the other
_NOT_ITS_END = " .,;:!?)>]}\"'*_`\\"


def asset_at(key: str) -> MediaAsset | None:
    """The asset whose original, or whose variant, has this key, whatever its state."""
    if (asset := MediaAsset.objects.filter(key=key).first()) is not None:
        return asset
    asset_id = asset_id_of(key)
    asset = None if asset_id is None else MediaAsset.objects.filter(pk=asset_id).first()
    return asset if asset is not None and str(asset.object_id) in key else None


def known_tail(key: str) -> str | None:
    """The key of the registry that this one ends with, its front folders left away."""
    parts = key.split("/")
    tails = ["/".join(parts[start:]) for start in range(min(len(parts), MAX_FOLDERS))]
    return next((tail for tail in tails if tail and asset_at(tail) is not None), None)


def nearest(key: str) -> tuple[str, str] | None:
    """A key of the registry that was probably meant, and what is wrong with this one."""
    for candidate, what in _spellings(key):
        if candidate and candidate != key and asset_at(candidate) is not None:
            return candidate, what
    if (tail := known_tail(key)) not in (None, key):
        return str(tail), "there is a folder too many in front"
    other = MediaAsset.objects.filter(key__iexact=key).values_list("key", flat=True).first()
    return None if other is None else (other, "upper and lower case differ")


def _spellings(key: str) -> Iterator[tuple[str, str]]:
    yield unquote(key), "it is percent-encoded twice"
    yield "/".join(part for part in key.split("/") if part), "there is a slash too many"
    yield key.rstrip(_NOT_ITS_END), "the last characters do not belong to it"
    yield key.lstrip(), "the first characters do not belong to it"
    yield html.unescape(key), "it is escaped for HTML"
    yield unicodedata.normalize("NFC", key), "its accents are spelt in two characters each"
    yield unicodedata.normalize("NFD", key), "its accents are spelt in one character each"
    yield key.replace("+", " "), "it has + for a space"
    yield key.replace(" ", "+"), "it has a space for +"


def own_folder(key: str) -> str | None:
    """What lies at a key that is in a folder of the site's own and never delivered; None elsewhere."""
    front = key.partition("/")[0]
    if front == RAW:
        return "a picture that is not clean yet, or was one: such originals are never delivered"
    if front == STAGING:
        upload = Upload.everything.filter(staging_key=key).first()
        known = f"upload {upload.upload_id}, {upload.status}" if upload else "an upload that is not known (any more)"
        return f"bytes that were sent and not checked ({known}): they are never delivered"
    return None
