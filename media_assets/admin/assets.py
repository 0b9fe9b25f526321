"""The registry in the admin: to be looked at. A file that nothing uses can be discarded; no row is ever removed."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from media_assets.admin.filters import StateFilter, StorageFilter, UseFilter
from media_assets.admin.links import admin_address
from media_assets.admin.previews import media_summary, thumbnail_column
from media_assets.models import LIVE_STATES, MediaAsset, referring_fields
from media_assets.references import where_used
from media_assets.rendering import MediaRenderer
from media_assets.services import assets_discard

admin.site.site_header = "Vitrine"
admin.site.site_title = "Vitrine"
admin.site.index_title = "Administration"
admin.site.site_url = "/api/docs/"


@admin.register(MediaAsset)
class MediaAssetAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("key", "in_use", "condition", "storage", "measure", "owner", "created_at")
    list_filter = (StateFilter, "visibility", StorageFilter, UseFilter, "created_at")
    list_select_related = ("owner",)
    list_per_page = 50
    search_fields = ("key", "original_filename", "owner__email")
    search_help_text = "Key, name of the file, or e-mail of its owner."
    show_full_result_count = False
    ordering = ("-id",)
    actions = None
    fieldsets = (
        (None, {"fields": ("key", "original_filename", "owner", "condition", "failure_reason")}),
        ("Where", {"fields": ("storage", "visibility")}),
        ("What", {"fields": ("content_type", "measure", "sha256", "location_removed", "variants")}),
        ("When", {"fields": ("created_at", "published_at", "updated_at", "lease_expires_at", "purge_after")}),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: MediaAsset | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MediaAsset | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: MediaAsset | None = None) -> bool:
        return request.user.has_perms(["media_assets.view_mediaasset"])

    def get_queryset(self, request: HttpRequest) -> Any:
        """With ``is_used``: whether a row of any model refers to it."""
        uses = (
            Exists(field.model._base_manager.filter(**{field.name: OuterRef("pk")})) for field in referring_fields()
        )
        assets = super().get_queryset(request)
        return assets.annotate(is_used=reduce(or_, uses, Q(pk__in=[])))

    def get_list_display(self, request: HttpRequest) -> Any:
        return [thumbnail_column(request, lambda asset: asset), *self.list_display]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def get_urls(self) -> list[URLPattern]:
        discard = self.admin_site.admin_view(self.discard_view)
        return [path("<id:asset_id>/discard/", discard, name="media_assets_discard"), *super().get_urls()]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset: MediaAsset = context["original"]
        media = MediaRenderer.for_request(request).asset(asset)
        context |= {
            "preview": media,
            "summary": media_summary(media),
            "uses": [(f"{row._meta.verbose_name}: {row}", admin_address(row, request)) for row in where_used(asset)],
            "may_discard": self.may_discard(request, asset),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def may_discard(self, request: HttpRequest, asset: Any) -> bool:
        """Whether this user may, the asset is live, and nothing refers to it."""
        allowed = request.user.has_perms(["media_assets.delete_mediaasset"])
        return allowed and asset.state in LIVE_STATES and not asset.is_used

    def discard_view(self, request: HttpRequest, asset_id: int) -> HttpResponse:
        """Asks, then discards: the object is deleted after commit, the row stays until the sweeper removes it."""
        asset = self.get_queryset(request).filter(pk=asset_id).first()
        if asset is None:
            raise Http404
        if not self.may_discard(request, asset):
            raise PermissionDenied
        if request.method == "POST":
            with transaction.atomic():
                assets_discard([asset.pk])
            asset.refresh_from_db(fields=["state"])
            self._say_what_became(request, asset)
            return HttpResponseRedirect(reverse("admin:media_assets_mediaasset_change", args=[asset.pk]))
        context = {**self.admin_site.each_context(request), "opts": self.opts, "asset": asset, "title": "Discard file"}
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/media_assets/mediaasset/discard_confirmation.html", context)

    def _say_what_became(self, request: HttpRequest, asset: MediaAsset) -> None:
        if asset.state in LIVE_STATES:
            self.message_user(request, "The file is in use by now; it stays.", messages.WARNING)
            return
        self.log_change(request, asset, "Discarded.")
        self.message_user(request, "The file was discarded.", messages.SUCCESS)

    @admin.display(description="in use", boolean=True)
    def in_use(self, asset: Any) -> bool:
        return bool(asset.is_used)

    @admin.display(description="state", ordering="state")
    def condition(self, asset: MediaAsset) -> str:
        return asset.state

    @admin.display(description="size", ordering="size")
    def measure(self, asset: MediaAsset) -> str:
        pixels = f"{asset.width}\u00a0×\u00a0{asset.height}\u00a0px, " if asset.width else ""
        return pixels + filesizeformat(asset.size)
