"""Files by their keys, for Python programs: ``S3Client`` as the document of seed 002 has it.

It works on the storages that new files go to, so on local disk where S3 is off. What it writes is in the registry,
held by a complete ``Upload`` without an owner; no file is ever overwritten.
"""

from __future__ import annotations

import contextlib
import json
import unicodedata
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast
from django.utils import timezone

from api.errors import Conflict, RequestRefused
from media_assets.answers import Answer, answering, file_url, time_text
from media_assets.errors import StorageUnavailable
from media_assets.keys import folders_of, is_safe_key, safe_filename
from media_assets.local_files import LocalFile, key_taken
from media_assets.models import MediaAsset, State, Upload, Visibility
from media_assets.references import where_used
from media_assets.services import abandon, asset_publish, assets_discard, purge_discarded, stored
from media_assets.storages import active_alias, get_storage, lies_in_another
from media_assets.storages.contract import MediaStorage, ObjectStat
from media_assets.uploads.services import MAX_PREFIX, OWN_FOLDERS, STAGING, upload_delete

MAX_KEY = 512  # characters, those of the registry
MAX_KEY_BYTES = 900  # of UTF-8; S3 allows 1024, the storage's own folder included
MAX_SEGMENT_BYTES = 255  # of UTF-8; what file systems allow


class S3Client:
    """Every method answers ``{"success": True, ...}``, or ``{"success": False, "error": "...", "code": "..."}``: a
    refusal is never an exception. Call them outside of transactions."""

    @answering
    def upload_file(
        self, file_path: str | Path, object_key: str, public: bool = False, content_type: str | None = None
    ) -> Answer:
        """Store a copy of a file of this machine, of any type, under exactly this key.

        In: ``content_type``, told from the key where it is not given; an accepted image has its own in either case.
        ``public``: anyone may read it; what is not an accepted image is then saved by browsers, never shown, and has a
        type that no browser runs.
        Out: ``url``, ``key`` and ``object_key`` (the same), ``upload_id`` (for ``media_assets.shortcuts``), ``size``
        (bytes), ``content_type``, ``sha256``, ``public``.
        """
        _require_key(object_key)
        visibility = Visibility.PUBLIC if public else Visibility.PRIVATE
        folder, _, name = object_key.rpartition("/")
        with LocalFile(file_path, object_key, content_type=content_type, public=public) as source:
            if MediaAsset.objects.filter(key=object_key).exists():
                raise key_taken(object_key)
            _require_no_file_above(object_key)
            with stored(source, owner=None, folder=folder, visibility=visibility) as asset, transaction.atomic():
                asset_publish(asset)
                upload = _holder(asset, name, folder)
        return {
            "url": file_url(asset)[0],
            "key": asset.key,
            "object_key": asset.key,
            "upload_id": str(upload.upload_id),
            "size": asset.size,
            "content_type": asset.content_type,
            "sha256": asset.sha256,
            "public": public,
        }

    @answering
    def list_objects(self, prefix: str = "", max_keys: int = 1000) -> Answer:
        """The objects whose key starts with ``prefix``: the public ones, then the private ones, each in the storage's
        own order; what uploads have under way is not among them.

        Out: ``objects``, at most ``max_keys`` of ``{key, size, last_modified, etag, public}``; ``count``;
        ``is_truncated``, whether there are more.
        """
        if not isinstance(prefix, str):
            raise RequestRefused("prefix: Write it as text.", "invalid_prefix")
        if type(max_keys) is not int or max_keys < 1:
            raise RequestRefused("max_keys: Write a whole number above 0.", "invalid_max_keys")
        found = chain.from_iterable(_listed(visibility, prefix) for visibility in Visibility.values)
        objects = list(islice(found, max_keys + 1))
        shown = objects[:max_keys]
        return {"objects": shown, "count": len(shown), "is_truncated": len(objects) > max_keys}

    @answering
    def delete_object(self, object_key: str) -> Answer:
        """Delete what lies at this key; nothing there is as good. Refused where a resource uses it, or it is one of the
        sizes that were made of an image."""
        _require_key(object_key)
        asset = MediaAsset.objects.filter(key=object_key).first()
        if asset is None:
            _require_no_variant(object_key)
            with _held(object_key):
                _delete_plain(object_key)
        elif asset.state == State.RESERVED:
            raise Conflict(f"{object_key} is being written just now. Try again later.", "key_busy")
        elif asset.state in (State.DISCARDED, State.TOMBSTONE):  # nobody can take the key: what lies there is no asset
            purge_discarded([asset.pk])
            _delete_plain(object_key)
        else:
            _discard(asset)
        return {"key": object_key, "object_key": object_key}


def _holder(asset: MediaAsset, name: str, folder: str) -> Upload:
    """The record that keeps the asset: nothing else points at it, and the sweeper gives up what nothing points at."""
    now = timezone.now()
    upload = Upload(
        status=Upload.STATUS_COMPLETE,
        original_filename=name,
        content_type=asset.content_type,
        declared_size=asset.size,
        sha256=asset.sha256,
        prefix=folder[:MAX_PREFIX],
        max_file_size=asset.size,
        storage=active_alias(Visibility.PRIVATE),
        expires_at=now,
        staged=False,
        asset=asset,
        completed_at=now,
    )
    upload.staging_key = f"{STAGING}/{upload.upload_id}/{safe_filename(name, '')}"  # of an object that never is
    upload.save(force_insert=True)
    return upload


def _discard(asset: MediaAsset) -> None:
    """Give up a live asset with its record. Raises Conflict where something else points at it."""
    upload = Upload.objects.filter(asset=asset).first()
    users = [row for row in where_used(asset) if not isinstance(row, Upload)]
    if not users:
        with transaction.atomic():
            if upload is not None:
                upload_delete(upload)
            assets_discard([asset.pk])
    if users or MediaAsset.objects.filter(pk=asset.pk).live().exists():
        used_by = ", ".join(f"{row._meta.verbose_name} {row.pk}" for row in users) or "something"
        raise Conflict(f"{asset.key} is used by {used_by}. Delete it there first.", "in_use")


@contextlib.contextmanager
def _held(object_key: str) -> Iterator[None]:
    """Keep a key that the registry does not know from being taken meanwhile. Raises Conflict."""
    lease = timezone.now() + timedelta(seconds=settings.MEDIA_LEASE_SECONDS)
    alias = active_alias(Visibility.PRIVATE)
    asset = MediaAsset(key=object_key, storage=alias, visibility=Visibility.PRIVATE, size=0, lease_expires_at=lease)
    try:
        with transaction.atomic(durable=True):
            asset.save(force_insert=True)
    except IntegrityError:
        raise Conflict(f"{object_key} is being written just now. Try again later.", "key_busy") from None
    try:
        yield
    except StorageUnavailable:
        abandon(asset, now=False)  # the deletion may still come through: the key waits, as after a write that failed
        raise
    MediaAsset.objects.filter(pk=asset.pk, state=State.RESERVED).delete()


def _delete_plain(object_key: str) -> None:
    """Whatever lies at the key in either storage. Raises StorageUnavailable."""
    for storage in _storages():
        storage.delete(object_key)


def _listed(visibility: str, prefix: str) -> Iterator[Answer]:
    storage = get_storage(active_alias(visibility))
    for found in storage.list_objects(prefix):
        if not _is_own(found.key) and not lies_in_another(storage.alias, found.key):
            yield _described(found, public=visibility == Visibility.PUBLIC)


def _described(found: ObjectStat, *, public: bool) -> Answer:
    return {
        "key": found.key,
        "size": found.size,
        "last_modified": time_text(found.modified_at),
        "etag": found.etag,
        "public": public,
    }


def _require_key(object_key: Any) -> None:
    """Raise RequestRefused where it cannot be the key of a file, or is not a file's of this kind."""
    if not isinstance(object_key, str):
        raise RequestRefused("object_key: Write it as text.", "invalid_object_key")
    if not _can_be_key(object_key):
        message = (
            "object_key: Use folders and a name with '/' between them, none of them empty or beginning with a dot, "
            f"no backslashes or control characters, at most {MAX_KEY} characters, and {MAX_SEGMENT_BYTES} bytes each."
        )
        raise RequestRefused(message, "invalid_object_key")
    if _is_own(object_key) or any(lies_in_another(storage.alias, object_key) for storage in _storages()):
        front = object_key.partition("/")[0]
        raise RequestRefused(f"object_key: The folder '{front}' is the site's own. Use another.", "reserved_key")


def _can_be_key(text: str) -> bool:
    plain = not any(unicodedata.category(char).startswith("C") for char in text)
    if not plain or len(text) > MAX_KEY or len(text.encode()) > MAX_KEY_BYTES:
        return False
    return is_safe_key(text) and all(len(part.encode()) <= MAX_SEGMENT_BYTES for part in text.split("/"))


def _is_own(key: str) -> bool:
    """Whether it lies in a folder of things that have no rows of their own, or are not to be seen yet."""
    return key.partition("/")[0] in OWN_FOLDERS


def _require_no_file_above(object_key: str) -> None:
    """On a disk a name is a file or a folder, never both."""
    if file := MediaAsset.objects.filter(key__in=folders_of(object_key)).values_list("key", flat=True).first():
        raise Conflict(f"{file} is a file, so it can hold no others. Choose another key.", "key_taken")


def _require_no_variant(object_key: str) -> None:
    """Raise Conflict where the object is one of an image's sizes, which have no rows of their own."""
    made = MediaAsset.objects.live().filter(variants__isnull=False).annotate(text=Cast("variants", TextField()))
    spellings = json.dumps(object_key), json.dumps(object_key, ensure_ascii=False)  # databases keep either
    if made.filter(Q(text__contains=spellings[0]) | Q(text__contains=spellings[1])).exists():
        raise Conflict(f"{object_key} is a size of another image. Delete that image instead.", "in_use")


def _storages() -> list[MediaStorage]:
    return [get_storage(active_alias(visibility)) for visibility in Visibility.values]
