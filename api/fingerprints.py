"""What a request says, in one number: two requests with one fingerprint ask for the same thing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from rest_framework.request import Request


def request_fingerprint(request: Request) -> str:
    """sha256 (hexadecimal) over method, path and content; files count by field, name and bytes.

    The order of fields and the layout of the JSON do not matter, the order of one field's values does. Files are at
    their beginning afterwards. Raises what parsing the body raises (ParseError, UnsupportedMediaType and others).
    """
    said = [request.method, request.path, _content(request)]
    return hashlib.sha256(json.dumps(said, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def file_sha256(file: UploadedFile[Any]) -> str:
    """sha256 (hexadecimal) of an upload's bytes, read once: kept as ``file.sha256`` for whoever asks next.

    The file is at its beginning afterwards.
    """
    known: str | None = getattr(file, "sha256", None)
    if known is None:
        file.seek(0)
        known = hashlib.file_digest(file.file, "sha256").hexdigest()  # type: ignore[arg-type]
        file.sha256 = known  # type: ignore[attr-defined]
    file.seek(0)
    return known


def _content(request: Request) -> Any:
    data = request.data
    if not isinstance(data, QueryDict):
        return {"json": data}
    fields = {name: [value for value in values if isinstance(value, str)] for name, values in data.lists()}
    files = {
        name: [[file.name, file_sha256(file)] for file in uploads]  # several files of one name: in their order
        for name, uploads in request.FILES.lists()
    }
    return {"fields": {name: values for name, values in fields.items() if values}, "files": files}
