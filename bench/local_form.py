"""The upload form of local disk: its throughput against plain multipart to disk, and the memory of a worker."""

import contextlib
import http.client
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from bench.content import access_token, make_user
from bench.table import Row
from bench.timing import Samples, rounds, settle
from bench.worker_memory import REQUEST_SECONDS, peak_bytes, worker
from bench.wsgi_requests import FORM, Answer, form, request
from media_assets.storages import get_storage
from media_assets.storages.local_uploads import FORM_URL

FILE_BYTES = 60_000_000
TURNS = 7
OURS_TO_PLAIN = 0.7  # of the throughput
SMALL_BYTES, LARGE_BYTES = 5_000_000, 500_000_000
LARGE_TO_SMALL = 1.05
KEY = "staging/bench/video.bin"
PIECE = os.urandom(1_000_000)


def measure() -> list[Row]:
    """Seconds from the request to the answer; ours reach the disk in them (fsync), the plain ones its cache only."""
    data = PIECE * (FILE_BYTES // len(PIECE))
    ways = {"ours": _ours(data), "plain": _plain(data)}
    for way, send in ways.items():
        _require_stored(send(), way, data)
    settle()
    samples = Samples(perf_counter)
    for _ in range(rounds(TURNS)):
        for way, send in ways.items():
            os.sync()  # what the other one left in the cache
            samples.take(way, send)
            _stored(way).unlink()
    seconds = samples.medians()
    group = f"File of {len(data) / 1e6:.0f} MB by the upload form of local disk, {connection.vendor}: elapsed time"
    rows = [
        Row(group, "plain REST framework, FileField to disk", seconds["plain"]),
        Row(group, "ours", seconds["ours"], "ms", seconds["plain"] / seconds["ours"], "speed", OURS_TO_PLAIN, True),
    ]
    return rows + _memory_rows() if connection.vendor == "sqlite" else rows


def _fields(max_size: int) -> dict[str, str]:
    storage: Any = get_storage("local-private")
    expires_at = timezone.now() + timedelta(hours=1)
    how = {"content_type": "video/mp4", "min_size": 1, "max_size": max_size, "sha256": "", "expires_at": expires_at}
    fields: dict[str, str] = storage.direct_form(KEY, **how).fields
    return fields


def _ours(data: bytes) -> Callable[[], Answer]:
    body = form(_fields(len(data)), {"file": ("video.bin", "video/mp4", data)})
    return request(FORM_URL, method="POST", body=body, content_type=FORM)


def _plain(data: bytes) -> Callable[[], Answer]:
    token = access_token(make_user("sender"))
    body = form({"title": "Video"}, {"image": ("video.bin", "video/mp4", data)})
    return request("/api/plain/pictures/", method="POST", token=token, body=body, content_type=FORM)


def _stored(way: str) -> Path:
    """The file that the last request left."""
    if way == "ours":
        return Path(settings.PRIVATE_MEDIA_ROOT, KEY)
    (path,) = (path for path in Path(settings.MEDIA_ROOT, "plain").iterdir() if path.is_file())
    return path


def _require_stored(answer: Answer, way: str, data: bytes) -> None:
    """The answer is 201 and the file lies on disk as it was sent."""
    if answer.status != 201:
        raise SystemExit(f"Answered {answer.status}: {answer.body[:300]!r}")
    if _stored(way).read_bytes() != data:
        raise SystemExit(f"{way}: the file is not what was sent.")
    _stored(way).unlink()


def _memory_rows() -> list[Row]:
    with worker() as (port, pid):
        peaks = []
        for size in (SMALL_BYTES, LARGE_BYTES):
            _send(port, size)
            peaks.append(peak_bytes(pid))
    group = "One file by the upload form of local disk: peak resident memory of a gunicorn worker"
    small, large = (f"{size / 1e6:.0f} MB" for size in (SMALL_BYTES, LARGE_BYTES))
    return [
        Row(group, small, peaks[0], "MB"),
        Row(group, large, peaks[1], "MB", peaks[1] / peaks[0], small, LARGE_TO_SMALL),
    ]


def _send(port: int, size: int) -> None:
    """Post a file of this size, made while it is sent."""
    mark = b"<the pieces>"
    head, _, tail = form(_fields(size), {"file": ("video.bin", "video/mp4", mark)}).partition(mark)
    length = len(head) + size + len(tail)

    def body() -> Iterator[bytes]:
        yield head
        for _ in range(size // len(PIECE)):
            yield PIECE
        yield tail

    client = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
    with contextlib.closing(client):
        client.request("POST", FORM_URL, body(), {"Content-Type": FORM, "Content-Length": str(length)})
        answer = client.getresponse()
        content = answer.read()
    if answer.status != 201:
        raise SystemExit(f"The worker answered {answer.status}: {content[:300]!r}")
    if _stored("ours").stat().st_size != size:
        raise SystemExit("The file is not as large as it was sent.")
