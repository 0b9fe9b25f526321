"""Hands assets to the workers that clean them and make their variants (``media_assets.processing``)."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

PROCESS_ASSET = "media_assets.process_asset"
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
            import_string(settings.CELERY_APP).send_task(PROCESS_ASSET, (asset_id,))
        else:
            from media_assets.processing import asset_process  # the imaging that nothing else needs

            asset_process(asset_id)
    except Exception:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        logger.exception("Asset %s could not be handed to a worker; the sweeper will.", asset_id)
        return False
    return True
