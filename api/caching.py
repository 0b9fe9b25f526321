"""Answers of the API are nobody's but the caller's."""

from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin


class CachingMiddleware(MiddlewareMixin):
    """``Cache-Control: private, no-store`` on what the API answers, unless the view said otherwise.

    Answers hold tokens (RFC 6749, 5.1) and signed URLs, and differ by who asks.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        if request.path.startswith("/api/"):
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response
