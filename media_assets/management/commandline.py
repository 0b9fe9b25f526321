"""What the commands have in common: their arguments, a bar, a question, and an end that a script can read."""

import contextlib
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from media_assets.progress import ProgressBar

USAGE = 2  # exit code: a wrong call
INTERRUPTED = 130  # exit code: what a shell makes of Ctrl-C
MAX_SECONDS = 10**9


class ReportingCommand(BaseCommand):
    """A command that ends with a report: text, or with ``--json`` one JSON object on standard output and nothing else.

    A CommandError is ``{"error": …}`` in JSON. Ctrl-C and SIGTERM end it with INTERRUPTED. A subclass sets ``outcome``,
    what the exit codes 0 and 1 mean, for the help; and may fill ``report`` as it goes: an early end prints it too.
    """

    outcome = ""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        codes = f"Exit codes: {self.outcome}, 2 for a wrong call, {INTERRUPTED} where Ctrl-C or SIGTERM ended it."
        parser = super().create_parser(prog_name, subcommand, epilog=codes, **kwargs)
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")
        return parser

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.as_json: bool = options["json"]
        self.report: dict[str, Any] = {}
        self.bar = ProgressBar(0, None)
        try:
            with _terminable():
                try:
                    return super().execute(*args, **options)
                finally:
                    self.bar.close()
        except CommandError as error:
            self.print_json({**self.report, "error": str(error)})
            raise
        except KeyboardInterrupt:
            self.stderr.write("Interrupted. Run it again.")
            self.print_json({**self.report, "interrupted": True})
            raise SystemExit(INTERRUPTED) from None

    def step(self, name: str, total: int) -> Callable[[], None]:
        """A new bar for a new step of so many pieces (where a terminal shows it); gives what is called for each."""
        self.bar.close()
        self.bar = ProgressBar(total, self.stderr if self.shows_bars else None, name)
        return self.bar.advance

    @property
    def shows_bars(self) -> bool:
        return self.stderr.isatty() and not self.as_json

    def tell(self, report: dict[str, Any], text: str) -> None:
        """The report, in one form or the other."""
        self.bar.close()
        self.print_json(report)
        if not self.as_json:
            self.stdout.write(text)

    def print_json(self, report: dict[str, Any]) -> None:
        """Where that is asked for."""
        if self.as_json:
            self.stdout.write(json.dumps(report, default=str))

    def confirm(self, question: str) -> None:
        """Ask on standard error. Raises CommandError where the answer is no, or nobody is there to give one."""
        self.check_somebody_answers()
        self.stderr.write(f"{question} [y/N] ", str, ending="")
        self.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise CommandError("Nothing was changed.")

    def check_somebody_answers(self) -> None:
        """Raises CommandError where ``confirm`` would have nobody to ask."""
        if self.as_json or not sys.stdin.isatty():
            raise CommandError("Nothing was changed: there is nobody to ask. Add --yes, or --dry-run to look only.")


def check_only_with_fix(options: dict[str, Any], *names: str) -> None:
    """Raises CommandError where one of these is given without ``--fix``."""
    if not options["fix"] and any(options[name] for name in names):
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in names)
        raise CommandError(f"{flags} belong to --fix.", returncode=USAGE)


def positive(text: str) -> int:
    """A whole number from 1 on. Raises ValueError, of which argparse makes a usage error that names the type."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def seconds(text: str) -> int:
    """A whole number from 0 on that a date can be moved by. Raises ValueError, as ``positive`` does."""
    if not 0 <= (number := int(text)) <= MAX_SECONDS:
        raise ValueError
    return number


def counted(count: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
