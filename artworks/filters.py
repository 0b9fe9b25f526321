"""The named filters of ``GET /api/artworks/``."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters
from rest_framework.exceptions import NotAuthenticated

from artworks.models import ArtWork, ArtWorkQuerySet

MAX_ID = 2**63 - 1


class IdFilter(filters.Filter):  # type: ignore[misc]
    """The id of a row; what no row can have is malformed."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=1, max_value=MAX_ID, **kwargs)


class ArtWorkFilter(filters.FilterSet):  # type: ignore[misc]
    author = IdFilter(field_name="author", help_text="Id of the author.")
    tag = filters.CharFilter(method="filter_tag", max_length=100, help_text="One tag, whatever its case.")
    medium = filters.CharFilter(max_length=255, help_text="Exactly this medium.")
    liked_by_me = filters.TypedChoiceFilter(
        method="filter_liked_by_me",
        choices=[("true", "true"), ("false", "false")],
        coerce=lambda text: text == "true",
        help_text="Only those that the caller likes, or does not like; `true` needs sign-in.",
    )

    class Meta:
        model = ArtWork
        fields: list[str] = []

    def filter_tag(self, queryset: ArtWorkQuerySet, name: str, value: str) -> ArtWorkQuerySet:
        return queryset.tagged(value)

    def filter_liked_by_me(self, queryset: ArtWorkQuerySet, name: str, value: bool) -> ArtWorkQuerySet:
        viewer = self.request.user
        if not viewer.is_authenticated:
            if value:
                raise NotAuthenticated
            return queryset
        return queryset.liked_by(viewer) if value else queryset.not_liked_by(viewer)
