"""Settles what crashes, lost leases and unreachable storages left behind.

Safe at any time and twice at once: every step is a conditional update, and deleting an object that is gone is no
error.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from media_assets import workspace
from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.presets import work_due
from media_assets.services import MAX_FAILURES, delete_objects, purge_discarded
from media_assets.storages import get_storage, is_configured
from media_assets.tasks import send
from media_assets.uploads.sweeping import settle_due_uploads

BATCH_ROWS = 200
UNREFERENCED_GRACE = timedelta(hours=1)
SENT_AT_ONCE = 500  # while workers are away each sweep sends them again; one that finds nothing due costs little
SENT_GRACE = timedelta(minutes=1)  # a message that was just sent is on its way
_UNSETTLED = (State.RESERVED, State.PROCESSING, State.FAILED, State.DISCARDED)
Advance = Callable[[], None]
Progress = Callable[[str, int], Advance]
logger = logging.getLogger(__name__)


@dataclass
class SweepReport:
    """How many rows (files, for ``leftovers``; direct uploads, for ``uploads``) each step settled; ``sent``:
    pictures handed to a worker once more; ``waiting``: rows (and folders of leftovers) whose storage did not answer, or
    is not configured."""

    leases_ended: int = 0
    unreferenced: int = 0
    purged: int = 0
    removed: int = 0
    leftovers: int = 0
    uploads: int = 0
    sent: int = 0
    waiting: int = 0


def sweep(
    *,
    now: datetime | None = None,
    grace: timedelta = UNREFERENCED_GRACE,
    progress: Progress = lambda step, total: lambda: None,
) -> SweepReport:
    """One pass over everything that waits.

    In: ``now``, the moment it is taken to be; ``grace``, how long a published file may be without a referrer;
    ``progress``, called with the name of a step and its probable length, gives what is called for each piece of it.
    """
    now = now or timezone.now()
    report = SweepReport()
    report.leases_ended = _discard(_reserved(now))
    report.unreferenced = _discard(_unreferenced(now, grace))
    _settle_uploads(report, now, progress)
    _purge(report, progress)
    _remove_tombstones(report, now, progress)
    _remove_leftovers(report, now, progress)
    _send_work(report, now, progress)
    return report


def plan(*, now: datetime | None = None, grace: timedelta = UNREFERENCED_GRACE) -> SweepReport:
    """What ``sweep`` would do where every storage answers, changing nothing; ``leftovers`` without those of processes'
    work."""
    now = now or timezone.now()
    ended, unreferenced = _reserved(now).count(), _unreferenced(now, grace).count()
    report = SweepReport(leases_ended=ended, unreferenced=unreferenced)
    report.uploads = _due_uploads(now).count()
    report.purged = ended + unreferenced + _discarded().count()
    report.removed = _ended_tombstones(now).count()
    for storage in _local_storages():
        try:
            report.leftovers += sum(1 for _ in _leftovers(storage, now))
        except StorageUnavailable:  # logged where it was raised
            report.waiting += 1
    report.sent = min(_unsent(now).count(), SENT_AT_ONCE)
    return report


def _reserved(now: datetime) -> QuerySet[MediaAsset]:
    return MediaAsset.objects.filter(state=State.RESERVED, lease_expires_at__lte=now)


def _unreferenced(now: datetime, grace: timedelta) -> QuerySet[MediaAsset]:
    return MediaAsset.objects.live().filter(published_at__lte=now - grace).unreferenced()


def _discarded() -> QuerySet[MediaAsset]:
    return MediaAsset.objects.filter(state=State.DISCARDED)


def _ended_tombstones(now: datetime) -> QuerySet[MediaAsset]:
    return MediaAsset.objects.filter(state=State.TOMBSTONE, purge_after__lte=now)


def _due_uploads(now: datetime) -> QuerySet[Upload]:
    return Upload.everything.filter(due_at__lte=now)


def _unsent(now: datetime) -> QuerySet[MediaAsset]:
    return work_due(now - SENT_GRACE)


def _discard(assets: QuerySet[MediaAsset]) -> int:
    return assets.update(state=State.DISCARDED, lease_expires_at=None, updated_at=timezone.now())


def _purge(report: SweepReport, progress: Progress) -> None:
    """Delete the objects of discarded rows, storage by storage: one that does not answer holds up no other."""
    advance = progress("Discarded files", _discarded().count())
    places = ("storage", "copy_storage")
    silent: dict[str, int] = {}
    for found in _discarded().order_by(*places).values(*places).distinct():
        there = _discarded().filter(**found)
        for ids in _batches(there):
            done = purge_discarded(ids, silent)
            report.purged += done
            _advance(advance, done)
            if silent.get(found["storage"], 0) >= MAX_FAILURES:
                report.waiting += there.filter(pk__gte=ids[0]).count()
                break
            report.waiting += there.filter(pk__in=ids).count()


def _remove_tombstones(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Forget keys whose time is over; what may have come late, variants and what was never published, is looked for
    once more."""
    ended = _ended_tombstones(now)
    advance = progress("Keys whose time is over", ended.count())
    for ids in _batches(ended):
        for asset in ended.filter(pk__in=ids):
            try:
                may_be_late = asset.published_at is None or asset.variant_keys or asset.raw_key or asset.copy_storage
                if may_be_late and is_configured(asset.storage):
                    delete_objects(asset)
            except StorageUnavailable:
                report.waiting += 1
                continue
            report.removed += ended.filter(pk=asset.pk).delete()[0]
            advance()


def _remove_leftovers(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Drop incoming files on disk whose asset is settled, and what killed processes left of their work.

    While an original is being cleaned, or waits to be tried again, its incoming file proves whose the clean one is.
    """
    advance = progress("Leftovers", 0)
    report.leftovers += workspace.clear(_lease_start(now) - timedelta(seconds=settings.MEDIA_WORK_LEASE_SECONDS))
    for storage in _local_storages():
        try:
            for object_id in _leftovers(storage, now):
                storage.settle(object_id)
                report.leftovers += 1
                advance()
        except StorageUnavailable:  # logged where it was raised; the next sweep tries again
            report.waiting += 1


def _lease_start(now: datetime) -> datetime:
    """Of a lease that ends now."""
    return now - timedelta(seconds=settings.MEDIA_LEASE_SECONDS)


def _local_storages() -> list[Any]:
    return [get_storage(alias) for alias in ("local-public", "local-private")]


def _leftovers(storage: Any, now: datetime) -> Iterator[UUID]:
    """The object ids whose incoming files nobody needs any more. Raises StorageUnavailable."""
    unsettled = MediaAsset.objects.filter(state__in=_UNSETTLED)
    found: Iterator[UUID] = storage.leftovers(_lease_start(now))
    while ids := list(islice(found, BATCH_ROWS)):
        yield from set(ids) - set(unsettled.filter(object_id__in=ids).values_list("object_id", flat=True))


def _settle_uploads(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Expire what nobody finished, clear staging, forget old records; storage by storage, as ``_purge`` does."""
    advance = progress("Direct uploads", _due_uploads(now).count())
    silent: dict[str, int] = {}
    looked = 1
    while looked:
        looked, settled = settle_due_uploads(now, silent)
        report.uploads += settled
        _advance(advance, settled)
    report.waiting += sum(silent.values()) + _due_uploads(now).filter(storage__in=list(silent)).count()


def _send_work(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Hand to a worker what should have had one by now: its message is lost, or its worker died."""
    due = list(_unsent(now).order_by("work_due_at").values_list("pk", flat=True)[:SENT_AT_ONCE])
    advance = progress("Pictures for a worker", len(due))
    for asset_id in due:
        if not send(asset_id):
            return
        report.sent += 1
        advance()


def _advance(advance: Advance, count: int) -> None:
    for _ in range(count):
        advance()


def _batches(assets: QuerySet[MediaAsset]) -> Iterator[list[int]]:
    """Primary keys in order, ``BATCH_ROWS`` at a time; rows that leave the set meanwhile do no harm."""
    last = 0
    while ids := list(assets.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH_ROWS]):
        yield ids
        last = ids[-1]
