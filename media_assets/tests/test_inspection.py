import mmap
import random
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from media_assets.imaging import ImageFacts, InvalidImage, inspect_image
from media_assets.imaging.facts import MAX_FRAMES
from media_assets.tests.pictures import MAX_PIXELS, animated, drawn, encoded, exif_block, refusal

WHOLE_FILES = {
    "jpeg": encoded(drawn(), "JPEG", exif=exif_block(6)),
    "progressive jpeg": encoded(drawn(), "JPEG", progressive=True),
    "png": encoded(drawn("RGBA"), "PNG", exif=exif_block(3)),
    "animated png": animated("PNG"),
    "webp": encoded(drawn(), "WEBP"),
    "lossless webp": encoded(drawn("RGBA"), "WEBP", lossless=True, exif=exif_block(8)),
    "animated webp": animated("WEBP"),
    "gif": encoded(drawn("P"), "GIF"),
    "animated gif": animated("GIF"),
}

FOREIGN_FILES = {
    "SVG file": b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg"/>',
    "XML file": b"<?xml version='1.0'?><feed/>",
    "web page": b"\n <!DOCTYPE html><title>Hello</title>",
    "PDF document": b"%PDF-1.7\n",
    "BMP picture": encoded(drawn(), "BMP"),
    "TIFF": encoded(drawn(), "TIFF"),
    "ICO icon": encoded(drawn(), "ICO"),
    "PSD": b"8BPS\x00\x01" + bytes(20),
    "JPEG XL": b"\x00\x00\x00\x0cJXL \r\n\x87\n",
    "JPEG 2000": encoded(drawn(), "JPEG2000"),
    "program": b"\x7fELF\x02\x01\x01" + bytes(9),
    "program ": b"MZ\x90\x00" + bytes(9),
    "ZIP archive": b"PK\x03\x04" + bytes(26),
    "HEIC": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic",
    "HEIC/HEIF": b"\x00\x00\x00\x14ftypmsf1\x00\x00\x00\x00hevc",
    "AVIF": b"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1avif",
    "camera raw": b"\x00\x00\x00\x14ftypcrx \x00\x00\x00\x01isom",
    "video (MP4": b"\x00\x00\x00\x14ftypisom\x00\x00\x02\x00mp42",
    "sound or video": b"RIFF\x24\x00\x00\x00WAVEfmt ",
}


@pytest.mark.parametrize(
    ("name", "content_type", "extension", "size", "frames"),
    [
        ("jpeg", "image/jpeg", "jpg", (32, 48), 1),
        ("png", "image/png", "png", (48, 32), 1),
        ("animated png", "image/png", "png", (48, 32), 3),
        ("lossless webp", "image/webp", "webp", (32, 48), 1),
        ("animated webp", "image/webp", "webp", (48, 32), 3),
        ("animated gif", "image/gif", "gif", (48, 32), 3),
    ],
)
def test_each_format_is_told_from_its_bytes(
    name: str, content_type: str, extension: str, size: tuple[int, int], frames: int
) -> None:
    facts = inspect_image(WHOLE_FILES[name], max_pixels=MAX_PIXELS)

    assert (facts.content_type, facts.extension) == (content_type, extension)
    assert (facts.width, facts.height) == size
    assert facts.frames == frames


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_every_kind_of_buffer_gives_the_same_facts(name: str, tmp_path: Path) -> None:
    data = WHOLE_FILES[name]
    expected = inspect_image(data, max_pixels=MAX_PIXELS)
    path = tmp_path / "picture"
    path.write_bytes(data)

    assert inspect_image(bytearray(data), max_pixels=MAX_PIXELS) == expected
    assert inspect_image(memoryview(b"--" + data)[2:], max_pixels=MAX_PIXELS) == expected
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert inspect_image(mapped, max_pixels=MAX_PIXELS) == expected


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_mapped_file_can_be_closed_while_its_refusal_is_handled(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(WHOLE_FILES[name][:-1])

    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        with pytest.raises(InvalidImage) as caught:
            inspect_image(mapped, max_pixels=MAX_PIXELS)
        # An exported view left in the traceback would make this raise BufferError.
        mapped.close()
    assert caught.value.code == "truncated"


def test_no_bytes_are_empty() -> None:
    assert refusal(b"") == "empty"


@pytest.mark.parametrize("name", FOREIGN_FILES)
def test_other_formats_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidImage, match="Send a JPEG, PNG, WebP, GIF, HEIC or AVIF") as caught:
        inspect_image(FOREIGN_FILES[name], max_pixels=MAX_PIXELS)

    assert caught.value.code == "unsupported_type"
    assert name.strip() in caught.value.message


@pytest.mark.parametrize(
    "data",
    [
        b"\x00",
        b"just some words",
        b"BMovies are best",
        b"\xff\xd8",
        b"<3",
        b"see <svg",
        random.Random(3).randbytes(4_000),
    ],
)
def test_anything_else_is_not_an_image(data: bytes) -> None:
    assert refusal(data) == "not_an_image"


def test_the_name_of_a_format_inside_the_file_does_not_count() -> None:
    assert refusal(b"GIF88a" + WHOLE_FILES["gif"][6:]) == "not_an_image"
    assert refusal(b" " + WHOLE_FILES["jpeg"]) == "not_an_image"
    assert refusal(b"LIST" + WHOLE_FILES["webp"][4:]) == "not_an_image"


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_the_pixel_limit_counts_all_frames(name: str) -> None:
    frames = inspect_image(WHOLE_FILES[name], max_pixels=MAX_PIXELS).frames
    pixels = 48 * 32 * frames

    assert refusal(WHOLE_FILES[name], max_pixels=pixels) == "accepted"
    assert refusal(WHOLE_FILES[name], max_pixels=pixels - 1) == "too_many_pixels"


def test_the_pixel_refusal_says_both_numbers() -> None:
    with pytest.raises(InvalidImage, match=r"48 by 32 pixels; at most 1 500 pixels .* Send a smaller one\."):
        inspect_image(WHOLE_FILES["jpeg"], max_pixels=1_500)


@pytest.mark.parametrize("file_format", ["GIF", "PNG", "WEBP"])
def test_many_frames_are_refused_even_of_one_pixel(file_format: str) -> None:
    frames = [Image.new("RGB", (1, 1), (number % 256, number // 256, 9)) for number in range(MAX_FRAMES + 1)]
    options: dict[str, Any] = {"duration": [20 + number % 2 * 20 for number in range(len(frames))]}
    if file_format == "WEBP":
        options |= {"lossless": True, "minimize_size": False}
    data = encoded(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
    options["duration"].pop()
    fewer = encoded(frames[0], file_format, save_all=True, append_images=frames[1:-1], **options)

    assert refusal(data) == "too_many_frames"
    assert refusal(fewer) == "accepted"


def _mutated(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(changed))
        end = min(len(changed), start + chance.choice((1, 1, 2, 4, 9)))
        kind = chance.randrange(5)
        if kind == 0:
            changed[start] ^= 1 << chance.randrange(8)
        elif kind == 1:
            changed[start:end] = chance.choice((b"\x00", b"\xff", b"\x7f")) * (end - start)
        elif kind == 2:
            del changed[start:end]
        elif kind == 3:
            changed[start:start] = changed[start:end]
        else:
            changed[start:end] = chance.randbytes(end - start)
        if not changed:
            return b""
    return bytes(changed[: chance.randrange(1, len(changed) + 1)] if chance.random() < 0.1 else changed)


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_damaged_files_give_facts_or_a_refusal_and_nothing_else(name: str) -> None:
    chance = random.Random(name)
    # Short files are nearly all structure, which is what damage should hit.
    data = WHOLE_FILES[name]
    head_only = data[:400] + data[-60:]
    codes = {refusal(_mutated(source, chance)) for source in (data, head_only) for _ in range(1_500)}

    assert {"truncated", "corrupt", "not_an_image"} <= codes


@pytest.mark.parametrize("start", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\xff\x00\x00\x00WEBP", b"GIF89a"])
def test_noise_after_a_signature_is_refused(start: bytes) -> None:
    chance = random.Random(start)
    results = [refusal(start + chance.randbytes(chance.randrange(300))) for _ in range(1_000)]

    assert set(results) <= {"truncated", "corrupt", "unsupported_type", "too_many_pixels"}


def test_the_pixel_refusal_of_an_animation_says_its_frames() -> None:
    with pytest.raises(InvalidImage, match=r"48 by 32 pixels in 2 or more frames"):
        inspect_image(WHOLE_FILES["animated gif"], max_pixels=1_600)


def test_facts_cannot_be_changed() -> None:
    facts = inspect_image(WHOLE_FILES["png"], max_pixels=MAX_PIXELS)

    assert facts == ImageFacts("image/png", "png", 48, 32, 1, 3, True)
    with pytest.raises(AttributeError):
        facts.width = 1  # type: ignore[misc]
