import struct

import pytest

from media_assets.imaging.exif import ORIENTATION_TAG, read_orientation
from media_assets.tests.pictures import exif_block

SHORT, LONG, ASCII = 3, 4, 2


def _tiff(*entries: tuple[int, int, int, int], order: str = "<", magic: int = 42, offset: int = 8) -> bytes:
    """A TIFF block with one directory of (tag, type, count, value) entries; short values stand left, as they must."""
    directory = struct.pack(f"{order}H", len(entries))
    for tag, value_type, count, value in entries:
        value_bytes = struct.pack(f"{order}HH", value, 0) if value_type == SHORT else struct.pack(f"{order}I", value)
        directory += struct.pack(f"{order}HHI", tag, value_type, count) + value_bytes
    head = b"II" if order == "<" else b"MM"
    return head + struct.pack(f"{order}HI", magic, offset) + bytes(max(0, offset - 8)) + directory


def _read(block: bytes) -> int:
    # Neighbours that would give another answer if the walk left the block.
    neighbour = _tiff((ORIENTATION_TAG, SHORT, 1, 3))
    return read_orientation(memoryview(neighbour + block + neighbour), len(neighbour), len(neighbour) + len(block))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value_type", [SHORT, LONG])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_each_orientation_is_read(order: str, value_type: int, orientation: int) -> None:
    block = _tiff((0x0100, LONG, 1, 70_000), (ORIENTATION_TAG, value_type, 1, orientation), order=order)

    assert _read(block) == orientation
    assert _read(b"Exif\x00\x00" + block) == orientation


def test_the_directory_may_lie_anywhere_in_the_block() -> None:
    assert _read(_tiff((ORIENTATION_TAG, SHORT, 1, 8), offset=3_000)) == 8


@pytest.mark.parametrize(
    "block",
    [
        b"",
        _tiff(),
        _tiff((ORIENTATION_TAG, SHORT, 1, 0)),
        _tiff((ORIENTATION_TAG, SHORT, 1, 9)),
        _tiff((ORIENTATION_TAG, SHORT, 2, 6)),
        _tiff((ORIENTATION_TAG, ASCII, 1, 6)),
        _tiff((ORIENTATION_TAG, SHORT, 1, 6), magic=43),
        _tiff((ORIENTATION_TAG, SHORT, 1, 6)).replace(b"II", b"IM"),
        _tiff((0x0100, LONG, 1, 6)),
        _tiff((0x0100, LONG, 1, 6))[:8] + b"\xff\xff",
        b"II*\x00" + struct.pack("<I", 2**32 - 1) + bytes(30),
    ],
    ids=[
        "empty", "no entries", "zero", "nine", "two values", "text", "magic", "byte order", "absent", "only a count",
        "far away",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_upright(block: bytes) -> None:
    assert _read(block) == 1


def test_every_cut_of_a_block_is_upright() -> None:
    block = _tiff((ORIENTATION_TAG, SHORT, 1, 6))

    for length in range(len(block)):
        cut = block[:length]
        assert _read(cut) == read_orientation(memoryview(cut), 0, length) == 1
        assert read_orientation(memoryview(cut), 0, len(block)) == 1
    assert _read(exif_block(6)) == 6
