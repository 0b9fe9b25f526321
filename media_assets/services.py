"""The life of an asset: reserve, store, publish; discard, tombstone.

No database transaction is open while bytes move. A crash at any instant leaves a row that the sweeper settles.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from media_assets.errors import KeyTaken, ReservationLost, StorageUnavailable, upload_attached
from media_assets.keys import display_filename, key_candidates
from media_assets.metrics import counted_upload
from media_assets.models import MediaAsset, State, Upload, Visibility
from media_assets.presets import is_work_due
from media_assets.quotas import require_quota
from media_assets.sources import ImageSource, Source, source_of
from media_assets.storages import active_alias, get_storage, is_configured
from media_assets.tasks import send_after_commit
from media_assets.uploads.models import KEPT

MAX_KEY_TRIES = 100
MAX_FAILURES = 3  # of one storage in a row
RAW = "raw"  # folder of originals that are not clean yet, private in every mode
ADOPTED = f"{RAW}/adopted"  # of those that still lie at their assets' own keys as well
# How long a key stays taken after its object is gone: while a cache or an old signed URL (7 days at most) could show
# it. Nobody ever had the URL of an unpublished one; its key waits only for a write that may still arrive.
PUBLISHED_TOMBSTONE = timedelta(days=8)
UNPUBLISHED_TOMBSTONE = timedelta(hours=1)
logger = logging.getLogger(__name__)


@contextlib.contextmanager
def stored_image(file: ImageSource | None, **how: Any) -> Iterator[MediaAsset | None]:
    """Store an image and hand over its reserved asset, to be published inside.

    In: ``file`` as ``ImageUploadField`` validated it, a received file or a complete upload (None: nothing happens,
    None is handed over); ``how``: the other arguments of ``stored``. Raises what that raises.
    """
    if file is None:
        yield None
        return
    with stored(source_of(file), **how) as asset:
        yield asset


@contextlib.contextmanager
def stored_images(files: Sequence[ImageSource], **how: Any) -> Iterator[list[MediaAsset]]:
    """``stored_image`` for several files: all of them or none."""
    uploads = sorted(file.pk for file in files if isinstance(file, Upload))
    with contextlib.ExitStack() as stack:
        entered = [stack.enter_context(stored_image(file, **how)) for file in files]
        assets = [asset for asset in entered if asset is not None]
        for asset in assets:
            asset.taken_together = uploads
        yield assets


@contextlib.contextmanager
@counted_upload
def stored(
    source: Source,
    *,
    owner: Any,
    folder: str,
    visibility: str | None = None,
    rename: Callable[[str], str] = str,
    alias: str | None = None,
) -> Iterator[MediaAsset]:
    """Store a file and hand over its reserved asset, to be published inside.

    In: ``folder``, the front of its key; ``visibility``, the site's default where None; ``rename``, from the safe file
    name to the one that the key shall have; ``alias``, the storage where it is not the active one. Enter it outside
    any transaction; inside, open one, save the row that points at the asset, call ``asset_publish``. Leaving with an
    exception discards the file. Raises StorageUnavailable, with nothing left behind; Conflict where the owner's quota
    is full, or where the upload that the file comes from is taken meanwhile; ObjectMissing where a copy's source is
    gone or has changed.
    """
    visibility = visibility or settings.MEDIA_DEFAULT_VISIBILITY
    if source.upload is None:
        require_quota(owner, source.size)
    alias = alias or active_alias(visibility)
    asset = _reserve(source, owner=owner, folder=folder, visibility=visibility, rename=rename, alias=alias)
    try:
        if source.upload is None:
            require_quota(owner, source.size, is_reserved=True)
        _store(asset, source)
        _note_changes(asset, source)
        source.close()
        yield asset
    except BaseException as error:
        abandon(asset, now=not isinstance(error, StorageUnavailable))
        raise
    if not asset.raw_key:  # else who cleans it does, and may be at it
        with contextlib.suppress(StorageUnavailable):  # the sweeper does it later
            get_storage(asset.storage).settle(asset.object_id)


def asset_publish(asset: MediaAsset) -> None:
    """Make a stored asset live, and let a worker do what is due after the commit. Call it in the transaction that
    saves the row pointing at it.

    Raises ReservationLost where the lease ran out and the sweeper took it, Conflict where another took the upload that
    it is a copy of: roll back.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("asset_publish belongs into the transaction of the row using it")
    now = timezone.now()
    state = State.PROCESSING if asset.raw_key else State.READY
    work_due_at = now if is_work_due(asset) else None
    published = MediaAsset.objects.filter(pk=asset.pk, state=State.RESERVED).update(
        state=state, published_at=now, lease_expires_at=None, work_due_at=work_due_at, updated_at=now
    )
    if not published:
        raise ReservationLost
    asset.state, asset.published_at, asset.lease_expires_at, asset.work_due_at = state, now, None, work_due_at
    if work_due_at is not None:
        send_after_commit(asset.pk)
        if not settings.CELERY_BROKER_URL:  # it is done then, and the answer to this very request may tell
            transaction.on_commit(asset.refresh_from_db, robust=True)
    if asset.taken_upload is not None:
        _lock_in_order(asset.taken_together)
        _take_upload(asset.taken_upload, asset)


def _lock_in_order(upload_ids: Sequence[int]) -> None:
    """Two requests that name the same uploads in another order would wait for each other."""
    if len(upload_ids) > 1:
        list(Upload.objects.select_for_update().filter(pk__in=upload_ids).order_by("pk").values_list("pk"))


def _take_upload(upload: Upload, asset: MediaAsset) -> None:
    """Mark it attached, once, and give up its own object. Raises Conflict."""
    now = timezone.now()
    kept = Upload.objects.attachable().filter(pk=upload.pk)
    due_at = Coalesce("due_at", Value(now + KEPT))  # sooner where its staging is still to be cleared
    if not kept.update(asset=None, attached_asset=asset, attached_at=now, due_at=due_at, updated_at=now):
        raise upload_attached()
    assets_discard([upload.asset_id] if upload.asset_id else [])


def assets_discard(asset_ids: Iterable[int]) -> None:
    """Give up assets that nothing refers to any more; the others of ``asset_ids`` stay as they are.

    Call it in the transaction that removed the last reference. Objects are deleted after commit; what fails then is
    the sweeper's.
    """
    ids = list(asset_ids)
    if not ids:
        return
    MediaAsset.objects.filter(pk__in=ids).live().unreferenced().update(state=State.DISCARDED, updated_at=timezone.now())
    transaction.on_commit(lambda: _purge_quietly(ids))


def _purge_quietly(asset_ids: list[int]) -> None:
    """After a commit nobody is told of a failure any more: it is logged, and the sweeper tries again."""
    try:
        purge_discarded(asset_ids)
    except Exception:
        logger.exception("Discarded assets %s could not be purged; the sweeper will.", asset_ids)


def abandon(asset: MediaAsset, *, now: bool) -> None:
    """Give up an asset that was never published; its object is deleted ``now``, or (a storage that did not answer
    would only be waited for once more) by the sweeper, who has whatever fails here too.

    Also right when the sweeper was quicker: the object may have been written after its lease.
    """
    try:
        MediaAsset.objects.filter(pk=asset.pk, published_at=None).update(
            state=State.DISCARDED, lease_expires_at=None, updated_at=timezone.now()
        )
        if now:
            purge_discarded([asset.pk])
    except Exception:
        logger.exception("Asset %s could not be abandoned; the sweeper will.", asset.pk)


def purge_discarded(asset_ids: Iterable[int], silent: dict[str, int] | None = None) -> int:
    """Delete the objects of discarded assets and leave tombstones; how many.

    ``silent`` counts, over several calls, the failures in a row by storage: one with ``MAX_FAILURES`` is left alone.
    Without it the first failure ends the call: somebody waits.
    """
    discarded = MediaAsset.objects.filter(state=State.DISCARDED)
    purged: list[int] = []
    for asset in discarded.filter(pk__in=list(asset_ids)).order_by("pk"):
        if not all(is_configured(alias) for alias in _aliases(asset)):
            continue  # until it is again: its objects must not be forgotten
        if silent and silent.get(asset.storage, 0) >= MAX_FAILURES:
            continue
        try:
            delete_objects(asset)
        except StorageUnavailable:
            logger.warning("Objects of asset %s could not be deleted now; the sweeper tries again.", asset.pk)
            if silent is None:
                break
            silent[asset.storage] = silent.get(asset.storage, 0) + 1
            continue
        purged.append(asset.pk)
        if silent:
            silent.pop(asset.storage, None)
    now = timezone.now()
    for published, lifetime in ((True, PUBLISHED_TOMBSTONE), (False, UNPUBLISHED_TOMBSTONE)):
        discarded.filter(pk__in=purged, published_at__isnull=not published).update(
            state=State.TOMBSTONE, purge_after=now + lifetime, updated_at=now
        )
    return len(purged)


def _aliases(asset: MediaAsset) -> list[str]:
    """Everywhere that an object of it may lie."""
    return [alias for alias in (asset.storage, asset.copy_storage, asset.raw_storage if asset.raw_key else "") if alias]


def delete_objects(asset: MediaAsset) -> None:
    """Delete the asset's objects; one that was never published only where it is proven to be this asset's own."""
    storage = get_storage(asset.storage)
    is_ours = asset.state == State.DISCARDED and asset.published_at is not None and lies_at_its_key(asset)
    if is_ours or storage.owns(asset.key, asset.object_id):
        storage.delete(asset.key)
    for key in asset.variant_keys or ():
        storage.delete(key)
    storage.settle(asset.object_id)
    if asset.raw_key and is_configured(asset.raw_storage):
        get_storage(asset.raw_storage).delete(asset.raw_key)
        get_storage(asset.raw_storage).settle(asset.object_id)
    if asset.copy_storage:
        delete_copies(asset)


def delete_copies(asset: MediaAsset) -> None:
    """Delete the objects of a moved asset that lie in its ``copy_storage``: only there is nothing lost."""
    if is_configured(asset.copy_storage):
        copies = get_storage(asset.copy_storage)
        for key in object_keys(asset):
            if key != asset.key or lies_at_its_key(asset) or copies.owns(key, asset.object_id):
                copies.delete(key)
        copies.settle(asset.object_id)
    raw_copies = private_alias(asset.copy_storage)
    if asset.raw_key and is_configured(raw_copies):
        get_storage(raw_copies).delete(asset.raw_key)


def lies_at_its_key(asset: MediaAsset) -> bool:
    """Whether its own object does; else a raw one waits to be cleaned, and there may be a stranger's."""
    return not asset.raw_key or asset.raw_key.startswith(f"{ADOPTED}/")


def private_alias(alias: str) -> str:
    """The private storage of the same engine."""
    return f"{alias.partition('-')[0]}-{Visibility.PRIVATE}"


def object_keys(asset: MediaAsset) -> list[str]:
    """Every key below the asset's storage where an object of it may lie."""
    return [asset.key, *(asset.variant_keys or ())]


def _reserve(
    source: Source, *, owner: Any, folder: str, visibility: str, rename: Callable[[str], str], alias: str
) -> MediaAsset:
    """A committed row whose unique key makes the name ours."""
    asset = MediaAsset(
        owner=owner,
        storage=alias,
        visibility=visibility,
        state=State.RESERVED,
        content_type=source.content_type,
        size=source.size,
        sha256=source.sha256,
        original_filename=display_filename(source.filename),
        width=source.width,
        height=source.height,
        location_removed=source.location_removed,
        lease_expires_at=timezone.now() + timedelta(seconds=settings.MEDIA_LEASE_SECONDS),
    )
    asset.taken_upload = source.upload
    if source.is_raw:
        asset.raw_storage = private_alias(alias)
        asset.raw_key = f"{RAW}/{asset.object_id}"
    _take_key(asset, key_candidates(folder, rename(source.key_name)))
    return asset


def _take_key(asset: MediaAsset, candidates: Iterator[str]) -> None:
    """Put the row under the first free key: the unique index decides, whoever races."""
    for key in islice(candidates, MAX_KEY_TRIES):
        try:
            with _own_transaction():
                if asset.pk is None:
                    asset.key = key
                    asset.save(force_insert=True)
                elif not MediaAsset.objects.filter(pk=asset.pk, state=asset.state).update(key=key):
                    raise ReservationLost
            asset.key = key
            return
        except IntegrityError:
            if not MediaAsset.objects.filter(key=key).exists():
                break  # not the key: the owner is being erased
    raise ReservationLost


def _own_transaction() -> contextlib.AbstractContextManager[None]:
    """For one statement: outside of any transaction it is committed by itself; within one it is refused (RuntimeError),
    except in the one that a test runs in."""
    if transaction.get_connection().in_atomic_block:
        return transaction.atomic(durable=True)
    return contextlib.nullcontext()


def _store(asset: MediaAsset, source: Source) -> None:
    """Write the object; where a stranger's lies at the key, take another key. One with metadata in it goes to a private
    place first, whatever its visibility."""
    if asset.raw_key:
        source.write(get_storage(asset.raw_storage), asset.raw_key, asset.object_id)
        return None
    storage = get_storage(asset.storage)
    for _attempt in range(MAX_KEY_TRIES):
        try:
            return source.write(storage, asset.key, asset.object_id)
        except KeyTaken:
            take_another_key(asset)
    raise StorageUnavailable


def _note_changes(asset: MediaAsset, source: Source) -> None:
    """What a copy was made of may have been cleaned meanwhile: other bytes, which do not tell any more what they
    lost."""
    found = {"size": source.size, "sha256": source.sha256, "location_removed": source.location_removed}
    changed = {name: value for name, value in found.items() if getattr(asset, name) != value}
    if changed:
        MediaAsset.objects.filter(pk=asset.pk).update(**changed)
        for name, value in changed.items():
            setattr(asset, name, value)


def take_another_key(asset: MediaAsset) -> None:
    """Put an asset that has no object at its key yet under the next free one. Raises ReservationLost where it is not
    being stored any more."""
    folder, _, filename = asset.key.rpartition("/")
    _take_key(asset, islice(key_candidates(folder, filename), 1, None))
