import struct
from itertools import product

import pytest
from PIL import Image

from media_assets.imaging import ImageFacts, InvalidImage, inspect_image
from media_assets.imaging.jpeg import MAX_FILLS, MAX_SCANS, MAX_SEGMENTS, MAX_STRAY_BYTES
from media_assets.tests.pictures import CUT_OFF, MAX_PIXELS, cut_refusals, drawn, encoded, exif_block, refusal

SAVED = {
    "baseline": encoded(drawn(), "JPEG"),
    "progressive": encoded(drawn(), "JPEG", progressive=True),
    "optimised": encoded(drawn(), "JPEG", optimize=True, quality=95, subsampling=0),
    "grey": encoded(drawn("L"), "JPEG"),
    "CMYK": encoded(drawn("CMYK"), "JPEG"),
    "restart marks": encoded(drawn(), "JPEG", restart_marker_blocks=1),
    "metadata": encoded(drawn(), "JPEG", exif=exif_block(1), icc_profile=bytes(100_000), comment=b"\xff\xd9 is no end"),
}
BASELINE = SAVED["baseline"]
SCAN_HEADER = BASELINE.index(b"\xff\xda")
SCAN_DATA = SCAN_HEADER + 14
HEADER, SCAN, DATA, END = BASELINE[:SCAN_HEADER], BASELINE[SCAN_HEADER:SCAN_DATA], BASELINE[SCAN_DATA:-2], b"\xff\xd9"


def _with_segment(segment: bytes) -> bytes:
    """A picture with `segment` put in right after its first marker."""
    return BASELINE[:2] + segment + BASELINE[2:]


def _segment(code: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


@pytest.mark.parametrize("kind", SAVED)
def test_every_kind_is_accepted(kind: str) -> None:
    assert inspect_image(SAVED[kind], max_pixels=MAX_PIXELS) == ImageFacts("image/jpeg", "jpg", 48, 32)


@pytest.mark.parametrize("kind", SAVED)
def test_no_cut_is_accepted(kind: str) -> None:
    # The first few thousand bytes are cut one by one, so that every part of the structure is cut in two.
    assert cut_refusals(SAVED[kind], step=1 if len(SAVED[kind]) < 10_000 else 97) <= CUT_OFF


def test_no_cut_of_a_large_file_is_accepted() -> None:
    large = encoded(drawn(size=(900, 700)), "JPEG", quality=90, progressive=True)

    assert cut_refusals(large, step=2_003) <= CUT_OFF
    assert refusal(large[:-1]) == refusal(large[:-2]) == refusal(large[: len(large) // 2]) == "truncated"


@pytest.mark.parametrize(("orientation", "byte_order"), list(product(range(1, 9), "<>")))
def test_the_size_is_upright(orientation: int, byte_order: str) -> None:
    facts = inspect_image(encoded(drawn(), "JPEG", exif=exif_block(orientation, byte_order)), max_pixels=MAX_PIXELS)

    assert facts.orientation == orientation
    assert (facts.width, facts.height) == ((32, 48) if orientation >= 5 else (48, 32))


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\x00\x00",
        b"Exif\x00\x00II*",
        b"Exif\x00\x00XX*\x00\x08\x00\x00\x00",
        b"Exif\x00\x00II*\x00\xff\xff\xff\xff",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
        exif_block(6)[:-30],
        exif_block(9),
        exif_block(0),
    ],
)
def test_broken_exif_is_no_reason_to_refuse(block: bytes) -> None:
    assert inspect_image(_with_segment(_segment(0xE1, block)), max_pixels=MAX_PIXELS).orientation == 1


def test_the_first_exif_counts_and_other_metadata_does_not() -> None:
    xmp, first, second = (
        _segment(0xE1, payload)
        for payload in (b"http://ns.adobe.com/xap/1.0/\x00<x/>", exif_block(8, ">"), exif_block(3))
    )

    assert inspect_image(_with_segment(xmp + first + second), max_pixels=MAX_PIXELS).orientation == 8


@pytest.mark.parametrize(
    "trailer",
    [b"\x00" * 40, BASELINE, b"\x00\x00\x00\x18ftypmp42" + bytes(99), b"SEFT", b"\xff"],
    ids=["zeros", "preview", "motion photo", "phone trailer", "lone ff"],
)
def test_bytes_after_the_end_are_accepted(trailer: bytes) -> None:
    assert refusal(BASELINE + trailer) == "accepted"


def test_a_multi_picture_file_is_its_first_picture() -> None:
    data = encoded(drawn(), "MPO", save_all=True, append_images=[drawn(size=(80, 80))])

    assert inspect_image(data, max_pixels=MAX_PIXELS) == ImageFacts("image/jpeg", "jpg", 48, 32)


@pytest.mark.parametrize(
    "data",
    [
        HEADER + b"\xff\xff\xff" + SCAN + DATA + END,
        HEADER + SCAN + DATA + b"\xff" * 9 + END,
        HEADER + SCAN + DATA + b"\xff\xff\x00\xff\xff\xd0\x11\xff\xff\xd7" + END,
        HEADER + SCAN + DATA + b"\xff\xdc\x00\x04\x00\x20" + END,
        HEADER + bytes(500) + SCAN + DATA + END,
        HEADER + b"\xff\x01" + SCAN + DATA + END,
    ],
    ids=["fill before a segment", "fill before the end", "fill in data", "DNL", "padding", "TEM"],
)
def test_oddities_that_decoders_show_are_accepted(data: bytes) -> None:
    assert refusal(data) == "accepted"


def _frame(code: int = 0xC0, precision: int = 8, width: int = 48, height: int = 32, components: int = 3) -> bytes:
    parts = b"".join(bytes((number, 0x11, 0)) for number in range(components))
    return _segment(code, struct.pack(">BHHB", precision, height, width, components) + parts)


def _with_frame(frame: bytes) -> bytes:
    start = BASELINE.index(b"\xff\xc0")
    return BASELINE[:start] + frame + BASELINE[start + 19 :]


@pytest.mark.parametrize("code", [0xC3, 0xC5, 0xC7, 0xC8, 0xC9, 0xCA, 0xCB, 0xCD, 0xCF, 0xF7])
def test_kinds_that_nothing_shows_are_refused(code: int) -> None:
    assert refusal(_with_frame(_frame())) == "accepted"
    assert refusal(_with_frame(_frame(code))) == "unsupported_type"


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (_frame(precision=12), "unsupported_type"),
        (_frame(components=2), "unsupported_type"),
        (_frame(components=0), "unsupported_type"),
        (_frame(width=0), "corrupt"),
        (_frame(height=0), "corrupt"),
        (_frame(width=65_535, height=65_535), "too_many_pixels"),
        (_frame() + _frame(), "corrupt"),
        (_frame()[:-3].replace(b"\x00\x11", b"\x00\x0e", 1), "corrupt"),
        (_segment(0xC0, b"\x08\x00"), "corrupt"),
        (_frame().replace(b"\x01\x11", b"\x01\x51"), "corrupt"),
        (_frame().replace(b"\x01\x11", b"\x01\x15"), "corrupt"),
        (_frame().replace(b"\x01\x11", b"\x01\x44"), "accepted"),
        (b"", "corrupt"),
    ],
)
def test_frame_headers_are_checked(frame: bytes, code: str) -> None:
    assert refusal(_with_frame(frame)) == code


@pytest.mark.parametrize(
    "data",
    [
        HEADER + END,
        HEADER + SCAN + END,
        HEADER + SCAN + b"\xff\xff" + END,
        HEADER + SCAN.replace(b"\x00\x0c\x03", b"\x00\x0c\x02") + DATA + END,
        HEADER + b"\xff\xda\x00\x02" + DATA + END,
        HEADER + b"\xff\xda\x00\x06\x00\x00\x00\x00" + DATA + END,
        HEADER + b"\xff\xe0\x00\x01" + SCAN + DATA + END,
        HEADER + SCAN + DATA + b"\xff\x9f" + DATA + END,
        HEADER + SCAN + DATA + b"\xff\xd8" + DATA + END,
        b"\xff\xd8" + SCAN + DATA + END,
        b"\xff\xd8" + _frame() + SCAN + DATA + END,
        b"\xff\xd8\xff\xd9",
    ],
    ids=[
        "no scan", "empty scan", "only fill", "scan header", "short scan header", "scan of nothing", "length",
        "reserved mark", "second start", "no frame", "no tables", "nothing",
    ],
)  # fmt: skip
def test_broken_structure_is_corrupt(data: bytes) -> None:
    assert refusal(data) == "corrupt"


def test_more_work_than_any_photo_needs_is_refused() -> None:
    # Nearly all of these are whole, and would be accepted if the walk did not count.
    comment, fill = b"\xff\xfe\x00\x02", b"\xff\xff\x00"
    assert refusal(_with_segment(comment * 1_000)) == "accepted"
    assert refusal(_with_segment(comment * MAX_SEGMENTS)) == "corrupt"
    assert refusal(_with_segment(comment * 2_500_000)) == "corrupt"
    assert refusal(HEADER + (SCAN + b"\x11") * MAX_SCANS + END) == "accepted"
    assert refusal(HEADER + (SCAN + b"\x11") * (MAX_SCANS + 1) + END) == "corrupt"
    assert refusal(HEADER + SCAN + DATA + fill * (MAX_FILLS - 1) + END) == "accepted"
    assert refusal(HEADER + SCAN + DATA + fill * MAX_FILLS + END) == "corrupt"
    assert refusal(HEADER + (SCAN + DATA + fill * (MAX_FILLS // 2)) * 3 + END) == "corrupt"
    assert refusal(_with_segment(comment + bytes(MAX_STRAY_BYTES))) == "accepted"
    assert refusal(_with_segment(comment + bytes(MAX_STRAY_BYTES + 1))) == "corrupt"
    assert refusal(_with_segment(comment + (bytes(1_000) + comment) * 66)) == "corrupt"
    assert refusal(HEADER[:2] + b"\xff" * 5_000_000) == "corrupt"


def test_long_runs_of_ff_are_walked_to_their_end() -> None:
    data = HEADER + SCAN + b"\x11" + b"\xff" * 5_000_000

    assert refusal(data) == "truncated"
    assert refusal(data + b"\xd9") == "accepted"
    assert refusal(HEADER + SCAN + b"\xff\x00" * 2_000_000) == "truncated"


def test_data_after_a_filled_restart_mark_is_data_still() -> None:
    # Taken for the end of the scan, the mark would leave the rest as bytes between segments, of which few are allowed.
    data = HEADER + SCAN + DATA + b"\xff\xff\xd0" + b"\x11" * (MAX_STRAY_BYTES + 9)

    assert refusal(data + END) == "accepted"


def test_the_refusals_say_what_to_do() -> None:
    with pytest.raises(InvalidImage, match=r"The JPEG ends in the middle.*Send it again\."):
        inspect_image(BASELINE[:-2], max_pixels=MAX_PIXELS)
    with pytest.raises(InvalidImage, match=r"The JPEG is damaged: the mark 9F .*save it again"):
        inspect_image(HEADER + SCAN + DATA + b"\xff\x9f" + END, max_pixels=MAX_PIXELS)


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (8, 8), (17, 3)])
def test_small_and_odd_sizes_are_read(size: tuple[int, int]) -> None:
    facts = inspect_image(encoded(Image.new("RGB", size, "teal"), "JPEG"), max_pixels=MAX_PIXELS)

    assert (facts.width, facts.height) == size
