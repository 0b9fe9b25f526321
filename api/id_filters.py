"""Filters of lists by the id of a row."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters

from api.converters import MAX_ID


class IdFilter(filters.Filter):  # type: ignore[misc]
    """The id of a row; what no row can have is malformed."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)
