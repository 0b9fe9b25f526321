"""The inspection on photos from real cameras, where a folder of them is at hand; `PHOTOS_DIR` names another one."""

from pathlib import Path

import pytest
from PIL import Image, ImageOps

from media_assets.imaging import InvalidImage, inspect_image
from media_assets.tests.pictures import CUT_OFF, PHOTOS, cut_refusals

MAX_PIXELS = 50_000_000

if not PHOTOS.is_dir():
    pytest.skip("there is no folder of real photos", allow_module_level=True)

WHOLE = sorted(PHOTOS.glob("orientation_*.jpg")) + [
    PHOTOS / name for name in ("gps_nikon.jpg", "small_canon.jpg", "phone_nokia.jpg", "bad_exif.jpg")
]


def _refusal(path: Path) -> InvalidImage:
    with pytest.raises(InvalidImage) as caught:
        inspect_image(path.read_bytes(), max_pixels=MAX_PIXELS)
    return caught.value


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_photos_are_accepted_as_pillow_shows_them(path: Path) -> None:
    facts = inspect_image(path.read_bytes(), max_pixels=MAX_PIXELS)

    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture)
        assert (facts.width, facts.height) == upright.size
        assert facts.orientation == picture.getexif().get(0x0112, 1)
    assert (facts.content_type, facts.frames) == ("image/jpeg", 1)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_no_cut_of_a_photo_is_accepted(path: Path) -> None:
    data = path.read_bytes()

    assert cut_refusals(data, step=len(data) // 150, max_pixels=MAX_PIXELS) <= CUT_OFF
    assert cut_refusals(data[:3_000], max_pixels=MAX_PIXELS) == CUT_OFF


def test_heic_is_refused_by_name() -> None:
    refusal = _refusal(PHOTOS / "phone_iphone.heic")

    assert refusal.code == "unsupported_type"
    assert "HEIC" in refusal.message


def test_a_photo_with_a_lost_block_in_its_data_is_corrupt() -> None:
    # 16 KB of its picture data were overwritten with FF; the byte after them makes a mark that cannot be there.
    assert _refusal(PHOTOS / "corrupted.jpg").code == "corrupt"
