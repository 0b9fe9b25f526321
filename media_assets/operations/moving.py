"""Move assets with their variants from one engine to the other, while the service runs and writes.

One asset at a time, each in four steps, so that a stop at any moment loses nothing and running again goes on:

1. the row notes the target in ``copy_storage``: from now on a discard deletes there too;
2. every object is written to the target and its checksum compared with that of the source;
3. one conditional UPDATE makes the target the asset's storage and the source its ``copy_storage``: it finds nothing
   where the row has changed since the first step (discarded, cleaned, given other variants), and all begins anew;
4. only if asked, and a while later: the objects at the source are deleted.

Until step 3 the source is delivered, after it the target; both are whole at that moment.
"""

from __future__ import annotations

import contextlib
import enum
import hashlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.core.files.base import File
from django.db import InterfaceError, OperationalError, connection
from django.db.models import Max, QuerySet, Sum
from django.utils import timezone

from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset, State, Visibility
from media_assets.operations.auditing.findings import object_sha256
from media_assets.operations.auditing.places import KNOWN_LOSSES
from media_assets.parallel import for_each
from media_assets.processing import local_copy
from media_assets.services import delete_copies, object_keys, private_alias
from media_assets.sources import disposition
from media_assets.storages import MediaStorage, get_storage

ENGINES = ("s3", "local")
MOVABLE = (State.READY, State.FAILED)
BATCH = 200
DATABASE_TRIES = 3
TRIES = 5  # of an asset that changes while it is copied
SILENT = 8  # assets in a row whose storage did not answer: then it is down
SOURCE_GRACE = timedelta(minutes=1)  # for requests that read the row before it was moved, and the file after
_CHUNK_BYTES = 1024 * 1024
_AUDIT = "storage_audit --checksums says more."
logger = logging.getLogger(__name__)
Result = TypeVar("Result")


class Outcome(enum.Enum):
    """What became of one asset."""

    MOVED = "moved"
    GONE = "gone"  # discarded meanwhile, or moved by somebody else
    BUSY = "busy"  # it changed whenever it was copied, or is being processed
    MISSING = "missing"  # an object that the registry knows does not lie at the source
    DAMAGED = "damaged"  # the bytes at the source are not those that the registry remembers
    TAKEN = "taken"  # another file lies at the key in the target
    UNREADABLE = "unreadable"  # the file system did not give its bytes
    UNAVAILABLE = "unavailable"  # a storage, or the database, did not answer


@dataclass(frozen=True)
class Problem:
    """An asset that stays where it is."""

    asset: int
    key: str
    outcome: Outcome
    detail: str


@dataclass
class MoveReport:
    counts: Counter[Outcome] = field(default_factory=Counter)
    bytes: int = 0
    sources_deleted: int = 0
    problems: list[Problem] = field(default_factory=list)
    interrupted: bool = False
    silent: bool = False  # ended because a storage is down


class _Refused(Exception):
    def __init__(self, outcome: Outcome, key: str, detail: str) -> None:
        super().__init__(detail)
        self.outcome, self.key, self.detail = outcome, key, detail


@dataclass(frozen=True)
class _Object:
    """One object of an asset: where it lies, where it goes, and what the registry remembers of it."""

    source: str
    target: str
    key: str
    content_type: str
    disposition: str = ""
    size: int | None = None
    sha256: str = ""


def aliases(engine: str) -> list[str]:
    """Those of an engine."""
    return [f"{engine}-{visibility}" for visibility in Visibility.values]


def source_engine(target: str) -> str:
    return next(engine for engine in ENGINES if engine != target)


def to_move(target: str) -> QuerySet[MediaAsset]:
    """The assets that lie in the other engine and can be moved now."""
    here = MediaAsset.objects.filter(storage__in=aliases(source_engine(target)), state__in=MOVABLE)
    return here.exclude(state=State.FAILED, failure_reason__in=KNOWN_LOSSES)


def lost(target: str) -> QuerySet[MediaAsset]:
    """Those of which nothing is left that could be moved: ``storage_audit --fix`` has found it so."""
    here = MediaAsset.objects.filter(storage__in=aliases(source_engine(target)))
    return here.filter(state=State.FAILED, failure_reason__in=KNOWN_LOSSES)


def waiting(target: str) -> QuerySet[MediaAsset]:
    """Those that cannot be moved yet: they are just being stored, or cleaned."""
    here = MediaAsset.objects.filter(storage__in=aliases(source_engine(target)))
    return here.filter(state__in=(State.RESERVED, State.PROCESSING))


def kept_sources(target: str) -> QuerySet[MediaAsset]:
    """The moved assets whose objects still lie at the source too."""
    moved = MediaAsset.objects.filter(storage__in=aliases(target), state__in=MOVABLE)
    return moved.filter(copy_storage__in=aliases(source_engine(target)))


def stored_bytes(assets: QuerySet[MediaAsset]) -> int:
    """Of their originals."""
    return int(assets.aggregate(sum=Sum("size"))["sum"] or 0)


class Pace:
    """At most so many bytes a second, all threads together; as many as may be where None. Setting ``stop`` ends every
    wait."""

    def __init__(self, bytes_per_second: int | None) -> None:
        self.stop = threading.Event()
        self._rate = bytes_per_second
        self._lock = threading.Lock()
        self._free_at = 0.0

    def take(self, count: int) -> None:
        """Wait for one's turn to move ``count`` bytes."""
        if self._rate is None:
            return
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._free_at)
            self._free_at = turn + count / self._rate
        self.stop.wait(turn - now)


def move_all(target: str, *, jobs: int, pace: Pace, progress: Callable[[], None]) -> MoveReport:
    """Move everything that lies in the other engine, in ``jobs`` threads; ``progress`` is called for each asset.

    In: ``target``, "s3" or "local", both configured. What is stored after the beginning is the next run's: else a busy
    site would keep this one going for ever. Ends early where a storage is down.
    """
    report, stop = MoveReport(), pace.stop
    newest = MediaAsset.objects.aggregate(newest=Max("pk"))["newest"] or 0
    silent = 0

    def work(asset_id: int) -> Callable[[], None]:
        moved, problem = _try_to_move(asset_id, target, pace)
        outcome = Outcome.MOVED if moved is not None else problem.outcome if problem else Outcome.GONE

        def done() -> None:
            nonlocal silent
            report.counts[outcome] += 1
            report.bytes += moved or 0
            if problem is not None:
                report.problems.append(problem)
            silent = silent + 1 if outcome is Outcome.UNAVAILABLE else 0
            if silent >= SILENT:
                report.silent = True
                stop.set()
            progress()

        return done

    report.interrupted = for_each(_ids(to_move(target).filter(pk__lte=newest), stop), work, jobs=jobs, stop=stop)
    return report


def delete_sources(
    target: str, report: MoveReport, *, jobs: int, grace: timedelta = SOURCE_GRACE, progress: Callable[[], None]
) -> None:
    """Delete at the source what has been moved, once ``grace`` is over; ``report`` takes how many and what failed.

    The target is compared once more before. Ends early where a storage is down.
    """
    stop = threading.Event()

    def work(asset_id: int) -> Callable[[], None]:
        deleted, problem = _try_to_delete(asset_id, target)

        def done() -> None:
            report.sources_deleted += deleted
            if problem is not None:
                report.counts[problem.outcome] += 1
                report.problems.append(problem)
                if problem.outcome is Outcome.UNAVAILABLE:
                    report.silent = True
                    stop.set()
            progress()

        return done

    report.interrupted = for_each(_ids(kept_sources(target), stop, grace), work, jobs=jobs, stop=stop)


def _ids(assets: QuerySet[MediaAsset], stop: threading.Event, grace: timedelta | None = None) -> Iterator[int]:
    """Primary keys in order, without a query that stays open. With ``grace``, each only so long after its last change:
    waited for, if need be."""
    last = 0
    while rows := list(assets.filter(pk__gt=last).order_by("pk").values_list("pk", "updated_at")[:BATCH]):
        for asset_id, updated_at in rows:
            if grace is not None and stop.wait(max(0.0, (updated_at + grace - timezone.now()).total_seconds())):
                return
            yield asset_id
        last = rows[-1][0]


def _try_to_move(asset_id: int, target: str, pace: Pace) -> tuple[int | None, Problem | None]:
    """Bytes moved, None where none were; and why not, where that should be known."""
    try:
        return _again(lambda: move(asset_id, target, pace)), None
    except _Refused as refusal:
        return None, Problem(asset_id, refusal.key, refusal.outcome, refusal.detail)


def _again(act: Callable[[], Result]) -> Result:
    """Try it once more where the database was busy. Raises _Refused for whatever else is out of order."""
    for left in reversed(range(DATABASE_TRIES)):
        try:
            return act()
        except StorageUnavailable:
            raise _Refused(Outcome.UNAVAILABLE, "", "A storage did not answer; the log has the cause.") from None
        except OSError as error:
            raise _Refused(Outcome.UNREADABLE, "", f"{type(error).__name__}: {error.strerror or error}") from error
        except (OperationalError, InterfaceError) as error:
            logger.warning("The database did not answer: %s", error)
            connection.close()
            if left:
                time.sleep(1)
    raise _Refused(Outcome.UNAVAILABLE, "", "The database did not answer; the log has the cause.")


def move(asset_id: int, target: str, pace: Pace) -> int | None:
    """Move one asset; its bytes, None where there is nothing to move any more. Raises _Refused, StorageUnavailable."""
    key = ""
    for _ in range(TRIES):
        asset = to_move(target).filter(pk=asset_id).first()
        if asset is None:
            return None
        key = asset.key
        objects = _objects(asset, target)
        try:
            if asset.copy_storage != f"{target}-{asset.visibility}":
                _refuse_strangers(asset, objects[0])
            if not _note_target(asset, target):
                continue
            moved = sum(_copy(one, asset, pace) for one in objects)
        except _Refused as refusal:
            if refusal.outcome is Outcome.TAKEN:
                _forget_target(asset, target, [one for one in objects if one.key != refusal.key])
            raise
        except FileNotFoundError:
            if _is_unchanged(asset):
                detail = f"Not everything of {key} lies in {asset.storage}. {_AUDIT}"
                raise _Refused(Outcome.MISSING, key, detail) from None
            moved = None
        if moved is not None and _change_storage(asset, f"{target}-{asset.visibility}"):
            return moved
        _drop_superfluous(asset, objects)
    raise _Refused(Outcome.BUSY, key, f"It changed {TRIES} times while it was copied. Run the command again.")


def _note_target(asset: MediaAsset, target: str) -> bool:
    alias = f"{target}-{asset.visibility}"
    return asset.copy_storage == alias or _write(asset, copy_storage=alias)


def _refuse_strangers(asset: MediaAsset, one: _Object) -> None:
    """Before the row says that an object in the target is its own: a discard would delete it. Raises _Refused."""
    target = get_storage(one.target)
    try:
        target.stat(one.key)
    except ObjectMissing:
        return
    if target.owns(one.key, asset.object_id):
        return
    with local_copy(one.source, one.key) as path:
        if not _has_bytes(target, one.key, _Digest.of_file(path)):
            raise _taken(one)


def _forget_target(asset: MediaAsset, target: str, written: list[_Object]) -> None:
    """What lies at the asset's key there is somebody else's: the row must not claim it."""
    if asset.copy_storage == f"{target}-{asset.visibility}" and _write(asset, copy_storage=""):
        for one in written:
            get_storage(one.target).delete(one.key)


def _change_storage(asset: MediaAsset, alias: str) -> bool:
    raw = {"raw_storage": private_alias(alias)} if asset.raw_key else {}
    source = asset.storage
    if not _write(asset, storage=alias, copy_storage=source, **raw):
        return False
    for place in {alias, private_alias(alias)}:
        with contextlib.suppress(StorageUnavailable):  # the sweeper does it later
            get_storage(place).settle(asset.object_id)
    return True


def _write(asset: MediaAsset, **values: Any) -> bool:
    """Write these columns unless anybody has changed the row since it was read."""
    now = timezone.now()
    same = MediaAsset.objects.filter(pk=asset.pk, storage=asset.storage, state=asset.state, updated_at=asset.updated_at)
    if not same.update(**values, updated_at=now):
        return False
    for name, value in {**values, "updated_at": now}.items():
        setattr(asset, name, value)
    return True


def _is_unchanged(asset: MediaAsset) -> bool:
    return MediaAsset.objects.filter(pk=asset.pk, updated_at=asset.updated_at).exists()


def _objects(asset: MediaAsset, target: str) -> list[_Object]:
    """What is to be copied: the original, or of one that never became clean the raw one, and the listed variants."""
    alias = f"{target}-{asset.visibility}"
    if asset.raw_key:
        return [_Object(asset.raw_storage, private_alias(alias), asset.raw_key, "application/octet-stream")]
    how = disposition(asset.content_type, asset.original_filename or asset.key.rpartition("/")[2], asset.width)
    original = _Object(asset.storage, alias, asset.key, asset.content_type, how, asset.size, asset.sha256)
    variants = [
        _Object(asset.storage, alias, one["key"], one["content_type"], size=one["size"], sha256=one.get("sha256", ""))
        for one in asset.variants or ()
    ]
    return [original, *variants]


def _copy(one: _Object, asset: MediaAsset, pace: Pace) -> int:
    """Write the object to its target and compare; its bytes. Raises _Refused, FileNotFoundError, StorageUnavailable."""
    get_storage(one.source).stat(one.key)  # an object that is missing; below it would be a storage out of order
    with local_copy(one.source, one.key) as path:
        bytes_there = _Digest.of_file(path)
        if one.size not in (None, bytes_there.size) or one.sha256 not in ("", bytes_there.sha256):
            detail = f"{one.key} in {one.source} has other bytes than the registry remembers. {_AUDIT}"
            raise _Refused(Outcome.DAMAGED, one.key, detail)
        pace.take(bytes_there.size)
        _write_verified(get_storage(one.target), one, asset, path, bytes_there)
    return bytes_there.size


def _write_verified(target: MediaStorage, one: _Object, asset: MediaAsset, path: Path, digest: _Digest) -> None:
    """The object under its key in the target, with these bytes. What an earlier try left there is taken, or replaced;
    so is a file with the same bytes that somebody copied there by other means, since it has no type of its own."""
    for _ in range(2):
        try:
            with path.open("rb") as file:
                target.create(
                    one.key,
                    File(file, name=one.key),
                    content_type=one.content_type,
                    object_id=asset.object_id,
                    content_disposition=one.disposition,
                )
            if _has_bytes(target, one.key, digest):
                return
            is_ours = True
        except KeyTaken:
            is_ours = _has_bytes(target, one.key, digest)
            if is_ours and target.alias.startswith("local-"):
                return  # a local file is nothing but its bytes
        if not is_ours:
            raise _taken(one)
        target.delete(one.key)
    raise _Refused(Outcome.UNAVAILABLE, one.key, f"{one.target} keeps other bytes of {one.key} than it was sent.")


def _taken(one: _Object) -> _Refused:
    detail = f"Another file lies at {one.key} in {one.target}. Move it away, then run the command again."
    return _Refused(Outcome.TAKEN, one.key, detail)


def _has_bytes(storage: MediaStorage, key: str, digest: _Digest) -> bool:
    """Whether the object has these bytes: as the store itself has counted them, else by reading them back."""
    found = storage.stat(key)
    if found.size != digest.size:
        return False
    if found.sha256 or found.etag == digest.md5:
        return found.sha256 in ("", digest.sha256)
    with storage.open(key) as file:
        return _Digest.of(file).sha256 == digest.sha256


@dataclass(frozen=True)
class _Digest:
    size: int  # bytes
    sha256: str  # hexadecimal, as the next
    md5: str

    @classmethod
    def of_file(cls, path: Path) -> _Digest:
        with path.open("rb") as file:
            return cls.of(file)

    @classmethod
    def of(cls, file: Any) -> _Digest:
        """Of a file that is open at its beginning."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        while chunk := file.read(_CHUNK_BYTES):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
        return cls(size, sha256.hexdigest(), md5.hexdigest())


def _drop_superfluous(asset: MediaAsset, objects: list[_Object]) -> None:
    """The row changed while its objects were copied: delete those that it does not know any more, or all of them
    where it has been discarded, whose objects may have been deleted before these were written."""
    fresh = MediaAsset.objects.filter(pk=asset.pk).first()
    known = set() if fresh is None or fresh.state not in MOVABLE else {*object_keys(fresh), fresh.raw_key}
    for one in objects:
        if one.key not in known and (fresh is None or fresh.storage != one.target):
            get_storage(one.target).delete(one.key)


def _try_to_delete(asset_id: int, target: str) -> tuple[int, Problem | None]:
    """1 where the objects at the source are deleted now; and why not, where that should be known."""
    try:
        return _again(lambda: _delete_source(asset_id, target)), None
    except _Refused as refusal:
        return 0, Problem(asset_id, refusal.key, refusal.outcome, refusal.detail)


def _delete_source(asset_id: int, target: str) -> int:
    """How many were deleted. Raises _Refused, StorageUnavailable."""
    asset = kept_sources(target).filter(pk=asset_id).first()
    if asset is None:
        return 0
    for one in _objects(asset, source_engine(target)):  # from where it is now
        try:
            is_whole = _is_as_registered(one)
        except ObjectMissing:
            raise _kept_back(one, Outcome.MISSING, "is missing") from None
        if not is_whole:
            raise _kept_back(one, Outcome.DAMAGED, "has other bytes than the registry remembers")
    delete_copies(asset)
    return kept_sources(target).filter(pk=asset_id).update(copy_storage="", updated_at=timezone.now())


def _is_as_registered(one: _Object) -> bool:
    """Whether the object is what the registry remembers, as far as it does; read back where nothing cheaper tells.

    Raises ObjectMissing, StorageUnavailable.
    """
    storage = get_storage(one.source)
    if one.size not in (None, storage.stat(one.key).size):
        return False
    if not one.sha256:
        return True
    if one.target.startswith("local-"):  # where its source still lies: a store without SHA-256 may know the MD5 of that
        with contextlib.suppress(StorageUnavailable), local_copy(one.target, one.key) as path:
            digest = _Digest.of_file(path)
            if digest.sha256 == one.sha256:
                return _has_bytes(storage, one.key, digest)
    return object_sha256(one.source, one.key) == one.sha256


def _kept_back(one: _Object, outcome: Outcome, what: str) -> _Refused:
    return _Refused(outcome, one.key, f"{one.key} in {one.source} {what}; its source is kept. {_AUDIT}")
