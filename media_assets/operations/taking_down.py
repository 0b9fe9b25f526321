"""Taking one file down: off everything that uses it, its objects deleted wherever they may lie, and what may still
show it for a while."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import ForeignKey, Model, Q
from django.utils import timezone

from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload, Visibility, referring_fields
from media_assets.operations.explaining.addresses import locate
from media_assets.operations.explaining.facts import Problem
from media_assets.operations.explaining.keys import asset_at
from media_assets.services import assets_discard, lies_at_its_key, object_keys, private_alias
from media_assets.signing.urls import url_maker
from media_assets.storages import get_storage, is_configured
from media_assets.uploads.services import clear_staging, upload_delete

logger = logging.getLogger(__name__)
_PUBLIC = ("local-public", "s3-public")


class NotFound(Exception):
    """No asset is meant; the text says why and what to do."""


@dataclass(frozen=True)
class Use:
    """A row that shows the picture; ``stays``: only the picture is taken off it, else the row is deleted with it."""

    row: Model
    number: Any  # the row's key, which a deleted instance does not have
    field: ForeignKey[Any, Any]
    stays: bool


@dataclass
class Place:
    """Where an object of the asset may lie. ``is_deleted`` also where there was none."""

    storage: str
    key: str
    is_deleted: bool = False


@dataclass
class Takedown:
    """What is to be done, or was done.

    ``purge``: URLs that a CDN may keep; ``shown_until``: until when a cache, a browser's too, may show it unasked.
    """

    asset: MediaAsset
    uses: list[Use]
    staged: list[Upload]
    places: list[Place] = field(default_factory=list)
    purge: list[str] = field(default_factory=list)
    shown_until: datetime = field(default_factory=timezone.now)
    unreachable: list[str] = field(default_factory=list)  # storages that this site does not have now

    @property
    def is_done(self) -> bool:
        """Whether nothing is left anywhere."""
        return self.asset.state == State.TOMBSTONE and all(place.is_deleted for place in self.places)


def find(text: str) -> MediaAsset:
    """The asset of this number, key (its own or a variant's) or URL. Raises NotFound."""
    if text.isascii() and text.isdigit():
        found = MediaAsset.objects.filter(pk=int(text)).first() if len(text) < 19 else None
    elif "://" in text or text.startswith("/"):
        address = locate(text.strip())
        if isinstance(address, Problem):
            raise NotFound(f"{address.text} {address.remedy}")
        found = asset_at(address.key)
    else:
        found = asset_at(text)
    if found is None:
        raise NotFound("No asset is meant by this. Write its number, its key, or any URL of it.")
    return found


def plan(asset: MediaAsset) -> Takedown:
    """What taking it down would do, as things are now."""
    wanted = Takedown(asset, list(_uses(asset)), list(_staged(asset)))
    _look_round(wanted)
    return wanted


def take_down(wanted: Takedown) -> None:
    """Take the asset off all that uses it and delete its objects; tells in ``wanted`` what became of them.

    What a storage that does not answer keeps is the sweeper's. Raises Conflict where an upload of it is used by
    something just then: nothing was done.
    """
    asset = wanted.asset
    wanted.staged = list(_staged(asset))
    with transaction.atomic():
        wanted.uses = list(_uses(asset))
        for use in wanted.uses:
            _let_go(use)
        assets_discard([asset.pk])
    asset.refresh_from_db()
    _look_round(wanted)  # variants may have been made since it was planned; from now on none are
    logger.warning("Asset %s (%s) was taken down; it is %s.", asset.pk, asset.key, asset.state)
    cleared = {upload.staging_key: _is_cleared(upload) for upload in wanted.staged}
    for place in wanted.places:
        place.is_deleted = cleared.get(place.key, asset.state == State.TOMBSTONE)
    if asset.state == State.DISCARDED:
        _delete_what_answers(asset, [place for place in wanted.places if place.key not in cleared])


def _look_round(wanted: Takedown) -> None:
    """Everywhere that the asset may lie or be shown from, as things are now."""
    asset = wanted.asset
    wanted.places = [Place(*place) for place in dict.fromkeys([*_objects(asset), *_stagings(wanted.staged)])]
    wanted.purge = list(_cached(asset))
    wanted.unreachable = sorted({place.storage for place in wanted.places if not is_configured(place.storage)})
    is_public = asset.visibility == Visibility.PUBLIC
    seconds = settings.MEDIA_CACHE_MAX_AGE_SECONDS if is_public else settings.MEDIA_URL_EXPIRY_SECONDS
    gone_since = asset.updated_at if asset.state == State.TOMBSTONE else timezone.now()
    wanted.shown_until = gone_since + timedelta(seconds=seconds)


def _staged(asset: MediaAsset) -> Iterator[Upload]:
    """The uploads whose staged bytes are this picture."""
    yield from Upload.everything.filter(Q(asset=asset) | Q(attached_asset=asset), staged=True)


def _delete_what_answers(asset: MediaAsset, places: list[Place]) -> None:
    """Where not all of it could be deleted, the sweeper will; what can be is not to wait for that."""
    silent: set[str] = set()
    for place in places:
        if place.storage in silent or not is_configured(place.storage):
            continue
        storage = get_storage(place.storage)
        try:
            if place.key != asset.key or lies_at_its_key(asset) or storage.owns(place.key, asset.object_id):
                storage.delete(place.key)
            place.is_deleted = True
        except StorageUnavailable:  # logged where it was raised
            silent.add(place.storage)


def _uses(asset: MediaAsset) -> Iterator[Use]:
    for one in referring_fields():
        for row in one.model._base_manager.filter(**{one.name: asset}).order_by("pk"):
            yield Use(row, row.pk, one, stays=one.null and one.model is not Upload)


def _let_go(use: Use) -> None:
    """As the product does it: an upload is deleted by its service; a row that may be without a picture stays."""
    model, name = use.field.model, use.field.name
    if isinstance(use.row, Upload):
        upload_delete(use.row)
    elif not use.stays:
        use.row.delete()
    else:
        held = model._base_manager.select_for_update().filter(pk=use.row.pk, **{name: getattr(use.row, name)}).first()
        if held is not None:
            setattr(held, name, None)
            changed = [one.name for one in model._meta.concrete_fields if getattr(one, "auto_now", False)]
            held.save(update_fields=[name, *changed])


def _is_cleared(upload: Upload) -> bool:
    """Delete what may lie in staging: the bytes as they were sent. Whether that was possible."""
    try:
        clear_staging(upload)
    except StorageUnavailable:  # logged where it was raised
        return False
    return True


def _objects(asset: MediaAsset) -> Iterator[tuple[str, str]]:
    """Storage and key of everything that ``services.delete_objects`` deletes."""
    for alias in filter(None, (asset.storage, asset.copy_storage)):
        for key in object_keys(asset):
            yield alias, key
    if asset.raw_key:
        yield asset.raw_storage, asset.raw_key
        if asset.copy_storage:
            yield private_alias(asset.copy_storage), asset.raw_key


def _stagings(uploads: list[Upload]) -> Iterator[tuple[str, str]]:
    for upload in uploads:
        yield upload.storage, upload.staging_key


def _cached(asset: MediaAsset) -> Iterator[str]:
    """The URLs that shared caches may have: every public one, in all storages that it may have been in; private ones,
    without their signatures, where they go through a CDN."""
    if asset.visibility == Visibility.PUBLIC:
        aliases = [alias for alias in _PUBLIC if is_configured(alias)]
    else:
        aliases = [alias for alias in ("s3-private",) if is_configured(alias) and _options(alias).get("cloudfront_key")]
    for alias in aliases:
        make, _ = url_maker(alias).current(timezone.now().timestamp())
        for key in object_keys(asset):
            url = urlsplit(make(key))._replace(query="").geturl()
            yield f"{settings.PUBLIC_BASE_URL}{url}" if url.startswith("/") else url


def _options(alias: str) -> dict[str, Any]:
    return cast(dict[str, Any], settings.STORAGES[alias]["OPTIONS"])
