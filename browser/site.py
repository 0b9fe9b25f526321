"""A site under test: a gunicorn of its own with an empty database and empty media folders."""

import http.client
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from conftest import free_port

PROJECT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass(frozen=True)
class Site:
    engine: str  # "local" or "s3"
    url: str
    environment: dict[str, str]
    s3: Any = None  # a boto3 client of the store
    bucket: str = ""


def prepare(folder: Path) -> dict[str, str]:
    """Migrate a database and collect the static files into ``folder``; the environment that sites share."""
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
        "DJANGO_SETTINGS_MODULE": "browser.settings",
        "BROWSER_STATIC_ROOT": str(folder / "static"),
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-browser-tests-" + "0123456789" * 4,
        "DEBUG": "False",
        "USE_S3": "False",
        "THROTTLES_ENABLED": "False",
        "LOG_LEVEL": "WARNING",
        "EMAIL_URL": "memorymail://",
        "DATABASE_URL": f"sqlite:///{folder}/empty.sqlite3",
        "MEDIA_ROOT": str(folder / "public"),
        "PRIVATE_MEDIA_ROOT": str(folder / "private"),
    }
    for command in (("migrate", "--verbosity", "0"), ("collectstatic", "--no-input", "--verbosity", "0")):
        subprocess.run([sys.executable, "manage.py", *command], cwd=PROJECT, env=environment, check=True)
    return environment


@contextmanager
def running(engine: str, shared: dict[str, str], folder: Path, **lines: str) -> Iterator[Site]:
    """A site on ``engine``, stopped at the end; ``lines`` are put into its environment."""
    shutil.copy(shared["DATABASE_URL"].removeprefix("sqlite:///"), folder / "site.sqlite3")
    port = free_port()
    environment = {
        **shared,
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "MEDIA_ROOT": str(folder / "public"),
        "PRIVATE_MEDIA_ROOT": str(folder / "private"),
        **lines,
    }
    url = f"http://127.0.0.1:{port}"
    if engine == "local":
        with _gunicorn(environment, port, folder):
            yield Site(engine, url, environment)
        return
    with _bucket(url) as (client, bucket, s3_lines):
        environment |= {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": bucket, **s3_lines}
        with _gunicorn(environment, port, folder):
            yield Site(engine, url, environment, client, bucket)


@contextmanager
def _gunicorn(environment: dict[str, str], port: int, folder: Path) -> Iterator[None]:
    log = folder / "gunicorn.log"
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "config.wsgi",
        "--workers=2",
        "--threads=6",
        f"--bind=127.0.0.1:{port}",
    ]
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=out, stderr=out)
    try:
        _wait_until_it_answers(f"http://127.0.0.1:{port}/healthz", server, log)
        yield
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_until_it_answers(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    begun = time.monotonic()
    while server.poll() is None and time.monotonic() - begun < START_SECONDS:
        try:
            urlopen(url, timeout=5).close()
        except (OSError, http.client.HTTPException):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"The site did not start:\n{log.read_text()[-3000:]}")


@contextmanager
def _bucket(origin: str) -> Iterator[tuple[Any, str, dict[str, str]]]:
    """A bucket that pages of ``origin`` may use, removed at the end with what is in it."""
    import boto3
    from botocore.config import Config

    endpoint, keys = os.environ["S3_TEST_ENDPOINT_URL"], ("S3_TEST_ACCESS_KEY", "S3_TEST_SECRET_KEY")
    access_key, secret_key = (os.environ[name] for name in keys)
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
    name = f"vitrine-browser-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=name)
    rule = {
        "AllowedOrigins": [origin],
        "AllowedMethods": ["GET", "POST", "PUT"],
        "AllowedHeaders": ["*"],
        "ExposeHeaders": ["ETag", "Location"],
        "MaxAgeSeconds": 3000,
    }
    client.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})
    try:
        yield (
            client,
            name,
            {
                "AWS_S3_ENDPOINT_URL": endpoint,
                "AWS_ACCESS_KEY_ID": access_key,
                "AWS_SECRET_ACCESS_KEY": secret_key,
                "AWS_S3_REGION_NAME": "us-east-1",
            },
        )
    finally:
        for upload in client.list_multipart_uploads(Bucket=name).get("Uploads", ()):
            client.abort_multipart_upload(Bucket=name, Key=upload["Key"], UploadId=upload["UploadId"])
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=name):
            for item in page.get("Contents", ()):
                client.delete_object(Bucket=name, Key=item["Key"])
        client.delete_bucket(Bucket=name)
