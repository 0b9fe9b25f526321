"""Request headers that Django fails on before any of its error handling is reached."""

from collections.abc import Callable, Iterable
from typing import Any

from django.utils.http import parse_header_parameters

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]


def readable_headers(application: WSGIApplication) -> WSGIApplication:
    """The application, given no ``Content-Type`` and no ``Content-Length`` that cannot be read.

    Django parses the first (``a/b; c*=unknown''d`` raises) while it builds the request, outside of its handlers: the
    server would answer 500. Such a body is of an unknown kind (415); a length that is no number is none.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            parse_header_parameters(environ.get("CONTENT_TYPE", ""))
        except (ValueError, LookupError):
            environ["CONTENT_TYPE"] = "application/octet-stream"
        length = environ.get("CONTENT_LENGTH") or "0"
        if not (length.isascii() and length.isdecimal()):
            environ["CONTENT_LENGTH"] = "0"
        return application(environ, start_response)

    return serve
