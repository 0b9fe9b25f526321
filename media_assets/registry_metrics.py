"""What waits in the registry, for Prometheus: read when it is asked, over partial indexes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from media_assets.models import MediaAsset, State


@dataclass(frozen=True)
class Waiting:
    """How many assets are in each state that should pass; how many a worker may take now, since when (seconds) the
    first of them may be taken; how many come later: a worker has them, or they are put off."""

    states: dict[str, int]
    due: int
    oldest_seconds: float
    later: int


def read_waiting() -> Waiting:
    """The present figures. Raises DatabaseError."""
    now = timezone.now()
    kept = MediaAsset.objects.filter(state__in=(State.PROCESSING, State.READY))
    work = kept.filter(work_due_at__isnull=False).aggregate(
        all=Count("pk"),
        due=Count("pk", filter=Q(work_due_at__lte=now)),
        first=Min("work_due_at"),
        processing=Count("pk", filter=Q(state=State.PROCESSING)),  # each of which is due, now or later
    )
    states = {"processing": work["processing"]}
    for state in (State.RESERVED, State.FAILED, State.DISCARDED):
        states[state.value] = MediaAsset.objects.filter(state=state).count()
    first: datetime = work["first"] or now
    return Waiting(states, work["due"], max(0.0, (now - first).total_seconds()), work["all"] - work["due"])


def families(waiting: Waiting) -> Iterator[GaugeMetricFamily]:
    """The figures as gauges. Every server that is asked gives the same: take the maximum over them, not the sum."""
    assets = GaugeMetricFamily("vitrine_assets", "Assets in a state that should pass.", labels=["state"])
    for state, count in waiting.states.items():
        assets.add_metric([state], count)
    yield assets
    yield GaugeMetricFamily("vitrine_work_due", "Assets that a worker may take now.", waiting.due)
    yield GaugeMetricFamily("vitrine_work_oldest_due_seconds", "Age of the oldest of them.", waiting.oldest_seconds)
    yield GaugeMetricFamily("vitrine_work_later", "Assets that a worker has, or that are put off.", waiting.later)
