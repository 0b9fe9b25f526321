"""Hands assets to the workers that clean them and make their variants (``media_assets.processing``)."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

PROCESS_ASSET = "media_assets.process_asset"
PATIENCE_SECONDS = 1  # a failure that took longer is no idle connection's end: the broker is away
SILENCE_SECONDS = 30  # after a failure the broker is left alone: a request with many pictures waits for it once
logger = logging.getLogger(__name__)
_silent_until = 0.0


def send_after_commit(asset_id: int) -> None:
    """``send`` once the present transaction is committed."""
    transaction.on_commit(lambda: send(asset_id))


def send(asset_id: int) -> bool:
    """Hand the asset to a worker, or, without a broker, do here and now what is due; whether that went well.

    Never raises: what is due stands in the registry, and the sweeper sends it again.
    """
    global _silent_until
    if settings.CELERY_BROKER_URL and time.monotonic() < _silent_until:
        logger.warning("Asset %s waits for the sweeper: the broker did not answer a moment ago.", asset_id)
        return False
    try:
        if settings.CELERY_BROKER_URL:
            _hand_over(asset_id)
        else:
            from media_assets.processing import asset_process  # the imaging that nothing else needs

            asset_process(asset_id)
    except Exception:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.exception("Asset %s could not be handed to a worker; the sweeper will.", asset_id)
        return False
    return True


def _hand_over(asset_id: int) -> None:
    """Send the message, by a new connection where the pooled one fails at once: whether the broker dropped it while it
    lay idle, or was started anew, is only seen at its next use."""
    app = import_string(settings.CELERY_APP)
    began = time.monotonic()
    try:
        app.send_task(PROCESS_ASSET, (asset_id,))
    except Exception:
        if time.monotonic() - began > PATIENCE_SECONDS:
            raise
        with app.connection_for_write() as connection:
            app.send_task(PROCESS_ASSET, (asset_id,), connection=connection)
