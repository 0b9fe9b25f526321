"""What the parts of the local storage share: durable names, ETags, and errors of the disk."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.storages.contract import ObjectStat

INCOMING = ".incoming"
logger = logging.getLogger(__name__)


def sync(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def object_stat(key: str, found: os.stat_result) -> ObjectStat:
    """The object of a file. Its ETag is the same under every name of the same bytes."""
    modified = datetime.fromtimestamp(found.st_mtime, UTC)
    return ObjectStat(key, found.st_size, f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}", modified)


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Full, read-only or forbidden disks are an unavailable storage; the log says which."""
    try:
        yield
    except (KeyTaken, ObjectMissing):
        raise
    except OSError as error:
        logger.error("Local media storage: %s. Check MEDIA_ROOT and PRIVATE_MEDIA_ROOT (space, permissions).", error)
        raise StorageUnavailable from error
