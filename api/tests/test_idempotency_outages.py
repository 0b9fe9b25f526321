"""The database goes away while a key is taken, held or let go."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Timer
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.backends.base.base import BaseDatabaseWrapper

from api.errors import Conflict
from api.idempotency import claim_idempotency_key
from api.models import IdempotencyKey
from api.tests.databases import connection_only_reads, database_away
from api.tests.test_idempotency import outlive_lease, request_with

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db(transaction=True)]


Trouble = Callable[[ExitStack], Any]


@pytest.fixture
def user(make_user: Any, transactional_db: None) -> Any:
    yield make_user("anna")
    connection.close()


def fail_while(user: Any, trouble: Trouble) -> None:
    """A request that holds a key, and is refused when the trouble has come."""
    with (
        ExitStack() as until_done,
        pytest.raises(Conflict, match="refused"),
        claim_idempotency_key(request_with("key", user)),
    ):
        trouble(until_done)
        raise Conflict("refused")


def end_connection(until_done: ExitStack | None = None) -> None:
    """As a server does; Django has not heard of it yet."""
    connection.connection.close()


def only_read(until_done: ExitStack) -> None:
    until_done.enter_context(connection_only_reads())


def restart(until_done: ExitStack) -> None:
    outage = ExitStack()
    go_away(outage)
    back = Timer(1, outage.close)
    back.start()
    until_done.callback(back.join)


def go_away(until_done: ExitStack) -> None:
    until_done.enter_context(database_away())


@pytest.mark.parametrize("trouble", [end_connection, only_read, restart])
def test_a_database_that_is_back_soon_keeps_no_key(user: Any, trouble: Trouble) -> None:
    fail_while(user, trouble)
    assert not IdempotencyKey.objects.exists()


def test_a_database_that_stays_away_holds_nobody_up_for_long(user: Any, caplog: pytest.LogCaptureFixture) -> None:
    began = time.monotonic()
    fail_while(user, go_away)
    assert time.monotonic() - began < 5
    assert "until its lease ends" in caplog.text
    assert IdempotencyKey.objects.exists()


LOST = "server closed the connection unexpectedly"


def test_a_claim_whose_answer_is_lost_locks_nobody_out(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = BaseDatabaseWrapper._commit

    def unheard(self: BaseDatabaseWrapper) -> None:
        monkeypatch.undo()
        commit(self)
        end_connection()
        raise OperationalError(LOST)

    monkeypatch.setattr(BaseDatabaseWrapper, "_commit", unheard)
    with pytest.raises(OperationalError), claim_idempotency_key(request_with("key", user)):
        pytest.fail("the claim was not heard of")
    with claim_idempotency_key(request_with("key", user)) as again:
        assert again.result_id is None


def test_a_takeover_whose_answer_is_lost_locks_nobody_out(user: Any) -> None:
    def unheard(execute: Any, sql: str, *args: Any) -> Any:
        done = execute(sql, *args)
        if sql.startswith("UPDATE"):
            raise OperationalError(LOST)
        return done

    died = claim_idempotency_key(request_with("key", user))
    died.__enter__()
    outlive_lease(user, purged=False)
    with (
        connection.execute_wrapper(unheard),
        pytest.raises(OperationalError),
        claim_idempotency_key(request_with("key", user)),
    ):
        pytest.fail("the takeover was not heard of")
    with claim_idempotency_key(request_with("key", user)) as again:
        assert again.result_id is None
