"""A file made of pieces of other files, read without being put together."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from typing import Any

from django.core.files.base import File

Buffer = bytes | memoryview


class PiecesFile(File):  # type: ignore[type-arg]
    """The pieces one after another, as a file that can be read from its beginning as often as wanted."""

    def __init__(self, pieces: Sequence[Buffer], name: str = "") -> None:
        self._pieces = [memoryview(piece) for piece in pieces]
        super().__init__(_Reader(self._pieces), name=name)  # type: ignore[arg-type]
        self.size = sum(len(piece) for piece in self._pieces)

    def __bool__(self) -> bool:
        """True: Django's files without a name are false, and clients of S3 take those for empty."""
        return True

    @property
    def sha256(self) -> str:
        """Hexadecimal."""
        digest = hashlib.sha256()
        for piece in self._pieces:
            digest.update(piece)
        return digest.hexdigest()


class _Reader(io.RawIOBase):
    """Reads over the seams."""

    def __init__(self, pieces: list[memoryview]) -> None:
        self._pieces = pieces
        self._size = sum(len(piece) for piece in pieces)
        self._at = 0  # of the whole
        self._piece = 0
        self._within = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = min(max(0, start + offset), self._size)
        self._piece, self._within = 0, self._at
        while self._piece < len(self._pieces) and self._within >= len(self._pieces[self._piece]):
            self._within -= len(self._pieces[self._piece])
            self._piece += 1
        return self._at

    def readinto(self, buffer: Any) -> int:
        target = memoryview(buffer).cast("B")
        done = 0
        while done < len(target) and self._piece < len(self._pieces):
            found = self._pieces[self._piece][self._within : self._within + len(target) - done]
            target[done : done + len(found)] = found
            done += len(found)
            self._within += len(found)
            if self._within == len(self._pieces[self._piece]):
                self._piece, self._within = self._piece + 1, 0
        self._at += done
        return done
