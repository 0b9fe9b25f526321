"""``manage.py storage_check``: proves the configured storages live, and with ``--fix`` sets the buckets up first."""

from collections import Counter
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from media_assets.errors import StorageUnavailable
from media_assets.management.commandline import ReportingCommand, check_only_with_fix
from media_assets.operations.checking.findings import S3, Finding, Status, explained
from media_assets.operations.checking.layout import PUBLIC, bucket_uses
from media_assets.operations.checking.running import LOCAL, check, environment
from media_assets.storages import is_configured

if TYPE_CHECKING:
    from media_assets.operations.checking.setting_up import Change, Plan

_MARKS = {
    Status.OK: "✓",
    Status.FAILED: "✗",
    Status.WARNING: "!",
    Status.SKIPPED: "-",
    Status.NOT_OFFERED: "-",
}


class Command(ReportingCommand):
    help = "Proves the configured storages step by step, live; each failure names the setting or JSON that mends it."
    outcome = "0 where no step failed, 1 where one did or a fix was not made"
    requires_system_checks: list[str] = []  # a wrong setting is what it is to explain

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--storage", choices=(S3, LOCAL, "all"), help="Default: where new files go.")
        parser.add_argument(
            "--fix",
            action="store_true",
            help="First make or update the buckets: CORS, policy, public access block, lifecycle, encryption.",
        )
        parser.add_argument("--yes", action="store_true", help="With --fix: do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="With --fix: only show what would be changed.")
        parser.add_argument("--iam", action="store_true", help="Only print the IAM policy that the key or role needs.")

    def handle(self, *args: Any, **options: Any) -> None:
        check_only_with_fix(options, "yes", "dry_run")
        if options["fix"] and not options["iam"] and settings.MEDIA.problems:
            self._not_set_up(environment().answer, environment().fix)
            self.print_json({"ok": False, **self.report})
            raise SystemExit(1)
        engines = self._engines(options)
        if options["iam"]:
            self._print_iam(set_up=options["fix"])
            return
        fixed = not options["fix"] or self._fix(yes=options["yes"], dry_run=options["dry_run"])
        passed = options["dry_run"] or self._check(engines)
        self.print_json({"ok": passed and fixed, **self.report})
        if not (passed and fixed):
            raise SystemExit(1)

    def _engines(self, options: dict[str, Any]) -> list[str]:
        chosen: str = options["storage"] or settings.MEDIA_ACTIVE_STORAGES["public"].partition("-")[0]
        about_s3 = chosen == S3 or options["fix"] or options["iam"]
        if about_s3 and not is_configured(PUBLIC):
            raise CommandError(
                "S3 is not configured. Set AWS_STORAGE_BUCKET_NAME, and the keys or a role.", returncode=1
            )
        if chosen == "all":
            return [LOCAL, S3] if is_configured(PUBLIC) else [LOCAL]
        return [chosen]

    # --- the check ---

    def _check(self, engines: list[str]) -> bool:
        """Whether no step failed."""
        counts: Counter[Status] = Counter()
        steps = self.report["steps"] = []
        with closing(check(engines)) as findings:
            for finding in findings:
                counts[finding.status] += 1
                steps.append(asdict(finding))
                if not self.as_json:
                    self._print(finding)
        if not self.as_json:
            self.stdout.write(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))
        return not counts[Status.FAILED]

    def _print(self, finding: Finding) -> None:
        style = {Status.OK: self.style.SUCCESS, Status.FAILED: self.style.ERROR, Status.WARNING: self.style.WARNING}
        line = f"{_MARKS[finding.status]} {finding.storage}: {finding.name}"
        bad = finding.status in (Status.FAILED, Status.WARNING)
        self.stdout.write(style.get(finding.status, str)(line if bad else f"{line}: {finding.answer}"))
        if bad:
            for title, text in (("tried", finding.tried), ("came back", finding.answer), ("fix", finding.fix)):
                self.stdout.write(f"    {title}: " + text.replace("\n", "\n    "))

    # --- --fix ---

    def _fix(self, *, yes: bool, dry_run: bool) -> bool:
        """Whether everything is as wanted now (with ``dry_run``: could be looked at)."""
        from botocore.exceptions import BotoCoreError, ClientError

        from media_assets.operations.checking.bucket_state import Forbidden, NotOffered

        self.report["changes"] = []
        try:
            return self._set_up(yes=yes, dry_run=dry_run)
        except Forbidden as error:
            answer, fix = str(error), _rights()
        except (BotoCoreError, ClientError, StorageUnavailable, NotOffered) as error:
            answer, fix = explained(error, s3=True)
        self._not_set_up(answer, fix)
        return False

    def _not_set_up(self, answer: str, fix: str) -> None:
        self.report["error"] = {"answer": answer, "fix": fix}
        self._say(self.style.ERROR(f"Not set up: {answer}"), fix)

    def _set_up(self, *, yes: bool, dry_run: bool) -> bool:
        from media_assets.operations.checking.setting_up import BUCKET, plan

        uses = bucket_uses()
        wanted = plan(uses)
        self._show(wanted)
        if not dry_run and self._make(wanted, yes=yes) and any(change.part == BUCKET for change in wanted.changes):
            wanted = plan(uses)  # a new bucket's parts can be read now
            self._show(wanted)
            self._make(wanted, yes=yes)
        if wanted.unreadable:
            self._say(self.style.ERROR("Not set up: these credentials may not look. IAM policy:"), _rights())
        return not wanted.unreadable

    def _make(self, wanted: "Plan", *, yes: bool) -> bool:
        """Whether there was something to make, and it was."""
        if wanted.changes:
            if not yes:
                self.confirm("Make these changes?")
            self._apply(wanted.changes)
        return bool(wanted.changes)

    def _show(self, wanted: "Plan") -> None:
        for change in wanted.changes:
            self._say(change.diff)
            new = {"bucket": change.bucket, "part": change.part, "before": change.before, "after": change.after}
            self.report["changes"].append({**new, "made": False})
        self._say(*wanted.notes, *wanted.unreadable)
        if not wanted.changes:
            self._say("Nothing is to be changed.")
        self.report.setdefault("notes", []).extend([*wanted.notes, *wanted.unreadable])

    def _apply(self, changes: "list[Change]") -> None:
        from media_assets.operations.checking.setting_up import apply

        waiting = [one for one in self.report["changes"] if not one["made"]]
        for shown, change in zip(waiting, apply(changes), strict=True):
            shown["made"] = True
            self._say(self.style.SUCCESS(f"✓ {change.bucket}: {change.part} set."))

    def _print_iam(self, *, set_up: bool) -> None:
        from media_assets.operations.checking.policies import iam_policy
        from media_assets.operations.checking.rules import text_of

        self.stdout.write(text_of(iam_policy(bucket_uses(), set_up=set_up)))

    def _say(self, *texts: str) -> None:
        for text in texts:
            if text and not self.as_json:
                self.stdout.write(text)


def _rights() -> str:
    from media_assets.operations.checking.policies import iam_policy
    from media_assets.operations.checking.rules import text_of

    return "Let whoever runs --fix do this, besides the site's own rights (storage_check --iam --fix):\n" + text_of(
        iam_policy(bucket_uses(), set_up=True)
    )
