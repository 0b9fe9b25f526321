"""The smaller copies of a picture for screens, and its placeholder: one decode, each copy made from the next larger.

Runs in a child process only (`isolation.py`): it hands what strangers sent to decoders. Why libvips, WebP and these
settings: docs/decisions/0012-variants.md.
"""

import base64
import os
from pathlib import Path
from typing import Any

# libvips reads these once, when it is loaded. One thread: a job is one picture, and the processors are shared.
os.environ.setdefault("VIPS_CONCURRENCY", "1")
os.environ.setdefault("VIPS_BLOCK_UNTRUSTED", "1")

import pyvips

from .facts import MAX_FRAMES, ImageFacts, InvalidImage, upright_size
from .gif import Box, first_frame
from .refusal import PictureRefused
from .thumbhash import thumbhash

CONTENT_TYPE = "image/webp"
QUALITY = 78
# A second more for a small copy costs little and shows most: lists are full of them.
EFFORT, SMALL_EFFORT, SMALL_WIDTH = 2, 4, 400
MAX_WEBP_SIDE = 16_383  # RFC 9649, 3.4
PLACEHOLDER_SIDE = 32

# Decoding to a half, a quarter or an eighth blurs a little, so the resampler is left at least twice what it needs.
_MARGIN = 2
_LOADERS = {"image/jpeg": "jpegload", "image/png": "pngload", "image/webp": "webpload", "image/gif": "gifload"}
_LOADER_CLASSES = (
    "VipsForeignLoadJpegFile",
    "VipsForeignLoadPngFile",
    "VipsForeignLoadWebpFile",
    "VipsForeignLoadNsgifFile",
)


def prepare() -> None:
    """Shut every decoder but the four, and look up what every job asks libvips for. Starts no thread."""
    pyvips.operation_block_set("VipsForeignLoad", True)
    for name in _LOADER_CLASSES:
        pyvips.operation_block_set(name, False)
    pyvips.cache_set_max(0)
    for name in (*_LOADERS.values(), "resize", "cast", "webpsave", "icc_transform", "colourspace"):
        pyvips.Introspect.get(name)


def make_variants(
    source: str, folder: str, widths: list[int], *, content_type: str, orientation: int, max_pixels: int = 50_000_000
) -> dict[str, Any]:
    """Write `<width>.webp` into `folder` for each of `widths` and answer what was made.

    `widths` are pixels of the upright picture; those not below its own width are left out, and those whose height
    WebP cannot hold: the original serves there. `orientation` is the Exif value, 1 to 8; what the file says itself
    is not looked at. Of an animation the first frame counts, on the whole canvas: where it does not reach, the picture
    is transparent. Colours are converted to sRGB; no metadata is kept.

    Answers `width` and `height` (upright), `placeholder` (ThumbHash, base64), and `variants`, largest first: each with
    `path`, `width`, `height`, `content_type` and `size` in bytes. Raises `PictureRefused`.
    """
    loader = _LOADERS.get(content_type)
    if loader is None:
        raise PictureRefused(f"There is no decoder for {content_type}.")
    try:
        return _make(source, Path(folder), widths, loader, orientation, max_pixels)
    except pyvips.Error as error:
        raise PictureRefused(_reason(error)) from error
    except InvalidImage as error:
        raise PictureRefused(error.message) from error


def _make(
    source: str, folder: Path, widths: list[int], loader: str, orientation: int, max_pixels: int
) -> dict[str, Any]:
    header = _load(loader, source)
    if header.width * header.height > max_pixels:
        raise PictureRefused(f"It has {header.width} by {header.height} pixels; at most {max_pixels} are decoded.")
    if header.get_n_pages() > MAX_FRAMES:
        raise PictureRefused(f"It has {header.get_n_pages()} frames; at most {MAX_FRAMES} are accepted.")
    if loader == "gifload":
        header = _on_canvas(header, *first_frame(memoryview(Path(source).read_bytes()), max_pixels=max_pixels))
    upright = upright_size(header.width, header.height, orientation)
    sizes = wanted_sizes(upright, widths)
    first, *others = sizes or [_fitting(upright, PLACEHOLDER_SIDE)]
    image = _first(loader, source, header, upright_size(*first, orientation), orientation)
    variants = [_saved(image, folder)] if sizes else []
    for size in others:
        image = _resized(image, size).copy_memory()
        variants.append(_saved(image, folder))
    placeholder = base64.b64encode(_placeholder(image)).decode()
    return {"width": upright[0], "height": upright[1], "placeholder": placeholder, "variants": variants}


def wanted_sizes(upright: tuple[int, int], widths: list[int]) -> list[tuple[int, int]]:
    """Width and height of the variants of a picture of this size, largest first, each once."""
    width, height = upright
    sizes = [(wanted, _in_proportion(height, wanted, width)) for wanted in sorted(set(widths), reverse=True)]
    return [size for size in sizes if 0 < size[0] < width and size[1] <= MAX_WEBP_SIDE]


def _fitting(size: tuple[int, int], side: int) -> tuple[int, int]:
    """The size scaled down until neither side is longer than `side`."""
    longest = max(*size, side)
    return _in_proportion(size[0], side, longest), _in_proportion(size[1], side, longest)


def _in_proportion(length: int, numerator: int, denominator: int) -> int:
    """The nearest whole number of pixels (halves up), at least one."""
    return max(1, (2 * length * numerator + denominator) // (2 * denominator))


def _load(loader: str, source: str, **options: Any) -> Any:
    """Open lazily: no pixel is decoded yet. Damage and missing ends are errors once they are reached."""
    return getattr(pyvips.Image, loader)(source, access="sequential", fail_on="error", **options)


def _on_canvas(image: Any, facts: ImageFacts, frame: Box) -> Any:
    """The first frame of a GIF on its canvas, transparent around it, as browsers show it.

    libvips leaves black there, and where it distrusts the size of the canvas (640 by 480 and other sizes of screens,
    sides over 2048 pixels), its canvas ends with the first frame.
    """
    if (frame.width, frame.height) == (facts.width, facts.height):
        return image
    image = image.crop(*frame)
    if not image.hasalpha():
        image = image.addalpha()
    return image.embed(frame.left, frame.top, facts.width, facts.height)


def _first(loader: str, source: str, header: Any, size: tuple[int, int], orientation: int) -> Any:
    """Decode, as small as the decoder can make it, to `size` (as stored, not yet upright), in sRGB; then upright."""
    smaller = _shrinking(loader, header.width / size[0])
    image = _eight_bits(_load(loader, source, **smaller) if smaller else header)
    profile = image.get("icc-profile-data") if image.get_typeof("icc-profile-data") else b""
    image = _in_srgb(_resized(image, size), profile).copy_memory()
    if orientation == 1:
        return image
    image = image.copy()
    image.set_type(pyvips.GValue.gint_type, "orientation", orientation)
    return image.autorot().copy_memory()


def _shrinking(loader: str, factor: float) -> dict[str, float]:
    """The loader's own option for decoding smaller, where a picture is to become `factor` times smaller."""
    if loader == "jpegload":
        return {"shrink": next(shrink for shrink in (8, 4, 2, 1) if shrink * _MARGIN <= factor or shrink == 1)}
    if loader == "webpload":
        return {"scale": min(1.0, _MARGIN / factor)}
    return {}


def _eight_bits(image: Any) -> Any:
    """PNG has 16 bits a channel, and grey with them."""
    if image.format == "uchar":
        return image
    return image.colourspace("b-w" if image.interpretation in ("b-w", "grey16") else "srgb").cast("uchar")


def _resized(image: Any, size: tuple[int, int]) -> Any:
    """Lanczos to exactly this size. Transparent pixels count for nothing in the colours of their neighbours."""
    across, down = size[0] / image.width, size[1] / image.height
    if (across, down) == (1, 1):
        return image
    if not image.hasalpha():
        return image.resize(across, vscale=down)
    return image.premultiply().resize(across, vscale=down).unpremultiply().cast("uchar")


def _in_srgb(image: Any, profile: bytes) -> Any:
    """Convert by the embedded profile; where there is none, or it does not fit the picture, by the usual meaning."""
    if profile and not is_srgb(profile):
        try:
            return image.icc_transform("srgb", embedded=True, intent="relative", depth=8)
        except pyvips.Error:
            pass  # a broken profile: browsers pass over it as well
    if image.interpretation == "cmyk":
        return _plain_cmyk(image)
    return image if image.interpretation in ("srgb", "b-w") else image.colourspace("srgb")


def _plain_cmyk(image: Any) -> Any:
    """What browsers make of inks without a profile: each takes its share of the light."""
    light = image.invert()
    return (light.extract_band(0, n=3) * light.extract_band(3) / 255).cast("uchar").copy(interpretation="srgb")


def is_srgb(profile: bytes) -> bool:
    """Whether an ICC profile calls itself sRGB in its description (ICC.1:2022, 7.3 and 9.2.41)."""
    for position in range(132, min(132 + 12 * int.from_bytes(profile[128:132], "big"), 132 + 12 * 100), 12):
        if profile[position : position + 4] == b"desc":
            start = int.from_bytes(profile[position + 4 : position + 8], "big")
            length = int.from_bytes(profile[position + 8 : position + 12], "big")
            return b"sRGB" in profile[start : start + length].replace(b"\x00", b"")
    return False


def _saved(image: Any, folder: Path) -> dict[str, Any]:
    path = folder / f"{image.width}.webp"
    effort = SMALL_EFFORT if image.width <= SMALL_WIDTH else EFFORT
    image.webpsave(str(path), Q=QUALITY, effort=effort, keep="none")
    size = {"width": image.width, "height": image.height, "size": path.stat().st_size}
    return {"path": str(path), "content_type": CONTENT_TYPE, **size}


def _placeholder(image: Any) -> bytes:
    small = _resized(image, _fitting((image.width, image.height), PLACEHOLDER_SIDE)).colourspace("srgb")
    if not small.hasalpha():
        small = small.addalpha()
    return thumbhash(small.width, small.height, bytes(small.cast("uchar").write_to_memory()))


def _reason(error: pyvips.Error) -> str:
    """The decoder's first complaint, without file names."""
    complaints = [line.strip() for line in str(error.detail or error.message).splitlines() if line.strip()]
    first = next(iter(complaints), "no reason given")
    return "The decoder says: " + " ".join(word for word in first.split() if os.sep not in word)[:200]
