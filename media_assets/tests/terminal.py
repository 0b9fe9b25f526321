"""A terminal for commands: one to type on, and one that shows what a process of ``manage.py`` writes."""

import contextlib
import io
import os
import subprocess
import sys
import threading

from django.conf import settings

from media_assets.tests.stored import process_environment


class Typed(io.StringIO):
    """Standard input at which somebody types this text."""

    def isatty(self) -> bool:
        return True


def full_bar(total: int) -> str:
    """How a bar looks at its end."""
    return f"[{'#' * 30}]  {total}/{total}"


def on_a_terminal(*words: str, **lines: str) -> tuple[int, str, str]:
    """Run ``manage.py`` with standard error on a terminal: exit code, standard output, what the terminal was sent."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "manage.py", *words],
        env=process_environment(**lines),
        cwd=settings.BASE_DIR,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    limit = threading.Timer(120, process.kill)
    limit.start()
    shown = b""
    with contextlib.suppress(OSError):  # the end: nobody has the other side open
        while piece := os.read(ours, 10_000):
            shown += piece
    os.close(ours)
    out, _ = process.communicate()
    limit.cancel()
    return process.returncode, out, shown.decode()
