"""What a ThumbHash looks like, as a picture of at most 32 by 32 pixels.

The inverse of ``media_assets.imaging.thumbhash``, after the reference (https://github.com/evanw/thumbhash).
"""

import base64
import functools
import io
import math
from collections.abc import Iterator

from PIL import Image

SIDE = 32
_Waves = list[tuple[int, int, float]]


@functools.lru_cache(maxsize=512)
def shown_placeholder(placeholder: str | None) -> str | None:
    """A ``data:`` URL of what this ThumbHash stands for; None where there is none, or something else wrote it."""
    try:
        return placeholder_address(placeholder) if placeholder else None
    except ValueError:
        return None


def placeholder_address(placeholder: str) -> str:
    """A ``data:`` URL of the picture that this ThumbHash (base64) stands for. Raises ValueError where it is none."""
    width, height, pixels = decoded(base64.b64decode(placeholder, validate=True))
    out = io.BytesIO()
    Image.frombytes("RGBA", (width, height), pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def decoded(thumbhash: bytes) -> tuple[int, int, bytes]:
    """Width, height and RGBA pixels. Raises ValueError for what is cut off."""
    if len(thumbhash) < 5:
        raise ValueError("A ThumbHash has at least 5 bytes.")
    head = int.from_bytes(thumbhash[:5], "little")
    has_alpha, is_landscape = head >> 23 & 1, head >> 39
    long, short = 5 if has_alpha else 7, max(1, head >> 24 & 7)
    across, down = (long, short) if is_landscape else (short, long)
    width, height = max(1, round(SIDE * min(1, across / down))), max(1, round(SIDE * min(1, down / across)))
    nibbles = _nibbles(thumbhash[6 if has_alpha else 5 :])
    channels = [
        ((head & 63) / 63, _waves(nibbles, max(3, across), max(3, down), (head >> 18 & 31) / 31)),
        ((head >> 6 & 63) / 31.5 - 1, _waves(nibbles, 3, 3, (head >> 27 & 63) / 63 * 1.25)),
        ((head >> 12 & 63) / 31.5 - 1, _waves(nibbles, 3, 3, (head >> 33 & 63) / 63 * 1.25)),
    ]
    alpha: tuple[float, _Waves] = (1.0, [])
    if has_alpha:
        if len(thumbhash) < 6:
            raise ValueError("This ThumbHash is cut off.")
        alpha = (thumbhash[5] & 15) / 15, _waves(nibbles, 5, 5, (thumbhash[5] >> 4) / 15)
    planes = [_plane(mean, waves, width, height) for mean, waves in (*channels, alpha)]
    return width, height, b"".join(_rgba(*values) for values in zip(*planes, strict=True))


def _nibbles(data: bytes) -> Iterator[int]:
    for byte in data:
        yield byte & 15
        yield byte >> 4


def _waves(nibbles: Iterator[int], across: int, down: int, scale: float) -> _Waves:
    """Columns, rows and height of each wave of a channel, in the order in which they are stored."""
    places = [(x, y) for y in range(down) for x in range(across) if (x or y) and x * down < across * (down - y)]
    found = [(x, y, (nibble / 7.5 - 1) * scale) for (x, y), nibble in zip(places, nibbles, strict=False)]
    if len(found) < len(places):
        raise ValueError("This ThumbHash is cut off.")
    return found


def _plane(mean: float, waves: _Waves, width: int, height: int) -> list[float]:
    across = [[math.cos(math.pi / width * (x + 0.5) * wave) for wave in range(7)] for x in range(width)]
    down = [[math.cos(math.pi / height * (y + 0.5) * wave) * 2 for wave in range(7)] for y in range(height)]
    return [mean + sum(high * column[x] * row[y] for x, y, high in waves) for row in down for column in across]


def _rgba(luminance: float, yellow_blue: float, red_green: float, alpha: float) -> bytes:
    blue = luminance - 2 / 3 * yellow_blue
    red = (3 * luminance - blue + red_green) / 2
    return bytes(round(255 * min(1.0, max(0.0, value))) for value in (red, red - red_green, blue, alpha))
