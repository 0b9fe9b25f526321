"""Where files lie while a picture is worked on: one folder, so that what a killed process left is found again."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, cast

NAME = "vitrine-work"


def folder() -> str:
    """The folder, made where it is not there, for this user alone. Raises OSError."""
    path = location()
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid != os.getuid():
        raise PermissionError(f"{path} belongs to somebody else.")
    return str(path)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new, empty folder; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder()) as name:
        yield Path(name)


@contextlib.contextmanager
def temporary_file() -> Iterator[IO[bytes]]:
    """A new file with a name; gone afterwards."""
    with tempfile.NamedTemporaryFile(dir=folder()) as file:
        yield cast(IO[bytes], file)


def clear(before: datetime) -> int:
    """Delete what has not been touched since ``before``; how many."""
    cleared = 0
    with contextlib.suppress(FileNotFoundError):
        for entry in os.scandir(location()):
            with contextlib.suppress(OSError):  # gone, or another sweep is at it
                if entry.stat(follow_symlinks=False).st_mtime < before.timestamp():
                    _delete(Path(entry.path))
                    cleared += 1
    return cleared


def location() -> Path:
    """Where the folder is."""
    return Path(tempfile.gettempdir(), f"{NAME}-{os.getuid()}")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
