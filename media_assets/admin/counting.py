"""Pages of a list that may have millions of rows: nobody waits until all of them are counted."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MAX_COUNTED = 10_000  # and so many rows can be leafed through; filters and the search lead to the others


class AtLeast(int):
    """A number that shows that there are more: ``10,000+``."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Django's, that stops to count at MAX_COUNTED."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        found: int = rows.order_by().values("pk")[: MAX_COUNTED + 1].count()
        return AtLeast(MAX_COUNTED) if found > MAX_COUNTED else found
