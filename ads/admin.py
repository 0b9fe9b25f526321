"""Ads in the admin, their images with them. The services write."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from ads.image_services import ad_save
from ads.models import MAX_IMAGES, Ad, AdImage
from ads.services import ad_create, ads_mark_sold
from api.idempotency import Claim
from media_assets.admin.gallery import GalleryAdmin, GalleryInline, GalleryWrites
from media_assets.admin.previews import thumbnail_column
from media_assets.admin.saving import changed_values
from media_assets.models import MediaAsset


class AdImageInline(GalleryInline):
    model = AdImage
    fields = ("image", "alt_text", "order")
    max_num = MAX_IMAGES


@admin.register(Ad)
class AdAdmin(GalleryAdmin):
    """Images are uploaded once the ad is there: their keys hold its id."""

    inlines = (AdImageInline,)
    actions = ("mark_as_sold",)
    list_display = ("title", "price", "owner", "is_active", "is_sold", "created_at")
    list_filter = ("is_sold", "is_active", "created_at")
    list_select_related = ("owner",)
    search_fields = ("title", "description", "owner__email", "owner__username")
    search_help_text = "Title, description, or the owner's e-mail or username."
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("owner",)
    readonly_fields = ("created_at", "updated_at")
    about: tuple[Any, ...] = ((None, {"fields": ("title", "owner", "price", "description", ("is_active", "is_sold"))}),)
    record: tuple[Any, ...] = (("Record", {"fields": (("created_at", "updated_at"),)}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With ``main_images``: the first image of each, or none."""
        first = AdImage.objects.mains().select_related("image")
        return super().get_queryset(request).prefetch_related(Prefetch("images", first, to_attr="main_images"))

    def get_list_display(self, request: HttpRequest) -> Any:
        return [thumbnail_column(request, _main_asset), *self.list_display]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def get_fieldsets(self, request: HttpRequest, obj: Ad | None = None) -> Any:
        return self.about if obj is None else self.about + self.record

    def get_readonly_fields(self, request: HttpRequest, obj: Ad | None = None) -> Any:
        """The owner stays: to whom the images belong, and with whose account it all goes."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "owner")

    def create(self, values: dict[str, Any], claim: Claim) -> int:
        return ad_create(**values, claim=claim).pk

    def save_gallery(self, form: Any, writes: GalleryWrites, claim: Claim) -> list[Any]:
        values: Any = changed_values(form)
        return ad_save(
            ad=form.instance,
            changes=values,
            added=writes.added,
            changed=writes.changed,
            removed=writes.removed,
            claim=claim,
        )

    @admin.action(description="Mark selected ads as sold", permissions=["change"])
    def mark_as_sold(self, request: HttpRequest, queryset: QuerySet[Ad]) -> None:
        marked = ads_mark_sold(ad_ids=queryset.values_list("pk", flat=True))
        text = ngettext("%d ad was marked as sold.", "%d ads were marked as sold.", marked) % marked
        self.message_user(request, text, messages.SUCCESS)


def _main_asset(ad: Any) -> MediaAsset | None:
    return ad.main_images[0].image if ad.main_images else None
