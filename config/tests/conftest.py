"""Fixtures: the site behind nginx."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.tests.production import Production, Server, running, start_nginx, write_nginx
from conftest import free_port


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Production]:
    with running(tmp_path_factory.mktemp("production")) as production:
        yield production


@pytest.fixture
def fronted(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A maker of nginx alone: ``fronted(NGINX_UPSTREAM="server 127.0.0.1:1;")``."""
    with contextlib.ExitStack() as stack:

        def make(**variables: str) -> Server:
            port = free_port()
            front = start_nginx(write_nginx(tmp_path, NGINX_HTTP_PORT=str(port), **variables), port)
            stack.callback(front.stop)
            return front

        yield make
