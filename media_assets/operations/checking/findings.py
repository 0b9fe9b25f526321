"""Steps of a check, run in order, and what each found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import DatabaseError
from urllib3.exceptions import HTTPError

from media_assets.errors import StorageUnavailable

S3 = "s3"
SET_UP = "manage.py storage_check --fix"
_NO_ANSWER = (
    "Check the host that the address names (AWS_S3_ENDPOINT_URL, AWS_S3_PUBLIC_ENDPOINT_URL, AWS_S3_CUSTOM_DOMAIN), "
    "its certificate, and the network between it and this machine."
)
_DISK = "Check MEDIA_ROOT and PRIVATE_MEDIA_ROOT: they must exist, belong to this user, and have space."
_DATABASE = "Check DATABASE_URL, and run manage.py migrate."


class Status(StrEnum):
    OK = "ok"
    FAILED = "failed"
    WARNING = "warning"  # it works, and is not as it should be
    SKIPPED = "skipped"  # what it needs did not succeed, or there is nothing to look at
    NOT_OFFERED = "not offered"  # the store has no such feature


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came back, and the setting or JSON that mends it."""

    status: Status
    answer: str
    fix: str = ""


@dataclass(frozen=True, eq=False)
class Step:
    """``run`` does what ``tried`` says, once every step of ``needs`` has succeeded. Whatever it raises is a failure."""

    storage: str
    name: str
    tried: str
    run: Callable[[], Verdict]
    needs: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    storage: str
    name: str
    status: Status
    tried: str
    answer: str
    fix: str


def ok(answer: str) -> Verdict:
    return Verdict(Status.OK, answer)


def failed(answer: str, fix: str) -> Verdict:
    return Verdict(Status.FAILED, answer, fix)


def warning(answer: str, fix: str) -> Verdict:
    return Verdict(Status.WARNING, answer, fix)


def skipped(why: str, fix: str = "") -> Verdict:
    return Verdict(Status.SKIPPED, why, fix)


def not_offered(answer: str) -> Verdict:
    return Verdict(Status.NOT_OFFERED, f"Not offered by this store: {answer}")


def run_steps(steps: Iterable[Step]) -> Iterator[Finding]:
    """What each step found, as soon as it has."""
    statuses: dict[Step, Status] = {}
    for step in steps:
        verdict = _verdict(step, statuses)
        statuses[step] = verdict.status
        yield Finding(step.storage, step.name, verdict.status, step.tried, verdict.answer, verdict.fix)


def _verdict(step: Step, statuses: dict[Step, Status]) -> Verdict:
    for needed in step.needs:
        if statuses.get(needed) not in (Status.OK, Status.WARNING):
            return skipped(f"“{needed.name}” of {needed.storage} did not succeed.")
    try:
        return step.run()
    except Exception as error:
        return failed(*explained(error, s3=step.storage.startswith(S3)))


def explained(error: Exception, *, s3: bool) -> tuple[str, str]:
    """What came back, in the words of the store or the system, and the fix where one is known."""
    cause = error.__cause__
    if isinstance(error, StorageUnavailable) and isinstance(cause, Exception):
        return explained(cause, s3=s3)
    if isinstance(error, HTTPError):
        return f"{type(error).__name__}: {getattr(error, 'reason', error)}", _NO_ANSWER  # without the signed URL
    if isinstance(error, DatabaseError):
        return f"{type(error).__name__}: {error}", _DATABASE
    if s3 and type(error).__module__.startswith("botocore"):
        from media_assets.storages.s3_errors import explain

        return explain(error)
    return f"{type(error).__name__}: {error}", _DISK if isinstance(error, OSError) else ""
