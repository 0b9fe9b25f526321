"""Handing assets to workers: an idle connection that was dropped costs nothing, a broker that is away little."""

import contextlib
import socket
import time
from typing import Any

import pytest

from media_assets import tasks
from media_assets.tests.test_workers import use_broker

APP = "media_assets.tests.test_tasks.app"


class App:
    """Celery whose pooled connections are all broken; new ones too where it is ``away``."""

    def __init__(self) -> None:
        self.away, self.sent, self.tries = False, list[int](), 0

    def connection_for_write(self) -> Any:
        return contextlib.nullcontext("new")

    def send_task(self, name: str, args: tuple[int], connection: str | None = None) -> None:
        self.tries += 1
        if self.away or connection is None:
            raise ConnectionError("Server unexpectedly closed connection")
        self.sent.append(*args)


app = App()


@pytest.fixture(autouse=True)
def celery(settings: Any, monkeypatch: Any) -> App:
    settings.CELERY_BROKER_URL, settings.CELERY_APP = "amqp://127.0.0.1:1//", APP
    monkeypatch.setattr(tasks, "_silent_until", 0.0)
    monkeypatch.setattr(f"{__name__}.app", app := App())
    return app


def test_a_dropped_connection_is_made_anew(celery: App, caplog: Any) -> None:
    assert [tasks.send(1), tasks.send(2)] == [True, True]
    assert (celery.sent, caplog.text) == ([1, 2], "")


def test_a_broker_that_is_away_is_tried_twice_and_then_left_alone(celery: App, caplog: Any) -> None:
    celery.away = True
    assert [tasks.send(1), tasks.send(2)] == [False, False]
    assert (celery.tries, celery.sent) == (2, [])
    assert "the sweeper will" in caplog.text


def test_a_silent_broker_is_waited_for_once(settings: Any, monkeypatch: Any) -> None:
    settings.CELERY_APP, settings.CELERY_BROKER_CONNECTION_TIMEOUT = "config.celery.app", 1.5
    with socket.create_server(("127.0.0.1", 0)) as listener:
        use_broker(f"amqp://127.0.0.1:{listener.getsockname()[1]}//", settings, monkeypatch)
        began = time.monotonic()
        assert not tasks.send(1)
        assert time.monotonic() - began < 10
        listener.settimeout(0.2)
        listener.accept()[0].close()
        with pytest.raises(TimeoutError):
            listener.accept()
