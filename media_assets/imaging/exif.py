"""The directories of an Exif block, and the orientation in it."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

ORIENTATION_TAG = 0x0112

_ENTRY_BYTES = 12
_SHORT, _LONG = 3, 4
_VALUE_BYTES = {_SHORT: 2, _LONG: 4}
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}


class Entry(NamedTuple):
    """An entry of a directory: tag, type, number of values, and where its four bytes of value or offset are."""

    tag: int
    value_type: int
    values: int
    position: int


class TiffBlock:
    """The TIFF block in `view[start:end]`, behind an `Exif` prefix or not (TIFF 6.0, section 2; Exif 2.32, 4.5.2).

    Never raises: what cannot be read is not there.
    """

    def __init__(self, view: memoryview, start: int, end: int) -> None:
        self.view, self.end = view, min(end, len(view))
        self.start = start + (6 if bytes(view[start : min(start + 6, self.end)]) == b"Exif\x00\x00" else 0)
        self.order = ""
        if self.end - self.start >= 8:
            self.order = _BYTE_ORDERS.get(bytes(view[self.start : self.start + 2]), "")

    def first_directory(self) -> Iterator[Entry]:
        """The entries of the first image file directory, as many as are there."""
        if not self.order:
            return iter(())
        magic, offset = struct.unpack_from(f"{self.order}HI", self.view, self.start + 2)
        return self.directory(offset) if magic == 42 else iter(())

    def directory(self, offset: int) -> Iterator[Entry]:
        """The entries of the directory at `offset` in the block."""
        first = self.start + offset + 2
        if first > self.end:
            return
        (count,) = struct.unpack_from(f"{self.order}H", self.view, first - 2)
        entry_head = struct.Struct(f"{self.order}HHI")
        for position in range(first, min(first + count * _ENTRY_BYTES, self.end - _ENTRY_BYTES + 1), _ENTRY_BYTES):
            tag, value_type, values = entry_head.unpack_from(self.view, position)
            yield Entry(tag, value_type, values, position + 8)

    def number(self, entry: Entry) -> int | None:
        """The value of an entry that holds one short or long number; None of any other."""
        if entry.values != 1 or entry.value_type not in (_SHORT, _LONG):
            return None
        code = "H" if entry.value_type == _SHORT else "I"
        return int(struct.unpack_from(f"{self.order}{code}", self.view, entry.position)[0])

    def data(self, entry: Entry) -> bytes:
        """The bytes of an entry of bytes, text, shorts or longs, as many as are there."""
        size = entry.values * _VALUE_BYTES.get(entry.value_type, 1)
        first = entry.position
        if size > 4:
            first = self.start + int(struct.unpack_from(f"{self.order}I", self.view, entry.position)[0])
        return bytes(self.view[first : max(first, min(first + size, self.end))])


def read_orientation(view: memoryview, start: int, end: int) -> int:
    """The Exif orientation, 1 to 8, of the TIFF block in `view[start:end]`; 1 wherever it cannot be read.

    Reads the first image file directory only (Exif 2.32, 4.6.4 A). Never raises: a picture with broken Exif is a
    picture still.
    """
    block = TiffBlock(view, start, end)
    for entry in block.first_directory():
        if entry.tag == ORIENTATION_TAG:
            value = block.number(entry)
            return value if value is not None and 1 <= value <= 8 else 1
    return 1


def orientation_block(orientation: int) -> bytes:
    """The shortest TIFF block that says the orientation: 26 bytes, without `Exif` prefix."""
    return struct.pack(">2sHIHHHIHHI", b"MM", 42, 8, 1, ORIENTATION_TAG, _SHORT, 1, orientation, 0, 0)
