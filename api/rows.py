"""Lists straight from rows to JSON bytes: no model instances, no serializers."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Protocol

import orjson
from django.http import HttpResponse

# As REST framework writes times here: "2025-05-15T12:30:45Z".
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS | orjson.OPT_NAIVE_UTC


class Linked(Protocol):
    """A paginator that has read its page."""

    def link_header(self) -> str: ...


def json_rows(rows: Sequence[dict[str, Any]], paginator: Linked | None = None) -> HttpResponse:
    """200 with a JSON array of these rows, and the ``Link`` header of the paginator that read them.

    Values are JSON's own, datetimes (UTC, written to the second) and Decimals (written as strings). Raises TypeError
    on others.
    """
    response = _json(rows, 200)
    link = paginator.link_header() if paginator else ""
    if link:
        response.headers["Link"] = link
    return response


def json_row(row: dict[str, Any], status: int = 200) -> HttpResponse:
    """One such row, as a JSON object."""
    return _json(row, status)


def _json(content: Any, status: int) -> HttpResponse:
    body = orjson.dumps(content, default=_plain, option=_OPTIONS)
    return HttpResponse(body, content_type="application/json", status=status)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
