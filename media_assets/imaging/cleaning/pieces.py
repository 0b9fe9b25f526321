"""A file put together from slices of another one and a few new bytes."""

Piece = bytes | memoryview


class Pieces:
    """What is kept of `view`, in the order in which it is written. Neighbours become one slice."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._pieces: list[bytes | tuple[int, int]] = []
        self.size = 0

    def keep(self, start: int, end: int) -> None:
        """Go on with `view[start:end]`."""
        self.size += end - start
        last = self._pieces[-1] if self._pieces else b""
        if isinstance(last, tuple) and last[1] == start:
            self._pieces[-1] = (last[0], end)
        else:
            self._pieces.append((start, end))

    def write(self, new: bytes, start: int, end: int) -> None:
        """Go on with `new` in place of `view[start:end]`, which is kept where it says the same."""
        if len(new) == end - start and new == self._view[start:end]:
            self.keep(start, end)
        else:
            self._pieces.append(new)
            self.size += len(new)

    def extend(self, other: "Pieces") -> None:
        """Go on with what another one keeps of the same file."""
        for piece in other._pieces:
            if isinstance(piece, tuple):
                self.keep(*piece)
            else:
                self.write(piece, 0, 0)

    def pieces(self) -> list[Piece]:
        """The slices and the new bytes."""
        return [self._view[slice(*piece)] if isinstance(piece, tuple) else piece for piece in self._pieces]

    def is_everything(self) -> bool:
        """Whether this is the file as it was."""
        return self._pieces == [(0, len(self._view))]
