"""Direct uploads for Python programs: no request, no user.

Each call answers ``{"success": True, ...}``, or ``{"success": False, "error": "<sentence>", "code": "..."}``: a refusal
is never an exception. Call them outside of transactions: bytes move. ``owner`` is optional everywhere: it makes the
upload that user's, with their limits, and lets the other calls see that user's uploads only.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils import timezone
from rest_framework.exceptions import NotFound

from api.errors import Conflict, RequestRefused
from media_assets.answers import Answer, absolute, answering, file_url, require_readable, time_text
from media_assets.errors import StorageUnavailable, UploadRejected
from media_assets.models import MediaAsset, Upload
from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS
from media_assets.uploads.rendering import live_asset
from media_assets.uploads.services import (
    DEFAULT_PREFIX,
    upload_complete,
    upload_create,
    upload_delete,
    upload_form,
    upload_reject,
)

__all__ = ["Upload", "complete_upload", "delete_upload", "get_direct_upload_form_data", "get_upload_file_url"]

# What callers say of an upload that went wrong.
_FAILED = (Upload.STATUS_REJECTED, "failed", "error")


@answering
def get_direct_upload_form_data(
    original_filename: str,
    content_type: str,
    max_file_size: int | None = None,
    prefix: str = DEFAULT_PREFIX,
    *,
    owner: Any = None,
) -> Answer:
    """What a browser needs to send one file straight to the storage.

    In: ``content_type``, an accepted image's, or one of ``UPLOAD_ALLOWED_CONTENT_TYPES``; ``max_file_size``, bytes,
    at most and by default ``UPLOAD_MAX_SIZE_BYTES``; ``prefix``, the front of the file's key.
    Out: ``form_url`` (begins with a slash where the application itself takes the form and ``PUBLIC_BASE_URL`` is not
    set), ``form_fields`` (post them in this order, then ``file``), ``upload_id``, ``expires_at``, ``max_file_size``.
    """
    for name, value in {"original_filename": original_filename, "content_type": content_type, "prefix": prefix}.items():
        if not isinstance(value, str) or not value.strip():
            raise RequestRefused(f"{name}: Write it as text.", f"invalid_{name}")
    if max_file_size is not None and not _is_whole(max_file_size, 1):
        raise RequestRefused("max_file_size: Write a whole number of bytes above 0.", "invalid_max_file_size")
    upload = upload_create(
        owner=owner,
        original_filename=original_filename,
        content_type=content_type,
        prefix=prefix,
        max_file_size=max_file_size,
    )
    form = upload_form(upload)
    return {
        "form_url": absolute(form.url),
        "form_fields": form.fields,
        "upload_id": str(upload.upload_id),
        "expires_at": time_text(upload.expires_at),
        "max_file_size": upload.max_file_size,
    }


@answering
def complete_upload(upload_id: Any, status: str = Upload.STATUS_COMPLETE, *, owner: Any = None) -> Answer:
    """Finish an upload: ``complete`` once the file has arrived and is what was declared, which is looked at here and
    not believed; ``rejected`` (or ``failed``, ``error``) to refuse it, its bytes are deleted.

    Out: ``upload_id``, ``status``, ``name``, ``content_type``, and of the file ``key``, ``size`` (bytes), ``url`` (the
    one that the site's own answers have now). Completing or rejecting again answers the same.
    """
    upload = _found(upload_id, owner)
    if status == Upload.STATUS_COMPLETE:
        return _facts(upload_complete(upload))
    if status in _FAILED:
        return _facts(_rejected(upload))
    raise RequestRefused(f"{status!r} is no status to finish with. Write 'complete' or 'rejected'.", "unknown_status")


@answering
def get_upload_file_url(upload_id: Any, presigned: bool = True, expiration: int = 3600, *, owner: Any = None) -> Answer:
    """Where the file of a complete upload is read, also after a resource has taken it.

    In: ``presigned``, a URL signed now for exactly ``expiration`` seconds (1 to 604800); without it, the one that the
    site's own answers have. A private file has signed URLs only, a public one its plain URL, either way.
    Out: ``url``, ``content_type``, ``name``, ``expires_in`` (seconds; None for a plain URL).
    """
    if presigned and not _is_whole(expiration, 1, EXPIRY_MAX_SECONDS):
        message = f"expiration: Write a whole number of seconds, 1 to {EXPIRY_MAX_SECONDS}."
        raise RequestRefused(message, "invalid_expiration")
    asset = _file_of(_found(upload_id, owner))
    require_readable(asset)
    url, expires_in = file_url(asset, expiration if presigned else None)
    if url is None:
        raise StorageUnavailable
    return {
        "url": url,
        "content_type": asset.content_type,
        "name": asset.original_filename or asset.key.rpartition("/")[2],
        "expires_in": expires_in,
    }


@answering
def delete_upload(upload_id: Any, *, owner: Any = None) -> Answer:
    """Delete the file with its record. Refused where a resource has taken it: delete that."""
    upload_delete(_found(upload_id, owner))
    return {}


def _found(upload_id: Any, owner: Any) -> Upload:
    """Raises NotFound, for whatever cannot be an id too."""
    try:
        found = Upload.objects.filter(upload_id=UUID(str(upload_id)))
    except ValueError:
        found = Upload.objects.none()
    upload = (found if owner is None else found.filter(owner=owner)).first()
    if upload is None:
        raise NotFound("There is no such upload.", "not_found")
    return upload


def _rejected(upload: Upload) -> Upload:
    """The upload, rejected now or before. Raises Conflict where it is something else already."""
    try:
        decided = upload_reject(upload, "The upload was reported as failed.", "reported_failed")
    except UploadRejected:
        return Upload.everything.get(pk=upload.pk)
    raise Conflict(f"This upload is {decided.status} already. Delete it instead.", "upload_closed")


def _facts(upload: Upload) -> Answer:
    asset = live_asset(upload)
    return {
        "upload_id": str(upload.upload_id),
        "status": upload.status,
        "name": upload.original_filename,
        "content_type": asset.content_type if asset else upload.content_type,
        "key": asset.key if asset else None,
        "size": asset.size if asset else None,
        "url": file_url(asset)[0],
        **({"reason": upload.reason} if upload.status == Upload.STATUS_REJECTED else {}),
    }


def _file_of(upload: Upload) -> MediaAsset:
    """The file of a complete upload. Raises what its state means where there is none."""
    if upload.status == Upload.STATUS_REJECTED:
        raise UploadRejected(upload.reason, upload.reason_code)
    if upload.status_at(timezone.now()) == Upload.STATUS_EXPIRED:
        raise Conflict("The time for this upload is over. Begin a new one.", "upload_expired")
    if upload.status != Upload.STATUS_COMPLETE:
        raise Conflict("This upload is not complete yet. Complete it first.", "not_complete")
    asset = live_asset(upload)
    if asset is None:
        raise NotFound("The file of this upload was deleted with what had taken it.", "file_deleted")
    return asset


def _is_whole(value: Any, least: int, most: int | None = None) -> bool:
    return type(value) is int and value >= least and (most is None or value <= most)
