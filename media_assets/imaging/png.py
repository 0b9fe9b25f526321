"""Walk a PNG from chunk to chunk (PNG, third edition, W3C), animated ones too, with every chunk's checksum.

Whatever follows the IEND chunk is accepted, as by every decoder. Compressed text is not unpacked.
"""

import re
import struct
import zlib
from dataclasses import dataclass, replace
from itertools import islice

from .exif import read_orientation
from .facts import ImageFacts, Inconclusive, InvalidImage, Part, corrupt, require_size, truncated, upright_size

NAME = "PNG"

# Encoders write picture data in pieces of 8 KB or more: 10 MB are 1 300 chunks.
MAX_CHUNKS = 20_000

# One byte for each colour of the largest palette (11.3.1.1); decoders pass over a longer chunk.
MAX_TRANSPARENCY_BYTES = 256

_SIGNATURE_BYTES = 8
# Length before and checksum after a chunk's type and data (5.3).
_CHUNK_EXTRA_BYTES = 12
_MAX_LENGTH = 2**31 - 1
_CHUNK_HEAD = struct.Struct(">I4s")
_CHECKSUM = struct.Struct(">I")
# Table 12: the bit depths that each colour type may have.
_BIT_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE_COLOUR = 3
_ALPHA_COLOURS = (4, 6)
_DATA_MARK = re.compile(b"IDAT")
# Each one costs a checksum; four letters stand in compressed data by chance once in 4 GB.
_MAX_CANDIDATES = 8


@dataclass(slots=True)
class PngSeen:
    """What the chunks so far have said, and where they lie if asked for.

    `position` is where the next one begins; `is_whole` once the last was met.
    """

    width: int
    height: int
    colour_type: int
    has_palette: bool = False
    has_alpha: bool = False
    orientation: int | None = None
    last_kind: bytes = b"IHDR"
    has_data: bool = False
    announced_frames: int = 0
    frame_controls: int = 0
    data_is_a_frame: bool = False
    position: int = _SIGNATURE_BYTES
    is_whole: bool = False
    parts: list[Part] | None = None

    @property
    def frames(self) -> int:
        """Pictures to decode. One that stands in where animations are not shown, outside of this one, counts too."""
        if not self.announced_frames:
            return 1
        has_stand_in = self.has_data and not self.data_is_a_frame
        return max(self.announced_frames, self.frame_controls) + has_stand_in

    @property
    def facts(self) -> ImageFacts:
        """The facts, of a picture that is there: raises `InvalidImage` for one without data."""
        if not self.has_data:
            raise corrupt(NAME, "it holds no picture")
        orientation = self.orientation or 1
        width, height = upright_size(self.width, self.height, orientation)
        return ImageFacts("image/png", "png", width, height, self.frames, orientation, self.has_alpha)


def inspect_png(view: memoryview, *, max_pixels: int, parts: list[Part] | None = None) -> ImageFacts:
    """Facts about the PNG in `view`, which begins with its signature. Raises `InvalidImage`.

    `parts` takes every chunk after IHDR, with length and checksum.
    """
    try:
        seen = _read_header(view, max_pixels)
        seen.parts = parts
        _walk(seen, view, 0, max_pixels)
    except (IndexError, struct.error):
        raise truncated(NAME) from None
    return seen.facts


def read_png_head(view: memoryview, *, max_pixels: int) -> PngSeen | None:
    """What the first bytes of a PNG say; None where its picture data does not begin within them.

    Raises `InvalidImage` for what no further bytes could put right, `Inconclusive` for an animation.
    """
    try:
        seen = _read_header(view, max_pixels)
        _walk_while_there(seen, view, max_pixels)
    except (IndexError, struct.error):
        return None
    if seen.announced_frames and not seen.is_whole:
        raise Inconclusive
    return seen if seen.has_data else None


def read_png_tail(seen: PngSeen, view: memoryview, offset: int, *, max_pixels: int) -> ImageFacts | None:
    """Facts, where the last bytes of the file, `view`, hold its last data chunk and every chunk from there to IEND.

    `offset` is where `view` begins in the file. None where that cannot be said, as with a long trailer.
    """
    position = seen.position - offset if seen.position >= offset else _find_data(view)
    if position is None:
        return None
    # Data chunks lie between, so that another one may follow.
    rest = replace(seen, position=offset + position, last_kind=b"IDAT")
    try:
        _walk(rest, view, offset, max_pixels)
        return rest.facts
    except (IndexError, struct.error, InvalidImage):
        return None


def _walk_while_there(seen: PngSeen, view: memoryview, max_pixels: int) -> None:
    """Take every chunk that is whole in `view`, and the announcement of a data chunk that is not."""
    try:
        _walk(seen, view, 0, max_pixels)
        return
    except struct.error:
        return
    except InvalidImage as refusal:
        if refusal.code != "truncated":
            raise
    length, kind = _CHUNK_HEAD.unpack_from(view, seen.position)
    if kind == b"IDAT":
        _take_data(seen)
        seen.position += _CHUNK_EXTRA_BYTES + length


def _find_data(view: memoryview) -> int | None:
    """Where the first whole data chunk in `view` begins; None when there is none among the first few candidates."""
    for match in islice(_DATA_MARK.finditer(view), _MAX_CANDIDATES):
        position = match.start() - 4
        try:
            _read_chunk(view, position)
        except (struct.error, InvalidImage):
            continue
        return position
    return None


def _walk(seen: PngSeen, view: memoryview, offset: int, max_pixels: int) -> None:
    """Take every chunk from `seen.position` to IEND. `offset` is where `view` begins in the file."""
    for _ in range(MAX_CHUNKS):
        kind, start, end = _read_chunk(view, seen.position - offset)
        if seen.parts is not None:
            seen.parts.append(Part(kind, start - 8, end + 4))
        if kind == b"IEND":
            require_size(NAME, seen.width, seen.height, seen.frames, max_pixels=max_pixels)
            seen.is_whole = True
            return
        _take_chunk(seen, view, kind, start, end)
        if kind in (b"acTL", b"fcTL"):
            require_size(NAME, seen.width, seen.height, seen.frames, max_pixels=max_pixels)
        seen.last_kind = kind
        seen.position = offset + end + 4
    raise corrupt(NAME, f"it is cut into more than {MAX_CHUNKS} pieces")


def _read_chunk(view: memoryview, position: int) -> tuple[bytes, int, int]:
    """Type of the chunk at `position`, and where its data starts and ends. Checks length and checksum (5.3)."""
    length, kind = _CHUNK_HEAD.unpack_from(view, position)
    start = position + 8
    end = start + length
    if not kind.isalpha() or length > _MAX_LENGTH:
        raise corrupt(NAME, "one of its parts has an impossible name or length")
    if end + 4 > len(view):
        raise truncated(NAME)
    if zlib.crc32(view[position + 4 : end]) != _CHECKSUM.unpack_from(view, end)[0]:
        raise corrupt(NAME, "a checksum is wrong, so some of its bytes have changed")
    return kind, start, end


def _read_header(view: memoryview, max_pixels: int) -> PngSeen:
    """The IHDR chunk (11.2.1), which must be the first."""
    kind, start, end = _read_chunk(view, _SIGNATURE_BYTES)
    if kind == b"CgBI":
        raise InvalidImage("unsupported_type", "This PNG is made for iPhone apps only. Save it as an ordinary PNG.")
    if kind != b"IHDR" or end - start != 13:
        raise corrupt(NAME, "the description of its size is missing")
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack_from(">IIBBBBB", view, start)
    if depth not in _BIT_DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise corrupt(NAME, "the description of its colours is impossible")
    if width > _MAX_LENGTH or height > _MAX_LENGTH:
        raise corrupt(NAME, "its size is impossible")
    require_size(NAME, width, height, 1, max_pixels=max_pixels)
    return PngSeen(width, height, colour_type, has_alpha=colour_type in _ALPHA_COLOURS, position=end + 4)


def _take_chunk(seen: PngSeen, view: memoryview, kind: bytes, start: int, end: int) -> None:
    if kind == b"IDAT":
        _take_data(seen)
    elif kind == b"PLTE":
        if (end - start) % 3 or not 3 <= end - start <= 768 or seen.has_palette or seen.has_data:
            raise corrupt(NAME, "its palette is broken")
        seen.has_palette = True
    elif kind == b"tRNS" and end - start <= MAX_TRANSPARENCY_BYTES:
        seen.has_alpha = True
    elif kind == b"eXIf" and seen.orientation is None:
        seen.orientation = read_orientation(view, start, end)
    elif kind == b"acTL" and not seen.has_data and end - start == 8:
        (seen.announced_frames,) = struct.unpack_from(">I", view, start)
    elif kind == b"fcTL":
        _take_frame_control(seen, view, start, end)
    elif kind[:1].isupper():
        # An upper-case first letter marks a chunk that no decoder may skip (5.4); only the four above are known.
        raise corrupt(NAME, "it has a part that no program can read")


def _take_data(seen: PngSeen) -> None:
    if seen.colour_type == _PALETTE_COLOUR and not seen.has_palette:
        raise corrupt(NAME, "its palette is missing")
    if seen.has_data and seen.last_kind != b"IDAT":
        raise corrupt(NAME, "its picture data is torn apart")
    if not seen.has_data:
        seen.data_is_a_frame = seen.frame_controls > 0
    seen.has_data = True


def _take_frame_control(seen: PngSeen, view: memoryview, start: int, end: int) -> None:
    """One frame of an animation, which must lie within the canvas (11.3.6.2)."""
    if end - start != 26:
        raise corrupt(NAME, "the description of a frame is incomplete")
    width, height, left, top = struct.unpack_from(">IIII", view, start + 4)
    if not width or not height or left + width > seen.width or top + height > seen.height:
        raise corrupt(NAME, "a frame lies outside the picture")
    seen.frame_controls += 1
