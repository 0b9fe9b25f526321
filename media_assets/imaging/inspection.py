"""Decide what an uploaded file is, whether it is whole, and how large it is, before anything decodes it.

The type comes from the first bytes, never from a name or a header. Each format's own walker then follows the
structure from beginning to end; no pixel is decoded, and the work is bounded for every input.
"""

from collections.abc import Callable

from .facts import Buffer, ImageFacts, InvalidImage, Part
from .foreign import refuse_foreign
from .gif import inspect_gif
from .jpeg import inspect_jpeg
from .png import inspect_png
from .webp import inspect_webp

Walker = Callable[..., ImageFacts]

_WALKERS: dict[str, Walker] = {
    "image/jpeg": inspect_jpeg,
    "image/png": inspect_png,
    "image/webp": inspect_webp,
    "image/gif": inspect_gif,
}

# The longest prefix needed to tell a type: RIFF, a length, WEBP.
SIGNATURE_BYTES = 12


def inspect_image(data: Buffer, *, max_pixels: int) -> ImageFacts:
    """Facts about the image in `data` (contiguous bytes, read in place, nothing kept).

    `max_pixels` counts all frames together: canvas width x height x frames.
    Raises `InvalidImage`, and nothing else, for contents that are not an acceptable, whole image.
    """
    # Both views are released on the way out, also under an exception, so that the caller can close an mmap.
    with memoryview(data) as whole, whole.cast("B") as view:
        return walk_image(view, max_pixels=max_pixels)


def walk_image(view: memoryview, *, max_pixels: int, parts: list[Part] | None = None) -> ImageFacts:
    """Facts about the image in `view`, a view of bytes. Raises `InvalidImage`.

    `parts`, where given, is filled with the parts of the file in their order, without what lies between them or after
    the last; their kinds are those of the format.
    """
    if not view:
        raise InvalidImage("empty", "The file is empty. Choose the picture again and send it.")
    walker = _WALKERS.get(signature_type(bytes(view[:SIGNATURE_BYTES])))
    if walker is None:
        refuse_foreign(view)
    return walker(view, max_pixels=max_pixels, parts=parts)


def signature_type(start: bytes) -> str:
    """The content type that a file's first `SIGNATURE_BYTES` announce, one of the accepted images, or ""."""
    if start.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "image/webp"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return ""
