"""What is due for an asset after it is published: its original cleaned, its variants and placeholder made.

The row is the truth. A worker takes it by a conditional UPDATE that moves ``work_due_at`` a lease ahead; whoever comes
meanwhile finds nothing due, and after a crash it is due again. Every object has a key that follows from the asset, so
doing a step twice changes nothing; every key is in the row before its object is written, so nothing is left behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.base import File
from django.db import OperationalError
from django.db.models import F
from django.utils import timezone

from media_assets.decoding import clean_original, make_variants
from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.imaging import InvalidImage
from media_assets.imaging.isolation import DecodeFailed, DecoderUnavailable
from media_assets.metrics import timed_job
from media_assets.models import MediaAsset, State
from media_assets.pieces import PiecesFile
from media_assets.presets import presets, variant_key, work_due
from media_assets.services import ADOPTED, private_alias, take_another_key
from media_assets.storages import get_storage, is_configured
from media_assets.storages.disk import disk_errors
from media_assets.workspace import temporary_file

MAX_TRIES = 5
BACKOFF_SECONDS = (10, 60, 300, 900)  # brokers take a message back that is held for half an hour
logger = logging.getLogger(__name__)


def asset_process(asset_id: int) -> int | None:
    """Do what is due for the asset; seconds to wait before it is tried again, None where that is not necessary."""
    asset = _claim(asset_id)
    if asset is None:
        return None
    try:
        if asset.work_tries > MAX_TRIES:
            _give_up(asset, "Its worker died each time, most likely at this file.")
            return None
        _process(asset)
    except (InvalidImage, DecodeFailed) as refusal:
        _fail(asset, str(refusal))
    except (StorageUnavailable, DecoderUnavailable, OperationalError, OSError) as error:
        return _put_off(asset, error)
    except Exception as error:
        logger.exception("Asset %s could not be processed.", asset.pk)
        return _put_off(asset, error)
    return None


def asset_retry(asset: MediaAsset) -> bool:
    """Let a failed asset, or one without its variants, be tried again; whether it was one. The caller sends it."""
    now = timezone.now()
    tried = {"work_due_at": now, "work_tries": 0, "failure_reason": "", "updated_at": now}
    failed = MediaAsset.objects.filter(pk=asset.pk, state=State.FAILED)
    return bool(
        failed.exclude(raw_key="").update(state=State.PROCESSING, **tried)
        or failed.filter(raw_key="").update(state=State.READY, **tried)
        or MediaAsset.objects.filter(pk=asset.pk, state=State.READY).exclude(failure_reason="").update(**tried)
    )


class _TakenAway(Exception):
    """The asset was discarded, or the lease ran out and another worker has it."""


def _claim(asset_id: int) -> MediaAsset | None:
    now = timezone.now()
    lease = now + timedelta(seconds=settings.MEDIA_WORK_LEASE_SECONDS)
    due = work_due(now).filter(pk=asset_id)
    if not due.update(work_due_at=lease, work_tries=F("work_tries") + 1):
        return None
    return MediaAsset.objects.filter(pk=asset_id, work_due_at=lease).first()


@timed_job("asset")
def _process(asset: MediaAsset) -> None:
    with contextlib.suppress(_TakenAway):
        if asset.state == State.PROCESSING:
            _clean(asset)
        if asset.width is not None and asset.variants_of != presets():
            _make_variants(asset)
        _write(asset, work_due_at=None, work_tries=0, failure_reason="")


def _write(asset: MediaAsset, **values: Any) -> None:
    """Write these columns while the lease is ours. Raises _TakenAway."""
    ours = MediaAsset.objects.filter(
        pk=asset.pk,
        storage=asset.storage,  # it may be moved meanwhile
        work_due_at=asset.work_due_at,
        state__in=(State.PROCESSING, State.READY),
    )
    if not ours.update(**values, updated_at=timezone.now()):
        raise _TakenAway
    for name, value in values.items():
        setattr(asset, name, value)


def _clean(asset: MediaAsset) -> None:
    """From the raw object to the clean one at the asset's key; then the raw one goes and this is delivered."""
    with _original(asset) as path, clean_original(path) as cleaned:
        content = PiecesFile(cleaned.pieces)
        facts = cleaned.facts
        _store(asset, content, facts.content_type)
        found = {
            "content_type": facts.content_type,
            "size": content.size,
            "sha256": content.sha256,
            "width": facts.width,
            "height": facts.height,
            "location_removed": asset.location_removed or cleaned.had_location,
        }
    raw = get_storage(asset.raw_storage)
    try:
        _write(asset, location_removed=found["location_removed"])  # which the clean one does not tell any more
        raw.delete(asset.raw_key)
        _delete_raw_copy(asset)
        _write(asset, **found, state=State.READY, raw_key="", raw_storage="")
    except _TakenAway:
        _drop_if_ours(asset)
        raise
    raw.settle(asset.object_id)
    get_storage(asset.storage).settle(asset.object_id)


def _delete_raw_copy(asset: MediaAsset) -> None:
    """Of one that was moved, or was to be, before it is cleaned."""
    alias = private_alias(asset.copy_storage)
    if asset.copy_storage and is_configured(alias):
        get_storage(alias).delete(asset.raw_key)


@contextlib.contextmanager
def _original(asset: MediaAsset) -> Iterator[Path]:
    """The raw object; after a crash between its end and the last word on it, the clean one that was made of it.

    Raises StorageUnavailable; ObjectMissing, and only at the last try DecodeFailed, where there is neither.
    """
    if not is_configured(asset.raw_storage):
        raise StorageUnavailable
    place = (asset.raw_storage, asset.raw_key)
    try:
        get_storage(asset.raw_storage).stat(asset.raw_key)
    except ObjectMissing:
        if not get_storage(asset.storage).owns(asset.key, asset.object_id):
            _require_folder(*place)
            if asset.work_tries < MAX_TRIES:
                raise
            raise DecodeFailed("Its bytes are lost.") from None
        place = (asset.storage, asset.key)
    with local_copy(*place) as path:
        yield path


def _require_folder(alias: str, key: str) -> None:
    """Where the bucket, or the folder, itself is not there, nothing is lost. Raises StorageUnavailable."""
    storage: Any = get_storage(alias)
    if alias.startswith("local-"):
        with disk_errors():
            Path(storage.path(key)).parent.stat()
    else:
        next(iter(storage.list_objects(key)), None)  # a look at an object says 404 of a missing bucket too


def _store(asset: MediaAsset, content: File[bytes], content_type: str) -> None:
    """Write the clean object; where a stranger's lies at the key, take another key."""
    storage = get_storage(asset.storage)
    for _ in range(10):
        try:
            return storage.create(asset.key, content, content_type=content_type, object_id=asset.object_id)
        except KeyTaken:
            if asset.raw_key.startswith(ADOPTED):  # no stranger's: what was adopted there, metadata and all
                storage.delete(asset.key)
            else:
                take_another_key(asset)
    raise StorageUnavailable


def _drop_if_ours(asset: MediaAsset) -> None:
    """An object written for an asset that was discarded meanwhile, perhaps after its objects were deleted."""
    gone = MediaAsset.objects.filter(pk=asset.pk).exclude(state__in=(State.PROCESSING, State.READY)).exists()
    storage = get_storage(asset.storage)
    if gone and storage.owns(asset.key, asset.object_id):
        storage.delete(asset.key)
        storage.settle(asset.object_id)


def _make_variants(asset: MediaAsset) -> None:
    """Those of the presets that are not there yet, and the placeholder; others go."""
    storage = get_storage(asset.storage)
    wanted = {width: variant_key(asset, width) for width in settings.MEDIA_VARIANT_WIDTHS if width < (asset.width or 0)}
    there = {one["key"]: one for one in asset.variants or () if one["key"] in wanted.values()}
    missing = [width for width, key in wanted.items() if key not in there]
    _write(asset, variant_keys=sorted({*(asset.variant_keys or ()), *wanted.values()}) or None)
    with local_copy(asset.storage, asset.key) as original, make_variants(original, missing) as made:
        for variant in made.variants:
            key = wanted[variant["width"]]
            with Path(variant.pop("path")).open("rb") as file:
                variant["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
                file.seek(0)
                with contextlib.suppress(KeyTaken):  # an earlier try's
                    kind = variant["content_type"]
                    storage.create(key, File(file), content_type=kind, object_id=asset.object_id)
            there[key] = {"key": key, **variant}
    storage.settle(asset.object_id)
    shown = sorted(there.values(), key=lambda one: one["width"])
    obsolete = {*(asset.variant_keys or ())} - there.keys()
    try:
        _write(asset, variants=shown or None, placeholder=made.placeholder, variants_of=presets())
    except _TakenAway:
        _drop_variants_if_gone(asset, [*wanted.values()])
        raise
    copies = [get_storage(asset.copy_storage)] if asset.copy_storage and is_configured(asset.copy_storage) else []
    for key in obsolete:
        for place in (storage, *copies):
            place.delete(key)
    _write(asset, variant_keys=sorted(there) or None)


def _drop_variants_if_gone(asset: MediaAsset, keys: list[str]) -> None:
    """Variants written for an asset that was discarded meanwhile, or was moved and knows this place no more."""
    row = MediaAsset.objects.filter(pk=asset.pk, state__in=(State.PROCESSING, State.READY)).first()
    if row is not None and asset.storage in (row.storage, row.copy_storage):
        return
    storage = get_storage(asset.storage)
    for key in keys:
        storage.delete(key)


def _fail(asset: MediaAsset, reason: str) -> None:
    """The file itself is the trouble: it is not delivered."""
    with contextlib.suppress(_TakenAway):
        _write(asset, state=State.FAILED, failure_reason=reason[:255], work_due_at=None)


def _give_up(asset: MediaAsset, reason: str) -> None:
    """Tried often enough: what is clean already goes on being delivered, without variants."""
    if asset.state == State.PROCESSING:
        _fail(asset, reason)
        return
    with contextlib.suppress(_TakenAway):
        _write(asset, failure_reason=reason[:255], work_due_at=None)


def _put_off(asset: MediaAsset, error: Exception) -> int | None:
    """Seconds until the next try; None where there is none any more."""
    logger.warning("Asset %s is put off: %s: %s", asset.pk, type(error).__name__, error)
    if asset.work_tries >= MAX_TRIES:
        _give_up(asset, f"{type(error).__name__} at each of {MAX_TRIES} tries; the log has the cause.")
        return None
    wait = BACKOFF_SECONDS[asset.work_tries - 1]
    try:
        _write(asset, work_due_at=timezone.now() + timedelta(seconds=wait))
    except _TakenAway:
        return None
    return wait


@contextlib.contextmanager
def local_copy(alias: str, key: str) -> Iterator[Path]:
    """A path that holds the object's bytes: its own on local disk, else a temporary file. Raises StorageUnavailable."""
    if not is_configured(alias):
        raise StorageUnavailable
    storage: Any = get_storage(alias)
    try:
        if alias.startswith("local-"):
            storage.stat(key)
            yield Path(storage.path(key))
            return
        with temporary_file() as copy, storage.open(key) as file:
            shutil.copyfileobj(file, copy, 1024 * 1024)
            copy.flush()
            yield Path(copy.name)
    except ObjectMissing:
        raise StorageUnavailable from None
