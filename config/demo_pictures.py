"""Landscapes for the demo, drawn here: nothing is copied, nothing is fetched, and each looks the same every time."""

import io
import math
from dataclasses import dataclass
from random import Random

from PIL import Image, ImageColor, ImageDraw, ImageFilter, ImageOps

_OVERSIZE = 2  # drawn so much larger and scaled down, for smooth edges


@dataclass(frozen=True)
class Scene:
    """One picture. Colours are CSS; ``ridges`` from far to near; ``sun`` is (x, y, radius) in parts of the width."""

    sky: tuple[str, str]  # top, horizon
    ridges: tuple[str, ...]
    sun: tuple[float, float, float]
    sun_color: str = "#fff4d6"
    roughness: float = 1.0
    stars: int = 0


def draw_scene(scene: Scene, size: tuple[int, int], *, seed: int, image_format: str = "JPEG") -> bytes:
    """The encoded picture (JPEG, PNG, WebP) of ``size`` in pixels."""
    random = Random(seed)  # noqa: S311  (the shape of hills is no secret)
    width, height = size[0] * _OVERSIZE, size[1] * _OVERSIZE
    sky = Image.linear_gradient("L").resize((width, height))
    picture = ImageOps.colorize(sky, *(ImageColor.getrgb(color) for color in scene.sky))  # type: ignore[arg-type]
    _stars(picture, scene, random)
    _sun(picture, scene)
    for number, color in enumerate(scene.ridges):
        horizon = height * (0.5 + 0.42 * number / len(scene.ridges))
        _ridge(picture, color, horizon, height * 0.09 * scene.roughness / (1 + number * 0.3), random)
    out = io.BytesIO()
    picture.resize(size, Image.Resampling.BOX).save(out, image_format, quality=88)
    return out.getvalue()


def _stars(picture: Image.Image, scene: Scene, random: Random) -> None:
    draw = ImageDraw.Draw(picture)
    for _ in range(scene.stars):
        x, y, radius = random.random() * picture.width, random.random() * picture.height * 0.6, random.choice((1, 2, 3))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill="#e8ecff")


def _sun(picture: Image.Image, scene: Scene) -> None:
    """A disc in a soft glow."""
    x, y, radius = (part * picture.width for part in scene.sun)
    light = Image.new("L", (picture.width // 8, picture.height // 8))
    glow = [value / 8 for value in (x - 2 * radius, y - 2 * radius, x + 2 * radius, y + 2 * radius)]
    ImageDraw.Draw(light).ellipse(glow, fill=150)
    light = light.filter(ImageFilter.GaussianBlur(radius / 8)).resize(picture.size)
    picture.paste(Image.new("RGB", picture.size, scene.sun_color), mask=light)
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), fill=scene.sun_color)


def _ridge(picture: Image.Image, color: str, horizon: float, swing: float, random: Random) -> None:
    """A line of hills: waves, each half as high and twice as long as the one before, and the land below them."""
    waves = [(random.uniform(0.7, 1.3) * 1.9**octave, random.uniform(0, math.tau), 0.5**octave) for octave in range(6)]

    def top(x: int) -> float:
        across = x / picture.width * math.tau
        return horizon - swing * sum(share * math.sin(across * length + shift) for length, shift, share in waves)

    outline = [(float(x), top(x)) for x in range(0, picture.width + 8, 8)]
    corners = [(float(picture.width), float(picture.height)), (0.0, float(picture.height))]
    ImageDraw.Draw(picture).polygon(outline + corners, fill=color)
