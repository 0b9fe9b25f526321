"""Both lists, the registry's and the storages', in a temporary database: joined there, memory stays flat."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from types import TracebackType
from typing import Any, Self

from media_assets.operations.auditing.findings import Finding
from media_assets.operations.auditing.places import Place, Role
from media_assets.storages.contract import ObjectStat

_TABLES = """
    PRAGMA journal_mode = OFF;
    PRAGMA synchronous = OFF;
    PRAGMA temp_store = FILE;
    PRAGMA cache_size = -4000;
    CREATE TABLE expected (alias INTEGER, key BLOB, role INTEGER, size INTEGER, asset INTEGER);
    CREATE TABLE listed (alias INTEGER, key BLOB, size INTEGER, modified REAL);
    CREATE TABLE finding (kind TEXT, alias INTEGER, key BLOB, asset INTEGER, size INTEGER, found INTEGER);
"""
_INDEXES = """
    CREATE INDEX expected_place ON expected (alias, key);
    CREATE INDEX listed_place ON listed (alias, key, size);
"""
_DIFFERENT = """
    SELECT expected.asset FROM expected NOT INDEXED
    LEFT JOIN listed ON listed.alias = expected.alias AND listed.key = expected.key
    WHERE expected.role > 0 AND expected.alias IN ({aliases})
    AND (listed.key IS NULL OR listed.size <> expected.size)
"""
_UNEXPECTED = """
    SELECT alias, key FROM listed NOT INDEXED WHERE modified < ? AND alias IN ({aliases})
    AND NOT EXISTS (SELECT 1 FROM expected WHERE expected.alias = listed.alias AND expected.key = listed.key)
"""


class Index:
    """A context that takes both lists, in any order, then tells the differences. For one thread.

    In: ``aliases``, the storages that are looked at; places elsewhere are left out.
    """

    def __init__(self, aliases: Sequence[str]) -> None:
        self._aliases = list(aliases)
        self._numbers = {alias: number for number, alias in enumerate(aliases)}

    def __enter__(self) -> Self:
        self._file = tempfile.NamedTemporaryFile(prefix="vitrine-audit-", suffix=".sqlite3")
        self._database = sqlite3.connect(self._file.name, isolation_level=None)
        self._database.executescript(_TABLES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._database.close()
        self._file.close()

    def expect(self, places: Iterable[tuple[Place, int | None]]) -> None:
        """Add places, each with the primary key of its asset."""
        numbers = self._numbers
        self._insert(
            "INSERT INTO expected VALUES (?, ?, ?, ?, ?)",
            (
                (numbers[place.alias], _encoded(place.key), place.role, place.size, asset)
                for place, asset in places
                if place.alias in numbers
            ),
        )

    def listing(self, alias: str, objects: Iterable[ObjectStat]) -> None:
        """Add what a storage lists; whatever ``objects`` raises comes through."""
        number = self._numbers[alias]
        rows = ((number, _encoded(one.key), one.size, one.modified_at.timestamp()) for one in objects)
        self._insert("INSERT INTO listed VALUES (?, ?, ?, ?)", rows)

    def complete(self) -> None:
        """Both lists are in: make them ready to be joined."""
        self._database.executescript(_INDEXES)

    def expected_count(self) -> int:
        """How many places of the registry there are."""
        return int(self._database.execute("SELECT count(*) FROM expected").fetchone()[0])

    def listed_totals(self, alias: str) -> tuple[int, int]:
        """Objects and bytes that a storage listed."""
        sums = "SELECT count(*), coalesce(sum(size), 0) FROM listed WHERE alias = ?"
        count, size = self._database.execute(sums, [self._numbers[alias]]).fetchone()
        return count, size

    def originals(self, alias: str) -> int:
        """How many originals must lie in a storage."""
        counted = "SELECT count(*) FROM expected WHERE alias = ? AND role IN (?, ?)"
        return int(self._database.execute(counted, [self._numbers[alias], Role.ORIGINAL, Role.RAW]).fetchone()[0])

    def different(self, aliases: Sequence[str]) -> Iterator[int]:
        """The assets of which an object is absent from these storages, or has another size."""
        last = None
        for (asset,) in self._select(_DIFFERENT, aliases):
            if asset != last:  # those of one asset were added together
                yield asset
            last = asset

    def unexpected(self, aliases: Sequence[str], before: float) -> Iterator[tuple[str, str]]:
        """Alias and key of the objects in these storages that no row expects, and that are older than ``before``
        (seconds since the epoch)."""
        for number, key in self._select(_UNEXPECTED, aliases, before):
            yield self._aliases[number], _decoded(key)

    def found(self, findings: Iterable[Finding]) -> None:
        """Keep findings."""
        numbers = self._numbers
        self._insert(
            "INSERT INTO finding VALUES (?, ?, ?, ?, ?, ?)",
            ((one.kind, numbers[one.alias], _encoded(one.key), one.asset, one.size, one.found) for one in findings),
        )

    def findings(self) -> Iterator[Finding]:
        """The findings that were kept, in their order."""
        for kind, number, key, asset, size, found in self._database.execute("SELECT * FROM finding ORDER BY rowid"):
            yield Finding(kind, self._aliases[number], _decoded(key), asset, size, found)

    def examples(self, limit: int) -> Iterator[Finding]:
        """The first ``limit`` findings of each kind in each storage."""
        kinds = self._database.execute("SELECT DISTINCT alias, kind FROM finding ORDER BY alias, kind").fetchall()
        chosen = "SELECT key, asset, size, found FROM finding WHERE alias = ? AND kind = ? ORDER BY rowid LIMIT ?"
        for number, kind in kinds:
            for key, *rest in self._database.execute(chosen, (number, kind, limit)):
                yield Finding(kind, self._aliases[number], _decoded(key), *rest)

    def _insert(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        self._database.execute("BEGIN")
        try:
            self._database.executemany(statement, rows)
        finally:
            self._database.execute("COMMIT")  # there is no journal to roll back with

    def _select(self, query: str, aliases: Sequence[str], *parameters: Any) -> Iterator[tuple[Any, ...]]:
        numbers = ", ".join(str(self._numbers[alias]) for alias in aliases)
        return self._database.execute(query.format(aliases=numbers or "NULL"), parameters)


def batches(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """``size`` of them at a time."""
    while batch := list(islice(items, size)):
        yield batch


def _encoded(key: str) -> bytes:
    """File names need not be UTF-8."""
    return key.encode(errors="surrogateescape")


def _decoded(key: bytes) -> str:
    return key.decode(errors="surrogateescape")
