"""Variants made in the test's own process, and small ways to look at them."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from media_assets.imaging.refusal import PictureRefused
from media_assets.imaging.variants import make_variants


def made_of(folder: Path, data: bytes, content_type: str, widths: list[int], orientation: int = 1) -> dict[str, Any]:
    """What the job answers."""
    source = folder / "source"
    source.write_bytes(data)
    return make_variants(str(source), str(folder), widths, content_type=content_type, orientation=orientation)


def only_variant(folder: Path, data: bytes, content_type: str, width: int = 120, orientation: int = 1) -> Image.Image:
    """The one variant of this width; it holds no metadata."""
    [variant] = made_of(folder, data, content_type, [width], orientation)["variants"]
    with Image.open(variant["path"], formats=["WEBP"]) as picture:
        picture.load()
    assert picture.size == (variant["width"], variant["height"])
    assert not {"exif", "icc_profile", "xmp"} & set(picture.info)
    return picture


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean difference of the channels, 0 to 255, once both have one size."""
    mode = "RGBA" if "A" in other.mode else "RGB"
    smaller = other.convert(mode).resize(one.size, Image.Resampling.LANCZOS)
    return max(ImageStat.Stat(ImageChops.difference(one.convert(mode), smaller)).mean)


def refusal_of_variants(folder: Path, data: bytes, content_type: str, **options: Any) -> str:
    """Why none are made. No path shows in it."""
    source = folder / "source"
    source.write_bytes(data)
    with pytest.raises(PictureRefused) as caught:
        make_variants(str(source), str(folder), [40], content_type=content_type, orientation=1, **options)
    assert str(folder) not in str(caught.value)
    return str(caught.value)
