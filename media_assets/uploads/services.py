"""The life of a direct upload: a form, the bytes (past us), the check, the copy; and its end.

Pending becomes complete, rejected, expired or discarded by one conditional UPDATE each: whoever races, one wins, and
the others see what was decided. Bytes in staging are never trusted, never delivered, and copied only as they were when
they were checked.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import uuid
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError

from api.errors import Conflict
from api.idempotency import Claim
from media_assets.errors import ObjectMissing, StorageUnavailable, UploadRejected, upload_attached
from media_assets.imaging.cleaning import clean_image
from media_assets.imaging.containers import CONVERTED_CONTENT_TYPES
from media_assets.imaging.ranged import WHOLE_BYTES
from media_assets.keys import display_filename, filename_extension, folders_of, safe_filename
from media_assets.metrics import DIRECT, count_refused
from media_assets.models import MediaAsset, Visibility
from media_assets.presets import VARIANTS
from media_assets.quotas import room_for_upload
from media_assets.services import RAW, asset_publish, assets_discard, stored
from media_assets.sources import StoredObject
from media_assets.storages import active_alias, get_storage, is_configured, lies_in_another
from media_assets.storages.contract import DirectForm, DirectUploadStorage, MultipartStorage, ObjectStat
from media_assets.uploads.content import IMAGE_TYPES, Content, ContentRefused, check_content, is_allowed_type
from media_assets.uploads.models import GRACE, Upload

STAGING = "staging"
DEFAULT_PREFIX = "uploads"
OWN_FOLDERS = (STAGING, RAW, VARIANTS)
ROWS_PER_STATEMENT = 500  # well under the number of parameters that any database takes in one
CLEARED_AT_ONCE = 50
BEGINNING = "beginning"  # stands for the store's id until it has given one
PIECE_BYTES = 8 * 1024 * 1024
MAX_PREFIX = 100  # characters
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,48}/[a-z0-9][a-z0-9!#$&^_.+-]{0,48}")  # RFC 6838, 4.2
_PREFIX = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*(/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")
logger = logging.getLogger(__name__)


def upload_create(
    *,
    owner: Any,
    original_filename: str,
    content_type: str,
    size: int | None = None,
    sha256: str = "",
    prefix: str = DEFAULT_PREFIX,
    max_file_size: int | None = None,
    multipart: bool = False,
    claim: Claim | None = None,
) -> Upload:
    """A pending upload; ``upload_form`` gives its form, or, ``multipart``, the store has begun to take it in parts.

    In: ``owner``, None for calls of our own code; ``size`` (bytes) and ``sha256`` (hexadecimal) as declared: then
    exactly these bytes are taken; ``prefix``, the front of the final key; ``max_file_size``, bytes, at most and by
    default ``UPLOAD_MAX_SIZE_BYTES``; ``claim``, completed with the row. Raises ValidationError by field; Conflict
    (``too_many_uploads``, ``quota_exceeded``, ``multipart_unsupported``); NotAuthenticated where the owner was erased;
    StorageUnavailable.
    """
    limit = min(max_file_size or settings.UPLOAD_MAX_SIZE_BYTES, settings.UPLOAD_MAX_SIZE_BYTES)
    filename = display_filename(original_filename)
    upload_id = uuid.uuid4()
    upload = Upload(
        upload_id=upload_id,
        owner=owner,
        original_filename=filename,
        content_type=_content_type(content_type),
        declared_size=_size(size, limit),
        sha256=_sha256(sha256),
        prefix=_prefix(prefix, active_alias(Visibility.PRIVATE)),
        max_file_size=limit,
        storage=active_alias(Visibility.PRIVATE),
        staging_key=f"{STAGING}/{upload_id}/{safe_filename(filename, filename_extension(filename))}",
    )
    if multipart:
        _require_parts(upload)
    seconds = settings.UPLOAD_MULTIPART_SECONDS if multipart else settings.UPLOAD_FORM_SECONDS
    upload.expires_at = _expiry(upload, seconds)
    upload.due_at = upload.expires_at + GRACE
    with transaction.atomic():
        _hold(owner)
        room = room_for_upload(owner, upload.declared_size)
        upload.max_file_size = min(limit, room)
        upload.save(force_insert=True)
        if claim is not None:
            claim.complete(upload.pk)
    if multipart:
        _begin_parts(upload)
    return upload


def upload_form(upload: Upload) -> DirectForm:
    """The form of a pending upload, signed anew; good until ``expires_at``. Raises StorageUnavailable."""
    return staging_storage(upload).direct_form(
        upload.staging_key,
        content_type=upload.content_type,
        min_size=upload.declared_size or 1,
        max_size=upload.declared_size or upload.max_file_size,
        sha256=upload.sha256,
        expires_at=upload.expires_at,
    )


def upload_renew(upload: Upload) -> Upload:
    """Give a pending or expired upload a new time; one in parts becomes one of a single form.

    What lies in staging already stays and can be completed. Raises Conflict (``upload_closed``) for the others,
    and what ``upload_create`` raises of limits.
    """
    current = _current(upload)
    _require_open(current)
    if current.multipart_id:
        _abort_parts(current, staging_storage(current))
    expires_at = _expiry(current, settings.UPLOAD_FORM_SECONDS)
    with transaction.atomic():
        _hold(current.owner)
        current = _current(upload)
        _require_open(current)
        if current.status_at(timezone.now()) == Upload.STATUS_EXPIRED:
            Upload.objects.filter(pk=current.pk).update(staged=False)  # it is counted anew
            room = room_for_upload(current.owner, current.declared_size)
            current.max_file_size = min(current.max_file_size, room)
        current.status, current.staged, current.multipart_id = Upload.STATUS_PENDING, True, ""
        current.expires_at, current.due_at = expires_at, expires_at + GRACE
        current.save()
    return current


def _require_open(upload: Upload) -> None:
    if upload.status not in (Upload.STATUS_PENDING, Upload.STATUS_EXPIRED):
        raise Conflict(f"This upload is {upload.status}. Begin a new one.", "upload_closed")


def upload_complete(upload: Upload) -> Upload:
    """Check what has arrived and make it an asset; again, once that is done: the same answer.

    Raises Conflict: ``not_uploaded`` (nothing there yet), ``upload_expired`` (renew it), ``upload_changed`` (other
    bytes came during the check); UploadRejected with the reason, the bytes gone; NotFound where it was deleted
    meanwhile; StorageUnavailable.
    """
    current = _current(upload)
    if (decided := _decided(current)) is not None:
        return decided
    storage = staging_storage(current)
    try:
        stat = storage.stat(current.staging_key)
        content, sha256 = _checked(current, storage, stat)
        source = StoredObject(
            storage=storage,
            stat=stat,
            filename=current.original_filename,
            key_name=f"{uuid.uuid4()}_{safe_filename(current.original_filename, content.extension)}",
            content_type=content.content_type,
            sha256=sha256,
            width=content.facts.width if content.facts else None,
            height=content.facts.height if content.facts else None,
            is_raw=_is_for_a_worker(current, storage, stat, content),
        )
        return _made(current, source)
    except ContentRefused as refusal:
        return _reject(current, refusal)
    except ObjectMissing:
        return _missing(current)


def upload_reject(upload: Upload, reason: str, code: str) -> Upload:
    """Refuse a pending upload; its bytes are deleted. Another decision that came first stands.

    Raises what ``upload_complete`` says of an upload that is decided.
    """
    now = timezone.now()
    rejected = Upload.objects.filter(pk=upload.pk, status=Upload.STATUS_PENDING).update(
        status=Upload.STATUS_REJECTED, reason=reason[:500], reason_code=code, updated_at=now
    )
    if rejected:
        count_refused(DIRECT)
        _quietly(lambda: clear_staging(upload))
    current = _current(upload)
    decided = _decided(current)
    return current if decided is None else decided


def upload_delete(upload: Upload) -> None:
    """Delete the upload with what it holds. Its row stays hidden until nothing can arrive through its form any more.

    Raises Conflict (``upload_attached``), NotFound.
    """
    with transaction.atomic():
        current = Upload.objects.select_for_update().filter(pk=upload.pk).first()
        if current is None:
            raise NotFound
        if current.attached_at is not None:
            raise upload_attached()
        _discard([current])
        transaction.on_commit(lambda: _quietly(lambda: clear_staging(current)))


def uploads_erase(*, owner: Any) -> None:
    """Delete every upload of an account that is being erased, in its transaction; the attached ones too, as records.

    What lies in staging is deleted after the commit; of very many the sweeper does it.
    """
    uploads = list(Upload.everything.select_for_update().filter(owner=owner).order_by("pk"))
    for start in range(0, len(uploads), ROWS_PER_STATEMENT):
        _discard(uploads[start : start + ROWS_PER_STATEMENT])
    Upload.everything.filter(owner=owner).update(owner=None, original_filename="")
    staged = [upload for upload in uploads if upload.staged][:CLEARED_AT_ONCE]
    transaction.on_commit(lambda: _quietly(lambda: _clear_all(staged)))


def _clear_all(uploads: list[Upload]) -> None:
    for upload in uploads:
        clear_staging(upload)


def staging_storage(upload: Upload) -> DirectUploadStorage:
    """The storage that its bytes are sent to. Raises StorageUnavailable where this environment does not have it."""
    if not is_configured(upload.storage):
        logger.error("Upload %s waits on %s, which is not configured.", upload.upload_id, upload.storage)
        raise StorageUnavailable
    return cast(DirectUploadStorage, get_storage(upload.storage))


def clear_staging(upload: Upload) -> None:
    """Delete what lies in staging, parts too. Raises StorageUnavailable."""
    storage = staging_storage(upload)
    if upload.multipart_id:
        _abort_parts(upload, storage)
    storage.delete(upload.staging_key)


def _abort_parts(upload: Upload, storage: DirectUploadStorage) -> None:
    in_parts = cast(MultipartStorage, storage)
    if upload.multipart_id == BEGINNING:  # begun, perhaps, by a process that died before it could say so
        in_parts.multipart_abort_all(upload.staging_key)
    else:
        in_parts.multipart_abort(upload.staging_key, upload.multipart_id)


def _decided(upload: Upload) -> Upload | None:
    """The upload where it is complete, None where it is pending. Raises what the other states mean."""
    match upload.status_at(timezone.now()):
        case Upload.STATUS_COMPLETE:
            return upload
        case Upload.STATUS_REJECTED:
            raise UploadRejected(upload.reason, upload.reason_code)
        case Upload.STATUS_EXPIRED:
            raise Conflict("The time for this upload is over. Renew it for a new form.", "upload_expired")
    return None


def _current(upload: Upload) -> Upload:
    """The row as it is now. Raises NotFound."""
    current = Upload.objects.select_related("owner").filter(pk=upload.pk).first()
    if current is None:
        raise NotFound
    return current


def _missing(upload: Upload) -> Upload:
    """The object is not there (any more): because another call was quicker, or it never came, or it was replaced."""
    current = _current(upload)
    if (decided := _decided(current)) is not None:
        return decided
    with contextlib.suppress(ObjectMissing):
        staging_storage(current).stat(current.staging_key)
        raise Conflict("Other bytes arrived during the check. Complete it again.", "upload_changed", retry_after=1)
    hint = "Complete its parts first." if current.is_multipart else "Send it with the form first."
    raise Conflict(f"The file has not arrived. {hint}", "not_uploaded")


def _checked(upload: Upload, storage: DirectUploadStorage, stat: ObjectStat) -> tuple[Content, str]:
    """What the staged object is, and its sha256 where somebody has read it all.

    Raises ContentRefused, ObjectMissing where it is replaced meanwhile.
    """
    if upload.declared_size is not None and stat.size != upload.declared_size:
        message = f"The file has {stat.size} bytes, not {upload.declared_size} as declared. Send it again."
        raise ContentRefused("size_mismatch", message)
    if stat.size > upload.max_file_size:
        limit = filesizeformat(upload.max_file_size)
        raise ContentRefused("too_large", f"The file is larger than {limit}. Send a smaller one.")

    def read(start: int, length: int) -> bytes:
        return storage.read_range(upload.staging_key, start, length, etag=stat.etag)

    content = check_content(
        read,
        stat.size,
        declared_type=upload.content_type,
        filename=upload.original_filename,
        max_pixels=settings.MEDIA_MAX_PIXELS,
    )
    sha256 = stat.sha256
    if upload.sha256:
        sha256 = sha256 or _digest(read, stat.size)
        if sha256 != upload.sha256:
            raise ContentRefused("checksum_mismatch", "The file's sha256 is not the declared one. Send it again.")
    return content, sha256


def _is_for_a_worker(upload: Upload, storage: DirectUploadStorage, stat: ObjectStat, content: Content) -> bool:
    """Whether it may hold metadata, or is not shown upright: not to be delivered before a worker has read all of it. A
    small one is read here."""
    if content.facts is None:
        return False
    if content.content_type in CONVERTED_CONTENT_TYPES or stat.size > WHOLE_BYTES:
        return True
    data = storage.read_range(upload.staging_key, 0, stat.size, etag=stat.etag)
    cleaned = clean_image(data, max_pixels=settings.MEDIA_MAX_PIXELS)
    return cleaned.changed or cleaned.facts.is_shown_turned


def _digest(read: Any, size: int) -> str:
    digest = hashlib.sha256()
    for start in range(0, size, PIECE_BYTES):
        digest.update(read(start, PIECE_BYTES))
    return digest.hexdigest()


def _made(upload: Upload, source: StoredObject) -> Upload:
    """The upload complete with its asset; or as another call made it complete, rejected or expired it."""
    place: dict[str, Any] = {
        "owner": upload.owner,
        "folder": upload.prefix,
        "visibility": Visibility.PRIVATE,
        "alias": upload.storage,  # where it was sent to, although new files may go elsewhere by now
    }
    try:
        with stored(source, **place) as asset, transaction.atomic():
            now = timezone.now()
            waiting = Upload.objects.filter(pk=upload.pk, status=Upload.STATUS_PENDING, expires_at__gt=now)
            if not waiting.update(status=Upload.STATUS_COMPLETE, asset=asset, completed_at=now, updated_at=now):
                raise _DecidedMeanwhile
            asset_publish(asset)
    except _DecidedMeanwhile:
        current = _current(upload)
        decided = _decided(current)
        return current if decided is None else decided
    _quietly(lambda: clear_staging(upload))
    return _current(upload)


class _DecidedMeanwhile(Exception):
    """Another call was quicker."""


def _reject(upload: Upload, refusal: ContentRefused) -> Upload:
    return upload_reject(upload, refusal.message, refusal.code)


def _discard(uploads: list[Upload]) -> None:
    """Hide the uploads and give up their assets, in the present transaction."""
    assets = [upload.asset_id for upload in uploads if upload.asset_id is not None]
    now = timezone.now()
    Upload.objects.filter(pk__in=[upload.pk for upload in uploads]).update(
        status=Upload.STATUS_DISCARDED,
        original_filename="",
        asset=None,
        due_at=Case(When(staged=True, then=F("expires_at") + GRACE), default=Value(now)),
        updated_at=now,
    )
    assets_discard(assets)


def _require_parts(upload: Upload) -> None:
    """Mark it as one in parts. Raises Conflict where its storage takes none."""
    if not hasattr(staging_storage(upload), "multipart_begin"):
        message = "Uploads in parts need S3. Send the file with the single form, whatever its size."
        raise Conflict(message, "multipart_unsupported")
    upload.multipart_id = BEGINNING


def _begin_parts(upload: Upload) -> None:
    """Raises StorageUnavailable, with the upload discarded."""
    storage = cast(MultipartStorage, staging_storage(upload))
    try:
        upload.multipart_id = storage.multipart_begin(upload.staging_key, content_type=upload.content_type)
    except StorageUnavailable:
        _discard([upload])
        raise
    upload.save(update_fields=["multipart_id", "updated_at"])


def _hold(owner: Any) -> None:
    """Hold the owner's row until the transaction ends, so that limits hold. Raises NotAuthenticated (erased)."""
    if owner is None:
        return
    users = get_user_model()._base_manager.select_for_update()
    if not users.filter(pk=owner.pk).exists():
        raise NotAuthenticated


def _expiry(upload: Upload, seconds: int) -> datetime:
    """When something signed now for so many seconds ends. Raises StorageUnavailable."""
    expires_at = timezone.now() + timedelta(seconds=seconds)
    ends: datetime | None = staging_storage(upload).signs_until()
    return expires_at if ends is None else min(expires_at, ends)


def _quietly(step: Any) -> None:
    """What the sweeper does otherwise."""
    with contextlib.suppress(StorageUnavailable):  # logged where it was raised
        step()


def _content_type(text: str) -> str:
    content_type = text.strip().lower()
    if not _CONTENT_TYPE.fullmatch(content_type):
        raise ValidationError({"content_type": ["Write a content type such as image/jpeg, without parameters."]})
    allowed = [*IMAGE_TYPES, *settings.UPLOAD_ALLOWED_CONTENT_TYPES]
    if not is_allowed_type(content_type, allowed):
        message = f"{content_type} is not accepted here. Send one of: {', '.join(allowed)}."
        raise ValidationError({"content_type": [message]})
    return content_type


def _size(size: int | None, limit: int) -> int | None:
    if size is not None and size < 1:
        raise ValidationError({"size": ["An empty file is not accepted."]})
    if size is not None and size > limit:
        raise ValidationError({"size": [f"The file has {size} bytes; at most {limit} are accepted."]})
    return size


def _sha256(text: str) -> str:
    digest = text.strip().lower()
    if digest and not _SHA256.fullmatch(digest):
        raise ValidationError({"sha256": ["Write the sha256 as 64 hexadecimal digits."]})
    return digest


def _prefix(text: str, alias: str) -> str:
    prefix = text.strip("/")
    if not _PREFIX.fullmatch(prefix) or len(prefix) > MAX_PREFIX:
        message = (
            "Use letters, digits, '-', '_', '.' and '/' between folders, none beginning with a dot, at most "
            f"{MAX_PREFIX} characters."
        )
        raise ValidationError({"prefix": [message]})
    if lies_in_another(alias, f"{prefix}/x") or prefix.split("/")[0] in OWN_FOLDERS:
        raise ValidationError({"prefix": ["This folder is the site's own. Use another."]})
    if MediaAsset.objects.filter(key__in=folders_of(f"{prefix}/x")).exists():
        raise ValidationError({"prefix": ["A file has this name, so it can be no folder. Use another."]})
    return prefix
