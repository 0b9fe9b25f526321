"""Filters by what the registry knows; none costs a query of its own."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from media_assets.models import LIVE_STATES, State

NOT_CONFIGURED = "-"
NO_IMAGE = "none"


class StateFilter(admin.SimpleListFilter):
    """By the state in one word."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(value, value) for value in State.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


class ImageFilter(admin.SimpleListFilter):
    """Rows of an ImageUploadAdmin by the state of their image, or without one."""

    title = "image"
    parameter_name = "image_state"
    image_field = "image"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        self.image_field = model_admin.image_field
        return [(NO_IMAGE, "none"), *((state.value, state.value) for state in LIVE_STATES)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == NO_IMAGE:
            return queryset.filter(**{f"{self.image_field}__isnull": True})
        if self.value() in LIVE_STATES:
            return queryset.filter(**{f"{self.image_field}__state": self.value()})
        return queryset


class StorageFilter(admin.SimpleListFilter):
    title = "storage"
    parameter_name = "storage"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [*((alias, alias) for alias in self._aliases()), (NOT_CONFIGURED, "not configured now")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == NOT_CONFIGURED:
            return queryset.exclude(storage__in=self._aliases())
        return queryset.filter(storage=self.value()) if self.value() in self._aliases() else queryset

    @staticmethod
    def _aliases() -> list[str]:
        return sorted(alias for alias in settings.STORAGES if alias.startswith(("local-", "s3-")))


class UseFilter(admin.SimpleListFilter):
    """Works on rows with ``is_used``."""

    title = "use"
    parameter_name = "in_use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "in use"), ("no", "not in use")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = {"yes": True, "no": False}.get(self.value() or "")
        return queryset if wanted is None else queryset.filter(is_used=wanted)
