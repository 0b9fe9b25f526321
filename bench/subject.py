"""One subject in a process of its own: ``python -m bench.subject MODULE RESULTS``, started by ``python -m bench``."""

import json
import signal
import sys
import warnings
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

import django
from django.core.management import call_command


def main(module: str, results: str) -> None:
    """Write the rows of ``bench.<module>`` into the file ``results``, as JSON."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    warnings.filterwarnings("ignore", "No directory at", UserWarning)  # static files are not collected here
    django.setup()
    if module != "signing_rows":
        call_command("migrate", run_syncdb=True, verbosity=0)
    rows = import_module(f"bench.{module}").measure()
    Path(results).write_text(json.dumps([asdict(row) for row in rows]))


if __name__ == "__main__":
    main(*sys.argv[1:])
