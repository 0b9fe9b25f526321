"""Serves local files: public ones to anyone, private ones to whoever holds a valid signed URL.

The registry decides what is served, so that a discarded file is gone at once and a file that has moved to S3 is
redirected there. Ranges, conditional requests and caching follow RFC 9110 and 9111.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from api.errors import ServiceUnavailable, as_api_exception, error_body
from media_assets.byte_ranges import partial_response
from media_assets.errors import ObjectMissing
from media_assets.keys import is_safe_key
from media_assets.metrics import counted_delivery
from media_assets.models import MediaAsset, State, Visibility
from media_assets.presets import asset_id_of
from media_assets.signing.local import Verdict
from media_assets.signing.urls import local_signer, url_maker
from media_assets.storages import get_storage, is_configured

LOCAL_PREFIX = "local-"
MIN_REDIRECT_SECONDS = 1
MAX_REDIRECT_SECONDS = 604_800  # the longest life of a presigned URL
_CACHED_STATUSES = (200, 206, 304)
_OUR_CONDITIONS = ("If-Match", "If-Unmodified-Since")  # nginx would compare them once more, with the file on disk
_REFUSALS = {
    Verdict.FORGED: ("invalid_signature", "This link is not valid. Ask for a new one."),
    Verdict.EXPIRED: ("expired_signature", "This link has expired. Ask for a new one."),
}
View = Callable[[HttpRequest, str], HttpResponseBase]


def _media_view(view: View) -> View:
    """GET and HEAD only; 503 with ``Retry-After`` where the storage or the database does not answer."""

    @csrf_exempt  # another method is 405, not a missing token
    @require_safe
    @wraps(view)
    def answer(request: HttpRequest, key: str) -> HttpResponseBase:
        try:
            return view(request, key)
        except Exception as error:
            known = as_api_exception(error)
            if not isinstance(known, ServiceUnavailable):
                raise
            headers = {"Retry-After": str(known.wait), "Cache-Control": "no-store"}
            return JsonResponse(error_body(known), status=known.status_code, headers=headers)

    return answer


@counted_delivery("public")
@_media_view
def public_media(request: HttpRequest, key: str) -> HttpResponseBase:
    """``GET /media/<key>``: a public file; 404 for anything else."""
    return _deliver_key(request, key, Visibility.PUBLIC, settings.MEDIA_CACHE_MAX_AGE_SECONDS)


@counted_delivery("private")
@_media_view
def private_media(request: HttpRequest, key: str) -> HttpResponseBase:
    """``GET /media/private/<key>?expires=…&signature=…``: 403 for a forged, foreign or expired signature."""
    expires, signature, now = request.GET.get("expires", ""), request.GET.get("signature", ""), time.time()
    verdict = local_signer("").verify(key, expires, signature, now=now)
    if verdict is not Verdict.VALID:
        code, detail = _REFUSALS[verdict]
        return JsonResponse({"detail": detail, "code": code}, status=403, headers={"Cache-Control": "no-store"})
    remaining = int(int(expires) - now)
    return _deliver_key(request, key, Visibility.PRIVATE, remaining)


@dataclass(frozen=True)
class Delivered:
    """One object of an asset: its original, or a variant."""

    asset: MediaAsset
    key: str
    content_type: str
    size: int  # bytes
    etag: str
    filename: str


def _deliver_key(request: HttpRequest, key: str, visibility: str, remaining: int) -> HttpResponseBase:
    """The object at this key. A file that is moved between the look at its row and at its bytes is looked for again."""
    found = _delivered(key, visibility)
    try:
        return _deliver(request, found, remaining)
    except ObjectMissing:
        again = _delivered(key, visibility)
        if again.asset.storage == found.asset.storage:
            raise Http404 from None
        return _deliver(request, again, remaining)


def _delivered(key: str, visibility: str) -> Delivered:
    """The object at this key, of a ready asset. Raises Http404."""
    if not is_safe_key(key):
        raise Http404
    ready = MediaAsset.objects.filter(visibility=visibility, state=State.READY)
    found = _variant(ready, key) or _original(ready.filter(key=key))
    if found is None or not is_configured(found.asset.storage):
        raise Http404
    return found


def _original(assets: QuerySet[MediaAsset]) -> Delivered | None:
    if (asset := assets.first()) is None:
        return None
    etag = quote_etag(asset.sha256 or str(asset.object_id))
    filename = asset.original_filename or asset.key.rpartition("/")[2]
    return Delivered(asset, asset.key, asset.content_type, asset.size, etag, filename)


def _variant(assets: QuerySet[MediaAsset], key: str) -> Delivered | None:
    """Its bytes never change: another encoder or another width writes to another key."""
    asset_id = asset_id_of(key)
    asset = None if asset_id is None else assets.filter(pk=asset_id).first()
    if asset is None:
        return None
    variant = next((one for one in asset.variants or () if one["key"] == key), None)
    if variant is None:
        return None
    filename = f"{PurePosixPath(asset.original_filename or asset.key).stem}-{variant['width']}.webp"
    return Delivered(asset, key, variant["content_type"], variant["size"], quote_etag(key), filename)


def _deliver(request: HttpRequest, found: Delivered, remaining: int) -> HttpResponseBase:
    """The file, or a redirect to where it has moved. ``remaining``: seconds that this URL may still be cached.

    Raises ObjectMissing.
    """
    asset, etag = found.asset, found.etag
    max_age = max(0, min(settings.MEDIA_CACHE_MAX_AGE_SECONDS, remaining))
    if not asset.storage.startswith(LOCAL_PREFIX):
        return _redirect(found, max_age, remaining)
    modified: datetime = asset.published_at or asset.created_at
    response: Any = get_conditional_response(request, etag, int(modified.timestamp()))
    if response is None:
        response = _content(request, found)
    cached = response.status_code in _CACHED_STATUSES
    for name, value in {
        "Cache-Control": f"{asset.visibility}, max-age={max_age}" if cached else "no-store",
        "ETag": etag,
        "Last-Modified": http_date(modified.timestamp()),
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }.items():
        response.headers[name] = value
    return response  # type: ignore[no-any-return]


def _content(request: HttpRequest, found: Delivered) -> HttpResponseBase:
    asset = found.asset
    kind = "attachment" if asset.width is None else "inline"  # only pictures that were looked into are shown
    headers = {"Content-Disposition": f"{kind}; filename*=UTF-8''{quote(found.filename, safe='')}"}
    prefix = settings.MEDIA_X_ACCEL_PREFIX
    if prefix and not any(name in request.headers for name in _OUR_CONDITIONS):
        target = f"{prefix.rstrip('/')}/{asset.visibility}/{quote(found.key)}"
        return HttpResponse(content_type=found.content_type, headers={**headers, "X-Accel-Redirect": target})
    file = get_storage(asset.storage).open(found.key)
    return partial_response(
        request, file, size=found.size, etag=found.etag, content_type=found.content_type, headers=headers
    )


def _redirect(found: Delivered, max_age: int, remaining: int) -> HttpResponseBase:
    """To the file's present place. A cached redirect dies before its target does."""
    maker, now = url_maker(found.asset.storage), time.time()
    lifetime = min(MAX_REDIRECT_SECONDS, max(MIN_REDIRECT_SECONDS, remaining))
    target, ends_at = maker.exact(found.key, now=now, expires_in=lifetime)
    if ends_at is not None:
        max_age = max(0, min(max_age, int(ends_at - now))) // 2
    return HttpResponseRedirect(target, headers={"Cache-Control": f"{found.asset.visibility}, max-age={max_age}"})
