"""An upload as every answer shows it, ready for JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from api.errors import Conflict
from media_assets.answers import file_url, require_readable
from media_assets.errors import StorageUnavailable
from media_assets.models import LIVE_STATES, MediaAsset, Upload
from media_assets.rendering import MediaRenderer, base_url
from media_assets.storages.contract import DirectForm
from media_assets.uploads.models import UploadQuerySet
from media_assets.uploads.services import upload_form

Row = dict[str, Any]
METHOD = "POST"


def shown_uploads(user: Any) -> UploadQuerySet:
    """The user's own, with what ``upload_renderer`` looks at."""
    return Upload.objects.visible_to(user).select_related("asset", "attached_asset")


def upload_renderer(request: Request) -> Callable[[Upload], Row]:
    """A function from upload to the object that answers have of it; all of one answer as of one moment."""
    media, now = MediaRenderer.for_request(request), timezone.now()

    def render(upload: Upload) -> Row:
        asset = live_asset(upload)
        status = upload.status_at(now)
        row = {
            "upload_id": str(upload.upload_id),
            "status": status,
            "original_filename": upload.original_filename,
            "content_type": asset.content_type if asset else upload.content_type,
            "size": asset.size if asset else upload.declared_size,
            "expires_at": upload.expires_at,
            "max_file_size": upload.max_file_size,
            "attached": upload.attached_at is not None,
            "media": media.asset(asset),
        }
        if status == Upload.STATUS_REJECTED:
            row |= {"reason": upload.reason, "reason_code": upload.reason_code}
        return row

    return render


def upload_row(upload: Upload, request: Request) -> Row:
    """One upload."""
    return upload_renderer(request)(upload)


def upload_row_with_form(upload: Upload, request: Request) -> Row:
    """One upload with its form, signed now; null instead of one that is not pending. Raises StorageUnavailable."""
    row, form = upload_row(upload, request), None
    if row["status"] == Upload.STATUS_PENDING:
        form = sendable_form(upload, request)
    url, fields = (form.url, form.fields) if form else (None, None)
    return {
        **row,
        "method": METHOD,
        "form_url": url,
        "form_fields": fields,
        "url": url,
        "fields": fields,
        "headers": {},
    }


def sendable_form(upload: Upload, request: Request) -> DirectForm:
    """The form of a pending upload, with an absolute address. Raises StorageUnavailable."""
    form = upload_form(upload)
    return DirectForm(absolute(form.url, request), form.fields)


def live_asset(upload: Upload) -> MediaAsset | None:
    """Its file: its own, or the copy that a resource took, as long as that lives."""
    asset: MediaAsset | None = upload.asset or upload.attached_asset
    return asset if asset is not None and asset.state in LIVE_STATES else None


def upload_url(upload: Upload, request: Request, expires_in: int | None) -> Row:
    """Where the file of a complete upload is read: ``url``, ``content_type``, ``name``, ``expires_in`` (seconds).

    In: ``expires_in``, for exactly so many seconds from now where the file is private; None: the URL of the present
    time window. Raises Conflict (``not_complete``, ``image_processing``, ``image_failed``), NotFound where the file
    went with what had taken it, StorageUnavailable.
    """
    if upload.status != Upload.STATUS_COMPLETE:
        status = upload.status_at(timezone.now())
        raise Conflict(f"This upload is {status}: only a complete one has a file to read.", "not_complete")
    asset = live_asset(upload)
    if asset is None:
        raise NotFound("The file of this upload was deleted with what had taken it.", "file_deleted")
    require_readable(asset)
    url, lives = file_url(asset, expires_in)
    if url is None:
        raise StorageUnavailable
    return {
        "url": absolute(url, request),
        "content_type": asset.content_type,
        "name": upload.original_filename,
        "expires_in": lives,
    }


def absolute(url: str, request: Request) -> str:
    """The URL as a client can use it: with this site's address before it where it begins with a slash."""
    return f"{base_url(request._request)}{url}" if url.startswith("/") else url
