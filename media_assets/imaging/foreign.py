"""Name what a refused file seems to be, so that its sender knows what to change."""

from typing import NoReturn

from .facts import ACCEPTED_FORMATS, InvalidImage

_HEAD_BYTES = 1_024

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "PDF document"),
    (b"II*\x00", "TIFF or camera raw file"),
    (b"MM\x00*", "TIFF or camera raw file"),
    (b"\x00\x00\x01\x00", "ICO icon"),
    (b"8BPS", "Photoshop (PSD) file"),
    (b"\xff\x0a", "JPEG XL file"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL file"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000 file"),
    (b"\xff\x4f\xff\x51", "JPEG 2000 file"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"#!", "script"),
    (b"<?php", "script"),
    (b"PK\x03\x04", "ZIP archive or office document"),
    (b"Rar!", "RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"ID3", "sound file"),
    (b"OggS", "sound or video file"),
    (b"\x1a\x45\xdf\xa3", "video (WebM or Matroska)"),
)

# Brands of ISO/IEC 23008-12 (HEIF) annex B and of the AV1 Image File Format, section 9.
_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))

# Sizes of the header that follows a BMP's first 14 bytes; "BM" alone could begin any text.
_BMP_HEADER_BYTES = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def refuse_foreign(view: memoryview) -> NoReturn:
    """Raise `unsupported_type` naming the format that `view` seems to be, or `not_an_image`."""
    head = bytes(view[:_HEAD_BYTES])
    name = iso_media_name(head) or binary_name(head) or _markup_name(head)
    if name is None:
        raise InvalidImage("not_an_image", f"This file is not a picture that we can read. {ACCEPTED_FORMATS}")
    raise InvalidImage("unsupported_type", f"This {name} is not accepted. {ACCEPTED_FORMATS}")


def iso_media_name(head: bytes) -> str | None:
    """HEIC, AVIF and MP4 share one container: an `ftyp` box with a major and compatible brands (ISO/IEC 14496-12)."""
    if head[4:8] != b"ftyp":
        return None
    box_end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12], *(head[offset : offset + 4] for offset in range(16, box_end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF picture"
    if brands & _HEIF_BRANDS:
        return "HEIC/HEIF photo"
    return "camera raw file" if b"crx " in brands else "video (MP4 or MOV)"


def binary_name(head: bytes) -> str | None:
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADER_BYTES:
        return "BMP picture"
    if head.startswith(b"RIFF") and head[8:12] in (b"WAVE", b"AVI "):
        return "sound or video file"
    return next((name for signature, name in _SIGNATURES if head.startswith(signature)), None)


def _markup_name(head: bytes) -> str | None:
    # Without its NULs, UTF-16 markup reads like ASCII.
    text = head.replace(b"\x00", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").lower()
    if not text.startswith(b"<"):
        return None
    if b"<svg" in text or text.startswith(b"<!doctype svg"):
        return "SVG file"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body", b"<script")):
        return "web page (HTML)"
    return "XML file" if text.startswith(b"<?xml") else None
