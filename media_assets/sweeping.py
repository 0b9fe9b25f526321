"""Settles what crashes, lost leases and unreachable storages left behind.

Safe at any time and twice at once: every step is a conditional update, and deleting an object that is gone is no
error.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from media_assets import workspace
from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.presets import work_due
from media_assets.services import delete_objects, purge_discarded
from media_assets.storages import get_storage, is_configured
from media_assets.tasks import send
from media_assets.uploads.sweeping import settle_due_uploads

BATCH_ROWS = 200
UNREFERENCED_GRACE = timedelta(hours=1)
SENT_AT_ONCE = 500  # a queue that is long already is not made longer by every sweep
SENT_GRACE = timedelta(minutes=1)  # a message that was just sent is on its way
Progress = Callable[[str, int], None]
logger = logging.getLogger(__name__)


@dataclass
class SweepReport:
    """How many rows (files, for ``leftovers``; direct uploads, for ``uploads``) each step settled; ``sent``:
    pictures handed to a worker once more; ``waiting``: rows whose storage did not answer."""

    leases_ended: int = 0
    unreferenced: int = 0
    purged: int = 0
    removed: int = 0
    leftovers: int = 0
    uploads: int = 0
    sent: int = 0
    waiting: int = 0


def sweep(
    *, now: datetime | None = None, grace: timedelta = UNREFERENCED_GRACE, progress: Progress = lambda step, done: None
) -> SweepReport:
    """One pass over everything that waits.

    In: ``now``, the moment it is taken to be; ``grace``, how long a published file may be without a referrer;
    ``progress``, called with the step's name and the number of rows it has done so far.
    """
    now = now or timezone.now()
    report = SweepReport()
    reserved = MediaAsset.objects.filter(state=State.RESERVED, lease_expires_at__lte=now)
    report.leases_ended = _discard(reserved)
    stray = MediaAsset.objects.live().filter(published_at__lte=now - grace).unreferenced()
    report.unreferenced = _discard(stray)
    _settle_uploads(report, now, progress)
    _purge(report, progress)
    _remove_tombstones(report, now, progress)
    _remove_leftovers(report, now, progress)
    _send_work(report, now, progress)
    report.waiting += MediaAsset.objects.filter(state=State.DISCARDED).count()
    return report


def _discard(assets: QuerySet[MediaAsset]) -> int:
    return assets.update(state=State.DISCARDED, lease_expires_at=None, updated_at=timezone.now())


def _purge(report: SweepReport, progress: Progress) -> None:
    """Delete the objects of discarded rows, storage by storage: one that does not answer holds up no other."""
    discarded = MediaAsset.objects.filter(state=State.DISCARDED)
    for alias in discarded.order_by("storage").values_list("storage", flat=True).distinct():
        for ids in _batches(discarded.filter(storage=alias)):
            done = purge_discarded(ids)
            report.purged += done
            progress("purged", report.purged)
            if done < len(ids):
                break


def _remove_tombstones(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Forget keys whose time is over; what may have come late, variants and what was never published, is looked for
    once more."""
    ended = MediaAsset.objects.filter(state=State.TOMBSTONE, purge_after__lte=now)
    for ids in _batches(ended):
        for asset in ended.filter(pk__in=ids):
            try:
                may_be_late = asset.published_at is None or asset.variant_keys or asset.raw_key
                if may_be_late and is_configured(asset.storage):
                    delete_objects(asset)
            except StorageUnavailable:
                report.waiting += 1
                continue
            report.removed += ended.filter(pk=asset.pk).delete()[0]
        progress("removed", report.removed)


def _remove_leftovers(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Drop incoming files on disk whose asset is settled, and what killed processes left of their work."""
    before = now - timedelta(seconds=settings.MEDIA_LEASE_SECONDS)
    report.leftovers += workspace.clear(before - timedelta(seconds=settings.MEDIA_WORK_LEASE_SECONDS))
    unsettled = MediaAsset.objects.filter(state__in=(State.RESERVED, State.DISCARDED))
    for alias in ("local-public", "local-private"):
        storage = cast(Any, get_storage(alias))
        found: Iterator[UUID] = storage.leftovers(before)
        with contextlib.suppress(StorageUnavailable):  # logged where it was raised; the next sweep tries again
            while ids := list(islice(found, BATCH_ROWS)):
                kept = set(unsettled.filter(object_id__in=ids).values_list("object_id", flat=True))
                for object_id in set(ids) - kept:
                    storage.settle(object_id)
                    report.leftovers += 1
                progress("leftovers", report.leftovers)


def _settle_uploads(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Expire what nobody finished, clear staging, forget old records; storage by storage, as ``_purge`` does."""
    silent: dict[str, int] = {}
    looked = 1
    while looked:
        looked, settled = settle_due_uploads(now, silent)
        report.uploads += settled
        progress("uploads", report.uploads)
    report.waiting += sum(silent.values()) + Upload.everything.filter(due_at__lte=now).count()


def _send_work(report: SweepReport, now: datetime, progress: Progress) -> None:
    """Hand to a worker what should have had one by now: its message is lost, or its worker died."""
    due = work_due(now - SENT_GRACE).order_by("work_due_at").values_list("pk", flat=True)
    for asset_id in list(due[:SENT_AT_ONCE]):
        if not send(asset_id):
            return
        report.sent += 1
        progress("sent", report.sent)


def _batches(assets: QuerySet[MediaAsset]) -> Iterator[list[int]]:
    """Primary keys in order, ``BATCH_ROWS`` at a time; rows that leave the set meanwhile do no harm."""
    last = 0
    while ids := list(assets.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH_ROWS]):
        yield ids
        last = ids[-1]
