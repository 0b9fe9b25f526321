"""The named filters of ``GET /api/artworks/``."""

from django_filters import rest_framework as filters
from rest_framework.exceptions import NotAuthenticated

from api.named_filters import FlagFilter, IdFilter
from artworks.models import ArtWork, ArtWorkQuerySet


class ArtWorkFilter(filters.FilterSet):  # type: ignore[misc]
    author = IdFilter(field_name="author", help_text="Id of the author.")
    tag = filters.CharFilter(method="filter_tag", max_length=100, help_text="One tag, whatever its case.")
    medium = filters.CharFilter(max_length=255, help_text="Exactly this medium.")
    liked_by_me = FlagFilter(
        method="filter_liked_by_me",
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
