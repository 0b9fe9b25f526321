"""Settles uploads whose time has come: an index tells which, no folder or bucket is listed."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from media_assets.errors import StorageUnavailable
from media_assets.uploads.models import GRACE, KEPT, Upload
from media_assets.uploads.services import clear_staging

BATCH_ROWS = 200
MAX_FAILURES = 3  # of one storage in one sweep


def settle_due_uploads(now: datetime, silent: dict[str, int]) -> tuple[int, int]:
    """One batch of uploads that are due: how many were looked at, and how many were settled.

    Pending ones expire, staging is cleared (parts too), and rows that say nothing any more are removed. One that
    cannot be cleared is looked at again an hour later; ``silent`` counts those by storage, and a storage with
    ``MAX_FAILURES`` is left alone for the rest of this sweep.
    """
    down = [alias for alias, failures in silent.items() if failures >= MAX_FAILURES]
    due = Upload.everything.filter(due_at__lte=now).exclude(storage__in=down)
    batch = due.order_by("due_at").values_list("pk", "storage")[:BATCH_ROWS]
    settled = 0
    for pk, storage in batch:
        if silent.get(storage, 0) >= MAX_FAILURES:
            continue
        try:
            settled += _settle(pk, now)
        except StorageUnavailable:
            silent[storage] = silent.get(storage, 0) + 1
            Upload.everything.filter(pk=pk, due_at__lte=now).update(due_at=now + GRACE)
    return len(batch), settled


def _settle(pk: int, now: datetime) -> bool:
    """Whether this call took the step that was due. Raises StorageUnavailable."""
    due = Upload.everything.filter(pk=pk, due_at__lte=now)
    due.filter(status=Upload.STATUS_PENDING, expires_at__lte=now).update(
        status=Upload.STATUS_EXPIRED, updated_at=timezone.now()
    )
    upload = due.first()
    if upload is None:
        return False  # renewed meanwhile, or settled by another sweep
    if upload.staged:
        clear_staging(upload)
    as_it_was = due.filter(status=upload.status, attached_at=upload.attached_at)
    if not upload.staged or upload.status == Upload.STATUS_DISCARDED:
        return bool(as_it_was.exclude(asset__isnull=False).delete()[0])
    return bool(as_it_was.update(staged=False, due_at=_next_look(upload, now), updated_at=timezone.now()))


def _next_look(upload: Upload, now: datetime) -> datetime | None:
    """None for a complete upload that nothing has taken: it stays as long as its owner wants."""
    waits = upload.status == Upload.STATUS_COMPLETE and upload.attached_at is None
    return None if waits else now + KEPT
