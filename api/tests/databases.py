"""A database in trouble, as it looks from the site."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def database_away() -> Iterator[None]:
    """Meanwhile nothing connects. It may be left in another thread than it was entered."""
    unreachable = (
        {"NAME": "/nowhere/at/all.sqlite3"} if connection.vendor == "sqlite" else {"HOST": "127.0.0.1", "PORT": "1"}
    )
    usual = {name: connection.settings_dict[name] for name in unreachable}
    connection.close()
    connection.settings_dict.update(unreachable)
    try:
        yield
    finally:
        connection.settings_dict.update(usual)


@contextmanager
def connection_only_reads() -> Iterator[None]:
    """The connection there is writes no more, as one to a primary that was demoted; a new one does."""
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON" if sqlite else "SET default_transaction_read_only = on")
    try:
        yield
    finally:
        connection.close()
