"""Answers that a store would give on a bad day, put in its place."""

import contextlib
import io
import itertools
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSResponse
from urllib3 import HTTPResponse


@contextlib.contextmanager
def answering_first(
    storage: Any, operation: str, times: int, status: int = 500, code: str = "InternalError"
) -> Iterator["itertools.count[int]"]:
    """The first ``times`` calls of this operation end so, before they reach the store; the next number that is taken
    of what is given tells how many calls there were."""
    calls = itertools.count()
    said = f"<Error><Code>{code}</Code><Message>Not now.</Message></Error>".encode()

    def answer(request: Any, **event: Any) -> AWSResponse | None:
        if next(calls) >= times:
            return None
        return AWSResponse(request.url, status, {}, HTTPResponse(io.BytesIO(said), preload_content=False))

    event = f"before-send.s3.{operation}"
    storage.client.meta.events.register(event, answer)
    try:
        yield calls
    finally:
        storage.client.meta.events.unregister(event, answer)
