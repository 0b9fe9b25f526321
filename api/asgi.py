"""What ``api.wsgi`` does for headers, on ASGI. Bodies need nothing: Django reads them whole before a view runs."""

from collections.abc import Awaitable, Callable
from typing import Any

from api.wsgi import is_length, readable_type

_TYPE, _LENGTH = b"content-type", b"content-length"
ASGIApplication = Callable[[dict[str, Any], Any, Any], Awaitable[None]]


def readable_headers(application: ASGIApplication) -> ASGIApplication:
    """The application, given no ``Content-Type`` and no ``Content-Length`` that Django fails on while it builds the
    request (``api.wsgi.readable_headers``). One that comes twice is as Django joins it: no number, an unknown kind."""

    async def serve(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            scope = {**scope, "headers": _readable(scope.get("headers", ()))}
        await application(scope, receive, send)

    return serve


def _readable(headers: Any) -> list[tuple[bytes, bytes]]:
    """The headers, names in lower case as ASGI has them, at most one of either kind."""
    plain = [(bytes(name), bytes(value)) for name, value in headers if name not in (_TYPE, _LENGTH)]
    joined = {
        wanted: b",".join(value for name, value in headers if name == wanted).decode("latin-1")
        for wanted in (_TYPE, _LENGTH)
    }
    if joined[_TYPE]:
        plain.append((_TYPE, readable_type(joined[_TYPE]).encode("latin-1")))
    if joined[_LENGTH]:
        plain.append((_LENGTH, joined[_LENGTH].encode("latin-1") if is_length(joined[_LENGTH]) else b"0"))
    return plain
