"""Jobs that do what a hostile picture might make a decoder do. For the helper process of `test_isolation`."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def prepare() -> None:
    pass


def echo(**arguments: Any) -> dict[str, Any]:
    return {**arguments, "pid": os.getpid(), "parent": os.getppid()}


def see() -> dict[str, Any]:
    """What a job finds around it."""
    modules = sorted({name.partition(".")[0] for name in sys.modules})
    descriptors = [number for number in range(512) if _is_open(number)]
    return {"environment": dict(os.environ), "modules": modules, "descriptors": descriptors, "nice": os.nice(0)}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def crash() -> dict[str, Any]:
    ctypes.string_at(0)
    return {}


def abort() -> dict[str, Any]:
    os.abort()


def leave() -> dict[str, Any]:
    os._exit(7)


def eat_memory() -> dict[str, Any]:
    eaten = []
    while True:
        eaten.append(bytearray(16 * 1024 * 1024))


def spin() -> dict[str, Any]:
    while True:
        pass


def sleep(seconds: float = 600, mark: str = "") -> dict[str, Any]:
    if mark:
        Path(mark).write_text(f"{os.getpid()} {os.getppid()}")
    time.sleep(seconds)
    return {"slept": seconds}


def ignore_signals() -> dict[str, Any]:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGXCPU, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    spin()
    return {}


def write_for_ever(path: str) -> dict[str, Any]:
    block = bytes(1024 * 1024)
    with Path(path).open("wb") as file:
        while True:
            file.write(block)


def close_everything() -> dict[str, Any]:
    os.closerange(0, 512)
    time.sleep(600)
    return {}


def talk_for_ever() -> dict[str, Any]:
    while True:
        os.write(3, b"[" * 4096)


def talk_rubbish() -> dict[str, Any]:
    os.write(3, b"\xff\x00 no JSON")
    os._exit(0)


def leave_a_process(mark: str) -> dict[str, Any]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(mark).write_text(str(process.pid))
    return {"left": process.pid}


def kill_the_helper() -> dict[str, Any]:
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(600)
    return {}


def refuse() -> dict[str, Any]:
    raise ValueError("this is no picture")


JOBS = {
    job.__name__: job
    for job in (
        echo, see, crash, abort, leave, eat_memory, spin, sleep, ignore_signals, write_for_ever, close_everything,
        talk_for_ever, talk_rubbish, leave_a_process, kill_the_helper, refuse,
    )
}  # fmt: skip
