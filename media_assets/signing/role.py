"""Credentials that are not in the environment: instance role, container role, profile; found and renewed by boto3."""

import functools
from typing import Any

from media_assets.errors import StorageUnavailable
from media_assets.signing.sigv4 import Credentials


def role_credentials() -> tuple[Credentials, int | None]:
    """The present credentials and when they end (seconds since the epoch; None: they do not).

    A URL signed with them dies with them, whatever its own expiry says (AWS, "Sharing objects with presigned URLs").
    Raises StorageUnavailable where there are none.
    """
    found = _session().get_credentials()
    if found is None:
        raise StorageUnavailable("No storage credentials were found.")
    frozen = found.get_frozen_credentials()  # renews them when they are about to end
    ends_at = getattr(found, "_expiry_time", None)
    return Credentials(frozen.access_key, frozen.secret_key, frozen.token), int(
        ends_at.timestamp()
    ) if ends_at else None


@functools.cache
def _session() -> Any:
    import boto3

    return boto3.Session()
