"""Artworks, likes and reviews in the admin. The services write; they keep counts, tags and images right."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from artworks.models import ArtWork, Like, Review
from artworks.services import artwork_create, artwork_update, review_create, review_update
from media_assets.admin.base import RowAdmin
from media_assets.admin.filters import ImageFilter
from media_assets.admin.images import ImageUploadAdmin
from media_assets.admin.saving import ServiceAdmin, changed_values, form_claim

EXCERPT_CHARACTERS = 80
TITLE_CHARACTERS = 40


@admin.register(ArtWork)
class ArtWorkAdmin(ImageUploadAdmin):
    list_display = ("title", "author", "tags", "likes", "reviews", "created_at")
    list_filter = ("created_at", ImageFilter)
    list_select_related = ("author", "image")
    search_fields = ("title", "description", "medium", "tags", "author__email", "author__username")
    search_help_text = "Title, description, medium, tags, or the author's e-mail or username."
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("author",)
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    readonly_fields = ("likes_count", "reviews_count", "belonging", "created_at", "updated_at")
    about: tuple[Any, ...] = (
        (None, {"fields": ("title", "author", "image", "image_url")}),
        ("About", {"fields": ("description", "medium", "dimensions", "tags")}),
    )
    record: tuple[Any, ...] = (
        ("Record", {"fields": (("likes_count", "reviews_count", "belonging"), ("created_at", "updated_at"))}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: ArtWork | None = None) -> Any:
        return self.about if obj is None else self.about + self.record

    def get_readonly_fields(self, request: HttpRequest, obj: ArtWork | None = None) -> Any:
        """The author stays: to whom the image belongs, and with whose account it all goes."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "author")

    def save_model(self, request: HttpRequest, obj: ArtWork, form: Any, change: bool) -> None:
        values = changed_values(form)
        if change:
            artwork_update(artwork=obj, changes=values)  # type: ignore[arg-type]
            return
        with form_claim(request, form) as claim:
            obj.pk = claim.result_id or artwork_create(**values, claim=claim).pk

    @admin.display(description="likes", ordering="likes_count")
    def likes(self, artwork: ArtWork) -> int:
        return artwork.likes_count

    @admin.display(description="reviews", ordering="reviews_count")
    def reviews(self, artwork: ArtWork) -> int:
        return artwork.reviews_count

    @admin.display(description="belonging to it")
    def belonging(self, artwork: Any) -> SafeString:
        links: SafeString = artwork.related_lists
        return links


@admin.register(Review)
class ReviewAdmin(ServiceAdmin):
    list_display = ("title", "rating", "excerpt", "author", "created_at")
    list_filter = ("rating", "created_at")
    list_select_related = ("author", "artwork")
    search_fields = ("text", "artwork__title", "author__email", "author__username")
    search_help_text = "Text, title of the artwork, or the author's e-mail or username."
    ordering = ("-id",)
    autocomplete_fields = ("author", "artwork")
    fields = ("artwork", "author", "rating", "text", "created_at", "updated_at")
    readonly_fields = ("created_at", "updated_at")

    def get_readonly_fields(self, request: HttpRequest, obj: Review | None = None) -> Any:
        """Whose review of what it is stays: the counts follow new and deleted rows only."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "author", "artwork")

    def save_model(self, request: HttpRequest, obj: Review, form: Any, change: bool) -> None:
        values = changed_values(form)
        if change:
            review_update(review=obj, changes=values)
            return
        artwork = values.pop("artwork")
        obj.pk = review_create(**values, artwork_id=artwork.pk).pk

    @admin.display(description="artwork", ordering="artwork__title")
    def title(self, review: Review) -> str:
        return Truncator(review.artwork.title).chars(TITLE_CHARACTERS)

    @admin.display(description="text")
    def excerpt(self, review: Review) -> SafeString:
        text = Truncator(review.text).chars(EXCERPT_CHARACTERS)
        return format_html('<span style="display: inline-block; min-width: 14em">{}</span>', text)


@admin.register(Like)
class LikeAdmin(RowAdmin):
    """Likes are given by people: here they are only looked at and deleted."""

    list_display = ("artwork", "user", "created_at")
    list_filter = ("created_at",)
    list_select_related = ("user", "artwork")
    search_fields = ("artwork__title", "user__email", "user__username")
    search_help_text = "Title of the artwork, or the user's e-mail or username."
    ordering = ("-id",)
    fields = ("artwork", "user", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Like | None = None) -> bool:
        return False
