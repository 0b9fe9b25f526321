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
    response = HttpResponse(orjson.dumps(rows, default=_plain, option=_OPTIONS), content_type="application/json")
    link = paginator.link_header() if paginator else ""
    if link:
        response.headers["Link"] = link
    return response


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
