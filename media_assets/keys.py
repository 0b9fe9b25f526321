"""Names of objects: made from what the client called its file, never trusted."""

import re
import unicodedata
from collections.abc import Iterator

from django.utils.crypto import get_random_string

MAX_STEM_BYTES = 120  # of UTF-8; file systems allow 255 for a whole name
MAX_FILENAME_CHARACTERS = 255
_SUFFIX_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_UNWANTED = re.compile(r"[^\w.-]+")
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
_SPELLINGS = {"jpg": ("jpg", "jpeg"), "png": ("png",), "webp": ("webp",), "gif": ("gif",)}
_ANY_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,10})$")
_INNER_DOT = re.compile(r"\.(?!\d)")
_NO_EXTENSION = "bin"
_PACKED = frozenset(("gz", "bz2", "xz", "zst"))
_IMAGE_EXTENSIONS = tuple(f".{spelling}" for names in _SPELLINGS.values() for spelling in names)


def display_filename(filename: str) -> str:
    """The client's name for its file as it may be shown: its last segment, no control or direction characters.

    At most ``MAX_FILENAME_CHARACTERS`` long; an overlong name keeps its end, where the extension stands.
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1]
    shown = "".join(char for char in last if unicodedata.category(char)[0] != "C" or char in "\u200d\ufe0f").strip()
    return shown[-MAX_FILENAME_CHARACTERS:]


def object_filename(filename: str, extension: str) -> str:
    """A safe file name whose extension follows the bytes: ``a.jpg.php`` holding a JPEG becomes ``a.jpg``."""
    stem = display_filename(filename)
    spelling = extension
    if found := _EXTENSION.search(stem):
        stem = stem[: found.start()]
        if found.group()[1:].lower() in _SPELLINGS.get(extension, ()):
            spelling = found.group()[1:].lower()
        elif stem.lower().endswith(_IMAGE_EXTENSIONS):
            stem = stem.rpartition(".")[0]
    return f"{_clean_stem(stem) or 'image'}.{spelling}"


def filename_extension(filename: str) -> str:
    """The extension of a client's file name: 1 to 10 of a to z and 0 to 9, lower case, or ``bin``."""
    found = _ANY_EXTENSION.search(display_filename(filename))
    return found.group(1).lower() if found else _NO_EXTENSION


def safe_filename(filename: str, extension: str) -> str:
    """A safe file name of any type, with one extension only: ``a.php.pdf`` becomes ``a_php.pdf``.

    ``extension`` comes from the bytes for an image, from ``filename_extension`` otherwise. Web servers may act on any
    extension within a name, so other dots go, except before a digit (``v1.2``) and in ``.tar.gz``.
    """
    if extension in _SPELLINGS:
        return object_filename(filename, extension)
    extension = filename_extension(f".{extension}")
    stem = display_filename(filename)
    if stem.lower().endswith(f".{extension}"):
        stem = stem[: -len(extension) - 1]
    inner = ".tar" if extension in _PACKED and stem.lower().endswith(".tar") else ""
    stem = _clean_stem(_INNER_DOT.sub("_", stem[: len(stem) - len(inner)]))
    return f"{stem or 'file'}{inner}.{extension}"


def _clean_stem(stem: str) -> str:
    """Letters, digits, dots, hyphens and underscores of ``stem``; not hidden, at most ``MAX_STEM_BYTES`` long."""
    stem = _UNWANTED.sub("_", stem).strip("._-")
    return stem.encode()[:MAX_STEM_BYTES].decode(errors="ignore").rstrip("._-")


def key_candidates(folder: str, filename: str) -> Iterator[str]:
    """``folder/name.jpg`` first, then without end ``folder/name_AbCdEf.jpg`` with a random suffix.

    An empty ``folder`` is the root of the storage.
    """
    front = f"{folder}/" if folder else ""
    yield f"{front}{filename}"
    stem, _, extension = filename.rpartition(".")
    while True:
        yield f"{front}{stem}_{get_random_string(6, _SUFFIX_LETTERS)}.{extension}"


def folders_of(key: str) -> list[str]:
    """``a``, ``a/b`` of ``a/b/c``: on a disk none of them can be a file."""
    return [key[:index] for index, char in enumerate(key) if char == "/"]


def is_safe_key(key: str) -> bool:
    """Whether a key may name an object: relative, no empty, hidden or parent segment, no backslash, no NUL."""
    segments = key.split("/")
    return not ("\0" in key or "\\" in key or any(not part or part.startswith(".") for part in segments))
