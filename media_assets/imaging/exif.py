"""The orientation in an Exif block, and nothing else of it."""

import struct

ORIENTATION_TAG = 0x0112

_ENTRY_BYTES = 12
_SHORT, _LONG = 3, 4
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


def read_orientation(view: memoryview, start: int, end: int) -> int:
    """The Exif orientation, 1 to 8, of the TIFF block in `view[start:end]`; 1 wherever it cannot be read.

    Reads the first image file directory only (TIFF 6.0, section 2; Exif 2.32, 4.6.4 A). Never raises: a picture
    with broken Exif is a picture still.
    """
    end = min(end, len(view))
    start += 6 if bytes(view[start : min(start + 6, end)]) == b"Exif\x00\x00" else 0
    if end - start < 8:
        return 1
    order = _BYTE_ORDERS.get(bytes(view[start : start + 2]))
    if order is None:
        return 1
    magic, directory_offset = struct.unpack_from(f"{order}HI", view, start + 2)
    directory = start + directory_offset
    if magic != 42 or directory + 2 > end:
        return 1
    (entries,) = struct.unpack_from(f"{order}H", view, directory)
    first = directory + 2
    last = min(first + entries * _ENTRY_BYTES, end - _ENTRY_BYTES + 1)
    entry_head = struct.Struct(f"{order}HHI")
    for position in range(first, last, _ENTRY_BYTES):
        tag, value_type, count = entry_head.unpack_from(view, position)
        if tag == ORIENTATION_TAG:
            return _orientation_value(view, position + 8, order, value_type, count)
    return 1


def _orientation_value(view: memoryview, position: int, order: str, value_type: int, count: int) -> int:
    if count != 1 or value_type not in (_SHORT, _LONG):
        return 1
    value = int(struct.unpack_from(f"{order}{'H' if value_type == _SHORT else 'I'}", view, position)[0])
    return value if 1 <= value <= 8 else 1
