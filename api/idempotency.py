"""``Idempotency-Key``: a POST that is sent again makes nothing again.

The claim is a committed row before the work begins, so a unique constraint decides between requests that race. Done,
the row holds the result's id for 24 hours; a row whose request died is free again when its lease ends.
"""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import Error, IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework.request import Request

from api.errors import Conflict, RequestRefused, Unprocessable
from api.fingerprints import request_fingerprint
from api.models import IdempotencyKey

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
LEASE = timedelta(minutes=15)  # longer than any request may take
RETRY_SECONDS = 1
RELEASE_SECONDS, RELEASE_PAUSE_SECONDS = 2, 0.5  # a database that restarts is away for about so long
PURGED_PER_CLAIM = 100
_KEY = re.compile(r"[\x20-\x7e]{1,255}")
_ATTEMPTS = 5


class Claim:
    """A key that this request holds, or whose result is known. Without a row it is inert: nobody sent a key."""

    def __init__(self, row: IdempotencyKey | None = None) -> None:
        self._row = row
        self.result_id: int | None = row.result_id if row else None
        self._completed = self.result_id is not None

    def complete(self, result_id: int) -> None:
        """Keep the result's id for 24 hours. Called in the transaction that makes the result, and undone with it.

        Raises Conflict (``idempotency_lease_lost``) where this took longer than its lease and the key is another's.
        """
        if self._row is None:
            return
        if not connection.in_atomic_block:
            raise transaction.TransactionManagementError("complete() belongs in the transaction that makes the result.")
        held = _running(self._row)
        if not held.update(result_id=result_id, expires_at=timezone.now() + KEPT):
            raise Conflict("Another request took this Idempotency-Key over.", "idempotency_lease_lost")
        self._completed = True

    def release(self, failed: bool) -> None:
        """Free the key, unless its result is committed. Where the database stays away that is only logged: the lease
        ends anyway."""
        if self._row is None or (self._completed and not failed):
            return
        gives_up_at = time.monotonic() + RELEASE_SECONDS
        while True:
            try:
                _running(self._row).delete()
                return
            except Error:
                connection.close()
                if time.monotonic() >= gives_up_at:
                    logger.warning("An Idempotency-Key stays taken until its lease ends", exc_info=True)
                    return
            time.sleep(RELEASE_PAUSE_SECONDS)


@contextmanager
def claim_idempotency_key(request: Request) -> Iterator[Claim]:
    """Hold the request's ``Idempotency-Key``; entered outside of any transaction, left with the key done or free.

    ``claim.result_id`` is what an earlier identical request of this user made (render it, make nothing), else None.
    Without the header, or for an anonymous caller, the claim is inert. Raises RequestRefused (400,
    ``invalid_idempotency_key``), Unprocessable (422, ``idempotency_key_reused``: the same key, another content) and
    Conflict (409, ``idempotency_in_progress``).
    """
    key = request.headers.get(HEADER)
    if key is None or not request.user.is_authenticated:
        yield Claim()
        return
    if not _KEY.fullmatch(key):
        raise RequestRefused("Idempotency-Key takes 1 to 255 printable ASCII characters.", "invalid_idempotency_key")
    fingerprint = request_fingerprint(request)
    _purge()
    claim = Claim(_claimed(request.user.pk, key, fingerprint))
    try:
        yield claim
    except BaseException:
        claim.release(failed=True)
        raise
    claim.release(failed=False)


def _claimed(user_id: int, key: str, fingerprint: str) -> IdempotencyKey:
    """The row as ours and running, or as done. Whoever loses a race looks again at what the winner left."""
    for _ in range(_ATTEMPTS):
        now = timezone.now()
        row = IdempotencyKey(user_id=user_id, key=key, fingerprint=fingerprint, expires_at=now + LEASE)
        try:
            with _freed_if_unheard(row), transaction.atomic(durable=True):
                row.save(force_insert=True)
            return row
        except IntegrityError:
            found = IdempotencyKey.objects.filter(user_id=user_id, key=key).first()
        if found is None:
            continue
        if found.expires_at > now:
            return _usable(found, fingerprint)
        with _freed_if_unheard(found):
            if took_over(found, fingerprint, until=now + LEASE):
                return found
    raise _in_progress()


@contextmanager
def _freed_if_unheard(row: IdempotencyKey) -> Iterator[None]:
    """Around what makes the row ours: where the database's answer is lost, the row may be ours all the same."""
    try:
        yield
    except IntegrityError:
        raise
    except Error:
        if row.pk is not None:
            Claim(row).release(failed=True)
        raise


def _usable(found: IdempotencyKey, fingerprint: str) -> IdempotencyKey:
    if found.fingerprint != fingerprint:
        raise Unprocessable("This Idempotency-Key was used for another request.", "idempotency_key_reused")
    if found.result_id is None:
        raise _in_progress()
    return found


def took_over(found: IdempotencyKey, fingerprint: str, until: datetime) -> bool:
    """Whether an expired row is ours now; only one of many can see the end of its old time still there."""
    expired = IdempotencyKey.objects.filter(pk=found.pk, expires_at=found.expires_at)
    found.fingerprint, found.result_id, found.expires_at = fingerprint, None, until
    return bool(expired.update(fingerprint=fingerprint, result_id=None, expires_at=until))


def _running(row: IdempotencyKey) -> QuerySet[IdempotencyKey]:
    """The row while it is this claim's own: the end of its lease tells it from a later claim's."""
    return IdempotencyKey.objects.filter(pk=row.pk, result_id__isnull=True, expires_at=row.expires_at)


def _purge() -> None:
    """Forget some of what has expired; a row that another transaction holds is left to the next."""
    expired = IdempotencyKey.objects.filter(expires_at__lte=timezone.now()).order_by("expires_at")
    if not expired.exists():
        return
    with transaction.atomic(durable=True):
        free = expired.select_for_update(skip_locked=True).values_list("pk", flat=True)
        IdempotencyKey.objects.filter(pk__in=list(free[:PURGED_PER_CLAIM])).delete()


def _in_progress() -> Conflict:
    return Conflict(
        "A request with this Idempotency-Key is still running.", "idempotency_in_progress", retry_after=RETRY_SECONDS
    )
