"""What a request body may be: UTF-8, and JSON no deeper than any form of this API needs."""

import codecs
from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework import parsers
from rest_framework.exceptions import ParseError

MAX_JSON_DEPTH = 32
_CHARSETS = ("utf-8", "ascii")


def require_utf8(parser_context: Mapping[str, Any] | None) -> None:
    """Raise ParseError for a body in another charset: several text codecs of Python yield lone surrogates."""
    charset = (parser_context or {}).get("encoding") or "utf-8"
    try:
        known = codecs.lookup(charset).name in _CHARSETS
    except (LookupError, ValueError):
        known = False
    if not known:
        raise ParseError("The charset of the body must be UTF-8.")


class JSONParser(parsers.JSONParser):
    """One JSON object (RFC 8259: UTF-8, no NaN, no lone surrogates) at most MAX_JSON_DEPTH deep; else ParseError.

    Its length in bytes is bounded before it gets here (``DATA_UPLOAD_MAX_MEMORY_SIZE``).
    """

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        require_utf8(parser_context)
        raw = stream.read()
        try:
            data = orjson.loads(raw)
        except ValueError as error:
            raise ParseError(f"JSON parse error - {error}") from error
        if not isinstance(data, dict):
            raise ParseError("The body must be a JSON object.")
        if raw.count(b"[") + raw.count(b"{") > MAX_JSON_DEPTH and _deeper_than(data, MAX_JSON_DEPTH):
            raise ParseError(f"The body is nested more than {MAX_JSON_DEPTH} levels deep.")
        return data


class FormParser(parsers.FormParser):
    """A URL-encoded form in UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        require_utf8(parser_context)
        return super().parse(stream, media_type, parser_context)


class MultiPartParser(parsers.MultiPartParser):
    """A multipart form in UTF-8."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        require_utf8(parser_context)
        return super().parse(stream, media_type, parser_context)


def _deeper_than(data: dict[str, Any], depth: int) -> bool:
    """Whether containers nest deeper than this; level by level, so that no depth exhausts the stack."""
    level: list[Any] = [data]
    for _ in range(depth):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
