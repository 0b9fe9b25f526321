"""``manage.py rebuild_variants``: after a change of MEDIA_VARIANT_WIDTHS, or for pictures that have none yet.

Only what differs is made, so it may be stopped at any time and started again, beside workers and beside itself.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from media_assets.management.commandline import INTERRUPTED, ReportingCommand, counted, positive
from media_assets.rebuilding import Outcome, mark_due, outdated, outdated_ids, rebuild_all
from media_assets.tasks import send


class Command(ReportingCommand):
    help = "Makes the variants and placeholders of every picture whose present ones are of other presets, or missing."
    outcome = "0 where all is done (or handed over), 1 where some is not"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--jobs", type=positive, default=os.cpu_count() or 1, help="Pictures at a time (default %(default)s)."
        )
        parser.add_argument("--limit", type=positive, help="At most so many pictures.")
        parser.add_argument("--queue", action="store_true", help="Hand them to the workers and do not wait for them.")
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["queue"] and not settings.CELERY_BROKER_URL:
            raise CommandError("--queue needs workers, but CELERY_BROKER_URL is not set. Leave --queue out.")
        if not settings.MEDIA_VARIANT_WIDTHS:
            self.tell({"outdated": 0}, "MEDIA_VARIANT_WIDTHS is empty: nothing is to be made.")
            return
        found = outdated().count()
        total = min(found, options["limit"] or found)
        if options["dry_run"]:
            self.tell({"outdated": found}, f"{counted(found, 'picture')} to be made.")
            return
        ids = outdated_ids(options["limit"])
        advance = self.step("", total)
        if options["queue"]:
            self._hand_over(ids, advance)
        else:
            self._make(ids, options["jobs"], advance)

    def _make(self, ids: Iterator[int], jobs: int, advance: Callable[[], None]) -> None:
        report = rebuild_all(ids, jobs=jobs, progress=advance)
        made, failed, taken = (report.counts[outcome] for outcome in (Outcome.MADE, Outcome.FAILED, Outcome.TAKEN))
        text = f"{counted(made, 'picture')} made."
        if failed:
            text += f" {counted(failed, 'picture')} failed; the admin says why, and lets each be tried again."
        if taken:
            text += f" {counted(taken, 'picture')} in other hands or put off; sweep_media comes back for them."
        if report.interrupted:
            text += " Interrupted: run it again for the rest."
        numbers = {"made": made, "failed": failed, "taken": taken, "interrupted": report.interrupted}
        self.tell(numbers, text)
        if report.interrupted:
            raise SystemExit(INTERRUPTED)
        if failed or taken:
            raise SystemExit(1)

    def _hand_over(self, ids: Iterator[int], advance: Callable[[], None]) -> None:
        sent = 0
        for asset_id in ids:
            if mark_due(asset_id):
                if not send(asset_id):
                    raise CommandError(
                        f"{counted(sent, 'picture')} handed over; then the broker of CELERY_BROKER_URL refused."
                    )
                sent += 1
            advance()
        self.tell({"sent": sent}, f"{counted(sent, 'picture')} handed to the workers.")
