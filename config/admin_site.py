"""The administration: its theme, its front page, and no request that it cannot answer."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from unfold.sites import UnfoldAdminSite

from config.admin_requests import guarded

ICONS = {  # of the theme's own font, Material Symbols
    "media_assets.mediaasset": "photo_library",
    "media_assets.upload": "cloud_upload",
    "artworks.artwork": "palette",
    "artworks.review": "reviews",
    "artworks.like": "favorite",
    "ads.ad": "sell",
    "properties.houseforsale": "home",
    "properties.houseforrent": "key",
    "images.libraryimage": "lock",
    "users.user": "person",
    "auth.group": "group",
}
SECTIONS = {  # of the side bar, in their order
    "Media": ("media_assets",),
    "People": ("users", "auth"),
    "Content": ("artworks", "ads", "properties", "images"),
}


class VitrineAdminSite(UnfoldAdminSite):  # type: ignore[misc]
    """``admin.site``: every view of every admin goes through ``guarded``."""

    index_title = "Administration"
    index_template = "config/admin_index.html"

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        wrapped: Callable[..., Any] = super().admin_view(guarded(view, self), cacheable)
        return wrapped

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """The apps in the order of ``SECTIONS``, others after them."""
        found: list[Any] = super().get_app_list(request, app_label)
        labels = [label for section in SECTIONS.values() for label in section]
        return sorted(found, key=lambda app: labels.index(app["app_label"]) if app["app_label"] in labels else 99)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        from config.dashboard import dashboard  # the admins, which register with this site

        page: HttpResponse = super().index(request, {**(extra_context or {}), "dashboard": dashboard(request)})
        return page


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups of the side bar: what this user may look at."""
    groups: dict[str, list[dict[str, Any]]] = {"": [_front()]}
    for app in admin.site.get_app_list(request):
        title = next((name for name, apps in SECTIONS.items() if app["app_label"] in apps), str(app["name"]))
        groups.setdefault(title, []).extend(_item(model) for model in app["models"] if model["admin_url"])
    return [{"title": title, "items": items} for title, items in groups.items() if items]


def stylesheet(request: HttpRequest) -> str:
    return static("media_assets/admin/admin.css")


def script(request: HttpRequest) -> str:
    return static("media_assets/admin/saving.js")


def _front() -> dict[str, Any]:
    return {"title": "Overview", "icon": "monitoring", "link": reverse("admin:index")}


def _item(model: dict[str, Any]) -> dict[str, Any]:
    icon = ICONS.get(model["model"]._meta.label_lower, "database")
    return {"title": model["name"], "icon": icon, "link": model["admin_url"]}
