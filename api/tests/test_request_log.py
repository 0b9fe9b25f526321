"""One line for each request, once its answer is sent."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.signals import request_finished
from django.db import close_old_connections
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.utils.functional import SimpleLazyObject

from api.request_log import RequestLogMiddleware

pytestmark = pytest.mark.urls("api.tests.urls")


@pytest.fixture(autouse=True)
def _keep_connections() -> Iterator[None]:
    """A response that is closed by hand would close the test's connections, as it does in a server."""
    request_finished.disconnect(close_old_connections)
    yield
    request_finished.connect(close_old_connections)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The records of requests so far."""
    caplog.set_level(logging.DEBUG, "vitrine.request")
    return lambda: [record for record in caplog.records if record.name == "vitrine.request"]


def test_a_line_says_what_was_asked_and_answered_and_no_query(client: Client, lines: Any) -> None:
    answer = client.get("/api/nowhere/?signature=secret&email=a@b.c", REMOTE_ADDR="10.1.2.3")
    (line,) = lines()
    assert line.levelno == logging.INFO
    assert (line.method, line.path, line.status) == ("GET", "/api/nowhere/", 404)
    assert (line.bytes, line.user_id, line.client) == (len(answer.content), None, "10.1.2.3")
    assert 0 <= line.duration_ms < 60_000
    assert line.getMessage().startswith("GET /api/nowhere/ 404 in ")
    assert "secret" not in line.getMessage() and "a@b.c" not in line.getMessage()


@pytest.mark.parametrize(
    ("path", "level"),
    [
        ("/api/nowhere/", logging.INFO),
        ("/api/raise/bug/", logging.WARNING),
        ("/healthz", logging.INFO),  # which this site does not have: 404
    ],
)
def test_failures_of_ours_stand_out(path: str, level: int, lines: Any) -> None:
    Client(raise_request_exception=False).get(path)
    assert [line.levelno for line in lines()] == [level]


def answered(response: Any, path: str = "/a/", **attributes: Any) -> None:
    request = RequestFactory().get(path)
    for name, value in attributes.items():
        setattr(request, name, value)
    RequestLogMiddleware(lambda request: response)(request).close()


def test_probes_that_succeed_are_not_worth_a_line(lines: Any) -> None:
    answered(HttpResponse(), "/healthz")
    answered(HttpResponse(status=503), "/healthz")
    assert [line.levelno for line in lines()] == [logging.DEBUG, logging.WARNING]


@pytest.mark.parametrize(
    ("response", "length"),
    [
        (HttpResponse(b"12345"), 5),
        (StreamingHttpResponse([b"123"]), None),
        (StreamingHttpResponse([b"123"], headers={"Content-Length": "3"}), 3),
    ],
)
def test_bytes_as_far_as_they_are_known(response: Any, length: int | None, lines: Any) -> None:
    answered(response)
    assert [line.bytes for line in lines()] == [length]


def test_the_line_comes_when_the_answer_is_sent_and_a_file_is_sent_as_one(tmp_path: Any, lines: Any) -> None:
    (tmp_path / "a").write_bytes(b"123")
    response: Any = RequestLogMiddleware(lambda request: FileResponse((tmp_path / "a").open("rb")))(
        RequestFactory().get("/")
    )
    assert response.file_to_stream is not None  # the server may still hand it to the kernel
    assert b"".join(response) == b"123"
    assert lines() == []
    response.close()
    assert [line.bytes for line in lines()] == [3]


def test_users_are_named_where_they_are_known_and_never_looked_up(lines: Any) -> None:
    def look_up() -> Any:
        raise AssertionError("the database was asked")

    answered(HttpResponse(), user=SimpleLazyObject(look_up))
    answered(HttpResponse(), user=AnonymousUser())
    answered(HttpResponse(), user=type("User", (), {"pk": 7})())
    answered(HttpResponse())
    assert [line.user_id for line in lines()] == [None, None, 7, None]


def test_a_path_cannot_forge_a_line(lines: Any) -> None:
    answered(HttpResponse(), "/a%0A2026-01-01 ERROR forged%1b[31m/é")
    assert lines()[0].path == "/a%0A2026-01-01%20ERROR%20forged%1B%5B31m/%C3%A9"
    assert "\n" not in lines()[0].getMessage()


def test_requests_served_by_asgi_have_their_line_too(lines: Any) -> None:
    answer = asyncio.run(AsyncClient().get("/api/nowhere/", headers={"x-request-id": "request-77"}))
    assert answer["X-Request-ID"] == "request-77"
    (line,) = lines()
    assert (line.path, line.status) == ("/api/nowhere/", 404)


@pytest.mark.django_db
def test_a_signed_in_user_is_named(lines: Any, client_of: Any, make_user: Any) -> None:
    anna = make_user("anna")
    client_of(anna).post("/api/echo/", {"title": "a"})
    assert [line.user_id for line in lines()] == [anna.pk]


def test_the_line_belongs_to_its_request(lines: Any) -> None:
    Client().get("/api/nowhere/", headers={"x-request-id": "request-78"})
    assert isinstance(lines()[0].request, HttpRequest)
    from api.request_ids import RequestIDFilter

    RequestIDFilter().filter(lines()[0])
    assert lines()[0].request_id == "request-78"
