"""Where an image or another file comes from before it is stored: a received file, a staged object, an upload."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote
from uuid import UUID

from django.core.files.base import File
from django.core.files.uploadedfile import UploadedFile

from api.errors import Conflict
from api.fingerprints import file_sha256
from media_assets.errors import ObjectMissing, upload_attached
from media_assets.imaging.cleaning import Cleaned
from media_assets.keys import object_filename
from media_assets.metrics import DIRECT
from media_assets.models import Upload
from media_assets.pieces import PiecesFile
from media_assets.storages import get_storage
from media_assets.storages.contract import MediaStorage, ObjectStat

LOOKS = 3
logger = logging.getLogger(__name__)

ImageSource: TypeAlias = "UploadedFile[Any] | Upload"


class Source(Protocol):
    """What the registry has to know of a file before it is written, and how to write it."""

    @property
    def filename(self) -> str:
        """The client's name for it."""

    @property
    def key_name(self) -> str:
        """The safe one."""

    @property
    def content_type(self) -> str: ...

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def sha256(self) -> str:
        """Hexadecimal, or empty."""

    @property
    def width(self) -> int | None:
        """Pixels, upright."""

    @property
    def height(self) -> int | None: ...

    @property
    def upload(self) -> Upload | None:
        """What is used up when the asset is published."""

    @property
    def is_raw(self) -> bool:
        """Whether it may hold metadata, so that it is not delivered before a worker has cleaned it."""

    @property
    def location_removed(self) -> bool:
        """Whether it said where the picture was taken, and does so no more."""

    def write(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        """Make the object at ``key``. Raises KeyTaken, ObjectMissing, StorageUnavailable."""

    def close(self) -> None:
        """It is written, or will not be: let go of what it holds in memory."""


class ReceivedFile:
    """A file that came through the application, validated and cleaned by ImageUploadField."""

    upload = None
    is_raw = False

    def __init__(self, file: UploadedFile[Any]) -> None:
        self._file = file
        cleaned: Cleaned = file.cleaned  # type: ignore[attr-defined]
        facts = cleaned.facts
        self.filename = file.name or ""
        self.key_name = object_filename(self.filename, facts.extension)
        self.content_type = facts.content_type
        self.size = cleaned.size
        self.width, self.height = facts.width, facts.height
        self.location_removed = cleaned.had_location
        self._content: File[bytes] = PiecesFile(cleaned.pieces) if cleaned.changed else file
        self.sha256 = self._content.sha256 if isinstance(self._content, PiecesFile) else file_sha256(file)

    def write(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        self._content.seek(0)
        storage.create(key, self._content, content_type=self.content_type, object_id=object_id)

    def close(self) -> None:
        self._file.cleaned = None  # type: ignore[attr-defined]  # whose pieces hold a map of the file
        self._content = self._file


@dataclass
class StoredObject:
    """An object in a private storage, to be copied within it, as it was when it had this ETag."""

    way = DIRECT  # of its coming in, for the metrics
    storage: MediaStorage
    stat: ObjectStat
    filename: str
    key_name: str
    content_type: str
    sha256: str
    width: int | None
    height: int | None
    is_raw: bool = False
    upload: Upload | None = None
    location_removed: bool = False

    @property
    def size(self) -> int:
        return self.stat.size

    def write(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        storage.copy(
            key,
            source=self.storage,
            source_key=self.stat.key,
            content_type=self.content_type,
            object_id=object_id,
            if_etag=self.stat.etag,
            content_disposition=disposition(self.content_type, self.filename, self.width),
        )

    def close(self) -> None:
        """It holds nothing."""


class CompleteUpload:
    """A complete upload: its object is copied within the storage, or read where new files go to another engine.

    One that is cleaned while it is copied is copied clean, to where a worker would clean it: that changes nothing.
    """

    def __init__(self, upload: Upload) -> None:
        asset = upload.asset
        if asset is None:
            raise upload_attached()
        self.upload = upload
        self._asset = asset
        self.filename = upload.original_filename
        self.key_name = object_filename(self.filename, asset.key.rpartition(".")[2])
        self.content_type, self.size, self.sha256 = asset.content_type, asset.size, asset.sha256
        self.width, self.height = asset.width, asset.height
        self.is_raw = bool(asset.raw_key)
        self.location_removed = asset.location_removed
        self._from = _place(asset)

    def write(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        for _ in range(LOOKS):
            try:
                return self._copy(storage, key, object_id)
            except ObjectMissing:
                if not self._look_again():
                    break
        raise self._refusal()

    def _look_again(self) -> bool:
        """Whether its file lies elsewhere by now: it was cleaned, or moved to another storage, meanwhile."""
        for _ in range(LOOKS):  # the last step of cleaning may come between two of ours
            now = type(self._asset)._default_manager.live().filter(pk=self._asset.pk).first()
            if now is None:
                return False
            place = _place(now)
            size, sha256 = now.size, now.sha256
            with contextlib.suppress(ObjectMissing):
                if now.raw_key and get_storage(now.storage).owns(now.key, now.object_id):
                    size, sha256 = get_storage(now.storage).stat(now.key).size, ""
                    place = (now.storage, now.key)  # clean already; the row is just being written
            if place != self._from:
                self._from, self.location_removed = place, now.location_removed
                self.size, self.sha256 = size, sha256
                return True
        return False

    def _refusal(self) -> Conflict:
        """Why there is no object: another request attached or deleted it meanwhile; or it is lost."""
        if not Upload.objects.attachable().filter(pk=self.upload.pk).exists():
            return upload_attached()
        logger.error("The object of upload %s is gone from %s.", self.upload.upload_id, self._asset.storage)
        return Conflict("The uploaded file is lost. Upload it again.", "upload_lost")

    def _copy(self, storage: MediaStorage, key: str, object_id: UUID) -> None:
        alias, source_key = self._from
        source = get_storage(alias)
        how: dict[str, Any] = {"content_type": self.content_type, "object_id": object_id}
        if _engine(source) == _engine(storage):
            storage.copy(key, source=source, source_key=source_key, **how)
            return
        with source.open(source_key) as file:
            storage.create(key, file, **how)

    def close(self) -> None:
        """It holds nothing."""


def _place(asset: Any) -> tuple[str, str]:
    """Alias and key of its original."""
    return (asset.raw_storage, asset.raw_key) if asset.raw_key else (asset.storage, asset.key)


def source_of(source: ImageSource) -> Source:
    """The source that a field's validated value stands for. Raises Conflict for an upload that is attached already."""
    return CompleteUpload(source) if isinstance(source, Upload) else ReceivedFile(source)


def disposition(content_type: str, filename: str, width: int | None) -> str:
    """How a browser treats it: pictures that were looked into are shown, all else is saved (RFC 6266)."""
    if width is not None:
        return ""
    return f"attachment; filename*=UTF-8''{quote(filename, safe='')}"


def _engine(storage: MediaStorage) -> str:
    return storage.alias.partition("-")[0]
