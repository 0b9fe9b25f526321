"""How files of a form are received: in larger pieces than Django's 64 KiB, and hashed while a piece is at hand."""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, MemoryFileUploadHandler, TemporaryFileUploadHandler

PIECE_BYTES = 256 * 1024  # fits the processor's cache


class LimitedUploads(FileUploadHandler):
    """Stands first: nothing is spooled past its limit, whoever sends it. Raises RequestDataTooBig (413).

    A file just over ``MEDIA_MAX_SIZE_BYTES`` (by less than a piece) passes here and is told so by its field.
    """

    chunk_size = PIECE_BYTES

    def handle_raw_input(self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any) -> None:
        if content_length > settings.UPLOAD_REQUEST_MAX_BYTES:
            raise RequestDataTooBig("The request is larger than UPLOAD_REQUEST_MAX_BYTES.")

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        self._received += len(raw_data)
        if self._received > settings.MEDIA_MAX_SIZE_BYTES + self.chunk_size:
            raise RequestDataTooBig("A file is larger than MEDIA_MAX_SIZE_BYTES.")
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Nothing: the next handlers make the file."""


class MemoryUploadHandler(MemoryFileUploadHandler):
    """Small requests: their files stay in memory (``FILE_UPLOAD_MAX_MEMORY_SIZE``)."""

    chunk_size = PIECE_BYTES


class SpoolingUploadHandler(TemporaryFileUploadHandler):
    """Large requests: their files go to disk, and their sha256 is known where ``api.fingerprints`` looks for it."""

    chunk_size = PIECE_BYTES

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._sha256 = hashlib.sha256()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._sha256.update(raw_data)
        super().receive_data_chunk(raw_data, start)

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        file: Any = super().file_complete(file_size)
        file.sha256 = self._sha256.hexdigest()
        return file  # type: ignore[no-any-return]
