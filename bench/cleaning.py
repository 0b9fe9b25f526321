"""Metadata dropped from a photo: its CPU against what it replaces, Pillow's decoding and encoding of the same file."""

import io
import struct

from PIL import Image, ImageChops, ImageCms

from bench.table import Row
from bench.timing import interleaved, rounds
from media_assets.imaging import InvalidImage
from media_assets.imaging.cleaning import clean_image

# Bytes decide our cost, pixels that of Pillow: this is what a phone with 12 megapixels saves.
PHOTO_BYTES = 3_000_000
PHOTO_SIZE = (4000, 3000)
QUALITY = 90
MAX_PIXELS = 50_000_000
TURNS = 9
OURS_TO_PILLOW = 0.01
# What a phone appends: a preview as large as a screen.
TRAILER_BYTES = 500_000


def measure() -> list[Row]:
    """A photo with Exif, coordinates, XMP, a colour profile and bytes after its end, cleaned and encoded anew."""
    picture = _drawn_photo()
    photo = _with_metadata(picture)
    _require_clean(photo, picture)
    cost = interleaved(
        {
            "Pillow: decode, encode at quality 90": lambda: _encoded_anew(photo),
            "ours": lambda: clean_image(photo, max_pixels=MAX_PIXELS),
            "ours, and its bytes put together": lambda: b"".join(clean_image(photo, max_pixels=MAX_PIXELS).pieces),
        },
        turns=rounds(TURNS),
    )
    reference, *ours = cost
    group = f"Metadata of a JPEG of {len(picture) / 1e6:.2f} MB removed, {TRAILER_BYTES / 1e6:g} MB after its end: CPU"
    rows = [Row(group, reference, cost[reference])]
    for name in ours:
        target = OURS_TO_PILLOW if name == "ours" else None
        rows.append(Row(group, name, cost[name], "ms", cost[name] / cost[reference], "Pillow", target))
    return rows


def _drawn_photo() -> bytes:
    """A JPEG of `PHOTO_SIZE` of about `PHOTO_BYTES`: colours that change slowly, under as much noise as that takes."""
    low, high = 0.0, 16.0
    for _ in range(5):
        noise = (low + high) / 2
        data = _drawn(noise)
        low, high = (noise, high) if len(data) < PHOTO_BYTES else (low, noise)
    return data


def _drawn(noise: float) -> bytes:
    """`noise` is the standard deviation of a sensor's noise, of 256."""
    bands = []
    for _ in range(3):
        scene = Image.effect_noise((40, 30), 60).resize(PHOTO_SIZE, Image.Resampling.BICUBIC)
        bands.append(ImageChops.add(scene, Image.effect_noise(PHOTO_SIZE, noise), offset=-128))
    file = io.BytesIO()
    Image.merge("RGB", bands).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _with_metadata(picture: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "A maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 20.0, 0.0)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    segments = (
        (0xE1, exif.tobytes()),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>" + b" " * 4_000 + b"</x:xmpmeta>"),
        (0xE2, b"ICC_PROFILE\x00\x01\x01" + profile),
    )
    metadata = b"".join(struct.pack(">BBH", 0xFF, code, len(data) + 2) + data for code, data in segments)
    trailer = (picture * 2)[:TRAILER_BYTES]
    return picture[:20] + metadata + picture[20:] + trailer


def _require_clean(photo: bytes, picture: bytes) -> None:
    """What is measured does what it says: coordinates found, trailer gone, a file that was cut off refused."""
    cleaned = clean_image(photo, max_pixels=MAX_PIXELS)
    clean = b"".join(cleaned.pieces)
    if not (cleaned.had_location and clean.endswith(picture[20:]) and len(clean) < len(picture) + 4_000):
        raise SystemExit("The photo is not clean.")
    try:
        clean_image(picture[:-2], max_pixels=MAX_PIXELS)
    except InvalidImage as refusal:
        if refusal.code == "truncated":
            return
    raise SystemExit("A photo that was cut off is not refused.")


def _encoded_anew(photo: bytes) -> None:
    with Image.open(io.BytesIO(photo)) as picture:
        picture.save(io.BytesIO(), "JPEG", quality=QUALITY, icc_profile=picture.info["icc_profile"])
