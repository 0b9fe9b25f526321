"""Published assets for the tests, without any app that uses them."""

from typing import Any

from django.db import transaction

from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset
from media_assets.services import asset_publish, stored_image


def published(file: Any, *, owner: Any = None, folder: str = "pictures", visibility: str | None = None) -> MediaAsset:
    """The live asset of an uploaded file, through the field and the services."""
    checked = ImageUploadField().run_validation(file)
    with (
        stored_image(checked, owner=owner, folder=folder, visibility=visibility) as asset,
        transaction.atomic(),
    ):
        asset_publish(asset)
    return MediaAsset.objects.get(pk=asset.pk)
