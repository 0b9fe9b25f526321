"""Filters by what the registry knows; none costs a query of its own."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from media_assets.models import LIVE_STATES, State
from media_assets.presets import presets

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


class WorkFilter(admin.SimpleListFilter):
    """By what workers have still to do, or could not do."""

    title = "work"
    parameter_name = "work"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("waiting", "waiting for a worker"), ("failed", "failed or without variants")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "waiting":
                return queryset.filter(state__in=(State.PROCESSING, State.READY), work_due_at__isnull=False)
            case "failed":
                return queryset.filter(to_be_tried_again())
        return queryset


def to_be_tried_again() -> Q:
    """Failed; or delivered without the variants of now, and no worker will come for it by itself."""
    lacking = Q(state=State.READY, work_due_at=None, width__isnull=False) & ~Q(variants_of=presets())
    return Q(state=State.FAILED) | (lacking if presets() else Q(state=State.READY) & ~Q(failure_reason=""))
