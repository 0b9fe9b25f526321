"""What stays of a WebP: bitstreams with their alpha, frames, the colour profile, and the orientation.

The header chunk is written anew, so that it announces what is there; so are the lengths of the file and of frames.
"""

import struct

from media_assets.imaging.exif import orientation_block
from media_assets.imaging.facts import ImageFacts, Part
from media_assets.imaging.webp import read_chunk

from .location import exif_has_location, trailer_has_location, xmp_has_location
from .pieces import Pieces
from .profiles import MAX_PROFILE_BYTES, is_profile

_RIFF_HEAD_BYTES = 12
_CHUNK_HEAD_BYTES = 8
_BITSTREAMS = (b"VP8 ", b"VP8L")
_PROFILE_FLAG, _ALPHA_FLAG, _EXIF_FLAG, _ANIMATION_FLAG = 0x20, 0x10, 0x08, 0x02
# Of the data of VP8X, ANIM, and ANMF before its own chunks (RFC 9649, 2.7).
_HEADER_BYTES = 10
_ANIMATION_BYTES = 6
_FRAME_HEAD_BYTES = 16


def clean_webp(view: memoryview, facts: ImageFacts, parts: list[Part]) -> tuple[Pieces, bool]:
    """What is kept, and whether what is dropped says where the picture was taken."""
    body = Pieces(view)
    if parts[0].kind == b"VP8X":
        _keep_extended(body, view, facts, parts)
    else:
        _keep_chunk(body, parts[0])
    kept = Pieces(view)
    kept.write(b"RIFF" + struct.pack("<I", 4 + body.size) + b"WEBP", 0, _RIFF_HEAD_BYTES)
    kept.extend(body)
    return kept, _has_location(view, parts)


def _keep_extended(body: Pieces, view: memoryview, facts: ImageFacts, parts: list[Part]) -> None:
    header, chunks = parts[0], parts[1:]
    flags = view[header.start + _CHUNK_HEAD_BYTES]
    profile = _profile(view, chunks) if flags & _PROFILE_FLAG else None
    new_flags = (
        flags & (_ALPHA_FLAG | _ANIMATION_FLAG)
        | (_PROFILE_FLAG if profile else 0)
        | (_EXIF_FLAG if facts.orientation != 1 else 0)
    )
    size = bytes(view[header.start + _CHUNK_HEAD_BYTES + 4 : header.start + _CHUNK_HEAD_BYTES + _HEADER_BYTES])
    _write_chunk(body, b"VP8X", bytes((new_flags, 0, 0, 0)) + size, header)
    if flags & _ANIMATION_FLAG:
        _keep_animation(body, view, profile, chunks)
    else:
        _keep_still(body, profile, chunks)
    if facts.orientation != 1:
        source = next(part for part in chunks if part.kind == b"EXIF")
        _write_chunk(body, b"EXIF", orientation_block(facts.orientation), source)


def _keep_still(body: Pieces, profile: Part | None, chunks: list[Part]) -> None:
    """The profile, and the first bitstream with the first alpha before it."""
    has_alpha = False
    for part in chunks:
        if part is profile or part.kind in _BITSTREAMS or (part.kind == b"ALPH" and not has_alpha):
            _keep_chunk(body, part)
        has_alpha = has_alpha or part.kind == b"ALPH"
        if part.kind in _BITSTREAMS:
            return


def _keep_animation(body: Pieces, view: memoryview, profile: Part | None, chunks: list[Part]) -> None:
    has_control = False
    for part in chunks:
        start, is_control = part.start + _CHUNK_HEAD_BYTES, part.kind == b"ANIM"
        if part is profile:
            _keep_chunk(body, part)
        elif is_control and not has_control and part.end - start >= _ANIMATION_BYTES:
            _write_chunk(body, b"ANIM", bytes(view[start : start + _ANIMATION_BYTES]), part)
        elif part.kind == b"ANMF":
            _keep_frame(body, view, part)
        has_control = has_control or is_control


def _keep_frame(body: Pieces, view: memoryview, frame: Part) -> None:
    """A frame with its bitstream and alpha. The walk has been through it up to the bitstream."""
    content_start = frame.start + _CHUNK_HEAD_BYTES + _FRAME_HEAD_BYTES
    chunks: list[Part] = []
    position = content_start
    while not chunks or chunks[-1].kind not in _BITSTREAMS:
        kind, _, end = read_chunk(view, position, frame.end)
        chunks.append(Part(kind, position, end))
        position = end + (end - position) % 2
    content = Pieces(view)
    _keep_still(content, None, chunks)
    head = b"ANMF" + struct.pack("<I", _FRAME_HEAD_BYTES + content.size)
    body.write(head, frame.start, frame.start + _CHUNK_HEAD_BYTES)
    body.keep(frame.start + _CHUNK_HEAD_BYTES, content_start)
    body.extend(content)


def _profile(view: memoryview, chunks: list[Part]) -> Part | None:
    part = next((part for part in chunks if part.kind == b"ICCP"), None)
    if part is None or part.end - part.start > _CHUNK_HEAD_BYTES + MAX_PROFILE_BYTES:
        return None
    return part if is_profile(bytes(view[part.start + _CHUNK_HEAD_BYTES : part.end])) else None


def _has_location(view: memoryview, parts: list[Part]) -> bool:
    spans = [(part.kind, part.start + _CHUNK_HEAD_BYTES, part.end) for part in parts]
    return (
        any(kind == b"EXIF" and exif_has_location(view, start, end) for kind, start, end in spans)
        or any(kind == b"XMP " and xmp_has_location(bytes(view[start:end])) for kind, start, end in spans)
        or trailer_has_location(view, parts[-1].end)
    )


def _keep_chunk(body: Pieces, part: Part) -> None:
    """The chunk and its padding byte, which is 0 and may be missing at the end of a file."""
    body.keep(part.start, part.end)
    if (part.end - part.start) % 2:
        body.write(b"\x00", part.end, part.end + 1)


def _write_chunk(body: Pieces, kind: bytes, data: bytes, source: Part) -> None:
    """A chunk of an even number of bytes in place of `source`."""
    body.write(kind + struct.pack("<I", len(data)) + data, source.start, source.end)
