"""``<id:...>`` in paths: a database id. Anything else is no match, so it answers 404 before a view runs."""

from django.urls import register_converter
from django.urls.converters import get_converters

MAX_ID = 2**63 - 1  # BigAutoField


class IdConverter:
    """Decimal digits without leading zeros, from 1 to MAX_ID."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        """The id. Raises ValueError (no match) above MAX_ID."""
        number = int(value)
        if number > MAX_ID:
            raise ValueError("Larger than any id.")
        return number

    def to_url(self, value: int | str) -> str:
        """The digits."""
        return str(value)


def register() -> None:
    """Make ``id`` known to ``path()``. Calling it again does nothing."""
    if "id" not in get_converters():
        register_converter(IdConverter, "id")
