"""Named filters that several lists share; what cannot be is malformed (400), never ignored."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters
from drf_spectacular.drainage import set_override

from api.converters import MAX_ID
from api.openapi import amount_pattern

AMOUNT_DIGITS, AMOUNT_DECIMALS = 12, 2


class IdFilter(filters.Filter):  # type: ignore[misc]
    """The id of a row; what no row can have is malformed."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)
        _describe(self, type="integer", minimum=1, maximum=MAX_ID)


class FlagFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """``true`` or ``false``, and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce=lambda text: text == "true", **kwargs)
        _describe(self, type="boolean")


class AmountFilter(filters.Filter):  # type: ignore[misc]
    """A sum of money, 0 or more; anything finer or larger than a price can be is malformed."""

    field_class = forms.DecimalField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        limits = {"min_value": 0, "max_digits": AMOUNT_DIGITS, "decimal_places": AMOUNT_DECIMALS}
        super().__init__(*args, **limits, **kwargs)
        pattern = amount_pattern(AMOUNT_DIGITS - AMOUNT_DECIMALS, AMOUNT_DECIMALS)
        _describe(self, type="string", format="decimal", pattern=pattern)


def _describe(filter_: filters.Filter, **schema: Any) -> None:
    """For OpenAPI: this instead of what drf-spectacular guesses from the column and the choices."""
    set_override(filter_, "field", {**schema, "description": filter_.extra.get("help_text", "")})
