"""Seed 002: its ``.env`` lines open its bucket, with the URLs that its uploads had."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.tests.boot import boot

ENV = """
AWS_ACCESS_KEY_ID=your_access_key_id
AWS_SECRET_ACCESS_KEY=your_secret_access_key
AWS_STORAGE_BUCKET_NAME=your-bucket-name
AWS_REGION=us-east-1
"""
FROM_THE_SHELL = """
import django, json
django.setup()
from django.conf import settings
from django.core.files.storage import default_storage
from media_assets.storages import active_alias, get_storage
print(json.dumps({
    "active": [settings.USE_S3, active_alias("public"), active_alias("private")],
    "default": default_storage.url("uploads/images/example.jpg"),
    "presigned": get_storage("s3-private").url("uploads/file.txt", expires_in=3600),
}))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a shell says that was started from the lines as they are printed."""
    done = boot(FROM_THE_SHELL, tmp_path_factory.mktemp("002") / "env", ENV, SECRET_KEY="only-here")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_new_files_go_to_the_bucket(said: dict[str, Any]) -> None:
    assert said["active"] == [True, "s3-public", "s3-private"]


def test_a_public_object_has_a_clean_url(said: dict[str, Any]) -> None:
    assert said["default"] == "https://your-bucket-name.s3.amazonaws.com/media/uploads/images/example.jpg"


def test_a_private_object_has_a_presigned_one(said: dict[str, Any]) -> None:
    url = urlsplit(said["presigned"])
    query = {name: value for name, [value] in parse_qs(url.query).items()}
    assert (url.scheme, url.netloc) == ("https", "your-bucket-name.s3.us-east-1.amazonaws.com")
    assert url.path == "/private/uploads/file.txt"
    assert (query["X-Amz-Algorithm"], query["X-Amz-Expires"]) == ("AWS4-HMAC-SHA256", "3600")
    key_id, _, *scope = query["X-Amz-Credential"].split("/")
    assert (key_id, scope) == ("your_access_key_id", ["us-east-1", "s3", "aws4_request"])
    assert len(query["X-Amz-Signature"]) == 64


def test_the_secret_key_stands_in_no_url(said: dict[str, Any]) -> None:
    assert "your_secret_access_key" not in said["default"] + said["presigned"]


def test_the_lines_read_as_settings_name_the_same_bucket(tmp_path: Path) -> None:
    lines = ENV.replace("AWS_STORAGE_BUCKET_NAME", "AWS_S3_BUCKET_NAME")  # the name of its Django setting
    done = boot("from django.conf import settings; print(settings.MEDIA_URL)", tmp_path / "env", lines, SECRET_KEY="s")
    assert done.stdout.strip() == "https://your-bucket-name.s3.amazonaws.com/media/"
