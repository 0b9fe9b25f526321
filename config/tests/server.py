"""A real gunicorn beside a test, with the site's own configuration, on the test's database and folders."""

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests
from django.conf import settings

from conftest import free_port
from media_assets.tests.stored import process_environment

START_SECONDS = 40
TOKEN = "metrics-token-of-tests"


class Server:
    """``gunicorn -c config/gunicorn.py``; ``lines`` go into its environment."""

    def __init__(self, log: Path, **lines: str) -> None:
        self.log, self.port = log, free_port()
        own = {"SECRET_KEY": settings.SECRET_KEY, "METRICS_TOKEN": TOKEN, "THROTTLES_ENABLED": "False"}
        own |= {"WEB_CONCURRENCY": "2", "WEB_THREADS": "4", "PORT": str(self.port)}
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", "gunicorn", "-c", "config/gunicorn.py"],
                env=process_environment(**{**own, **lines}),
                cwd=settings.BASE_DIR,
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def started(self) -> "Server":
        wanted = 2

        def ready() -> bool:
            try:
                requests.get(f"{self.url}/healthz", timeout=5)
            except requests.RequestException:
                return False
            return len(self.workers()) == wanted and len(re.findall("Booting worker", self.said())) >= wanted

        self.wait_until(ready, START_SECONDS)
        return self

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_until(self, condition: Callable[[], Any], seconds: float = 20) -> None:
        """Raises AssertionError, with what the server said, where it does not come true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end and self.process.poll() is None, self.said()
            time.sleep(0.05)

    def workers(self) -> set[int]:
        """Their process ids."""
        return {each.pid for each in psutil.Process(self.process.pid).children()}

    def metrics(self) -> dict[str, float]:
        """Sample, with its labels as they are written, to value."""
        answer = requests.get(f"{self.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=10)
        assert answer.status_code == 200
        lines = [line.rpartition(" ") for line in answer.text.splitlines() if not line.startswith("#")]
        assert len({name for name, _, _ in lines}) == len(lines), "no sample comes twice"
        return {name: float(value) for name, _, value in lines}

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise


class SlowUpload:
    """A multipart request whose second half is held back."""

    def __init__(self, server: Server, path: str, fields: dict[str, str], file: tuple[str, bytes], **headers: str):
        boundary = uuid4().hex
        parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
                 for name, value in fields.items()]  # fmt: skip
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{file[0]}"; filename="a.jpg"\r\n'
        parts.append(f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + file[1] + f"\r\n--{boundary}--\r\n".encode())
        body = b"".join(parts)
        headers = {"Host": "127.0.0.1", "Content-Length": str(len(body)), **headers}
        headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._socket = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        middle = len(body) // 2
        self._socket.sendall(f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body[:middle])
        self._rest = body[middle:]

    def finish(self) -> int:
        """Send the rest, slowly; the status of the answer."""
        step = max(1, len(self._rest) // 5)
        for start in range(0, len(self._rest), step):
            self._socket.sendall(self._rest[start : start + step])
            time.sleep(0.1)
        return self.status()

    def status(self) -> int:
        """That of the answer; 0 where the server hangs up."""
        with self._socket, self._socket.makefile("rb") as answer:
            try:
                first = answer.readline()
                answer.read()
            except ConnectionError:
                first = b""
        return int(first.split()[1]) if first else 0

    def give_up(self) -> None:
        """Hang up in the middle."""
        self._socket.close()


def refused(server: Server) -> bool:
    """Whether the server takes no new connection."""
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=2).close()
    except ConnectionRefusedError:
        return True
    return False


@contextlib.contextmanager
def serving(log: Path, **lines: str) -> Iterator[Server]:
    """A server that answers; stopped at the end."""
    server = Server(log, **lines)
    try:
        yield server.started()
    finally:
        server.stop()
