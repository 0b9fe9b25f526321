"""What stays of a PNG: chunks that decoders draw by, each with its own checksum, and the orientation.

A list of what is kept, not of what is dropped: text, times, Exif and everything private or yet unknown goes.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import islice, takewhile

from media_assets.imaging.exif import orientation_block
from media_assets.imaging.facts import ImageFacts, Part
from media_assets.imaging.png import MAX_TRANSPARENCY_BYTES

from .location import block_has_location, exif_has_location, trailer_has_location, xmp_has_location
from .pieces import Pieces
from .profiles import MAX_PROFILE_BYTES, is_profile

_HEADER_END = 33  # the signature and IHDR
_CHUNK_HEAD_BYTES = 8
_CHECKSUM_BYTES = 4
_PICTURE = frozenset((b"PLTE", b"IDAT"))
_ANIMATION = frozenset((b"acTL", b"fcTL", b"fdAT"))
_ANIMATION_CONTROL_BYTES = 8
# The least and most bytes of data (11.3.1 to 11.3.4): decoders pass over chunks of another length.
_LENGTHS = {
    b"tRNS": (1, MAX_TRANSPARENCY_BYTES),
    b"gAMA": (4, 4),
    b"cHRM": (32, 32),
    b"sRGB": (1, 1),
    b"cICP": (4, 4),
    b"mDCV": (24, 24),
    b"cLLI": (8, 8),
    b"sBIT": (1, 4),
    b"bKGD": (1, 6),
    b"pHYs": (9, 9),
}
_MAX_KEYWORD_BYTES = 79
_MAX_TEXTS = 32
_MAX_TEXT_BYTES = 1024 * 1024
_NAMED_PLACES = (b"exif:GPSLatitude", b"exif:GPSLongitude")


def clean_png(view: memoryview, facts: ImageFacts, parts: list[Part]) -> tuple[Pieces, bool]:
    """What is kept, and whether what is dropped says where the picture was taken."""
    kept = Pieces(view)
    kept.keep(0, _HEADER_END)
    if facts.orientation != 1:
        source = next(part for part in parts if part.kind == b"eXIf")
        kept.write(_chunk(b"eXIf", orientation_block(facts.orientation)), source.start, source.end)
    is_animated = _is_animated(view, parts)
    profile = next((part for part in parts if part.kind == b"iCCP"), None)
    for part in parts[:-1]:
        if part.kind in _PICTURE or (is_animated and part.kind in _ANIMATION):
            keeps = True
        elif part.kind == b"iCCP":
            keeps = part is profile and _is_profile_chunk(_data(view, part))
        else:
            least, most = _LENGTHS.get(part.kind, (1, 0))
            keeps = least <= _data_bytes(part) <= most
        if keeps:
            kept.keep(part.start, part.end)
    kept.write(_chunk(b"IEND", b""), parts[-1].start, parts[-1].end)
    return kept, _has_location(view, parts)


def _is_animated(view: memoryview, parts: list[Part]) -> bool:
    """Whether the last announcement before the picture data says that there are frames, as the walk reads it."""
    frames = 0
    for part in takewhile(lambda part: part.kind != b"IDAT", parts):
        if part.kind == b"acTL" and _data_bytes(part) == _ANIMATION_CONTROL_BYTES:
            (frames,) = struct.unpack_from(">I", view, part.start + _CHUNK_HEAD_BYTES)
    return frames > 0


def _is_profile_chunk(data: bytes) -> bool:
    """A name, the method 0, and a profile deflated, with nothing after it (11.3.2.3)."""
    name, _, rest = data[: _MAX_KEYWORD_BYTES + 2].partition(b"\x00")
    if not 1 <= len(name) <= _MAX_KEYWORD_BYTES or rest[:1] != b"\x00":
        return False
    inflater = zlib.decompressobj()
    try:
        profile = inflater.decompress(data[len(name) + 2 :], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return False
    return inflater.eof and not inflater.unused_data and is_profile(profile)


def _has_location(view: memoryview, parts: list[Part]) -> bool:
    exif = (part for part in parts if part.kind == b"eXIf")
    return (
        any(exif_has_location(view, part.start + _CHUNK_HEAD_BYTES, part.end - _CHECKSUM_BYTES) for part in exif)
        or any(_text_has_location(keyword, text) for keyword, text in islice(_texts(view, parts), _MAX_TEXTS))
        or trailer_has_location(view, parts[-1].end)
    )


def _texts(view: memoryview, parts: list[Part]) -> Iterator[tuple[bytes, bytes]]:
    """Keyword and text, inflated where need be, of the chunks that may hold metadata (11.3.3)."""
    for part in parts:
        if part.kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        start = part.start + _CHUNK_HEAD_BYTES
        keyword, _, _ = bytes(view[start : start + _MAX_KEYWORD_BYTES + 1]).partition(b"\x00")
        if keyword in _NAMED_PLACES or keyword == b"XML:com.adobe.xmp" or keyword.startswith(b"Raw profile type "):
            yield keyword, _text(part.kind, _data(view, part)[len(keyword) + 1 :])


def _text(kind: bytes, data: bytes) -> bytes:
    """What follows the keyword, without flags, method, language and translated keyword."""
    if kind == b"tEXt":
        return data
    is_deflated, data = (True, data[1:]) if kind == b"zTXt" else (data[:1] == b"\x01", data[2:])
    if kind == b"iTXt":
        data = data.partition(b"\x00")[2].partition(b"\x00")[2]
    if not is_deflated:
        return data
    try:
        return zlib.decompressobj().decompress(data, _MAX_TEXT_BYTES)
    except zlib.error:
        return b""


def _text_has_location(keyword: bytes, text: bytes) -> bool:
    if keyword in _NAMED_PLACES:
        return bool(text.strip())
    if not keyword.startswith(b"Raw profile type "):
        return xmp_has_location(text)
    # ImageMagick's form: a name and a length, each on its line, then hexadecimal digits.
    try:
        return block_has_location(bytes.fromhex(b"".join(text.split()[2:]).decode("ascii")))
    except ValueError:
        return False


def _data_bytes(part: Part) -> int:
    return part.end - part.start - _CHUNK_HEAD_BYTES - _CHECKSUM_BYTES


def _data(view: memoryview, part: Part) -> bytes:
    return bytes(view[part.start + _CHUNK_HEAD_BYTES : part.end - _CHECKSUM_BYTES])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
