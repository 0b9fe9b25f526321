"""The benchmark runs, compares like with like, and leaves nothing behind. Its figures are not looked at."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.table import Row, render

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"BENCH_ROUNDS": "1", "BENCH_ROWS": "200", "DATABASE_URL": "", "BENCH_DATABASE_URL": ""}


@pytest.mark.parametrize("subject, said", [("list", "Artwork list of 100"), ("paging", "page at depth 100")])
def test_it_measures_and_cleans_up(subject: str, said: str, tmp_path: Path) -> None:
    env = {**os.environ, **SMALL, "TMPDIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-m", "bench", subject], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120
    )
    assert run.returncode == 0, run.stderr
    assert said in run.stdout
    assert "PostgreSQL is left out" in run.stdout
    assert run.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_subject_is_refused() -> None:
    run = subprocess.run([sys.executable, "-m", "bench", "nothing"], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 2
    assert "no such subject: nothing" in run.stderr


@pytest.mark.parametrize(
    "row, met",
    [
        ({"ratio": 1.1, "target": 1.2}, True),
        ({"ratio": 1.3, "target": 1.2}, False),
        ({"ratio": 61.0, "target": 60, "at_least": True}, True),
        ({"ratio": 59.0, "target": 60, "at_least": True}, False),
        ({"value": 199e6, "unit": "MB", "target": 200}, True),
        ({"value": 201e6, "unit": "MB", "target": 200}, False),
        ({"ratio": 7.0}, None),
    ],
)
def test_whether_a_target_is_met(row: dict[str, Any], met: bool | None) -> None:
    shown = Row(**{"group": "g", "name": "n", "value": 0.001, **row})
    assert shown.met is met
    assert ("MISSED" in render([shown])) is (met is False)
