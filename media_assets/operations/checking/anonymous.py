"""Requests as a browser or a stranger sends them: with no credentials of ours and short time limits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from urllib3 import PoolManager, Timeout
from urllib3.response import BaseHTTPResponse
from urllib3.util.retry import Retry

CONNECT_SECONDS, READ_SECONDS = 3.0, 7.0
_FOLLOWING = Retry(total=3, connect=0, read=0, other=0, redirect=3, raise_on_redirect=False)
FIRST_ANSWER = _FOLLOWING.new(redirect=0)  # a redirect is an answer
_READ_MAX = 64 * 1024  # bytes of an answer that are looked at
_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]+)</Message>")
REFUSALS = (400, 401, 403, 404, 405, 409, 411, 412, 413)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    redirects: Retry = _FOLLOWING,
) -> BaseHTTPResponse:
    """The answer to one request, redirects followed. Raises urllib3's HTTPError where none comes."""
    return _pool().request(method, url, headers=dict(headers or {}), body=body, retries=redirects)


def post_form(url: str, fields: Mapping[str, str], body: bytes) -> BaseHTTPResponse:
    """A form posted as a browser does it: the fields in their order, the file last."""
    parts: list[Any] = [*fields.items(), ("file", ("check.png", body, fields["Content-Type"]))]
    return _pool().request("POST", url, fields=parts, encode_multipart=True, retries=FIRST_ANSWER)


def said(answer: BaseHTTPResponse) -> str:
    """Status, error code and sentence of the store."""
    data = answer.data[:_READ_MAX]
    named = [found.group(1).decode(errors="replace") for found in (_CODE.search(data), _MESSAGE.search(data)) if found]
    return " ".join([f"HTTP {answer.status}", *([": ".join(named)] if named else [])])


@cache
def _pool() -> PoolManager:
    return PoolManager(timeout=Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS))
