"""Starts the site in a process of its own, with nothing in its environment but the given ``.env`` lines."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def boot(code: str, env_file: Path, lines: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python ``code`` in the project with ``lines`` as its ``.env`` file; output as text, 60 s at most."""
    env_file.write_text(textwrap.dedent(lines))
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env={**kept, "ENV_FILE": str(env_file), "DJANGO_SETTINGS_MODULE": "config.settings", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
