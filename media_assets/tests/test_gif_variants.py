"""Variants of GIFs: the first frame on the whole canvas, wherever it lies on it; and what is refused."""

import base64
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from conftest import draw
from media_assets.imaging import InvalidImage, inspect_image
from media_assets.imaging.facts import Part
from media_assets.imaging.inspection import walk_image
from media_assets.imaging.isolation import run_isolated
from media_assets.models import State
from media_assets.tests.made import difference, made_of, only_variant, refusal_of_variants
from media_assets.tests.pictures import encoded

RED, BLUE = (220, 30, 20), (20, 40, 230)
TRANSPARENT_INDEX = 255
LIMITS = {"timeout": 20.0, "memory_bytes": 256 * 1024 * 1024, "cpu_seconds": 20}


def _screen(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0)


def _control(disposal: int = 0, *, transparent: bool = False) -> bytes:
    return b"\x21\xf9\4" + struct.pack("<BHBB", disposal << 2 | transparent, 5, TRANSPARENT_INDEX * transparent, 0)


def _frame(picture: Image.Image, left: int = 0, top: int = 0, *, interlace: int = 0) -> bytes:
    """The frame that Pillow writes, with colours of its own, at this place of a canvas."""
    data, parts = encoded(picture, "GIF", interlace=interlace, optimize=False), list[Part]()
    walk_image(memoryview(data), max_pixels=10_000_000, parts=parts)
    colours = data[13 : parts[0].end]
    [frame] = [bytearray(data[part.start : part.end]) for part in parts if part.kind == b","]
    struct.pack_into("<HH", frame, 1, left, top)
    frame[9] |= 0x80 | data[10] & 7
    return bytes(frame[:10]) + colours + bytes(frame[10:])


def _halves(size: tuple[int, int] = (200, 100)) -> Image.Image:
    """Red above, blue below."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (0, size[1] // 2, *size))
    return picture


def _on_canvas(size: tuple[int, int], picture: Image.Image, left: int = 0, top: int = 0) -> Image.Image:
    canvas = Image.new("RGBA", size)
    canvas.paste(picture, (left, top))
    return canvas


FRAME, WIDE, PLAIN = _halves(), _halves((1200, 200)), Image.new("RGB", (300, 200), "green")
CANVAS = (300, 200)
# Name: the file, and what a browser shows first.
SHOWN: dict[str, tuple[bytes, Image.Image]] = {
    "smaller": (_screen(*CANVAS) + _frame(FRAME), _on_canvas(CANVAS, FRAME)),
    "smaller, offset": (_screen(*CANVAS) + _frame(FRAME, 80, 60), _on_canvas(CANVAS, FRAME, 80, 60)),
    "canvas as large as a screen": (_screen(640, 480) + _frame(FRAME, 80, 60), _on_canvas((640, 480), FRAME, 80, 60)),
    "another screen": (_screen(1024, 768) + _frame(FRAME, 824, 668), _on_canvas((1024, 768), FRAME, 824, 668)),
    "wide canvas": (_screen(2400, 300) + _frame(WIDE, 600, 60), _on_canvas((2400, 300), WIDE, 600, 60)),
    "larger": (_screen(100, 50) + _frame(FRAME), FRAME),
    "past the edge": (_screen(200, 100) + _frame(FRAME, 100, 50), _on_canvas((300, 150), FRAME, 100, 50)),
    "outside": (_screen(200, 100) + _frame(FRAME, 200, 100), _on_canvas((400, 200), FRAME, 200, 100)),
    "no canvas": (_screen(0, 0) + _frame(FRAME, 20, 30), _on_canvas((220, 130), FRAME, 20, 30)),
    "interlaced": (_screen(*CANVAS) + _frame(FRAME, 80, 60, interlace=1), _on_canvas(CANVAS, FRAME, 80, 60)),
    "later frame larger": (_screen(*CANVAS) + _frame(FRAME) + _frame(PLAIN, 90, 90), _on_canvas(CANVAS, FRAME)),
    "whole": (_screen(*CANVAS) + _frame(PLAIN), PLAIN),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_first_frame_stands_on_the_whole_canvas(name: str, tmp_path: Path) -> None:
    data, expected = SHOWN[name][0] + b";", SHOWN[name][1]
    facts = inspect_image(data, max_pixels=1_000_000)
    assert (facts.width, facts.height) == expected.size

    variant = only_variant(tmp_path, data, "image/gif", 180)

    assert variant.has_transparency_data == expected.has_transparency_data
    _require_same(variant, expected)


def _require_same(variant: Image.Image, expected: Image.Image) -> None:
    """The same picture where `expected` has one, nothing around it."""
    small = expected.convert("RGBA").resize(variant.size, Image.Resampling.BOX)
    left, top, right, bottom = small.getbbox() or (0, 0, 0, 0)
    both = [_over_grey(picture).crop((left, top, right, bottom)) for picture in (variant, small)]
    assert difference(*both) < 12
    around = variant.convert("RGBA").getchannel("A")
    around.paste(0, (left - 3, top - 3, right + 3, bottom + 3))  # as far as the resampler reaches
    assert around.getextrema()[1] < 2


def _over_grey(picture: Image.Image) -> Image.Image:
    """What cannot be seen has no colour to compare."""
    grey = Image.new("RGBA", picture.size, "grey")
    return Image.alpha_composite(grey, picture.convert("RGBA")).convert("RGB")


@pytest.mark.parametrize("disposal", range(8))
def test_how_a_frame_is_disposed_of_does_not_change_the_first(disposal: int, tmp_path: Path) -> None:
    data = _screen(640, 480) + _control(disposal) + _frame(FRAME, 40, 20) + _control(disposal) + _frame(PLAIN) + b";"

    variant = only_variant(tmp_path, data, "image/gif", 320)

    _require_same(variant, _on_canvas((640, 480), FRAME, 40, 20))


def test_a_transparent_first_frame_stays_so(tmp_path: Path) -> None:
    empty = Image.new("P", (200, 100), TRANSPARENT_INDEX)
    empty.putpalette(bytes(range(256)) * 3)
    data = _screen(640, 480) + _control(1, transparent=True) + _frame(empty, 30, 30) + _control() + _frame(FRAME) + b";"

    answer = made_of(tmp_path, data, "image/gif", [320, 100])

    for entry in answer["variants"]:
        with Image.open(entry["path"]) as variant:
            assert variant.convert("RGBA").getchannel("A").getextrema() == (0, 0)
    assert [(entry["width"], entry["height"]) for entry in answer["variants"]] == [(320, 240), (100, 75)]
    assert base64.b64decode(answer["placeholder"], validate=True)


def test_a_hole_in_the_frame_stays_open(tmp_path: Path) -> None:
    picture = Image.new("P", (200, 100), 1)
    picture.putpalette([0, 0, 0, *RED, *[0] * (254 * 3)])
    picture.paste(TRANSPARENT_INDEX, (0, 0, 100, 100))
    data = _screen(640, 480) + _control(transparent=True) + _frame(picture, 100, 100) + b";"

    alpha = only_variant(tmp_path, data, "image/gif", 320).getchannel("A")

    assert [alpha.getpixel(place) for place in ((20, 75), (75, 75), (125, 75), (175, 75))] == [0, 0, 255, 0]


def test_a_frame_without_size_is_refused(tmp_path: Path) -> None:
    for size in (struct.pack("<HH", 0, 100), struct.pack("<HH", 200, 0)):
        frame = bytearray(_frame(FRAME))
        frame[5:9] = size
        data = _screen(640, 480) + bytes(frame) + b";"
        with pytest.raises(InvalidImage) as caught:
            inspect_image(data, max_pixels=1_000_000)
        assert caught.value.code == "corrupt"
        assert refusal_of_variants(tmp_path, data, "image/gif")


def test_a_canvas_that_the_decoder_does_not_see_counts(tmp_path: Path) -> None:
    data = _screen(640, 480) + _frame(FRAME) + b";"

    assert "at most 100 000" in refusal_of_variants(tmp_path, data, "image/gif", max_pixels=100_000)


def test_a_huge_canvas_around_a_small_frame_is_not_held_in_memory(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(_screen(7000, 7000) + _frame(FRAME) + b";")
    arguments = {"source": str(tmp_path / "source"), "folder": str(tmp_path), "widths": [16]}

    answer = run_isolated("make_variants", {**arguments, "content_type": "image/gif", "orientation": 1}, **LIMITS)

    assert (answer["width"], answer["height"]) == (7000, 7000)


@pytest.fixture
def post(make_user: Any, client_of: Any, photo: Any, settings: Any) -> Callable[[bytes], Any]:
    """Posts an artwork with this GIF; what is answered."""
    settings.MEDIA_VARIANT_WIDTHS = [32, 320]
    client = client_of(make_user())
    return lambda data: client.post(
        "/api/artworks/", {"title": "Moving", "image": photo("a.gif", "GIF", data=data)}, format="multipart"
    )


@pytest.mark.django_db(transaction=True)
def test_the_api_tells_the_variants_of_a_frame_on_a_larger_canvas(post: Any) -> None:
    answer = post(_screen(640, 480) + _frame(FRAME, 80, 60) + b";")

    assert answer.status_code == 201
    media = answer.json()["media"]
    assert (media["width"], media["height"]) == (640, 480)
    assert [(one["width"], one["height"]) for one in media["variants"]] == [(32, 24), (320, 240)]
    assert media["placeholder"]


@pytest.mark.django_db(transaction=True)
def test_hostile_gifs_are_refused_or_fail_and_the_next_is_served(post: Any) -> None:
    bomb = post(_screen(65_535, 65_535) + _frame(FRAME, 9, 9) + b";")
    assert bomb.status_code == 400
    assert "pixels are accepted" in bomb.json()["image"][0]

    head = _screen(640, 480) + b"," + struct.pack("<HHHHB", 80, 60, 200, 100, 0x80) + bytes(6)
    damaged = post(head + b"\2\4" + b"\xff" * 4 + b"\0;")
    assert (damaged.status_code, damaged.json()["media"]["state"]) == (201, State.FAILED)
    assert "Invalid frame data" in damaged.json()["media"]["reason"]
    assert damaged.json()["media"]["variants"] == []

    assert post(draw("GIF")).json()["media"]["state"] == State.READY
