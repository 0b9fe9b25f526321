"""The way in: one walk that checks a picture and finds its parts, then the rules of its format."""

from collections.abc import Callable
from dataclasses import dataclass

from media_assets.imaging.facts import Buffer, ImageFacts, Part
from media_assets.imaging.inspection import walk_image

from .gif import clean_gif
from .jpeg import clean_jpeg
from .pieces import Piece, Pieces
from .png import clean_png
from .webp import clean_webp

# (file, facts, its parts) -> what is kept, and whether what is dropped says where the picture was taken.
Cleaner = Callable[[memoryview, ImageFacts, list[Part]], tuple[Pieces, bool]]

_CLEANERS: dict[str, Cleaner] = {
    "image/jpeg": clean_jpeg,
    "image/png": clean_png,
    "image/webp": clean_webp,
    "image/gif": clean_gif,
}


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A picture without metadata.

    `pieces`, joined, are the clean file of `size` bytes: slices of the data that was given, which must stay open as
    long as they are in use, and a few new bytes. `facts` hold for both files. `changed` says that they differ, and
    `had_location` that the metadata told where the picture was taken.
    """

    facts: ImageFacts
    pieces: list[Piece]
    size: int
    changed: bool
    had_location: bool


def clean_image(data: Buffer, *, max_pixels: int) -> Cleaned:
    """The image in `data` (contiguous bytes) without its metadata; a clean one comes back as it is.

    Kept are the picture data, what decoders need for it, density, a plausible colour profile, and the orientation,
    where it is not 1, as an Exif block that says nothing else. It is the one that `inspect_image` reads: an
    orientation that XMP alone tells is dropped, since browsers do not turn such a picture either.
    Raises `InvalidImage`, and nothing else, for what `inspect_image` refuses with the same `max_pixels`.
    """
    # Slices outlive the views they were taken from; an mmap can be closed once the pieces are gone.
    with memoryview(data) as whole, whole.cast("B") as view:
        parts: list[Part] = []
        facts = walk_image(view, max_pixels=max_pixels, parts=parts)
        kept, had_location = _CLEANERS[facts.content_type](view, facts, parts)
        return Cleaned(facts, kept.pieces(), kept.size, not kept.is_everything(), had_location)
