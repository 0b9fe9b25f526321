"""Decode in another process, so that no picture can hurt this one: ``run_isolated("make_variants", {...}, ...)``.

Each process has one helper of its own (`child.py`), started at its first job, which forks a process per job under
limits of memory, processor time, file size and wall-clock time. Safe with threads and with forking servers; the
helper ends with its parent, however that ends.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Literal

from .child import LENGTH, MAX_ANSWER_BYTES, STARTED

Failure = Literal["refused", "timeout", "memory", "crashed"]

ROOT = Path(__file__).resolve().parents[2]
CHILD = "media_assets.imaging.child"
# The helper ends a late job itself; this much later it is taken to hang and is killed.
GRACE_SECONDS = 5.0
START_SECONDS = 30.0
QUEUE_SECONDS = 60.0
# All that the helper sees of this environment: no keys, no passwords, no database.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")


class DecodeFailed(Exception):
    """The picture could not be decoded. `reason` is a sentence for people; `code` is stable, for programs."""

    def __init__(self, reason: str, code: Failure = "crashed") -> None:
        super().__init__(reason)
        self.reason = reason
        self.code: Failure = code


class DecoderUnavailable(Exception):
    """The machinery itself does not work now: nothing is said about the picture. Trying again later may help."""


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Decoder:
    """One helper process and what is needed to share it between threads."""

    def __init__(self, jobs_module: str = CHILD, *, jobs_at_once: int | None = None) -> None:
        """`jobs_module` has the functions that may be asked for (JOBS) and `prepare()`."""
        self._jobs_module = jobs_module
        self._jobs_at_once = jobs_at_once or _processors()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._renew_locks()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.close)

    @property
    def pid(self) -> int | None:
        """The helper's process id, while there is one."""
        return self._process.pid if self._process else None

    def run(
        self, job: str, arguments: dict[str, Any], *, timeout: float, memory_bytes: int, cpu_seconds: int
    ) -> dict[str, Any]:
        """See `run_isolated`."""
        if not self._slots.acquire(timeout=QUEUE_SECONDS):
            raise DecoderUnavailable(f"No decoder was free for {QUEUE_SECONDS:.0f} seconds.")
        try:
            limits = {"timeout": timeout, "memory_bytes": memory_bytes, "cpu_seconds": cpu_seconds}
            request = json.dumps({"job": job, "arguments": arguments, **limits}).encode()
            return _result(self._answer(request, timeout))
        finally:
            self._slots.release()

    def close(self) -> None:
        """End the helper, and what it runs. The next job starts another."""
        with self._lock:
            self._stop()

    def _answer(self, request: bytes, timeout: float) -> bytes:
        """What comes back; asked once more where the helper had gone before it began."""
        for _ in range(2):
            answer = self._ask(request, timeout)
            if answer.startswith(STARTED):
                return answer[len(STARTED) :]
        raise DecoderUnavailable("The decoder process ended before it took the job.")

    def _ask(self, request: bytes, timeout: float) -> bytes:
        ours, theirs = socket.socketpair()
        with ours:
            with self._lock, theirs:
                process = self._started()
                if not self._handed_over(request, theirs):
                    self._stop()
                    return b""
            answer = _read(ours, time.monotonic() + START_SECONDS + timeout + GRACE_SECONDS, timeout + GRACE_SECONDS)
            if answer is None:
                self._discard(process)
                raise DecoderUnavailable("The decoder process hangs; it was ended.")
            if not answer:
                self._discard(process)  # it is ending; its sockets close before it can be waited for
            return answer

    def _started(self) -> subprocess.Popen[bytes]:
        """The helper, started where there is none or it has ended. The lock is held."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._stop()
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-s", "-m", CHILD, self._jobs_module]
        with theirs:
            try:
                self._process = subprocess.Popen(  # noqa: S603 -- our own interpreter and module
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    cwd=ROOT,
                    env=_environment(),
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                raise DecoderUnavailable(f"The decoder process does not start: {error}.") from error
        self._control = ours
        return self._process

    def _handed_over(self, request: bytes, reply: socket.socket) -> bool:
        """Whether the helper is there to take it. The lock is held."""
        if self._control is None:
            return False
        try:
            socket.send_fds(self._control, [LENGTH.pack(len(request))], [reply.fileno()])
            self._control.sendall(request)
        except OSError:
            return False
        return True

    def _discard(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if self._process is process:
                self._stop()

    def _stop(self) -> None:
        """Close the socket, which ends the helper and its jobs; if not, kill it. Reaps. The lock is held."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(1)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(signal.SIGKILL)
                self._process.wait()
            self._process = None

    def _renew_locks(self) -> None:
        self._lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self._jobs_at_once)

    def _forget(self) -> None:
        """After a fork: the helper is the parent's. Without its socket here it notices when the parent ends."""
        if self._process is not None:
            self._process.returncode = 0  # not ours to wait for
        if self._control is not None:
            self._control.close()
        self._process = self._control = None
        self._renew_locks()


# This process's own; it starts nothing before its first job.
decoder = Decoder()


def run_isolated(
    job: str, arguments: dict[str, Any], *, timeout: float, memory_bytes: int, cpu_seconds: int
) -> dict[str, Any]:
    """Run `make_variants` or `to_jpeg` with these arguments (JSON) in a process of its own; its result.

    `timeout` is in seconds of the clock; `memory_bytes` is what the job may take on top of the loaded decoders.
    At most as many jobs as processors run at once; others wait. Raises `DecodeFailed` where the picture is at fault,
    also by a crash or a hang of its decoder, and `DecoderUnavailable` where the machinery is.
    """
    return decoder.run(job, arguments, timeout=timeout, memory_bytes=memory_bytes, cpu_seconds=cpu_seconds)


def _read(reply: socket.socket, deadline: float, after_start: float) -> bytes | None:
    """The answer, to its end; None where it does not come in time. Once the job has begun, `after_start` seconds."""
    answer = bytearray()
    poll = select.poll()
    poll.register(reply, select.POLLIN)
    while len(answer) <= 2 * MAX_ANSWER_BYTES:
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            return None
        try:
            part = reply.recv(MAX_ANSWER_BYTES)
        except ConnectionError:
            part = b""
        if not part:
            break
        if not answer:
            deadline = time.monotonic() + after_start
        answer += part
    return bytes(answer)


def _result(answer: bytes) -> dict[str, Any]:
    if not answer:
        raise DecoderUnavailable("The decoder process ended while it was at work.")
    try:
        told: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise DecodeFailed("The decoder's answer cannot be read.") from None
    if "unavailable" in told:
        raise DecoderUnavailable(told["unavailable"])
    if "failed" in told:
        raise DecodeFailed(told["reason"], told["failed"])
    result: dict[str, Any] = told["result"]
    return result


def _environment() -> dict[str, str]:
    """Few arenas: threads of the decoders would each reserve 64 MB of address space, which is limited."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    return kept | {"MALLOC_ARENA_MAX": "2", "VIPS_CONCURRENCY": "1", "VIPS_BLOCK_UNTRUSTED": "1"}
