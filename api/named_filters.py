"""Named filters that several lists share; what cannot be is malformed (400), never ignored."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters

from api.converters import MAX_ID

AMOUNT_DIGITS, AMOUNT_DECIMALS = 12, 2


class IdFilter(filters.Filter):  # type: ignore[misc]
    """The id of a row; what no row can have is malformed."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)


class FlagFilter(filters.TypedChoiceFilter):  # type: ignore[misc]
    """``true`` or ``false``, and nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(*args, choices=choices, coerce=lambda text: text == "true", **kwargs)


class AmountFilter(filters.Filter):  # type: ignore[misc]
    """A sum of money, 0 or more; anything finer or larger than a price can be is malformed."""

    field_class = forms.DecimalField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        limits = {"min_value": 0, "max_digits": AMOUNT_DIGITS, "decimal_places": AMOUNT_DECIMALS}
        super().__init__(*args, **limits, **kwargs)
