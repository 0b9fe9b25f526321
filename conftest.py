"""Fixtures that every app uses."""

import contextlib
import io
import itertools
import logging
import os
import random
import shutil
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image, ImageDraw
from rest_framework.test import APIClient

WINDOW_SECONDS = 900  # a signed URL repeats for so long; the windows of throttles and the days end with one of these
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_ports = itertools.cycle(random.sample(range(20_000 + _WORKER % 4, 32_000, 4), 3000))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks an S3 server: ``-m s3`` runs these."""
    for item in items:
        if "s3_server" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.s3)


@pytest.fixture(autouse=True)
def _well_before_the_next_window() -> None:
    """No test begins in the last seconds of a window: what it compares belongs to one."""
    left = WINDOW_SECONDS - time.time() % WINDOW_SECONDS
    if left < 10:
        time.sleep(left)


@pytest.fixture(autouse=True)
def _clean_media() -> Iterator[None]:
    """Every test begins with empty folders and empty caches: what it counts does not hang on those before it."""
    from django.contrib.contenttypes.models import ContentType

    from media_assets import workspace

    workspace.NAME = f"vitrine-work-tests-{os.getpid()}"  # runs beside each other, and a site, do not meet
    cache.clear()
    ContentType.objects.clear_cache()
    yield
    for root in (settings.MEDIA_ROOT, settings.PRIVATE_MEDIA_ROOT, workspace.location()):
        if Path(root).is_dir():
            shutil.rmtree(root)


def draw(fmt: str = "JPEG", size: tuple[int, int] = (64, 48), color: str = "teal", **save: Any) -> bytes:
    """The bytes of a small picture drawn here."""
    picture = Image.new("RGB", size, color)
    ImageDraw.Draw(picture).ellipse((size[0] // 4, size[1] // 4, size[0] // 2, size[1] // 2), fill="orange")
    out = io.BytesIO()
    picture.save(out, fmt, **save)
    return out.getvalue()


def free_port() -> int:
    """A port of loopback for a server that a test starts: below those that the system hands to outgoing connections,
    which could take it first, and given to no other test, of this process or of one beside it."""
    while True:
        port = next(_ports)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture(scope="session")
def nobody() -> Iterator[str]:
    """Host and port that are taken, and where no connection is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def photo() -> Callable[..., SimpleUploadedFile]:
    """A maker of uploads: ``photo(name="a.jpg", fmt="JPEG", size=(64, 48), data=None, content_type=None)``."""

    def make(
        name: str = "photo.jpg",
        fmt: str = "JPEG",
        size: tuple[int, int] = (64, 48),
        data: bytes | None = None,
        content_type: str | None = None,
        color: str = "teal",
    ) -> SimpleUploadedFile:
        body = draw(fmt, size, color) if data is None else data
        return SimpleUploadedFile(name, body, content_type or f"image/{fmt.lower()}")

    return make


@pytest.fixture
def make_user(db: None) -> Callable[..., Any]:
    """A maker of users: ``make_user("anna", is_staff=True)``; the password is ``Pass-word-1``."""
    from users.models import User

    def make(username: str = "anna", **fields: Any) -> Any:
        return User.objects.create_user(f"{username}@example.com", username, "Pass-word-1", **fields)

    return make


@pytest.fixture
def anna(make_user: Callable[..., Any]) -> Any:
    """A user as any other."""
    return make_user("anna")


@pytest.fixture
def client_of() -> Callable[..., APIClient]:
    """A maker of API clients: ``client_of(user)`` signed in by a real access token, ``client_of()`` anonymous."""
    from rest_framework_simplejwt.tokens import RefreshToken

    def make(user: Any = None) -> APIClient:
        client = APIClient()
        if user is not None:
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {RefreshToken.for_user(user).access_token}")
        return client

    return make


@pytest.fixture(scope="session")
def s3_server() -> Iterator[dict[str, str]]:
    """Environment lines of an S3 server: ``S3_TEST_ENDPOINT_URL`` where it is set, else one of moto's on loopback."""
    if endpoint := os.environ.get("S3_TEST_ENDPOINT_URL"):
        keys = os.environ["S3_TEST_ACCESS_KEY"], os.environ["S3_TEST_SECRET_KEY"]
        yield _s3_lines(endpoint, *keys)
        return
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield _s3_lines(f"http://{host}:{port}", "test", "test-secret")
    server.stop()


def _s3_lines(endpoint: str, access_key: str, secret_key: str) -> dict[str, str]:
    return {
        "AWS_S3_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_S3_REGION_NAME": "us-east-1",
    }


@pytest.fixture
def s3_client(s3_server: dict[str, str]) -> Any:
    """A boto3 client of the S3 server, for looking behind the application's back."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=s3_server["AWS_S3_ENDPOINT_URL"],
        aws_access_key_id=s3_server["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=s3_server["AWS_SECRET_ACCESS_KEY"],
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )


@pytest.fixture
def s3_bucket(s3_client: Any) -> Iterator[str]:
    """The name of a new, empty bucket; removed afterwards with what is in it."""
    name = f"vitrine-test-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    yield name
    for page in s3_client.get_paginator("list_objects_v2").paginate(Bucket=name):
        for item in page.get("Contents", ()):
            s3_client.delete_object(Bucket=name, Key=item["Key"])
    s3_client.delete_bucket(Bucket=name)


@pytest.fixture
def site(settings: Any) -> Callable[..., None]:
    """Puts the site under other media lines: ``site(USE_S3="True", AWS_STORAGE_BUCKET_NAME=bucket, **s3_server)``."""

    def configure(**lines: str) -> None:
        from config.storages import read_media_environment

        roots = {"MEDIA_ROOT": settings.MEDIA_ROOT, "PRIVATE_MEDIA_ROOT": settings.PRIVATE_MEDIA_ROOT}
        media = read_media_environment({**roots, **lines}, Path("/"))
        settings.MEDIA = media
        settings.STORAGES = {**media.storages, "staticfiles": settings.STORAGES["staticfiles"]}
        settings.MEDIA_ACTIVE_STORAGES = media.active
        settings.MEDIA_DEFAULT_VISIBILITY = media.default_visibility
        settings.MEDIA_URL_EXPIRY_SECONDS = media.expiry_seconds
        settings.MEDIA_CACHE_MAX_AGE_SECONDS = media.cache_max_age_seconds
        settings.MEDIA_URL = media.media_url

    return configure


@pytest.fixture
def s3_site(site: Callable[..., None], s3_server: dict[str, str], s3_bucket: str) -> Callable[..., dict[str, str]]:
    """Puts the site on a new bucket: ``s3_site(AWS_DEFAULT_ACL="")``; gives the lines it used."""

    def configure(**lines: str) -> dict[str, str]:
        used = {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": s3_bucket, **s3_server, **lines}
        site(**used)
        return used

    return configure


@pytest.fixture(params=["local", "s3"])
def engine(request: pytest.FixtureRequest, s3_site: Callable[..., dict[str, str]]) -> str:
    """The test runs on local disk, then on S3; which of them it is."""
    if request.param == "s3":
        s3_site()
    return str(request.param)
