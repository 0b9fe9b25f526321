"""Naming a complete upload where an image is wanted: whose it must be, and how far it must have come."""

import logging
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.exceptions import ValidationError

from media_assets.errors import StorageUnavailable, upload_attached
from media_assets.models import Upload
from media_assets.storages import is_configured
from media_assets.uploads.models import UploadQuerySet

OFFERED = 50  # uploads to choose from in a form
logger = logging.getLogger(__name__)


def as_upload_id(value: Any) -> UUID | None:
    """The upload id that a client wrote, or None where it is none."""
    if not isinstance(value, str):
        return None
    try:
        return UUID(value)
    except ValueError:
        return None


def uploads_by_id(upload_ids: Iterable[Any], user: Any) -> dict[UUID, Upload]:
    """The user's own uploads among those that a client named. One query; staff name their own only."""
    wanted = {upload_id for value in upload_ids if (upload_id := as_upload_id(value)) is not None}
    if not wanted:
        return {}
    found = _own(user).filter(upload_id__in=wanted)
    return {upload.upload_id: upload for upload in found}


def attachable(upload: Upload | None) -> Upload:
    """The upload, for ``stored_image``.

    Raises ValidationError where it is not there (or somebody else's: no difference is told), not complete, or not an
    image; Conflict (``upload_attached``) where something has taken it; StorageUnavailable where this environment does
    not have its storage.
    """
    known = complete_image(upload)
    if known.asset is None:
        raise upload_attached()
    return known


def complete_image(upload: Upload | None) -> Upload:
    """``attachable``, but for one that was taken already: what took it may be this very request, sent again."""
    if upload is None:
        raise ValidationError("There is no upload with this id.", code="upload_unknown")
    address = f"/api/uploads/{upload.upload_id}"
    match upload.status_at(timezone.now()):
        case Upload.STATUS_PENDING:
            raise ValidationError(
                f"This upload is not complete: POST {address}/complete/ first.", code="upload_not_complete"
            )
        case Upload.STATUS_REJECTED:
            raise ValidationError(upload.reason, code=upload.reason_code)
        case Upload.STATUS_EXPIRED:
            raise ValidationError(
                f"The time for this upload is over: POST {address}/renew/ for a new form, send the file, complete it.",
                code="upload_expired",
            )
    asset = upload.asset or upload.attached_asset
    if asset is not None and asset.width is None:
        raise ValidationError("This upload is not an image.", code="upload_not_an_image")
    if upload.asset is not None and not is_configured(upload.asset.storage):
        logger.error("Upload %s lies on %s, which is not configured.", upload.upload_id, upload.asset.storage)
        raise StorageUnavailable
    return upload


def newest_images(user: Any) -> UploadQuerySet:
    """The user's own complete images that nothing has taken yet, newest first, ``OFFERED`` at most."""
    return _own(user).attachable().filter(asset__width__isnull=False).order_by("-created_at", "-id")[:OFFERED]


def _own(user: Any) -> UploadQuerySet:
    return Upload.objects.visible_to(user).select_related("asset", "attached_asset")
