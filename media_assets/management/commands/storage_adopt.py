"""``manage.py storage_adopt``: take over files that already lie in a bucket or a folder, without copying them.

What the registry has already is passed over, so it may be stopped at any time and started again, beside the running
site and beside itself.
"""

from argparse import RawDescriptionHelpFormatter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from media_assets.errors import StorageUnavailable
from media_assets.management.commandline import INTERRUPTED, USAGE, ReportingCommand, counted, positive
from media_assets.operations.adopting import (
    Job,
    Line,
    Outcome,
    Refused,
    Report,
    Result,
    adopt_all,
    count_lines,
    csv_lines,
    known_targets,
    owner_named,
    prefix_lines,
    target_named,
)
from media_assets.operations.locks import Locked, shared
from media_assets.storages import active_alias, get_storage, is_configured

ALIASES = ("s3-public", "s3-private", "local-public", "local-private")
MAX_NAMED = 1_000  # files of a kind in the JSON report; the text names all


class Command(ReportingCommand):
    help = "Takes over files that already lie in a bucket or folder: each stays where it is and is given a row."
    outcome = "0 where all is adopted, 1 where something is refused or it stopped"

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """The help ends with what a file may become."""
        targets = "\n".join(
            f"  {form:<20} {one.summary}" + (f"\n{'':<23}CSV columns: {', '.join(one.columns)}" if one.columns else "")
            for form, one in known_targets().items()
        )
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.epilog = f"targets (for --as, and in the CSV):\n{targets}\n\n{parser.epilog}"
        parser.formatter_class = RawDescriptionHelpFormatter
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--prefix", help="Every file whose key begins so; '' for all. Below the storage's location.")
        which.add_argument("--csv", type=Path, help="A file with the columns key, owner, target, and those of targets.")
        parser.add_argument("--owner", default="", help="E-mail, username or id; with --csv, where a line names none.")
        parser.add_argument("--as", dest="target", default="", help="What they become, see below; with --csv likewise.")
        parser.add_argument("--storage", choices=ALIASES, help="Where they lie (default: where new images go).")
        parser.add_argument("--jobs", type=positive, default=4, help="Files at a time (default %(default)s).")
        parser.add_argument(
            "--clean",
            action="store_true",
            help="Pictures that tell where they were taken lose their metadata: the clean one takes the key.",
        )
        parser.add_argument(
            "--replace", action="store_true", help="Where a row has an image already, delete that for the new one."
        )
        parser.add_argument("--dry-run", action="store_true", help="Read and check every file, keep nothing.")

    def handle(self, *args: Any, **options: Any) -> None:
        self.refused: list[dict[str, Any]] = []
        self.located: list[str] = []
        alias = options["storage"] or active_alias(settings.MEDIA_DEFAULT_VISIBILITY)
        if not is_configured(alias):
            raise CommandError(f"--storage {alias}: AWS_STORAGE_BUCKET_NAME names no bucket.", returncode=USAGE)
        self._check(options, alias)
        job = Job(get_storage(alias), options["clean"], options["replace"], options["dry_run"])
        self.step("", self._count(options, job) if self.shows_bars else 0)
        # The images of one row stand in the order in which they come.
        jobs = 1 if options["prefix"] is not None and ":" in options["target"] else options["jobs"]
        try:
            with shared("storage_adopt"):
                report = adopt_all(_lines(options, job), job, jobs=jobs, seen=self._seen)
        except Locked:
            raise CommandError("storage_audit --fix is at work, which deletes strays. Wait for its end.") from None
        self._finish(report, job)

    def _check(self, options: dict[str, Any], alias: str) -> None:
        """Raises CommandError for what is wrong with the arguments whatever the files are."""
        try:
            owner = owner_named(options["owner"]) if options["owner"] else None
            target = target_named(options["target"])[0] if options["target"] else None
        except Refused as refusal:
            raise CommandError(str(refusal), returncode=USAGE) from None
        if options["prefix"] is None:
            return
        if target is None:
            raise CommandError("--prefix needs --as TARGET. --help lists the targets.", returncode=USAGE)
        if target.needs_owner and owner is None:
            raise CommandError(f"--as {target.form} needs --owner: an e-mail, a username or an id.", returncode=USAGE)
        if target.private_only and not alias.endswith("-private"):
            hint = f"--storage {alias.partition('-')[0]}-private"
            raise CommandError(f"--as {target.form} is private: name where it lies with {hint}.", returncode=USAGE)

    def _count(self, options: dict[str, Any], job: Job) -> int:
        try:
            return count_lines(_lines(options, job))
        except StorageUnavailable:
            return 0  # the run itself says so

    def _seen(self, result: Result) -> None:
        """One file is done: say what there is to say of it."""
        self.bar.advance()
        line = result.line
        if result.reason:
            self._name(self.refused, {"line": line.number or None, "key": line.key, "reason": result.reason})
            place = f"line {line.number}: " if line.number else ""
            self._tell(f"{place}{_printable(line.key)}: {result.reason}")
        elif result.has_location:
            self._name(self.located, line.key)
            self._tell(f"{_printable(line.key)}: tells where it was taken.")

    def _name(self, names: list[Any], what: Any) -> None:
        if len(names) < MAX_NAMED:
            names.append(what)

    def _tell(self, text: str) -> None:
        if not self.as_json:
            self.bar.close()
            self.stdout.write(text)

    def _finish(self, report: Report, job: Job) -> None:
        adopted, already = report.counts[Outcome.ADOPTED], report.counts[Outcome.ALREADY]
        refused = report.counts[Outcome.REFUSED] + report.counts[Outcome.SILENT]
        numbers = {
            "dry_run": job.dry_run,
            "adopted": adopted,
            "already": already,
            "refused": refused,
            "cleaned": report.cleaned,
            "with_location": report.with_location,
            "refusals": self.refused,
            "located": self.located,
            "stopped": report.stopped,
            "interrupted": report.interrupted,
        }
        self.tell(numbers, _summary(report, job, refused))
        if report.interrupted:
            raise SystemExit(INTERRUPTED)
        if refused or report.stopped:
            raise SystemExit(1)


def _lines(options: dict[str, Any], job: Job) -> Iterator[Line]:
    named = {"owner": options["owner"], "target": options["target"]}
    if options["csv"] is not None:
        return csv_lines(options["csv"], **named)
    return prefix_lines(job.storage, options["prefix"], **named)


def _summary(report: Report, job: Job, refused: int) -> str:
    adopted, already = report.counts[Outcome.ADOPTED], report.counts[Outcome.ALREADY]
    text = f"{counted(adopted, 'picture')} {'can be adopted; nothing was written' if job.dry_run else 'adopted'}."
    if already:
        text += f" {counted(already, 'picture')} in the registry already."
    if report.cleaned:
        future = "to be " if job.dry_run else ""
        text += f" {counted(report.cleaned, 'picture')} told where they were taken: {future}cleaned."
    if report.with_location:
        located = counted(report.with_location, "picture")
        text += f" {located} tell where they were taken (named above); --clean removes that."
    if refused:
        text += f" {refused} refused (named above)."
    if report.stopped:
        text += f" Stopped: {report.stopped} Run it again for the rest."
    if report.interrupted:
        text += " Interrupted: run it again for the rest."
    return text


def _printable(key: str) -> str:
    """A key as a terminal may show it."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in key)
