"""Three variants and a placeholder of 12-megapixel JPEGs against Pillow used as its tutorial does: CPU, bytes, SSIM.

The pictures are the real photos of ``PHOTOS_DIR`` (see ``media_assets/tests/pictures.py``) brought to 12 megapixels;
without that folder, one drawn of noise at many scales, on whose size and SSIM no target is set: no encoder is made for
noise. Each run has a process of its own.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image

from bench.table import Row, Unit
from bench.timing import interleaved, rounds
from media_assets.imaging.isolation import DecodeFailed, run_isolated
from media_assets.tests.pictures import PHOTOS

TURNS = 5
WIDTHS = (320, 800, 1600)
PIXELS = 12_000_000
LARGEST_PHOTOS = 2
DRAWN = "drawn"
CPU_TO_NAIVE, BYTES_TO_NAIVE, SSIM_TO_NAIVE = 0.45, 1, 1
PEAK_MB, JOB_MS = 80, 10
ROOT = Path(__file__).resolve().parent.parent
LIMITS: dict[str, Any] = {"timeout": 60, "memory_bytes": 512 * 1024 * 1024, "cpu_seconds": 60}

Run = dict[str, float]

_WAYS = {
    "naive": """
for width in WIDTHS:
    picture = Image.open(SOURCE)
    picture.thumbnail((width, 10**6))
    picture.save(f"{FOLDER}/{width}.webp")
""",
    "ours": """
make_variants(SOURCE, FOLDER, WIDTHS, content_type="image/jpeg", orientation=1)
""",
}
_IMPORTS = {
    "naive": "from PIL import Image, JpegImagePlugin, WebPImagePlugin",
    "ours": "from media_assets.imaging.variants import make_variants, prepare; prepare()",
}
_PEAK = """
import pathlib, re, resource
status = pathlib.Path("/proc/self/status")
if status.exists():  # there, the figure of getrusage includes what the starting process held
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1]) * 1024
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""


def measure() -> list[Row]:
    """CPU and peak memory by process, bytes and SSIM of what it left: sums, the highest, and the mean."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pictures = list(_pictures(folder))
        measured = [_measured(picture, folder) for picture in pictures]
        naive, ours = (_total([runs[way] for runs in measured]) for way in _WAYS)
        is_real = pictures[0].stem != DRAWN
        names = ", ".join(picture.stem for picture in pictures)
        group = f"Variants of 320, 800 and 1600 pixels of JPEGs of 12 MP ({names}), each way in processes of its own"

        def compared(name: str, key: str, target: float | None, unit: Unit = "ms", *, at_least: bool = False) -> Row:
            return Row(group, name, ours[key], unit, ours[key] / naive[key], "Pillow", target, at_least)

        return [
            Row(group, "Pillow (open, thumbnail, save as WebP): CPU", naive["cpu"]),
            compared("ours, with placeholder: CPU", "cpu", CPU_TO_NAIVE),
            Row(group, "Pillow: size of the files", naive["bytes"], "MB"),
            compared("ours: size of the files", "bytes", BYTES_TO_NAIVE if is_real else None, unit="MB"),
            Row(group, "Pillow: mean SSIM", naive["ssim"], "permille"),
            compared("ours: mean SSIM", "ssim", SSIM_TO_NAIVE if is_real else None, unit="permille", at_least=True),
            Row(group, "Pillow: peak memory", naive["peak"], "MB"),
            Row(group, "ours: peak memory", ours["peak"], "MB", target=PEAK_MB),
            _overhead(folder),
        ]


def _overhead(folder: Path) -> Row:
    """A job that ends before it decodes anything: what the process of its own costs."""
    arguments = {"source": str(folder), "folder": str(folder), "widths": [], "content_type": "", "orientation": 1}

    def job() -> None:
        with contextlib.suppress(DecodeFailed):
            run_isolated("make_variants", arguments, **LIMITS)

    seconds = interleaved({"job": job}, turns=4 * rounds(TURNS), clock=time.perf_counter)["job"]
    return Row("A decode in a process of its own", "elapsed before anything is decoded", seconds, target=JOB_MS)


def _pictures(folder: Path) -> Iterator[Path]:
    """JPEGs of 12 megapixels without profile, so that both ways have the same to do."""
    photos = sorted(PHOTOS.glob("*"), key=lambda path: path.stat().st_size, reverse=True) if PHOTOS.is_dir() else []
    made = 0
    for photo in photos:
        if made < LARGEST_PHOTOS and (picture := _decoded(photo, folder)):
            made += 1
            yield _saved(picture, folder / f"{photo.stem}.jpg")
    if not made:
        yield _saved(_drawn(), folder / f"{DRAWN}.jpg")


def _decoded(photo: Path, folder: Path) -> Image.Image | None:
    """The photo in RGB; None where it is damaged."""
    source = photo
    try:
        if photo.suffix == ".heic":
            source = folder / "heic.jpg"
            run_isolated("to_jpeg", {"source": str(photo), "target": str(source), "max_pixels": 50_000_000}, **LIMITS)
        with Image.open(source, formats=["JPEG"]) as picture:
            return picture.convert("RGB")
    except (DecodeFailed, OSError):
        return None


def _saved(picture: Image.Image, path: Path) -> Path:
    scale = (PIXELS / (picture.width * picture.height)) ** 0.5
    if abs(scale - 1) > 0.02:
        size = round(picture.width * scale), round(picture.height * scale)
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    picture.save(path, "JPEG", quality=92)
    return path


def _drawn() -> Image.Image:
    """Noise at many scales, as nature has it."""
    cells = (4, 8, 16, 64, 512)
    grey = sum(pyvips.Image.perlin(4000, 3000, cell_size=cell, seed=cell) * cell**0.4 for cell in cells)
    grain = pyvips.Image.gaussnoise(4000, 3000, mean=0, sigma=1, seed=1)
    bands = [((grey / 12 + grain / 8 + shift) * 60 + 128) for shift in (-0.2, 0, 0.3)]
    return Image.frombytes("RGB", (4000, 3000), bands[0].bandjoin(bands[1:]).cast("uchar").write_to_memory())


def _measured(picture: Path, folder: Path) -> dict[str, Run]:
    """By way: the least CPU, the highest peak, and what the files are like. The ways take turns."""
    runs: dict[str, list[Run]] = {way: [] for way in _WAYS}
    for _ in range(rounds(TURNS)):
        for way, done in runs.items():
            done.append(_run(way, picture, folder / way))
    return {way: _summary(done, picture, folder / way) for way, done in runs.items()}


def _run(way: str, picture: Path, target: Path) -> Run:
    target.mkdir(exist_ok=True)
    script = f"""
import json, time
WIDTHS, SOURCE, FOLDER = {list(WIDTHS)!r}, {str(picture)!r}, {str(target)!r}
{_IMPORTS[way]}
start = time.process_time()
{_WAYS[way]}
cpu = time.process_time() - start
{_PEAK}
print(json.dumps({{"cpu": cpu, "peak": peak}}))
"""
    measured: Run = json.loads(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT))
    return measured


def _summary(runs: list[Run], picture: Path, target: Path) -> Run:
    return {
        "cpu": min(run["cpu"] for run in runs),  # what others do on the machine only adds (timeit says the same)
        "peak": max(run["peak"] for run in runs),
        "bytes": sum((target / f"{width}.webp").stat().st_size for width in WIDTHS),
        "ssim": statistics.mean(_similarity(picture, target / f"{width}.webp") for width in WIDTHS),
    }


def _total(runs: list[Run]) -> Run:
    return {
        "cpu": sum(run["cpu"] for run in runs),
        "bytes": sum(run["bytes"] for run in runs),
        "peak": max(run["peak"] for run in runs),
        "ssim": statistics.mean(run["ssim"] for run in runs),
    }


def _similarity(picture: Path, variant: Path) -> float:
    """SSIM of the luminance against the picture scaled down by Lanczos (Wang et al. 2004; Gauss window, sigma 1.5)."""
    with Image.open(variant) as made, Image.open(picture) as original:
        reference = original.convert("RGB").resize(made.size, Image.Resampling.LANCZOS)
        one, other = (_luminance(image.convert("RGB").convert("L")) for image in (reference, made))
    mean_one, mean_other = _blurred(one), _blurred(other)
    spread_one, spread_other = _blurred(one * one) - mean_one**2, _blurred(other * other) - mean_other**2
    together = _blurred(one * other) - mean_one * mean_other
    steady, steadier = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    alike = (2 * mean_one * mean_other + steady) * (2 * together + steadier)
    either = (mean_one**2 + mean_other**2 + steady) * (spread_one + spread_other + steadier)
    return float((alike / either).avg())


def _luminance(image: Image.Image) -> Any:
    return pyvips.Image.new_from_memory(image.tobytes(), *image.size, 1, "uchar").cast("float")


def _blurred(image: Any) -> Any:
    return image.gaussblur(1.5, precision="float", min_ampl=0.01)
