"""The field that accepts an image: its bytes decide, never its name or the client's header."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from media_assets.imaging import ImageFacts, InvalidImage, inspect_image


class ImageUploadField(serializers.FileField):
    """A JPEG, PNG, WebP or GIF within the limits of ``/api/media/config/``.

    The validated value is the uploaded file with ``facts`` (ImageFacts) attached, as ``stored_image`` wants it.
    """

    default_error_messages = {
        "not_a_file": "Send the image as a file in a multipart/form-data request.",
        "too_large": "The file has {size} bytes; at most {limit} are accepted. Send a smaller one.",
    }

    def to_internal_value(self, data: Any) -> UploadedFile[Any]:
        if not isinstance(data, UploadedFile):
            self.fail("not_a_file")
        limit = settings.MEDIA_MAX_SIZE_BYTES
        if data.size is not None and data.size > limit:
            self.fail("too_large", size=data.size, limit=limit)
        try:
            cast(Any, data).facts = inspect_upload(data)
        except InvalidImage as refusal:
            raise serializers.ValidationError(refusal.message, code=refusal.code) from None
        return data


def inspect_upload(file: UploadedFile[Any]) -> ImageFacts:
    """Walk an uploaded file's structure without copying it. Raises InvalidImage."""
    limit = settings.MEDIA_MAX_PIXELS
    if not file.size:
        return inspect_image(b"", max_pixels=limit)
    if spooled := getattr(file, "temporary_file_path", None):
        # Not closed by hand: an error's traceback may still hold views of the map. It goes with its last reference.
        with Path(spooled()).open("rb") as on_disk:
            mapped = mmap.mmap(on_disk.fileno(), 0, access=mmap.ACCESS_READ)
        return inspect_image(mapped, max_pixels=limit)
    file.seek(0)
    held = getattr(file.file, "getvalue", None)  # BytesIO hands out its bytes without a copy
    return inspect_image(held() if held else file.read(), max_pixels=limit)
