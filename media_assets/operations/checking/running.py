"""Every step of the chosen storages, in order; whatever is written is cleared away, also when it is interrupted."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings

from media_assets.operations.checking.findings import S3, Finding, Status, Step, Verdict, failed, ok, run_steps, skipped
from media_assets.operations.checking.layout import PRIVATE, PUBLIC, bucket_uses, new_run
from media_assets.operations.checking.local import DiskSteps
from media_assets.operations.checking.registry import registry_step, unconfigured, unconfigured_step
from media_assets.operations.checking.written import Written, WrittenToDisk

LOCAL = "local"
_CLEARING = "every object of this check was deleted"


def check(engines: Iterable[str]) -> Generator[Finding, None, None]:
    """What each step of these engines (``local``, ``s3``) found. Close it when you stop early: it clears away then."""
    run, written = new_run(), list[Written]()
    steps = [Step("all", "environment", "read the variables that are about media", environment)]
    for engine in engines:
        steps += _s3_steps(run, written) if engine == S3 else _local_steps(run, written)
    steps += [unconfigured_step(alias) for alias in unconfigured()]
    with _quiet():
        try:
            yield from run_steps(steps)
        finally:
            left = [one for storage in written for one in storage.clear()]
    if left:
        fix = "Delete them, once the storage lets you."
        yield Finding("all", "clean-up", Status.WARNING, _CLEARING, f"Left behind: {', '.join(left)}.", fix)


def environment() -> Verdict:
    """Whether the site starts with these settings; else every problem, and the hint of each."""
    problems = settings.MEDIA.problems
    if not problems:
        return ok("The variables about media fit together.")
    return failed("\n".join(one.message for one in problems), "\n".join(one.hint for one in problems))


def _local_steps(run: str, written: list[Written]) -> list[Step]:
    aliases = [WrittenToDisk(alias, run) for alias in ("local-public", "local-private")]
    written += aliases
    public, private = (DiskSteps(one) for one in aliases)
    return [
        *public.steps(),
        registry_step("local-public", public.folder),
        *private.steps(),
        registry_step("local-private", private.folder),
        public.copied_to(private),
        private.copied_to(public),
        public.last_step(),
        private.last_step(),
    ]


def _s3_steps(run: str, written: list[Written]) -> list[Step]:
    from media_assets.operations.checking.s3_bucket import bucket_steps
    from media_assets.operations.checking.s3_readers import PrivateSteps, PublicSteps
    from media_assets.operations.checking.s3_store import store_steps
    from media_assets.operations.checking.written import WrittenToS3

    uses = bucket_uses()
    gate, steps = store_steps(uses)
    public = private = None
    for use in uses:
        there, found = bucket_steps(use, gate)
        steps += found
        if use.public_location is not None:
            public = PublicSteps(WrittenToS3(PUBLIC, run), use, there, gate.browsers)
            steps += [*public.steps(), registry_step(PUBLIC, there)]
        if use.private_location is not None:
            private = PrivateSteps(WrittenToS3(PRIVATE, run), use, there, gate.browsers)
            steps += [*private.steps(), registry_step(PRIVATE, there)]
    kinds = [one for one in (public, private) if one is not None]
    written += [one.written for one in kinds]
    if public and private:
        steps += [public.copied_to(private), private.copied_to(public)]
    if not public:
        why = "The site is private (MEDIA_DEFAULT_VISIBILITY, AWS_DEFAULT_ACL): nothing is public."
        steps.append(Step(PUBLIC, "objects", "nothing", lambda: skipped(why)))
    return [*steps, *(one.last_step() for one in kinds)]


@contextmanager
def _quiet() -> Iterator[None]:
    """No log lines, no warnings: what they would say stands in the findings, and many refusals are wanted."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
