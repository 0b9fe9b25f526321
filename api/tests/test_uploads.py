import hashlib
import io
import os
from typing import Any

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import TemporaryUploadedFile
from django.core.files.uploadhandler import load_handler
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser
from django.test import Client

from api.fingerprints import file_sha256
from api.uploads import PIECE_BYTES

LARGE = 3 * 1024 * 1024  # more than FILE_UPLOAD_MAX_MEMORY_SIZE
BOUNDARY = "-----------------------------7MA4YWxkTrZu0gW"


def received(settings: Any, **files: bytes) -> dict[str, Any]:
    """What the site's handlers make of a form with these files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.jpg"\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files.items()
    ]
    body = b"".join([*parts, f"--{BOUNDARY}--\r\n".encode()])
    meta = {"CONTENT_TYPE": "multipart/form-data; boundary=" + BOUNDARY, "CONTENT_LENGTH": str(len(body))}
    handlers = [load_handler(path, HttpRequest()) for path in settings.FILE_UPLOAD_HANDLERS]
    return dict(MultiPartParser(meta, io.BytesIO(body), handlers).parse()[1].items())


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, LARGE])
def test_files_on_disk_come_whole_with_their_hash(settings: Any, size: int) -> None:
    contents = {"first": os.urandom(size), "second": os.urandom(LARGE)}
    for name, file in received(settings, **contents).items():
        assert isinstance(file, TemporaryUploadedFile)
        assert file.read() == contents[name]
        assert file.sha256 == hashlib.sha256(contents[name]).hexdigest()
        assert file_sha256(file) == file.sha256


def test_files_in_memory_come_whole(settings: Any) -> None:
    data = os.urandom(2 * PIECE_BYTES + 7)
    file = received(settings, only=data)["only"]
    assert not isinstance(file, TemporaryUploadedFile)
    assert (file.read(), file_sha256(file)) == (data, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    ("limit", "sizes"), [("MEDIA_MAX_SIZE_BYTES", [LARGE]), ("UPLOAD_REQUEST_MAX_BYTES", [1000] * 1100)]
)
def test_nothing_is_received_past_its_limit(settings: Any, limit: str, sizes: list[int]) -> None:
    setattr(settings, limit, 1_000_000)
    with pytest.raises(RequestDataTooBig):
        received(settings, **{f"file{number}": os.urandom(size) for number, size in enumerate(sizes)})
    assert received(settings, small=b"x")


@pytest.mark.django_db
def test_a_file_far_too_large_is_413_where_nobody_asked_for_one(settings: Any, client: Client) -> None:
    settings.MEDIA_MAX_SIZE_BYTES = 1000
    answer = client.post("/api/auth/login/", {"email": io.BytesIO(os.urandom(LARGE))})
    assert (answer.status_code, answer.json()["code"]) == (413, "request_too_large")
