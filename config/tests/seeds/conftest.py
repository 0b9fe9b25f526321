"""Fixtures of the conformance suite: the storage that answers, a curl, and what fetches a URL as it stands."""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework_simplejwt.tokens import RefreshToken

from config.tests.seeds.curl import Curl
from media_assets.models import MediaAsset, State


class Fetched(NamedTuple):
    status: int
    headers: Any
    body: bytes


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def storage(request: Any) -> str:
    """Where files go: each test that takes it runs on the disk and on an S3 server."""
    if request.param == "s3":
        request.getfixturevalue("s3_site")()
    return str(request.param)


@pytest.fixture
def curl(photo: Callable[..., Any]) -> Curl:
    def picture(name: str) -> Any:
        return photo(name, fmt="PNG" if name.endswith(".png") else "JPEG")

    return Curl(picture)


@pytest.fixture
def sign_in(curl: Curl) -> Callable[[Any], Curl]:
    """Makes ``curl`` a user's: ``sign_in(user)``."""

    def as_user(user: Any) -> Curl:
        curl.token = str(RefreshToken.for_user(user).access_token)
        return curl

    return as_user


@pytest.fixture
def fetch() -> Callable[..., Fetched]:
    """Reads an absolute URL as anybody may, from the site or from the S3 server: ``fetch(url, "HEAD")``."""

    def read(url: str, method: str = "GET") -> Fetched:
        parts = urlsplit(url)
        if parts.netloc == "testserver":
            answer = Client().generic(method, f"{parts.path}?{parts.query}")
            return Fetched(answer.status_code, answer.headers, answer.getvalue())
        try:
            with build_opener(ProxyHandler({})).open(Request(url, method=method), timeout=10) as found:
                return Fetched(found.status, found.headers, found.read())
        except HTTPError as error:
            return Fetched(error.code, error.headers, error.read())

    return read


@pytest.fixture
def lines_of() -> Callable[[str], dict[str, str]]:
    """``NAME=value`` lines as a mapping."""
    return lambda text: dict(line.split("=", 1) for line in text.split())


@pytest.fixture
def row_of() -> Callable[..., MediaAsset]:
    """A maker of registry rows without objects: an answer that shows a file never looks at the file."""

    def make(key: str, storage: str = "s3-public", **fields: Any) -> MediaAsset:
        known = {"visibility": storage.partition("-")[2], "content_type": "image/jpeg", "size": 9, "state": State.READY}
        return MediaAsset.objects.create(key=key, storage=storage, published_at=timezone.now(), **known | fields)

    return make
