"""Pictures that browsers do not show as they are meant: HEIC, HEIF and AVIF become JPEG, a WebP that lies on its side
is turned. Runs in a child process only (`isolation.py`)."""

import contextlib
import mmap
import struct
import warnings
from pathlib import Path
from typing import Any

from PIL import AvifImagePlugin, ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from .facts import MAX_FRAMES
from .refusal import PictureRefused
from .webp import is_lossless

# Beyond 90 files grow much faster than anybody sees a difference; the decoded picture was lossy already.
QUALITY = 90
FORMATS = ("AVIF", "HEIF")

_BOMBS = (Image.DecompressionBombWarning, Image.DecompressionBombError)
_DECODER_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, *_BOMBS)


def to_jpeg(source: str, target: str, *, max_pixels: int) -> dict[str, Any]:
    """Write the main picture of the HEIC, HEIF or AVIF file at `source` to `target` as JPEG, upright.

    The colour profile is kept; every other metadata is left out; transparent parts become white. Answers `width` and
    `height` in pixels, `size` in bytes, `content_type`, and `had_location`: whether the metadata left out said where.
    Raises `PictureRefused`.
    """
    _prepare(max_pixels)
    try:
        with warnings.catch_warnings(), Image.open(source, formats=FORMATS) as picture:
            _require_small(picture, max_pixels)
            had_location = _has_location(picture)
            picture.load()
            upright = _on_white(ImageOps.exif_transpose(picture))
            profile = picture.info.get("icc_profile") if upright.mode == "RGB" else None
    except UnidentifiedImageError:
        raise PictureRefused("It is neither a HEIC, HEIF nor AVIF picture that can be decoded.") from None
    except _DECODER_ERRORS as error:
        raise PictureRefused(f"The decoder says: {str(error)[:200]}") from error
    upright.save(target, "JPEG", quality=QUALITY, icc_profile=profile, exif=b"", comment=b"")
    size = Path(target).stat().st_size
    facts = {"width": upright.width, "height": upright.height, "size": size, "content_type": "image/jpeg"}
    return {**facts, "had_location": had_location}


def turn_webp(source: str, target: str, *, max_pixels: int) -> dict[str, Any]:
    """Write the still WebP at `source` to `target` upright, lossless where it was, with its colour profile and no other
    metadata. Raises `PictureRefused`."""
    _prepare(max_pixels)
    try:
        with warnings.catch_warnings(), Image.open(source, formats=("WEBP",)) as picture:
            _require_small(picture, max_pixels)
            picture.load()
            upright = ImageOps.exif_transpose(picture)
            profile = picture.info.get("icc_profile")
    except _DECODER_ERRORS as error:
        raise PictureRefused(f"The decoder says: {str(error)[:200]}") from error
    with Path(source).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        lossless = is_lossless(data)
    upright.save(target, "WEBP", quality=QUALITY, lossless=lossless, exact=True, icc_profile=profile or b"", exif=b"")
    return {"width": upright.width, "height": upright.height}


def _prepare(max_pixels: int) -> None:
    """Only the two decoders, one thread each, nothing but the main picture, no mercy for damage."""
    with contextlib.suppress(ImportError):  # AVIF works without it
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)


def _require_small(picture: Image.Image, max_pixels: int) -> None:
    if picture.width * picture.height > max_pixels:
        raise PictureRefused(f"It has {picture.width} by {picture.height} pixels; at most {max_pixels} are decoded.")
    if getattr(picture, "n_frames", 1) > MAX_FRAMES:
        raise PictureRefused(f"It has more than {MAX_FRAMES} frames.")


def _has_location(picture: Image.Image) -> bool:
    """GPS in Exif (its own directory, Exif 2.32, 4.6.6) or in XMP. Exif too broken to read counts where it names it."""
    if b"GPS" in bytes(picture.info.get("xmp") or b""):
        return True
    try:
        return bool(picture.getexif().get_ifd(ExifTags.IFD.GPSInfo))
    except (SyntaxError, ValueError, KeyError, TypeError, struct.error):
        exif = picture.info.get("exif") or b""
        return b"\x88\x25" in exif or b"\x25\x88" in exif


def _on_white(picture: Image.Image) -> Image.Image:
    """JPEG knows grey and RGB only."""
    if not picture.has_transparency_data:
        return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")
    opaque = Image.new("RGB", picture.size, "white")
    with_alpha = picture.convert("RGBA")
    opaque.paste(with_alpha, mask=with_alpha.getchannel("A"))
    return opaque
