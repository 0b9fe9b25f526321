"""Files as the application receives them in a form, and what the image field says of them."""

import io
from typing import Any

import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, TemporaryUploadedFile
from rest_framework.exceptions import ValidationError

from media_assets.fields import ImageUploadField

CLIENTS_TYPE = "text/plain"  # which counts for nothing


def in_memory(name: str, data: bytes) -> Any:
    """Of a small request."""
    return InMemoryUploadedFile(io.BytesIO(data), "image", name, CLIENTS_TYPE, len(data), None)


def spooled(name: str, data: bytes) -> Any:
    """Of a large one, as the upload handler leaves it: written, rewound."""
    file = TemporaryUploadedFile(name, CLIENTS_TYPE, len(data), None)
    file.write(data)
    file.seek(0)
    return file


def refusal_of_field(file: Any) -> tuple[str, str]:
    """Code and message with which the field refuses ``file``."""
    with pytest.raises(ValidationError) as refused:
        ImageUploadField().run_validation(file)
    [detail] = refused.value.detail
    return detail.code, str(detail)
