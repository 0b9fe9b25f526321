"""Direct uploads for the tests, complete or not, made without a browser."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, Upload, Visibility
from media_assets.services import asset_publish, stored_image
from media_assets.storages import active_alias, get_storage
from media_assets.uploads.services import upload_create


def complete_upload(file: Any, *, owner: Any = None, prefix: str = "uploads") -> Upload:
    """The complete upload of an image, its object and asset stored by the services; nothing is left in staging."""
    checked = ImageUploadField().run_validation(file)
    place: dict[str, Any] = {"owner": owner, "folder": prefix, "visibility": Visibility.PRIVATE}
    with stored_image(checked, **place, rename=lambda name: f"{uuid4()}_{name}") as asset, transaction.atomic():
        assert asset is not None
        asset_publish(asset)
        now = timezone.now()
        upload = Upload.objects.create(
            **_declared(owner, prefix, file.name), status=Upload.STATUS_COMPLETE, asset=asset, completed_at=now
        )
    return Upload.objects.select_related("asset").get(pk=upload.pk)


def pending_upload(*, owner: Any = None, **fields: Any) -> Upload:
    """An upload of which no byte has come."""
    return Upload.objects.create(**{**_declared(owner, "uploads", "sea.jpg"), **fields})


def staged_upload(owner: Any, data: bytes, name: str = "a.jpg", content_type: str = "image/jpeg") -> Upload:
    """A pending upload whose bytes have come."""
    upload = upload_create(owner=owner, original_filename=name, content_type=content_type)
    put_in_staging(upload, data)
    return upload


def put_in_staging(upload: Upload, data: bytes) -> None:
    """These bytes, in the place of what has come, as a store would take them that looks at no policy."""
    storage: Any = get_storage(upload.storage)
    storage.delete(upload.staging_key)
    storage.create(upload.staging_key, ContentFile(data), content_type=upload.content_type, object_id=uuid4())


def rows_like(upload: Upload, count: int) -> list[Upload]:
    """So many complete uploads of the same kind without objects: for what never looks at those."""
    columns = {field.name: getattr(upload.asset, field.name) for field in MediaAsset._meta.fields} | {"id": None}
    known = {field.name: getattr(upload, field.name) for field in Upload._meta.fields} | {"id": None}
    assets = MediaAsset.objects.bulk_create(
        MediaAsset(**{**columns, "key": f"uploads/{uuid4()}.jpg", "object_id": uuid4()}) for _ in range(count)
    )
    return Upload.objects.bulk_create(Upload(**{**known, "upload_id": uuid4(), "asset": one}) for one in assets)


def _declared(owner: Any, prefix: str, filename: str) -> dict[str, Any]:
    upload_id = uuid4()
    return {
        "upload_id": upload_id,
        "owner": owner,
        "original_filename": filename,
        "content_type": "image/jpeg",
        "prefix": prefix,
        "max_file_size": 10_000_000,
        "storage": active_alias(Visibility.PRIVATE),
        "staging_key": f"staging/{upload_id}/sea.jpg",
        "expires_at": timezone.now() + timedelta(minutes=15),
        "staged": False,
    }
