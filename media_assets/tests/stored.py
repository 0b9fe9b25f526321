"""Published assets for the tests, without any app that uses them; and the mark of what needs a real S3 server."""

import os
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction

from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage

real_server = pytest.mark.skipif(
    "S3_TEST_ENDPOINT_URL" not in os.environ, reason="moto checks no signature, no expiry and no ACL"
)


def published(file: Any, *, owner: Any = None, folder: str = "pictures", visibility: str | None = None) -> MediaAsset:
    """The live asset of an uploaded file, through the field and the services."""
    checked = ImageUploadField().run_validation(file)
    with (
        stored_image(checked, owner=owner, folder=folder, visibility=visibility) as asset,
        transaction.atomic(),
    ):
        asset_publish(asset)
    return MediaAsset.objects.get(pk=asset.pk)


def content(alias: str, key: str) -> bytes:
    """The bytes of an object."""
    with get_storage(alias).open(key) as file:
        return file.read()


def original(asset: MediaAsset) -> bytes:
    """The bytes at its key."""
    return content(asset.storage, asset.key)


def process_environment(**lines: str) -> dict[str, str]:
    """The environment of another process of this site, on this test's database, local folders and variants."""
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "x" * 50,
        "USE_S3": "False",
        "DATABASE_URL": _database_url(),
        "MEDIA_ROOT": settings.MEDIA_ROOT,
        "PRIVATE_MEDIA_ROOT": settings.PRIVATE_MEDIA_ROOT,
        "MEDIA_VARIANT_WIDTHS": ",".join(map(str, settings.MEDIA_VARIANT_WIDTHS)),
        **lines,
    }


def _database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    server = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT'] or 5432}"
    return f"postgres://{server}/{database['NAME']}"
