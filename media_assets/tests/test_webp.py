import struct

import pytest

from media_assets.imaging import inspect_image
from media_assets.imaging.webp import MAX_CHUNKS
from media_assets.tests.pictures import CUT_OFF, MAX_PIXELS, animated, cut_refusals, drawn, encoded, exif_block, refusal

SAVED = {
    "lossy": encoded(drawn(), "WEBP"),
    "lossless": encoded(drawn(), "WEBP", lossless=True),
    "lossy with alpha": encoded(drawn("RGBA"), "WEBP"),
    "lossless with alpha": encoded(drawn("RGBA"), "WEBP", lossless=True),
    "metadata": encoded(drawn(), "WEBP", exif=exif_block(1), icc_profile=bytes(3_001), xmp=b"<x/>"),
    "animated": animated("WEBP"),
    "animated lossless": animated("WEBP", lossless=True),
}
ANIMATION, EXIF = 0x02, 0x08


def _file(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _chunk(kind: bytes, data: bytes = b"") -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\x00" * (len(data) % 2)


def _u24(value: int) -> bytes:
    return struct.pack("<I", value)[:3]


def _extended(flags: int = 0, width: int = 8, height: int = 8) -> bytes:
    return _chunk(b"VP8X", bytes((flags, 0, 0, 0)) + _u24(width - 1) + _u24(height - 1))


def _lossless(width: int = 8, height: int = 8, version: int = 0) -> bytes:
    return _chunk(b"VP8L", b"\x2f" + struct.pack("<I", width - 1 | height - 1 << 14 | version << 29) + b"data")


def _lossy(
    width: int = 8, height: int = 8, first_partition: int = 4, tag: int = 0x10, mark: bytes = b"\x9d\1*"
) -> bytes:
    return _chunk(b"VP8 ", _u24(tag | first_partition << 5) + mark + struct.pack("<HH", width, height) + b"data")


def _frame(*chunks: bytes, width: int = 8, height: int = 8, left: int = 0, top: int = 0) -> bytes:
    place = _u24(left // 2) + _u24(top // 2) + _u24(width - 1) + _u24(height - 1) + bytes(4)
    return _chunk(b"ANMF", place + b"".join(chunks))


@pytest.mark.parametrize("kind", SAVED)
def test_every_kind_is_accepted(kind: str) -> None:
    facts = inspect_image(SAVED[kind], max_pixels=MAX_PIXELS)

    assert (facts.content_type, facts.extension) == ("image/webp", "webp")
    assert (facts.width, facts.height, facts.frames) == (48, 32, 3 if "animated" in kind else 1)
    assert facts.has_alpha == ("alpha" in kind)


@pytest.mark.parametrize("kind", SAVED)
def test_no_cut_is_accepted(kind: str) -> None:
    assert cut_refusals(SAVED[kind]) == CUT_OFF
    assert refusal(SAVED[kind][:-1]) == refusal(SAVED[kind][:60]) == "truncated"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("lossless", [True, False])
def test_the_size_is_upright(orientation: int, lossless: bool) -> None:
    data = encoded(drawn(), "WEBP", exif=exif_block(orientation), lossless=lossless)
    facts = inspect_image(data, max_pixels=MAX_PIXELS)

    assert facts.orientation == orientation
    assert (facts.width, facts.height) == ((32, 48) if orientation >= 5 else (48, 32))


@pytest.mark.parametrize(
    ("block", "flags", "orientation"),
    [(exif_block(6), EXIF, 6), (exif_block(6)[6:], EXIF, 6), (exif_block(6), 0, 1), (b"Exif\0\0II", EXIF, 1)],
    ids=["with prefix", "without prefix", "not declared", "broken"],
)
def test_exif_counts_where_it_is_declared(block: bytes, flags: int, orientation: int) -> None:
    exif = _chunk(b"ABCD", exif_block(7)) + _chunk(b"EXIF", block) + _chunk(b"EXIF", exif_block(3))
    data = _file(_extended(flags), _lossless(), exif)

    assert inspect_image(data, max_pixels=MAX_PIXELS).orientation == orientation


@pytest.mark.parametrize(
    "data",
    [
        _file(_lossy()) + b"anything after it",
        _file(_lossless(), b"odd"),
        _file(_extended(), _chunk(b"ICCP", b"odd"), _chunk(b"ABCD", b"unknown"), _lossy(), _chunk(b"XMP ")),
        _file(_extended(ANIMATION), _chunk(b"ANIM", bytes(6)), _frame(_chunk(b"ALPH", b"odd"), _lossy())),
        _file(_lossy(8 | 1 << 14, 8 | 3 << 14)),
    ],
)
def test_freedoms_of_the_format_are_accepted(data: bytes) -> None:
    facts = inspect_image(data, max_pixels=MAX_PIXELS)

    assert (facts.width, facts.height, facts.frames) == (8, 8, 1)


@pytest.mark.parametrize(
    "data",
    [
        _file(),
        _file(_chunk(b"ABCD")),
        _file(_chunk(b"ABCD", bytes(10)), _lossless(1, 1)),
        _file(_chunk(b"VP8X", bytes(9)), _lossless(1, 1)),
        _file(_extended()),
        _file(_extended(ANIMATION)),
        _file(_extended(ANIMATION), _lossy()),
        _file(_extended(), _frame(_lossy())),
        _file(_extended(), _lossy(9, 8)),
        _file(_extended(), _lossless(8, 9)),
        _file(_lossy(0, 8)),
        _file(_lossy(first_partition=5)),
        _file(_lossy(tag=0x11)),
        _file(_lossy(tag=0x00)),
        _file(_lossy(mark=b"\x9d\1+")),
        _file(_chunk(b"VP8 ", b"short")),
        _file(_chunk(b"VP8L", b"\x2f\0\0\0\0")),
        _file(_chunk(b"VP8L", b"\x2e\0\0\0\0data")),
        _file(_lossless(version=1)),
        _file(_extended(), b"VP8 \xff\0\0\0short"),
        _file(_extended(), _lossy(), b"half"),
        _file(_extended(ANIMATION), _frame(_lossy(), width=9)),
        _file(_extended(ANIMATION), _frame(_lossy(), left=2)),
        _file(_extended(ANIMATION), _frame(_lossy(), top=2)),
        _file(_extended(ANIMATION), _frame(_lossy(7, 8))),
        _file(_extended(ANIMATION), _frame(_chunk(b"ALPH", b"only"))),
        _file(_extended(ANIMATION), _frame()),
        _file(_extended(ANIMATION), _chunk(b"ANMF", bytes(15))),
        _file(_extended(ANIMATION), _frame(b"VP8 \xff\0\0\0short")),
    ],
)
def test_broken_structure_is_corrupt(data: bytes) -> None:
    assert refusal(data) == "corrupt"


def test_the_canvas_and_the_frames_are_limited() -> None:
    assert refusal(_file(_extended(0, 1 << 24, 1 << 24))) == "too_many_pixels"
    assert refusal(_file(_lossless(16_384, 16_384))) == "too_many_pixels"
    frames = _file(_extended(ANIMATION, 1_000, 1_000), _frame(_lossy()), _frame(_lossy()))
    assert refusal(frames, max_pixels=2_000_000) == "accepted"
    assert refusal(frames, max_pixels=1_999_999) == "too_many_pixels"


def test_more_pieces_than_any_picture_needs_are_refused() -> None:
    piece = _chunk(b"ABCD")

    assert refusal(_file(_extended(), _lossy(), piece * (MAX_CHUNKS - 2))) == "accepted"
    assert refusal(_file(_extended(), _lossy(), piece * (MAX_CHUNKS - 1))) == "corrupt"
    assert refusal(_file(_extended(), _lossy(), piece * 1_000_000)) == "corrupt"
    assert refusal(_file(_extended(ANIMATION), _frame(piece * MAX_CHUNKS, _lossy()))) == "corrupt"
