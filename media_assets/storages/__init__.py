"""The storages behind their aliases. Aliases are resolved when asked, never at import."""

from typing import cast

from django.conf import settings
from django.core.files.storage import storages

from media_assets.storages.contract import MediaStorage, ObjectStat

__all__ = ["MediaStorage", "ObjectStat", "active_alias", "get_storage", "is_configured", "lies_in_another"]


def active_alias(visibility: str) -> str:
    """The alias that new files of this visibility go to."""
    return str(settings.MEDIA_ACTIVE_STORAGES[visibility])


def lies_in_another(alias: str, key: str) -> bool:
    """Whether a bucket's root is this storage, a folder in it another one, and the key leads into that folder."""
    options = {name: settings.STORAGES[name]["OPTIONS"] for name in ("s3-public", "s3-private") if is_configured(name)}
    this = options.get(alias)
    if this is None:
        return False
    full_key = f"{this['location']}/{key}" if this["location"] else key
    return any(
        other["bucket_name"] == this["bucket_name"]
        and len(other["location"]) > len(this["location"])
        and full_key.startswith(f"{other['location']}/")
        for other in options.values()
    )


def is_configured(alias: str) -> bool:
    """Whether the alias has a storage in this environment; assets on another one are ``unavailable``."""
    return alias in settings.STORAGES


def get_storage(alias: str) -> MediaStorage:
    """The storage of an alias. Raises django's InvalidStorageError where it is not configured."""
    return cast(MediaStorage, storages[alias])
