"""Errors as ``{"error": "...", "code": "..."}``: what clients of the property images are used to."""

from typing import Any

from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.response import Response

from properties.secure_urls import CannotSign


class NoImages(APIException):
    """400: an upload without a file."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "No images provided"
    default_code = "no_images"


class NoSecureUrl(APIException):
    """500: the storage that holds the image cannot sign."""

    status_code = status.HTTP_500_INTERNAL_SERVER_ERROR
    default_detail = "Could not generate secure URL"
    default_code = "cannot_sign"


class PrintedErrorsMixin:
    """For views: stands before REST framework's own class."""

    def handle_exception(self, exc: Exception) -> Response:
        found = NoSecureUrl() if isinstance(exc, CannotSign) else exc
        if isinstance(found, (NoImages, NoSecureUrl)):
            body = {"error": found.default_detail, "code": found.default_code}
            return Response(body, status=found.status_code, exception=True)
        handled: Any = super().handle_exception(exc)  # type: ignore[misc]
        return handled  # type: ignore[no-any-return]
