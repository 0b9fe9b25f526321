"""``manage.py storage_audit``: does every row have its object, and every object its row?

It may run beside the service at any time: what was written meanwhile is no finding, and ``--fix`` looks at each thing
once more before it touches it.
"""

import argparse
import contextlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from media_assets.management.commandline import ReportingCommand, check_only_with_fix, counted, positive, seconds
from media_assets.operations.auditing import Audit, AuditReport, StorageReport, configured_aliases
from media_assets.operations.auditing.findings import MISSING, OTHER_CHECKSUM, OTHER_SIZE, STRAY, Finding
from media_assets.operations.auditing.fixing import FixReport, Outcome, fix
from media_assets.operations.locks import Locked, exclusive

TRUSTING = ("storage_migrate", "storage_adopt")  # locks of commands that take over what they find lying there
BACK = "set AWS_STORAGE_BUCKET_NAME (and AWS_S3_ENDPOINT_URL, AWS_S3_REGION_NAME, the keys) to the bucket they lie in"
DONE = {
    Outcome.DELETED: "objects without a row deleted",
    Outcome.POINTED: "rows pointed to a copy elsewhere",
    Outcome.FAILED: "rows marked failed, their bytes are nowhere",
    Outcome.REMADE: "pictures whose variants are made again",
    Outcome.SETTLED: "settled by themselves meanwhile",
    Outcome.LEFT: "left as they are",
}
ROLES = {"original": "Originals", "variant": "Variants", "raw": "Originals to be cleaned"}
WRONGS = {MISSING: "missing", OTHER_SIZE: "of another size", OTHER_CHECKSUM: "of other bytes"}


class Command(ReportingCommand):
    help = "Compares the registry with the storages: rows without objects, objects without rows, other sizes or bytes."
    outcome = "0 where all is as it should be (after --fix: now), 1 where it is not or was not looked at"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--storage",
            action="append",
            type=_alias,
            metavar="ALIAS",
            help="Only this storage, such as s3-public; may be repeated. Default: every configured one.",
        )
        parser.add_argument(
            "--checksums",
            action="store_true",
            help="Compare the sha256 of every object too: the store's own where it has one, else of the bytes, read.",
        )
        parser.add_argument(
            "--grace",
            type=seconds,
            default=3600,
            metavar="SECONDS",
            help="Younger objects count as being written, not as belonging to nobody; objects of younger rows count as "
            "shown late by the store, not as missing (default %(default)s; 0: now).",
        )
        parser.add_argument("--fix", action="store_true", help="Put right what is found (asks on a terminal).")
        parser.add_argument("--yes", action="store_true", help="With --fix: do not ask.")
        parser.add_argument("--dry-run", action="store_true", help="With --fix: only say what would be done.")
        parser.add_argument("--keep-strays", action="store_true", help="With --fix: delete no object.")
        parser.add_argument(
            "--accept-loss",
            action="store_true",
            help="With --fix: go on even where most of a storage is lost, or belongs to nobody.",
        )
        parser.add_argument(
            "--jobs",
            type=positive,
            default=4 * (os.cpu_count() or 1),
            help="Storage calls at a time (default %(default)s).",
        )
        parser.add_argument(
            "--limit",
            type=positive,
            default=20,
            help="Examples of each kind that are shown (default %(default)s).",
        )
        parser.add_argument("--output", type=Path, metavar="FILE", help="Write every finding into it, as JSON lines.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.options = options
        self.is_shown = False
        check_only_with_fix(options, "yes", "dry_run", "keep_strays", "accept_loss")
        if options["fix"] and not (options["yes"] or options["dry_run"]):
            self.check_somebody_answers()
        how = {name: options[name] for name in ("grace", "checksums", "jobs")}
        if options["output"] is not None:
            self._write_lines([])  # a path that does not work is told before the work
        with Audit(options["storage"], **how, progress=self.step) as audit:
            report = audit.run()
            self.bar.close()
            if options["output"] is not None:
                self._write_lines(audit.findings())
            fixed = self._fix(audit, report)
            self.bar.close()
            self._report(audit, report, fixed)
        if not self._is_well(report, fixed):
            raise SystemExit(1)

    def _write_lines(self, findings: Iterable[Finding]) -> None:
        path: Path = self.options["output"]
        try:
            with path.open("w") as file:
                file.writelines(json.dumps(_row(one)) + "\n" for one in findings)
        except OSError as error:
            raise CommandError(f"--output {path}: {error.strerror}.") from error

    def _fix(self, audit: Audit, report: AuditReport) -> FixReport | None:
        options = self.options
        if not options["fix"] or not report.found:
            return None
        if not (options["yes"] or options["dry_run"]):
            self._show(audit, report)
            self.confirm("Put these right?")
        advance = self.step("Fixing", report.found)
        how = {name: options[name] for name in ("dry_run", "keep_strays", "accept_loss")}
        try:
            with contextlib.ExitStack() as stack:
                for other in () if options["dry_run"] else TRUSTING:
                    stack.enter_context(exclusive(other))
                return fix(audit, **how, advance=advance)
        except Locked:
            who = "storage_migrate, storage_adopt or another storage_audit --fix"
            raise CommandError(f"{who} is at work. Wait for its end, or stop it.") from None

    def _report(self, audit: Audit, report: AuditReport, fixed: FixReport | None) -> None:
        if self.as_json:
            self.print_json(self._as_json(audit, report, fixed))
            return
        if not self.is_shown:
            self._show(audit, report)
        if fixed is not None:
            self._show_fixed(fixed)

    def _as_json(self, audit: Audit, report: AuditReport, fixed: FixReport | None) -> dict[str, Any]:
        storages = {
            alias: {
                "objects": one.listed,
                "bytes": one.listed_bytes,
                "complete": one.is_complete,
                "unconfirmed": one.unconfirmed,
                "findings": {
                    kind: {"count": count, "bytes": one.bytes[kind]} for kind, count in sorted(one.findings.items())
                },
            }
            for alias, one in report.storages.items()
        }
        done = fixed and {
            "dry_run": self.options["dry_run"],
            **{outcome.value: fixed.outcomes[outcome] for outcome in Outcome},
            "reasons": dict(fixed.reasons),
        }
        return {
            "clean": self._is_well(report, fixed),
            "storages": storages,
            "unavailable": report.unavailable,
            "known_losses": report.known_losses,
            "examples": [_row(one) for one in audit.index.examples(self.options["limit"])],
            "fixed": done,
        }

    def _show(self, audit: Audit, report: AuditReport) -> None:
        self.is_shown = True
        examples = list(audit.index.examples(self.options["limit"]))
        for alias, one in report.storages.items():
            self._show_storage(alias, one, [found for found in examples if found.alias == alias])
        for alias, count in report.unavailable.items():
            self._say(f"{alias}: not configured here, and {counted(count, 'file')} of the registry there: {BACK}.")
        if report.known_losses:
            self._say(
                f"{counted(report.known_losses, 'failed row')} whose bytes are known to be lost. Once the files are "
                "back (from a backup), let them be tried again in the admin."
            )
        if report.is_clean:
            self._say("Every row has its object, and every object its row.")

    def _show_storage(self, alias: str, report: StorageReport, examples: list[Finding]) -> None:
        if not report.is_complete:
            self._say(f"{alias}: it could not be listed to the end, so nothing is said of it. The log has the cause.")
            return
        self._say(f"{alias}: {counted(report.listed, 'object')}, {_size(report.listed_bytes)}.")
        for kind, count in sorted(report.findings.items()):
            self._say(f"  {_title(kind)}: {count} ({_size(report.bytes[kind])})")
            for found in (found for found in examples if found.kind == kind):
                self._say(f"    {_described(found)}")
        if report.unconfirmed:
            self._say(f"  {report.unconfirmed} could not be looked at once more. The log has the cause.")

    def _show_fixed(self, fixed: FixReport) -> None:
        self._say("Would be done:" if self.options["dry_run"] else "Done:")
        for outcome, text in DONE.items():
            if count := fixed.outcomes[outcome]:
                self._say(f"  {text}: {count}")
        for reason, count in fixed.reasons.items():
            self._say(f"    {count}: {reason}")

    def _is_well(self, report: AuditReport, fixed: FixReport | None) -> bool:
        """Whether nothing is left to be done, after the fixing where there was one."""
        if fixed is None or self.options["dry_run"] or fixed.outcomes[Outcome.LEFT]:
            return report.is_clean
        looked = all(one.is_complete and not one.unconfirmed for one in report.storages.values())
        return looked and not report.unavailable

    def _say(self, text: str) -> None:
        """File names need not be UTF-8."""
        self.stdout.write(text.encode(errors="backslashreplace").decode())


def _row(found: Finding) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "storage": found.alias,
        "key": found.key,
        "asset": found.asset,
        "size": found.size,
        "found_size": found.found,
    }


def _described(found: Finding) -> str:
    whose = "" if found.asset is None else f" (asset {found.asset})"
    sizes = f", {found.size} bytes" if found.found is None else f", {found.size} bytes expected, {found.found} there"
    return f"{found.key}{whose}{sizes}"


def _title(kind: str) -> str:
    """``missing_original``: Originals missing."""
    if kind == STRAY:
        return "Objects without a row"
    wrong, _, role = kind.rpartition("_")
    return f"{ROLES[role]} {WRONGS[wrong]}"


def _size(count: int) -> str:
    return filesizeformat(count).replace("\xa0", " ")


def _alias(text: str) -> str:
    if text not in configured_aliases():
        raise argparse.ArgumentTypeError(f"{text} is not configured. Choose of: {', '.join(configured_aliases())}.")
    return text
