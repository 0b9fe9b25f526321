"""The registry against the storages: what is missing, what is different, what belongs to nobody.

Both lists go into a temporary database, so memory does not grow with them. The service goes on writing meanwhile:
what differs between the lists is only a suspicion, and is looked at once more before it is a finding.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db.models import Count

from media_assets.errors import StorageUnavailable
from media_assets.models import LIVE_STATES, MediaAsset, State
from media_assets.operations.auditing.findings import (
    STRAY,
    Finding,
    Unconfirmed,
    confirm_assets,
    confirm_strays,
    differing,
)
from media_assets.operations.auditing.index import Index, batches
from media_assets.operations.auditing.places import KNOWN_LOSSES, Place, all_assets, places_of, staged_places
from media_assets.storages import get_storage, is_configured, lies_in_another
from media_assets.storages.contract import ObjectStat

BATCH = 200
MANY = 10  # findings; fewer are never taken for a wrong bucket
Advance = Callable[[], None]
Progress = Callable[[str, int], Advance]
logger = logging.getLogger(__name__)


@dataclass
class StorageReport:
    """``listed`` and ``listed_bytes``: what lies there; ``is_complete``: whether the listing came to its end (else
    nothing is found here); ``unconfirmed``: suspicions that the storage did not let be looked at."""

    listed: int = 0
    listed_bytes: int = 0
    originals: int = 0  # that must lie there
    is_complete: bool = True
    unconfirmed: int = 0
    findings: Counter[str] = field(default_factory=Counter)  # by kind
    bytes: Counter[str] = field(default_factory=Counter)

    @property
    def most_are_lost(self) -> bool:
        """As with a wrong bucket, or a disk that is not mounted."""
        lost = sum(count for kind, count in self.findings.items() if kind.endswith(("_original", "_raw")))
        return lost > MANY and lost * 2 > self.originals

    @property
    def most_are_stray(self) -> bool:
        """As with a wrong or an empty database."""
        return self.findings[STRAY] > MANY and self.findings[STRAY] * 2 > self.listed


@dataclass
class AuditReport:
    """``unavailable``: live rows on storages that this environment does not have; ``known_losses``: failed assets whose
    bytes are known to be lost."""

    storages: dict[str, StorageReport] = field(default_factory=dict)
    unavailable: dict[str, int] = field(default_factory=dict)
    known_losses: int = 0

    @property
    def found(self) -> int:
        """How many findings there are."""
        return sum(sum(one.findings.values()) for one in self.storages.values())

    @property
    def is_clean(self) -> bool:
        """Whether everything could be looked at, and is as it should be."""
        looked = all(one.is_complete and not one.unconfirmed for one in self.storages.values())
        return looked and not self.found and not self.unavailable


class Audit:
    """A context; ``run`` once, then ``findings``.

    In: ``aliases``, the storages to look at, None for every configured one; ``grace``, seconds that an object must be
    old before it counts as belonging to nobody, and a row before it counts as missing one; ``checksums``: read every
    object whose sha256 is known; ``jobs``, storage calls at a time; ``progress``, called with the name of a step and
    its probable length, gives what is called for each piece of it.
    """

    def __init__(
        self,
        aliases: Sequence[str] | None,
        *,
        grace: float,
        checksums: bool,
        jobs: int,
        progress: Progress = lambda step, total: lambda: None,
    ) -> None:
        self.aliases = list(aliases or configured_aliases())
        self._every_alias = aliases is None
        self._checksums = checksums
        self.before = time.time() - grace  # seconds since the epoch
        self._progress = progress
        self.index = Index(self.aliases)
        self.pool = ThreadPoolExecutor(jobs)
        self.report = AuditReport(storages={alias: StorageReport() for alias in self.aliases})

    def __enter__(self) -> Self:
        self.index.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.pool.shutdown(cancel_futures=True)
        self.index.__exit__(kind, error, traceback)

    def run(self) -> AuditReport:
        """Read both lists, compare them, and look at what differs once more."""
        self._read_rows()
        self._list_storages()
        self.index.complete()
        complete = [alias for alias, one in self.report.storages.items() if one.is_complete]
        advance = self._progress("Looking once more", 0)
        for ids in batches(self.index.different(complete), BATCH):
            self._keep(confirm_assets(ids, complete, self.pool, before=self.before), advance)
        for strays in batches(self.index.unexpected(complete, self.before), BATCH):
            self._keep(confirm_strays(strays, self.pool), advance)
        if self._checksums:
            self._read_objects(complete)
        if self._every_alias:
            self.report.unavailable = unavailable_rows()
        lost = MediaAsset.objects.filter(state=State.FAILED, failure_reason__in=KNOWN_LOSSES)
        self.report.known_losses = lost.count()
        return self.report

    def findings(self) -> Iterator[Finding]:
        """Everything that was found."""
        return self.index.findings()

    def _read_rows(self) -> None:
        advance = self._progress("Rows", MediaAsset.objects.count())

        def places() -> Iterator[tuple[Place, int | None]]:
            for batch in all_assets():
                for asset in batch:
                    yield from ((place, asset.pk) for place in places_of(asset))
                    advance()
            yield from ((place, None) for place in staged_places())

        self.index.expect(places())

    def _list_storages(self) -> None:
        advance = self._progress("Objects", self.index.expected_count())
        for alias, report in self.report.storages.items():
            try:
                self.index.listing(alias, _own_objects(alias, advance))
            except StorageUnavailable:  # logged where it was raised
                report.is_complete = False
            report.listed, report.listed_bytes = self.index.listed_totals(alias)
            report.originals = self.index.originals(alias)

    def _read_objects(self, aliases: Sequence[str]) -> None:
        advance = self._progress("Checksums", MediaAsset.objects.count())
        for rows in all_assets():
            for part in batches(iter(rows), BATCH):
                ids = differing(part, aliases, self.pool)
                again = confirm_assets(ids, aliases, self.pool, before=self.before, checksums=True)
                self._keep(one for one in again if isinstance(one, Unconfirmed) or "checksum" in one.kind)
                for _ in part:
                    advance()

    def _keep(self, results: Iterable[Finding | Unconfirmed], advance: Advance = lambda: None) -> None:
        found = []
        for one in results:
            report = self.report.storages[one.alias]
            if isinstance(one, Unconfirmed):
                report.unconfirmed += 1
            else:
                report.findings[one.kind] += 1
                report.bytes[one.kind] += one.size
                found.append(one)
            advance()
        self.index.found(found)


def configured_aliases() -> list[str]:
    """The aliases of this environment's media storages."""
    return sorted(alias for alias in settings.STORAGES if alias.startswith(("local-", "s3-")))


def unavailable_rows() -> dict[str, int]:
    """How many live assets lie, as originals or still unclean, on each alias that this environment does not have."""
    live = MediaAsset.objects.filter(state__in=LIVE_STATES)
    counts: Counter[str] = Counter()
    for column in ("storage", "raw_storage"):
        for alias, count in live.values_list(column).annotate(Count("pk")).order_by(column):
            if alias and not is_configured(alias):
                counts[alias] += count
    return dict(counts)


def _own_objects(alias: str, advance: Advance) -> Iterator[ObjectStat]:
    for found in get_storage(alias).list_objects():
        if not lies_in_another(alias, found.key):
            yield found
        advance()
