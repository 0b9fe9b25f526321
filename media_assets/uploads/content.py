"""What a staged object is: its bytes are read, few of them where few are enough, and held against what was declared."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from media_assets.imaging import ImageFacts, InvalidImage
from media_assets.imaging.containers import inspect_container, is_converted
from media_assets.imaging.facts import ACCEPTED_CONTENT_TYPES
from media_assets.imaging.ranged import RangedObject, Read, inspect_ranged
from media_assets.keys import filename_extension
from media_assets.uploads.signatures import contradiction

__all__ = ["IMAGE_TYPES", "Content", "ContentRefused", "Read", "check_content", "is_allowed_type", "is_image_type"]

IMAGE_TYPES = ACCEPTED_CONTENT_TYPES
HEIF = {"image/heic", "image/heif"}  # phones use either name for both
# Names that JPEGs go by in old browsers and cameras.
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg"}
# Without parameters and wildcards (RFC 6838, 4.2).
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")


@dataclass(frozen=True, slots=True)
class Content:
    """What the object is. `facts` are those of one of the accepted images, None for anything else.

    `content_type` is the true one of an image, otherwise the declared one; `extension` (no dot) is the image's own,
    otherwise the one of the client's file name or `bin`.
    """

    content_type: str
    extension: str
    facts: ImageFacts | None


class ContentRefused(ValueError):
    """The object is not what was declared. `code` is stable, for programs; `message` is a sentence for its sender."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check_content(read: Read, size: int, *, declared_type: str, filename: str, max_pixels: int) -> Content:
    """What the object of `size` bytes is, whose bytes `read(start, length)` gives.

    `max_pixels` counts all frames of an image together. Raises ContentRefused (`empty`, `type_mismatch`, or the code
    of the InvalidImage), and whatever `read` raises.
    """
    if size < 1:
        raise ContentRefused("empty", "The file is empty. Choose it again and send it.")
    declared = canonical_type(declared_type)
    source = RangedObject(read, size)
    if declared in IMAGE_TYPES:
        return _check_image(source, declared, max_pixels)
    return _check_other(source, declared, filename)


def is_allowed_type(content_type: str, allowed: Sequence[str]) -> bool:
    """Whether one of `allowed` names the content type: itself, a wildcard (`video/*`), or `*/*`.

    Upper and lower case are the same, and so are the names of JPEG; a type with parameters is never allowed.
    """
    declared = canonical_type(content_type)
    if not _CONTENT_TYPE.fullmatch(declared):
        return False
    family = declared.partition("/")[0]
    return any(canonical_type(pattern) in (declared, f"{family}/*", "*/*") for pattern in allowed)


def is_image_type(content_type: str) -> bool:
    """Whether it names one of the accepted images: what is declared so must be one."""
    return canonical_type(content_type) in IMAGE_TYPES


def canonical_type(content_type: str) -> str:
    """In lower case, without spaces around it, and `image/jpeg` for the other names of JPEG."""
    name = content_type.strip().lower()
    return _ALIASES.get(name, name)


def _check_image(source: RangedObject, declared: str, max_pixels: int) -> Content:
    try:
        if is_converted(source.start()):
            facts = inspect_container(source.start(), max_pixels=max_pixels)
            actual = facts.content_type
        else:
            actual = source.image_type
            facts = None
        if actual and actual != declared and {actual, declared} != HEIF:
            raise _mismatch(declared, actual)
        facts = facts or inspect_ranged(source, max_pixels=max_pixels)
    except InvalidImage as refusal:
        raise ContentRefused(refusal.code, refusal.message) from None
    return Content(facts.content_type, facts.extension, facts)


def _check_other(source: RangedObject, declared: str, filename: str) -> Content:
    if actual := source.image_type or ("image/heif" if is_converted(source.start()) else ""):
        raise _mismatch(declared, actual)
    seems = contradiction(declared, source.start())
    if seems is not None:
        raise _mismatch(declared, seems)
    return Content(declared, filename_extension(filename), None)


def _mismatch(declared: str, actual: str) -> ContentRefused:
    found = f" but is: {actual}" if actual else ", but its bytes are something else"
    message = f"The file was declared as {declared}{found}. Send the right file, or declare its true type."
    return ContentRefused("type_mismatch", message)
