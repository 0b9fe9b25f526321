"""A bar on a terminal for commands that take long."""

import time
from typing import Any

WIDTH = 30
REDRAW_SECONDS = 0.2


class ProgressBar:
    """``[#########.....................]  312/1040  14.2/s  0:51 left``, on ``stream``, a command's; nothing where that
    is None. ``name`` stands above it."""

    def __init__(self, total: int, stream: Any, name: str = "") -> None:
        self.total, self.done, self.name = total, 0, name
        self._stream = stream
        self._started = self._drawn = time.monotonic()
        self._widest = 0

    def advance(self) -> None:
        """One more is done. Call it from one thread at a time."""
        self.done += 1
        now = time.monotonic()
        if self._stream is not None and (now - self._drawn >= REDRAW_SECONDS or self.done >= self.total):
            self._drawn = now
            self._draw(self.text(now - self._started))

    def close(self) -> None:
        """Leave the line empty for what is said next."""
        if self._widest:
            self._draw("")
            self._write("\r")
            self._widest = 0

    def text(self, seconds: float) -> str:
        """The bar after so many seconds."""
        total = max(self.total, self.done, 1)  # rows may have come meanwhile
        filled = WIDTH * self.done // total
        rate = self.done / seconds if seconds > 0 else 0.0
        left = _clock((total - self.done) / rate) if rate else "?"
        return f"[{'#' * filled}{'.' * (WIDTH - filled)}]  {self.done}/{total}  {rate:.1f}/s  {left} left"

    def _draw(self, text: str) -> None:
        if self.name and not self._widest:
            self._write(f"{self.name}:\n")
            self.name = ""  # once
        self._widest = max(self._widest, len(text))
        self._write("\r" + text.ljust(self._widest))

    def _write(self, text: str) -> None:
        self._stream.write(text, str, ending="")  # in plain colours
        self._stream.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
