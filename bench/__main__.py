"""Measures what the site promises and prints one table: ``python -m bench [signing] [list] [ads] [upload] ...``.

Needs no service. Where ``BENCH_DATABASE_URL`` (or ``DATABASE_URL``) names a PostgreSQL server whose role may create
databases, everything is measured there too. ``BENCH_ROWS`` and ``BENCH_ROUNDS`` make it smaller or longer.
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.databases import postgres_database, postgres_server, sqlite_database
from bench.table import Row, render

MODULES = {
    "signing": "signing_rows",
    "list": "artwork_list",
    "ads": "ads_list",
    "cleaning": "cleaning",
    "variants": "variants",
    "upload": "upload",
    "form": "local_form",
    "direct": "direct_uploads",
    "paging": "paging",
    "audit": "audit",
}
WITHOUT_DATABASE = ("signing", "cleaning", "variants")
ROOT = Path(__file__).resolve().parent.parent
# What a developer's own environment says of the site does not reach the benchmark.
SITE_VARIABLES = ("AWS_", "DJANGO_", "DB_", "MEDIA_", "PRIVATE_MEDIA_", "THROTTLE", "SECURE_")
SITE_NAMES = ("DATABASE_URL", "REDIS_URL", "USE_S3", "PUBLIC_BASE_URL", "HTTPS_ONLY", "TRUSTED_PROXY_HEADERS")


def main() -> None:
    """Measure, print, leave nothing behind."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("subjects", nargs="*", metavar="subject", help=f"some of: {', '.join(MODULES)}; default: all")
    subjects = parser.parse_args().subjects or list(MODULES)
    if unknown := set(subjects) - set(MODULES):
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    rows, notes = [], []
    with tempfile.TemporaryDirectory(prefix="vitrine-bench-") as folder:
        for subject in subjects:
            for name, database in _databases(subject, Path(folder)):
                with database as url:
                    _progress(f"{subject} ({name})" if name else subject)
                    rows += _measured(subject, url, Path(folder))
    if not postgres_server() and set(subjects) - set(WITHOUT_DATABASE):
        notes.append(
            "\nPostgreSQL is left out: set BENCH_DATABASE_URL=postgres://user@host:5432/postgres to include it."
        )
    _progress("")
    print(render(rows, notes))


def _databases(subject: str, folder: Path) -> Iterator[tuple[str, contextlib.AbstractContextManager[str]]]:
    if subject in WITHOUT_DATABASE:
        yield "", contextlib.nullcontext("sqlite:///:memory:")
        return
    yield "SQLite", sqlite_database(folder)
    if server := postgres_server():
        yield "PostgreSQL", postgres_database(server)


def _measured(subject: str, database_url: str, folder: Path) -> list[Row]:
    """The rows of one subject on one database, measured by a process of its own."""
    results = folder / "rows.json"
    command = [sys.executable, "-m", "bench.subject", MODULES[subject], str(results)]
    process = subprocess.Popen(command, cwd=ROOT, env=_environment(database_url, folder))
    try:
        if process.wait():
            raise SystemExit(process.returncode)  # it has said why
    finally:
        process.terminate()  # not killed: it stops what it has started itself
        process.wait()
    measured: list[dict[str, Any]] = json.loads(results.read_text())
    return [Row(**row) for row in measured]


def _environment(database_url: str, folder: Path) -> dict[str, str]:
    """A site of its own: DEBUG off, files below ``folder``, a bucket that is named but never asked."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(SITE_VARIABLES) and name not in SITE_NAMES
    }
    return kept | {
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": secrets.token_urlsafe(64),
        "DEBUG": "False",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "DATABASE_URL": database_url,
        "MEDIA_ROOT": str(folder / "media"),
        "PRIVATE_MEDIA_ROOT": str(folder / "private"),
        "TMPDIR": str(folder),
        "THROTTLES_ENABLED": "False",
        "LOG_LEVEL": "ERROR",
        "CELERY_BROKER_URL": "memory://",  # messages to workers are sent, and nobody takes them
        "USE_S3": "False",
        "AWS_STORAGE_BUCKET_NAME": "vitrine-media",
        "AWS_S3_REGION_NAME": "eu-west-1",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    }


def _progress(text: str) -> None:
    """Where standard error is a terminal, what is being measured now."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


if __name__ == "__main__":
    main()
