"""The memory of a real gunicorn worker while uploads come in at once."""

import contextlib
import http.client
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil  # type: ignore[import-untyped]

CONCURRENCY, REQUESTS = 8, 64
START_SECONDS, REQUEST_SECONDS = 60, 120
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_memory(path: str, *, body: bytes, content_type: str, token: str) -> tuple[int, int]:
    """Bytes that the worker held at most, after its first request and at the end (Linux: VmHWM, pages of mapped files
    included)."""
    headers = {"Content-Type": content_type, "Authorization": f"Bearer {token}"}
    with worker() as (port, pid):
        before = peak_bytes(pid)

        def send(_: int) -> int:
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=REQUEST_SECONDS)
            with contextlib.closing(client):
                client.request("POST", path, body, headers)
                answer = client.getresponse()
                answer.read()
                return answer.status

        with ThreadPoolExecutor(CONCURRENCY) as pool:
            statuses = set(pool.map(send, range(REQUESTS)))
        if statuses != {201}:
            raise SystemExit(f"Uploads to the worker answered {statuses}.")
        return before, peak_bytes(pid)


@contextlib.contextmanager
def worker() -> Iterator[tuple[int, int]]:
    """Port and worker's process id of a gunicorn of its own, stopped at the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener, tempfile.TemporaryFile() as log:
        port = listener.getsockname()[1]
        options = ["--workers=1", "--worker-class=gthread", f"--threads={CONCURRENCY}", f"--timeout={REQUEST_SECONDS}"]
        options += ["--no-control-socket"]  # it would lie in the home folder
        gunicorn = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *options, f"--bind=fd://{listener.fileno()}", "config.wsgi:application"],
            pass_fds=[listener.fileno()],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_it_answers(port, gunicorn)
            yield port, psutil.Process(gunicorn.pid).children()[0].pid
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read().decode(errors="replace"))
            raise
        finally:
            gunicorn.terminate()
            gunicorn.wait(START_SECONDS)


def _wait_until_it_answers(port: int, gunicorn: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and gunicorn.poll() is None:
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        with contextlib.closing(client), contextlib.suppress(OSError, http.client.HTTPException):
            client.request("GET", "/api/artworks/", headers={"Host": "localhost"})
            if client.getresponse().status == 200:
                return
        time.sleep(0.1)
    raise SystemExit("gunicorn did not come up.")


def peak_bytes(pid: int) -> int:
    """What the process held at most until now (Linux: VmHWM)."""
    found = _PEAK.search(Path(f"/proc/{pid}/status").read_text())
    return int(found.group(1)) * 1024 if found else 0
