"""``manage.py sweep_media``: settle what crashes and unreachable storages left. Run it every few minutes (cron)."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandParser

from media_assets.management.commandline import ReportingCommand, seconds
from media_assets.sweeping import UNREFERENCED_GRACE, plan, sweep


class Command(ReportingCommand):
    help = "Settles unfinished uploads, deletes discarded files, forgets keys whose time is over."
    outcome = "0 where nothing waits, 1 where something waits for a storage that does not answer or is not configured"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--grace",
            type=seconds,
            default=int(UNREFERENCED_GRACE.total_seconds()),
            help="Seconds that a file may be without anything that refers to it (default %(default)s).",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")

    def handle(self, *args: Any, **options: Any) -> None:
        grace, dry_run = timedelta(seconds=options["grace"]), options["dry_run"]
        report = plan(grace=grace) if dry_run else sweep(grace=grace, progress=self.step)
        text = (
            f"Reservations ended: {report.leases_ended}. Unreferenced: {report.unreferenced}. "
            f"Files deleted: {report.purged}. Keys freed: {report.removed}. Leftovers: {report.leftovers}. "
            f"Direct uploads settled: {report.uploads}. Pictures sent to a worker: {report.sent}. "
            f"Waiting for a storage: {report.waiting}."
        )
        self.tell({"dry_run": dry_run, **asdict(report)}, f"Nothing was done. Would be: {text}" if dry_run else text)
        if report.waiting:
            raise SystemExit(1)
