"""What an audit finds, and looking at it once more: the service goes on writing while both lists are read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import SuspiciousFileOperation

from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset
from media_assets.operations.auditing.places import Place, Role, known_places, places_of
from media_assets.storages import get_storage, is_configured

STRAY = "stray"
MISSING = "missing"
OTHER_SIZE = "other_size"
OTHER_CHECKSUM = "other_checksum"
LOOKS = 3  # at a row that changes each time
PIECE_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind``: ``stray``, or what is wrong and with what (``missing_original``, ``other_size_variant``, …).

    ``size``: bytes, as the registry has them (of a stray: its own); ``found``: bytes that lie there instead.
    """

    kind: str
    alias: str
    key: str
    asset: int | None
    size: int
    found: int | None = None


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A storage did not answer when something was looked at once more."""

    alias: str


def confirm_assets(
    ids: Sequence[int], aliases: Sequence[str], pool: Executor, *, before: float, checksums: bool = False
) -> Iterator[Finding | Unconfirmed]:
    """What is wrong with these assets now, in these storages: seen with a row that is the same before and after.

    ``before`` and ``checksums``: as ``examine`` takes them.
    """
    waiting = list(ids)
    for _ in range(LOOKS):
        rows = MediaAsset.objects.in_bulk(waiting)
        looks = pool.map(lambda asset: examine(asset, aliases, before, checksums), rows.values())
        found = dict(zip(rows, looks, strict=True))
        suspect = [pk for pk, findings in found.items() if findings]
        moments = dict(MediaAsset.objects.filter(pk__in=suspect).values_list("pk", "updated_at"))
        for pk in suspect:
            if moments.get(pk) == rows[pk].updated_at:
                yield from found[pk]
        waiting = [pk for pk in suspect if pk in moments and moments[pk] != rows[pk].updated_at]
        if not waiting:
            return


def examine(asset: MediaAsset, aliases: Sequence[str], before: float, checksums: bool) -> list[Finding | Unconfirmed]:
    """What is wrong with the objects of a row; asks no database.

    In: ``before``, seconds since the epoch: what was published later misses nothing yet, a store may show late what was
    written; ``checksums``: read the objects too.
    """
    findings: list[Finding | Unconfirmed] = []
    for place in places_of(asset):
        if place.role and place.alias in aliases:
            try:
                wrong = _wrong(asset, place, before, checksums)
            except StorageUnavailable:  # logged where it was raised
                findings.append(Unconfirmed(place.alias))
                continue
            if wrong is not None:
                kind, found = wrong
                kind = f"{kind}_{place.role.name.lower()}"
                findings.append(Finding(kind, place.alias, place.key, asset.pk, place.size, found))
    return findings


def _wrong(asset: MediaAsset, place: Place, before: float, checksums: bool) -> tuple[str, int | None] | None:
    storage = get_storage(place.alias)
    try:
        stat = storage.stat(place.key)
        if stat.size != place.size:
            return OTHER_SIZE, stat.size
        if checksums and place.sha256 and object_sha256(place.alias, place.key) != place.sha256:
            return OTHER_CHECKSUM, stat.size
    except (ObjectMissing, SuspiciousFileOperation):
        is_young = asset.published_at is not None and asset.published_at.timestamp() >= before
        return None if is_young or (place.role is Role.RAW and _is_clean_already(asset)) else (MISSING, None)
    return None


def _is_clean_already(asset: MediaAsset) -> bool:
    """A worker died between the raw object's end and the last word on it: the next one finishes."""
    return is_configured(asset.storage) and get_storage(asset.storage).owns(asset.key, asset.object_id)


def differing(assets: Iterable[MediaAsset], aliases: Sequence[str], pool: Executor) -> list[int]:
    """Those whose bytes, read whole, are not the registry's. What cannot be read is for others to tell."""
    rows = list(assets)
    return [
        asset.pk
        for asset, differs in zip(rows, pool.map(lambda row: _differs(row, aliases), rows), strict=True)
        if differs
    ]


def _differs(asset: MediaAsset, aliases: Sequence[str]) -> bool:
    for place in places_of(asset):
        if place.role and place.sha256 and place.alias in aliases:
            try:
                if object_sha256(place.alias, place.key) != place.sha256:
                    return True
            except (ObjectMissing, SuspiciousFileOperation):
                continue
            except StorageUnavailable:
                return True  # looked at once more, it is unconfirmed
    return False


def object_sha256(alias: str, key: str) -> str:
    """Of the object's bytes, hexadecimal; the store's own where it has one.

    Raises ObjectMissing, StorageUnavailable.
    """
    storage = get_storage(alias)
    if known := storage.stat(key).sha256:
        return known
    digest = hashlib.sha256()
    with storage.open(key) as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def confirm_strays(strays: Sequence[tuple[str, str]], pool: Executor) -> Iterator[Finding | Unconfirmed]:
    """Those that no row knows now, and that are still there."""
    known = known_places(key for _, key in strays)
    unknown = [stray for stray in strays if stray not in known]
    for found in pool.map(_stray, unknown):
        if found is not None:
            yield found


def _stray(place: tuple[str, str]) -> Finding | Unconfirmed | None:
    alias, key = place
    try:
        size: Any = get_storage(alias).stat(key).size
    except ObjectMissing:
        return None
    except SuspiciousFileOperation:  # a name that no key of ours can have
        size = 0
    except StorageUnavailable:
        return Unconfirmed(alias)
    return Finding(STRAY, alias, key, None, size)
