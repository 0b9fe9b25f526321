"""What ``manage.py storage_adopt`` may make of a file here: what ``media_assets.shortcuts`` hand out."""

from uuid import UUID

from django.utils import timezone

from media_assets.operations.adopting import Adoption, Refused, target
from media_assets.uploads.models import Upload

MAX_PREFIX = 100


@target("upload", columns=("upload_id", "created_at"))
def adopt_upload(adoption: Adoption) -> None:
    """A complete upload, with the upload_id of the CSV or a new one, of the owner or of nobody."""
    fields = {"upload_id": _upload_id(text)} if (text := adoption.details.get("upload_id")) else {}
    asset = adoption.asset_for(adoption.owner)
    now = timezone.now()
    upload = Upload.objects.create(
        **fields,
        owner=adoption.owner,
        status=Upload.STATUS_COMPLETE,
        original_filename=asset.original_filename,
        content_type=asset.content_type,
        declared_size=asset.size,
        prefix=adoption.key.rpartition("/")[0][:MAX_PREFIX],
        max_file_size=asset.size,
        storage=asset.storage,
        staged=False,
        expires_at=now,
        completed_at=now,
        asset=asset,
    )
    if created := adoption.created():
        Upload.objects.filter(pk=upload.pk).update(**created)


def _upload_id(text: str) -> UUID:
    try:
        upload_id = UUID(text)
    except ValueError:
        raise Refused(f"upload_id: {text!r} is no UUID. Leave it out for a new one.") from None
    if Upload.everything.filter(upload_id=upload_id).exists():
        raise Refused(f"Another upload has the upload_id {upload_id}.")
    return upload_id
