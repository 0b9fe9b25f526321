import struct

import pytest

from media_assets.imaging import ImageFacts, inspect_image
from media_assets.imaging.gif import MAX_BLOCKS, MAX_SUB_BLOCKS
from media_assets.tests.pictures import CUT_OFF, MAX_PIXELS, animated, cut_refusals, drawn, encoded, refusal

SAVED = {
    "colours": encoded(drawn("P"), "GIF"),
    "grey": encoded(drawn("L"), "GIF"),
    "interlaced": encoded(drawn("P"), "GIF", interlace=1),
    "comment": encoded(drawn("P"), "GIF", comment=b"a ; b" * 200),
    "animated": animated("GIF", loop=0),
}
TRAILER = b";"


def _screen(width: int = 8, height: int = 8, packed: int = 0, version: bytes = b"89a") -> bytes:
    return b"GIF" + version + struct.pack("<HHBBB", width, height, packed, 0, 0)


def _frame(
    width: int = 8, height: int = 8, left: int = 0, top: int = 0, packed: int = 0, data: bytes = b"\2\1a\0"
) -> bytes:
    return b"," + struct.pack("<HHHHB", left, top, width, height, packed) + data


@pytest.mark.parametrize("kind", SAVED)
def test_every_kind_is_accepted(kind: str) -> None:
    facts = inspect_image(SAVED[kind], max_pixels=MAX_PIXELS)

    assert (facts.content_type, facts.extension) == ("image/gif", "gif")
    assert (facts.width, facts.height, facts.frames) == (48, 32, 3 if kind == "animated" else 1)


def test_a_transparent_colour_is_alpha() -> None:
    opaque, transparent = (b"\x21\xf9\4" + bytes((flags, 0, 0, 3)) + b"\0" for flags in (0, 1))

    assert inspect_image(_screen() + transparent + _frame() + TRAILER, max_pixels=MAX_PIXELS).has_alpha
    assert not inspect_image(_screen() + opaque + _frame() + TRAILER, max_pixels=MAX_PIXELS).has_alpha


@pytest.mark.parametrize("kind", SAVED)
def test_no_cut_is_accepted(kind: str) -> None:
    # That includes the cut that takes the trailer only, and the cuts between two frames.
    assert cut_refusals(SAVED[kind]) == CUT_OFF
    assert refusal(SAVED[kind][:-1]) == "truncated"


@pytest.mark.parametrize(
    "data",
    [
        _screen(version=b"87a") + _frame() + TRAILER,
        _screen(packed=0x80) + bytes(6) + _frame(packed=0x87, data=bytes(768) + b"\2\1a\0") + TRAILER,
        _screen() + b"\x21\xfe\3abc\0" + b"\x21\x77\0" + _frame() + TRAILER,
        _screen() + _frame() + b"\0\0\0" + TRAILER,
        _screen() + _frame() + TRAILER + b"anything after it",
        _screen() + _frame(data=b"\1\1a\0") + TRAILER,
        _screen() + _frame(data=b"\x0b\1a\0") + TRAILER,
        _screen(0, 0) + _frame() + TRAILER,
        _screen(4, 4) + _frame() + TRAILER,
        _screen(8, 4) + _frame(8, 4, 0, 4) + TRAILER,
    ],
    ids=[
        "87a",
        "colour tables",
        "extensions",
        "padding",
        "trailing",
        "1 bit",
        "11 bits",
        "no screen",
        "small screen",
        "outside",
    ],
)
def test_freedoms_of_the_format_are_accepted(data: bytes) -> None:
    assert inspect_image(data, max_pixels=MAX_PIXELS) == ImageFacts("image/gif", "gif", 8, 8)


@pytest.mark.parametrize(
    "data",
    [
        _screen() + TRAILER,
        _screen() + b"\x21\xfe\3abc\0" + TRAILER,
        _screen() + _frame(0) + TRAILER,
        _screen() + _frame(8, 0) + TRAILER,
        _screen() + _frame(data=b"\0\1a\0") + TRAILER,
        _screen() + _frame(data=b"\x0c\1a\0") + TRAILER,
        _screen() + _frame(data=b"\2\0") + TRAILER,
        _screen() + _frame() + b"?" + TRAILER,
    ],
    ids=["no frame", "only a comment", "no width", "no height", "start bits 0", "start bits 12", "no data", "rubbish"],
)
def test_broken_structure_is_corrupt(data: bytes) -> None:
    assert refusal(data) == "corrupt"


def test_later_frames_outside_the_screen_count_but_do_not_widen_it() -> None:
    data = _screen() + _frame() + _frame(8, 8, 92, 92) + TRAILER

    assert inspect_image(data, max_pixels=20_000) == ImageFacts("image/gif", "gif", 8, 8, frames=2)
    assert refusal(data, max_pixels=19_999) == "too_many_pixels"


def test_ten_thousand_frames_are_too_many_pixels() -> None:
    data = _screen(100, 100) + _frame() * 10_000 + TRAILER

    assert refusal(data, max_pixels=10_000 * 1_000) == "too_many_pixels"
    assert refusal(_screen(65_535, 65_535) + _frame() + TRAILER) == "too_many_pixels"


def test_more_pieces_than_any_picture_needs_are_refused() -> None:
    def with_sub_blocks(count: int) -> bytes:
        return _screen() + _frame(data=b"\2" + b"\1a" * count + b"\0") + TRAILER

    comment = b"\x21\xfe\0"
    assert refusal(with_sub_blocks(MAX_SUB_BLOCKS - 1)) == "accepted"
    assert refusal(with_sub_blocks(MAX_SUB_BLOCKS)) == "corrupt"
    assert refusal(with_sub_blocks(5_000_000)) == "corrupt"
    shared = b"\x21\xfe" + b"\1a" * (MAX_SUB_BLOCKS // 2) + b"\0"
    assert refusal(_screen() + shared * 2 + _frame() + TRAILER) == "corrupt"
    assert refusal(_screen() + comment * (MAX_BLOCKS - 2) + _frame() + TRAILER) == "accepted"
    assert refusal(_screen() + comment * (MAX_BLOCKS - 1) + _frame() + TRAILER) == "corrupt"
    assert refusal(_screen() + bytes(5_000_000) + _frame() + TRAILER) == "corrupt"
