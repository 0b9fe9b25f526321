"""``python -m drill [MINUTES]``: see the package."""

from __future__ import annotations

import signal
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from drill import people
from drill.people import Person, Seen
from drill.site import Site, server_errors

SWEEP_SECONDS = 15
DRAIN_SECONDS = 600
# When each step begins, as a part of the whole time.
PREPARED, MIGRATED, SWITCHED, MIGRATED_AGAIN, SOURCE_DELETED = 0.1, 0.2, 0.4, 0.55, 0.75


class Drill:
    def __init__(self, site: Site, minutes: float) -> None:
        self.site, self.seconds = site, minutes * 60
        self.seen, self.stop = Seen(), threading.Event()
        self.failed: list[str] = []
        self.started = time.monotonic()

    def run(self) -> None:
        self.site.start()
        self.started = time.monotonic()
        people_at_work = people.start(self.site.base, self.seen, self.stop)
        sweeper = threading.Thread(target=self._sweep_for_ever, daemon=True)
        sweeper.start()
        try:
            self._steps()
        finally:
            self.stop.set()
            for thread in [*people_at_work, sweeper]:
                thread.join(120)
        self._end()

    def _steps(self) -> None:
        self._at(PREPARED, "preparing")
        self._command("storage_check", "--storage", "s3", "--fix", "--yes")
        self._at(MIGRATED, "migrating")
        self._command("storage_migrate", "--to", "s3", "--rate", "8M")
        self._at(SWITCHED, "switching")
        self.site.switch(USE_S3="True")
        self._say("USE_S3=True: every process was reloaded, one after the other")
        self._at(MIGRATED_AGAIN, "migrating the rest")
        self._command("storage_migrate", "--to", "s3")
        self._at(SOURCE_DELETED, "deleting the source")
        self._command("storage_migrate", "--to", "s3", "--delete-source")
        self.seen.phase = "after"
        self._at(1.0, "after")

    def _end(self) -> None:
        """All work done, all of it looked at once more."""
        self.seen.phase = "last look"
        self._drain()
        self._command("storage_migrate", "--to", "s3", "--delete-source", "--grace", "0")
        self._command("sweep_media")
        self._command("storage_audit", "--checksums", "--grace", "0")
        urls = sorted(self.seen.urls)
        lookers = [threading.Thread(target=self._look_at, args=(number, urls)) for number in range(people.READERS)]
        for looker in lookers:
            looker.start()
        for looker in lookers:
            looker.join()

    def _look_at(self, number: int, urls: list[str]) -> None:
        looker = Person(self.site.base, f"looker{number}", self.seen, self.stop, [])
        for url in urls[number :: people.READERS]:
            looker.look("last look", url)

    def _drain(self) -> None:
        """Until the workers have done what is due."""
        end = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < end:
            _, report = self.site.report("sweep_media")
            code, plan = self.site.report("storage_migrate", "--to", "s3", "--dry-run")
            if not report.get("sent") and not report.get("waiting") and code == 0 and not plan["waiting"]:
                return
            time.sleep(2)
        self.failed.append("the workers were not done in time")

    def _sweep_for_ever(self) -> None:
        while not self.stop.wait(SWEEP_SECONDS):
            code, printed = self.site.manage("sweep_media")
            if code:
                self.failed.append(f"sweep_media: {code}: {printed[-300:]}")

    def _at(self, part: float, phase: str) -> None:
        time.sleep(max(0.0, self.started + part * self.seconds - time.monotonic()))
        self.seen.phase = phase
        self._say(f"== {phase}")

    def _command(self, *command: str) -> None:
        started = time.monotonic()
        code, report = self.site.report(*command)
        shown = {name: value for name, value in report.items() if not isinstance(value, list | dict) and value}
        self._say(f"{' '.join(command)}: exit {code} in {time.monotonic() - started:.1f} s, {shown}")
        if code:
            self.failed.append(f"{' '.join(command)}: exit {code}: {str(report)[:2000]}")

    def _say(self, text: str) -> None:
        print(f"{time.monotonic() - self.started:6.1f} s  {text}", flush=True)

    def tell(self) -> int:
        """The figures; the exit code."""
        seen = self.seen
        print(f"\nURLs handed out: {len(seen.urls)}. Answers by status:")
        by_kind: dict[str, Counter[int]] = {}
        for (kind, status), count in sorted(seen.statuses.items()):
            by_kind.setdefault(kind, Counter())[status] = count
        for kind, counts in by_kind.items():
            print(f"  {kind:18s} {dict(counts)}")
        print("Seconds, median / 99 of 100 / longest:")
        for name, values in seen.seconds.items():
            if len(values) >= 20:
                ends = f"{statistics.median(values):.3f} / {_high(values):.3f} / {max(values):.3f}"
                print(f"  {name:40s} {ends}  of {len(values)}")
        failures = [*self.failed, *seen.failures, *server_errors(self.site.folder)]
        for failure in failures[:50]:
            print(f"FAILED {failure}")
        print(f"{len(failures)} failures." if failures else "All well.")
        return 1 if failures else 0


def _high(values: list[float]) -> float:
    return sorted(values)[int(0.99 * (len(values) - 1))]


def main(arguments: list[str]) -> Any:
    minutes = float(arguments[0]) if arguments else 10.0
    with tempfile.TemporaryDirectory(prefix="vitrine-drill-") as name:
        drill = Drill(Site(Path(name)), minutes)
        try:
            drill.run()
            return drill.tell()
        finally:
            drill.site.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main(sys.argv[1:]))
