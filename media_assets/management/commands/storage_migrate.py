"""``manage.py storage_migrate --to s3|local``: move every file with its variants to the other engine.

Safe while the service runs; stopped or killed at any point it goes on where it was when it is run again.
"""

import argparse
import re
from datetime import timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from media_assets.management.commandline import INTERRUPTED, ReportingCommand, counted, positive, seconds
from media_assets.models import Visibility
from media_assets.operations import moving
from media_assets.operations.locks import Locked, exclusive
from media_assets.operations.moving import MoveReport, Outcome, Pace
from media_assets.storages import active_alias, is_configured

SHOWN_PROBLEMS = 20
_RATE = re.compile(r"([0-9]+)([KMG]?)", re.IGNORECASE)


class Command(ReportingCommand):
    help = "Moves every file with its variants to S3 or to local disk, checksums compared, while the service runs."
    outcome = (
        "0 where every file that could be moved when it began is moved (what came meanwhile is 'left', what is just "
        "being stored or processed 'waiting': run it until both are 0), 1 where something failed or could not be moved"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", choices=moving.ENGINES, required=True, help="Where everything shall lie.")
        parser.add_argument("--jobs", type=positive, default=8, help="Files at a time (default %(default)s).")
        parser.add_argument("--rate", type=_rate, help="At most so many bytes a second: 500K, 20M, 1G.")
        parser.add_argument(
            "--delete-source", action="store_true", help="Afterwards delete at the source what lies in the new place."
        )
        parser.add_argument(
            "--grace",
            type=seconds,
            default=int(moving.SOURCE_GRACE.total_seconds()),
            help="Seconds that a moved file stays at its source at least, for requests under way (%(default)s).",
        )
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be moved and deleted.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.target: str = options["to"]
        for alias in moving.aliases(self.target):
            if not is_configured(alias):
                raise CommandError("No bucket is named. Set AWS_STORAGE_BUCKET_NAME (USE_S3 may stay False meanwhile).")
        if options["dry_run"]:
            self._plan()
            return
        try:
            with exclusive("storage_migrate"):
                self._move(options)
        except Locked:
            raise CommandError("Another storage_migrate is at work. Wait for its end, or stop it.") from None

    def _plan(self) -> None:
        files, kept = moving.to_move(self.target), moving.kept_sources(self.target)
        plan: dict[str, Any] = {
            "to": self.target,
            "dry_run": True,
            "files": files.count(),
            "bytes": moving.stored_bytes(files),
            "waiting": moving.waiting(self.target).count(),
            "lost": moving.lost(self.target).count(),
            "sources_kept": kept.count(),
        }
        size = filesizeformat(plan["bytes"])
        text = f"To be moved to {self.target}: {counted(plan['files'], 'file')}, {size} without variants."
        text += f" Moved already, source kept: {counted(plan['sources_kept'], 'file')}."
        self.tell(plan, text + self._hints(plan["waiting"]))

    def _move(self, options: dict[str, Any]) -> None:
        jobs = options["jobs"]
        advance = self.step("Moving", moving.to_move(self.target).count())
        report = moving.move_all(self.target, jobs=jobs, pace=Pace(options["rate"]), progress=advance)
        if options["delete_source"] and not report.interrupted and not report.silent:
            grace = timedelta(seconds=options["grace"])
            advance = self.step("Deleting at the source", moving.kept_sources(self.target).count())
            moving.delete_sources(self.target, report, jobs=jobs, grace=grace, progress=advance)
        self._report(report)

    def _report(self, report: MoveReport) -> None:
        left, waiting = moving.to_move(self.target).count(), moving.waiting(self.target).count()
        kept = moving.kept_sources(self.target).count()
        self.tell(self._numbers(report, left, waiting, kept), self._text(report, left, kept) + self._hints(waiting))
        if not self.as_json:
            for problem in report.problems[:SHOWN_PROBLEMS]:
                self.stderr.write(f"  {problem.outcome.value}: asset {problem.asset}: {problem.detail}")
            if len(report.problems) > SHOWN_PROBLEMS:
                self.stderr.write(f"  and {len(report.problems) - SHOWN_PROBLEMS} more (--json lists all)")
        if report.interrupted:
            raise SystemExit(INTERRUPTED)
        if report.problems or report.silent:
            raise SystemExit(1)

    def _numbers(self, report: MoveReport, left: int, waiting: int, kept: int) -> dict[str, Any]:
        return {
            "to": self.target,
            "dry_run": False,
            **{outcome.value: report.counts[outcome] for outcome in Outcome},
            "bytes": report.bytes,
            "left": left,
            "waiting": waiting,
            "lost": moving.lost(self.target).count(),
            "sources_deleted": report.sources_deleted,
            "sources_kept": kept,
            "interrupted": report.interrupted,
            "silent": report.silent,
            "problems": [
                {"asset": one.asset, "key": one.key, "outcome": one.outcome.value, "detail": one.detail}
                for one in report.problems
            ],
        }

    def _text(self, report: MoveReport, left: int, kept: int) -> str:
        moved = report.counts[Outcome.MOVED]
        text = f"Moved to {self.target}: {counted(moved, 'file')}, {filesizeformat(report.bytes)} with variants."
        if report.sources_deleted:
            text += f" Deleted at the source: {counted(report.sources_deleted, 'file')}."
        if kept:
            text += f" Kept at the source too: {counted(kept, 'file')}; --delete-source deletes them."
        if report.silent:
            text += " Ended early: a storage does not answer."
        if report.interrupted:
            text += " Interrupted."
        if left:
            text += f" Left: {counted(left, 'file')}. Run it again."
        return text

    def _hints(self, waiting: int) -> str:
        hints = []
        if waiting:
            hints.append(f"{counted(waiting, 'file')} just being stored or processed: run it again for these.")
        if lost := moving.lost(self.target).count():
            hints.append(f"{counted(lost, 'file')} known to be lost, of which nothing can be moved.")
        if any(not active_alias(visibility).startswith(f"{self.target}-") for visibility in Visibility.values):
            switch = "True" if self.target == "s3" else "False"
            hints.append(f"New files still go elsewhere: set USE_S3={switch}, restart, and run it once more.")
        if self.target == "local":
            hints.append(
                "URLs of the store cannot redirect: keep the sources while ones that were handed out are in use."
            )
        return "".join(f"\n{hint}" for hint in hints)


def _rate(text: str) -> int:
    """Bytes a second. Raises ArgumentTypeError."""
    found = _RATE.fullmatch(text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is no rate. Write 500K, 20M or 1G (bytes a second).")
    return int(found[1]) * int(1024 ** " KMG".index(found[2].upper() or " "))
