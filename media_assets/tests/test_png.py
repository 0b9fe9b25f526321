import struct
import zlib

import pytest

from media_assets.imaging import inspect_image
from media_assets.imaging.png import MAX_CHUNKS
from media_assets.tests.pictures import CUT_OFF, MAX_PIXELS, animated, cut_refusals, drawn, encoded, exif_block, refusal

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SAVED = {
    **{mode: encoded(drawn(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    "metadata": encoded(drawn(), "PNG", exif=exif_block(1), icc_profile=bytes(5_000), dpi=(72, 72)),
    "animated": animated("PNG"),
}


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _header(width: int = 8, height: int = 8, *rest: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, *(rest or (8, 2, 0, 0, 0))))


def _frame(width: int = 8, height: int = 8, left: int = 0, top: int = 0) -> bytes:
    return _chunk(b"fcTL", struct.pack(">IIIII", 0, width, height, left, top) + bytes(6))


def _announced(frames: int) -> bytes:
    return _chunk(b"acTL", struct.pack(">II", frames, 0))


DATA, END = _chunk(b"IDAT", b"data"), _chunk(b"IEND")


@pytest.mark.parametrize("kind", SAVED)
def test_every_kind_is_accepted(kind: str) -> None:
    facts = inspect_image(SAVED[kind], max_pixels=MAX_PIXELS)

    assert (facts.content_type, facts.extension) == ("image/png", "png")
    assert (facts.width, facts.height, facts.frames) == (48, 32, 3 if kind == "animated" else 1)
    assert facts.has_alpha == (kind in ("LA", "RGBA"))


def test_a_transparent_colour_is_alpha() -> None:
    transparent = encoded(drawn("P"), "PNG", transparency=3)

    assert inspect_image(transparent, max_pixels=MAX_PIXELS).has_alpha


@pytest.mark.parametrize("kind", SAVED)
def test_no_cut_is_accepted(kind: str) -> None:
    assert cut_refusals(SAVED[kind]) == CUT_OFF


@pytest.mark.parametrize("kind", ["1", "P", "metadata", "animated"])
def test_no_changed_byte_is_accepted(kind: str) -> None:
    changed = bytearray(SAVED[kind])
    accepted = []
    for position in range(len(changed)):
        for change in (0x01, 0x20, 0xFF):
            changed[position] ^= change
            if refusal(changed) == "accepted":
                accepted.append((position, change))
            changed[position] ^= change

    assert accepted == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_size_is_upright(orientation: int) -> None:
    facts = inspect_image(encoded(drawn(), "PNG", exif=exif_block(orientation)), max_pixels=MAX_PIXELS)

    assert facts.orientation == orientation
    assert (facts.width, facts.height) == ((32, 48) if orientation >= 5 else (48, 32))


@pytest.mark.parametrize(
    "data",
    [
        _header() + DATA + END + b"\x00 anything",
        _header() + _chunk(b"xxXx", b"unknown") + DATA + _chunk(b"zTXt", b"not unpacked") + END,
        _header() + DATA * 3 + END,
        _header(8, 8, 1, 3, 0, 0, 1) + _chunk(b"PLTE", bytes(3)) + DATA + END,
        _header() + _chunk(b"PLTE", bytes(768)) + DATA + END,
        _header() + _chunk(b"eXIf", b"broken") + DATA + END,
    ],
)
def test_freedoms_of_the_format_are_accepted(data: bytes) -> None:
    assert refusal(SIGNATURE + data) == "accepted"


@pytest.mark.parametrize(
    "data",
    [
        _header(0) + DATA + END,
        _header(8, 0) + DATA + END,
        _header(2**31, 1) + DATA + END,
        _header(8, 8, 4, 2, 0, 0, 0) + DATA + END,
        _header(8, 8, 8, 5, 0, 0, 0) + DATA + END,
        _header(8, 8, 8, 2, 1, 0, 0) + DATA + END,
        _header(8, 8, 8, 2, 0, 0, 2) + DATA + END,
        _header(8, 8, 8, 2, 0, 1, 0) + DATA + END,
        _header(1, 2**31) + DATA + END,
        _chunk(b"IHDR", bytes(12)) + DATA + END,
        _chunk(b"IHDR", _header()[8:21] + b"1") + DATA + END,
        _chunk(b"iHDR", _header()[8:21]) + DATA + END,
        DATA + _header() + END,
        _header() + _header() + DATA + END,
        _header() + END,
        _header(8, 8, 8, 3, 0, 0, 0) + DATA + END,
        _header() + _chunk(b"PLTE", b"four") + DATA + END,
        _header() + _chunk(b"PLTE") + DATA + END,
        _header() + _chunk(b"PLTE", bytes(771)) + DATA + END,
        _header() + _chunk(b"PLTE", bytes(3)) * 2 + DATA + END,
        _header() + DATA + _chunk(b"PLTE", bytes(3)) + END,
        _header() + DATA + _chunk(b"tEXt", b"between") + DATA + END,
        _header() + _chunk(b"ABCD", b"critical") + DATA + END,
        _header() + _chunk(b"a\0at") + DATA + END,
        _header() + b"\xff\xff\xff\xffIDAT" + bytes(9),
        _header() + _announced(1) + _frame(8, 8, 1, 0) + DATA + END,
        _header() + _announced(1) + _frame(8, 8, 0, 1) + DATA + END,
        _header() + _announced(1) + _frame(0) + DATA + END,
        _header() + _announced(1) + _frame(8, 0) + DATA + END,
        _header() + _announced(1) + _chunk(b"fcTL", _frame()[8:33]) + DATA + END,
    ],
)
def test_broken_structure_is_corrupt(data: bytes) -> None:
    assert refusal(SIGNATURE + data) == "corrupt"


def test_the_first_exif_counts() -> None:
    first, second = (_chunk(b"eXIf", exif_block(orientation)) for orientation in (5, 3))

    assert inspect_image(SIGNATURE + _header() + first + DATA + second + END, max_pixels=MAX_PIXELS).orientation == 5


def test_png_made_for_iphone_apps_is_refused() -> None:
    assert refusal(SIGNATURE + _chunk(b"CgBI", bytes(4)) + _header() + DATA + END) == "unsupported_type"


@pytest.mark.parametrize(
    ("data", "frames"),
    [
        (_header() + _announced(2) + _frame() + DATA + _frame() + _chunk(b"fdAT") + END, 2),
        (_header() + _announced(2) + DATA + (_frame() + _chunk(b"fdAT")) * 2 + END, 3),
        (_header() + _announced(1) + _frame() + DATA + (_frame() + _chunk(b"fdAT")) * 4 + END, 5),
        (_header() + _frame() + DATA + _frame() + END, 1),
        (_header() + DATA + _announced(9) + END, 1),
    ],
    ids=["all frames", "stand-in apart", "more than announced", "not announced", "announced too late"],
)
def test_frames_to_decode_are_counted(data: bytes, frames: int) -> None:
    assert inspect_image(SIGNATURE + data, max_pixels=MAX_PIXELS).frames == frames
    assert refusal(SIGNATURE + data, max_pixels=64 * frames) == "accepted"
    assert refusal(SIGNATURE + data, max_pixels=64 * frames - 1) == "too_many_pixels"


def test_announced_frames_are_refused_before_they_are_met() -> None:
    assert refusal(SIGNATURE + _header() + _announced(2**31) + b"cut here") == "too_many_pixels"
    assert refusal(SIGNATURE + _header(30_000, 30_000) + b"cut here") == "too_many_pixels"


def test_more_pieces_than_any_picture_needs_are_refused() -> None:
    piece = _chunk(b"IDAT", b"a")

    assert refusal(SIGNATURE + _header() + piece * (MAX_CHUNKS - 1) + END) == "accepted"
    assert refusal(SIGNATURE + _header() + piece * MAX_CHUNKS + END) == "corrupt"
    assert refusal(SIGNATURE + _header() + piece * 700_000 + END) == "corrupt"
