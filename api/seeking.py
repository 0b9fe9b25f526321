"""Rows from a cursor on, found by their place in an index on (value, id) at any depth.

Why so: docs/decisions/0007-keyset-cursors.md.
"""

from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, F, Func, QuerySet
from django.db.models.sql.compiler import SQLCompiler

from api.cursors import PREVIOUS, Cursor


def rows_from(queryset: QuerySet[Any, Any], ordering: str, cursor: Cursor | None, count: int) -> list[Any]:
    """So many rows of the ordering from the cursor on, from the beginning where it is None.

    Towards the beginning for a cursor of direction ``prev``. One query; on SQLite two at most, see ``Cursor``.
    """
    backwards = cursor is not None and cursor.direction == PREVIOUS
    field, descending = ordering.lstrip("-"), ordering.startswith("-") != backwards
    sign, than = ("-", "lt") if descending else ("", "gt")
    ordered = queryset.order_by(f"{sign}{field}", f"{sign}pk")
    if cursor is None:
        return list(ordered[:count])
    if cursor.among_equals and connections[queryset.db].vendor == "sqlite":
        rows = list(ordered.filter(**{field: cursor.value, f"pk__{than}": cursor.pk})[:count])
        missing = count - len(rows)
        return [*rows, *ordered.filter(**{f"{field}__{than}": cursor.value})[:missing]] if missing else rows
    return list(ordered.filter(_Beyond(field, "<" if descending else ">", cursor))[:count])


class _Beyond(Func):
    """``(field, id) < (value, pk)``: a condition for ``filter``. Written out, since lookups put together take as long
    as reading a page."""

    def __init__(self, field: str, than: str, cursor: Cursor) -> None:
        super().__init__(F(field), F("pk"), output_field=BooleanField())
        self._than, self._cursor = than, cursor

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any) -> tuple[str, tuple[Any, ...]]:  # type: ignore[override]
        (field, pk), (value, number) = self._sides(compiler, connection)
        return f"(({field}, {pk}) {self._than} (%s, %s))", (value, number)

    def as_sqlite(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **_: Any
    ) -> tuple[str, tuple[Any, ...]]:
        """The bound comes first: no planner turns ``a < x OR (a = x AND id < y)`` into a place in the index."""
        (field, pk), (value, number) = self._sides(compiler, connection)
        condition = f"({field} {self._than}= %s AND ({field} {self._than} %s OR {pk} {self._than} %s))"
        return condition, (value, value, number)

    def _sides(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[list[str], tuple[Any, Any]]:
        """Columns and values."""
        columns = self.get_source_expressions()
        value = columns[0].output_field.get_db_prep_value(self._cursor.value, connection)
        return [compiler.compile(column)[0] for column in columns], (value, self._cursor.pk)
