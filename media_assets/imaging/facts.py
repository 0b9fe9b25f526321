"""The two answers of an inspection, `ImageFacts` or `InvalidImage`, and the size rule that all formats share."""

import mmap
from dataclasses import dataclass
from typing import Literal, NamedTuple

Buffer = bytes | bytearray | memoryview | mmap.mmap

Refusal = Literal[
    "empty", "not_an_image", "unsupported_type", "truncated", "corrupt", "too_many_pixels", "too_many_frames"
]

DELIVERED_CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")
# What becomes JPEG is accepted as well.
ACCEPTED_CONTENT_TYPES = (*DELIVERED_CONTENT_TYPES, "image/heic", "image/heif", "image/avif")
ACCEPTED_FORMATS = "Send a JPEG, PNG, WebP, GIF, HEIC or AVIF."

# A frame costs a decoder some work however few pixels it has: 2 000 frames are 80 seconds at 25 per second.
MAX_FRAMES = 2_000


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the structure of an accepted image says.

    `width` and `height` are in pixels and upright: swapped where `orientation` is 5 to 8.
    `orientation` is the Exif value, 1 (as stored) to 8. `frames` is 1 for a still picture.
    `has_alpha` says that the file declares transparency, not that a pixel uses it.
    """

    content_type: str
    extension: str
    width: int
    height: int
    frames: int = 1
    orientation: int = 1
    has_alpha: bool = False

    @property
    def is_shown_turned(self) -> bool:
        """Whether browsers show it as stored although it says otherwise: they turn all formats but WebP."""
        return self.content_type == "image/webp" and self.orientation != 1 and self.frames == 1


class Part(NamedTuple):
    """A segment, chunk or block of a file: its mark as it stands in the file, and where it starts and ends.

    A JPEG's scan reaches to the end of its picture data; a WebP's chunk has its padding byte outside.
    """

    kind: bytes
    start: int
    end: int


class InvalidImage(ValueError):
    """The file is refused. `code` is stable, for programs; `message` is a sentence for the person who sent it."""

    def __init__(self, code: Refusal, message: str) -> None:
        super().__init__(message)
        self.code: Refusal = code
        self.message = message


class Inconclusive(Exception):
    """The parts of a file that were read do not tell what it is: only a walk over the whole of it does."""


def truncated(format_name: str) -> InvalidImage:
    """The refusal for a file whose structure points past its last byte, or that lacks its end mark."""
    message = f"The {format_name} ends in the middle; it was probably cut off while uploading. Send it again."
    return InvalidImage("truncated", message)


def corrupt(format_name: str, detail: str) -> InvalidImage:
    """The refusal for a file whose structure breaks its format. `detail` completes "is damaged: ..."."""
    message = f"The {format_name} is damaged: {detail}. Open it in an image program, save it again and send that file."
    return InvalidImage("corrupt", message)


def upright_size(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height once the Exif `orientation` is applied: 5 to 8 lie on their side (Exif 2.32, 4.6.4 A)."""
    return (height, width) if orientation >= 5 else (width, height)


def require_size(format_name: str, width: int, height: int, frames: int, *, max_pixels: int) -> None:
    """Refuse an empty canvas, and one whose width x height x frames is more than `max_pixels`, or too many frames.

    Walkers call it again with every frame they meet, so that no more than the allowed frames are ever walked.
    """
    if width < 1 or height < 1:
        raise corrupt(format_name, f"its size is {width} by {height} pixels")
    if width * height * frames > max_pixels:
        size = f"{width} by {height} pixels" + ("" if frames == 1 else f" in {frames} or more frames")
        limit = f"{max_pixels:,}".replace(",", " ")
        message = f"The {format_name} has {size}; at most {limit} pixels are accepted, all frames together. "
        raise InvalidImage("too_many_pixels", message + "Send a smaller one.")
    if frames > MAX_FRAMES:
        message = f"The {format_name} has more than {MAX_FRAMES} frames. Send a shorter animation."
        raise InvalidImage("too_many_frames", message)
