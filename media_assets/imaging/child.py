"""The process in which pictures are decoded: ``python -m media_assets.imaging.child <module with JOBS>``.

It loads the decoders once, decodes nothing itself, and forks a short-lived process for each job, so that a job costs
a fork, not a start of Python, and whatever a hostile picture does to a decoder ends with that process. It has one
thread, which is what makes forking safe.

Standard input is a Unix stream socket to the parent (`isolation.py`). A request is four bytes of length, then JSON;
with the length comes one end of another socket, for the answer: ``+`` once the job runs, then JSON. The other end
gone, everything ends.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAX_ANSWER_BYTES = 65_536
MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_OPEN_FILES = 64
NICENESS = 5
LENGTH = struct.Struct("!I")
STARTED = b"+"

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_ANSWER_FD = 3
_MOST_DESCRIPTORS = 65_536
# What a process may hold besides its job where its own size cannot be read (no /proc).
_UNKNOWN_SIZE_BYTES = 1024 * 1024 * 1024

Job = Callable[..., dict[str, Any]]


@dataclass
class Running:
    """A job under way: its process, the pipe on which it answers, and where the answer goes."""

    pid: int
    pipe: int
    reply: socket.socket
    deadline: float
    answer: bytearray
    timed_out: bool = False


class Zygote:
    """Starts jobs, holds them to their time, and passes on how they ended."""

    def __init__(self, control: socket.socket, jobs: dict[str, Job]) -> None:
        self.control, self.jobs = control, jobs
        self.running: dict[int, Running] = {}  # by pid
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        self.wakeup, wakeup_end = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(wakeup_end, False)
        self.selector.register(self.wakeup, selectors.EVENT_READ)
        signal.set_wakeup_fd(wakeup_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.prctl = _prctl()
        self.held_bytes = _held_bytes()

    def serve(self) -> None:
        """Until the parent goes, or is no longer understood."""
        try:
            while self._turn():
                pass
        finally:
            for job in self.running.values():
                _kill(job.pid)

    def _turn(self) -> bool:
        deadlines = [job.deadline for job in self.running.values() if not job.timed_out]
        wait = max(0.0, min(deadlines) - time.monotonic()) if deadlines else None
        for key, _ in self.selector.select(wait):
            if key.fileobj is self.control:
                if not self._take_request():
                    return False
            elif key.fileobj == self.wakeup:
                os.read(self.wakeup, 4096)
            elif key.data.pid in self.running:
                self._read_answer(key.data)
        self._stop_late()
        self._reap()
        return True

    def _take_request(self) -> bool:
        request, reply = _receive(self.control)
        if request is None or reply is None:
            return False
        reply.setblocking(False)
        if request["job"] not in self.jobs:
            with reply:
                _send(reply, STARTED + json.dumps({"unavailable": f"There is no job {request['job']!r}."}).encode())
            return True
        pipe, pipe_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            self._run(request, pipe_end)
        os.close(pipe_end)
        os.set_blocking(pipe, False)
        with contextlib.suppress(OSError):
            os.setpgid(pid, pid)  # the child does it too: whoever comes first
        job = Running(pid, pipe, reply, time.monotonic() + request["timeout"], bytearray())
        self.running[pid] = job
        self.selector.register(pipe, selectors.EVENT_READ, job)
        _send(reply, STARTED)
        return True

    def _run(self, request: dict[str, Any], pipe_end: int) -> None:
        """In the child: give up what it does not need, do the job, answer, end."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.setpgid(0, 0)
            self.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() == 1:
                return  # the parent went before that was set
            _keep_only(pipe_end)
            self.prctl(_PR_SET_NO_NEW_PRIVS, 1)
            _limit(request["memory_bytes"] + self.held_bytes, request["cpu_seconds"])
            answer = _answer(self.jobs[request["job"]], request["arguments"])
            with open(_ANSWER_FD, "wb", buffering=0) as file:
                file.write(json.dumps(answer).encode())
            status = 0
        finally:
            os._exit(status)

    def _read_answer(self, job: Running) -> None:
        """Take what has come; stop listening to a job that has closed its end or says too much."""
        try:
            data = os.read(job.pipe, MAX_ANSWER_BYTES)
        except BlockingIOError:
            return
        job.answer += data
        if not data or len(job.answer) > MAX_ANSWER_BYTES:
            self.selector.unregister(job.pipe)

    def _stop_late(self) -> None:
        now = time.monotonic()
        for job in self.running.values():
            if job.deadline <= now and not job.timed_out:
                job.timed_out = True
                _kill(job.pid)

    def _reap(self) -> None:
        for pid in list(self.running):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                job = self.running.pop(pid)
                self._finish(job, os.waitstatus_to_exitcode(status))

    def _finish(self, job: Running, exit_code: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(job.pid, signal.SIGKILL)  # whatever it may have started
        if job.pipe in self.selector.get_map():
            self._read_answer(job)
        with contextlib.suppress(KeyError):
            self.selector.unregister(job.pipe)
        os.close(job.pipe)
        _send(job.reply, json.dumps(_outcome(job, exit_code)).encode())
        job.reply.close()


def _outcome(job: Running, exit_code: int) -> dict[str, Any]:
    """What the parent is told: what the job answered, or how it ended."""
    if job.timed_out:
        return {"failed": "timeout", "reason": "It took too long to decode."}
    if exit_code == -signal.SIGXCPU:
        return {"failed": "timeout", "reason": "It took too much processor time to decode."}
    if exit_code < 0:
        return {"failed": "crashed", "reason": f"The decoder crashed (signal {-exit_code})."}
    try:
        answer = json.loads(bytes(job.answer))
    except ValueError:
        answer = None
    if exit_code or not isinstance(answer, dict):
        return {"failed": "crashed", "reason": f"The decoder ended without an answer (status {exit_code})."}
    return answer


def _answer(job: Job, arguments: dict[str, Any]) -> dict[str, Any]:
    """The result of a job, or why there is none."""
    try:
        return {"result": job(**arguments)}
    except MemoryError:
        return {"failed": "memory", "reason": "Decoding it takes more memory than is allowed."}
    except Exception as error:
        is_refusal = type(error).__name__ == "PictureRefused"
        reason = str(error) if is_refusal else f"The decoder failed: {type(error).__name__}: {str(error)[:200]}"
        return {"failed": "refused" if is_refusal else "crashed", "reason": reason}


def _keep_only(pipe_end: int) -> None:
    """Standard streams to nowhere, the answer's pipe as descriptor 3, nothing else open."""
    answer = os.dup(pipe_end) if pipe_end <= _ANSWER_FD else pipe_end
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.dup2(answer, _ANSWER_FD)
    os.closerange(_ANSWER_FD + 1, min(os.sysconf("SC_OPEN_MAX"), _MOST_DESCRIPTORS))


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    """What the kernel holds this process to from now on. macOS knows no limit of memory: the clock ends it there."""
    limits = {
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_CPU: (cpu_seconds, cpu_seconds + 1),
        resource.RLIMIT_FSIZE: (MAX_FILE_BYTES, MAX_FILE_BYTES),
        resource.RLIMIT_NOFILE: (MAX_OPEN_FILES, MAX_OPEN_FILES),
        resource.RLIMIT_AS: (memory_bytes, memory_bytes),
    }
    for limit, (soft, hard) in limits.items():
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (soft, hard))
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    # If the machine runs out of memory all the same, it is this process that goes.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _held_bytes() -> int:
    """Address space of this process, which every job begins with."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return _UNKNOWN_SIZE_BYTES


def _prctl() -> Callable[..., Any]:
    """Linux's prctl; elsewhere a function that does nothing."""
    try:
        prctl = ctypes.CDLL(None).prctl
    except (AttributeError, OSError):
        return lambda *_: None
    return lambda option, value: prctl(option, ctypes.c_ulong(value), 0, 0, 0)


def _receive(control: socket.socket) -> tuple[dict[str, Any] | None, socket.socket | None]:
    """The next request and the socket for its answer; nothing at the end."""
    head, descriptors, _, _ = socket.recv_fds(control, LENGTH.size, 1)
    if len(head) < LENGTH.size or not descriptors:
        return None, None
    reply = socket.socket(fileno=descriptors[0])
    left, body = LENGTH.unpack(head)[0], bytearray()
    while left > len(body):
        part = control.recv(left - len(body))
        if not part:
            return None, None
        body += part
    request: dict[str, Any] = json.loads(body)
    return request, reply


def _send(reply: socket.socket, data: bytes) -> None:
    """The parent may have gone, or stopped listening; that must not hold up the others."""
    with contextlib.suppress(OSError):
        reply.send(data)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def make_variants(**arguments: Any) -> dict[str, Any]:
    """See `variants.make_variants`."""
    from .variants import make_variants as job

    return job(**arguments)


def to_jpeg(**arguments: Any) -> dict[str, Any]:
    """See `conversion.to_jpeg`. What it needs is loaded by the job itself: most jobs are others."""
    from .conversion import to_jpeg as job

    return job(**arguments)


def turn_webp(**arguments: Any) -> dict[str, Any]:
    """See `conversion.turn_webp`."""
    from .conversion import turn_webp as job

    return job(**arguments)


def prepare() -> None:
    """Load what most jobs need."""
    from . import variants

    variants.prepare()


JOBS: dict[str, Job] = {"make_variants": make_variants, "to_jpeg": to_jpeg, "turn_webp": turn_webp}


def main() -> None:
    """Serve the parent at the other end of standard input."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.SIG_IGN)  # it ends with its parent, which still has jobs to finish
    os.umask(0o077)
    module = importlib.import_module(sys.argv[1])
    module.prepare()
    with socket.socket(fileno=os.dup(0)) as control:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        zygote = Zygote(control, module.JOBS)
        gc.freeze()
        zygote.serve()


if __name__ == "__main__":
    main()
