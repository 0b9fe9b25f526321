"""A file of this machine as a source for the registry, under a key that is not ours to choose."""

from __future__ import annotations

import hashlib
import mimetypes
import mmap
import os
from io import BufferedReader
from pathlib import Path
from typing import Self
from uuid import UUID

from django.conf import settings
from django.core.files.base import File

from api.errors import Conflict, RequestRefused
from media_assets.errors import KeyTaken
from media_assets.imaging import InvalidImage
from media_assets.imaging.cleaning import Cleaned, clean_image
from media_assets.models import MediaAsset, State, Upload
from media_assets.pieces import PiecesFile
from media_assets.sources import disposition
from media_assets.storages import MediaStorage
from media_assets.uploads.content import canonical_type, is_allowed_type

MAX_SIZE_BYTES = 5 * 1024**3  # of one PutObject (AWS, "Amazon S3 multipart upload limits")
MAX_CONTENT_TYPE = 100  # characters, those of the registry
OCTETS = "application/octet-stream"
# What a browser neither runs nor takes for a page, wherever it is embedded.
INERT_TYPES = (
    *("text/plain", "text/csv", "application/json", "application/pdf", "application/zip", "application/gzip"),
    *("audio/*", "video/*", "font/*"),
)


class LocalFile:
    """A source (``media_assets.sources.Source``), opened as a context.

    In: ``content_type``, None to tell it from the key; ``public``: then what is not an accepted image has a type that
    no browser runs. Pictures lose their metadata. Entering raises RequestRefused; the file is read three times at
    most, in pieces.
    """

    upload: Upload | None = None
    is_raw = False

    def __init__(self, path: str | Path, key: str, *, content_type: str | None, public: bool) -> None:
        self._path, self._key = path, key
        self._named = None if content_type is None else _named_type(content_type)
        self._public = public
        self.filename = self.key_name = key.rpartition("/")[2]

    def __enter__(self) -> Self:
        self._file = _opened(self._path)
        try:
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def _read(self) -> None:
        self._state = _state(self._file)
        self.size = self._state[0]
        if self.size > MAX_SIZE_BYTES:
            message = f"The file has {self.size} bytes; at most {MAX_SIZE_BYTES} can be stored in one piece."
            raise RequestRefused(message, "too_large")
        cleaned = _picture(self._file, self.size)
        if cleaned is not None and self._named not in (None, cleaned.facts.content_type):
            cleaned = None  # the caller wants it to be something else
        self.width: int | None = cleaned.facts.width if cleaned else None
        self.height: int | None = cleaned.facts.height if cleaned else None
        self.content_type = cleaned.facts.content_type if cleaned else self._other_type()
        self.location_removed = cleaned is not None and cleaned.had_location
        self._content: File[bytes] = File(self._file, name=self.filename)
        if cleaned is not None and cleaned.changed:
            pieces = PiecesFile(cleaned.pieces, name=self.filename)
            self._content, self.size, self.sha256 = pieces, cleaned.size, pieces.sha256
        else:
            self.sha256 = hashlib.file_digest(self._file, "sha256").hexdigest()

    def _other_type(self) -> str:
        content_type = self._named or _type_of_name(self.filename)
        return content_type if not self._public or is_allowed_type(content_type, INERT_TYPES) else OCTETS

    def close(self) -> None:
        """Leaving the context closes it."""

    def write(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        """Raises Conflict where the key is taken, or the file has changed since it was looked into."""
        if key != self._key:
            raise key_taken(self._key)
        self._content.seek(0)
        try:
            storage.create(
                key,
                self._content,
                content_type=self.content_type,
                object_id=object_id,
                content_disposition=disposition(self.content_type, self.filename, self.width),
            )
        except KeyTaken:
            raise key_taken(self._key) from None
        if _state(self._file) != self._state:
            raise Conflict(f"{self._path} changed while it was read. Store it again.", "file_changed")


def key_taken(key: str) -> Conflict:
    """409: a key is written once."""
    gone = MediaAsset.objects.filter(key=key, state__in=(State.DISCARDED, State.TOMBSTONE)).first()
    if gone is None:
        return Conflict(f"A file lies at {key} already. Choose another key, or delete that file first.", "key_taken")
    free = f"on {gone.purge_after:%Y-%m-%d}" if gone.purge_after else "some days after its deletion"
    message = f"{key} was another file's, which is deleted; the key is free again {free}. Choose another key."
    return Conflict(message, "key_taken")


def _opened(path: str | Path) -> BufferedReader:
    """Raises RequestRefused."""
    try:
        if Path(path).is_file():  # a pipe would be waited for
            return Path(path).open("rb")
        reason = "There is no such file"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "This is no path"
    raise RequestRefused(f"{path}: {reason}.", "file_unreadable")


def _state(file: BufferedReader) -> tuple[int, int]:
    """Its size in bytes, and when it was last written."""
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns


def _picture(file: BufferedReader, size: int) -> Cleaned | None:
    """An accepted image without its metadata; None for anything else."""
    if not size:
        return None
    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)  # pieces may point into it: it goes with the last
    try:
        return clean_image(mapped, max_pixels=settings.MEDIA_MAX_PIXELS)
    except InvalidImage:
        return None


def _named_type(content_type: str) -> str:
    """Raises RequestRefused."""
    named = canonical_type(content_type) if isinstance(content_type, str) else ""
    if len(named) > MAX_CONTENT_TYPE or not is_allowed_type(named, ["*/*"]):
        message = "content_type: Write one such as text/plain, without parameters."
        raise RequestRefused(message, "invalid_content_type")
    return named


def _type_of_name(filename: str) -> str:
    guessed, encoding = mimetypes.guess_type(filename)
    return OCTETS if encoding or not guessed else guessed
