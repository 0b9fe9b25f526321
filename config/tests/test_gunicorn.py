"""gunicorn as it is run: it ends and reloads without losing a request, counts for all its workers, and believes no
header that a caller may forge."""

import io
import itertools
import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from PIL import Image
from rest_framework_simplejwt.tokens import RefreshToken

from artworks.models import ArtWork
from config.tests.boot import boot
from config.tests.server import Server, SlowUpload, refused, serving
from media_assets.models import Upload

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def serve(transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A maker of servers: ``serve(**environment)``; stopped at the end."""
    from contextlib import ExitStack

    numbers = itertools.count()
    with ExitStack() as stack:
        yield lambda **lines: stack.enter_context(serving(tmp_path / f"gunicorn-{next(numbers)}.log", **lines))


@pytest.fixture
def bearer(make_user: Any) -> str:
    return f"Bearer {RefreshToken.for_user(make_user('anna')).access_token}"


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A JPEG of some 200 KB."""
    out = io.BytesIO()
    Image.effect_noise((700, 500), 90).convert("RGB").save(out, "JPEG", quality=90)
    return out.getvalue()


def begin_uploads(server: Server, bearer: str, picture: bytes) -> list[SlowUpload]:
    """One through the application, and one with a form of local disk; both half-way."""
    headers = {"Authorization": bearer}
    form = {"original_filename": "a.jpg", "content_type": "image/jpeg"}
    upload = requests.post(f"{server.url}/api/uploads/", json=form, headers=headers, timeout=10).json()
    uploads = [
        SlowUpload(server, "/api/artworks/", {"title": "Slow"}, ("image", picture), Authorization=bearer),
        SlowUpload(server, "/api/uploads/local/", upload["form_fields"], ("file", picture)),
    ]
    time.sleep(0.3)  # the server reads what has come
    return uploads


def test_uploads_under_way_end_well_when_the_server_is_told_to_stop(
    serve: Callable[..., Server], bearer: str, picture: bytes
) -> None:
    server = serve()
    uploads = begin_uploads(server, bearer, picture)
    server.process.terminate()
    server.wait_until(lambda: refused(server), 10)
    assert [upload.finish() for upload in uploads] == [201, 201]
    assert server.process.wait(10) == 0
    artwork = ArtWork.objects.get()
    assert artwork.image is not None and artwork.image.state == "ready"
    assert Upload.objects.get().status == "pending"  # to be completed at the next process
    assert "Traceback" not in server.said()


def test_a_request_that_does_not_end_in_time_is_given_up(
    serve: Callable[..., Server], bearer: str, picture: bytes
) -> None:
    server = serve(WEB_GRACEFUL_SECONDS="1")
    uploads = begin_uploads(server, bearer, picture)
    server.process.terminate()
    assert server.process.wait(10) == 0
    assert [upload.status() for upload in uploads] == [0, 0]
    assert not ArtWork.objects.exists()


def test_an_upload_that_breaks_off_leaves_nothing(serve: Callable[..., Server], bearer: str, picture: bytes) -> None:
    server = serve()
    for upload in begin_uploads(server, bearer, picture):
        upload.give_up()
    for path in ("/api/artworks/", "/api/uploads/local/"):
        server.wait_until(lambda path=path: f"POST {path} 400" in server.said())
    assert not ArtWork.objects.exists()
    assert "Traceback" not in server.said()


def test_a_reload_loses_no_request_and_no_count(serve: Callable[..., Server], bearer: str, picture: bytes) -> None:
    server = serve()
    former = server.workers()
    uploads = begin_uploads(server, bearer, picture)
    statuses, over = [], threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.append(requests.get(f"{server.url}/api/artworks/", timeout=20).status_code)

    def ask_kept_alive() -> None:
        with requests.Session() as session:
            while not over.is_set():
                statuses.append(session.get(f"{server.url}/api/artworks/", timeout=20).status_code)

    threads = [threading.Thread(target=target) for target in (ask, ask_kept_alive)]
    for thread in threads:
        thread.start()
    server.process.send_signal(signal.SIGHUP)
    server.wait_until(lambda: len(server.workers() - former) == 2)
    assert [upload.finish() for upload in uploads] == [201, 201]
    server.wait_until(lambda: not server.workers() & former)
    over.set()
    for thread in threads:
        thread.join()
    assert set(statuses) == {200} and len(statuses) > 10
    counted = 'django_http_responses_total_by_status_view_method_total{method="GET",status="200",view="artwork-list"}'
    assert server.metrics()[counted] == len(statuses)


def test_all_workers_count_together_and_the_registry_counts_once(
    serve: Callable[..., Server], bearer: str, picture: bytes
) -> None:
    server = serve()
    for _ in range(12):  # a connection each: both workers get some
        assert requests.get(f"{server.url}/api/artworks/", timeout=10).status_code == 200
    headers = {"Authorization": bearer}
    made = requests.post(
        f"{server.url}/api/artworks/", {"title": "a"}, files={"image": picture}, headers=headers, timeout=20
    ).json()
    assert len(requests.get(made["image_display_url"], timeout=10).content) == made["media"]["size"]
    refusal = requests.post(
        f"{server.url}/api/artworks/", {"title": "a"}, files={"image": b"no picture"}, headers=headers, timeout=20
    )
    assert refusal.status_code == 400
    server.wait_until(lambda: "GET /media/" in server.said())  # a file has its line too
    asked = 'django_http_requests_latency_seconds_by_view_method_count{method="GET",view="artwork-list"}'
    for _ in range(4):
        found = server.metrics()
        assert found[asked] == 12
        assert found['vitrine_uploads_total{outcome="stored",way="application"}'] == 1
        assert found['vitrine_uploads_total{outcome="refused",way="application"}'] == 1
        assert found['vitrine_upload_bytes_total{way="application"}'] == made["media"]["size"]
        assert found['vitrine_delivered_bytes_total{visibility="public"}'] == made["media"]["size"]
        assert found['vitrine_storage_seconds_count{operation="create",storage="local-public"}'] == 1
    read: dict[str, float] = {}
    server.wait_until(lambda: read.update(server.metrics()) or read['vitrine_part_up{part="registry"}'])
    assert read['vitrine_assets{state="failed"}'] == read["vitrine_work_due"] == 0
    before = server.workers()
    psutil.Process(min(before)).kill()
    server.wait_until(lambda: len(server.workers()) == 2 and server.workers() != before)
    requests.get(f"{server.url}/api/artworks/", timeout=20)
    assert server.metrics()[asked] == 13  # what a dead worker counted stays


def test_the_folder_of_the_counts_goes_with_the_server(serve: Callable[..., Server]) -> None:
    server = serve()
    (folder,) = {
        Path(each.path).parent
        for pid in server.workers()
        for each in psutil.Process(pid).open_files()
        if "vitrine-metrics-" in each.path
    }
    server.metrics()
    assert list(folder.glob("*.db"))
    server.stop()
    assert not folder.exists()


def test_the_env_file_counts_and_leaves_the_environment_alone(tmp_path: Path) -> None:
    """A reload would not see another value in the file otherwise."""
    code = """
import os, runpy
config = runpy.run_path("config/gunicorn.py")
print(config["workers"], config["bind"], config["max_requests"], config["worker_tmp_dir"], "PORT" in os.environ)
"""
    lines = "PORT=8123\nWEB_CONCURRENCY=5\nWEB_MAX_REQUESTS=0\nSECRET_KEY=of-the-file\n"
    done = boot(code, tmp_path / "env", lines, WEB_CONCURRENCY="3")
    assert done.returncode == 0, done.stderr
    workers, bind, max_requests, worker_tmp_dir, in_environment = done.stdout.split()
    assert (workers, bind, max_requests, in_environment) == ("3", "0.0.0.0:8123", "0", "False")
    assert worker_tmp_dir in ("/dev/shm", "None")
    done = boot(code, tmp_path / "env", "")
    assert done.stdout.split()[1] == "127.0.0.1:8000"
    assert int(done.stdout.split()[0]) >= 2


def test_every_request_is_one_line_of_json_without_its_query(serve: Callable[..., Server]) -> None:
    server = serve(LOG_FORMAT="")
    url = f"{server.url}/api/artworks/?search=a@b.c&signature=s3cret"
    answer = requests.get(url, headers={"X-Request-ID": "request-of-test"}, timeout=10)
    assert answer.status_code == 200
    server.wait_until(lambda: "request-of-test" in server.said())
    lines = [json.loads(line) for line in server.said().splitlines()]
    (line,) = [each for each in lines if each["request_id"] == "request-of-test"]
    assert (line["logger"], line["path"], line["status"]) == ("vitrine.request", "/api/artworks/", 200)
    assert "s3cret" not in server.said() and "a@b.c" not in server.said()
    assert {each["logger"] for each in lines} == {"gunicorn.error", "vitrine.request"}


def asked(server: Server, request: str) -> tuple[int, str]:
    """Status and text of the answer to this request, sent as it stands."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    return int(answer.split()[1]), answer.decode(errors="replace")


def test_headers_that_a_caller_may_forge_are_not_believed(serve: Callable[..., Server]) -> None:
    server = serve(SECURE_SSL_REDIRECT="True", SECRET_KEY="x" * 50)
    get = "GET {} HTTP/1.1\nHost: localhost\nConnection: close\n"
    forged = "X-Forwarded-Proto: https\nX-Forwarded-Ssl: on\nX_Forwarded_Proto: https\nSCRIPT_NAME: /forged"
    status, text = asked(server, get.format("/admin/") + forged)
    assert (status, "Location: https://localhost/admin/\r\n" in text) == (301, True)
    assert asked(server, get.format("/healthz") + "PATH_INFO: /admin/")[1].endswith('{"status": "ok"}')
    malformed = "POST /api/auth/login/ HTTP/1.1\nHost: localhost\nConnection: close\nContent-Length: 0\n"
    assert asked(server, malformed + "Content-Type: a/b; c*=unknown''d")[0] in (301, 400, 415)
    server.stop()
    trusting = serve(SECURE_SSL_REDIRECT="True", TRUSTED_PROXY_HEADERS="True", TRUSTED_PROXY_COUNT="1")
    assert asked(trusting, get.format("/") + "X-Forwarded-Proto: https")[0] == 200
    assert asked(trusting, get.format("/") + "X_Forwarded_Proto: https")[0] == 301
