"""Pictures drawn for the tests of `media_assets.imaging`, and small ways to ask about them."""

import io
import os
import random
from pathlib import Path
from typing import Any

from PIL import Image

from media_assets.imaging import InvalidImage, inspect_image

MAX_PIXELS = 1_000_000
# Photos from real cameras, where a folder of them is at hand.
PHOTOS = Path(os.environ.get("PHOTOS_DIR") or Path(__file__).resolve().parents[3] / "shared" / "photos")


def drawn(mode: str = "RGB", size: tuple[int, int] = (48, 32), seed: int = 1) -> Image.Image:
    """A picture of noise, so that its files hold every kind of byte. The same seed draws the same picture."""
    noise = random.Random(seed).randbytes(size[0] * size[1] * 3)
    picture = Image.frombytes("RGB", size, noise)
    if mode in ("RGBA", "LA", "PA"):
        picture.putalpha(128)
    return picture if picture.mode == mode else picture.convert(mode)


def encoded(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    """The file that Pillow writes."""
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def animated(file_format: str, frames: int = 3, mode: str = "RGB", **options: Any) -> bytes:
    """An animation whose frames all differ."""
    first, *others = [drawn(mode, seed=seed) for seed in range(frames)]
    return encoded(first, file_format, save_all=True, append_images=others, duration=40, **options)


def exif_block(orientation: int, byte_order: str = "<") -> bytes:
    """An Exif block with its `Exif` prefix; `byte_order` is `<` (Intel) or `>` (Motorola)."""
    exif = Image.Exif()
    exif.endian = byte_order
    exif[0x0112] = orientation
    exif[0x010F] = "A maker"
    return exif.tobytes()


def refusal(data: Any, max_pixels: int = MAX_PIXELS) -> str:
    """The code with which `data` is refused; "accepted" when it is not."""
    try:
        inspect_image(data, max_pixels=max_pixels)
    except InvalidImage as error:
        assert error.message.endswith((".", "!")), error.message
        assert str(error) == error.message
        return error.code
    return "accepted"


# What a cut file may be called: the first cuts leave too little even for a signature.
CUT_OFF = {"empty", "not_an_image", "truncated"}


def cut_refusals(data: bytes, step: int = 1, max_pixels: int = MAX_PIXELS) -> set[str]:
    """The codes with which `data` is refused when cut to every length (or to every `step`th)."""
    view = memoryview(data)
    return {refusal(view[:length], max_pixels) for length in range(0, len(data), step)}
