"""Paging by key: a page begins after a row, not after a number of rows, so that every depth costs the same."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import Model, QuerySet
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.cursors import MAX_CURSOR_LENGTH, NEXT, PREVIOUS, Cursor, value_of
from api.seeking import rows_from
from api.serializers import SEND_ONCE

DEFAULT_LIMIT, MAX_LIMIT = 20, 100


class KeysetPagination(BasePagination):
    """Plain arrays, with ``rel="next"`` and ``rel="prev"`` in the ``Link`` header (RFC 8288), and no COUNT.

    One query a page; on SQLite two where rows of one value fill the page before and end in this one.

    Reads ``ordering_fields`` (names of NOT NULL columns: integers, decimals, texts, times), ``ordering``
    (``"-created_at"``), ``default_limit`` and ``max_limit`` of the view. One paginator serves one request.
    """

    _links: Mapping[str, Cursor] = {}

    def paginate_queryset(  # type: ignore[override]
        self, queryset: QuerySet[Any, Any], request: Request, view: APIView | None = None
    ) -> list[Any]:
        """The page's rows: instances, or dicts of ``values()`` that hold the ordering column and the primary key.

        Raises ValidationError on ``limit``, ``cursor`` and ``ordering``.
        """
        self._request = request
        ordering = _ordering(request, view)
        limit = _limit(request, view)
        cursor = _cursor(request, queryset.model, ordering)
        backwards = cursor is not None and cursor.direction == PREVIOUS
        rows = rows_from(queryset, ordering, cursor, limit + 1)
        more, rows = len(rows) > limit, rows[:limit]
        if backwards:
            rows.reverse()
        self._links = {}
        equal = bool(rows) and value_of(rows[0], ordering) == value_of(rows[-1], ordering)
        if rows and (backwards or more):
            self._links["next"] = Cursor.at(rows[-1], queryset.model, ordering, NEXT, equal)
        if rows and (more if backwards else cursor is not None):
            self._links["prev"] = Cursor.at(rows[0], queryset.model, ordering, PREVIOUS, equal)
        return rows

    def link_header(self) -> str:
        """``<https://...?cursor=...>; rel="next", ...``; empty where there is no other page."""
        if not self._links:
            return ""
        address = self._address()
        return ", ".join(f'<{address}{cursor.encode()}>; rel="{rel}"' for rel, cursor in self._links.items())

    def get_paginated_response(self, data: Any) -> Response:
        """The array, with its links."""
        link = self.link_header()
        return Response(data, headers={"Link": link} if link else None)

    def _address(self) -> str:
        """This request's own URL, ready for another cursor at its end."""
        query = self._request.query_params.copy()
        query.pop("cursor", None)
        path = self._request._request.get_full_path().partition("?")[0]
        base = getattr(settings, "PUBLIC_BASE_URL", "") or f"{self._request.scheme}://{self._request.get_host()}"
        return f"{base}{path}?{query.urlencode()}{'&' if query else ''}cursor="

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """For OpenAPI: the array itself."""
        return schema

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """For OpenAPI."""
        default, largest = _limits(view)
        limit = {"type": "integer", "minimum": 1, "maximum": largest, "default": default}
        ordering = {"type": "string", "enum": _choices(view), "default": getattr(view, "ordering", "-id")}
        cursor = {"type": "string", "maxLength": MAX_CURSOR_LENGTH}
        return [
            _parameter("limit", limit, "Rows of a page."),
            _parameter("cursor", cursor, "Where the page begins; taken from the `Link` header as it stands."),
            _parameter("ordering", ordering, "A leading `-` is descending. Equal rows are ordered by id."),
        ]


def _limits(view: APIView | None) -> tuple[int, int]:
    return getattr(view, "default_limit", DEFAULT_LIMIT), getattr(view, "max_limit", MAX_LIMIT)


def _choices(view: APIView | None) -> Sequence[str]:
    default: str = getattr(view, "ordering", "-id")
    fields: tuple[str, ...] = getattr(view, "ordering_fields", ()) or (default.lstrip("-"),)
    return [sign + field for field in fields for sign in ("", "-")]


def _ordering(request: Request, view: APIView | None) -> str:
    given = _once(request, "ordering")
    if given is None:
        return getattr(view, "ordering", "-id")
    if given not in _choices(view):
        raise ValidationError({"ordering": [f"Choose one of: {', '.join(_choices(view))}."]})
    return given


def _limit(request: Request, view: APIView | None) -> int:
    default, largest = _limits(view)
    given = _once(request, "limit")
    if given is None:
        return default
    if not (given.isascii() and given.isdecimal() and len(given) < 10 and 1 <= int(given) <= largest):
        raise ValidationError({"limit": [f"Enter a whole number from 1 to {largest}."]})
    return int(given)


def _cursor(request: Request, model: type[Model], ordering: str) -> Cursor | None:
    given = _once(request, "cursor")
    if given is None:
        return None
    try:
        return Cursor.decode(given, model, ordering)
    except ValueError as error:
        raise ValidationError({"cursor": [str(error)]}) from error


def _once(request: Request, name: str) -> str | None:
    given = request.query_params.getlist(name)
    if len(given) > 1:
        raise ValidationError({name: [SEND_ONCE]})
    return given[0] if given else None


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
