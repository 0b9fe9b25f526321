"""The private library in the admin. The services write."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from images.models import LibraryImage
from images.services import library_image_create, library_image_update
from media_assets.admin.filters import ImageFilter
from media_assets.admin.images import ImageUploadAdmin
from media_assets.admin.saving import changed_values, form_claim


@admin.register(LibraryImage)
class LibraryImageAdmin(ImageUploadAdmin):
    list_display = ("__str__", "user", "uploaded_at")
    list_filter = ("uploaded_at", ImageFilter)
    list_select_related = ("user", "image")
    search_fields = ("title", "description", "image__original_filename", "user__email", "user__username")
    search_help_text = "Title, description, name of the file, or the person's e-mail or username."
    date_hierarchy = "uploaded_at"
    ordering = ("-uploaded_at", "-id")
    autocomplete_fields = ("user",)
    readonly_fields = ("uploaded_at", "updated_at")
    about: tuple[Any, ...] = ((None, {"fields": ("user", "image", "title", "description")}),)
    record: tuple[Any, ...] = (("Record", {"fields": (("uploaded_at", "updated_at"),)}),)

    def get_fieldsets(self, request: HttpRequest, obj: LibraryImage | None = None) -> Any:
        return self.about if obj is None else self.about + self.record

    def get_readonly_fields(self, request: HttpRequest, obj: LibraryImage | None = None) -> Any:
        """Whose image it is stays: its key holds that person's id."""
        return self.readonly_fields if obj is None else (*self.readonly_fields, "user")

    def save_model(self, request: HttpRequest, obj: LibraryImage, form: Any, change: bool) -> None:
        values: Any = changed_values(form)
        if change:
            library_image_update(image=obj, changes=values)
            return
        with form_claim(request, form) as claim:
            obj.pk = claim.result_id or library_image_create(**values, claim=claim).pk
