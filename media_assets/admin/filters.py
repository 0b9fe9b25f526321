"""Filters by what the registry knows; none costs a query of its own."""

from collections.abc import Iterable
from typing import Any, cast

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import AutocompleteSelectFilter, DropdownFilter

from media_assets.models import LIVE_STATES, MediaAssetQuerySet, State
from media_assets.presets import presets

NOT_CONFIGURED = "-"
NO_IMAGE = "none"
KB, MB = 1024, 1024**2
SIZES = {  # from this many bytes on, to less than so many
    "small": ("less than 100 KB", 0, 100 * KB),
    "medium": ("100 KB to 1 MB", 100 * KB, MB),
    "large": ("1 MB to 10 MB", MB, 10 * MB),
    "huge": ("10 MB and more", 10 * MB, None),
}


class StateFilter(DropdownFilter):  # type: ignore[misc]
    """By the state in one word."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(value, value) for value in State.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(state=self.value()) if self.value() in State.values else queryset


class ImageFilter(DropdownFilter):  # type: ignore[misc]
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


class StorageFilter(DropdownFilter):  # type: ignore[misc]
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


class CopyFilter(DropdownFilter):  # type: ignore[misc]
    """By whether the objects may lie in a second storage too: a move is under way, or its source was kept."""

    title = "second place"
    parameter_name = "copy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "moving, or moved and kept"), ("no", "none")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.exclude(copy_storage="")
            case "no":
                return queryset.filter(copy_storage="")
        return queryset


class SizeFilter(DropdownFilter):  # type: ignore[misc]
    title = "size"
    parameter_name = "size"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(name, label) for name, (label, *_) in SIZES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in SIZES:
            return queryset
        _, least, below = SIZES[self.value()]
        found = queryset.filter(size__gte=least)
        return found if below is None else found.filter(size__lt=below)


class OwnerFilter(AutocompleteSelectFilter):  # type: ignore[misc]
    """By a person, for those who may look people up."""

    def has_output(self) -> bool:
        owners = self.model_admin.admin_site._registry.get(self.field.remote_field.model)
        return owners is not None and owners.has_view_permission(self.request)


class UseFilter(DropdownFilter):  # type: ignore[misc]
    """Of assets with ``is_used``."""

    title = "use"
    parameter_name = "in_use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [("yes", "in use"), ("no", "not in use")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "yes":
                return queryset.filter(is_used=True)
            case "no":
                return cast(MediaAssetQuerySet, queryset).unreferenced()
        return queryset


class WorkFilter(DropdownFilter):  # type: ignore[misc]
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
