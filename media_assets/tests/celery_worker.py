"""A real Celery worker beside a test, on the test's database and folders, and what it says."""

import contextlib
import fcntl
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zlib import crc32

import psutil
from django.conf import settings

from media_assets.tests.stored import process_environment

START_SECONDS = 60
BROKERS = {name: os.environ[name] for name in ("REDIS_TEST_URL", "RABBITMQ_TEST_URL") if os.environ.get(name)}


class Worker:
    """``celery -A config worker`` with two prefork processes; ``lines`` go into its environment."""

    def __init__(self, log: Path, broker: str, **lines: str) -> None:
        self.log = log
        command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "prefork", "--concurrency", "2"]
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [*command, "--loglevel", "INFO", "--without-gossip", "--without-mingle"],
                env=process_environment(CELERY_BROKER_URL=broker, **lines),
                cwd=settings.BASE_DIR,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def started(self) -> "Worker":
        self.wait_until(lambda: re.search(r"celery@\S+ ready", self.said()), START_SECONDS)
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def received(self) -> int:
        """How many messages it has taken."""
        return len(re.findall(r"Task media_assets.process_asset\S+ received", self.said()))

    def finished(self) -> int:
        return len(re.findall(r"Task media_assets.process_asset\S+ succeeded", self.said()))

    def wait_until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Raises AssertionError, with what the worker said, where it does not come true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.said()
            time.sleep(0.02)

    def family(self) -> list[psutil.Process]:
        """Its processes: the worker, its pool, their decoders."""
        with contextlib.suppress(psutil.NoSuchProcess):
            worker = psutil.Process(self.process.pid)
            return [worker, *worker.children(recursive=True)]
        return []

    def decoding(self) -> psutil.Process | None:
        """The pool process whose decoder has a picture just now: worker, pool process, decoder, job."""
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.ppid() == self.process.pid and len(process.children(recursive=True)) > 1:
                    return process
        return None

    def kill(self) -> None:
        """SIGKILL to the worker and its pool at once, as when a machine loses its power; the decoders end by
        themselves."""
        family = self.family()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)
        _gone, alive = psutil.wait_procs(family, timeout=10)
        assert not alive, alive

    def stop(self) -> None:
        """As a deployment does: what is under way is finished."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise


class Relay:
    """Stands before a broker; ``url`` leads through it."""

    def __init__(self, broker: str) -> None:
        parts = urlsplit(broker)
        self._broker = (parts.hostname, parts.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = broker.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{self._listener.getsockname()[1]}")
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *how: object) -> None:
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """End what is connected, as a broker does that is started anew; it listens on."""
        while self._open:
            with self._open.pop() as one, contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                ends = [self._listener.accept()[0], socket.create_connection(self._broker)]
                self._open += ends
                for here, there in (ends, reversed(ends)):
                    threading.Thread(target=self._forward, args=[here, there], daemon=True).start()

    def _forward(self, here: socket.socket, there: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65_536):
                there.sendall(data)


@contextlib.contextmanager
def workers(broker: str, folder: Path) -> Iterator[Callable[..., Worker]]:
    """A maker of workers on this broker that are ready, ``make(**environment)``; all are stopped at the end."""
    numbers = itertools.count()
    with contextlib.ExitStack() as made:  # one that does not stop keeps no other from it

        def make(**lines: str) -> Worker:
            worker = Worker(folder / f"worker-{next(numbers)}.log", broker, **lines)
            made.callback(worker.stop)
            return worker.started()

        yield make


@contextlib.contextmanager
def emptied(broker: str) -> Iterator[None]:
    """The queue of a broker, without messages before and after, for one test at a time: others wait, in whatever
    process they run."""
    from celery import Celery

    app = Celery("vitrine", broker=broker)

    def empty() -> None:
        if not broker.startswith("redis"):
            app.control.purge()
            return
        import redis

        with redis.Redis.from_url(broker) as server:
            keys = [key for pattern in ("celery*", "unacked*", "_kombu*") for key in server.scan_iter(pattern)]
            if keys:
                server.delete(*keys)

    with Path(tempfile.gettempdir(), f"vitrine-broker-{crc32(broker.encode())}.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        empty()
        yield
        empty()
    app.close()


def unacknowledged(broker: str) -> int:
    """How many messages workers took from a Redis broker and did not acknowledge."""
    import redis

    with redis.Redis.from_url(broker) as server:
        return int(server.hlen("unacked"))
