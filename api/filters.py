"""Filters of lists. What cannot be read is refused with the parameter's name; it is never left out in silence."""

import re
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db import connections
from django.db.models import Q, QuerySet
from django.forms import DecimalField, FloatField, IntegerField, SelectMultiple
from django_filters.rest_framework import DjangoFilterBackend
from django_filters.utils import translate_validation
from rest_framework.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from api.serializers import SEND_ONCE

MAX_SEARCH_LENGTH = 200  # characters
NUMBERS = (IntegerField, FloatField, DecimalField)  # whose Python takes 1_0, ١٠ and spaces for 10
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]*(e[+-]?[0-9]+)?", re.IGNORECASE)
INVALID = "Enter a valid value."


class StrictFilterBackend(DjangoFilterBackend):  # type: ignore[misc]
    """django-filter, strictly: it reads ``?is_sold=banana`` as no filter and takes the last of two values."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any, Any], view: APIView) -> QuerySet[Any, Any]:
        """The filtered rows. Raises ValidationError on each malformed or repeated parameter."""
        filterset_class = self.get_filterset_class(view, queryset)
        if filterset_class is None or not filterset_class.base_filters.keys() & request.query_params.keys():
            return queryset  # building the form for nothing would be a fifth of a list's time
        filterset = self.get_filterset(request, queryset, view)
        if not filterset.is_valid():
            raise translate_validation(filterset.errors)
        errors: dict[str, list[str]] = {}
        for name, field in filterset.form.fields.items():
            given = request.query_params.getlist(name)
            if len(given) > 1 and not isinstance(field.widget, SelectMultiple):
                errors[name] = [SEND_ONCE]
            elif isinstance(field, NUMBERS) and not all(_NUMBER.fullmatch(text) for text in given if text):
                errors[name] = [str(field.error_messages["invalid"])]
            elif any(given) and filterset.form.cleaned_data.get(name) in (None, ""):
                errors[name] = [INVALID]
        if errors:
            raise ValidationError(errors)
        filtered: QuerySet[Any, Any] = filterset.qs
        return filtered


class SearchFilter(BaseFilterBackend):
    """``?search=``: rows where every word stands in one of ``view.search_fields`` (own columns), whatever its case."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any, Any], view: APIView) -> QuerySet[Any, Any]:
        """The matching rows. Raises ValidationError on NUL, repetition and more than MAX_SEARCH_LENGTH characters."""
        fields: tuple[str, ...] = getattr(view, "search_fields", ())
        words = _search_text(request).split()
        if not fields or not words:
            return queryset
        sqlite = connections[queryset.db].vendor == "sqlite"
        return queryset.filter(reduce(and_, [_word_in_any(word, fields, sqlite) for word in words]))

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, Any]]:
        """For OpenAPI."""
        if not getattr(view, "search_fields", ()):
            return []
        schema = {"type": "string", "maxLength": MAX_SEARCH_LENGTH}
        text = "Words that must all occur, whatever their case."
        return [{"name": "search", "in": "query", "required": False, "description": text, "schema": schema}]


def _search_text(request: Request) -> str:
    given = request.query_params.getlist("search")
    if len(given) > 1:
        raise ValidationError({"search": [SEND_ONCE]})
    text: str = given[0] if given else ""
    if "\x00" in text:
        raise ValidationError({"search": ["Null characters are not allowed."]})
    if len(text) > MAX_SEARCH_LENGTH:
        raise ValidationError({"search": [f"At most {MAX_SEARCH_LENGTH} characters."]})
    return text


def _word_in_any(word: str, fields: tuple[str, ...], sqlite: bool) -> Q:
    """SQLite's LIKE knows the case of ASCII letters only; its REGEXP is Python's."""
    lookup, value = ("iregex", re.escape(word)) if sqlite and not word.isascii() else ("icontains", word)
    return reduce(or_, [Q(**{f"{field}__{lookup}": value}) for field in fields])
