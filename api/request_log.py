"""A line in the log for every request, in the place of the server's own."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.encoding import escape_uri_path
from django.utils.functional import LazyObject, empty
from rest_framework.throttling import BaseThrottle

from api.request_ids import GetResponse

PROBES = ("/healthz", "/readyz", "/metrics")  # asked every few seconds: a line only where they fail
logger = logging.getLogger("vitrine.request")


class RequestLogMiddleware:
    """One line for each request once its answer is sent: no query string (signatures, tokens and e-mails stand there),
    no headers, no body. Stands right behind RequestIDMiddleware."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        began = time.monotonic()
        if self._is_async:
            return self._answer_later(request, began)
        return _logged(request, cast(HttpResponseBase, self.get_response(request)), began)

    async def _answer_later(self, request: HttpRequest, began: float) -> HttpResponseBase:
        return _logged(request, await cast(Awaitable[HttpResponseBase], self.get_response(request)), began)


def _logged(request: HttpRequest, response: Any, began: float) -> HttpResponseBase:
    """The response, whose end (the server closes it) writes the line."""
    write: Callable[[], None] = lambda: _write(request, response, time.monotonic() - began)  # noqa: E731
    response._resource_closers.append(write)
    return cast(HttpResponseBase, response)


def _write(request: HttpRequest, response: Any, seconds: float) -> None:
    fields = {
        "method": request.method,
        "path": escape_uri_path(request.path),
        "status": response.status_code,
        "duration_ms": round(1000 * seconds, 1),
        "bytes": _length(response),
        "user_id": _user_id(request),
        "client": BaseThrottle().get_ident(cast(Any, request)),
    }
    level = logging.WARNING if response.status_code >= 500 else logging.INFO
    if request.path in PROBES and response.status_code < 400:
        level = logging.DEBUG
    told = ["-" if value is None else value for value in fields.values()]
    line = "%s %s %s in %s ms, %s bytes, user %s, from %s"
    logger.log(level, line, *told, extra={**fields, "request": request})


def _length(response: Any) -> int | None:
    """Bytes of the answer's body, as far as that is known."""
    if length := response.headers.get("Content-Length", ""):
        return int(length)
    return None if response.streaming else len(response.content)


def _user_id(request: HttpRequest) -> int | None:
    """Whose request it was, where that was asked: logging asks no database."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, LazyObject) and user._wrapped is empty:
        return None
    return getattr(user, "pk", None)
