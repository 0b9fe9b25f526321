"""The final slash of an address."""

from django.http import HttpRequest
from django.middleware.common import CommonMiddleware


class SlashMiddleware(CommonMiddleware):
    """Sends readers of ``/api/artworks`` to ``/api/artworks/``; a write without its slash is 404, with DEBUG too.

    A redirect would turn the write into a read, and Django answers 500 instead where DEBUG is on.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in ("GET", "HEAD") and super().should_redirect_with_slash(request)
