"""A photo through the API: its CPU against plain multipart to disk, and the memory of a worker under many of them."""

import json
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection

from bench.content import access_token, make_user, noisy_jpeg
from bench.table import Row
from bench.timing import Samples, rounds, settle
from bench.worker_memory import peak_memory
from bench.wsgi_requests import FORM, Answer, form, request

PHOTO_BYTES = 4_000_000
TURNS = 25
OURS_TO_PLAIN = 2
WAYS = {"ours": "/api/artworks/", "plain": "/api/plain/pictures/"}
WORKER_MB = 200


def measure() -> list[Row]:
    """CPU of one upload in the application; on SQLite the memory of a gunicorn worker as well."""
    token = access_token(make_user("uploader"))
    photo = noisy_jpeg(PHOTO_BYTES)
    for way in WAYS:
        _require_stored(_upload(way, token, "first.jpg", photo)(), photo)
    settle()
    samples = Samples()
    for turn in range(rounds(TURNS)):
        for way in WAYS:
            samples.take(way, _expecting(201, _upload(way, token, f"noise{turn}.jpg", photo)))
            _empty_media_root()
    cost = samples.medians()
    group = f"Upload of a JPEG of {len(photo) / 1e6:.2f} MB, {connection.vendor}: CPU of the application"
    rows = [
        Row(group, "plain REST framework, FileField to disk", cost["plain"]),
        Row(group, "ours", cost["ours"], "ms", cost["ours"] / cost["plain"], "plain", OURS_TO_PLAIN),
    ]
    if connection.vendor == "sqlite":
        rows += _memory_rows(token)
    return rows


def _upload(way: str, token: str, name: str, photo: bytes) -> Callable[[], Answer]:
    """A function that uploads the photo under this name, which nobody has taken yet."""
    body = form({"title": "Noise"}, {"image": (name, "image/jpeg", photo)})
    return request(WAYS[way], method="POST", token=token, body=body, content_type=FORM)


def _memory_rows(token: str) -> list[Row]:
    photo = noisy_jpeg(settings.MEDIA_MAX_SIZE_BYTES)
    body = form({"title": "Noise"}, {"image": ("noise.jpg", "image/jpeg", photo)})
    idle, peak = peak_memory("/api/artworks/", body=body, content_type=FORM, token=token)
    group = f"8 uploads of {len(photo) / 1e6:.2f} MB at once: resident memory of a gunicorn worker (gthread, 8 threads)"
    return [Row(group, "before", idle, "MB"), Row(group, "peak", peak, "MB", target=WORKER_MB)]


def _expecting(status: int, call: Callable[[], Answer]) -> Callable[[], None]:
    def checked() -> None:
        if (answer := call()).status != status:
            raise SystemExit(f"Answered {answer.status}: {answer.body[:300]!r}")

    return checked


def _require_stored(answer: Answer, photo: bytes) -> None:
    """The answer is 201 and the file of the response lies on disk as it was sent."""
    if answer.status != 201:
        raise SystemExit(f"Answered {answer.status}: {answer.body[:300]!r}")
    name = json.loads(answer.body)["image"].rpartition("/media/")[2]
    if (Path(settings.MEDIA_ROOT) / name).read_bytes() != photo:
        raise SystemExit(f"{name} is not what was sent.")


def _empty_media_root() -> None:
    """The files only: folders stay, as they do on a site in use."""
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        if path.is_file():
            path.unlink()
