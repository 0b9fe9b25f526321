"""``manage.py sweep_media``: settle what crashes and unreachable storages left. Run it every few minutes (cron)."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from media_assets.sweeping import UNREFERENCED_GRACE, sweep


class Command(BaseCommand):
    help = "Settles unfinished uploads, deletes discarded files, forgets keys whose time is over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace",
            type=int,
            default=int(UNREFERENCED_GRACE.total_seconds()),
            help="Seconds that a file may be without anything that refers to it (default %(default)s).",
        )
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        shown = self.stderr.isatty() and not options["json"]

        def progress(step: str, done: int) -> None:
            if shown:
                self.stderr.write(f"\r{step}: {done}   ", ending="")
                self.stderr.flush()

        report = sweep(grace=timedelta(seconds=options["grace"]), progress=progress)
        if shown:
            self.stderr.write("\r", ending="")
        if options["json"]:
            self.stdout.write(json.dumps(asdict(report)))
        else:
            self.stdout.write(
                f"Reservations ended: {report.leases_ended}. Unreferenced: {report.unreferenced}. "
                f"Files deleted: {report.purged}. Keys freed: {report.removed}. Leftovers: {report.leftovers}. "
                f"Direct uploads settled: {report.uploads}. Pictures sent to a worker: {report.sent}. "
                f"Waiting for a storage: {report.waiting}."
            )
