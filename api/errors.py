"""Every error as the contract prints it: ``{"field": ["message"]}``, or ``{"detail": "...", "code": "..."}``."""

import logging
import sys
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import InterfaceError, InternalError, OperationalError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.utils.html import escape
from django.views import defaults
from rest_framework import status
from rest_framework.exceptions import (
    APIException,
    AuthenticationFailed,
    ErrorDetail,
    NotAuthenticated,
    NotFound,
    ValidationError,
)
from rest_framework.exceptions import PermissionDenied as Forbidden
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler

logger = logging.getLogger(__name__)

DATABASE_RETRY_SECONDS = 5
READ_ONLY_TRANSACTION = "25006"  # PostgreSQL's SQLSTATE
BEARER = 'Bearer realm="api"'  # RFC 6750, 3; what simplejwt says too
NON_FIELD_ERRORS = "non_field_errors"
# The rest of the site answers people, with pages.
JSON_PATHS = ("/api/", "/healthz", "/readyz", "/metrics")
# It needs nothing that can be down: no template of the administration, no session.
_UNAVAILABLE_PAGE = """<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Temporarily unavailable</title>
</head>
<body>
  <h1>Temporarily unavailable</h1>
  <p>%s</p>
  <p>Please try again in a few seconds.</p>
</body>
</html>
"""


class RequestRefused(APIException):
    """400: the request as a whole cannot be taken; ``detail`` says why."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "Bad request."
    default_code = "bad_request"


class RequestTooLarge(APIException):
    """413: the body without its files is larger than ``DATA_UPLOAD_MAX_MEMORY_SIZE``."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large."
    default_code = "request_too_large"


class Conflict(APIException):
    """409: it contradicts what there is now; ``retry_after`` (seconds) where waiting helps."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This conflicts with the current state."
    default_code = "conflict"

    def __init__(self, detail: Any = None, code: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(detail, code)
        self.wait = retry_after


class Unprocessable(APIException):
    """422: well-formed, but it cannot be done as it stands."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This cannot be processed."
    default_code = "unprocessable"


class ServiceUnavailable(APIException):
    """503: something the answer needs is down; the caller may come back after ``retry_after`` seconds."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Temporarily unavailable."
    default_code = "unavailable"

    def __init__(self, detail: Any = None, code: str | None = None, retry_after: int = 5) -> None:
        super().__init__(detail, code)
        self.wait = retry_after


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of a view (``REST_FRAMEWORK["EXCEPTION_HANDLER"]``); None lets it propagate."""
    known = as_api_exception(exc)
    if known is None:
        return None
    response = drf_exception_handler(known, context)
    if response is None:
        return None
    response.data = error_body(known)
    if isinstance(known, (NotAuthenticated, AuthenticationFailed)):
        # REST framework makes 403 of these where a view has no authenticators (sign-in itself).
        response.status_code = status.HTTP_401_UNAUTHORIZED
        response.headers.setdefault("WWW-Authenticate", BEARER)
    return response


def as_api_exception(exc: BaseException | None) -> APIException | None:
    """The exception that says to a client what this one means; None where it is a fault of ours.

    Where the database is away, its connection is closed: the next request may find another server at the address.
    """
    match exc:
        case APIException():
            return exc
        case Http404():
            return NotFound()  # without Django's own text, which names the model
        case PermissionDenied():
            return Forbidden()
        case RequestDataTooBig():
            return RequestTooLarge()
        case TooManyFieldsSent():
            return RequestRefused("The request has too many fields.", "too_many_fields")
        case TooManyFilesSent():
            return RequestRefused("The request has too many files.", "too_many_files")
        case UnreadablePostError():
            return RequestRefused("The request ended early.", "incomplete_request")
        case SuspiciousOperation() | BadRequest() | MultiPartParserError():
            return RequestRefused()
        case _ if is_database_away(exc):
            logger.error("The database cannot be used", exc_info=exc)
            if not connection.in_atomic_block:
                connection.close()
            return ServiceUnavailable(
                "The database is unavailable.", "database_unavailable", retry_after=DATABASE_RETRY_SECONDS
            )
        case _:
            return None


def is_database_away(exc: BaseException | None) -> bool:
    """Whether the database cannot be used for now; one that only reads, as after a failover, cannot."""
    if isinstance(exc, InternalError):
        return getattr(exc.__cause__, "pgcode", "") == READ_ONLY_TRANSACTION
    return isinstance(exc, (OperationalError, InterfaceError))


def error_body(exc: APIException) -> dict[str, Any]:
    """The JSON of the answer: the fields' messages for ValidationError, else ``detail`` and ``code``."""
    detail: Any = exc.detail
    if isinstance(exc, ValidationError):
        return _field_messages(detail if isinstance(detail, dict) else {NON_FIELD_ERRORS: detail})
    code = getattr(exc, "default_code", "error")
    if isinstance(detail, dict):  # simplejwt: {"detail", "code", "messages"}
        code, detail = detail.get("code", code), str(detail.get("detail", exc.default_detail))
    if isinstance(detail, list):
        detail = " ".join(str(part) for part in detail)
    if isinstance(detail, ErrorDetail):
        code = detail.code or code
    return {"detail": str(detail), "code": str(code)}


def _field_messages(detail: dict[str, Any]) -> dict[str, Any]:
    """Every message in a list, as the contract has it."""
    return {
        str(field): _field_messages(found) if isinstance(found, dict) else found if isinstance(found, list) else [found]
        for field, found in detail.items()
    }


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler400``."""
    if _is_json(request):
        return _json(as_api_exception(exception) or RequestRefused())
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler403``."""
    if _is_json(request):
        return _json(Forbidden())
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """``handler404``."""
    if _is_json(request):
        return _json(NotFound())
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """``handler500``; 503 where something that the answer needs is down."""
    known = as_api_exception(sys.exc_info()[1])
    if _is_json(request):
        return _json(known or APIException("The server made an error.", "server_error"))
    if isinstance(known, ServiceUnavailable):
        return _with_wait(HttpResponse(_UNAVAILABLE_PAGE % escape(known.detail), status=known.status_code), known)
    return defaults.server_error(request)


def _is_json(request: HttpRequest) -> bool:
    return request.path.startswith(JSON_PATHS)


def _json(exc: APIException) -> HttpResponse:
    return _with_wait(JsonResponse(error_body(exc), status=exc.status_code), exc)


def _with_wait(response: HttpResponse, exc: APIException) -> HttpResponse:
    if getattr(exc, "wait", None):
        response.headers["Retry-After"] = str(exc.wait)  # type: ignore[attr-defined]
    return response
