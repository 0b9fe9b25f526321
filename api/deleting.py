"""What receivers of ``pre_delete`` and ``post_delete`` share."""

from typing import Any

from django.db.models import Model, QuerySet


def origin_model(origin: Any) -> type[Model]:
    """The model of what ``delete()`` was called on: an instance or a queryset (the signal's ``origin``)."""
    return origin.model if isinstance(origin, QuerySet) else type(origin)


def lock_rows(rows: QuerySet[Any, Any]) -> int:
    """Hold these rows until the transaction ends, always in one order, against deadlocks; how many there are.

    SQLite has no row locks: its transactions begin IMMEDIATE, one writer at a time.
    """
    return len(rows.order_by("pk").select_for_update().values_list("pk"))
