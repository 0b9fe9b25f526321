"""Direct uploads in the admin: to be looked at; one that nothing has taken can be deleted with its file."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.safestring import SafeString
from rest_framework.exceptions import APIException
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from media_assets.admin.base import RowAdmin
from media_assets.admin.filters import OwnerFilter, StorageFilter
from media_assets.admin.previews import thumbnail, thumbnail_column
from media_assets.models import Upload
from media_assets.rendering import MediaRenderer
from media_assets.uploads.services import upload_delete

PREVIEW_PIXELS = 160
STATUS_LABELS = {
    Upload.STATUS_PENDING: "info",
    Upload.STATUS_COMPLETE: "success",
    "attached": "success",
    Upload.STATUS_REJECTED: "danger",
    Upload.STATUS_EXPIRED: "warning",
}


class StatusFilter(DropdownFilter):  # type: ignore[misc]
    """By what the upload is now; ``attached`` are those that a resource took."""

    title = "status"
    parameter_name = "status"
    shown = (Upload.STATUS_PENDING, Upload.STATUS_COMPLETE, "attached", Upload.STATUS_REJECTED, Upload.STATUS_EXPIRED)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in self.shown]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        pending = queryset.filter(status=Upload.STATUS_PENDING)
        match self.value():
            case Upload.STATUS_PENDING:
                return pending.filter(expires_at__gt=now)
            case Upload.STATUS_EXPIRED:
                return pending.filter(expires_at__lte=now) | queryset.filter(status=Upload.STATUS_EXPIRED)
            case "attached":
                return queryset.filter(attached_at__isnull=False)
            case Upload.STATUS_COMPLETE:
                return queryset.filter(status=Upload.STATUS_COMPLETE, attached_at=None)
            case Upload.STATUS_REJECTED:
                return queryset.filter(status=Upload.STATUS_REJECTED)
        return queryset


@admin.register(Upload)
class UploadAdmin(RowAdmin):
    list_display = ("name", "condition", "content_type", "measure", "owner", "storage", "created_at", "expires_at")
    list_filter = (StatusFilter, StorageFilter, ("owner", OwnerFilter), "created_at")
    list_select_related = ("owner", "asset", "attached_asset")
    search_fields = ("original_filename", "owner__email", "upload_id")
    search_help_text = "Name of the file, e-mail of its owner, or upload id."
    ordering = ("-created_at", "-id")
    fieldsets = (
        (None, {"fields": ("picture", "upload_id", "original_filename", "owner", "condition", "reason")}),
        ("Declared", {"fields": ("content_type", "measure", "sha256", "prefix", "limit")}),
        ("Where", {"fields": ("storage", "staging_key", "is_multipart", "asset", "attached_asset")}),
        ("When", {"fields": ("created_at", "expires_at", "completed_at", "attached_at", "due_at")}),
    )
    readonly_fields = ("picture", "upload_id", "condition", "measure", "limit", "is_multipart")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Upload | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Upload | None = None) -> bool:
        return request.user.has_perms(["media_assets.view_upload"])

    def has_delete_permission(self, request: HttpRequest, obj: Upload | None = None) -> bool:
        free = obj is None or obj.attached_at is None
        return free and request.user.has_perms(["media_assets.delete_upload"])

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The upload, with ``shown``: its picture, or the state of it."""
        upload: Any = super().get_object(request, object_id, from_field)
        if upload is not None:
            media = MediaRenderer.for_request(request).asset(_shown_asset(upload))
            upload.shown = thumbnail(media, str(upload), PREVIEW_PIXELS)
        return upload

    def get_list_display(self, request: HttpRequest) -> Any:
        return [thumbnail_column(request, _shown_asset), *self.list_display]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def delete_model(self, request: HttpRequest, obj: Upload) -> None:
        upload_delete(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Upload]) -> None:
        for upload in queryset:
            try:
                upload_delete(upload)
            except APIException as refusal:
                self.message_user(request, f"{upload}: {refusal.detail}", messages.WARNING)

    @admin.display(description="file", ordering="original_filename")
    def name(self, upload: Upload) -> str:
        return str(upload)

    @display(description="status", ordering="status", label=STATUS_LABELS)  # type: ignore[untyped-decorator]
    def condition(self, upload: Upload) -> str:
        return "attached" if upload.attached_at else upload.status_at(timezone.now())

    @admin.display(description="picture")
    def picture(self, upload: Any) -> SafeString | str:
        shown: SafeString | str = upload.shown
        return shown

    @admin.display(description="largest size")
    def limit(self, upload: Upload) -> str:
        return filesizeformat(upload.max_file_size)

    @admin.display(description="size")
    def measure(self, upload: Upload) -> str:
        asset = _shown_asset(upload)
        size = asset.size if asset else upload.declared_size
        return "" if size is None else filesizeformat(size)


def _shown_asset(upload: Upload) -> Any:
    return upload.asset or upload.attached_asset
