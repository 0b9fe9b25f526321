"""Cleaning photos from real cameras, where a folder of them is at hand, and what ExifTool finds afterwards."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from media_assets.imaging.cleaning import clean_image
from media_assets.tests.dirty import DIRTY, pixels, scan_bytes
from media_assets.tests.pictures import PHOTOS

MAX_PIXELS = 50_000_000
WHOLE = {
    path.stem: path for path in sorted(PHOTOS.glob("*.jpg")) if path.stem not in ("corrupted",)
}  # there is one that no decoder reads to its end
EXIFTOOL = shutil.which("exiftool")
# What ExifTool tells of any file, and what is needed to show a picture as it was.
ALLOWED_GROUPS = {
    "SourceFile",
    "ExifTool",
    "System",
    "File",
    "Composite",
    "JFIF",
    "Adobe",
    "PNG",
    "PNG-pHYs",
    "RIFF",
    "GIF",
}
DRAWING_TAGS = {
    "PNG-pHYs": {"PixelsPerUnitX", "PixelsPerUnitY", "PixelUnits"},
    "PNG": {
        "ImageWidth", "ImageHeight", "BitDepth", "ColorType", "Compression", "Filter", "Interlace", "Gamma", "Palette",
        "ProfileName", "Transparency", "AnimationFrames",
        "AnimationPlays", "SignificantBits",
    },
    "RIFF": {"WebP_Flags", "ImageWidth", "ImageHeight", "VP8Version", "HorizontalScale", "VerticalScale", "AlphaIsUsed",
             "AnimationLoopCount", "BackgroundColor", "FrameCount", "Duration", "AlphaPreprocessing",
             "AlphaFiltering", "AlphaCompression"},
    "GIF": {"GIFVersion", "ImageWidth", "ImageHeight", "HasColorMap", "ColorResolutionDepth", "BitsPerPixel",
            "BackgroundColor", "PixelAspectRatio", "FrameCount", "Duration", "AnimationIterations", "TransparentColor"},
    "Composite": {"ImageSize", "Megapixels"},
}  # fmt: skip

photos = pytest.mark.skipif(not PHOTOS.is_dir(), reason="there is no folder of real photos")
with_exiftool = pytest.mark.skipif(EXIFTOOL is None, reason="ExifTool is not installed")


def _clean(data: bytes) -> bytes:
    return b"".join(clean_image(data, max_pixels=MAX_PIXELS).pieces)


def _told(data: bytes) -> dict[str, object]:
    """Every tag that ExifTool finds, embedded documents and unknown tags too, as Group:Name."""
    command = [str(EXIFTOOL), "-json", "-G1", "-a", "-ee", "-u", "-"]
    answer = subprocess.run(command, input=data, capture_output=True, check=True, timeout=60)
    return dict(json.loads(answer.stdout)[0])


def _metadata(told: dict[str, object]) -> set[str]:
    """The tags that say more than how to show the picture."""
    left = set()
    for name in told:
        group, _, tag = name.partition(":")
        is_drawn = group in ALLOWED_GROUPS and tag in DRAWING_TAGS.get(group, {tag})
        if not is_drawn and not group.startswith("ICC"):
            left.add(name)
    return left


@photos
@pytest.mark.parametrize("name", WHOLE)
def test_photos_keep_every_pixel(name: str) -> None:
    data = WHOLE[name].read_bytes()
    result = clean_image(data, max_pixels=MAX_PIXELS)
    clean = b"".join(result.pieces)

    assert (result.changed, len(clean)) == (True, result.size)
    assert scan_bytes(clean) == scan_bytes(data)
    assert pixels(clean) == pixels(data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(clean)) as after:
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        upright = ImageOps.exif_transpose(after)
        assert upright.size == (result.facts.width, result.facts.height)
        assert upright.tobytes() == ImageOps.exif_transpose(before).tobytes()
    again = clean_image(clean, max_pixels=MAX_PIXELS)
    assert (again.changed, again.had_location, b"".join(again.pieces)) == (False, False, clean)


@photos
def test_the_located_photos_are_those_with_coordinates() -> None:
    located = {
        name for name, path in WHOLE.items() if clean_image(path.read_bytes(), max_pixels=MAX_PIXELS).had_location
    }

    # The Canon's GPS directory holds its version and nothing else.
    assert located == {"gps_nikon", "phone_nokia"}


@photos
@with_exiftool
@pytest.mark.parametrize("name", WHOLE)
def test_exiftool_finds_nothing_in_clean_photos(name: str) -> None:
    data = WHOLE[name].read_bytes()
    left = _metadata(_told(_clean(data)))

    assert _metadata(_told(data))
    assert left == ({"IFD0:Orientation"} if clean_image(data, max_pixels=MAX_PIXELS).facts.orientation > 1 else set())


@with_exiftool
@pytest.mark.parametrize("kind", DIRTY)
def test_exiftool_finds_nothing_in_clean_pictures(kind: str) -> None:
    assert _metadata(_told(DIRTY[kind]))
    assert _metadata(_told(_clean(DIRTY[kind]))) == set()


@with_exiftool
def test_exiftool_adds_what_cleaning_removes(tmp_path: Path) -> None:
    for name, data in (("JPEG", DIRTY["JPEG"]), ("PNG", DIRTY["PNG"]), ("WebP", DIRTY["WebP"])):
        path = tmp_path / f"picture.{name.lower()}"
        path.write_bytes(_clean(data))
        tags = ["-GPSLatitude=52.5", "-GPSLatitudeRef=N", "-XMP:City=Berlin", "-Artist=SECRET", "-Comment=SECRET"]
        subprocess.run([str(EXIFTOOL), "-q", "-overwrite_original", *tags, str(path)], check=True, timeout=60)
        result = clean_image(path.read_bytes(), max_pixels=MAX_PIXELS)

        assert result.had_location
        assert pixels(b"".join(result.pieces)) == pixels(data)
        assert _metadata(_told(b"".join(result.pieces))) == set()
