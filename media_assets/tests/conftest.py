"""Fixtures of the media layer's own tests."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from media_assets.signing import role
from media_assets.tests.receiving import in_memory, spooled


@pytest.fixture(params=[in_memory, spooled])
def received(request: pytest.FixtureRequest) -> Callable[[str, bytes], Any]:
    """A maker of received files: ``received("a.jpg", data)``; the test runs with either kind."""
    made: Callable[[str, bytes], Any] = request.param
    return made


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """A machine without any AWS credentials; ``machine(**env lines)`` gives it some, for boto3's own chain."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def configure(**lines: str) -> None:
        for name, value in lines.items():
            monkeypatch.setenv(name, value)
        role._session.cache_clear()

    configure()
    yield configure
    role._session.cache_clear()
