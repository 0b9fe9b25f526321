"""Credentials that are not in the environment: instance role, container role, profile; found and renewed by boto3."""

import functools
import logging
from typing import Any

from media_assets.errors import StorageUnavailable
from media_assets.signing.sigv4 import Credentials

logger = logging.getLogger(__name__)


_FIX = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine an instance role."


def role_credentials() -> tuple[Credentials, int | None]:
    """The present credentials and when they end (seconds since the epoch; None: they do not).

    A URL signed with them dies with them, whatever its own expiry says (AWS, "Sharing objects with presigned URLs").
    Raises StorageUnavailable where there are none, or where they cannot be renewed.
    """
    from botocore.exceptions import BotoCoreError

    try:
        found = _session().get_credentials()
        frozen = found and found.get_frozen_credentials()  # renews them when they are about to end
    except (BotoCoreError, RuntimeError) as error:  # RuntimeError: renewed, and already over
        logger.error("Storage credentials: %s. %s", error, _FIX)
        raise StorageUnavailable from error
    if not frozen:
        logger.error("Storage credentials: none were found. %s", _FIX)
        raise StorageUnavailable
    ends_at = getattr(found, "_expiry_time", None)
    credentials = Credentials(frozen.access_key, frozen.secret_key, frozen.token)
    return credentials, None if ends_at is None else int(ends_at.timestamp())


@functools.cache
def _session() -> Any:
    import boto3

    return boto3.Session()
