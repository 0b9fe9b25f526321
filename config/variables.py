"""Reads variables of the environment and collects what is wrong with them, instead of stopping at the first."""

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Problem(NamedTuple):
    """A misconfiguration: which variable, what is wrong with it, what to write instead."""

    variable: str
    message: str
    hint: str


class Variables:
    """Reads variables by any of their names and collects what is wrong with them."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.problems: list[Problem] = []

    def first(self, *names: str, default: str = "") -> str:
        """The first of ``names`` that is set and not blank."""
        return next((value for name in names if (value := self.env.get(name, "").strip())), default)

    def boolean(self, name: str) -> bool | None:
        """True, False, or None where the variable is absent or blank."""
        text = self.first(name).lower()
        if text in ("1", "true", "yes", "on", "y", "t"):
            return True
        if text not in ("", "0", "false", "no", "off", "n", "f"):
            self.problem(name, f"{name}={text!r} is neither yes nor no.", f"Write {name}=True or {name}=False.")
        return False if text else None

    def integer(self, name: str, default: int, *, minimum: int, maximum: int | None = None) -> int:
        """A whole number within its bounds; ``default`` where it is absent or wrong."""
        text = self.first(name)
        if not text:
            return default
        if text.isdecimal() and minimum <= int(text) and (maximum is None or int(text) <= maximum):
            return int(text)
        upto = f"from {minimum}" + (f" to {maximum}" if maximum else "")
        self.problem(name, f"{name}={text!r} is not a whole number {upto}.", f"Write for example {name}={default}.")
        return default

    def url(self, *names: str) -> str | None:
        """An ``http(s)://host`` URL without a trailing slash, or None."""
        name = next((name for name in names if self.first(name)), "")
        if not name:
            return None
        text = self.first(name)
        parts = urlsplit(text)
        odd = parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in ("http", "https") or not parts.netloc or odd:
            self.problem(
                name, f"{name} is not the URL of a store.", f"Write scheme and host: {name}=https://storage.example.com"
            )
            return None
        return text.rstrip("/")

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        text = self.first(name, default=default)
        if text not in allowed:
            self.problem(name, f"{name}={text!r} is not known.", f"Write one of: {', '.join(allowed)}.")
            return default
        return text

    def problem(self, variable: str, message: str, hint: str) -> None:
        self.problems.append(Problem(variable, message, hint))
