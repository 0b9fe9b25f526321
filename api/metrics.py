"""Prometheus metrics of all processes of one server together.

A server that forks (gunicorn, Celery) calls ``share_counts`` before it loads the site. From then on each of its
processes counts in files of one folder, and whichever is asked adds them up.
"""

import atexit
import contextlib
import fcntl
import itertools
import os
import shutil
import tempfile
from pathlib import Path

from prometheus_client import REGISTRY, CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

_PREFIX = "vitrine-metrics-"
_MEMORY = Path("/dev/shm")  # noqa: S108 -- a file system in memory, where there is one
_folder: Path | None = None
_place: tuple[int, int, int] | None = None  # process id, number in the folder, descriptor of its lock


def share_counts() -> Path:
    """Count in a new folder, which goes when this process ends; once a process. The folder."""
    global _folder
    if _folder is None:
        parent = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        _remove_left(parent)
        _folder = Path(tempfile.mkdtemp(prefix=f".{_PREFIX}", dir=parent))
        values.ValueClass = values.MultiProcessValue(_number)  # type: ignore[no-untyped-call]
        _folder = _folder.rename(parent / _folder.name[1:])  # seen by other servers once this process holds its place
        atexit.register(_remove, _folder, os.getpid())
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder)
    return _folder


def _remove_left(parent: Path) -> None:
    """Remove what servers left that were killed: where nobody holds the place of the process that made the folder."""
    for first in parent.glob(f"{_PREFIX}*/0.lock"):
        with contextlib.suppress(OSError), first.open("rb") as lock:  # held, gone by now, or another user's
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(first.parent, ignore_errors=True)


def _remove(folder: Path, creator: int) -> None:
    if os.getpid() == creator:  # not in the processes that it forked
        shutil.rmtree(folder, ignore_errors=True)


def _number() -> int:
    """This process's number in the folder: no two living ones share it; a dead one leaves it, with its counts, to the
    next, so that processes which come and go do not fill the folder."""
    global _place
    if _place is None or _place[0] != os.getpid():
        if _place is not None:
            with contextlib.suppress(OSError):
                os.close(_place[2])  # the parent's, and still locked by it
        _place = (os.getpid(), *_locked_number())
    return _place[1]


def _locked_number() -> tuple[int, int]:
    for number in itertools.count():
        lock = os.open(f"{_folder}/{number}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
        else:
            return number, lock
    raise AssertionError  # never: there is always a next number


def registry(*collectors: Collector) -> CollectorRegistry:
    """What there is to export: the counts of all processes, and once, not for each of them, these collectors."""
    found = CollectorRegistry()
    if _folder is None:
        found.register(REGISTRY)
    else:
        MultiProcessCollector(found, str(_folder))  # type: ignore[no-untyped-call]
    for collector in collectors:
        found.register(collector)
    return found


def exposition(*collectors: Collector) -> bytes:
    """The same in Prometheus's text format."""
    return generate_latest(registry(*collectors))
