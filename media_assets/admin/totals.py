"""What the registry and the storages hold, in a few figures: for the front page of the administration.

One look over the registry costs a second or less at a million rows, the variants' sizes some more: both are kept in
the cache, and shared by all who look. Without the cache they are made anew each time.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Min, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from media_assets.models import LIVE_STATES, MediaAsset, State, Upload

DAYS = 30
KEPT_SECONDS = 60
VARIANTS_KEPT_SECONDS = 600
CACHE_REST_SECONDS = 5  # for which a cache that failed is not asked: no request waits for it, or is warned of it, twice
logger = logging.getLogger(__name__)
_WAITING = (State.PROCESSING, State.READY)
# Each gives the objects and the bytes of all variants that are recorded.
_VARIANTS = {
    "postgresql": """
        SELECT count(*), coalesce(sum((one->>'size')::bigint), 0)
        FROM media_assets_mediaasset, jsonb_array_elements(
            CASE jsonb_typeof(variants) WHEN 'array' THEN variants ELSE '[]' END) AS one
        WHERE variants IS NOT NULL AND state IN ('processing', 'ready', 'failed')""",
    "sqlite": """
        SELECT count(*), coalesce(sum(json_extract(one.value, '$.size')), 0)
        FROM media_assets_mediaasset, json_each(
            CASE json_type(variants) WHEN 'array' THEN variants ELSE '[]' END) AS one
        WHERE variants IS NOT NULL AND state IN ('processing', 'ready', 'failed')""",
}


Found = TypeVar("Found")


@dataclass(frozen=True)
class Amount:
    """A number of files, and their size in bytes."""

    files: int = 0
    size: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.files + other.files, self.size + other.size)


@dataclass(frozen=True)
class Totals:
    """``places`` (live files by storage and visibility) and ``states`` are in order; ``days`` holds the bytes stored
    on each of the last DAYS days (UTC) by storage, today last."""

    at: datetime
    live: Amount
    places: list[tuple[str, str, Amount]]
    states: list[tuple[str, Amount]]
    failed: int
    waiting: int  # for a worker, now
    taken: int  # with a worker, or put off until later
    waiting_since: datetime | None
    days: list[tuple[date, dict[str, Amount]]]


def registry_totals() -> Totals:
    """As of the last minute."""
    return _kept("admin-registry-totals", _totals, KEPT_SECONDS)


def variant_totals() -> Amount:
    """As of the last ten minutes."""
    return _kept("admin-variant-totals", _variants, VARIANTS_KEPT_SECONDS)


def pending_uploads() -> Amount:
    """Direct uploads whose bytes may still come, and the bytes that were announced. As of the last minute."""
    return _kept("admin-pending-uploads", _uploads, KEPT_SECONDS)


def _kept(name: str, make: Callable[[], Found], seconds: int) -> Found:
    """What was made in the last ``seconds``. Then one who asks makes it anew, others go on with what there is."""
    known: tuple[float, Found] | None = _of_cache(lambda: cache.get(name), None)
    now, lock = time.time(), f"{name}-in-the-making"
    if known is not None and (now < known[0] or not _of_cache(lambda: cache.add(lock, True, seconds), True)):
        return known[1]
    found = make()
    _of_cache(lambda: cache.set(name, (now + seconds, found), 10 * seconds), None)
    _of_cache(lambda: cache.delete(lock), True)
    return found


_cache_rests_until = 0.0


def _of_cache(ask: Callable[[], Any], otherwise: Any) -> Any:
    """What the cache answers; ``otherwise`` where it fails, whatever it is, and for some seconds after that."""
    global _cache_rests_until
    if time.monotonic() < _cache_rests_until:
        return otherwise
    try:
        return ask()
    except Exception:
        _cache_rests_until = time.monotonic() + CACHE_REST_SECONDS
        logger.warning("The cache (REDIS_URL) does not answer: the front page's figures are not kept.", exc_info=True)
        return otherwise


def _totals() -> Totals:
    now = timezone.now()
    places: dict[tuple[str, str], Amount] = defaultdict(Amount)
    states: dict[str, Amount] = defaultdict(Amount)
    groups = MediaAsset.objects.order_by().values_list("storage", "visibility", "state")
    for storage, visibility, state, files, size in groups.annotate(Count("pk"), Sum("size")):
        amount = Amount(files, int(size))
        states[state] += amount
        if state in LIVE_STATES:
            places[storage, visibility] += amount
    due = MediaAsset.objects.filter(state__in=_WAITING, work_due_at__isnull=False)
    waiting = due.filter(work_due_at__lte=now).aggregate(number=Count("pk"), since=Min("work_due_at"))
    return Totals(
        at=now,
        live=sum(places.values(), Amount()),
        places=[(*place, amount) for place, amount in sorted(places.items())],
        states=[(state, states[state]) for state in State.values if state in states],
        failed=states[State.FAILED].files,
        waiting=waiting["number"],
        taken=due.filter(work_due_at__gt=now).count(),
        waiting_since=waiting["since"],
        days=_days(now),
    )


def _days(now: datetime) -> list[tuple[date, dict[str, Amount]]]:
    first = now.date() - timedelta(days=DAYS - 1)
    found: dict[date, dict[str, Amount]] = {first + timedelta(days=number): {} for number in range(DAYS)}
    midnight = timezone.make_aware(datetime.combine(first, datetime.min.time()))
    recent = MediaAsset.objects.filter(created_at__gte=midnight, state__in=LIVE_STATES).order_by()
    groups = recent.annotate(day=TruncDate("created_at")).values_list("day", "storage")
    for day, storage, files, size in groups.annotate(Count("pk"), Sum("size")):
        if day in found:
            found[day][storage] = Amount(files, int(size))
    return list(found.items())


def _variants() -> Amount:
    with connection.cursor() as cursor:
        cursor.execute(_VARIANTS[connection.vendor])
        row: Any = cursor.fetchone()
    return Amount(int(row[0]), int(row[1]))


def _uploads() -> Amount:
    # The index of what the sweeper has to look at holds every upload whose bytes may come.
    pending = Upload.objects.outstanding(timezone.now()).filter(due_at__isnull=False)
    found = pending.order_by().aggregate(files=Count("pk"), size=Sum("declared_size"))
    return Amount(found["files"], int(found["size"] or 0))
