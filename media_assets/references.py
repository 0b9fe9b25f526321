"""Who points at an asset; and deleting a row, however it happens, discards the asset that it pointed at."""

import logging
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.db.models.signals import pre_delete

from media_assets.models import MediaAsset, referring_fields
from media_assets.services import assets_discard

logger = logging.getLogger(__name__)


def where_used(asset: MediaAsset) -> list[Model]:
    """The rows, of any model, that point at the asset."""
    return [row for field in referring_fields() for row in field.model._base_manager.filter(**{field.name: asset})]


def connect() -> None:
    """Watch every model that has a foreign key to the registry (called once, when the apps are loaded)."""
    for field in referring_fields():
        pre_delete.connect(_row_deleted, sender=field.model, dispatch_uid="media_assets.row_deleted")


class _Batch:
    """The assets freed by one transaction (or savepoint), discarded together after commit."""

    def __init__(self) -> None:
        self.asset_ids: list[int] = []

    def discard(self) -> None:
        """After the commit: a failure is logged, and the sweeper finds what nothing refers to."""
        try:
            with transaction.atomic():
                assets_discard(self.asset_ids)
        except Exception:
            logger.exception("Assets %s could not be discarded; the sweeper will.", self.asset_ids)


def _row_deleted(sender: type[Model], instance: Model, **kwargs: Any) -> None:
    ids = [
        asset_id
        for field in referring_fields()
        if field.model is sender and (asset_id := getattr(instance, field.attname)) is not None
    ]
    if ids:
        _batch().asset_ids.extend(ids)


def _batch() -> _Batch:
    """The batch of the present savepoint: rolled back with it, else run once at commit."""
    for savepoints, callback, *_ in reversed(connection.run_on_commit):
        batch = getattr(callback, "__self__", None)
        if isinstance(batch, _Batch) and savepoints == set(connection.savepoint_ids):
            return batch
    batch = _Batch()
    transaction.on_commit(batch.discard)
    return batch
