"""What an image is, told from a few parts of it: for objects that lie in a storage, each part a request.

Still pictures say their size and orientation at the beginning, and that they are whole at the end. Where both ends do
not settle it, and for animations, the whole object is copied to a temporary file and walked by `inspect_image`.
"""

import mmap
import tempfile
from collections.abc import Callable
from typing import TypeVar

from .facts import ImageFacts, Inconclusive
from .foreign import refuse_foreign
from .inspection import SIGNATURE_BYTES, inspect_image, signature_type
from .jpeg import JpegSeen, read_jpeg_head, read_jpeg_tail
from .png import PngSeen, read_png_head, read_png_tail
from .webp import bytes_needed, inspect_webp_through, is_animated

# (start, length) -> that many bytes of the object, fewer only at its end.
Read = Callable[[int, int], bytes]

# Up to here one request for everything costs less than two for parts of it.
WHOLE_BYTES = 256 * 1024
# A phone's photo has its picture data within the first; extended metadata and depth maps fill the others.
HEAD_BYTES = (64 * 1024, 256 * 1024, 1024 * 1024)
# The longer one holds the last data chunk of most encoders, and reaches over a phone's preview after the picture.
TAIL_BYTES = (64 * 1024, 1024 * 1024)
PIECE_BYTES = 1024 * 1024
# Of a still WebP's chunks; five are usual.
MAX_CHUNKS = 64
MAX_CHUNK_BYTES = 1024 * 1024
# Bytes of the head that are read with the tail again: an end mark or the head of a chunk may lie across.
OVERLAP_BYTES = 12

Seen = TypeVar("Seen", JpegSeen, PngSeen)


class RangedObject:
    """An object of `size` bytes, read on demand. What was read of its beginning is kept."""

    def __init__(self, read: Read, size: int) -> None:
        self.read = read
        self.size = size
        self._head = b""

    def head(self, length: int) -> bytes:
        """The first `length` bytes or more; everything where the object has no more than `WHOLE_BYTES`."""
        length = self.size if self.size <= WHOLE_BYTES else min(length, self.size)
        if len(self._head) < length:
            self._head += self.read(len(self._head), length - len(self._head))
        return self._head

    def start(self) -> bytes:
        """The first page: all there is to read of most objects' beginnings."""
        return self.head(HEAD_BYTES[0])

    @property
    def image_type(self) -> str:
        """The content type that the first bytes announce, one of the accepted images, or ""."""
        return signature_type(self.start()[:SIGNATURE_BYTES])


def inspect_ranged(source: RangedObject, *, max_pixels: int) -> ImageFacts:
    """Facts about the image, those that `inspect_image` tells from all of its bytes. Raises `InvalidImage`.

    Damage in the middle of a large still picture goes unseen; a picture without its end does not.
    """
    if source.size <= WHOLE_BYTES:
        return inspect_image(source.start(), max_pixels=max_pixels)
    try:
        return _inspect_parts(source, max_pixels)
    except Inconclusive:
        return _inspect_whole(source, max_pixels)


def _inspect_parts(source: RangedObject, max_pixels: int) -> ImageFacts:
    match source.image_type:
        case "image/jpeg":
            return _from_ends(source, read_jpeg_head, read_jpeg_tail, max_pixels)
        case "image/png":
            return _from_ends(source, read_png_head, read_png_tail, max_pixels)
        case "image/webp":
            return _from_chunks(source, max_pixels)
        case "":
            refuse_foreign(memoryview(source.start()))
    raise Inconclusive


def _from_ends(
    source: RangedObject,
    read_head: Callable[..., Seen | None],
    read_tail: Callable[..., ImageFacts | None],
    max_pixels: int,
) -> ImageFacts:
    seen, head_bytes = _read_head(source, read_head, max_pixels)
    if seen.is_whole:
        return seen.facts
    for length in TAIL_BYTES:
        offset = max(head_bytes - OVERLAP_BYTES, source.size - length)
        tail = source.read(offset, source.size - offset)
        facts = read_tail(seen, memoryview(tail), offset, max_pixels=max_pixels)
        if facts is not None:
            return facts
        if offset > source.size - length:
            break
    raise Inconclusive


def _read_head(source: RangedObject, read_head: Callable[..., Seen | None], max_pixels: int) -> tuple[Seen, int]:
    """What the beginning says up to the picture data, and how many bytes of it were read."""
    for length in HEAD_BYTES:
        head = source.head(length)
        seen = read_head(memoryview(head), max_pixels=max_pixels)
        if seen is not None:
            return seen, len(head)
    raise Inconclusive


def _from_chunks(source: RangedObject, max_pixels: int) -> ImageFacts:
    if is_animated(memoryview(source.start())):
        raise Inconclusive
    return inspect_webp_through(_ChunkWindow(source), source.size, max_pixels=max_pixels)


class _ChunkWindow:
    """A WebP's chunks by their positions, ascending: a page is read where the one at hand ends too early."""

    def __init__(self, source: RangedObject) -> None:
        self.source = source
        self.page, self.offset = memoryview(source.start()), 0
        self.chunks_left = MAX_CHUNKS + 1  # the file's own head is asked for too

    def __call__(self, position: int) -> tuple[memoryview, int]:
        """The page that holds the chunk at `position`, as far as a walk looks at it, and its index there."""
        self.chunks_left -= 1
        # The first page says whether the length of the chunk is needed, the second one has it.
        for _ in range(2):
            needed = bytes_needed(self.page, position - self.offset)
            if self.chunks_left < 0 or needed > MAX_CHUNK_BYTES:
                raise Inconclusive
            if position + needed <= self.offset + len(self.page) or self.offset + len(self.page) >= self.source.size:
                break
            length = min(max(needed, HEAD_BYTES[0]), self.source.size - position)
            self.page, self.offset = memoryview(self.source.read(position, length)), position
        return self.page, position - self.offset


def _inspect_whole(source: RangedObject, max_pixels: int) -> ImageFacts:
    head = source.start()
    with tempfile.TemporaryFile() as file:
        file.write(head)
        for start in range(len(head), source.size, PIECE_BYTES):
            file.write(source.read(start, min(PIECE_BYTES, source.size - start)))
        file.flush()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            return inspect_image(mapped, max_pixels=max_pixels)
