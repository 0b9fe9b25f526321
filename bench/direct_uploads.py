"""Direct uploads on S3: what begin, complete and attach cost the application, for small files and for large ones.

The store is the one of ``S3_TEST_ENDPOINT_URL`` (with ``S3_TEST_ACCESS_KEY`` and ``S3_TEST_SECRET_KEY``), else moto's
in a process of its own. Only the CPU of the application counts; bytes reach staging by a copy within the store.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings

from bench.content import access_token, make_user, noisy_jpeg
from bench.table import Row
from bench.timing import Samples, rounds, settle
from bench.worker_memory import peak_bytes
from bench.wsgi_requests import Answer, request
from conftest import free_port

TURNS = 25
COMPLETED = {"50 KB": 50_000, "50 MB": 50_000_000}
ATTACHED = {"80 KB": 80_000, "8 MB": 8_000_000}
LARGE_TO_SMALL = 1.5
START_SECONDS = 30
Make = Callable[[], Answer]


def measure() -> list[Row]:
    """CPU and memory of form and complete, CPU of an attachment."""
    token = access_token(make_user("uploader"))
    with _store() as lines, _site_on(lines):
        _fill({**COMPLETED, **ATTACHED})
        settle()
        completed, attached = Samples(), Samples()
        for turn in range(rounds(TURNS) + 1):
            for size in COMPLETED:
                _complete(token, size, completed if turn else Samples())
            for size in ATTACHED:
                _attach(token, size, attached if turn else Samples())
        memory = {size: _memory(token, size) for size in COMPLETED}
    where = "CPU of the application, S3"
    return [
        *_rows(f"Direct upload, form and complete, {connection.vendor}: {where}", completed.medians(), "ms"),
        *_rows(f"Direct upload, attached to an artwork, {connection.vendor}: {where}", attached.medians(), "ms"),
        *_rows(f"Direct upload, complete, {connection.vendor}: resident memory of the process at most", memory, "MB"),
    ]


def _rows(group: str, found: dict[str, float], unit: Any) -> list[Row]:
    (small, reference), (large, value) = found.items()
    return [
        Row(group, small, reference, unit),
        Row(group, large, value, unit, value / reference, small, LARGE_TO_SMALL),
    ]


def _complete(token: str, size: str, samples: Samples) -> str:
    """Begin, stage, complete; the upload's id."""
    start = samples.clock()
    begun = _call("POST", "/api/uploads/", token, 201, original_filename="noise.jpg", content_type="image/jpeg")
    spent = samples.clock() - start
    _stage(size, begun["form_fields"]["key"])
    start = samples.clock()
    _call("POST", f"/api/uploads/{begun['upload_id']}/complete/", token, 200)
    samples.seconds.setdefault(size, []).append(spent + samples.clock() - start)
    return str(begun["upload_id"])


def _attach(token: str, size: str, samples: Samples) -> None:
    upload_id = _complete(token, size, Samples())
    samples.take(size, lambda: _call("POST", "/api/artworks/", token, 201, title="Noise", upload_id=upload_id))


def _memory(token: str, size: str) -> float:
    """Resident bytes of this process at most while one upload is completed (Linux; elsewhere 1, which says nothing)."""
    begun = _call("POST", "/api/uploads/", token, 201, original_filename="noise.jpg", content_type="image/jpeg")
    _stage(size, begun["form_fields"]["key"])
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    _call("POST", f"/api/uploads/{begun['upload_id']}/complete/", token, 200)
    return float(peak_bytes(os.getpid()) or 1)


def _call(method: str, path: str, token: str, status: int, **body: Any) -> Any:
    content = json.dumps(body).encode()
    answer = request(path, method=method, token=token, body=content, content_type="application/json")()
    if answer.status != status:
        raise SystemExit(f"{method} {path} answered {answer.status}: {answer.body[:500]!r}")
    return json.loads(answer.body)


def _fill(sizes: dict[str, int]) -> None:
    storage = _storage()
    storage.client.create_bucket(Bucket=storage.bucket_name)
    for name, size in sizes.items():
        storage.client.put_object(Bucket=storage.bucket_name, Key=f"seed/{name}", Body=noisy_jpeg(size))


def _stage(size: str, key: str) -> None:
    bucket = _storage().bucket_name
    _storage().client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": f"seed/{size}"})


def _storage() -> Any:
    from media_assets.storages import get_storage

    return get_storage("s3-private")


@contextlib.contextmanager
def _site_on(lines: dict[str, str]) -> Iterator[None]:
    """The site with new files on this store, and with limits that nothing here reaches."""
    from config.storages import read_media_environment

    media = read_media_environment({**lines, "USE_S3": "True"}, Path("/"))
    with override_settings(
        STORAGES={**media.storages, "staticfiles": settings.STORAGES["staticfiles"]},
        MEDIA_ACTIVE_STORAGES=media.active,
        UPLOAD_MAX_OUTSTANDING=1_000_000,
        UPLOAD_QUOTA_BYTES=0,
        MEDIA_MAX_PIXELS=100_000_000,
    ):
        yield


@contextlib.contextmanager
def _store() -> Iterator[dict[str, str]]:
    """The environment lines of an S3 store."""
    names = {"AWS_STORAGE_BUCKET_NAME": f"vitrine-bench-{uuid.uuid4().hex[:8]}", "AWS_S3_REGION_NAME": "us-east-1"}
    if endpoint := os.environ.get("S3_TEST_ENDPOINT_URL"):
        yield names | {
            "AWS_S3_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": os.environ["S3_TEST_ACCESS_KEY"],
            "AWS_SECRET_ACCESS_KEY": os.environ["S3_TEST_SECRET_KEY"],
        }
        return
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    moto = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        keys = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "bench-secret"}
        yield names | {"AWS_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", **keys}
    finally:
        moto.terminate()
        moto.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("moto did not come up.")
