"""Servers that start at the same moment leave each other's counts alone."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ANOTHER_STARTS_BEFORE_THE_LOCK = """
import os, subprocess, sys
from api.metrics import share_counts
plain = os.open

def late(path, *given, **named):
    descriptor = plain(path, *given, **named)
    if str(path).endswith("0.lock"):
        os.open = plain
        subprocess.run([sys.executable, "-c", "from api.metrics import share_counts; share_counts()"], check=True)
    return descriptor

os.open = late
folder = share_counts()
assert os.open is plain
from prometheus_client import Counter
Counter("things", "Things.").inc()
print(*sorted(path.name for path in folder.iterdir()))
"""


def test_a_server_that_starts_meanwhile_takes_no_folder_away() -> None:
    command = [sys.executable, "-c", ANOTHER_STARTS_BEFORE_THE_LOCK]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0.lock", "counter_0.db"]
