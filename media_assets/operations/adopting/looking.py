"""What a stored file is, told from its bytes; and which keys and files are not adopted, with the reason."""

from __future__ import annotations

import hashlib
import mmap
import os
import re
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.template.defaultfilters import filesizeformat

from media_assets.imaging import ImageFacts, InvalidImage
from media_assets.imaging.cleaning import clean_image
from media_assets.imaging.containers import HEAD_BYTES, is_converted
from media_assets.imaging.facts import ACCEPTED_FORMATS
from media_assets.keys import is_safe_key
from media_assets.models import MediaAsset, State
from media_assets.operations.adopting.lines import is_own, is_storable
from media_assets.operations.adopting.targets import Refused
from media_assets.processing import local_copy
from media_assets.storages import MediaStorage, ObjectStat, lies_in_another
from media_assets.storages.disk import disk_errors

MAX_KEY = 512  # characters
_EXTENSION = re.compile(r"\.([A-Za-z][A-Za-z0-9]*)$")
# Names that no web server takes for a page or a program.
_PICTURE_EXTENSIONS = frozenset(
    ("jpg", "jpeg", "jpe", "jfif", "pjpeg", "png", "webp", "gif", "heic", "heif", "avif", "bmp", "tif", "tiff")
)


class AlreadyAdopted(Exception):
    """The registry has this very file."""


@dataclass(frozen=True)
class Picture:
    """A whole, accepted picture as it lies in a storage."""

    facts: ImageFacts
    size: int  # bytes
    sha256: str  # hexadecimal
    has_location: bool


def require_adoptable_key(storage: MediaStorage, key: str) -> None:
    """Raises Refused."""
    if not is_safe_key(key) or not is_storable(key):
        raise Refused("Its key is not safe: hidden, empty or '..' segments, or odd characters. Copy it to another key.")
    if len(key) > MAX_KEY:
        raise Refused(f"Its key has {len(key)} characters, at most {MAX_KEY} are kept. Copy it to a shorter key.")
    if lies_in_another(storage.alias, key):
        raise Refused("It lies in the folder of the site's other storage. Adopt it there (--storage).")
    if is_own(storage, key) or (storage.alias == "local-public" and key.startswith("private/")):
        raise Refused("This site keeps its own files under such keys. Copy it to another key.")
    extension = _EXTENSION.search(key)
    if extension and extension[1].lower() not in _PICTURE_EXTENSIONS:
        raise Refused(
            f"Its name ends in {extension[0]}: web servers may not take it for a picture. Copy it to another."
        )


def require_unknown(asset: MediaAsset, alias: str) -> None:
    """Raise AlreadyAdopted, or Refused where the registry's row of the key is of another file."""
    live = asset.state not in (State.RESERVED, State.DISCARDED, State.TOMBSTONE)
    if asset.state == State.RESERVED:
        raise Refused("A file is just being stored under this key. Run it again in some minutes.")
    if alias not in (asset.storage, asset.copy_storage):
        raise Refused(f"The site has another file of this key, in {asset.storage}. Copy this one to another key.")
    if not live:
        until = f" on {asset.purge_after:%Y-%m-%d}" if asset.purge_after else " some days later"
        raise Refused(f"The file of this key was deleted here; the key is free again{until}.")
    raise AlreadyAdopted


def look(storage: MediaStorage, stat: ObjectStat) -> Picture:
    """Read the whole object. Raises Refused, StorageUnavailable."""
    limit = settings.UPLOAD_MAX_SIZE_BYTES
    if stat.size > limit:
        raise Refused(f"It has {filesizeformat(stat.size)}, more than UPLOAD_MAX_SIZE_BYTES ({filesizeformat(limit)}).")
    with disk_errors(), local_copy(storage.alias, stat.key) as path:
        picture = _inspected(path)
    if picture.size != stat.size:
        raise Refused("It changed while it was read. Run it again.")
    return picture


def _inspected(path: Path) -> Picture:
    """Raises Refused."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        if is_converted(data[:HEAD_BYTES]):
            raise Refused("HEIC and AVIF are delivered as JPEG only. Convert it to JPEG, or upload it instead.")
        try:
            cleaned = clean_image(data, max_pixels=settings.MEDIA_MAX_PIXELS)
        except InvalidImage as refusal:
            hint = "Only JPEG, PNG, WebP and GIF can be adopted: convert it, and upload the result."
            raise Refused(refusal.message.replace(ACCEPTED_FORMATS, hint)) from None
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Picture(cleaned.facts, size, sha256, cleaned.had_location)
