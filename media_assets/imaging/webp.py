"""Walk a WebP from chunk to chunk (RFC 9649, section 2), into its frames, with the header of every bitstream.

Whatever follows the length that the file gives itself is accepted, as the specification allows.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from .exif import read_orientation
from .facts import Buffer, ImageFacts, Part, corrupt, require_size, truncated, upright_size

NAME = "WebP"

# A frame has three chunks at most; 2 000 frames and some metadata fit.
MAX_CHUNKS = 10_000

_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD = struct.Struct("<4sI")
_BITSTREAMS = (b"VP8 ", b"VP8L")
_ANIMATION_FLAG, _EXIF_FLAG, _ALPHA_FLAG = 0x02, 0x08, 0x10
_FRAME_HEAD_BYTES = 16
_CHUNK_HEAD_BYTES = 8
# The most that is read of a chunk's data when no part of it counts but its beginning: VP8X, VP8 and VP8L have 10.
_LOOK_BYTES = 16

# From a position in the file to bytes that hold it, and its index in them.
Window = Callable[[int], tuple[memoryview, int]]


@dataclass(slots=True)
class _Seen:
    """What the chunks so far have said, and where they lie if asked for. `canvas` and `flags` come from VP8X."""

    max_pixels: int
    canvas: tuple[int, int] | None = None
    flags: int = 0
    frames: int = 0
    chunks: int = 0
    has_alpha: bool = False
    orientation: int | None = None
    parts: list[Part] | None = None

    def count_chunk(self) -> None:
        self.chunks += 1
        if self.chunks > MAX_CHUNKS:
            raise corrupt(NAME, f"it is cut into more than {MAX_CHUNKS} pieces")


def inspect_webp(view: memoryview, *, max_pixels: int, parts: list[Part] | None = None) -> ImageFacts:
    """Facts about the WebP in `view`, which begins with RIFF, a length and WEBP. Raises `InvalidImage`.

    `parts` takes every chunk of the file that decoders look at, frames as a whole.
    """
    return inspect_webp_through(lambda position: (view, position), len(view), max_pixels=max_pixels, parts=parts)


def inspect_webp_through(window: Window, size: int, *, max_pixels: int, parts: list[Part] | None = None) -> ImageFacts:
    """Facts about a WebP of `size` bytes. Raises `InvalidImage`.

    `window` is asked for the start of each chunk and gives, of a still picture, `bytes_needed` from there on at least.
    """
    try:
        return _walk(_Seen(max_pixels, parts=parts), window, size)
    except (IndexError, struct.error):
        raise truncated(NAME) from None


def is_animated(head: memoryview) -> bool:
    """Whether the first bytes of a WebP announce an animation, whose frames lie anywhere in the file."""
    return bytes(head[_RIFF_HEAD_BYTES:16]) == b"VP8X" and len(head) > 20 and bool(head[20] & _ANIMATION_FLAG)


def is_lossless(data: Buffer) -> bool:
    """Whether a still WebP, which a walk has been through, is of the lossless kind."""
    position, kind = _RIFF_HEAD_BYTES, b""
    with memoryview(data) as view:
        while kind not in _BITSTREAMS:
            kind, start, end = read_chunk(view, position, len(view))
            position = end + (end - start) % 2
    return kind == b"VP8L"


def bytes_needed(view: memoryview, index: int) -> int:
    """How many bytes a walk over a still picture looks at from the chunk on that begins at `index`."""
    if index + _CHUNK_HEAD_BYTES > len(view):
        return _CHUNK_HEAD_BYTES + _LOOK_BYTES
    kind, length = _CHUNK_HEAD.unpack_from(view, index)
    return _CHUNK_HEAD_BYTES + int(length if kind == b"EXIF" else min(length, _LOOK_BYTES))


def _walk(seen: _Seen, window: Window, size: int) -> ImageFacts:
    view, index = window(0)
    (riff_length,) = struct.unpack_from("<I", view, index + 4)
    file_end = 8 + riff_length
    if file_end > size:
        raise truncated(NAME)
    position = _RIFF_HEAD_BYTES
    while position < file_end:
        view, index = window(position)
        kind, start, end = read_chunk(view, index, index + file_end - position)
        seen.count_chunk()
        if seen.parts is not None:
            seen.parts.append(Part(kind, position, position + end - index))
        if position == _RIFF_HEAD_BYTES:
            _take_first(seen, view, kind, start, end)
            if kind in _BITSTREAMS:
                # The simple format is one bitstream; decoders look at nothing after it (2.6, 2.7).
                break
        else:
            _take_chunk(seen, view, kind, start, end)
        position += end - index + (end - start) % 2
    if seen.canvas is None or not seen.frames:
        raise corrupt(NAME, "it holds no picture")
    orientation = seen.orientation or 1
    width, height = upright_size(*seen.canvas, orientation)
    return ImageFacts("image/webp", "webp", width, height, seen.frames, orientation, seen.has_alpha)


def read_chunk(view: memoryview, position: int, limit: int) -> tuple[bytes, int, int]:
    """Type of the chunk at `position`, and where its data starts and ends, not past `limit` (2.3)."""
    if position + 8 > limit:
        raise corrupt(NAME, "its last part is incomplete")
    kind, length = _CHUNK_HEAD.unpack_from(view, position)
    start = position + 8
    if start + length > limit:
        raise corrupt(NAME, "one of its parts is longer than the whole")
    return kind, start, start + length


def _take_first(seen: _Seen, view: memoryview, kind: bytes, start: int, end: int) -> None:
    """The first chunk says the size: a bitstream of the simple formats, or VP8X of the extended one (2.5 to 2.7)."""
    if kind in _BITSTREAMS:
        width, height, seen.has_alpha = _bitstream_size(view, kind, start, end)
        seen.frames = 1
    elif kind == b"VP8X" and end - start >= 10:
        seen.flags = view[start]
        seen.has_alpha = bool(seen.flags & _ALPHA_FLAG)
        width, height = 1 + _u24(view, start + 4), 1 + _u24(view, start + 7)
    else:
        raise corrupt(NAME, "the description of its size is missing")
    seen.canvas = (width, height)
    require_size(NAME, width, height, 1, max_pixels=seen.max_pixels)


def _take_chunk(seen: _Seen, view: memoryview, kind: bytes, start: int, end: int) -> None:
    """A chunk after VP8X. Unknown ones are passed over (2.7.1.6)."""
    is_animated = bool(seen.flags & _ANIMATION_FLAG)
    canvas = seen.canvas or (0, 0)
    if kind in _BITSTREAMS and not is_animated and not seen.frames:
        if _bitstream_size(view, kind, start, end)[:2] != canvas:
            raise corrupt(NAME, "its size is given in two ways that differ")
        seen.frames = 1
    elif kind == b"ANMF" and is_animated:
        seen.frames += 1
        require_size(NAME, *canvas, seen.frames, max_pixels=seen.max_pixels)
        _walk_frame(seen, view, start, end, canvas)
    elif kind == b"EXIF" and seen.flags & _EXIF_FLAG and seen.orientation is None:
        seen.orientation = read_orientation(view, start, end)


def _walk_frame(seen: _Seen, view: memoryview, start: int, end: int, canvas: tuple[int, int]) -> None:
    """One frame of an animation: its place within the canvas, then its own chunks (2.7.1.1)."""
    if end - start < _FRAME_HEAD_BYTES:
        raise corrupt(NAME, "the description of a frame is incomplete")
    left, top = 2 * _u24(view, start), 2 * _u24(view, start + 3)
    width, height = 1 + _u24(view, start + 6), 1 + _u24(view, start + 9)
    if left + width > canvas[0] or top + height > canvas[1]:
        raise corrupt(NAME, "a frame lies outside the picture")
    position = start + _FRAME_HEAD_BYTES
    while position < end:
        kind, data_start, data_end = read_chunk(view, position, end)
        seen.count_chunk()
        if kind in _BITSTREAMS:
            if _bitstream_size(view, kind, data_start, data_end)[:2] != (width, height):
                raise corrupt(NAME, "the size of a frame is given in two ways that differ")
            return
        position = data_end + (data_end - data_start) % 2
    raise corrupt(NAME, "a frame holds no picture")


def _bitstream_size(view: memoryview, kind: bytes, start: int, end: int) -> tuple[int, int, bool]:
    """Width, height and use of alpha from the head of a lossy or lossless bitstream."""
    return _lossy_size(view, start, end) if kind == b"VP8 " else _lossless_size(view, start, end)


def _lossy_size(view: memoryview, start: int, end: int) -> tuple[int, int, bool]:
    """A shown VP8 key frame, whose first partition fits into the chunk (RFC 6386, 9.1)."""
    if end - start < 10:
        raise corrupt(NAME, "its picture data is missing")
    frame_tag = _u24(view, start)
    is_key_frame, is_shown, first_partition_bytes = not frame_tag & 1, frame_tag >> 4 & 1, frame_tag >> 5
    if not is_key_frame or not is_shown or bytes(view[start + 3 : start + 6]) != b"\x9d\x01\x2a":
        raise corrupt(NAME, "its picture data begins wrongly")
    if start + 10 + first_partition_bytes > end:
        raise corrupt(NAME, "its picture data is incomplete")
    width, height = struct.unpack_from("<HH", view, start + 6)
    return width & 0x3FFF, height & 0x3FFF, False


def _lossless_size(view: memoryview, start: int, end: int) -> tuple[int, int, bool]:
    """A VP8L head: a signature byte, 14 bits each of width and height less one, alpha, version 0 (RFC 9649, 3.4)."""
    if end - start <= 5 or view[start] != 0x2F:
        raise corrupt(NAME, "its picture data begins wrongly")
    (bits,) = struct.unpack_from("<I", view, start + 1)
    if bits >> 29:
        raise corrupt(NAME, "its picture data is of an unknown version")
    return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)


def _u24(view: memoryview, position: int) -> int:
    return view[position] | view[position + 1] << 8 | view[position + 2] << 16
