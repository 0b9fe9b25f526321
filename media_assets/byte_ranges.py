"""One byte range of a file (RFC 9110, section 14). Several ranges in one request are answered with the whole."""

import re
from collections.abc import Iterator
from typing import IO, Any

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

CHUNK_BYTES = 65_536
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def partial_response(
    request: HttpRequest, file: Any, *, size: int, etag: str, content_type: str, headers: dict[str, str]
) -> HttpResponseBase:
    """200 with the file, 206 with the range that was asked for, or 416; the file is closed with the response.

    In: ``size`` in bytes; ``etag`` quoted, against which ``If-Range`` is compared.
    """
    headers = {**headers, "Accept-Ranges": "bytes"}
    wanted = _wanted(request, size, etag)
    if wanted is None:
        response = FileResponse(file, content_type=content_type, headers=headers)
        response.headers["Content-Length"] = str(size)
        return response
    first, last = wanted
    if first > last:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    file.seek(first)
    part = StreamingHttpResponse(
        _chunks(file, last - first + 1), status=206, content_type=content_type, headers=headers
    )
    part.headers |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(last - first + 1)}
    return part


def _wanted(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte, first > last where the range lies outside; None where the whole file is wanted."""
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or match.group() == "bytes=-" or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size - 1) if int(last) else (1, 0)
    if last and int(last) < int(first):
        return None  # malformed: to be ignored
    return (int(first), min(int(last or size), size - 1)) if int(first) < size else (1, 0)


def _chunks(file: IO[bytes], count: int) -> Iterator[bytes]:
    with file:
        while count and (chunk := file.read(min(CHUNK_BYTES, count))):
            count -= len(chunk)
            yield chunk
