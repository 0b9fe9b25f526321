"""The service's own addresses: front page, health, readiness, metrics."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from config import readiness
from config.tests.boot import boot
from config.tests.production import wait_until

PARTS = {"database": "ok", "local-private": "ok", "local-public": "ok"}


@pytest.fixture(autouse=True)
def _forget_answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(readiness, "TIME_LIMIT_SECONDS", 20.0)  # a busy machine takes long to import boto3
    readiness._parts.clear()
    yield
    readiness._parts.clear()


def test_the_front_page_names_the_service_and_needs_nothing_from_elsewhere(client: Client) -> None:
    page = client.get("/")
    body = page.content.decode()
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Vitrine</h1>" in body
    for link in ("/api/docs/", "/api/schema/", "/admin/"):
        assert f'href="{link}"' in body
    assert "http:" not in body and "https:" not in body and "<script" not in body


def test_healthz_answers_without_a_database(client: Client) -> None:
    answer = client.get("/healthz")  # pytest-django forbids the database here
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_probes_are_never_cached_and_only_read(address: str, client: Client) -> None:
    answer = client.get(address)
    assert "no-store" in answer["Cache-Control"]
    assert answer["Content-Type"] == "application/json"
    assert len(answer["X-Request-ID"]) >= 8
    assert client.post(address).status_code == 405
    assert client.head(address).status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
@pytest.mark.django_db(transaction=True)
def test_probes_are_not_redirected_to_https(address: str, client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(address).status_code == 200
    assert client.get("/").status_code == 301


@pytest.mark.django_db(transaction=True)
def test_readyz_says_which_parts_work(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "parts": PARTS})


@pytest.mark.django_db(transaction=True)
def test_readyz_names_the_folder_storage_that_cannot_be_written(client: Client, site: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    site(MEDIA_ROOT=f"{tmp_path}/file/media", PRIVATE_MEDIA_ROOT=f"{tmp_path}/new/private")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer["Retry-After"] == "3"
    assert answer.json() == {
        "detail": "Not ready: local-public.",
        "code": "not_ready",
        "status": "unavailable",
        "parts": {**PARTS, "local-public": "failing"},
    }
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("database", ["sqlite:///{folder}/new.sqlite3", "postgres://nobody:pw-123@127.0.0.1:9/none"])
def test_readyz_notices_a_database_that_cannot_serve(database: str, tmp_path: Path) -> None:
    code = """
import json
from config.wsgi import application
from config import readiness
from django.test import Client
readiness.TIME_LIMIT_SECONDS = 20.0
answer = Client(headers={"host": "localhost"}).get("/readyz")
print(json.dumps([answer.status_code, answer.json()["parts"]["database"], "pw-123" in answer.content.decode()]))
"""
    lines = f"SECRET_KEY=s\nMEDIA_ROOT={tmp_path}/a\nPRIVATE_MEDIA_ROOT={tmp_path}/b\n"
    done = boot(code, tmp_path / "env", lines, DATABASE_URL=database.format(folder=tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [503, "failing", False]
    assert "Not ready: database" in done.stderr


@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
def test_readyz_sees_a_bucket(client: Client, site: Any, s3_server: dict[str, str], s3_bucket: str) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME=s3_bucket, **s3_server)
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["parts"] == {"database": "ok", "s3-private": "ok", "s3-public": "ok"}


@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_PRIVATE_STORAGE_BUCKET_NAME": "no-such-bucket-anywhere"},
        {"AWS_PRIVATE_STORAGE_BUCKET_NAME": "b", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"},
    ],
    ids=["missing bucket", "refused connection"],
)
def test_readyz_sees_a_bucket_that_does_not_answer(
    client: Client, site: Any, s3_server: dict[str, str], s3_bucket: str, wrong: dict[str, str]
) -> None:
    site(**{"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": s3_bucket, **s3_server, **wrong})
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"]["s3-private"] == "failing"
    for secret in (s3_server["AWS_SECRET_ACCESS_KEY"], s3_server["AWS_ACCESS_KEY_ID"], "127.0.0.1"):
        assert secret not in answer.content.decode()


def test_a_part_that_hangs_is_given_up_in_time_and_never_asked_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "TIME_LIMIT_SECONDS", 0.2)
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 0.0)
    release, asked = threading.Event(), []

    def hang() -> None:
        asked.append(1)
        release.wait(10)

    part = readiness.Part("store", hang)
    begun = time.monotonic()
    for _ in range(3):
        part.ask()
        assert part.verdict() == readiness.SLOW
    assert time.monotonic() - begun < 5
    assert len(asked) == 1
    release.set()
    part._thread.join(5)
    monkeypatch.setattr(readiness, "TIME_LIMIT_SECONDS", 20.0)
    part.ask()
    assert part.verdict() == readiness.OK
    assert len(asked) == 2


@pytest.mark.parametrize(("kept", "times"), [(60.0, 1), (0.0, 3)])
def test_an_answer_is_given_again_while_it_is_fresh(kept: float, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "KEPT_SECONDS", kept)
    asked: list[int] = []
    part = readiness.Part("store", lambda: asked.append(1))
    for _ in range(3):
        part.ask()
        assert part.verdict() == readiness.OK
        part._thread.join(5)
    assert len(asked) == times


def test_the_log_says_why_a_part_fails(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise readiness.NotReady("the disk is full")

    part = readiness.Part("store", fail)
    part.ask()
    assert part.verdict() == readiness.FAILING
    assert "the disk is full" in caplog.text


@pytest.mark.parametrize(
    ("token", "header", "status"),
    [
        ("s3cret", "Bearer s3cret", 200),
        ("s3cret", "Bearer wrong", 404),
        ("s3cret", "s3cret", 404),
        ("s3cret", "Bearer é", 404),
        ("s3cret", "", 404),
        ("", "Bearer ", 404),
        ("", "", 404),
    ],
)
def test_metrics_are_for_the_token(token: str, header: str, status: int, client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = token
    answer = client.get("/metrics", headers={"authorization": header} if header else {})
    assert answer.status_code == status
    if status == 200:
        assert answer["Content-Type"].startswith("text/plain")
        assert b"django_http_requests_before_middlewares_total" in answer.content
        assert "no-store" in answer["Cache-Control"]
    else:
        assert answer.json() == {"detail": "Not found.", "code": "not_found"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [({"is_staff": True}, 200), ({}, 404), ({"is_staff": True, "is_active": False}, 404)],
    ids=["staff", "anybody", "former staff"],
)
def test_metrics_are_for_signed_in_staff(
    fields: dict[str, bool], status: int, client: Client, make_user: Callable[..., Any]
) -> None:
    client.force_login(make_user(**fields))
    assert client.get("/metrics").status_code == status


@pytest.mark.django_db(transaction=True)
def test_readyz_leaves_no_connection_behind(client: Client) -> None:
    """The threads that ask close theirs; the test database can be dropped afterwards."""
    client.get("/readyz")
    for part in readiness._parts.values():
        part._thread.join(5)
    if connection.vendor == "postgresql":
        alone = "SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = current_database() AND backend_type = %s"
        with connection.cursor() as cursor:
            wait_until(lambda: cursor.execute(alone, ["client backend"]) or cursor.fetchone()[0])
