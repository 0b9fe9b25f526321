"""A request id for every answer (``X-Request-ID``) and every line of the log."""

import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from contextvars import ContextVar, Token
from typing import cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
OUTSIDE_REQUEST = "-"
_META = "vitrine.request_id"  # what Django logs of an answer, it logs after the middleware is left
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default=OUTSIDE_REQUEST)
_task: ContextVar[tuple[str, int | None]] = ContextVar("task", default=("", None))

GetResponse = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


def current_request_id() -> str:
    """The id of the request that is being served; ``-`` outside of one."""
    return _current.get()


def request_id_of(request: HttpRequest) -> str:
    """The caller's own ``X-Request-ID`` where it is 8 to 64 of ``A-Z a-z 0-9 . _ -``, else 32 new hex digits."""
    given = request.headers.get(HEADER, "")
    return given if _ACCEPTED.fullmatch(given) else uuid.uuid4().hex


def enter_task(*, request_id: str, task_id: str, asset_id: int | None) -> None:
    """From now on a worker's lines belong to this task, which that request has sent, until ``leave_task``."""
    _current.set(request_id if _ACCEPTED.fullmatch(request_id) else OUTSIDE_REQUEST)
    _task.set((task_id, asset_id))


def leave_task() -> None:
    """The task is over."""
    _current.set(OUTSIDE_REQUEST)
    _task.set(("", None))


class RequestIDMiddleware:
    """Names the request, for its log lines and its answer. Stands before all that can answer."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self._is_async:
            return self._answer_later(request)
        token = _enter(request)
        try:
            return _named(cast(HttpResponseBase, self.get_response(request)))
        finally:
            _current.reset(token)

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        token = _enter(request)
        try:
            return _named(await cast(Awaitable[HttpResponseBase], self.get_response(request)))
        finally:
            _current.reset(token)


def _enter(request: HttpRequest) -> Token[str]:
    request.META[_META] = request_id_of(request)
    return _current.set(request.META[_META])


def _named(response: HttpResponseBase) -> HttpResponseBase:
    response.headers[HEADER] = current_request_id()
    return response


class RequestIDFilter(logging.Filter):
    """Gives every log record ``request_id`` (``-`` outside of a request), in a worker's task ``task_id`` and
    ``asset_id``, and ``context``, all of these in one text."""

    def filter(self, record: logging.LogRecord) -> bool:
        request = getattr(record, "request", None)
        known = request.META.get(_META) if isinstance(request, HttpRequest) else None
        record.request_id = context = known or current_request_id()
        task_id, asset_id = _task.get()
        if task_id:
            record.task_id, record.asset_id = task_id, asset_id
            context += f" task {task_id} asset {asset_id}"
        record.context = context
        return True
