"""What an explanation is made of, how moments are told, and what every kind of signature can lack."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils.timesince import timesince

WORKS = "works"
UNVERIFIABLE = "unverifiable"  # only the store knows
FRESH = "Ask for a new one."
SECONDS = re.compile(r"\d{1,15}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a URL does not deliver: a stable word, a sentence, and what to do about it."""

    code: str
    text: str
    remedy: str


@dataclass
class Explanation:
    """``facts``: label and text of what was seen, in order. ``problems``: the first one decides."""

    facts: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    success: str = "It delivers the file."

    def see(self, label: str, text: str) -> None:
        """One more fact."""
        self.facts.append((label, text))

    def fail(self, problem: Problem | None) -> None:
        """One more problem, where it is one."""
        if problem is not None:
            self.problems.append(problem)

    @property
    def works(self) -> bool:
        """Whether the URL would deliver."""
        return not self.problems

    @property
    def code(self) -> str:
        """``works``, or the word for what is wrong."""
        return self.problems[0].code if self.problems else WORKS

    @property
    def verdict(self) -> str:
        """One sentence, the remedy behind it where one is needed."""
        return f"{self.problems[0].text} {self.problems[0].remedy}".strip() if self.problems else self.success


def moment(seconds: float, now: float) -> str:
    """``2026-11-21 15:32:05 UTC, 3 minutes ago``; seconds since the epoch."""
    try:
        then = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "a time that no calendar has"
    distance = "now"
    if abs(now - seconds) >= 1:
        distance = f"{_span(then, now)} ago" if seconds < now else f"in {_span(then, now)}"
    return f"{then:%Y-%m-%d %H:%M:%S} UTC, {distance}"


def _span(then: datetime, now: float) -> str:
    seconds = abs(now - then.timestamp())
    if seconds < 60:
        return f"{seconds:.0f} seconds"
    early, late = sorted((then, datetime.fromtimestamp(now, UTC)))
    return timesince(early, late).replace("\xa0", " ")


def unsigned() -> Problem:
    """A private file without a signature."""
    text = "It has no signature, and private files are delivered with one only."
    return Problem("missing_signature", text, "Use the whole URL, its query included, or ask for a new one.")


def cut_off(missing: Sequence[str]) -> Problem:
    """A signature without these parameters."""
    text = f"A part of its signature is missing: {', '.join(missing)}."
    return Problem("incomplete_signature", text, "Use the whole URL, its query included, or ask for a new one.")


def see_end(seen: Explanation, ends_at: float, now: float) -> None:
    """When a signature ends, or ended (seconds since the epoch)."""
    seen.see("Expires", moment(ends_at, now))
    if ends_at <= now:
        seen.fail(Problem("expired", f"Its time is over: it expired at {moment(ends_at, now)}.", FRESH))
