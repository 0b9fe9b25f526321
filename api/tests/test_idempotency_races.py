"""Real threads, each with its own connection to the database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from api.idempotency import Claim
from api.models import IdempotencyKey

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db(transaction=True)]
THREADS = 16


def at_once(client: APIClient, keys: list[str], seconds: float) -> list[Any]:
    """Every key's POST at the same moment."""
    start = Barrier(len(keys))

    def send(key: str) -> Any:
        try:
            start.wait(10)
            return client.post("/api/groups/", {"seconds": seconds}, format="json", HTTP_IDEMPOTENCY_KEY=key)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(send, keys))


@pytest.mark.parametrize("seconds", [0, 0.3])
@pytest.mark.parametrize("left", ["nothing", "a finished key of yesterday", "a request that died"])
def test_one_key_at_once_makes_one_thing(make_user: Any, client_of: Any, left: str, seconds: float) -> None:
    user = make_user("anna")
    if left != "nothing":
        result, past = (1 if "finished" in left else None), timezone.now() - timedelta(seconds=1)
        IdempotencyKey.objects.create(user=user, key="key", fingerprint="f", result_id=result, expires_at=past)
    answers = at_once(client_of(user), ["key"] * THREADS, seconds)
    made = Group.objects.get().pk
    for answer in answers:
        assert answer.status_code in (201, 409), answer.content
        assert answer.json().get("id", made) == made
        assert answer.json().get("code", "idempotency_in_progress") == "idempotency_in_progress"
    assert any(answer.status_code == 201 for answer in answers)
    assert client_of(user).post(
        "/api/groups/", {"seconds": seconds}, format="json", HTTP_IDEMPOTENCY_KEY="key"
    ).json() == {"id": made}


def test_different_keys_at_once_each_make_their_own(make_user: Any, client_of: Any) -> None:
    answers = at_once(client_of(make_user("anna")), [f"key-{n}" for n in range(THREADS)], 0)
    assert [answer.status_code for answer in answers] == [201] * THREADS
    assert Group.objects.count() == IdempotencyKey.objects.count() == THREADS


def test_claiming_passes_by_expired_rows_that_another_transaction_holds(make_user: Any, client_of: Any) -> None:
    """On PostgreSQL a plain DELETE would wait for the other; SQLite has one writer at a time in any case."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite locks no rows")
    user, past = make_user("anna"), timezone.now() - timedelta(seconds=1)
    held = IdempotencyKey.objects.create(user=user, key="held", fingerprint="f", expires_at=past)
    IdempotencyKey.objects.create(user=user, key="free", fingerprint="f", expires_at=past)
    client = client_of(user)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        IdempotencyKey.objects.select_for_update().get(pk=held.pk)
        assert pool.submit(at_once, client, ["new"], 0).result(timeout=10)[0].status_code == 201
    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"held", "new"}


def test_completing_outside_of_a_transaction_is_our_fault(make_user: Any) -> None:
    row = IdempotencyKey.objects.create(user=make_user(), key="k", fingerprint="f", expires_at=timezone.now())
    with pytest.raises(transaction.TransactionManagementError):
        Claim(row).complete(1)
