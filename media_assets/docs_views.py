"""The page for developers who upload from a browser: try it, copy the code."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.views.generic import TemplateView

from api.errors import ServiceUnavailable
from media_assets.storages import get_storage
from media_assets.storages.contract import DirectUploadStorage

_PROBE_KEY = "staging/probe"  # nothing is written: only the host of its address is looked at


class UploadsPageView(TemplateView):
    """``GET /docs/uploads/``, under a Content-Security-Policy that lets it reach this site and the store, no more."""

    template_name = "media_assets/uploads.html"
    http_method_names = ["get", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = super().dispatch(request, *args, **kwargs)
        response["Content-Security-Policy"] = content_security_policy(store_origins())
        return response


def content_security_policy(store: list[str]) -> str:
    """The policy of the page; ``store``: the origins that take its files and show them."""
    allowed = " ".join(["'self'", *store])
    return "; ".join(
        (
            "default-src 'self'",
            f"connect-src {allowed}",
            f"img-src {allowed} data:",
            f"form-action {allowed}",
            "base-uri 'none'",
            "object-src 'none'",
            "frame-ancestors 'none'",
        )
    )


def store_origins() -> list[str]:
    """Where a browser sends private files and reads them: none but this site without S3, or while S3 cannot sign."""
    storage = cast(DirectUploadStorage, get_storage(settings.MEDIA_ACTIVE_STORAGES["private"]))
    soon = timezone.now() + timedelta(seconds=60)
    try:
        form = storage.direct_form(
            _PROBE_KEY, content_type="image/jpeg", min_size=1, max_size=1, sha256="", expires_at=soon
        )
        addresses = [urlsplit(form.url), urlsplit(storage.url(_PROBE_KEY))]
    except ServiceUnavailable:
        return []
    return sorted({f"{address.scheme}://{address.netloc}" for address in addresses if address.netloc})
