"""Local disk: files that the application serves, publicly or behind signed, expiring URLs.

A file is written beside its place first (``.incoming/<object id>``), then linked to it: ``link(2)`` fails where the
name exists, so a key is taken atomically and a reader never sees half a file. The incoming name stays until the
asset is published and proves meanwhile whose file it is.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from media_assets.errors import KeyTaken, ObjectMissing
from media_assets.keys import is_safe_key
from media_assets.metrics import timed_methods
from media_assets.storages.contract import MediaStorage, ObjectStat
from media_assets.storages.disk import INCOMING, disk_errors, object_stat, sync
from media_assets.storages.local_uploads import LocalDirectUploads

_COPY_BYTES = 1024 * 1024
_CREATE_TRIES = 3


@timed_methods("create", "copy", "stat", "open", "delete")
class LocalStorage(FileSystemStorage):
    """A folder on disk (see the module). ``location``: its path; ``base_url``: where the application serves it."""

    alias = ""

    def __init__(self, *, location: str, base_url: str, querystring_expire: int = 3600) -> None:
        super().__init__(location=location, base_url=base_url)
        self.querystring_expire = querystring_expire  # seconds

    def path(self, name: str) -> str:
        """The one gate from keys to paths. Raises SuspiciousFileOperation for a key that would leave the folder."""
        if not is_safe_key(name):
            raise SuspiciousFileOperation(f"{name!r} is not a safe key")
        return super().path(name)

    def create(
        self, key: str, content: File[bytes], *, content_type: str, object_id: UUID, content_disposition: str = ""
    ) -> None:
        with disk_errors():
            for left in reversed(range(_CREATE_TRIES)):
                if self.owns(key, object_id):
                    break  # an earlier try of this very write came through
                try:
                    self._take_key(key, self._write_incoming(content, object_id))
                    break
                except FileNotFoundError:  # settled meanwhile: published, or discarded, by somebody else
                    if not left:
                        raise

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
        if not isinstance(source, LocalStorage):
            raise TypeError("copy works within one engine")
        with disk_errors():
            if self.owns(key, object_id):
                return  # an earlier try of this very write came through
            incoming = self._new_incoming(object_id)
            try:
                _copy_same(source.path(source_key), incoming, if_etag)
            except (FileNotFoundError, NotADirectoryError):
                incoming.unlink(missing_ok=True)
                raise ObjectMissing(source_key) from None
            self._take_key(key, incoming)

    def settle(self, object_id: UUID) -> None:
        with disk_errors():
            self._incoming(object_id).unlink(missing_ok=True)

    def owns(self, key: str, object_id: UUID) -> bool:
        with disk_errors():
            with contextlib.suppress(FileNotFoundError):
                return Path(self.path(key)).samefile(self._incoming(object_id))
            return False

    def stat(self, key: str) -> ObjectStat:
        with disk_errors():
            try:
                return object_stat(key, Path(self.path(key)).stat())
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing(key) from None

    def delete(self, name: str) -> None:
        with disk_errors():
            Path(self.path(name)).unlink(missing_ok=True)

    def list_objects(self, prefix: str = "") -> Iterator[ObjectStat]:
        root = Path(self.location)
        with disk_errors():
            for folder, folders, names in os.walk(root):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                for name in sorted(names):
                    key = (Path(folder) / name).relative_to(root).as_posix()
                    if key.startswith(prefix) and not name.startswith("."):
                        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                            yield object_stat(key, (Path(folder) / name).stat())

    def leftovers(self, before: datetime) -> Iterator[UUID]:
        """Object ids whose incoming file is older than ``before``: what a crash left."""
        folder = Path(self.location) / INCOMING
        with disk_errors():
            for entry in os.scandir(folder) if folder.is_dir() else ():
                with contextlib.suppress(ValueError, FileNotFoundError):
                    if entry.stat().st_ctime < before.timestamp():
                        yield UUID(entry.name)

    def open(self, name: str, mode: str = "rb") -> File[bytes]:
        with disk_errors():
            try:
                return super().open(name, mode)
            except (FileNotFoundError, NotADirectoryError):
                raise ObjectMissing(name) from None

    def url(self, name: str | None, expires_in: int | None = None) -> str:
        from media_assets.signing.urls import storage_url

        return storage_url(self, str(name), expires_in)

    def _incoming(self, object_id: UUID) -> Path:
        return Path(self.location, INCOMING, str(object_id))

    def _new_incoming(self, object_id: UUID) -> Path:
        """The incoming name, in a folder that exists, and free: what an earlier try left there is gone."""
        incoming = self._incoming(object_id)
        incoming.parent.mkdir(parents=True, exist_ok=True)
        incoming.unlink(missing_ok=True)
        return incoming

    def _write_incoming(self, content: File[bytes], object_id: UUID) -> Path:
        incoming = self._new_incoming(object_id)
        if spooled := getattr(content, "temporary_file_path", None):
            _link_or_copy(spooled(), incoming)
        else:
            with incoming.open("xb") as out:
                for chunk in content.chunks():
                    out.write(chunk)
        incoming.chmod(settings.FILE_UPLOAD_PERMISSIONS or 0o644)
        return incoming

    def _take_key(self, key: str, incoming: Path) -> None:
        """Make ``incoming`` durable and link it to its key. Raises KeyTaken (and drops it) where the key is taken."""
        sync(incoming)
        target = Path(self.path(key))
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(incoming, target)
        except FileExistsError:
            incoming.unlink(missing_ok=True)
            raise KeyTaken(key) from None
        sync(target.parent)


class PublicLocalStorage(LocalStorage):
    """Files that anyone may read at ``/media/<key>``."""

    alias = "local-public"


class PrivateLocalStorage(LocalDirectUploads, LocalStorage):
    """Files read only through signed URLs, ``/media/private/<key>?expires=…&signature=…``; it takes upload forms."""

    alias = "local-private"

    def delete(self, name: str) -> None:
        super().delete(name)
        self.prune(name)


def _copy_same(source: str, target: Path, etag: str | None) -> None:
    """``target`` becomes a second name, else a copy, of the file that ``source`` names at one moment: another may take
    that name between a look and a link.

    Raises FileNotFoundError where there is none, or (``etag`` given) not that one.
    """
    with Path(source).open("rb") as file:
        found = os.fstat(file.fileno())
        if etag is not None and object_stat(source, found).etag != etag:
            raise FileNotFoundError(source)
        with contextlib.suppress(OSError):  # a file system without links
            os.link(source, target)
            if os.path.samestat(found, target.stat()):
                return
            target.unlink()
        with target.open("xb") as out:
            shutil.copyfileobj(file, out, _COPY_BYTES)


def _link_or_copy(source: str, target: Path) -> None:
    """A second name for the same bytes where the file system can, else a copy made by the kernel."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        shutil.copyfile(source, target)
