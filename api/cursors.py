"""The place of a row in an ordering, as text that travels in a URL and comes back exactly, or not at all."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from django.core.exceptions import ValidationError
from django.db.models import CharField, DateTimeField, DecimalField, Field, IntegerField, Model, TextField

NEXT, PREVIOUS = "next", "prev"
MAX_CURSOR_LENGTH = 2000  # characters
MAX_TEXT_LENGTH = 300  # characters of an ordering column that holds text
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_INT64 = range(-(2**63), 2**63)

Key = int | str | Decimal | datetime


@dataclass(frozen=True)
class Cursor:
    """The page that follows (``next``) or precedes (``prev``) the row ``(value, pk)`` of an ordering.

    ``among_equals``: rows of the same value may fill more than the page that the cursor was made on. How rows are
    found depends on it, which rows does not.
    """

    ordering: str
    direction: str
    value: Key
    pk: int
    among_equals: bool = True

    @classmethod
    def at(cls, row: Any, model: type[Model], ordering: str, direction: str, among_equals: bool = True) -> Cursor:
        """The cursor at a row, an instance or a dict of ``values()``."""
        pk = row[model._meta.pk.name] if isinstance(row, dict) else row.pk
        return cls(ordering, direction, value_of(row, ordering), pk, among_equals)

    def encode(self) -> str:
        """URL-safe base64 of ``[ordering, direction, value, pk, among_equals]``: times in microseconds, decimals as
        text."""
        parts = [self.ordering, self.direction, _to_wire(self.value), self.pk, self.among_equals]
        return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str, model: type[Model], ordering: str) -> Cursor:
        """What ``encode`` wrote for this ordering of this model. Raises ValueError on all else."""
        match _unpacked(text):
            case [str(made_for), "next" | "prev" as direction, value, int(pk), bool(among_equals)] if (
                type(pk) is int and pk in _INT64
            ):
                pass
            case _:
                raise ValueError("Invalid cursor.")
        if made_for != ordering:
            raise ValueError("This cursor belongs to another ordering.")
        field: Any = model._meta.get_field(ordering.lstrip("-"))
        return cls(ordering, direction, _from_wire(value, field), pk, among_equals)


def value_of(row: Any, ordering: str) -> Any:
    """What a row, an instance or a dict of ``values()``, is ordered by."""
    field = ordering.lstrip("-")
    return row[field] if isinstance(row, dict) else getattr(row, field)


def _unpacked(text: str) -> Any:
    if len(text) > MAX_CURSOR_LENGTH or not _ALPHABET.fullmatch(text):
        return None
    try:
        return orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        return None


def _to_wire(value: Key) -> int | str:
    if isinstance(value, datetime):
        return (value - _EPOCH) // _MICROSECOND
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value


def _from_wire(value: Any, field: Field[Any, Any]) -> Key:
    """The value as this column holds it. Raises ValueError where the column cannot hold it."""
    try:
        if isinstance(field, DateTimeField) and type(value) is int:
            return _EPOCH + timedelta(microseconds=value)
        if isinstance(field, DecimalField) and isinstance(value, str) and _DECIMAL.fullmatch(value):
            number = Decimal(value)
            field.run_validators(number)
            return number
        if isinstance(field, IntegerField) and type(value) is int and value in _INT64:
            return value
        text = isinstance(field, (CharField, TextField)) and isinstance(value, str)
        if text and len(value) <= MAX_TEXT_LENGTH and "\x00" not in value:
            return str(value)
    except (OverflowError, ValidationError):
        pass
    raise ValueError("Invalid cursor.")
