"""HEIC, HEIF and AVIF as far as they are looked into here: which of them, and how large. Decoders do the rest."""

import struct

from .facts import ImageFacts, InvalidImage, corrupt, require_size
from .foreign import iso_media_name

CONVERTED_CONTENT_TYPES = ("image/heic", "image/heif", "image/avif")
HEAD_BYTES = 65_536  # the description of a picture stands before its data; a phone's has some 4 KB
_NAMES = {"HEIC/HEIF photo": "HEIC", "AVIF picture": "AVIF"}
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis")
_SIZE = struct.Struct(">4xII")  # ImageSpatialExtentsProperty (ISO/IEC 23008-12, 6.5.3)
_MAX_SIZES = 1_000  # a picture made of tiles has one for each kind of tile, and one for itself


def is_converted(head: bytes) -> bool:
    """Whether the file that begins so is delivered as JPEG."""
    return iso_media_name(head) in _NAMES


def inspect_container(head: bytes, *, max_pixels: int) -> ImageFacts:
    """Facts about a HEIC, HEIF or AVIF from its first `HEAD_BYTES`: those of its largest picture, as stored.

    `extension` is that of the JPEG it becomes; the upright size is known once it is decoded. Raises `InvalidImage`.
    """
    name = _NAMES.get(iso_media_name(head) or "")
    if name is None:
        raise InvalidImage("unsupported_type", "This is neither a HEIC nor an AVIF picture.")
    size = _largest(head)
    if size is None:
        raise corrupt(name, "the description of its size is missing")
    require_size(name, *size, 1, max_pixels=max_pixels)
    return ImageFacts(_content_type(name, head), "jpg", *size)


def require_container_size(head: bytes, *, max_pixels: int) -> None:
    """Refuse a HEIC, HEIF or AVIF whose first `HEAD_BYTES` describe more than `max_pixels`, before any decoder sees it.

    One that describes itself further back passes: its decoder is told the limit as well. Raises `InvalidImage`.
    """
    name, size = _NAMES.get(iso_media_name(head) or ""), _largest(head)
    if name is not None and size is not None:
        require_size(name, *size, 1, max_pixels=max_pixels)


def _content_type(name: str, head: bytes) -> str:
    if name == "AVIF":
        return "image/avif"
    return "image/heic" if head[8:12] in _HEIC_BRANDS else "image/heif"


def _largest(head: bytes) -> tuple[int, int] | None:
    return max(_sizes(head), key=lambda size: size[0] * size[1], default=None)


def _sizes(head: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    position = head.find(b"ispe")
    while 0 <= position <= len(head) - 16 and len(found) < _MAX_SIZES:
        found.append(_SIZE.unpack_from(head, position + 4))
        position = head.find(b"ispe", position + 4)
    return found
