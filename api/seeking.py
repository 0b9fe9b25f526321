"""Rows from a cursor on, found by their place in an index on (value, id) at any depth.

The conditions are written out and go in by ``extra()``: from lookups or expressions they cost a third of the time that
a page's query takes, and then a deep page would not cost what the first one does.
Why these conditions: docs/decisions/0007-keyset-cursors.md.
"""

from typing import Any

from django.db import connections
from django.db.models import QuerySet

from api.cursors import PREVIOUS, Cursor


def rows_from(queryset: QuerySet[Any, Any], ordering: str, cursor: Cursor | None, count: int) -> list[Any]:
    """So many rows of the ordering from the cursor on, from the beginning where it is None.

    Towards the beginning for a cursor of direction ``prev``. One query; on SQLite two at most, see ``Cursor``.
    """
    backwards = cursor is not None and cursor.direction == PREVIOUS
    field, descending = ordering.lstrip("-"), ordering.startswith("-") != backwards
    sign, than = ("-", "<") if descending else ("", ">")
    ordered = queryset.order_by(f"{sign}{field}", f"{sign}pk")
    if cursor is None:
        return list(ordered[:count])

    connection, meta = connections[queryset.db], queryset.model._meta
    column, pk = meta.get_field(field), meta.pk
    a, b = (".".join(map(connection.ops.quote_name, (meta.db_table, one.column))) for one in (column, pk))
    x, y = column.get_db_prep_value(cursor.value, connection), cursor.pk

    def read(condition: str, values: list[Any], limit: int = count) -> list[Any]:
        return list(ordered.extra(where=[condition], params=values)[:limit])  # noqa: S610  (columns and operators only)

    if connection.vendor != "sqlite":
        return read(f"({a}, {b}) {than} (%s, %s)", [x, y])
    if not cursor.among_equals:
        return read(f"{a} {than}= %s AND ({a} {than} %s OR {b} {than} %s)", [x, x, y])
    rows = read(f"{a} = %s AND {b} {than} %s", [x, y])
    missing = count - len(rows)
    return [*rows, *read(f"{a} {than} %s", [x], missing)] if missing else rows
