"""What every storage of the media layer does, beside Django's own Storage API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from django.core.files.base import File


@dataclass(frozen=True, slots=True)
class ObjectStat:
    """An object as it lies in the storage."""

    key: str
    size: int  # bytes
    etag: str  # without quotes; changes with the bytes
    modified_at: datetime
    sha256: str = ""  # hexadecimal, where the storage itself has seen to it


@dataclass(frozen=True, slots=True)
class DirectForm:
    """A form that a browser posts to the storage: ``fields`` in their order, then the file as ``file``.

    ``url`` is absolute, or begins with a slash where the application itself takes the form.
    """

    url: str
    fields: dict[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an upload in parts."""

    number: int  # from 1
    size: int  # bytes
    etag: str  # without quotes


class MediaStorage(Protocol):
    """Every method raises StorageUnavailable where the storage does not answer, or not as it should."""

    alias: str  # its name in STORAGES

    def create(
        self, key: str, content: File[bytes], *, content_type: str, object_id: UUID, content_disposition: str = ""
    ) -> None:
        """Write the whole of ``content`` under a key that nobody has yet, atomically.

        ``content_disposition`` is kept where the storage itself answers readers. Raises KeyTaken where something lies
        there, unless that is this very write, come through at an earlier try (recognised by ``object_id``).
        """

    def copy(
        self,
        key: str,
        *,
        source: MediaStorage,
        source_key: str,
        content_type: str,
        object_id: UUID,
        if_etag: str | None = None,
        content_disposition: str = "",
    ) -> None:
        """``create`` from an object of the same engine, without moving bytes through this process.

        Raises KeyTaken; ObjectMissing where the source is gone or is not the one with ``if_etag``.
        """

    def settle(self, object_id: UUID) -> None:
        """The asset is published: drop what the storage kept to prove whose object it is."""

    def owns(self, key: str, object_id: UUID) -> bool:
        """Whether the object at ``key`` is the unpublished one written for ``object_id``."""

    def stat(self, key: str) -> ObjectStat:
        """Raises ObjectMissing."""

    def open(self, key: str) -> File[bytes]:
        """The object's bytes, to be read in chunks. Raises FileNotFoundError."""

    def delete(self, key: str) -> None:
        """Remove the object; none there is as good."""

    def list_objects(self, prefix: str = "") -> Iterator[ObjectStat]:
        """Every object whose key starts with ``prefix``, streamed."""

    def url(self, key: str, expires_in: int | None = None) -> str:
        """Where the object is read. ``expires_in``: seconds from now, exactly (private storages only); without it
        the URL of the present time window."""


class DirectUploadStorage(MediaStorage, Protocol):
    """A private storage: it takes files from browsers."""

    def direct_form(
        self, key: str, *, content_type: str, min_size: int, max_size: int, sha256: str, expires_at: datetime
    ) -> DirectForm:
        """A signed form for exactly this key and content type, for ``min_size`` to ``max_size`` bytes, and, where it is
        given, for bytes of this ``sha256`` (hexadecimal)."""

    def read_range(self, key: str, start: int, length: int, *, etag: str) -> bytes:
        """``length`` bytes from ``start`` on, fewer at the end. Raises ObjectMissing where the object is gone or is not
        the one with ``etag``."""

    def signs_until(self) -> datetime | None:
        """When what is signed now ends at the latest, whatever it says itself; None: never."""


class MultipartStorage(DirectUploadStorage, Protocol):
    """A private storage that takes a file in parts as well; ``upload_id`` is its own name of such an upload.

    Raises UploadGone where it knows no such upload (any more).
    """

    def multipart_begin(self, key: str, *, content_type: str) -> str:
        """A new upload in parts; its id."""

    def multipart_part_url(self, key: str, upload_id: str, number: int, *, expires_in: int) -> str:
        """Where a browser PUTs part ``number`` within ``expires_in`` seconds."""

    def multipart_parts(self, key: str, upload_id: str) -> list[Part]:
        """The parts that have come, by number."""

    def multipart_complete(self, key: str, upload_id: str, parts: list[Part]) -> None:
        """Make the object of these parts, atomically. Raises PartsRefused."""

    def multipart_abort(self, key: str, upload_id: str) -> None:
        """Drop the upload with its parts; none there is as good."""

    def multipart_abort_all(self, key: str) -> None:
        """Drop every upload in parts of this key (no other key begins with it)."""
