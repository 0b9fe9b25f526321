"""Which files are to be adopted, and as what: from a storage's listing, or from a CSV. Streamed, a batch at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from media_assets.models import MediaAsset
from media_assets.operations.adopting.targets import Refused, known_targets
from media_assets.presets import asset_id_of
from media_assets.services import RAW
from media_assets.storages import MediaStorage, ObjectStat

BATCH = 200  # keys that are looked up in the registry at once
CSV_COLUMNS = ("key", "owner", "target")
_OWN_FOLDERS = (f"{RAW}/", "staging/")


class CsvUnreadable(Exception):
    """The CSV cannot be read, or not any further; the message names the line."""


@dataclass
class Line:
    """A file to adopt. ``number``: its line in the CSV, 0 in a listing; ``stat``: None where it was not listed;
    ``known``: the registry's row of its key; ``fault``: why the line itself is refused."""

    key: str
    owner: str
    target: str
    details: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    stat: ObjectStat | None = None
    known: MediaAsset | None = None
    fault: str = ""


def prefix_lines(storage: MediaStorage, prefix: str, *, owner: str, target: str) -> Iterator[Line]:
    """Every file below ``prefix``; not the markers of empty folders, nor what this site keeps for itself.

    Raises StorageUnavailable.
    """
    listed = (
        stat for stat in storage.list_objects(prefix) if not (stat.key.endswith("/") or is_own(storage, stat.key))
    )
    return _looked_up(Line(stat.key, owner, target, stat=stat) for stat in listed)


def csv_lines(path: Path, *, owner: str, target: str) -> Iterator[Line]:
    """Those of a CSV file: UTF-8, a header with ``key``, perhaps ``owner`` and ``target`` (where a cell is empty, the
    arguments of these names count), and any columns that targets take. Raises CsvUnreadable.
    """
    return _looked_up(_csv_lines(path, owner, target))


def count_lines(lines: Iterator[Line]) -> int:
    """How many there are, for a progress bar; what cannot be read ends the count."""
    count = 0
    try:
        for _ in lines:
            count += 1
    except CsvUnreadable:
        pass
    return count


def is_own(storage: MediaStorage, key: str) -> bool:
    """Whether this site itself makes such keys: originals to be cleaned, direct uploads under way, variants."""
    return asset_id_of(key) is not None or (storage.alias.endswith("-private") and key.startswith(_OWN_FOLDERS))


def _looked_up(lines: Iterator[Line]) -> Iterator[Line]:
    """The same lines with what the registry knows of their keys: one query a batch."""
    while batch := list(islice(lines, BATCH)):
        keys = [line.key for line in batch if is_storable(line.key)]
        rows = MediaAsset.objects.filter(key__in=keys).only("key", "state", "storage", "copy_storage", "purge_after")
        known = {asset.key: asset for asset in rows}
        for line in batch:
            line.known = known.get(line.key)
        yield from batch


def is_storable(text: str) -> bool:
    """Whether a database can hold the text: no NUL, no half characters of a file name that is not UTF-8."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _csv_lines(path: Path, owner: str, target: str) -> Iterator[Line]:
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip().lower() for name in next(reader, [])]
            _require_columns(header)
            number = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield _csv_line(header, cells, number, owner, target)
                number = reader.line_num + 1
    except OSError as error:
        raise CsvUnreadable(f"{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise CsvUnreadable(f"{path}, line {number} or soon after: not UTF-8. Save the file as UTF-8.") from None
    except csv.Error as error:
        raise CsvUnreadable(f"{path}, line {number}: {error}.") from None


def _require_columns(header: list[str]) -> None:
    """Raises CsvUnreadable."""
    taken = sorted({name for target in known_targets().values() for name in target.columns})
    if "key" not in header:
        raise CsvUnreadable(f"Line 1: it names the columns, and one is 'key'; here it is {','.join(header)!r}.")
    if unknown := [name for name in header if name not in (*CSV_COLUMNS, *taken)]:
        known = ", ".join((*CSV_COLUMNS, *taken))
        raise CsvUnreadable(f"Line 1: unknown column {unknown[0]!r}. Known are: {known}.")
    if len(set(header)) < len(header):
        raise CsvUnreadable("Line 1: a column stands there twice.")


def _csv_line(header: list[str], cells: list[str], number: int, owner: str, target: str) -> Line:
    values = dict(zip(header, cells, strict=False))
    line = Line(
        key=values.pop("key", ""),
        owner=values.pop("owner", "").strip() or owner,
        target=values.pop("target", "").strip() or target,
        details={name: text.strip() for name, text in values.items() if text.strip()},
        number=number,
    )
    if len(cells) != len(header):
        line.fault = f"It has {len(cells)} cells, but line 1 names {len(header)} columns."
    elif not line.key:
        line.fault = "It names no key."
    elif not all(is_storable(text) for text in (line.owner, line.target, *line.details.values())):
        line.fault = "It contains a NUL character."
    elif not line.target:
        line.fault = "It names no target, and there is no --as."
    return line


def require_known_details(line: Line, columns: tuple[str, ...]) -> None:
    """Raise Refused where the line says something that its target does not take."""
    if unknown := [name for name in line.details if name not in columns]:
        raise Refused(f"The target {line.target} takes no {unknown[0]}. Leave that cell empty.")
