"""The same work for many items, in threads that each have a database connection of their own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from django.db import connection

Item = TypeVar("Item")


def for_each(
    items: Iterator[Item], work: Callable[[Item], Callable[[], None]], *, jobs: int, stop: threading.Event | None = None
) -> bool:
    """Do ``work`` for each item in ``jobs`` threads; whether Ctrl-C ended it, after the items that are under way.

    ``items`` is asked by one thread at a time, and what ``work`` returns is called by one at a time (to count and to
    show). Setting ``stop`` ends it in the same way. The first error that ``work`` raises ends it too, and is raised.
    """
    lock, stop = threading.Lock(), stop or threading.Event()
    end = object()

    def following() -> Item | object:
        with lock:
            return end if stop.is_set() else next(items, end)

    def run() -> None:
        try:
            while (item := following()) is not end:
                finish = work(item)  # type: ignore[arg-type]
                with lock:
                    finish()
        except BaseException:
            stop.set()
            raise
        finally:
            connection.close()

    interrupted = False
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(run) for _ in range(jobs)]
        try:
            wait(running)
        except KeyboardInterrupt:
            stop.set()
            interrupted = True
    for one in running:
        one.result()
    return interrupted
