"""What stays of each format, segment by segment."""

import io
import struct
import zlib

import pytest
from PIL import Image

from media_assets.imaging.cleaning.profiles import MAX_PROFILE_BYTES, is_profile
from media_assets.imaging.exif import orientation_block
from media_assets.tests import dirty
from media_assets.tests.dirty import (
    DIRTY,
    PROFILE,
    SECRET,
    exif_segment,
    extended_webp,
    gif_extension,
    jpeg_segments,
    pixels,
    png_chunk,
    png_chunks,
    profile_of,
    profile_segments,
    scan_bytes,
    segment,
    sub_blocks,
    tiff_block,
    webp_chunk,
    webp_chunks,
    with_blocks,
    with_chunks,
    with_segments,
)
from media_assets.tests.pictures import drawn, encoded
from media_assets.tests.test_cleaning import cleaned

JFIF = dirty.JPEG[2:20]


def _clean(data: bytes) -> bytes:
    return cleaned(data)[1]


def _profile(data: bytes) -> bytes | None:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.info.get("icc_profile")


# JPEG


def test_jfif_comes_first_then_the_orientation() -> None:
    first, second, third, *others = jpeg_segments(
        _clean(with_segments(*profile_segments(PROFILE), exif_segment(tiff_block(6, ">"))))
    )

    assert first == (0xE0, JFIF[4:])
    assert second == (0xE1, b"Exif\x00\x00" + orientation_block(6))
    assert third[0] == 0xE2
    assert {code for code, _ in others} == {0xDB, 0xC0, 0xC4}


def test_the_orientation_takes_36_bytes() -> None:
    assert len(_clean(with_segments(exif_segment(tiff_block(6))))) == len(dirty.JPEG) + 36


def test_the_density_stays_and_the_thumbnail_goes() -> None:
    header = b"JFIF\x00\x01\x02\x01\x01\x2c\x00\x96"
    thumbnail = segment(0xE0, header + b"\x01\x02" + b"SECRET")
    data = dirty.JPEG[:2] + thumbnail + dirty.JPEG[20:]

    assert jpeg_segments(_clean(data))[0] == (0xE0, header + b"\x00\x00")
    with Image.open(io.BytesIO(_clean(data))) as picture:
        assert picture.info["dpi"] == (300, 150)


def test_the_adobe_mark_stays_without_what_follows_it() -> None:
    data = encoded(drawn("CMYK"), "JPEG")
    mark = next(payload for code, payload in jpeg_segments(data) if code == 0xEE)
    longer = data.replace(segment(0xEE, mark), segment(0xEE, mark + SECRET))

    assert _clean(data) == data
    assert longer != data
    assert _clean(longer) == data


def test_settings_after_the_first_scan_go() -> None:
    late = (JFIF, exif_segment(tiff_block(6)), *profile_segments(PROFILE), segment(0xEE, b"Adobe" + bytes(7)))
    data = dirty.JPEG[:-2] + b"".join(late) + dirty.JPEG[-2:]

    result, clean = cleaned(data)
    assert clean == dirty.JPEG
    assert result.facts.orientation == 1


@pytest.mark.parametrize("stray", dirty.STRAY_SEGMENTS, ids=["bytes", "TEM", "restart mark", "fill"])
def test_bytes_between_segments_go(stray: bytes) -> None:
    assert _clean(dirty.JPEG[:20] + stray + dirty.JPEG[20:]) == dirty.JPEG


@pytest.mark.parametrize("inside", [b"\xff\xd1", b"\xff\xff\xff\xd1", b"\xff\x01\x22\xff\xd2", b"\xff\xff\x00"])
def test_marks_and_fills_within_a_scan_stay(inside: bytes) -> None:
    data = dirty.JPEG[:-200] + inside + dirty.JPEG[-200:]

    assert _clean(data) == data
    assert _clean(with_segments(segment(0xFE, SECRET), picture=data) + dirty.TRAILER) == data


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "CMYK JPEG"])
def test_scans_are_equal_bit_for_bit(kind: str) -> None:
    assert scan_bytes(_clean(DIRTY[kind])) == scan_bytes(DIRTY[kind]).removesuffix(dirty.TRAILER)


def test_a_line_count_stays_and_data_in_its_name_goes() -> None:
    honest, loaded = (dirty.JPEG[:-2] + segment(0xDC, data) + dirty.JPEG[-2:] for data in (b"\x00\x20", b"\x00 SECRET"))

    assert _clean(honest) == honest
    assert _clean(loaded) == dirty.JPEG


def test_a_long_profile_is_put_in_order() -> None:
    profile = profile_of(150_000)
    one, two, three = profile_segments(profile)
    in_order = _clean(with_segments(one, two, three))

    assert _profile(in_order) == profile
    assert _clean(with_segments(three, segment(0xFE, SECRET), one, two)) == in_order


@pytest.mark.parametrize(
    "segments",
    [
        profile_segments(profile_of(150_000))[:2],
        profile_segments(profile_of(150_000))[1:],
        profile_segments(profile_of(150_000))[:1] * 3,
        profile_segments(PROFILE) * 2,
        profile_segments(bytes(3_000)),
        profile_segments(PROFILE + SECRET),
        profile_segments(PROFILE[:-1]),
        [segment(0xE2, b"ICC_PROFILE\x00\x01")],
        profile_segments(profile_of(MAX_PROFILE_BYTES + 4)),
    ],
    ids=["last missing", "first missing", "one thrice", "twice", "zeros", "too long", "too short", "cut", "huge"],
)
def test_what_is_no_profile_goes(segments: list[bytes]) -> None:
    assert _clean(with_segments(*segments)) == dirty.JPEG


def test_a_multi_picture_file_becomes_its_first_picture() -> None:
    data = encoded(drawn(), "MPO", save_all=True, append_images=[drawn(size=(80, 80), seed=2)])
    clean = _clean(data)

    with Image.open(io.BytesIO(data)) as both, Image.open(io.BytesIO(clean)) as first:
        assert (both.format, first.format) == ("MPO", "JPEG")
        assert first.tobytes() == both.tobytes()
    assert b"MPF" not in clean
    assert clean.count(b"\xff\xd8") == 1


@pytest.mark.parametrize(
    ("profile", "is_one"),
    [
        (PROFILE, True),
        (PROFILE + bytes(3), True),
        (PROFILE + bytes(4), False),
        (PROFILE[:-1], False),
        (PROFILE.replace(b"acsp", b"ACSP"), False),
        (PROFILE[:131], False),
        (b"", False),
        (profile_of(MAX_PROFILE_BYTES), True),
        (profile_of(MAX_PROFILE_BYTES + 1), False),
    ],
)
def test_profiles_are_told_from_other_bytes(profile: bytes, is_one: bool) -> None:
    assert is_profile(profile) == is_one


# PNG


def test_chunks_that_draw_stay() -> None:
    drawing = [
        (b"gAMA", 4), (b"cHRM", 32), (b"sRGB", 1), (b"cICP", 4), (b"mDCV", 24), (b"cLLI", 8), (b"sBIT", 3),
        (b"bKGD", 6), (b"tRNS", 6), (b"pHYs", 9),
    ]  # fmt: skip
    data = with_chunks(*(png_chunk(kind, bytes(length)) for kind, length in drawing))

    assert _clean(data) == data


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"gAMA", b"SECRET"), png_chunk(b"sBIT", b"SECRET"), png_chunk(b"tRNS", b"SECRET" * 50),
        png_chunk(b"fcTL", bytes(6) + b"\x00\x01" + bytes(2) + b"\x00\x01" + bytes(14)), png_chunk(b"fdAT", SECRET),
        png_chunk(b"acTL", SECRET), png_chunk(b"hIST", SECRET), png_chunk(b"tIME", SECRET), png_chunk(b"vpAg", SECRET),
        png_chunk(b"iCCP", b"SECRET"), png_chunk(b"iCCP", b"S\x00\x00" + zlib.compress(bytes(3_000))),
        png_chunk(b"iCCP", b"S\x00\x00" + zlib.compress(PROFILE) + SECRET),
        png_chunk(b"iCCP", b"S\x00\x00" + zlib.compress(PROFILE)[:-5]),
        png_chunk(b"iCCP", b"S\x00\x01" + zlib.compress(PROFILE)),
        png_chunk(b"iCCP", b"S" * 80 + b"\x00\x00" + zlib.compress(PROFILE)),
        png_chunk(b"iCCP", b"S\x00\x00" + zlib.compress(profile_of(MAX_PROFILE_BYTES + 4))),
    ],
)  # fmt: skip
def test_chunks_that_draw_nothing_go(chunk: bytes) -> None:
    assert _clean(with_chunks(chunk)) == dirty.PNG


def test_the_end_is_empty() -> None:
    assert _clean(dirty.PNG[:-12] + png_chunk(b"IEND", SECRET) + SECRET) == dirty.PNG


def test_only_the_first_profile_stays() -> None:
    first, second = (png_chunk(b"iCCP", name + b"\x00\x00" + zlib.compress(PROFILE)) for name in (b"first", b"second"))

    assert _clean(with_chunks(first, second)) == with_chunks(first)


def test_a_late_orientation_comes_to_the_front() -> None:
    data = dirty.PNG[:-12] + png_chunk(b"eXIf", tiff_block(8)) + dirty.PNG[-12:]

    assert list(png_chunks(_clean(data)))[1] == (b"eXIf", orientation_block(8))


def test_every_frame_of_an_animated_png_stays() -> None:
    kinds = [kind for kind, _ in png_chunks(_clean(DIRTY["animated PNG"]))]

    assert kinds.count(b"fcTL") == 3
    assert kinds.count(b"fdAT") >= 2
    assert len(pixels(_clean(DIRTY["animated PNG"]))) == 3


# WebP


def test_the_header_announces_what_is_there() -> None:
    chunks = list(webp_chunks(_clean(DIRTY["WebP"])))

    assert [kind for kind, _ in chunks] == [b"VP8X", b"ICCP", b"VP8 "]
    assert chunks[0][1] == b"\x20\x00\x00\x00\x2f\x00\x00\x1f\x00\x00"


def test_the_orientation_stands_after_the_picture() -> None:
    data = extended_webp(0xED, webp_chunk(b"XMP ", SECRET), webp_chunk(b"EXIF", tiff_block(6)))
    chunks = list(webp_chunks(_clean(data)))

    assert [kind for kind, _ in chunks] == [b"VP8X", b"VP8 ", b"EXIF"]
    assert chunks[0][1][0] == 0x08
    assert chunks[2][1] == orientation_block(6)


def test_exif_and_profile_that_are_not_announced_go() -> None:
    profile, exif = webp_chunk(b"ICCP", PROFILE), webp_chunk(b"EXIF", tiff_block(6))
    result, clean = cleaned(extended_webp(0, exif, before=(profile,)))

    assert result.facts.orientation == 1
    assert clean == extended_webp(0)


@pytest.mark.parametrize("profile", [bytes(3_000), profile_of(MAX_PROFILE_BYTES + 4), b""])
def test_a_webp_without_a_plausible_profile_has_none(profile: bytes) -> None:
    assert _clean(extended_webp(0x20, before=(webp_chunk(b"ICCP", profile),))) == extended_webp(0)


def test_the_length_is_that_of_the_file() -> None:
    clean = _clean(DIRTY["simple WebP"])

    assert struct.unpack_from("<I", clean, 4) == (len(clean) - 8,)
    assert clean == dirty.WEBP


def test_frames_lose_their_notes() -> None:
    assert b"NOTE" in DIRTY["animated WebP"]
    assert _clean(DIRTY["animated WebP"]) == dirty.WEBP_MOVING


def test_a_missing_padding_byte_is_written() -> None:
    ((kind, bitstream),) = webp_chunks(encoded(drawn(), "WEBP", lossless=True))
    odd = dirty.webp_file(webp_chunk(kind, bitstream + b"\x00" * (1 - len(bitstream) % 2))[:-1])
    clean = _clean(odd)

    assert len(clean) == len(odd) + 1
    assert clean[12:] == odd[12:] + b"\x00"


# GIF


def test_a_gif_keeps_timing_repeats_and_profile() -> None:
    profile = gif_extension(0xFF, b"ICCRGBG1012", *sub_blocks(PROFILE))
    repeats = gif_extension(0xFF, b"ANIMEXTS1.0", b"\x01\x05\x00")
    data = with_blocks(repeats, profile, picture=dirty.GIF_MOVING)

    assert _clean(data) == data
    with Image.open(io.BytesIO(_clean(DIRTY["animated GIF"]))) as picture:
        assert (picture.info["loop"], picture.info["duration"]) == (7, 40)


@pytest.mark.parametrize(
    "block",
    [
        gif_extension(0xFE, SECRET),
        gif_extension(0xFF, b"ICCRGBG1012", SECRET),
        gif_extension(0xFF, b"NETSCAPE2.0", b"\x02" + bytes(4)),
        gif_extension(0xFF, b"NETSCAPE2.0"),
        gif_extension(0xFF, b"NETSCAPE", b"\x01\x00\x00"),
        gif_extension(0xFF),
        gif_extension(0xF9, b"\x01\x02"),
        b"\x00",
    ],
)
def test_other_blocks_go(block: bytes) -> None:
    assert _clean(with_blocks(block)) == dirty.GIF


def test_controls_are_cut_to_their_length() -> None:
    loaded, plain = gif_extension(0xF9, b"\x05\x07\x00\x03SECRET", SECRET), gif_extension(0xF9, b"\x05\x07\x00\x03")

    assert _clean(with_blocks(loaded)) == with_blocks(plain)
    assert cleaned(with_blocks(loaded))[0].facts.has_alpha


def test_repeats_are_cut_to_their_number() -> None:
    loaded = gif_extension(0xFF, b"NETSCAPE2.0", b"\x01\x03\x00", b"\x02\x00\x00\x00\x00", SECRET)

    assert _clean(with_blocks(loaded)) == with_blocks(gif_extension(0xFF, b"NETSCAPE2.0", b"\x01\x03\x00"))
