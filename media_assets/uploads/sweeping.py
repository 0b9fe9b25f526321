"""Settles uploads whose time has come: an index tells which, no folder or bucket is listed."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from media_assets.errors import StorageUnavailable
from media_assets.uploads.models import KEPT, Upload
from media_assets.uploads.services import clear_staging

BATCH_ROWS = 200


def settle_due_uploads(now: datetime, silent: set[str]) -> int:
    """Settle one batch of uploads that are due; how many.

    Pending ones expire, staging is cleared (parts too), and rows that say nothing any more are removed. Storages that
    do not answer are added to ``silent``; what waits on those is left for the next sweep.
    """
    due = Upload.everything.filter(due_at__lte=now).exclude(storage__in=silent)
    settled = 0
    for upload in due.order_by("due_at")[:BATCH_ROWS]:
        try:
            settled += upload.storage not in silent and _settle(upload, now)
        except StorageUnavailable:
            silent.add(upload.storage)
    return settled


def _settle(upload: Upload, now: datetime) -> bool:
    """Whether this call took the step that was due. Raises StorageUnavailable."""
    Upload.everything.filter(pk=upload.pk, status=Upload.STATUS_PENDING, expires_at__lte=now).update(
        status=Upload.STATUS_EXPIRED, updated_at=timezone.now()
    )
    if upload.staged:
        clear_staging(upload)
    as_it_was = Upload.everything.filter(pk=upload.pk, due_at=upload.due_at)  # renewed meanwhile: it is not
    if not upload.staged or upload.status == Upload.STATUS_DISCARDED:
        return bool(as_it_was.exclude(asset__isnull=False).delete()[0])
    return bool(as_it_was.update(staged=False, due_at=_next_look(upload, now), updated_at=timezone.now()))


def _next_look(upload: Upload, now: datetime) -> datetime | None:
    """None for a complete upload that nothing has taken: it stays as long as its owner wants."""
    waits = upload.status == Upload.STATUS_COMPLETE and upload.attached_at is None
    return None if waits else now + KEPT
