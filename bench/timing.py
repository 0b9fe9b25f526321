"""CPU time of what runs in this process, in turns, so that a busy machine slows both sides of a ratio alike."""

import gc
import os
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Call = Callable[[], object]
Clock = Callable[[], float]


def rounds(default: int) -> int:
    """How often everything is measured: ``BENCH_ROUNDS``, or the default of the subject."""
    return int(os.environ.get("BENCH_ROUNDS") or default)


@dataclass
class Samples:
    """Seconds per call, by name, of every round. Clock: the CPU of this process, or ``time.perf_counter``."""

    clock: Clock = time.process_time
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def take(self, name: str, call: Call, times: int = 1) -> None:
        """Add one sample: the mean of so many calls."""
        start = self.clock()
        for _ in range(times):
            call()
        self.seconds.setdefault(name, []).append((self.clock() - start) / times)

    def medians(self) -> dict[str, float]:
        """The median of each."""
        return {name: statistics.median(values) for name, values in self.seconds.items()}


def interleaved(
    calls: Mapping[str, Call], *, turns: int, times: int = 1, clock: Clock = time.process_time
) -> dict[str, float]:
    """Median seconds per call, by name; each call is made once before, unmeasured."""
    for call in calls.values():
        call()
    settle()
    samples = Samples(clock)
    for _ in range(turns):
        for name, call in calls.items():
            samples.take(name, call, times)
    return samples.medians()


def settle() -> None:
    """Take what stands in memory by now out of the garbage collector's rounds."""
    gc.collect()
    gc.freeze()
