"""``manage.py media_takedown ASSET``: a picture that must not be seen any more, gone at once and everywhere."""

from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser
from rest_framework.exceptions import APIException

from media_assets.management.commandline import ReportingCommand
from media_assets.models import State, Visibility
from media_assets.operations.taking_down import NotFound, Takedown, Use, find, plan, take_down


class Command(ReportingCommand):
    help = "Takes a file off everything that uses it, deletes its objects, and says which caches may still have it."
    outcome = "0 where nothing of it is left, 1 where something is or nothing was done"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("asset", metavar="ASSET", help="Its number, its key, or any URL of it, in quotes.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would be done.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        asks = not (options["yes"] or options["dry_run"])
        if asks:
            self.check_somebody_answers()
        try:
            wanted = plan(find(options["asset"]))
            if wanted.asset.state == State.RESERVED:
                raise CommandError("It is just being stored. Wait for the end of that, and run it again.")
            if asks or options["dry_run"]:
                self._report(wanted, is_plan=True)
            if options["dry_run"]:
                return
            if asks:
                self.confirm("Take it down?")
            take_down(wanted)
        except NotFound as error:
            raise CommandError(str(error)) from None
        except APIException as error:
            raise CommandError(
                f"Its upload is taken or deleted just now ({error}). Nothing was done; run it again."
            ) from None
        self._report(wanted, is_plan=False)
        if not wanted.is_done:
            raise SystemExit(1)

    def _report(self, told: Takedown, *, is_plan: bool) -> None:
        self.tell(_as_json(told, is_plan), "\n".join(_lines(told, is_plan)))


def _as_json(told: Takedown, is_plan: bool) -> dict[str, Any]:
    asset = told.asset
    return {
        "asset": asset.pk,
        "key": asset.key,
        "state": asset.state,
        "dry_run": is_plan,
        "done": told.is_done,
        "uses": [{"model": use.row._meta.label_lower, "id": use.number, "deleted": not use.stays} for use in told.uses],
        "objects": [{"storage": place.storage, "key": place.key, "deleted": place.is_deleted} for place in told.places],
        "purge": told.purge,
        "shown_until": told.shown_until.isoformat(),
        "key_taken_until": asset.purge_after.isoformat() if asset.purge_after else None,
    }


def _lines(told: Takedown, is_plan: bool) -> list[str]:
    asset = told.asset
    lines = [f"Asset {asset.pk}, {asset.key}, {asset.visibility}, {asset.state}"]
    lines += [_use(use, is_plan) for use in told.uses] or ["Nothing uses it."]
    for place in told.places:
        became = "would be deleted" if is_plan else ("deleted" if place.is_deleted else "NOT DELETED")
        lines.append(f"{became}: {place.storage}: {place.key}")
    lines += [f"Purge from every CDN: {url}" for url in told.purge]
    kept = "Caches" if asset.visibility == Visibility.PUBLIC else "Caches of those who hold a signed URL"
    lines.append(f"{kept} may show it until {_moment(told.shown_until)}, browsers where nobody can purge it.")
    if asset.purge_after:
        lines.append(f"Its key stays taken until {_moment(asset.purge_after)}.")
    return lines + ([] if is_plan or told.is_done else _left(told))


def _use(use: Use, is_plan: bool) -> str:
    row = f"{use.row._meta.verbose_name} {use.number}"
    done = "would be " if is_plan else ""
    return f"{row}: its picture {done or 'was '}taken off." if use.stays else f"{row}: {done or 'was '}deleted."


def _left(told: Takedown) -> list[str]:
    """What is not done, and by whom it will be."""
    asset, lines = told.asset, []
    if asset.state not in (State.DISCARDED, State.TOMBSTONE):
        lines.append("Something uses it again: run this again.")
    for alias in told.unreachable:
        lines.append(f"This site does not have {alias} now: set its lines again and run `manage.py sweep_media`,")
        lines.append("or delete these objects there by hand.")
    if any(not place.is_deleted and place.storage not in told.unreachable for place in told.places):
        lines.append("A storage did not answer. The sweeper tries again, at once by `manage.py sweep_media`; until")
        lines.append("then URLs of the store still work, signed ones until they end; those of this site do not.")
    return lines


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
