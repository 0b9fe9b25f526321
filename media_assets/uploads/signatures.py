"""Whether a file's first bytes can be what its sender declared, for types other than our images.

A declared type with a signature must show it; what has none is accepted unless the bytes are plainly something else.
Such files are private and delivered as attachments, so this catches mistakes; it keeps no malice out.
"""

import codecs
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from media_assets.imaging.foreign import binary_name, iso_media_name

TEXT_BYTES = 4_096
_PDF_BYTES = 1_024  # readers look for the mark within these (PDF 1.7, Adobe's annex H, note 13)
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")  # files, none at all, in several volumes
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # what a password makes of an office document
_TIFF = (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_QUICKTIME = frozenset((b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"))
_TEXT_MARKS = {codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"} | {
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """A format: its name for people, the content types it goes by (`*` for anything), how its first bytes look."""

    name: str
    types: tuple[str, ...]
    matches: Callable[[bytes], bool]


def _starts(*signatures: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(signatures)


def _riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in (b"RIFF", b"RF64") and head[8:12] == kind


def _is_video_container(head: bytes) -> bool:
    name = iso_media_name(head)
    return head[4:8] in _QUICKTIME if name is None else name.startswith("video")


def _is_mp3(head: bytes) -> bool:
    """An ID3 tag, or a frame of MPEG audio, which some encoders begin after NULs; layer 0 would be AAC."""
    frame = head.lstrip(b"\x00")
    return head.startswith(b"ID3") or (len(frame) > 1 and frame[0] == 0xFF and frame[1] >= 0xE0 and bool(frame[1] & 6))


def is_text(head: bytes) -> bool:
    """No NUL in any 8-bit encoding; UTF-16 and UTF-32 with their byte order mark."""
    head = head[:TEXT_BYTES]
    encoding = next((name for mark, name in _TEXT_MARKS.items() if head.startswith(mark)), None)
    if encoding is None:
        return b"\x00" not in head and not head.startswith(b"%PDF-")
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


KINDS = (
    Kind("PDF document", ("application/pdf", "application/x-pdf"), lambda head: b"%PDF-" in head[:_PDF_BYTES]),
    Kind(
        "ZIP archive or office document",
        (
            "application/zip",
            "application/x-zip-compressed",
            "application/vnd.oasis.opendocument.*",
            "application/epub+zip",
            "application/java-archive",
        ),
        _starts(*_ZIP),
    ),
    Kind("office document", ("application/vnd.openxmlformats-officedocument.*",), _starts(*_ZIP, _OLE)),
    Kind("gzip archive", ("application/gzip", "application/x-gzip"), _starts(b"\x1f\x8b")),
    Kind(
        "video or sound file (MP4 or MOV)",
        (
            "video/mp4", "video/quicktime", "video/x-m4v", "video/3gpp", "video/3gpp2",
            "audio/mp4", "audio/x-m4a", "audio/m4a", "audio/3gpp", "audio/3gpp2",
        ),
        _is_video_container,
    ),
    Kind(
        "video or sound file (WebM or Matroska)",
        ("video/webm", "audio/webm", "video/x-matroska", "video/matroska", "audio/x-matroska", "audio/matroska"),
        _starts(b"\x1a\x45\xdf\xa3"),
    ),
    Kind("Ogg file", ("audio/ogg", "video/ogg", "application/ogg", "audio/opus"), _starts(b"OggS")),
    Kind("WAV sound", ("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), _riff(b"WAVE")),
    Kind("AVI video", ("video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"), _riff(b"AVI ")),
    Kind("FLAC sound", ("audio/flac", "audio/x-flac"), _starts(b"fLaC", b"ID3")),
    Kind("MP3 sound", ("audio/mpeg", "audio/mp3", "audio/x-mp3"), _is_mp3),
    Kind(
        "HEIC/HEIF photo",
        ("image/heic", "image/heic-sequence", "image/heif", "image/heif-sequence"),
        lambda head: (iso_media_name(head) or "").startswith(("HEIC", "AVIF")),
    ),
    Kind("AVIF picture", ("image/avif",), lambda head: (iso_media_name(head) or "").startswith("AVIF")),
    Kind("TIFF picture", ("image/tiff", "image/tiff-fx"), _starts(*_TIFF)),
    Kind("BMP picture", ("image/bmp", "image/x-ms-bmp"), lambda head: binary_name(head) == "BMP picture"),
    Kind(
        "text",
        (
            "text/*", "application/json", "application/xml", "application/*+json", "application/*+xml", "image/svg+xml",
            "application/javascript", "application/yaml", "application/toml", "application/sql", "application/x-ndjson",
        ),
        is_text,
    ),
)  # fmt: skip

# Marks too long to stand there by chance: what shows one of them is no sound, picture, video or font of another kind.
_NEVER_MEDIA = ("PDF document", "ZIP archive or office document", "gzip archive", "program", "script", "RAR archive")
_MEDIA = ("image/", "audio/", "video/", "font/")


def contradiction(declared: str, head: bytes) -> str | None:
    """What the bytes seem to be ("" where that is not known) if they cannot be of the `declared` type, else None.

    `declared` is in lower case and none of the accepted images; `head` is the first 4 KiB or more.
    """
    kinds = [kind for kind in KINDS if any(fnmatchcase(declared, pattern) for pattern in kind.types)]
    if any(kind.matches(head) for kind in kinds):
        return None
    seems = seeming_name(head)
    if kinds or (declared.startswith(_MEDIA) and seems in _NEVER_MEDIA):
        return seems
    return None


def seeming_name(head: bytes) -> str:
    """The name of the format that the first bytes announce, or ""."""
    return iso_media_name(head) or binary_name(head) or ""
