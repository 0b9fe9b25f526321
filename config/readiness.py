"""Can this process do its work now? Its parts, each asked in a thread of its own and waited for only a short time."""

import logging
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from media_assets.storages import get_storage

TIME_LIMIT_SECONDS = 2.0
KEPT_SECONDS = 3.0  # an answer is given again for so long, however often the probes come
OK, FAILING, SLOW = "ok", "failing", "no answer"
_PROBE_PREFIX = "readyz-probe/"
logger = logging.getLogger(__name__)
Check = Callable[[], None]


class NotReady(Exception):
    """What is wrong, for the log."""


class Part:
    """One thing that the work needs. ``check`` raises where it cannot be used; it never runs twice at once, so that
    a part that hangs holds up one thread and no more."""

    def __init__(self, name: str, check: Check) -> None:
        self.name = name
        self._check = check
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._verdict, self._asked_at = "", 0.0

    def ask(self) -> None:
        """Begin to find out, unless that is under way or the last answer is still fresh."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            if running or (self._verdict and time.monotonic() - self._asked_at < KEPT_SECONDS):
                return
            self._done.clear()
            self._asked_at = time.monotonic()
            self._thread = threading.Thread(target=self._run, name=f"readyz-{self.name}", daemon=True)
            self._thread.start()

    def verdict(self) -> str:
        """``ok``, ``failing``, or ``no answer`` within the time limit, counted from when it was asked."""
        remaining = self._asked_at + TIME_LIMIT_SECONDS - time.monotonic()
        return self._verdict if self._done.wait(max(0.0, remaining)) else SLOW

    def _run(self) -> None:
        try:
            self._check()
            self._verdict = OK
        except Exception as error:
            logger.warning("Not ready: %s: %s: %s", self.name, type(error).__name__, error)
            self._verdict = FAILING
        self._done.set()


def check_database() -> None:
    """A connection of this thread's own, to a database that has been migrated."""
    try:
        if not MigrationRecorder(connection).has_table():
            raise NotReady("The database has no tables. Run: manage.py migrate")
    finally:
        connection.close()


def check_storage(alias: str) -> None:
    """A folder that can be written, or a bucket that answers a listing (a look-up of one key would take a missing
    bucket for a missing object)."""
    storage = get_storage(alias)
    if isinstance(storage, FileSystemStorage):
        check_folder(Path(storage.location))
    else:
        next(storage.list_objects(_PROBE_PREFIX), None)


def check_folder(folder: Path) -> None:
    """The folder can be written, or made where it is still missing."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise NotReady(f"{existing} is not a folder that can be written.")


def verdicts() -> dict[str, str]:
    """Part to verdict, for the database and the storages that new files go to. Takes at most ``TIME_LIMIT_SECONDS``."""
    aliases = sorted(set(settings.MEDIA_ACTIVE_STORAGES.values()))
    parts = [_part("database", check_database)]
    parts += [_part(alias, partial(check_storage, alias)) for alias in aliases]
    for part in parts:
        part.ask()
    return {part.name: part.verdict() for part in parts}


_parts: dict[str, Part] = {}


def _part(name: str, check: Check) -> Part:
    return _parts.setdefault(name, Part(name, check))
