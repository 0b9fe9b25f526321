"""Direct uploads to local disk: the application takes the form itself (``media_assets.uploads.local_form``), like S3.

A file is received beside its place (``.incoming/<random id>``) and renamed to it when it is whole: readers see the
former bytes or the new ones. What a crash leaves there is found by ``LocalStorage.leftovers``.
"""

from __future__ import annotations

import base64
import contextlib
import os
import random
import time
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from media_assets.errors import ObjectMissing
from media_assets.keys import is_safe_key
from media_assets.signing.policy import PolicySigner
from media_assets.storages.contract import DirectForm, ObjectStat
from media_assets.storages.disk import INCOMING, disk_errors, object_stat, sync

FORM_URL = "/api/uploads/local/"
STAGING = "staging/"
# A folder that is pruned at that moment is made again, after up to so many seconds: never in step with what prunes it.
_PLACING_TRIES, _PLACING_PAUSE = 1000, 0.002


class LocalDirectUploads:
    """``DirectUploadStorage`` for a local storage."""

    # What LocalStorage has.
    alias: str
    location: Any

    if TYPE_CHECKING:

        def path(self, name: str) -> str: ...

    def direct_form(
        self, key: str, *, content_type: str, min_size: int, max_size: int, sha256: str, expires_at: datetime
    ) -> DirectForm:
        """Raises ValueError for a key outside of staging."""
        if not takes_form(key):
            raise ValueError(f"{key!r} does not lie below {STAGING}")
        fields = {"key": key, "Content-Type": content_type, "success_action_status": "201"}
        if sha256:
            fields["x-amz-checksum-algorithm"] = "SHA256"
            fields["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        signer = self.policy_signer()
        signed = signer.sign(fields, size_range=(min_size, max_size), expires_at=expires_at, now=timezone.now())
        return DirectForm(FORM_URL, signed)

    def policy_signer(self) -> PolicySigner:
        """The signer of this storage's forms, under the site's secrets."""
        return PolicySigner(self.alias, [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS])

    def signs_until(self) -> datetime | None:
        return None

    def read_range(self, key: str, start: int, length: int, *, etag: str) -> bytes:
        with disk_errors():
            try:
                with Path(self.path(key)).open("rb") as file:
                    if object_stat(key, os.fstat(file.fileno())).etag != etag:
                        raise ObjectMissing(key)
                    file.seek(start)
                    return file.read(length)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise ObjectMissing(key) from None

    def receive(self, key: str) -> StagedFile:
        """A file that comes in for a staging key. Raises ValueError for another key."""
        if not takes_form(key):
            raise ValueError(f"{key!r} does not lie below {STAGING}")
        return StagedFile(key, Path(self.path(key)), Path(self.location, INCOMING, str(uuid4())))

    def prune(self, key: str) -> None:
        """Remove the folder of a deleted staging key where it is empty now; ``staging`` itself stays."""
        if takes_form(key) and key.count("/") > 1:
            with contextlib.suppress(OSError):  # not empty, or gone: both are well
                Path(self.path(key)).parent.rmdir()


def takes_form(key: str) -> bool:
    """Whether a form may write this key."""
    return key.startswith(STAGING) and is_safe_key(key)


class StagedFile:
    """A file that is coming in; leaving the ``with`` block without ``publish`` leaves nothing of it.

    Every method raises StorageUnavailable where the disk does not do its work.
    """

    def __init__(self, key: str, target: Path, incoming: Path) -> None:
        self._key, self._target, self._incoming = key, target, incoming

    def __enter__(self) -> Self:
        with disk_errors():
            self._incoming.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._incoming.open("xb", buffering=0)
        return self

    def write(self, piece: bytes) -> None:
        """Add these bytes."""
        with disk_errors():
            rest = memoryview(piece)
            while rest:  # a disk that is nearly full takes a part
                rest = rest[self._file.write(rest) :]

    def publish(self) -> ObjectStat:
        """Put the whole file, durably, in the place of whatever the key held; what it is there."""
        with disk_errors():
            os.fchmod(self._file.fileno(), settings.FILE_UPLOAD_PERMISSIONS or 0o644)
            os.fsync(self._file.fileno())
            self._place()
            for folder in (self._target.parent, self._target.parent.parent):
                with contextlib.suppress(FileNotFoundError):  # deleted and pruned since
                    sync(folder)
            return object_stat(self._key, os.fstat(self._file.fileno()))

    def _place(self) -> None:
        for left in reversed(range(_PLACING_TRIES)):
            try:
                self._target.parent.mkdir(parents=True, exist_ok=True)
                self._incoming.replace(self._target)
            except (FileNotFoundError, FileExistsError):
                if not left or not self._incoming.exists():
                    raise
                time.sleep(random.uniform(0, _PLACING_PAUSE))  # noqa: S311 - no secret
            else:
                return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):  # on some network disks closing is where writing fails
            self._file.close()
        with contextlib.suppress(OSError):  # renamed by now; else the sweeper finds it
            self._incoming.unlink()
