"""The storages behind their aliases. Aliases are resolved when asked, never at import."""

from typing import cast

from django.conf import settings
from django.core.files.storage import storages

from media_assets.storages.contract import MediaStorage, ObjectStat

__all__ = ["MediaStorage", "ObjectStat", "active_alias", "get_storage", "is_configured"]


def active_alias(visibility: str) -> str:
    """The alias that new files of this visibility go to."""
    return str(settings.MEDIA_ACTIVE_STORAGES[visibility])


def is_configured(alias: str) -> bool:
    """Whether the alias has a storage in this environment; assets on another one are ``unavailable``."""
    return alias in settings.STORAGES


def get_storage(alias: str) -> MediaStorage:
    """The storage of an alias. Raises django's InvalidStorageError where it is not configured."""
    return cast(MediaStorage, storages[alias])
