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


class MediaStorage(Protocol):
    """Every method raises StorageUnavailable where the storage does not answer, or not as it should."""

    alias: str  # its name in STORAGES

    def create(self, key: str, content: File[bytes], *, content_type: str, object_id: UUID) -> None:
        """Write the whole of ``content`` under a key that nobody has yet, atomically.

        Raises KeyTaken where something lies there, unless that is this very write, come through at an earlier try
        (recognised by ``object_id``).
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
