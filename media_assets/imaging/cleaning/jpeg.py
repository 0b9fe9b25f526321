"""What stays of a JPEG: tables, frames and scans as they are, and four segments from before the first scan.

Those are the JFIF header (without thumbnail), the orientation, the colour profile, and Adobe's mark, which says how
colours are stored. JFIF and orientation come first, as both of their standards ask; all else stays in its order.
"""

import struct
from itertools import takewhile

from media_assets.imaging.exif import orientation_block
from media_assets.imaging.facts import ImageFacts, Part
from media_assets.imaging.jpeg import is_exif

from .location import exif_has_location, iptc_has_location, trailer_has_location, xmp_has_location
from .pieces import Pieces
from .profiles import MAX_PROFILE_BYTES, is_profile

_APP0, _APP1, _APP2, _APP13, _APP14 = b"\xff\xe0", b"\xff\xe1", b"\xff\xe2", b"\xff\xed", b"\xff\xee"
_SOS, _DNL, _COM = b"\xff\xda", b"\xff\xdc", b"\xff\xfe"
_APPLICATIONS = frozenset(bytes((0xFF, code)) for code in range(0xE0, 0xF0))
# Marker and length.
_SEGMENT_HEAD_BYTES = 4
_DNL_BYTES = 6
# Of the payload: JFIF with its name, version, unit, density and size of the thumbnail (JFIF 1.02).
_JFIF_BYTES = 14
# With its name, version, flags and colour transform (Adobe TN 5116, section 18).
_ADOBE_BYTES = 12
# The name, number of the segment, number of segments (ICC.1:2022, B.4).
_PROFILE_HEAD_BYTES = 14
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\x00"
# The name, an id of 32 letters, whole length and offset (XMP part 3, 1.1.3.1).
_EXTENDED_XMP_HEAD_BYTES = len(_EXTENDED_XMP) + 40


def clean_jpeg(view: memoryview, facts: ImageFacts, parts: list[Part]) -> tuple[Pieces, bool]:
    """What is kept, and whether what is dropped says where the picture was taken."""
    # Decoders read settings up to the first scan only.
    settings = list(takewhile(lambda part: part.kind != _SOS, parts))
    kept = Pieces(view)
    kept.keep(0, 2)
    _write_density(kept, view, settings)
    _write_orientation(kept, view, settings, facts.orientation)
    # The segments of a profile may be in any order: in the places that they have, they are put into the right one.
    profile = _profile_segments(view, settings)
    places, rest = set(profile), iter(profile)
    for index, part in enumerate(parts):
        if part in places:
            segment = next(rest)
            kept.keep(segment.start, segment.end)
        elif part.kind == _APP14 and index < len(settings) and _starts_with(view, part, b"Adobe", _ADOBE_BYTES):
            kept.write(_segment(_APP14, _payload(view, part, _ADOBE_BYTES)), part.start, part.end)
        elif _is_picture(part):
            kept.keep(part.start, part.end)
    return kept, _has_location(view, parts)


def _is_picture(part: Part) -> bool:
    if part.kind == _DNL:
        return part.end - part.start == _DNL_BYTES
    return part.kind not in _APPLICATIONS and part.kind != _COM


def _write_density(kept: Pieces, view: memoryview, settings: list[Part]) -> None:
    for part in reversed(settings):
        if part.kind == _APP0 and _starts_with(view, part, b"JFIF\x00", _JFIF_BYTES):
            header = _payload(view, part, _JFIF_BYTES - 2) + b"\x00\x00"
            kept.write(_segment(_APP0, header), part.start, part.end)
            return


def _write_orientation(kept: Pieces, view: memoryview, settings: list[Part], orientation: int) -> None:
    if orientation == 1:
        return
    source = next(part for part in settings if _is_exif(view, part))
    kept.write(_segment(_APP1, b"Exif\x00\x00" + orientation_block(orientation)), source.start, source.end)


def _profile_segments(view: memoryview, settings: list[Part]) -> list[Part]:
    """The segments of the colour profile in their order; none where one is missing or they make no profile."""
    segments = [
        part
        for part in settings
        if part.kind == _APP2 and _starts_with(view, part, b"ICC_PROFILE\x00", _PROFILE_HEAD_BYTES)
    ]
    head = _SEGMENT_HEAD_BYTES + _PROFILE_HEAD_BYTES
    segments.sort(key=lambda part: view[part.start + head - 2])
    numbers = [(view[part.start + head - 2], view[part.start + head - 1]) for part in segments]
    if numbers != [(number, len(segments)) for number in range(1, len(segments) + 1)]:
        return []
    if sum(part.end - part.start - head for part in segments) > MAX_PROFILE_BYTES:
        return []
    return segments if is_profile(b"".join(view[part.start + head : part.end] for part in segments)) else []


def _has_location(view: memoryview, parts: list[Part]) -> bool:
    exif = [part for part in parts if _is_exif(view, part)]
    xmp = [part for part in parts if part.kind == _APP1 and not _is_exif(view, part)]
    resources = [part for part in parts if part.kind == _APP13]
    return (
        any(exif_has_location(view, part.start + _SEGMENT_HEAD_BYTES, part.end) for part in exif)
        or xmp_has_location(b"".join(_xmp_payload(view, part) for part in xmp))
        or iptc_has_location(b"".join(_payload(view, part).removeprefix(b"Photoshop 3.0\x00") for part in resources))
        or trailer_has_location(view, parts[-1].end)
    )


def _is_exif(view: memoryview, part: Part) -> bool:
    return part.kind == _APP1 and is_exif(view, part.start + 2, part.end)


def _xmp_payload(view: memoryview, part: Part) -> bytes:
    """Long XMP lies in several segments, each with a head of its own."""
    payload = _payload(view, part)
    return payload[_EXTENDED_XMP_HEAD_BYTES:] if payload.startswith(_EXTENDED_XMP) else payload


def _starts_with(view: memoryview, part: Part, name: bytes, least_bytes: int) -> bool:
    """Whether the payload begins with `name` and has at least so many bytes."""
    return part.end - part.start >= _SEGMENT_HEAD_BYTES + least_bytes and _payload(view, part, len(name)) == name


def _payload(view: memoryview, part: Part, length: int | None = None) -> bytes:
    start = part.start + _SEGMENT_HEAD_BYTES
    return bytes(view[start : part.end if length is None else start + length])


def _segment(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack(">H", len(payload) + 2) + payload
