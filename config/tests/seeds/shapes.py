"""Whether an answer has the shape that a document prints: its keys, its types, the look of its values.

More keys are allowed, fewer or other types are not. A printed text stands for a kind of text where the table below
knows it, for any text elsewhere; error messages stand for themselves.
"""

import json
import re
from typing import Any

_EXTENSIONS = "jpg|jpeg|png|webp|gif"
_NAME = rf"[\w-]+\.(?:{_EXTENSIONS})"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_HOUSE_IMAGE = rf"properties/house(?:forsale|forrent)/\d+/\d{{8}}_\d{{6}}_[0-9a-f]{{8}}\.(?:{_EXTENSIONS})"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
DECIMAL = r"\d+\.\d\d"
TOKEN = r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+"
# A key as printed, and as it has to be.
KEYS = (
    (r"artworks/[^/]+", rf"artworks/{_NAME}"),
    (r"avatars/user_\d+/[^/]+", rf"avatars/user_\d+/{_NAME}"),
    (r"ads/ad_\d+/[^/]+", rf"ads/ad_\d+/{_NAME}"),
    (r"images/\d+/uuid-filename\.jpg", rf"images/\d+/{_UUID}_{_NAME}"),
    (r"properties/\.\.\.", _HOUSE_IMAGE),
)
_SITE = r"https?://[^/\s?]+/"
_URLS = tuple((rf"{_SITE}(?:.+/)?{printed}", rf"{_SITE}(?:[^?\s]+/)?{key}(?:\?\S+)?") for printed, key in KEYS)
KINDS = ((TIME, TIME), (DECIMAL, DECIMAL), (r"eyJ\w+\.\.\.", TOKEN), *KEYS, *_URLS, (rf"{_SITE}.*", rf"{_SITE}\S*"))
MESSAGES = ("detail", "error")


def assert_like(answer: Any, printed: str, **patterns: str) -> None:
    """Assert that ``answer`` has the shape of the JSON text ``printed``.

    ``patterns``: for a key that looks otherwise here than in the document, the regular expression of its values.
    """
    found = misfits(json.loads(printed), answer, "answer", patterns)
    assert found == [], "\n".join(found)


def misfits(printed: Any, answer: Any, at: str, patterns: dict[str, str]) -> list[str]:
    """Where and how ``answer`` departs from ``printed``, a line each."""
    if type(printed) is not type(answer):
        return [f"{at}: {type(printed).__name__} is printed, this is {answer!r}"]
    if isinstance(printed, dict):
        missing = [f"{at}.{key}: missing" for key in printed if key not in answer]
        common = [key for key in printed if key in answer]
        return missing + [line for key in common for line in _value(key, printed, answer, at, patterns)]
    if isinstance(printed, list):
        if printed and not answer:
            return [f"{at}: empty"]
        pairs = ((printed[min(n, len(printed) - 1)], one) for n, one in enumerate(answer)) if printed else ()
        return [line for n, (one, two) in enumerate(pairs) for line in misfits(one, two, f"{at}[{n}]", patterns)]
    if isinstance(printed, str):
        expected = next((kind for look, kind in KINDS if re.fullmatch(look, printed)), None)
        return _unlike(expected, answer, at)
    return []


def _value(key: str, printed: dict[str, Any], answer: dict[str, Any], at: str, patterns: dict[str, str]) -> list[str]:
    at = f"{at}.{key}"
    if key in MESSAGES:
        return [] if answer[key] == printed[key] else [f"{at}: {printed[key]!r} is printed, this is {answer[key]!r}"]
    if key in patterns and isinstance(answer[key], str):
        return _unlike(patterns[key], answer[key], at)
    return misfits(printed[key], answer[key], at, patterns)


def _unlike(expected: str | None, answer: str, at: str) -> list[str]:
    fits = expected is None or re.fullmatch(expected, answer)
    return [] if fits else [f"{at}: {answer!r} is not of the form {expected}"]
