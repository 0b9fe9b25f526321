"""The databases that are measured on: a new SQLite file, and a new database of a PostgreSQL server that is given."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg2  # type: ignore[import-untyped]
from psycopg2 import sql

NAME = f"vitrine_bench_{os.getpid()}"


def postgres_server() -> str:
    """``BENCH_DATABASE_URL``, or ``DATABASE_URL``, where it names a PostgreSQL; else empty."""
    given = os.environ.get("BENCH_DATABASE_URL") or os.environ.get("DATABASE_URL") or ""
    return given if given.startswith(("postgres://", "postgresql://")) else ""


@contextlib.contextmanager
def sqlite_database(folder: Path) -> Iterator[str]:
    """The URL of a SQLite file in this folder, removed at the end."""
    path = folder / "bench.sqlite3"
    try:
        yield f"sqlite:///{path}"
    finally:
        for file in folder.glob(f"{path.name}*"):
            file.unlink()


@contextlib.contextmanager
def postgres_database(server: str) -> Iterator[str]:
    """The URL of a database of its own on this server, dropped at the end. The role must be allowed to create it."""
    _execute(server, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(NAME)))
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{NAME}"))
    finally:
        _execute(server, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(NAME)))


def _execute(server: str, statement: sql.Composed) -> None:
    with contextlib.closing(psycopg2.connect(server.replace("postgres://", "postgresql://", 1))) as connected:
        connected.autocommit = True
        with connected.cursor() as cursor:
            cursor.execute(statement)
