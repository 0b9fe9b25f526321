"""Bodies that do not say how long they are."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.deprecation import MiddlewareMixin
from rest_framework import status
from rest_framework.exceptions import APIException

from api.errors import error_body


class LengthRequired(APIException):
    """411: the body comes in chunks, without ``Content-Length`` (RFC 9110, 15.5.12)."""

    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send the length of the body as Content-Length."
    default_code = "length_required"


class LengthMiddleware(MiddlewareMixin):
    """Refuses what Django reads as an empty body: a PATCH in chunks would change nothing and answer 200.

    A view with ``answers_missing_length`` says so in its own words.
    """

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> HttpResponse | None:
        """411, or None where the length is known."""
        if not request.META.get("HTTP_TRANSFER_ENCODING") or request.META.get("CONTENT_LENGTH"):
            return None
        if getattr(view, "answers_missing_length", False):
            return None
        refusal = LengthRequired()
        return JsonResponse(error_body(refusal), status=refusal.status_code)
