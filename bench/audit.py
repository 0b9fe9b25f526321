"""The memory of an audit: a registry and a storage of ten thousand and of a million objects, the storage simulated."""

import contextlib
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.core.files.storage import Storage
from django.db import connection
from django.test.utils import override_settings

from artworks.models import ArtWork
from bench.content import make_user
from bench.million import fill
from bench.table import Row
from bench.worker_memory import peak_bytes
from media_assets.errors import ObjectMissing
from media_assets.models import MediaAsset
from media_assets.operations.auditing import Audit
from media_assets.storages.contract import ObjectStat
from users.models import User

SMALL, LARGE = 10_000, 1_000_000
MAX_GROWTH = 1.2
SIZE_BYTES = 2_190_194  # as the rows have it
WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)
EACH = 1000  # of so many rows one has no object, and beside so many objects one has no row


class SimulatedStorage(Storage):
    """What a public storage of ``count`` pictures would list, made up while it is listed."""

    alias = "local-public"

    def __init__(self, count: int) -> None:
        self._count = count

    def list_objects(self, prefix: str = "") -> Iterator[ObjectStat]:
        """As ``MediaStorage`` says."""
        for number in range(1, self._count + 1):
            if number % EACH:
                yield self._object(f"artworks/mountain_landscape_{number}.jpg")
            else:
                yield self._object(f"strays/{number}.jpg")

    def stat(self, key: str) -> ObjectStat:
        """As ``MediaStorage`` says."""
        if key.startswith("strays/"):
            return self._object(key)
        raise ObjectMissing(key)

    def _object(self, key: str) -> ObjectStat:
        return ObjectStat(key, SIZE_BYTES, "etag", WRITTEN)


def measure() -> list[Row]:
    """The peak of each audit, against the smaller one's."""
    large = int(os.environ.get("BENCH_ROWS") or LARGE)
    author = make_user("author")
    group = f"Audit of rows and listed objects on {connection.vendor}: memory at most"
    _audited(min(SMALL, large), author)  # everything is imported by then
    small_peak, _ = _audited(min(SMALL, large), author)
    large_peak, seconds = _audited(large, author)
    return [
        Row(group, f"{min(SMALL, large)} objects", small_peak, "MB"),
        Row(group, f"{large} objects", large_peak, "MB", large_peak / small_peak, "small", MAX_GROWTH),
        Row(group, f"{large} objects: time", seconds, "s"),
    ]


def _audited(count: int, author: User) -> tuple[int, float]:
    """Bytes that this process held at most during an audit of so many, and how many seconds it took."""
    with connection.cursor() as cursor:
        for model in (ArtWork, MediaAsset):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    fill(count, author)
    simulated = {"BACKEND": "bench.audit.SimulatedStorage", "OPTIONS": {"count": count}}
    _forget_peak()
    started = time.perf_counter()
    with (
        override_settings(STORAGES={**settings.STORAGES, "local-public": simulated}),
        Audit(["local-public"], grace=3600, checksums=False, jobs=4) as audit,
    ):
        report = audit.run().storages["local-public"]
        if report.findings != {"missing_original": count // EACH, "stray": count // EACH}:
            raise SystemExit(f"The audit of {count} objects found {report.findings}.")
    return peak_bytes(os.getpid()), time.perf_counter() - started


def _forget_peak() -> None:
    """Let the kernel count the peak anew, where it can (Linux, proc(5))."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
