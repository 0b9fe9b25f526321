"""What the calls for Python programs answer: a plain dictionary, ready for JSON, for a refusal too."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, ParamSpec

from django.conf import settings
from rest_framework.exceptions import APIException, ValidationError

from api.errors import Conflict, error_body
from media_assets.models import MediaAsset, State
from media_assets.signing.urls import url_maker
from media_assets.storages import is_configured

Answer = dict[str, Any]
P = ParamSpec("P")


def answering(call: Callable[P, Answer]) -> Callable[P, Answer]:
    """Make ``{"success": True, ...}`` of what the call returns, and of each refusal that it raises (an APIException)
    ``{"success": False, "error": "<sentence>", "code": "<stable name>"}``. Faults of the program are raised as ever."""

    @wraps(call)
    def answered(*args: P.args, **kwargs: P.kwargs) -> Answer:
        try:
            return {"success": True, **call(*args, **kwargs)}
        except APIException as refusal:
            return _refused(refusal)

    return answered


def _refused(refusal: APIException) -> Answer:
    body = error_body(refusal)
    if isinstance(refusal, ValidationError):
        field, messages = next(iter(body.items()))
        return {"success": False, "error": f"{field}: {' '.join(messages)}", "code": f"invalid_{field}"}
    return {"success": False, "error": body["detail"], "code": body["code"]}


def file_url(asset: MediaAsset | None, expires_in: int | None = None) -> tuple[str | None, int | None]:
    """Where the file is read, and for how many seconds from now (None: as long as it exists).

    ``expires_in``: exactly so long, in seconds, where the file is private; without it, what the site's own answers
    have. The URL is None where there is nothing to read; it begins with a slash where the application serves the file
    and ``PUBLIC_BASE_URL`` is not set.
    """
    if asset is None or asset.state != State.READY or not is_configured(asset.storage):
        return None, None
    maker, now = url_maker(asset.storage), time.time()
    if expires_in is None:
        make, ends_at = maker.current(now)
        url = make(asset.key)
    else:
        url, ends_at = maker.exact(asset.key, now=now, expires_in=expires_in)
    return absolute(url), None if ends_at is None else ends_at - int(now)


def require_readable(asset: MediaAsset) -> None:
    """Raise Conflict (``image_processing``, ``image_failed``) where the picture is not delivered, or not yet."""
    if asset.state == State.PROCESSING:
        raise Conflict("The image is still being processed.", "image_processing", retry_after=5)
    if asset.state == State.FAILED:
        raise Conflict("The image cannot be delivered.", "image_failed")


def absolute(url: str) -> str:
    """With ``PUBLIC_BASE_URL`` before it, where it is a path and that is set: a Python call has no request to ask."""
    return f"{settings.PUBLIC_BASE_URL}{url}" if url.startswith("/") else url


def time_text(moment: datetime) -> str:
    """As in every answer of the site."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
