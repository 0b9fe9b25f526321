"""One byte range of a file (RFC 9110, section 14). Several ranges in one request are answered with the whole."""

import re
from collections.abc import Iterator
from typing import IO, Any

from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

CHUNK_BYTES = 65_536
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII | re.IGNORECASE)


def partial_response(
    request: HttpRequest, file: Any, *, size: int, etag: str, content_type: str, headers: dict[str, str]
) -> HttpResponseBase:
    """200 with the file, 206 with the range that was asked for, or 416; the file is closed with the response.

    In: ``size`` in bytes; ``etag`` quoted, against which ``If-Range`` is compared.
    """
    headers = {**headers, "Accept-Ranges": "bytes"}
    wanted = _wanted(request, size, etag)
    if wanted is None:
        response = FileResponse(file, content_type=content_type)
        for name, value in {**headers, "Content-Length": str(size)}.items():  # over FileResponse's own
            response.headers[name] = value
        return response
    first, last = wanted
    if first > last:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    count = last - first + 1
    headers |= {"Content-Range": f"bytes {first}-{last}/{size}", "Content-Length": str(count)}
    return StreamingHttpResponse(_Part(file, first, count), status=206, content_type=content_type, headers=headers)


def _wanted(request: HttpRequest, size: int, etag: str) -> tuple[int, int] | None:
    """First and last byte, first > last where the range lies outside; None where the whole file is wanted."""
    if request.method != "GET":
        return None  # ranges are defined for GET alone (RFC 9110, 14.2)
    match = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if match is None or match.groups() == ("", "") or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return max(0, size - int(last)), size - 1
    if last and int(last) < int(first):
        return None  # malformed: to be ignored
    return (int(first), min(int(last or size), size - 1)) if int(first) < size else (1, 0)


class _Part:
    """Chunks of ``count`` bytes of a file from byte ``first`` on; closing it, read or not, closes the file."""

    def __init__(self, file: IO[bytes], first: int, count: int) -> None:
        self._file, self._first, self._count = file, first, count

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._first)
        left = self._count
        while left and (chunk := self._file.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk

    def close(self) -> None:
        self._file.close()
