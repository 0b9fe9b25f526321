"""The table of results: medians, ratios against the reference of the same run, targets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

UNITS = {"s": (1.0, "s"), "ms": (1e3, "ms"), "us": (1e6, "µs"), "MB": (1e-6, "MB"), "permille": (1e3, "‰")}
Unit = Literal["s", "ms", "us", "MB", "permille"]
HEADINGS = ("", "median", "ratio", "target", "")


@dataclass(frozen=True)
class Row:
    """One line. ``value`` in seconds, in bytes where the unit is MB, or a plain number where it is permille.

    ``ratio`` is against what ``against`` names; ``target`` bounds the ratio (the value, where there is no ratio) from
    above, or from below where ``at_least``.
    """

    group: str
    name: str
    value: float
    unit: Unit = "ms"
    ratio: float | None = None
    against: str = ""
    target: float | None = None
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None where there is none."""
        if self.target is None:
            return None
        measured = self.ratio if self.ratio is not None else self.value * UNITS[self.unit][0]
        return measured >= self.target if self.at_least else measured <= self.target

    def cells(self) -> tuple[str, ...]:
        """What stands in the columns."""
        scale, unit = UNITS[self.unit]
        ratio = "" if self.ratio is None else f"{self.ratio:.2f} × {self.against}"
        suffix = f" {unit}" if self.ratio is None else ""
        target = "" if self.target is None else f"{'≥' if self.at_least else '≤'} {self.target:g}{suffix}"
        verdict = {None: "", True: "met", False: "MISSED"}[self.met]
        return f"  {self.name}", f"{self.value * scale:.2f} {unit}", ratio, target, verdict


def render(rows: Iterable[Row], notes: Sequence[str] = ()) -> str:
    """The rows under their groups' titles, then the notes."""
    lines: list[tuple[str, ...]] = [HEADINGS]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append((group,))
        lines.append(row.cells())
    widths = [max(len(line[column]) for line in lines if len(line) > 1) for column in range(len(HEADINGS))]
    text = ["".join(_padded(line, widths)).rstrip() for line in lines]
    return "\n".join([*text, *notes])


def _padded(line: tuple[str, ...], widths: list[int]) -> Iterable[str]:
    for column, (cell, width) in enumerate(zip(line, widths, strict=False)):
        yield f"{cell:>{width}}   " if column == 1 else f"{cell:<{width}}   "
