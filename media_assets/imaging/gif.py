"""Walk a GIF from block to block (GIF89a, W3C), through all sub-blocks, to its trailer.

A GIF without its trailer is refused as truncated, though browsers show it: an animation that lost its later frames
on the way looks exactly the same. Whatever follows the trailer is accepted, and NUL bytes between blocks too, which
some encoders leave.
"""

import struct
from typing import NamedTuple

from .facts import ImageFacts, Part, corrupt, require_size, truncated

NAME = "GIF"

# Picture data comes in sub-blocks of 255 bytes: 10 MB are 40 000. Sub-blocks of one byte each would be 5 million.
MAX_SUB_BLOCKS = 500_000
MAX_BLOCKS = 20_000

_EXTENSION, _IMAGE, _TRAILER, _PADDING = 0x21, 0x2C, 0x3B, 0x00
_GRAPHIC_CONTROL = 0xF9
_LOGICAL_SCREEN = struct.Struct("<HHB")
_IMAGE_DESCRIPTOR = struct.Struct("<HHHHB")
# Codes grow to 12 bits at most, so they start with fewer (appendix F).
_MAX_START_BITS = 11


class Box(NamedTuple):
    """A rectangle of the canvas, in pixels."""

    left: int
    top: int
    width: int
    height: int


def inspect_gif(view: memoryview, *, max_pixels: int, parts: list[Part] | None = None) -> ImageFacts:
    """Facts about the GIF in `view`, which begins with GIF87a or GIF89a. Raises `InvalidImage`.

    The canvas is the logical screen, widened to the first frame where that reaches past it, as decoders show it.
    Later frames that reach past the canvas do not change it, but count towards `max_pixels` at their full extent.
    `parts` takes the head up to the first block, then every block; an extension's kind has its label too.
    """
    try:
        return _walk(view, max_pixels, [] if parts is None else parts)
    except (IndexError, struct.error):
        raise truncated(NAME) from None


def first_frame(view: memoryview, *, max_pixels: int) -> tuple[ImageFacts, Box]:
    """Facts about the GIF in `view`, and where on its canvas the first frame lies. Raises `InvalidImage`."""
    parts: list[Part] = []
    facts = inspect_gif(view, max_pixels=max_pixels, parts=parts)
    start = next(part.start for part in parts if part.kind == b",")
    return facts, Box(*_IMAGE_DESCRIPTOR.unpack_from(view, start + 1)[:4])


def _walk(view: memoryview, max_pixels: int, parts: list[Part]) -> ImageFacts:
    width, height, packed = _LOGICAL_SCREEN.unpack_from(view, 6)
    shown = (width, height)
    position = 13 + _colour_table_bytes(packed)
    parts.append(Part(b"GIF", 0, position))
    frames, has_alpha, sub_blocks = 0, False, MAX_SUB_BLOCKS
    for _ in range(MAX_BLOCKS):
        start, kind = position, view[position]
        if kind == _IMAGE:
            right, bottom, data = _read_image_descriptor(view, position + 1)
            width, height, frames = max(width, right), max(height, bottom), frames + 1
            shown = (width, height) if frames == 1 else shown
            require_size(NAME, width, height, frames, max_pixels=max_pixels)
            position, sub_blocks = _skip_sub_blocks(view, data, sub_blocks)
            parts.append(Part(b",", start, position))
        elif kind == _EXTENSION:
            if view[start + 1] == _GRAPHIC_CONTROL and view[start + 2] >= 4 and view[start + 3] & 1:
                has_alpha = True
            position, sub_blocks = _skip_sub_blocks(view, start + 2, sub_blocks)
            parts.append(Part(bytes(view[start : start + 2]), start, position))
        elif kind == _TRAILER:
            if not frames:
                raise corrupt(NAME, "it holds no picture")
            parts.append(Part(b";", start, start + 1))
            return ImageFacts("image/gif", "gif", *shown, frames, has_alpha=has_alpha)
        elif kind == _PADDING:
            position += 1
        else:
            raise corrupt(NAME, "there is rubbish where its next part should be")
    raise corrupt(NAME, f"it is cut into more than {MAX_BLOCKS} pieces")


def _colour_table_bytes(packed: int) -> int:
    """Length of the colour table that a packed field announces (18, 20)."""
    return 3 << (packed & 7) + 1 if packed & 0x80 else 0


def _read_image_descriptor(view: memoryview, position: int) -> tuple[int, int, int]:
    """Right and bottom edge of a frame, in pixels, and where the sub-blocks of its data begin (20 to 22)."""
    left, top, width, height, packed = _IMAGE_DESCRIPTOR.unpack_from(view, position)
    if not width or not height:
        raise corrupt(NAME, "a frame has no size")
    start_bits = position + _IMAGE_DESCRIPTOR.size + _colour_table_bytes(packed)
    if not 1 <= view[start_bits] <= _MAX_START_BITS or not view[start_bits + 1]:
        raise corrupt(NAME, "its picture data begins wrongly")
    return left + width, top + height, start_bits + 1


def _skip_sub_blocks(view: memoryview, position: int, allowed: int) -> tuple[int, int]:
    """Where the block ends whose sub-blocks begin at `position` (15), and how many of the `allowed` are left."""
    size = view[position]
    for left in range(allowed, 0, -1):
        if not size:
            return position + 1, left
        position += size + 1
        size = view[position]
    raise corrupt(NAME, f"its data is cut into more than {MAX_SUB_BLOCKS} pieces")
