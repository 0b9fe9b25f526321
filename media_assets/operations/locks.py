"""Commands that keep away from each other, on any machine; a lock ends with its process, however that ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from zlib import crc32

from django.db import connection


class Locked(Exception):
    """Another process has the lock."""


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock of this name alone: of the database server (PostgreSQL), or a file beside the database (SQLite).

    Raises Locked at once where anybody holds it. On PostgreSQL it belongs to this thread's connection.
    """
    with _advisory_lock(name, "") if connection.vendor == "postgresql" else _file_lock(name, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def shared(name: str) -> Iterator[None]:
    """``exclusive``, but beside others who share it."""
    with _advisory_lock(name, "_shared") if connection.vendor == "postgresql" else _file_lock(name, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def _advisory_lock(name: str, kind: str) -> Iterator[None]:
    number = crc32(f"vitrine:{name}".encode())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_lock{kind}(%s)", [number])
        if not cursor.fetchone()[0]:
            raise Locked
        try:
            yield
        finally:
            with contextlib.suppress(Exception):  # a connection that is lost has taken the lock with it
                cursor.execute(f"SELECT pg_advisory_unlock{kind}(%s)", [number])


@contextlib.contextmanager
def _file_lock(name: str, kind: int) -> Iterator[None]:
    path = f"{connection.settings_dict['NAME']}.{name}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked from None
        yield
    finally:
        os.close(descriptor)
