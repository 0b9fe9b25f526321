"""The site's logs in a process of its own: format, levels, and what an environment keeps secret."""

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from config.tests.boot import boot

LINES = """
    SECRET_KEY=key-of-this-site-0123456789-0123456789-0123456789
    DATABASE_URL=postgres://vitrine:s3cret%2Fpw@127.0.0.1:9/none
    AWS_SECRET_ACCESS_KEY=aws/secret+access
    AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
    METRICS_TOKEN=metrics-token-4444
"""
SECRETS = ["key-of-this-site", "s3cret/pw", "s3cret%2Fpw", "aws/secret+access", "metrics-token-4444"]


@pytest.mark.parametrize(
    ("environment", "is_json"),
    [
        ({}, True),
        ({"DEBUG": "True"}, False),
        ({"DEBUG": "True", "LOG_FORMAT": "json"}, True),
        ({"LOG_FORMAT": "plain"}, False),
        ({"LOG_FORMAT": ""}, True),
    ],
)
def test_the_format_follows_the_environment(environment: dict[str, str], is_json: bool, tmp_path: Path) -> None:
    code = "import django, logging; django.setup(); logging.getLogger('x').info('words')"
    done = boot(code, tmp_path / "env", LINES, **environment)
    assert done.stderr.startswith("{") == is_json, done.stderr
    assert "words" in done.stderr


def test_an_unknown_format_stops_the_start(tmp_path: Path) -> None:
    done = boot("import config.settings", tmp_path / "env", LINES, LOG_FORMAT="xml")
    assert done.returncode != 0
    assert "LOG_FORMAT='xml' is not known. Write one of: json, plain." in done.stderr


@pytest.mark.parametrize("log_format", ["json", "plain"])
def test_no_secret_of_the_environment_is_logged(log_format: str, tmp_path: Path) -> None:
    """Not by a database that refuses, nor by an exception that carries settings or a presigned URL."""
    code = """
import logging, os
from config.wsgi import application
from django.conf import settings
from django.test import Client
client = Client(headers={"host": "localhost"}, raise_request_exception=False)
headers = {"authorization": "Bearer header-token-2", "cookie": "sessionid=cookie-3"}
client.get("/api/artworks/?token=query-token-1", headers=headers)
client.get("/readyz")
logger = logging.getLogger("anything")
from media_assets.storages import get_storage
try:
    raise RuntimeError(os.environ["DATABASE_URL"], settings.DATABASES, settings.SECRET_KEY)
except RuntimeError:
    logger.exception("settings %s", settings.STORAGES)
try:
    raise OSError("GET https://b.s3.amazonaws.com/a?X-Amz-Credential=cred-5%2F1&X-Amz-Signature=sig-6 failed")
except OSError:
    logger.exception("store")
logging.getLogger("botocore").setLevel("DEBUG")
client = get_storage("s3-private").client
try:
    client.get_object(Bucket="bucket", Key="a")
except Exception:
    logger.exception("S3")
"""
    store = {"AWS_STORAGE_BUCKET_NAME": "bucket", "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = boot(code, tmp_path / "env", LINES, LOG_FORMAT=log_format, LOG_LEVEL="DEBUG", **store)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    for secret in [
        *SECRETS,
        "query-token-1",
        "header-token-2",
        "cookie-3",
        "cred-5",
        "sig-6",
        quote("aws/secret+access", ""),
    ]:
        assert secret not in said
    assert "connection to server" in said or "could not connect" in said or "Connection refused" in said
    assert "AWS4-HMAC-SHA256" in said  # of the signature, whose steps botocore tells
    assert "RuntimeError" in said


def test_a_refused_host_is_two_lines_and_no_traceback(tmp_path: Path) -> None:
    code = """
from config.wsgi import application
from django.test import Client
for path in ("/", "/api/artworks/", "/healthz", "/admin/"):
    assert Client(headers={"host": "evil.example"}).get(path).status_code in (400, 200), path
"""
    done = boot(code, tmp_path / "env", LINES)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert "Traceback" not in done.stderr
    assert {line["level"] for line in lines} <= {"INFO", "WARNING"}
    refused = [line for line in lines if line["logger"] == "django.security.DisallowedHost"]
    assert refused and all("evil.example" in line["message"] for line in refused)
    answered = [line for line in lines if line["logger"] == "vitrine.request"]
    assert len(lines) == len(refused) + len(answered)
    assert {line["request_id"] for line in refused} <= {line["request_id"] for line in answered}
