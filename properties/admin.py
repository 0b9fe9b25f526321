"""Houses in the admin, their images with them. The services write."""

from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest

from api.idempotency import Claim
from media_assets.admin.gallery import GalleryAdmin, GalleryInline, GalleryWrites
from media_assets.admin.previews import thumbnail_column
from media_assets.admin.saving import changed_values
from media_assets.models import MediaAsset
from properties.image_services import ImageChanges, NewImage, house_save
from properties.models import MAX_IMAGES, HouseForRent, HouseForSale, PropertyImage
from properties.services import house_create


class PropertyImageInline(GalleryInline):
    model = PropertyImage
    fields = ("image", "caption", "order", "is_main")
    max_num = MAX_IMAGES


class HouseAdmin(GalleryAdmin):
    """Images are uploaded once the house is there: their keys hold its id."""

    inlines = (PropertyImageInline,)
    list_filter = ("is_available", "created_at")
    list_select_related = ("owner",)
    search_fields = ("title", "description", "address", "city", "owner__email", "owner__username")
    search_help_text = "Title, description, address, city, or the owner's e-mail or username."
    date_hierarchy = "created_at"
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("owner",)
    readonly_fields = ("created_at", "updated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With ``main_images``: the main image of each, or none."""
        main = PropertyImage.objects.filter(is_main=True).select_related("image")
        return super().get_queryset(request).prefetch_related(Prefetch("images", main, to_attr="main_images"))

    def get_list_display(self, request: HttpRequest) -> Any:
        shown = ("title", "city", self.model.AMOUNT, "owner", "is_available", "created_at")
        return [thumbnail_column(request, _main_asset), *shown]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        about: list[Any] = [
            (None, {"fields": ("title", "owner", self.model.AMOUNT, "is_available", "description")}),
            ("The house", {"fields": ("address", "city", ("bedrooms", "bathrooms", "area_m2"))}),
        ]
        return about if obj is None else [*about, ("Record", {"fields": (("created_at", "updated_at"),)})]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """The owner stays: to whom the images belong, and with whose account it all goes."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "owner")

    def create(self, values: dict[str, Any], claim: Claim) -> int:
        return house_create(self.model, **values, claim=claim).pk

    def save_gallery(self, form: Any, writes: GalleryWrites, claim: Claim) -> list[Any]:
        changed: dict[int, ImageChanges] = writes.changed
        return house_save(
            house=form.instance,
            changes=changed_values(form),
            added=[NewImage(**values) for values in writes.added],
            changed=changed,
            removed=writes.removed,
            claim=claim,
        )


@admin.register(HouseForSale)
class HouseForSaleAdmin(HouseAdmin):
    pass


@admin.register(HouseForRent)
class HouseForRentAdmin(HouseAdmin):
    pass


def _main_asset(house: Any) -> MediaAsset | None:
    return house.main_images[0].image if house.main_images else None
