"""Putting right what an audit found, beside a service that goes on: each thing is looked at once more, and every write
to the registry is conditional on the row that was looked at.

An object that no row knows cannot become one that a row needs between that look and its end: a writer that comes
meanwhile finds its key taken by the stray, and takes another. Only moving and adopting take over what they find: the
caller keeps them away (``media_assets.operations.locks``).
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.utils import timezone

from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset, State
from media_assets.operations.auditing import BATCH, Audit
from media_assets.operations.auditing.findings import (
    LOOKS,
    MISSING,
    STRAY,
    Finding,
    Unconfirmed,
    examine,
    object_sha256,
)
from media_assets.operations.auditing.index import batches
from media_assets.operations.auditing.places import CHANGED, LOST, known_places
from media_assets.services import private_alias
from media_assets.storages import get_storage, is_configured
from media_assets.tasks import send

_MOST_LOST = (
    "Most originals of {} are not as they should be: is it the right bucket (AWS_STORAGE_BUCKET_NAME, AWS_LOCATION), "
    "is the disk mounted (MEDIA_ROOT, PRIVATE_MEDIA_ROOT)? If they are lost, add --accept-loss."
)
_MOST_STRAY = (
    "Most objects in {} belong to nobody: is this the right database (DATABASE_URL)? If it is, add --accept-loss."
)


class Outcome(enum.Enum):
    DELETED = "deleted"  # strays
    POINTED = "pointed_to_copy"  # originals
    FAILED = "marked_failed"  # assets without a copy anywhere
    REMADE = "variants_remade"  # assets, whose variants a worker makes again
    SETTLED = "settled_meanwhile"  # in order again, or gone, when they were looked at
    LEFT = "left"  # could not be put right now


@dataclass
class FixReport:
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # why things were left

    def leave(self, reason: str, count: int = 1) -> None:
        """So many findings stay as they are."""
        self.outcomes[Outcome.LEFT] += count
        self.reasons[reason] += count


class _Left(Exception):
    """It stays as it is; the text says why."""


def fix(
    audit: Audit,
    *,
    dry_run: bool,
    keep_strays: bool,
    accept_loss: bool,
    advance: Callable[[], None],
) -> FixReport:
    """Put right what ``audit`` found.

    In: ``dry_run``: only tell what would be done; ``keep_strays``: delete nothing; ``accept_loss``: go on where most of
    a storage seems to be lost, or to belong to nobody. Out: what became of the assets and the strays.
    """
    report = FixReport()
    for (stray, _asset), group in groupby(audit.findings(), lambda one: (one.kind == STRAY, one.asset)):
        for findings in batches(group, BATCH):
            if stray:
                _delete_strays(audit, _allowed(findings, audit, keep_strays, accept_loss, report), dry_run, report)
            else:
                _fix_asset(audit, findings, dry_run, accept_loss, report)
            for _ in findings:
                advance()
    return report


def _allowed(
    strays: list[Finding], audit: Audit, keep_strays: bool, accept_loss: bool, report: FixReport
) -> Iterator[Finding]:
    for one in strays:
        if keep_strays:
            report.leave("Strays are kept, as --keep-strays says.")
        elif audit.report.storages[one.alias].most_are_stray and not accept_loss:
            report.leave(_MOST_STRAY.format(one.alias))
        else:
            yield one


def _delete_strays(audit: Audit, strays: Iterable[Finding], dry_run: bool, report: FixReport) -> None:
    wanted = list(strays)
    known = known_places(one.key for one in wanted)
    unknown = [one for one in wanted if (one.alias, one.key) not in known]
    report.outcomes[Outcome.SETTLED] += len(wanted) - len(unknown)
    refusals = [""] * len(unknown) if dry_run else audit.pool.map(_delete, unknown)
    for refusal in refusals:
        if refusal:
            report.leave(refusal)
        else:
            report.outcomes[Outcome.DELETED] += 1


def _delete(stray: Finding) -> str:
    """Empty, or why it is still there."""
    try:
        get_storage(stray.alias).delete(stray.key)
    except StorageUnavailable:  # logged where it was raised
        return f"{stray.alias} did not delete it; the log says why."
    except SuspiciousFileOperation:
        return "Its name cannot be a key here. Delete it by hand."
    return ""


def _fix_asset(audit: Audit, findings: list[Finding], dry_run: bool, accept_loss: bool, report: FixReport) -> None:
    """``findings`` are of one asset; of what is found by its sha256 there is a second group."""
    checksums = any("checksum" in one.kind for one in findings)
    try:
        for _ in range(LOOKS):
            asset = MediaAsset.objects.filter(pk=findings[0].asset or 0).first()
            wrong = _look(asset, audit, checksums)
            if asset is None or not wrong:
                report.outcomes[Outcome.SETTLED] += 1
                return
            if not accept_loss and any(audit.report.storages[one.alias].most_are_lost for one in wrong):
                raise _Left(_MOST_LOST.format(wrong[0].alias))
            if (outcome := _fixed(asset, wrong, dry_run)) is not None:
                report.outcomes[outcome] += 1
                return
        raise _Left("Somebody else changed it at the same moment. Run it again.")
    except _Left as reason:
        report.leave(str(reason))
    except StorageUnavailable:
        report.leave("A storage did not answer; the log says why.")


def _look(asset: MediaAsset | None, audit: Audit, checksums: bool) -> list[Finding]:
    """What is wrong with it now. Raises StorageUnavailable."""
    results = [] if asset is None else examine(asset, audit.aliases, audit.before, checksums)
    if any(isinstance(one, Unconfirmed) for one in results):
        raise StorageUnavailable
    return [one for one in results if isinstance(one, Finding)]


def _fixed(asset: MediaAsset, wrong: list[Finding], dry_run: bool) -> Outcome | None:
    """What was done, None where the row had changed. Raises _Left, StorageUnavailable."""
    original = next((one for one in wrong if not one.kind.endswith("_variant")), None)
    if original is None:
        return _remake_variants(asset, wrong, dry_run)
    if (alias := _copy_alias(asset, original)) is None:
        reason = LOST if original.kind.startswith(MISSING) else CHANGED
        values: dict[str, Any] = {"state": State.FAILED, "failure_reason": reason, "work_due_at": None}
        return Outcome.FAILED if dry_run or _update(asset, **values) else None
    values = _pointing(asset, original, alias)
    if not dry_run and not _update(asset, **values):
        return None
    if not dry_run and values.get("work_due_at"):
        send(asset.pk)
    return Outcome.POINTED


def _copy_alias(asset: MediaAsset, original: Finding) -> str | None:
    """Where else the right bytes lie. Raises _Left where that cannot be told, StorageUnavailable."""
    is_raw = original.kind.endswith("_raw")
    key, engine = (asset.raw_key if is_raw else asset.key), original.alias.partition("-")[0]
    other = f"{'s3' if engine == 'local' else 'local'}-{original.alias.partition('-')[2]}"
    named = private_alias(asset.copy_storage) if is_raw and asset.copy_storage else asset.copy_storage
    for alias in dict.fromkeys((named, other)):
        if not alias or alias == original.alias:
            continue
        if not is_configured(alias):
            if alias == named:
                raise _Left(f"A copy may lie in {alias}, which is not configured: set AWS_STORAGE_BUCKET_NAME.")
            continue
        if _holds(alias, key, asset.size, asset.sha256):
            return alias
    return None


def _holds(alias: str, key: str, size: int, sha256: str) -> bool:
    """Whether these bytes lie there, as far as the registry knows them. Raises StorageUnavailable."""
    try:
        if get_storage(alias).stat(key).size != size:
            return False
        return not sha256 or object_sha256(alias, key) == sha256
    except (ObjectMissing, SuspiciousFileOperation):
        return False


def _pointing(asset: MediaAsset, original: Finding, alias: str) -> dict[str, Any]:
    """The columns of a row whose bytes lie in another storage; of its variants those that lie there too."""
    if original.kind.endswith("_raw"):
        return {"raw_storage": alias}
    values: dict[str, Any] = {"storage": alias, "copy_storage": asset.storage}
    kept = [one for one in asset.variants or () if _holds(alias, one["key"], one["size"], one.get("sha256", ""))]
    if kept != (asset.variants or []):
        now = timezone.now()
        values |= {"variants": kept or None, "variants_of": "", "work_due_at": now, "work_tries": 0}
    return values


def _remake_variants(asset: MediaAsset, wrong: list[Finding], dry_run: bool) -> Outcome | None:
    """Show only the right ones, and let a worker make the others. Raises _Left, StorageUnavailable.

    Until the wrong objects are gone (a worker would take them for its own) the row is held as a worker holds it: if
    this process dies, it is due when the lease is over.
    """
    if asset.work_due_at is not None:
        raise _Left("A worker is to process it. Run it again afterwards.")
    keys = {one.key for one in wrong}
    kept = [one for one in asset.variants or () if one["key"] not in keys]
    if dry_run:
        return Outcome.REMADE
    lease = timezone.now() + timedelta(seconds=settings.MEDIA_WORK_LEASE_SECONDS)
    if not _update(asset, variants=kept or None, variants_of="", work_due_at=lease, work_tries=0, failure_reason=""):
        return None
    for key in keys:
        get_storage(asset.storage).delete(key)
    _due_now(asset, lease)
    send(asset.pk)
    return Outcome.REMADE


def _due_now(asset: MediaAsset, lease: datetime) -> None:
    now = timezone.now()
    MediaAsset.objects.filter(pk=asset.pk, work_due_at=lease).update(work_due_at=now, updated_at=now)


def _update(asset: MediaAsset, **values: Any) -> bool:
    """Whether the row was still the one that was looked at."""
    same = MediaAsset.objects.filter(
        pk=asset.pk, state=asset.state, storage=asset.storage, key=asset.key, updated_at=asset.updated_at
    )
    return bool(same.update(**values, updated_at=timezone.now()))
