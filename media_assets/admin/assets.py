"""The registry in the admin: to be looked at. A file that nothing uses can be discarded, what a worker could not do be
tried again; no row is ever removed."""

import re
from functools import reduce
from operator import or_
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from media_assets.admin.base import RowAdmin
from media_assets.admin.filters import (
    CopyFilter,
    OwnerFilter,
    SizeFilter,
    StateFilter,
    StorageFilter,
    UseFilter,
    WorkFilter,
    to_be_tried_again,
)
from media_assets.admin.links import admin_address
from media_assets.admin.placeholders import shown_placeholder
from media_assets.admin.previews import media_summary, preview_url, thumbnail_column
from media_assets.models import LIVE_STATES, MediaAsset, State, referring_fields
from media_assets.processing import MAX_TRIES, asset_retry
from media_assets.rebuilding import mark_due
from media_assets.references import where_used
from media_assets.rendering import MediaRenderer
from media_assets.services import assets_discard
from media_assets.tasks import send

PREVIEW_PIXELS = 480
STATE_LABELS = {
    State.READY.value: "success",
    State.PROCESSING.value: "info",
    State.RESERVED.value: "info",
    State.FAILED.value: "danger",
    State.DISCARDED.value: "warning",
    State.TOMBSTONE.value: "warning",
}
SHA256 = re.compile("[0-9a-fA-F]{64}")
AT_ONCE = 50  # pictures that one request works on where there are no workers


@admin.register(MediaAsset)
class MediaAssetAdmin(RowAdmin):
    list_display = ("key", "in_use", "condition", "place", "measure", "owner", "created_at")
    list_filter = (
        *(StateFilter, WorkFilter, ("visibility", ChoicesDropdownFilter), StorageFilter, CopyFilter),
        *(SizeFilter, UseFilter, ("owner", OwnerFilter), "created_at"),
    )
    list_select_related = ("owner",)
    search_fields = ("key", "original_filename")
    sortable_by = ("key", "measure", "created_at")
    search_help_text = "Key, name of the file, e-mail of its owner, or sha256."
    ordering = ("-id",)
    actions = ("try_again",)
    fieldsets = (
        (None, {"fields": ("key", "original_filename", "owner", "condition", "work", "failure_reason")}),
        ("Where", {"fields": ("storage", "copy_storage", "visibility")}),
        ("What", {"fields": ("content_type", "measure", "sha256", "location_removed")}),
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

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """To let failed work be tried again; the rows themselves are nobody's to change."""
        return request.user.has_perms(["media_assets.change_mediaasset"])

    def get_queryset(self, request: HttpRequest) -> Any:
        """With ``is_used``: whether a row of any model refers to it."""
        uses = (
            Exists(field.model._base_manager.filter(**{field.name: OuterRef("pk")})) for field in referring_fields()
        )
        assets = super().get_queryset(request)
        return assets.annotate(is_used=reduce(or_, uses, Q(pk__in=[])))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By what the text looks like: a whole sha256, an e-mail, else a part of a key or of a name."""
        text = search_term.replace("\0", "").strip()
        if SHA256.fullmatch(text):
            return queryset.filter(sha256=text.lower()), False
        if "@" in text:
            owners = get_user_model()._default_manager.filter(email__icontains=text)
            return queryset.filter(owner__in=owners), False
        return super().get_search_results(request, queryset, search_term)

    def get_list_display(self, request: HttpRequest) -> Any:
        return [thumbnail_column(request, lambda asset: asset), *self.list_display]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def get_urls(self) -> list[URLPattern]:
        discard = self.admin_site.admin_view(self.discard_view)
        retry = self.admin_site.admin_view(require_POST(self.retry_view))
        return [
            path("<id:asset_id>/discard/", discard, name="media_assets_discard"),
            path("<id:asset_id>/retry/", retry, name="media_assets_retry"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        asset: MediaAsset = context["original"]
        media = MediaRenderer.for_request(request).asset(asset)
        context |= {
            "preview": media,
            "preview_url": preview_url(media, PREVIEW_PIXELS),
            "variants": _variants(asset, media),
            "placeholder": shown_placeholder(asset.placeholder),
            "summary": media_summary(media),
            "uses": [(f"{row._meta.verbose_name}: {row}", admin_address(row, request)) for row in where_used(asset)],
            "may_discard": self.may_discard(request, asset),
            "may_retry": self.has_retry_permission(request) and self._retryable().filter(pk=asset.pk).exists(),
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

    def retry_view(self, request: HttpRequest, asset_id: int) -> HttpResponse:
        """Hands a failed asset, or one without its variants, to a worker once more (POST)."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        asset = self.model._default_manager.filter(pk=asset_id).first()
        if asset is None:
            raise Http404
        if _let_try(asset):
            send(asset.pk)
            self.log_change(request, asset, "Tried again.")
            asset.refresh_from_db()
            self.message_user(request, *_outcome(asset))
        else:
            self.message_user(request, "There is nothing to be tried again.", messages.WARNING)
        return HttpResponseRedirect(reverse("admin:media_assets_mediaasset_change", args=[asset.pk]))

    @admin.action(description="Try again what failed", permissions=["retry"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[MediaAsset]) -> None:
        """Without workers only some are worked on in this request; the rest is due, and the sweeper's."""
        assets = [asset for asset in queryset.filter(to_be_tried_again()) if _let_try(asset)]
        for asset in assets:
            self.log_change(request, asset, "Tried again.")
        for asset in assets if settings.CELERY_BROKER_URL else assets[:AT_ONCE]:
            if not send(asset.pk):
                break
        if not assets:
            self.message_user(request, "Nothing of what you selected has failed.", messages.WARNING)
            return
        failed = self._retryable().filter(pk__in=[asset.pk for asset in assets]).count()
        count = f"{len(assets)} file{'s were' if len(assets) > 1 else ' was'} tried again or handed to a worker"
        text = f"{count}; {failed} failed again." if failed else f"{count}."
        self.message_user(request, text, messages.WARNING if failed else messages.SUCCESS)

    def _retryable(self) -> QuerySet[MediaAsset]:
        return MediaAsset.objects.filter(to_be_tried_again())

    @admin.display(description="in use", boolean=True)
    def in_use(self, asset: Any) -> bool:
        return bool(asset.is_used)

    @display(description="state", ordering="state", label=STATE_LABELS)  # type: ignore[untyped-decorator]
    def condition(self, asset: MediaAsset) -> str:
        return asset.state

    @admin.display(description="storage", ordering="storage")
    def place(self, asset: MediaAsset) -> SafeString | str:
        """Where it lies, and where it may lie too."""
        return format_html("{}<br>+ {}", asset.storage, asset.copy_storage) if asset.copy_storage else asset.storage

    @admin.display(description="size", ordering="size")
    def measure(self, asset: MediaAsset) -> SafeString | str:
        size = filesizeformat(asset.size)
        return format_html("{} × {} px<br>{}", asset.width, asset.height, size) if asset.width else size

    @admin.display(description="work")
    def work(self, asset: MediaAsset) -> str:
        """What is still to be done by a worker, and when."""
        if asset.state not in (State.PROCESSING, State.READY) or asset.work_due_at is None:
            return "–"
        if asset.work_due_at <= timezone.now():
            return "waiting for a worker"
        due = f"{timezone.localtime(asset.work_due_at):%Y-%m-%d %H:%M:%S}"
        return f"with a worker, or put off until {due} (try {asset.work_tries} of {MAX_TRIES})"


def _let_try(asset: MediaAsset) -> bool:
    return asset_retry(asset) or mark_due(asset.pk)


def _outcome(asset: MediaAsset) -> tuple[str, int]:
    """What to say of an asset that was just tried again."""
    if asset.failure_reason:
        return f"It failed again: {asset.failure_reason}", messages.ERROR
    if asset.work_due_at is not None:
        return "It waits for a worker. Come back in a moment.", messages.SUCCESS
    return "Done.", messages.SUCCESS


def _variants(asset: MediaAsset, media: dict[str, Any] | None) -> list[dict[str, Any]]:
    """The asset's variants with their sizes in bytes, and addresses where it is delivered."""
    urls = {one["width"]: one["url"] for one in (media or {}).get("variants", ())}
    return [{**one, "url": urls.get(one["width"])} for one in asset.variants or ()]
