"""Variants of other presets, or none yet: which pictures those are, and making theirs, several at a time."""

import enum
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from django.db.models import QuerySet
from django.utils import timezone

from media_assets.models import MediaAsset, State
from media_assets.parallel import for_each
from media_assets.presets import presets
from media_assets.processing import asset_process

BATCH = 200


class Outcome(enum.Enum):
    MADE = "made"
    FAILED = "failed"
    TAKEN = "taken"  # a worker has it, or it waits for its next try
    GONE = "gone"  # discarded meanwhile


@dataclass
class RebuildReport:
    counts: Counter[Outcome] = field(default_factory=Counter)
    interrupted: bool = False


def outdated() -> QuerySet[MediaAsset]:
    """The pictures that are delivered and whose variants are of other presets than those of now."""
    return MediaAsset.objects.filter(state=State.READY, width__isnull=False).exclude(variants_of=presets())


def outdated_ids(limit: int | None = None) -> Iterator[int]:
    """Their primary keys in order; no query stays open between two of them, so any thread may ask for the next."""
    last, left = 0, sys.maxsize if limit is None else limit
    while ids := list(outdated().filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[: min(BATCH, left)]):
        yield from ids
        last, left = ids[-1], left - len(ids)


def mark_due(asset_id: int) -> bool:
    """Let whoever comes first make this picture's variants; whether that is news. One that somebody has stays as it
    is."""
    now = timezone.now()
    free = outdated().filter(pk=asset_id, work_due_at=None)
    return bool(free.update(work_due_at=now, work_tries=0, failure_reason="", updated_at=now))


def rebuild_all(ids: Iterator[int], *, jobs: int, progress: Callable[[], None]) -> RebuildReport:
    """Make the variants of these pictures in ``jobs`` threads; ``progress`` is called for each, by one at a time.

    Ctrl-C ends it after the pictures that are under way.
    """
    report = RebuildReport()

    def work(asset_id: int) -> Callable[[], None]:
        outcome = rebuild(asset_id)

        def done() -> None:
            report.counts[outcome] += 1
            progress()

        return done

    report.interrupted = for_each(ids, work, jobs=jobs)
    return report


def rebuild(asset_id: int) -> Outcome:
    """Make one picture's variants now, unless somebody else has it."""
    mark_due(asset_id)
    put_off = asset_process(asset_id) is not None
    asset = MediaAsset.objects.filter(pk=asset_id, state__in=(State.READY, State.FAILED)).first()
    if asset is None:
        return Outcome.GONE
    if asset.state == State.READY and asset.variants_of == presets():
        return Outcome.MADE
    return Outcome.FAILED if put_off or asset.failure_reason else Outcome.TAKEN
