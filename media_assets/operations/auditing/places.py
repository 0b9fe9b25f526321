"""Where objects of the registry's rows must lie, and where they may."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from media_assets.models import MediaAsset, State, Upload
from media_assets.presets import asset_id_of
from media_assets.services import RAW, object_keys, private_alias
from media_assets.uploads.services import STAGING

# Reasons of failed assets whose object is known to be lost: nothing is required of it any more.
LOST = "Its bytes are lost."
CHANGED = "Its bytes are not those that were stored."
KNOWN_LOSSES = (LOST, CHANGED)
BATCH_ROWS = 1000


class Role(enum.IntEnum):
    ALLOWED = 0  # one may lie there
    ORIGINAL = 1
    VARIANT = 2
    RAW = 3  # an original that is not clean yet


@dataclass(frozen=True, slots=True)
class Place:
    """An object of an asset. ``size`` (bytes) and ``sha256`` (hexadecimal, empty where unknown) are the registry's."""

    alias: str
    key: str
    role: Role = Role.ALLOWED
    size: int = 0
    sha256: str = ""


def places_of(asset: MediaAsset) -> Iterator[Place]:
    """Every place of an asset: those where an object must lie, with its role, and those where one may."""
    is_lost = asset.state == State.FAILED and asset.failure_reason in KNOWN_LOSSES
    is_raw = bool(asset.raw_key) and asset.state in (State.PROCESSING, State.FAILED)
    is_stored = asset.state == State.READY or (asset.state == State.FAILED and not asset.raw_key)
    role = Role.ORIGINAL if is_stored and not is_lost else Role.ALLOWED
    yield Place(asset.storage, asset.key, role, asset.size, asset.sha256)
    shown = {one["key"]: one for one in asset.variants or ()}
    for key in {*shown, *(asset.variant_keys or ())}:
        if asset.state == State.READY and key in shown:
            yield Place(asset.storage, key, Role.VARIANT, shown[key]["size"], shown[key].get("sha256", ""))
        else:
            yield Place(asset.storage, key)
    if asset.raw_key:
        raw_role = Role.RAW if is_raw and not is_lost else Role.ALLOWED
        yield Place(asset.raw_storage, asset.raw_key, raw_role, asset.size, asset.sha256)
    if asset.copy_storage:
        for key in {*shown, *object_keys(asset)}:
            yield Place(asset.copy_storage, key)
        if asset.raw_key:
            yield Place(private_alias(asset.copy_storage), asset.raw_key)


def all_assets() -> Iterator[list[MediaAsset]]:
    """Every row, ``BATCH_ROWS`` at a time; no query stays open between two batches."""
    last = 0
    rows = MediaAsset.objects.order_by("pk")
    while batch := list(rows.filter(pk__gt=last)[:BATCH_ROWS]):
        yield batch
        last = batch[-1].pk


def staged_places() -> Iterator[Place]:
    """Where bytes of direct uploads may lie that are not checked yet, or not cleared yet."""
    last = 0
    rows = Upload.everything.filter(staged=True).order_by("pk")
    while batch := list(rows.filter(pk__gt=last)[:BATCH_ROWS]):
        yield from (Place(upload.storage, upload.staging_key) for upload in batch)
        last = batch[-1].pk


def known_places(keys: Iterable[str]) -> set[tuple[str, str]]:
    """Alias and key of what the registry knows at this moment, of everything that could own one of these keys."""
    wanted = [key for key in keys if _is_text(key)]
    raw = [key for key in wanted if key.startswith(f"{RAW}/")]  # no index has them: only asked for where it must be
    ids = {asset_id for key in wanted if (asset_id := asset_id_of(key)) is not None}
    owners = Q(key__in=wanted) | Q(pk__in=ids)
    if raw:
        owners |= Q(raw_key__in=raw)
    assets = MediaAsset.objects.filter(owners)
    known = {(place.alias, place.key) for asset in assets for place in places_of(asset)}
    upload_ids = {upload_id for key in wanted if (upload_id := _upload_id_of(key)) is not None}
    uploads = Upload.everything.filter(upload_id__in=upload_ids, staged=True)
    return known | set(uploads.values_list("storage", "staging_key"))


def _is_text(key: str) -> bool:
    """File names need not be UTF-8; keys in the registry are, and databases are asked for nothing else."""
    try:
        return "\0" not in key and bool(key.encode())
    except UnicodeEncodeError:
        return False


def _upload_id_of(key: str) -> UUID | None:
    folder, _, rest = key.partition("/")
    if folder != STAGING:
        return None
    try:
        return UUID(rest.partition("/")[0])
    except ValueError:
        return None
