"""``manage.py explain_url URL``: why a media URL delivers, or why not, and what to do about it.

Nothing that is printed lets anyone make a URL: no secret, and never the signature that would be right.
"""

import argparse
from datetime import UTC
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import Error as DatabaseError
from django.utils.dateparse import parse_datetime

from media_assets.management.commandline import ReportingCommand
from media_assets.operations.explaining import explain


class Command(ReportingCommand):
    help = "Says why a media URL fails, or that it works: its storage, file, signature and object."
    outcome = "0 where the URL would deliver, 1 where not"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("url", metavar="URL", help="The whole URL, in quotes; of a local file its path is enough.")
        parser.add_argument(
            "--at",
            type=_seconds,
            metavar="TIME",
            help="As if it were asked for at this time, such as 2026-11-21T15:30:00Z. The store is not asked then.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seen = explain(options["url"], at=options["at"])
        except DatabaseError as error:
            raise CommandError(f"The database does not answer: {error}".strip()) from error
        answer = {"works": seen.works, "code": seen.code, "verdict": seen.verdict, "facts": dict(seen.facts)}
        lines = [*seen.facts, ("Works" if seen.works else "Fails", seen.verdict)]
        self.tell(answer, "\n".join(_line(label, text) for label, text in lines))
        if not seen.works:
            raise SystemExit(1)


def _line(label: str, text: str) -> str:
    """On one line, whatever the URL holds."""
    plain = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in f"{label + ':':<11}{text}")
    return plain.encode(errors="backslashreplace").decode()


def _seconds(text: str) -> float:
    try:
        moment = parse_datetime(text)
    except ValueError:
        moment = None
    if moment is None:
        raise argparse.ArgumentTypeError("Write a time such as 2026-11-21T15:30:00Z.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
