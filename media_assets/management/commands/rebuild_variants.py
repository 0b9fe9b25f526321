"""``manage.py rebuild_variants``: after a change of MEDIA_VARIANT_WIDTHS, or for pictures that have none yet.

Only what differs is made, so it may be stopped at any time and started again, beside workers and beside itself.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from media_assets.progress import ProgressBar
from media_assets.rebuilding import Outcome, mark_due, outdated, outdated_ids, rebuild_all
from media_assets.tasks import send

INTERRUPTED = 130  # what a shell makes of Ctrl-C


class Command(BaseCommand):
    help = "Makes the variants and placeholders of every picture whose present ones are of other presets, or missing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--jobs", type=_positive, default=os.cpu_count() or 1, help="Pictures at a time (default %(default)s)."
        )
        parser.add_argument("--limit", type=_positive, help="At most so many pictures.")
        parser.add_argument("--queue", action="store_true", help="Hand them to the workers and do not wait for them.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")
        parser.add_argument("--json", action="store_true", help="Print the report as JSON.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Exits with 0 where all is done (or handed over), 1 where some is not, 130 where it was interrupted."""
        if options["queue"] and not settings.CELERY_BROKER_URL:
            raise CommandError("--queue needs workers, but CELERY_BROKER_URL is not set. Leave --queue out.")
        self.as_json: bool = options["json"]
        if not settings.MEDIA_VARIANT_WIDTHS:
            self._report({"outdated": 0}, "MEDIA_VARIANT_WIDTHS is empty: nothing is to be made.")
            return
        found = outdated().count()
        total = min(found, options["limit"] or found)
        if options["dry_run"]:
            self._report({"outdated": found}, f"{_pictures(found)} to be made.")
            return
        ids = outdated_ids(options["limit"])
        shown = self.stderr.isatty() and not self.as_json
        bar = ProgressBar(total, self.stderr if shown else None)
        if options["queue"]:
            self._hand_over(ids, bar)
        else:
            self._make(ids, options["jobs"], bar)

    def _make(self, ids: Iterator[int], jobs: int, bar: ProgressBar) -> None:
        report = rebuild_all(ids, jobs=jobs, progress=bar.advance)
        bar.close()
        made, failed, taken = (report.counts[outcome] for outcome in (Outcome.MADE, Outcome.FAILED, Outcome.TAKEN))
        text = f"{_pictures(made)} made."
        if failed:
            text += f" {_pictures(failed)} failed; the admin says why, and lets each be tried again."
        if taken:
            text += f" {_pictures(taken)} in other hands or put off; sweep_media comes back for them."
        if report.interrupted:
            text += " Interrupted: run it again for the rest."
        numbers = {"made": made, "failed": failed, "taken": taken, "interrupted": report.interrupted}
        self._report(numbers, text)
        if report.interrupted:
            raise SystemExit(INTERRUPTED)
        if failed or taken:
            raise SystemExit(1)

    def _hand_over(self, ids: Iterator[int], bar: ProgressBar) -> None:
        sent = 0
        for asset_id in ids:
            if mark_due(asset_id):
                if not send(asset_id):
                    bar.close()
                    raise CommandError(f"{_pictures(sent)} handed over; then the broker of CELERY_BROKER_URL refused.")
                sent += 1
            bar.advance()
        bar.close()
        self._report({"sent": sent}, f"{_pictures(sent)} handed to the workers.")

    def _report(self, numbers: dict[str, Any], text: str) -> None:
        self.stdout.write(json.dumps(numbers) if self.as_json else text)


def _positive(text: str) -> int:
    """Raises ValueError, of which argparse makes a usage error."""
    if (number := int(text)) < 1:
        raise ValueError
    return number


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"
