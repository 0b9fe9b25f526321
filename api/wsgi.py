"""What stands between the server and Django: headers that Django fails on, bodies that break off or are left unread."""

import codecs
import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

from django.utils.http import parse_header_parameters

LEFT_BYTES = 64 * 1024  # gunicorn reads so much itself
DRAINED_BYTES = 16 * 1024 * 1024  # more than one picture in its form
DRAINED_SECONDS = 5
_PIECE_BYTES = 64 * 1024
LENGTH_MAX_DIGITS = 18  # what counts bytes takes no larger number

UNKNOWN_TYPE = "application/octet-stream"
_CHARSET = re.compile(r';\s*charset\s*=\s*("[^"]*"|[^;]*)', re.IGNORECASE)

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]


def readable_headers(application: WSGIApplication) -> WSGIApplication:
    """The application, given no ``Content-Type`` and no ``Content-Length`` that cannot be read.

    Django parses the first (``a/b; c*=unknown''d`` raises) and reads the query in its charset while it builds the
    request, outside of its handlers: the server would answer 500. A body in anything but UTF-8 is of an unknown kind
    (415); a length that is no number is none.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["CONTENT_TYPE"] = readable_type(environ.get("CONTENT_TYPE", ""))
        if not is_length(environ.get("CONTENT_LENGTH") or "0"):
            environ["CONTENT_LENGTH"] = "0"
        return application(environ, start_response)

    return serve


def is_length(text: str) -> bool:
    """Whether a ``Content-Length`` is a number, and one that can be counted with."""
    return text.isascii() and text.isdecimal() and len(text) <= LENGTH_MAX_DIGITS


def readable_type(content_type: str) -> str:
    """The header without its charset, which can be UTF-8 alone; octets of an unknown kind for any other."""
    try:
        charset = parse_header_parameters(content_type)[1].get("charset")
        if charset is None:
            return content_type
        plain = _CHARSET.sub("", content_type)
        known = codecs.lookup(charset).name in ("utf-8", "ascii")
        return plain if known and "charset" not in parse_header_parameters(plain)[1] else UNKNOWN_TYPE
    except (ValueError, LookupError):
        return UNKNOWN_TYPE


def drained_bodies(application: WSGIApplication) -> WSGIApplication:
    """The application; what it leaves unread of a request's body is read once the answer is sent.

    A picture that is refused unread (401, 403, 404) would otherwise make gunicorn close the connection unannounced: the
    client's next request on it fails, and the reset can overtake the answer. At most DRAINED_BYTES and about
    DRAINED_SECONDS; short bodies are gunicorn's own affair. It stands within ``readable_headers``.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = application(environ, start_response)
        if int((environ.get("CONTENT_LENGTH") or "0")[:15]) <= LEFT_BYTES:
            return answer  # as it is: the server may send its file in one go
        return _Answer(answer, environ["wsgi.input"], environ.get("gunicorn.socket"))

    return serve


def whole_bodies(application: WSGIApplication) -> WSGIApplication:
    """The application, whose reading of a body fails where the connection breaks off before its end.

    Django takes what has come for all of it: of a form the file would be left out, and the rest be saved without it.
    Now that is UnreadablePostError (400). It stands within ``drained_bodies``.
    """

    def serve(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if length := int(environ.get("CONTENT_LENGTH") or "0"):
            environ = {**environ, "wsgi.input": _WholeBody(environ["wsgi.input"], length)}
        return application(environ, start_response)

    return serve


class _WholeBody:
    """A body of ``length`` bytes. Reading raises ConnectionError where it ends early."""

    def __init__(self, body: IO[bytes], length: int) -> None:
        self._body, self._left = body, length

    def read(self, size: int = -1) -> bytes:
        """So many bytes, all that are left by default; fewer at the end."""
        wanted = self._left if size < 0 else min(size, self._left)
        pieces = []
        while wanted:
            piece = self._counted(self._body.read(wanted))
            wanted -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readline(self, size: int = -1) -> bytes:
        """To the end of the line, at most so many bytes."""
        wanted = self._left if size < 0 else min(size, self._left)
        return self._counted(self._body.readline(wanted)) if wanted else b""

    def _counted(self, piece: bytes) -> bytes:
        if not piece:
            raise ConnectionError("The request ended early.")
        self._left -= len(piece)
        return piece


class _Answer:
    """An application's answer; closing it, which the server does in the end, also drains the request."""

    def __init__(self, answer: Any, body: IO[bytes], socket: Any) -> None:
        self._answer, self._body, self._socket = answer, body, socket

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        try:
            if hasattr(self._answer, "close"):
                self._answer.close()
        finally:
            with contextlib.suppress(OSError):  # the client is gone, or too slow
                self._drain()

    def _drain(self) -> None:
        before = self._socket and self._socket.gettimeout()
        end, left = time.monotonic() + DRAINED_SECONDS, DRAINED_BYTES
        try:
            if self._socket:
                self._socket.settimeout(DRAINED_SECONDS)
            while left > 0 and time.monotonic() < end and (piece := self._body.read(_PIECE_BYTES)):
                left -= len(piece)
        finally:
            if self._socket:
                self._socket.settimeout(before)
