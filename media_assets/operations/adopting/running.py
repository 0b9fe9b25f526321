"""Adopting: each file with the row that uses it in one transaction, several files at a time.

Nothing is copied or renamed. Killed at any point, a file is adopted with its row or not at all, and the next run goes
on: what the registry has already is passed over.
"""

from __future__ import annotations

import enum
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.utils import timezone
from rest_framework.exceptions import APIException

from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset, State
from media_assets.operations.adopting.lines import CsvUnreadable, Line, require_known_details
from media_assets.operations.adopting.looking import (
    AlreadyAdopted,
    Picture,
    look,
    require_adoptable_key,
    require_unknown,
)
from media_assets.operations.adopting.targets import (
    Adoption,
    Refused,
    Target,
    original_filename,
    owner_named,
    target_named,
)
from media_assets.parallel import for_each
from media_assets.services import ADOPTED, asset_publish, private_alias
from media_assets.storages import MediaStorage, ObjectStat, get_storage

TRIES = 3  # of a transaction that the database gives up for another
MAX_SILENCES = 5  # files in a row that the storage does not give: then it is down
_RAW_NAMES = UUID("5f0c2c1e-6d0b-4c53-9a0e-2f6f5f3f8f11")  # names the originals to be cleaned: a next run finds them
_DOWN = "The storage does not answer; the log has the cause."


class Outcome(enum.Enum):
    ADOPTED = "adopted"
    ALREADY = "already"
    REFUSED = "refused"
    SILENT = "silent"  # the storage did not give it


@dataclass(frozen=True)
class Job:
    """How to adopt. ``clean``: pictures that tell where they were taken lose that, in place; ``replace``: rows that
    have an image give it up; ``dry_run``: everything is looked at, nothing is kept."""

    storage: MediaStorage
    clean: bool = False
    replace: bool = False
    dry_run: bool = False


@dataclass(frozen=True)
class Result:
    line: Line
    outcome: Outcome
    reason: str = ""  # of a refusal
    has_location: bool = False  # it tells where it was taken, and goes on doing so
    cleaned: bool = False


@dataclass
class Report:
    """``stopped``: why the run ended early; empty where it did not."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    with_location: int = 0
    cleaned: int = 0
    stopped: str = ""
    interrupted: bool = False
    silences: int = 0

    def add(self, result: Result) -> None:
        self.counts[result.outcome] += 1
        self.with_location += result.has_location
        self.cleaned += result.cleaned
        self.silences = self.silences + 1 if result.outcome == Outcome.SILENT else 0


def adopt_all(lines: Iterator[Line], job: Job, *, jobs: int, seen: Callable[[Result], None]) -> Report:
    """Adopt these files in ``jobs`` threads; ``seen`` is called with each, by one thread at a time.

    It stops at a storage that does not answer and at a CSV that cannot be read any further. Ctrl-C ends it after the
    files that are under way.
    """
    report, stop = Report(), threading.Event()

    def readable() -> Iterator[Line]:
        try:
            yield from lines
        except (StorageUnavailable, CsvUnreadable) as error:
            report.stopped = str(error) if isinstance(error, CsvUnreadable) else _DOWN

    def work(line: Line) -> Callable[[], None]:
        return partial(note, adopt(line, job))

    def note(result: Result) -> None:
        report.add(result)
        seen(result)
        if report.silences >= MAX_SILENCES:
            report.stopped = _DOWN
            stop.set()

    report.interrupted = for_each(readable(), work, jobs=jobs, stop=stop)
    return report


def adopt(line: Line, job: Job) -> Result:
    """Adopt one file, or say why not."""
    try:
        picture = _adopt(line, job)
    except AlreadyAdopted:
        return Result(line, Outcome.ALREADY)
    except Refused as refusal:
        return Result(line, Outcome.REFUSED, str(refusal))
    except (ValidationError, APIException) as refusal:
        if isinstance(refusal, StorageUnavailable):
            reason = "The storage does not give it; the log has the cause. Run it again."
            return Result(line, Outcome.SILENT, reason)
        return Result(line, Outcome.REFUSED, _sentence(refusal))
    cleaned = job.clean and picture.has_location
    return Result(line, Outcome.ADOPTED, has_location=picture.has_location and not cleaned, cleaned=cleaned)


def _adopt(line: Line, job: Job) -> Picture:
    """Raises AlreadyAdopted, Refused, StorageUnavailable, and what the target's services raise."""
    if line.fault:
        raise Refused(line.fault)
    require_adoptable_key(job.storage, line.key)
    if line.known is not None:
        require_unknown(line.known, job.storage.alias)
    target, object_id = _target(line, job)
    owner = owner_named(line.owner) if line.owner else None
    try:
        stat = line.stat or _stat(job.storage, line.key)
        picture = look(job.storage, stat)
    except (Refused, StorageUnavailable):
        require_unknown_key(line.key, job.storage.alias)  # another run has adopted it, and it is just being cleaned
        raise
    fields = _fields(line.key, job.storage.alias, picture)
    if job.clean and picture.has_location and not job.dry_run:
        fields |= _set_aside(job.storage, stat, picture)
    adoption = Adoption(line.key, owner, object_id, line.details, job.replace, partial(_reserve, fields))
    for left in reversed(range(TRIES)):
        try:
            _publish(fields, target, adoption, dry_run=job.dry_run)
            break
        except OperationalError:  # a deadlock, a database that is locked for long
            if not left:
                raise
    return picture


def _target(line: Line, job: Job) -> tuple[Target, int]:
    """Raises Refused."""
    target, object_id = target_named(line.target)
    require_known_details(line, target.columns)
    if target.needs_owner and not line.owner:
        raise Refused(f"The target {target.form} needs an owner.")
    if target.private_only and not job.storage.alias.endswith("-private"):
        raise Refused(f"The target {target.form} is private: its files lie in a private storage (--storage).")
    return target, object_id


def _stat(storage: MediaStorage, key: str) -> ObjectStat:
    try:
        return storage.stat(key)
    except ObjectMissing:
        raise Refused(f"No file lies at this key in {storage.alias}.") from None


def _fields(key: str, alias: str, picture: Picture) -> dict[str, Any]:
    """What the registry keeps of the file."""
    return {
        "storage": alias,
        "key": key,
        "visibility": alias.partition("-")[2],
        "content_type": picture.facts.content_type,
        "size": picture.size,
        "sha256": picture.sha256,
        "original_filename": original_filename(key),
        "width": picture.facts.width,
        "height": picture.facts.height,
    }


def _reserve(fields: dict[str, Any], owner: Any) -> MediaAsset:
    """Put the asset into the registry, within the transaction that publishes it. Raises AlreadyAdopted, Refused."""
    lease = timezone.now() + timedelta(seconds=settings.MEDIA_LEASE_SECONDS)
    asset = MediaAsset(**fields, owner=owner, state=State.RESERVED, lease_expires_at=lease)
    try:
        with transaction.atomic():
            asset.save(force_insert=True)
    except IntegrityError:
        require_unknown_key(asset.key, asset.storage)
        raise
    return asset


def require_unknown_key(key: str, alias: str) -> None:
    """Raise AlreadyAdopted or Refused where the registry has the key by now."""
    if (other := MediaAsset.objects.filter(key=key).first()) is not None:
        require_unknown(other, alias)


def _publish(fields: dict[str, Any], target: Target, adoption: Adoption, *, dry_run: bool) -> None:
    """The asset and the row that uses it, or neither. Raises what ``_adopt`` raises."""
    try:
        with transaction.atomic():
            target.attach(adoption)
            asset = MediaAsset.objects.get(key=fields["key"])
            asset_publish(asset)
            transaction.set_rollback(dry_run)
    except IntegrityError:
        raise Refused("Its owner, or the row it is for, was deleted just now.") from None


def _set_aside(storage: MediaStorage, stat: ObjectStat, picture: Picture) -> dict[str, Any]:
    """Let a worker clean the picture at its own key (``processing``): what its asset says of the private copy that the
    clean one is made of.

    The copy is named after the very bytes, so a run that was killed here leaves what the next one uses. Raises
    AlreadyAdopted, Refused, StorageUnavailable.
    """
    raw = get_storage(private_alias(storage.alias))
    object_id = uuid5(_RAW_NAMES, f"{storage.alias}/{stat.key}/{picture.sha256}")
    raw_key = f"{ADOPTED}/{object_id}"
    try:
        raw.copy(
            raw_key,
            source=storage,
            source_key=stat.key,
            content_type=picture.facts.content_type,
            object_id=object_id,
            if_etag=stat.etag,
        )
    except KeyTaken:
        pass  # it lies there since an earlier run
    except ObjectMissing:
        require_unknown_key(stat.key, storage.alias)
        raise Refused("It changed while it was read. Run it again.") from None
    raw.settle(object_id)  # on disk both names are of the same file: it must not pass for the clean one
    return {"object_id": object_id, "raw_storage": raw.alias, "raw_key": raw_key}


def _sentence(error: ValidationError | APIException) -> str:
    """What a service or a field says, in one line."""
    detail: Any
    if isinstance(error, APIException):
        detail = error.detail
    else:
        detail = error.message_dict if hasattr(error, "error_dict") else error.messages
    if isinstance(detail, dict):
        return " ".join(f"{name}: {text}" for name, found in detail.items() for text in _texts(found))
    return " ".join(_texts(detail))


def _texts(found: Any) -> list[str]:
    return [str(text) for text in found] if isinstance(found, list | tuple) else [str(found)]
