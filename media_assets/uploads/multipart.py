"""Uploads in parts: a browser PUTs each part to the store under a URL of its own; then the object is made of them.

Everything is authorised by our record. What the client says of its parts is held against the store's own list before
the store is told to join them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, cast
from uuid import UUID

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from rest_framework.exceptions import NotFound, ValidationError

from api.errors import Conflict, RequestRefused
from media_assets.errors import ObjectMissing, PartsRefused, UploadGone
from media_assets.storages.contract import MultipartStorage, Part
from media_assets.uploads.models import Upload
from media_assets.uploads.services import staging_storage, upload_complete, upload_delete, upload_reject

MAX_PART_NUMBER = 10_000  # S3, "Amazon S3 multipart upload limits"
MIN_PART_BYTES = 5 * 1024 * 1024  # but for the last one
MAX_URLS_AT_ONCE = 1_000
_ETAG = re.compile(r'"?[\x21\x23-\x7e]{1,128}"?')  # an opaque-tag of RFC 9110, 8.8.3, with or without its quotes
_NUMBER = f"a whole number from 1 to {MAX_PART_NUMBER}"


def part_urls(upload: Upload, numbers: Sequence[int]) -> tuple[dict[int, str], int]:
    """Where each of these parts is PUT, and for how many seconds these URLs are good.

    In: part numbers (1 to MAX_PART_NUMBER). Raises Conflict where the upload takes no parts (any more); RequestRefused
    for more parts than the largest accepted file has; UploadRejected where what has come is too large already;
    StorageUnavailable.
    """
    storage = _open_storage(upload)
    most = upload.max_file_size // MIN_PART_BYTES + 2
    if max(numbers) > most:
        limit = filesizeformat(upload.max_file_size)
        message = f"A file of {limit} has at most {most} parts: all but the last need 5 MiB or more."
        raise RequestRefused(message, "invalid_parts")
    _require_fit(upload, parts_of(upload))
    expires_in = max(1, int((upload.expires_at - timezone.now()).total_seconds()))
    key, store_id = upload.staging_key, upload.multipart_id
    urls = {number: storage.multipart_part_url(key, store_id, number, expires_in=expires_in) for number in numbers}
    return urls, expires_in


def parts_of(upload: Upload) -> list[Part]:
    """The parts that have come, by number. Raises Conflict (``upload_gone`` among others), StorageUnavailable."""
    storage = _open_storage(upload)
    try:
        return storage.multipart_parts(upload.staging_key, upload.multipart_id)
    except UploadGone:
        raise _gone() from None


def multipart_complete(upload: Upload, parts: Sequence[tuple[int, str]]) -> Upload:
    """Join these parts (number, ETag), check what they make, as ``upload_complete`` does; again: the same answer.

    In: ``checked_parts``. Raises RequestRefused (``invalid_parts``), UploadRejected, Conflict, NotFound,
    StorageUnavailable.
    """
    if not upload.is_multipart:
        raise _not_in_parts()
    if upload.status_at(timezone.now()) == Upload.STATUS_PENDING:
        storage = cast(MultipartStorage, staging_storage(upload))
        try:
            chosen = _chosen(storage.multipart_parts(upload.staging_key, upload.multipart_id), parts)
            _require_fit(upload, chosen)
            storage.multipart_complete(upload.staging_key, upload.multipart_id, chosen)
        except PartsRefused:
            message = (
                "The store does not join these parts. Name all that were sent; all but the last need 5 MiB or more."
            )
            raise RequestRefused(message, "invalid_parts") from None
        except UploadGone:
            _require_joined(upload, storage)
    return upload_complete(upload)


def multipart_abort(upload_id: UUID, user: Any) -> None:
    """Give the upload up, with its parts. One that is deleted already is as good.

    Raises Conflict (``upload_attached``); NotFound for uploads of others and unknown ones.
    """
    upload = Upload.objects.visible_to(user).filter(upload_id=upload_id).first()
    if upload is not None:
        upload_delete(upload)
    elif not Upload.everything.filter(upload_id=upload_id, owner=user, status=Upload.STATUS_DISCARDED).exists():
        raise NotFound


def checked_parts(given: Any) -> list[tuple[int, str]]:
    """Number and ETag (without quotes) of each part, from what a client sent. Raises ValidationError on ``parts``."""
    if not isinstance(given, list) or not given:
        raise _refused('Send the parts as [{"PartNumber": 1, "ETag": "..."}, ...].')
    if len(given) > MAX_PART_NUMBER:
        raise _refused(f"Send at most {MAX_PART_NUMBER} parts.")
    parts = [_checked_part(part) for part in given]
    numbers = [number for number, _ in parts]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise _refused("Send each part once, in the order of their numbers.")
    return parts


def part_number(text: str) -> int:
    """The number of a part as it stands in an address. Raises ValueError with a sentence."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PART_NUMBER)) else 0
    if not 1 <= number <= MAX_PART_NUMBER:
        raise ValueError(f"A part number is {_NUMBER}.")
    return number


def part_numbers(text: str) -> list[int]:
    """The numbers in ``1,2,3``, each once. Raises ValueError with a sentence."""
    texts = text.split(",", MAX_URLS_AT_ONCE)
    if len(texts) > MAX_URLS_AT_ONCE:
        raise ValueError(f"Ask for at most {MAX_URLS_AT_ONCE} parts at once.")
    return sorted({part_number(one) for one in texts})


def _checked_part(part: Any) -> tuple[int, str]:
    number, etag = (part.get("PartNumber"), part.get("ETag")) if isinstance(part, dict) else (None, None)
    if type(number) is not int or not 1 <= number <= MAX_PART_NUMBER:
        raise _refused(f"Each part needs its PartNumber, {_NUMBER}.")
    if not isinstance(etag, str) or not _ETAG.fullmatch(etag):
        raise _refused(f"Part {number} needs its ETag, as the store sent it.")
    return number, etag.strip('"')


def _chosen(arrived: Sequence[Part], named: Sequence[tuple[int, str]]) -> list[Part]:
    """The parts that the client names, as the store has them. Raises RequestRefused."""
    by_number = {part.number: part for part in arrived}
    chosen = []
    for number, etag in named:
        part = by_number.get(number)
        if part is None:
            raise RequestRefused(f"Part {number} has not arrived. Send it, then complete again.", "invalid_parts")
        if part.etag != etag:
            message = f"Part {number} has another ETag at the store. List the parts, or send it again."
            raise RequestRefused(message, "invalid_parts")
        chosen.append(part)
    return chosen


def _require_fit(upload: Upload, parts: Sequence[Part]) -> None:
    """Raises UploadRejected, the parts dropped, where together they are too large."""
    if sum(part.size for part in parts) > upload.max_file_size:
        limit = filesizeformat(upload.max_file_size)
        upload_reject(upload, f"The file is larger than {limit}. Send a smaller one.", "too_large")


def _require_joined(upload: Upload, storage: MultipartStorage) -> None:
    """Raise Conflict, unless the object is there: an earlier call joined the parts and its answer was lost, or it was
    even checked and decided in the meantime."""
    current = Upload.objects.filter(pk=upload.pk, status=Upload.STATUS_PENDING, multipart_id=upload.multipart_id)
    if not current.exists():
        return
    try:
        storage.stat(upload.staging_key)
    except ObjectMissing:
        if current.exists():
            raise _gone() from None


def _open_storage(upload: Upload) -> MultipartStorage:
    """Where its parts go. Raises Conflict where it is not one in parts, or takes none any more; StorageUnavailable."""
    status = upload.status_at(timezone.now())
    if status == Upload.STATUS_EXPIRED:
        raise Conflict("The time for this upload is over. Renew it for a form, or begin a new one.", "upload_expired")
    if status != Upload.STATUS_PENDING:
        raise Conflict(f"This upload is {status}. Begin a new one.", "upload_closed")
    if not upload.is_multipart:
        raise _not_in_parts()
    return cast(MultipartStorage, staging_storage(upload))


def _refused(message: str) -> ValidationError:
    return ValidationError({"parts": [message]})


def _gone() -> Conflict:
    return Conflict("The store does not have this upload in parts any more. Begin a new one.", "upload_gone")


def _not_in_parts() -> Conflict:
    return Conflict("This upload is not one in parts. Send it with its form, or begin one in parts.", "not_multipart")
