"""How much one user may store, and have under way."""

import sys
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from api.errors import Conflict
from media_assets.models import LIVE_STATES, MediaAsset, State, Upload

_COUNTED = (*LIVE_STATES, State.RESERVED)


def stored_bytes(owner: Any) -> int:
    """The bytes of everything of this user's that is stored, or being stored just now.

    Written out: every upload asks, and the ORM takes longer to write the statement than the database to answer it.
    """
    states = ", ".join(["%s"] * len(_COUNTED))
    query = f"SELECT SUM(size) FROM {MediaAsset._meta.db_table} WHERE owner_id = %s AND state IN ({states})"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(query, [owner.pk, *_COUNTED])
        [[total]] = cursor.fetchall()
    return int(total or 0)


def require_quota(owner: Any, size: int, *, is_reserved: bool = False) -> None:
    """Raise Conflict where ``size`` more bytes do not fit; ``is_reserved``: they are counted already.

    Asked before and after the reservation: of files that come at once, none that does not fit stays.
    """
    if settings.UPLOAD_QUOTA_BYTES and owner is not None:
        _require_room(stored_bytes(owner) - (size if is_reserved else 0), size)


def room_for_upload(owner: Any, size: int | None) -> int:
    """How many bytes one more upload may have. In: ``size``, what it has, or None for whatever fits.

    Raises Conflict where there is no room, or too many uploads are under way. Call it in a transaction that holds the
    user's row: then limits hold, whoever races.
    """
    if owner is None:
        return sys.maxsize
    waiting = Upload.objects.filter(owner=owner).outstanding(timezone.now())
    if waiting.count() >= settings.UPLOAD_MAX_OUTSTANDING:
        raise Conflict(
            f"{settings.UPLOAD_MAX_OUTSTANDING} uploads are begun and not finished. Finish or delete some first.",
            "too_many_uploads",
        )
    if not settings.UPLOAD_QUOTA_BYTES:
        return sys.maxsize
    may_come = _may_still_come(owner)
    announced = may_come.aggregate(total=Sum(Coalesce(F("declared_size"), F("max_file_size"))))["total"] or 0
    return _require_room(stored_bytes(owner) + int(announced), size or 1)


def _may_still_come(owner: Any) -> QuerySet[Upload]:
    """Uploads whose bytes lie in staging or may arrive there. A form that S3 takes outlives its upload: deleting or
    failing one makes no room before the sweeper has cleared it. Complete ones count as what they became."""
    closed_on_disk = Q(storage__startswith="local-", status__in=(Upload.STATUS_REJECTED, Upload.STATUS_DISCARDED))
    mine = Upload.everything.filter(owner=owner, staged=True)
    return mine.exclude(status=Upload.STATUS_COMPLETE).exclude(closed_on_disk)


def _require_room(used: int, size: int) -> int:
    quota = settings.UPLOAD_QUOTA_BYTES
    if used + size > quota:
        raise Conflict(
            f"This file ({filesizeformat(size)}) does not fit: you store {filesizeformat(used)} "
            f"of {filesizeformat(quota)}, uploads under way counted. Delete something first.",
            "quota_exceeded",
        )
    return int(quota) - used
