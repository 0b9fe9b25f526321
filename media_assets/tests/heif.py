"""Pictures as phones send them, HEIC and AVIF, drawn here: red above, blue below, and what a phone says besides."""

import io
from typing import Any

import pillow_heif
from PIL import Image, ImageCms

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKER = "A phone's maker"
ON_ITS_SIDE = 6  # Exif: turn it clockwise to see it upright
RED, BLUE = (200, 30, 30), (30, 30, 200)
STORED = {  # by Exif orientation: how an upright picture is turned to lie in the file (Exif 2.32, 4.6.4 A)
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def scene(size: tuple[int, int] = (64, 96)) -> Image.Image:
    """Upright: its upper half red, its lower half blue."""
    picture = Image.new("RGB", size, RED)
    picture.paste(BLUE, (0, size[1] // 2, size[0], size[1]))
    return picture


def phone_exif(orientation: int = 1, *, gps: bool = True) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, MAKER
    if gps:
        exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    return exif.tobytes()


def heic(size: tuple[int, int] = (64, 96), *, gps: bool = True, turned: bool = True) -> bytes:
    """A HEIC whose upright size is ``size``; ``turned``: stored on its side, as phones do."""
    return _encoded("HEIF", size, gps, turned)


def avif(size: tuple[int, int] = (64, 96), *, gps: bool = True, turned: bool = True) -> bytes:
    """``heic`` as AVIF."""
    return _encoded("AVIF", size, gps, turned)


def looks_upright(data: bytes) -> bool:
    """Whether a decoded picture, as stored, is ``scene``."""
    with Image.open(io.BytesIO(data)) as picture:
        shown = picture.convert("RGB")
    top, bottom = (shown.getpixel((shown.width // 2, shown.height * part // 8)) for part in (1, 7))
    return _is_near(top, RED) and _is_near(bottom, BLUE)


def _is_near(found: Any, wanted: tuple[int, int, int]) -> bool:
    return all(abs(one - other) < 25 for one, other in zip(found, wanted, strict=True))


def _encoded(file_format: str, size: tuple[int, int], gps: bool, turned: bool) -> bytes:
    picture = scene(size)
    if turned:
        picture = picture.transpose(Image.Transpose.ROTATE_90)
    said = {"exif": phone_exif(ON_ITS_SIDE if turned else 1, gps=gps), "icc_profile": PROFILE}
    out = io.BytesIO()
    if file_format == "AVIF":
        picture.save(out, "AVIF", speed=10, **said)
    else:
        pillow_heif.encode("RGB", picture.size, picture.tobytes(), out, quality=90, **said)
    return out.getvalue()
