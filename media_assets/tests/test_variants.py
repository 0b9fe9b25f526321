"""The smaller copies: sizes, upright, colours, transparency, the formats' kinds of pixels; and what is refused."""

import base64
import io
import json
import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageOps

from media_assets.imaging.isolation import ROOT, DecodeFailed, run_isolated
from media_assets.imaging.thumbhash import thumbhash
from media_assets.imaging.variants import is_srgb, make_variants, wanted_sizes
from media_assets.tests.made import difference, made_of, only_variant, refusal_of_variants
from media_assets.tests.pictures import PHOTOS, animated, drawn, encoded

LIMITS = {"timeout": 20.0, "memory_bytes": 256 * 1024 * 1024, "cpu_seconds": 20}


def _scene(mode: str = "RGB", size: tuple[int, int] = (480, 320)) -> Image.Image:
    """A smooth picture whose four corners differ, so that turning it shows."""
    colours = [(250, 30, 20), (20, 200, 40), (30, 60, 240), (240, 230, 40)]
    small = Image.new("RGB", (2, 2))
    small.putdata(colours)
    picture = small.resize(size, Image.Resampling.BICUBIC)
    if mode in ("RGBA", "LA"):
        picture.putalpha(Image.linear_gradient("L").resize(size))
    return picture.convert(mode)


def test_variants_say_what_they_are(tmp_path: Path) -> None:
    made = made_of(tmp_path, encoded(_scene(), "JPEG"), "image/jpeg", [100, 300, 480, 1600, 100])

    assert (made["width"], made["height"]) == (480, 320)
    assert [(entry["width"], entry["height"]) for entry in made["variants"]] == [(300, 200), (100, 67)]
    for entry in made["variants"]:
        path = Path(entry["path"])
        assert path == tmp_path / f"{entry['width']}.webp"
        assert (entry["content_type"], entry["size"]) == ("image/webp", path.stat().st_size)
    assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize(
    "size, widths, wanted",
    [
        ((4000, 3000), [320, 1600, 800], [(1600, 1200), (800, 600), (320, 240)]),
        ((320, 100), [320, 800], []),  # never as wide as the original, or wider
        ((321, 100), [320, 800], [(320, 100)]),
        ((10_000, 2), [320], [(320, 1)]),  # never without height
        ((400, 50_000), [320, 100], [(100, 12_500)]),  # 320 would be higher than WebP can be
        ((100, 100), [0, -5, 50], [(50, 50)]),
    ],
)
def test_wanted_sizes(size: tuple[int, int], widths: list[int], wanted: list[tuple[int, int]]) -> None:
    assert wanted_sizes(size, widths) == wanted


def test_a_picture_narrower_than_every_preset_has_a_placeholder_only(tmp_path: Path) -> None:
    made = made_of(tmp_path, encoded(_scene(size=(60, 40)), "PNG"), "image/png", [320])

    assert made["variants"] == []
    assert 5 < len(base64.b64decode(made["placeholder"], validate=True)) <= 25


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("size", [(480, 320), (200, 400)], ids=["landscape", "portrait"])
def test_variants_are_upright(orientation: int, size: tuple[int, int], tmp_path: Path) -> None:
    stored = _scene(size=size)
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(stored, "JPEG", exif=exif, quality=95)

    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    made = made_of(tmp_path, data, "image/jpeg", [120], orientation)

    assert (made["width"], made["height"]) == upright.size
    with Image.open(made["variants"][0]["path"]) as variant:
        assert variant.width == 120
        assert difference(variant, upright) < 4


@pytest.mark.parametrize("file_format, content_type", [("JPEG", "image/jpeg"), ("PNG", "image/png")])
@pytest.mark.parametrize("mode", ["1", "L", "RGB"])
def test_kinds_of_pixels(mode: str, file_format: str, content_type: str, tmp_path: Path) -> None:
    if (mode, file_format) == ("1", "JPEG"):
        mode = "CMYK"
    picture = _scene(mode)

    variant = only_variant(tmp_path, encoded(picture, file_format), content_type)

    assert difference(variant, picture.convert("RGB")) < 6


@pytest.mark.parametrize("mode", ["P", "LA", "RGBA"])
def test_kinds_of_pixels_of_png_with_palette_and_transparency(mode: str, tmp_path: Path) -> None:
    picture = _scene("RGB").quantize(64) if mode == "P" else _scene(mode)

    variant = only_variant(tmp_path, encoded(picture, "PNG"), "image/png")

    assert ("A" in variant.mode) is (mode != "P")
    assert difference(variant, picture.convert("RGB" if mode == "P" else "RGBA")) < 8


def _png_16_bits(samples: bytes, width: int, height: int, colour_type: int) -> bytes:
    """Pillow writes no RGB with 16 bits."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = len(samples) // height
    lines = b"".join(b"\x00" + samples[start : start + row] for start in range(0, len(samples), row))
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("mode, colour_type", [("L", 0), ("RGB", 2), ("RGBA", 6)])
def test_sixteen_bits_a_channel(mode: str, colour_type: int, tmp_path: Path) -> None:
    picture = _scene(mode, (240, 160))
    samples = b"".join(bytes((value, value)) for value in picture.tobytes())

    variant = only_variant(tmp_path, _png_16_bits(samples, 240, 160, colour_type), "image/png")

    assert difference(variant, picture) < 6


@pytest.mark.parametrize("file_format, content_type", [("PNG", "image/png"), ("WEBP", "image/webp")])
def test_transparency_is_kept_and_bleeds_no_colour(file_format: str, content_type: str, tmp_path: Path) -> None:
    picture = Image.new("RGBA", (400, 400), (0, 255, 0, 0))  # what cannot be seen is green
    picture.paste((200, 0, 0, 255), (100, 100, 300, 300))
    options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}

    variant = only_variant(tmp_path, encoded(picture, file_format, **options), content_type).convert("RGBA")

    assert variant.getpixel((2, 2))[3] == 0
    on_white = Image.alpha_composite(Image.new("RGBA", variant.size, "white"), variant)
    assert on_white.getpixel((60, 60))[:3] == pytest.approx((200, 0, 0), abs=12)
    red, green, *_ = on_white.split()
    assert ImageChops.subtract(green, red).getextrema()[1] < 30, "hidden green shows at the edge"


@pytest.mark.parametrize("file_format, content_type", [("GIF", "image/gif"), ("WEBP", "image/webp")])
def test_an_animation_gives_its_first_frame(file_format: str, content_type: str, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (200, 100), (220, 20, 20)), Image.new("RGB", (200, 100), (20, 20, 220))
    data = encoded(first, file_format, save_all=True, append_images=[second], duration=50)

    variant = only_variant(tmp_path, data, content_type, 100)

    assert getattr(variant, "n_frames", 1) == 1
    assert difference(variant, first) < 8


def _wide_profile() -> bytes:
    """sRGB with its red and green primaries exchanged: whoever does not convert shows it clearly."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ", 128), profile.index(b"gXYZ", 128)
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile).replace(b"s\x00R\x00G\x00B", b"t\x00e\x00s\x00t")


def test_colours_are_converted_by_the_embedded_profile(tmp_path: Path) -> None:
    profile = _wide_profile()
    assert not is_srgb(profile)
    red = Image.new("RGB", (200, 100), (230, 30, 30))

    variant = only_variant(tmp_path, encoded(red, "PNG", icc_profile=profile), "image/png", 100)

    expected = ImageCms.profileToProfile(
        red, ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB"), renderingIntent=1
    )
    assert difference(variant, expected) < 8
    assert difference(variant, red) > 50


def test_an_srgb_profile_and_a_broken_one_change_nothing(tmp_path: Path) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert is_srgb(srgb)
    for profile in (srgb, b"no profile at all" * 20):
        variant = only_variant(tmp_path, encoded(_scene(), "JPEG", icc_profile=profile), "image/jpeg")
        assert difference(variant, _scene()) < 5


def test_is_srgb_reads_no_further_than_the_profile() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert not any(is_srgb(srgb[:length]) for length in range(140))
    assert not is_srgb(b"\xff" * 300)


@pytest.mark.parametrize("file_format, content_type", [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_damage_is_refused(file_format: str, content_type: str, tmp_path: Path) -> None:
    data = encoded(drawn(size=(200, 150)), file_format)

    assert refusal_of_variants(tmp_path, data[: len(data) // 2], content_type).startswith("The decoder says: ")
    assert refusal_of_variants(tmp_path, b"", content_type)


def test_other_decoders_cannot_be_reached(tmp_path: Path) -> None:
    picture = drawn(size=(200, 150))
    for data in (encoded(picture, "TIFF"), encoded(picture, "BMP"), b"<svg xmlns='http://www.w3.org/2000/svg'/>"):
        assert refusal_of_variants(tmp_path, data, "image/png")
    assert "no decoder" in refusal_of_variants(tmp_path, encoded(picture, "TIFF"), "image/tiff")


def test_too_many_pixels_are_refused(tmp_path: Path) -> None:
    assert "at most 10000" in refusal_of_variants(tmp_path, encoded(_scene(), "PNG"), "image/png", max_pixels=10_000)


def test_too_many_frames_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media_assets.imaging.variants.MAX_FRAMES", 2)
    assert "3 frames" in refusal_of_variants(tmp_path, animated("WEBP", 3), "image/webp")


# The answers of the reference implementation (js/thumbhash.js) for `_pattern`.
REFERENCE = [
    (32, 24, False, "HTgOLYZAZohleImGiHeIh2CJCm1C"),
    (24, 32, False, "3DcOLQhQhnSIeIh4iId3iHCXWh+I"),
    (32, 24, True, "HhiGFIIXQIV1ioV5CLbZ8xiTAlome4d3Bw=="),
    (100, 75, False, "HwgGBYJlZTZlRwd2dmV3dpYM5t9E"),
]


def _pattern(width: int, height: int, has_alpha: bool) -> bytes:
    places = [(x, y) for y in range(height) for x in range(width)]
    pixels = ((x * 7 + y * 3, x * x + y, x * y + 40, x * 11 + y * 5 if has_alpha else 255) for x, y in places)
    return bytes(value % 256 for pixel in pixels for value in pixel)


@pytest.mark.parametrize("width, height, has_alpha, expected", REFERENCE)
def test_thumbhash_is_the_reference_s(width: int, height: int, has_alpha: bool, expected: str) -> None:
    assert base64.b64encode(thumbhash(width, height, _pattern(width, height, has_alpha))).decode() == expected


@pytest.mark.parametrize("width, height", [(1, 1), (1, 32), (32, 1)])
@pytest.mark.parametrize("pixel", [b"\x00" * 4, b"\xff" * 4, b"\xff\x00\x00\xff", b"\x00\xff\x00\x80"])
def test_thumbhash_of_plain_and_narrow_pictures(width: int, height: int, pixel: bytes) -> None:
    hashed = thumbhash(width, height, pixel * (width * height))

    assert 5 < len(hashed) <= 25
    assert bool(hashed[2] & 0x80) is (pixel[3] < 255)


@pytest.mark.parametrize("width, height, length", [(0, 1, 0), (101, 1, 404), (2, 2, 15)])
def test_thumbhash_of_anything_else_is_an_error(width: int, height: int, length: int) -> None:
    with pytest.raises(ValueError, match="no RGBA picture"):
        thumbhash(width, height, bytes(length))


def test_the_placeholder_shows_the_picture(tmp_path: Path) -> None:
    """Fed with 32 pixels it says what 100 pixels say: no part of it moves by more than one step."""
    picture = _scene(size=(1200, 900))
    placeholder = base64.b64decode(made_of(tmp_path, encoded(picture, "PNG"), "image/png", [320])["placeholder"])

    large = picture.convert("RGBA").resize((100, 75), Image.Resampling.LANCZOS)
    expected = thumbhash(100, 75, large.tobytes())
    assert placeholder[3:5] == expected[3:5]  # the shape
    nibbles = zip(placeholder[5:].hex(), expected[5:].hex(), strict=True)
    assert max(abs(int(one, 16) - int(other, 16)) for one, other in nibbles) <= 1


def _converted(folder: Path, data: bytes, max_pixels: int = 50_000_000) -> tuple[dict[str, Any], Image.Image]:
    source, target = folder / "source", folder / "target.jpg"
    source.write_bytes(data)
    made = run_isolated("to_jpeg", {"source": str(source), "target": str(target), "max_pixels": max_pixels}, **LIMITS)
    with Image.open(target, formats=["JPEG"]) as picture:
        picture.load()
    assert (made["width"], made["height"], made["content_type"]) == (*picture.size, "image/jpeg")
    assert made["size"] == target.stat().st_size
    assert not {"exif", "comment", "xmp", "photoshop"} & set(picture.info)
    return made, picture


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_avif_becomes_an_upright_jpeg(orientation: int, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "A maker"
    data = encoded(_scene(), "AVIF", exif=exif, quality=90)

    _, picture = _converted(tmp_path, data)

    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert (upright.width > upright.height) is (orientation < 5)
    assert picture.size == upright.size
    assert difference(picture, upright) < 4


def test_avif_keeps_its_profile_and_loses_its_transparency(tmp_path: Path) -> None:
    profile = _wide_profile()
    _, picture = _converted(tmp_path, encoded(_scene(), "AVIF", icc_profile=profile))
    assert picture.info["icc_profile"] == profile

    _, flat = _converted(tmp_path, encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 0)), "AVIF"))
    assert flat.convert("L").getextrema()[0] > 250


@pytest.mark.parametrize("has_gps", [True, False])
def test_a_conversion_says_whether_there_was_a_location(has_gps: bool, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    if has_gps:
        exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}

    made, _ = _converted(tmp_path, encoded(_scene(), "AVIF", exif=exif))

    assert made["had_location"] is has_gps


@pytest.mark.parametrize("rubbish", [b"MM\x00*\xff\xff\xff\xff", b"II*\x00\x08\x00\x00\x00\xff\xff"])
def test_broken_exif_does_not_spoil_a_conversion(rubbish: bytes, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A maker with a long name"
    block = exif.tobytes()[len(b"Exif\x00\x00") :]
    data = encoded(_scene(), "AVIF", exif=exif)
    assert data.count(block) == 1

    _, picture = _converted(tmp_path, data.replace(block, rubbish.ljust(len(block), b"\x7f")))

    assert picture.size == (480, 320)


def _conversion_refusal(folder: Path, data: bytes, max_pixels: int = 50_000_000) -> str:
    with pytest.raises(DecodeFailed) as caught:
        _converted(folder, data, max_pixels)
    assert caught.value.code == "refused"
    return caught.value.reason


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "GIF", "TIFF"])
def test_only_heif_and_avif_are_converted(file_format: str, tmp_path: Path) -> None:
    assert "neither" in _conversion_refusal(tmp_path, encoded(_scene(), file_format))


def test_a_large_or_damaged_avif_is_refused(tmp_path: Path) -> None:
    data = encoded(_scene(), "AVIF")
    assert "pixels" in _conversion_refusal(tmp_path, data, 153_599)
    assert "pixels" in _conversion_refusal(tmp_path, data, 1_000)
    assert _conversion_refusal(tmp_path, data[: len(data) // 2])


def test_the_heic_of_a_phone_becomes_a_jpeg(tmp_path: Path) -> None:
    heic = PHOTOS / "phone_iphone.heic"
    if not heic.is_file():
        pytest.skip("there is no folder of real photos")
    target = tmp_path / "target.jpg"

    arguments = {"source": str(heic), "target": str(target), "max_pixels": 50_000_000}
    made = run_isolated("to_jpeg", arguments, **LIMITS)

    with Image.open(target) as picture:
        assert picture.size == (made["width"], made["height"]) == (3024, 4032)
        assert isinstance(made["had_location"], bool)
        assert b"Display P3" in picture.info["icc_profile"].replace(b"\x00", b"")
        assert not picture.getexif()


def test_the_job_answers_what_the_function_answers(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(encoded(_scene(), "JPEG"))
    arguments = {"source": str(source), "folder": str(tmp_path), "widths": [100, 320]}
    kind = {"content_type": "image/jpeg", "orientation": 6}

    assert run_isolated("make_variants", arguments | kind, **LIMITS) == make_variants(**arguments, **kind)
    source.write_bytes(b"rubbish")
    with pytest.raises(DecodeFailed) as caught:
        run_isolated("make_variants", arguments | kind, **LIMITS)
    assert caught.value.code == "refused"


def test_the_helper_loads_neither_django_nor_pillow() -> None:
    script = (
        "import sys, json; from media_assets.imaging import child; child.prepare(); import os; "
        "print(json.dumps([sorted(sys.modules), len(os.listdir('/proc/self/task')) if os.path.isdir('/proc') else 1]))"
    )
    environment = {"PATH": os.environ["PATH"]}
    out = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, check=True)
    modules, threads = json.loads(out.stdout)

    assert not {"django", "PIL", "boto3"} & set(modules)
    assert threads == 1, "a process with threads must not fork"
