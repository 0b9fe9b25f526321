"""Whether metadata says where a picture was taken: Exif GPS, the place names of IPTC, both of them in XMP.

A place in a maker's own notes, or in words, is not recognised as one. Never raises: what cannot be read says nothing.
"""

import re
from collections.abc import Iterator
from itertools import islice

from media_assets.imaging.exif import Entry, TiffBlock

_GPS_DIRECTORY, _XMP, _IPTC = 0x8825, 0x02BC, 0x83BB
# Latitude, longitude, those of the destination, name of the area (Exif 2.32, 4.6.6); a version or a time is no place.
_GPS_PLACES = frozenset((0x02, 0x04, 0x14, 0x16, 0x1C))
# Content location code and name, city, sub-location, state, country code and name (IIM 4.2, chapter 6).
_IPTC_PLACES = frozenset((26, 27, 90, 92, 95, 100, 101))
_IPTC_RESOURCE = 0x0404
_MAX_ENTRIES = 1_000

# Any name space for coordinates: drones have their own, and write Gps, one of them longtitude.
_XMP_PLACES = re.compile(
    rb"(?:G[Pp][Ss](?:Dest)?L[a-z]{3,8}tude"
    rb"|(?:photoshop|Iptc4xmpCore|Iptc4xmpExt):(?:City|State|Country|Location|Sublocation|ProvinceState)[A-Za-z]*)"
    rb"""\s*(?:=\s*["']\s*[^"'\s]|>\s*[^<\s])"""
)
_XMP_HINTS = (b"GPS", b"Gps", b"photoshop:", b"Iptc4xmp")

# What phones append: previews with Exif and XMP of their own, and videos, which say a place in one of two ways.
_EXIF_START = re.compile(rb"Exif\x00\x00")
_XMP_START = re.compile(rb"http://ns\.adobe\.com/xap/1\.0/")
_VIDEO_PLACES = (
    re.compile(rb"\xa9xyz[\x00-\xff]{4}[+-]\d"),
    re.compile(rb"com\.apple\.quicktime\.location\.ISO6709"),
)
_MAX_EMBEDDED = 16
_MAX_SEGMENT_BYTES = 65_536


def exif_has_location(view: memoryview, start: int, end: int) -> bool:
    """Whether the Exif block in `view[start:end]` does, also by the XMP or IPTC that it may hold."""
    block = TiffBlock(view, start, end)
    first: dict[int, Entry] = {}
    for entry in islice(block.first_directory(), _MAX_ENTRIES):
        first.setdefault(entry.tag, entry)
    offset = block.number(first[_GPS_DIRECTORY]) if _GPS_DIRECTORY in first else None
    if offset and any(
        entry.tag in _GPS_PLACES and entry.values for entry in islice(block.directory(offset), _MAX_ENTRIES)
    ):
        return True
    return (_XMP in first and xmp_has_location(block.data(first[_XMP]))) or (
        _IPTC in first and iptc_has_location(block.data(first[_IPTC]))
    )


def xmp_has_location(packet: bytes) -> bool:
    """Whether the XMP `packet`, in UTF-8, UTF-16 or UTF-32, does."""
    if b"\x00" in packet[:64]:
        packet = packet.replace(b"\x00", b"")
    return any(hint in packet for hint in _XMP_HINTS) and _XMP_PLACES.search(packet) is not None


def iptc_has_location(data: bytes) -> bool:
    """Whether IPTC datasets do, bare or within the resources of Photoshop."""
    data = data.removeprefix(b"Photoshop 3.0\x00")
    if not data.startswith(b"8BIM"):
        return _datasets_have_location(data)
    return any(_datasets_have_location(resource) for resource in _iptc_resources(data))


def block_has_location(data: bytes) -> bool:
    """Whether `data` does, which may be Exif, IPTC or XMP."""
    return exif_has_location(memoryview(data), 0, len(data)) or iptc_has_location(data) or xmp_has_location(data)


def trailer_has_location(view: memoryview, start: int) -> bool:
    """Whether what follows the picture in `view` from `start` on does."""
    for match in islice(_EXIF_START.finditer(view, start), _MAX_EMBEDDED):
        if exif_has_location(view, match.start(), match.start() + _MAX_SEGMENT_BYTES):
            return True
    for match in islice(_XMP_START.finditer(view, start), _MAX_EMBEDDED):
        if xmp_has_location(bytes(view[match.end() : match.end() + _MAX_SEGMENT_BYTES])):
            return True
    return any(place.search(view, start) is not None for place in _VIDEO_PLACES)


def _iptc_resources(data: bytes) -> Iterator[bytes]:
    """The IPTC among Photoshop's resources: signature, number, name and data, both padded to even length."""
    position = 0
    while data[position : position + 4] == b"8BIM" and position + 12 <= len(data):
        number = int.from_bytes(data[position + 4 : position + 6], "big")
        position += 7 + (data[position + 6] | 1)
        size = int.from_bytes(data[position : position + 4], "big")
        position += 4
        if number == _IPTC_RESOURCE:
            yield data[position : position + size]
        position += size + size % 2


def _datasets_have_location(data: bytes) -> bool:
    """Datasets: a mark, record, number, length and that much data (IIM 4.2, 1.5)."""
    position = 0
    while data[position : position + 1] == b"\x1c" and position + 5 <= len(data):
        record, number = data[position + 1], data[position + 2]
        size = int.from_bytes(data[position + 3 : position + 5], "big")
        if record == 2 and number in _IPTC_PLACES and size:
            return True
        position += 5 + size
    return False
