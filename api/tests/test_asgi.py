"""Headers that Django fails on, on ASGI: the client's fault, never ours."""

import asyncio
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIHandler

from api.asgi import readable_headers

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db(transaction=True)]


def status_of(*headers: tuple[bytes, bytes], query: bytes = b"", guarded: bool = True) -> int:
    """The status that the application answers to a POST of a small JSON body with these headers."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/api/open-echo/",
        "query_string": query,
        "headers": [(b"host", b"testserver"), *headers],
    }
    body = b'{"title": "a"}'

    async def receive() -> dict[str, Any]:
        if body_parts:
            return {"type": "http.request", "body": body_parts.pop()}
        await asyncio.sleep(30)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    body_parts = [body]
    application = readable_headers(ASGIHandler()) if guarded else ASGIHandler()
    asyncio.run(application(scope, receive, send))
    return int(sent[0]["status"])


TYPE, LENGTH = b"content-type", b"content-length"
JSON, FOURTEEN = (TYPE, b"application/json"), (LENGTH, b"14")


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ([JSON, FOURTEEN], b"", 200),
        ([(TYPE, b"application/json; a*=bogus''x"), FOURTEEN], b"", 415),
        ([(TYPE, b"multipart/form-data; boundary*=bogus''x"), FOURTEEN], b"", 415),
        ([(TYPE, b"application/json; charset=utf-7"), FOURTEEN], b"a=+2AA-", 415),
        ([(TYPE, b"application/json; charset=rot13"), FOURTEEN], b"a=b", 415),
        ([JSON, (TYPE, b"text/plain; a*=bogus''x"), FOURTEEN], b"", 415),
        ([(TYPE, b"\xff\xfe"), FOURTEEN], b"", 415),
        ([JSON, (LENGTH, b"many")], b"", 400),
        ([JSON, (LENGTH, b"-5")], b"", 400),
        ([JSON, (LENGTH, "²".encode("latin-1"))], b"", 400),
        ([JSON, (LENGTH, b"9" * 5000)], b"", 400),
        ([JSON, FOURTEEN, (LENGTH, b"15")], b"", 400),
        ([JSON, FOURTEEN, (b"cookie", b"sessionid=\xff; a")], b"", 200),
        ([JSON, FOURTEEN], b"a=\xff", 400),
    ],
)
def test_headers_that_cannot_be_read_are_the_clients_fault(
    headers: list[tuple[bytes, bytes]], query: bytes, status: int
) -> None:
    assert status_of(*headers, query=query) == status


def test_without_the_guard_django_fails() -> None:
    with pytest.raises(ValueError):
        status_of((TYPE, b"application/json; a*=bogus''x"), FOURTEEN, guarded=False)


def test_other_protocols_pass_untouched() -> None:
    seen: list[Any] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    scope = {"type": "lifespan"}
    asyncio.run(readable_headers(application)(scope, None, None))  # type: ignore[arg-type]
    assert seen[0] is scope


def test_the_site_has_the_guard() -> None:
    from config.asgi import application

    assert application.__qualname__ == "readable_headers.<locals>.serve"
