"""What the application asks of decoders, each time in a process of its own within the limits of the settings."""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.conf import settings

from media_assets.imaging import inspect_image
from media_assets.imaging.cleaning import Cleaned, clean_image
from media_assets.imaging.containers import HEAD_BYTES, is_converted, require_container_size
from media_assets.imaging.isolation import run_isolated
from media_assets.metrics import timed_job
from media_assets.workspace import temporary_folder


@dataclass(frozen=True)
class Made:
    """Variants in a folder that goes when the context ends: ``path``, ``width``, ``height`` (pixels), ``content_type``,
    ``size`` (bytes) each; and the placeholder (ThumbHash, base64)."""

    variants: list[dict[str, Any]]
    placeholder: str


@contextlib.contextmanager
def clean_original(path: Path) -> Iterator[Cleaned]:
    """The picture at this path as it may be delivered: without metadata, HEIC and AVIF as JPEG, a WebP upright.

    Its pieces are good within the context. Raises InvalidImage, DecodeFailed, DecoderUnavailable.
    """
    with contextlib.ExitStack() as stack:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        limit = settings.MEDIA_MAX_PIXELS
        if is_converted(head):
            require_container_size(head, max_pixels=limit)
            job, had_location = "to_jpeg", None
        else:
            cleaned = clean_image(_mapped(path), max_pixels=limit)
            if not cleaned.facts.is_shown_turned:
                yield cleaned
                return
            job, had_location = "turn_webp", cleaned.had_location
        made = stack.enter_context(temporary_folder()) / "made"
        said = _run(job, source=str(path), target=str(made), max_pixels=limit)
        cleaned = clean_image(_mapped(made), max_pixels=limit)
        yield replace(cleaned, changed=True, had_location=bool(said.get("had_location", had_location)))


@contextlib.contextmanager
def make_variants(path: Path, widths: list[int]) -> Iterator[Made]:
    """Variants of a clean picture at these widths, all smaller than its own, and its placeholder.

    Raises InvalidImage, DecodeFailed, DecoderUnavailable.
    """
    facts = inspect_image(_mapped(path), max_pixels=settings.MEDIA_MAX_PIXELS)
    with temporary_folder() as folder:
        made = _run(
            "make_variants",
            source=str(path),
            folder=str(folder),
            widths=widths,
            content_type=facts.content_type,
            orientation=facts.orientation,
            max_pixels=settings.MEDIA_MAX_PIXELS,
        )
        # Where a decoder sees another canvas (some animations) its variants would show another picture.
        same = (made["width"], made["height"]) == (facts.width, facts.height)
        yield Made(made["variants"] if same else [], made["placeholder"])


def _run(job: str, **arguments: Any) -> dict[str, Any]:
    return timed_job(job)(_run_isolated)(job, arguments)


def _run_isolated(job: str, arguments: dict[str, Any]) -> dict[str, Any]:
    seconds = settings.MEDIA_DECODE_SECONDS
    limits = {"memory_bytes": settings.MEDIA_DECODE_MEMORY_BYTES, "cpu_seconds": seconds}
    return run_isolated(job, arguments, timeout=2 * seconds, **limits)


def _mapped(path: Path) -> mmap.mmap | bytes:
    """The file's bytes, read where they are looked at. Not closed by hand: pieces may still point into it."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
