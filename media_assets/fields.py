"""The field that accepts an image: its bytes decide, never its name or the client's header; and the field that names
a complete upload in its place."""

from __future__ import annotations

import logging
import mmap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.utils import Direction, extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from api.errors import ServiceUnavailable
from media_assets.decoding import clean_original
from media_assets.imaging import InvalidImage
from media_assets.imaging.cleaning import Cleaned, clean_image
from media_assets.imaging.containers import HEAD_BYTES, is_converted
from media_assets.imaging.isolation import DecodeFailed, DecoderUnavailable
from media_assets.metrics import APPLICATION, refusals_counted
from media_assets.models import Upload
from media_assets.sources import ImageSource
from media_assets.uploads.attaching import as_upload_id, attachable, uploads_by_id
from media_assets.workspace import temporary_file

logger = logging.getLogger(__name__)

UPLOAD_ID = "upload_id"
_FILE_OR_UPLOAD = "Send a file or an upload_id, not both."


class ImageUploadField(serializers.FileField):
    """A JPEG, PNG, WebP, GIF, HEIC or AVIF within the limits of ``/api/media/config/``, or the id of the caller's
    upload of one.

    The validated value is what ``stored_image`` wants: the uploaded file with ``cleaned`` (Cleaned) attached, or the
    Upload. An id needs ``request`` in the serializer's context. Raises what ``attachable`` raises besides.
    """

    default_error_messages = {
        "not_a_file": "Send the image as a file in a multipart/form-data request, or name a complete upload by its "
        "upload_id.",
        "too_large": "The file has {size} bytes; at most {limit} are accepted. Send a smaller one.",
    }

    def to_internal_value(self, data: Any) -> ImageSource:  # type: ignore[override]
        if as_upload_id(data) is not None and "request" in self.context:
            found = uploads_by_id([data], self.context["request"].user)
            return attachable(next(iter(found.values()), None))
        if not isinstance(data, UploadedFile):
            self.fail("not_a_file")
        with refusals_counted(APPLICATION):
            return self._checked(data)

    def _checked(self, data: UploadedFile[Any]) -> UploadedFile[Any]:
        """The file with ``cleaned``. Raises ValidationError, ServiceUnavailable."""
        limit = settings.MEDIA_MAX_SIZE_BYTES
        if data.size is not None and data.size > limit:
            self.fail("too_large", size=data.size, limit=limit)
        try:
            cleaned = clean_upload(data)
            # One that stays as it is needs no pieces, which would hold a map of the file until the request ends.
            cast(Any, data).cleaned = cleaned if cleaned.changed else replace(cleaned, pieces=[])
        except InvalidImage as refusal:
            raise serializers.ValidationError(refusal.message, code=refusal.code) from None
        except DecodeFailed as failure:
            reason = failure.reason.rstrip(". ")
            message = f"The picture cannot be decoded: {reason}. Save it as JPEG and send that."
            raise serializers.ValidationError(message, code="corrupt") from None
        except (DecoderUnavailable, OSError) as error:
            logger.exception("A picture could not be decoded")
            raise ServiceUnavailable("Pictures cannot be decoded at the moment.", "decoder_unavailable") from error
        return data


@extend_schema_field({"type": "string", "format": "uuid"})
class UploadIdField(serializers.Field[Any, Any, Any, Any]):
    """The id of a complete upload of the caller's own; null and the empty string say nothing.

    The validated value is the Upload. Needs ``request`` in the serializer's context. Raises what ``attachable`` raises.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"write_only": True, "required": False, **kwargs})
        self._found: dict[UUID, Upload] | None = None

    def look_up(self, upload_ids: Iterable[Any]) -> None:
        """Fetch all of these at once, before they are validated one by one."""
        self._found = uploads_by_id(upload_ids, self.context["request"].user)

    def get_value(self, dictionary: Any) -> Any:
        return empty if is_blank(dictionary.get(self.field_name)) else super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> Upload:
        if self._found is None:
            self.look_up([data])
        upload_id = as_upload_id(data)
        return attachable(None if upload_id is None else cast(Any, self._found).get(upload_id))


class UploadFormMixin:
    """For serializers in whose forms uploads may stand for the file or files of the required ``image_field``."""

    image_field = "image"


class UploadIdMixin(UploadFormMixin):
    """For serializers of forms with one image: ``upload_id`` may stand in the place of the file.

    It stands before the serializer class. ``image_field`` names the ImageUploadField, under whose name the validated
    data hold the file or the Upload. Needs ``request`` in its context.
    """

    def get_fields(self) -> dict[str, Any]:
        help_text = f"A complete upload of yours, in the place of `{self.image_field}`."
        return {**super().get_fields(), UPLOAD_ID: UploadIdField(help_text=help_text)}  # type: ignore[misc]

    def to_internal_value(self, data: Any) -> Any:
        """Validated values. Raises ValidationError, and what ``attachable`` raises."""
        named = isinstance(data, Mapping) and not is_blank(data.get(UPLOAD_ID))
        if named and not is_blank(data.get(self.image_field)):
            raise serializers.ValidationError({UPLOAD_ID: [_FILE_OR_UPLOAD]}, code="file_and_upload")
        self.fields[self.image_field].read_only = named  # type: ignore[attr-defined]  # the upload stands for it
        values = super().to_internal_value(data)  # type: ignore[misc]
        if named:
            values[self.image_field] = values.pop(UPLOAD_ID)
        return values


class UploadFormExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """To OpenAPI the image of such a form may be left out."""

    target_class = UploadFormMixin
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Direction) -> Any:
        """The serializer's schema."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if direction == "request" and "required" in schema:
            schema["required"] = [name for name in schema["required"] if name != self.target.image_field]
        return schema


def is_blank(value: Any) -> bool:
    """Whether a form or JSON says nothing with this value of a field."""
    return value is None or value == "" or value == []


def clean_upload(file: UploadedFile[Any]) -> Cleaned:
    """An uploaded picture as it may be delivered, checked by a walk over its structure, not copied.

    HEIC and AVIF are decoded, in another process, and so is a WebP that lies on its side. Raises InvalidImage,
    DecodeFailed, DecoderUnavailable.
    """
    if not file.size:
        return clean_image(b"", max_pixels=settings.MEDIA_MAX_PIXELS)
    file.seek(0)
    if is_converted(file.read(HEAD_BYTES)):
        return _decoded(file)
    cleaned = _walked(file)
    return _decoded(file) if cleaned.facts.is_shown_turned else cleaned


def _decoded(file: UploadedFile[Any]) -> Cleaned:
    with _on_disk(file) as path, clean_original(path) as cleaned:
        return cleaned


def _walked(file: UploadedFile[Any]) -> Cleaned:
    limit = settings.MEDIA_MAX_PIXELS
    if spooled := getattr(file, "temporary_file_path", None):
        # Not closed by hand: an error's traceback may still hold views of the map. It goes with its last reference.
        with Path(spooled()).open("rb") as on_disk:
            mapped = mmap.mmap(on_disk.fileno(), 0, access=mmap.ACCESS_READ)
        return clean_image(mapped, max_pixels=limit)
    file.seek(0)
    held = getattr(file.file, "getvalue", None)  # BytesIO hands out its bytes without a copy
    return clean_image(held() if held else file.read(), max_pixels=limit)


@contextmanager
def _on_disk(file: UploadedFile[Any]) -> Iterator[Path]:
    """A path that holds the upload's bytes."""
    if spooled := getattr(file, "temporary_file_path", None):
        yield Path(spooled())
        return
    with temporary_file() as copy:
        for chunk in file.chunks():
            copy.write(chunk)
        copy.flush()
        yield Path(copy.name)
