"""Seed 002: its ``.env`` lines open its bucket, with the URLs that its uploads had; its Python and its HTML run.

The printed Python is executed line by line as it stands; only the modules that it imports from have other names. What
it uses without an import (``complete_upload``, ``Upload``) is imported before.
"""

import json
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template import engines
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from config.tests.boot import boot
from conftest import draw
from media_assets.models import MediaAsset, Upload

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


# --- the calls --------------------------------------------------------------------------------------------------------

NAMES = {"apps.integration.aws.shortcuts": "media_assets.shortcuts", "apps.integration.aws.s3": "media_assets.s3"}
UNPRINTED = "from media_assets.shortcuts import Upload, complete_upload\n"
FORM = """
from apps.integration.aws.shortcuts import get_direct_upload_form_data

# Generate form data for the upload
result = get_direct_upload_form_data(
    original_filename="example.jpg",
    content_type="image/jpeg",
    max_file_size=5 * 1024 * 1024,  # 5MB
    prefix="uploads/images"
)

if result["success"]:
    # Return the form data to the frontend
    form_url = result["form_url"]
    form_fields = result["form_fields"]
    upload_id = result["upload_id"]
    
    # Frontend will use this to build an HTML form that POSTs directly to S3
    # After successful upload, mark the upload as complete
"""  # noqa: W293  (as it is printed)
COMPLETE = """\
    complete_result = complete_upload(upload_id, status=Upload.STATUS_COMPLETE)
"""
HTML = """
<form action="{{ form_url }}" method="post" enctype="multipart/form-data">
    {% for name, value in form_fields.items %}
    <input type="hidden" name="{{ name }}" value="{{ value }}">
    {% endfor %}
    <input type="file" name="file">
    <button type="submit">Upload</button>
</form>
"""
RETRIEVE = """
from apps.integration.aws.shortcuts import get_upload_file_url

# Get a URL for an uploaded file
result = get_upload_file_url(upload_id, presigned=True, expiration=3600)

if result["success"]:
    file_url = result["url"]
    content_type = result["content_type"]
    file_name = result["name"]
"""
DELETE = """
from apps.integration.aws.shortcuts import delete_upload

# Delete an uploaded file
result = delete_upload(upload_id)

if result["success"]:
    # File was deleted from S3 and the Upload record was removed
    pass
"""
CLIENT = """
from apps.integration.aws.s3 import S3Client

client = S3Client()

# Upload a file
result = client.upload_file(
    file_path="/path/to/local/file.txt",
    object_key="uploads/file.txt",
    public=True
)

# List objects in a prefix
result = client.list_objects(prefix="uploads/", max_keys=100)

# Delete an object
result = client.delete_object(object_key="uploads/file.txt")
"""
JPEG = draw()


class Shell(dict[str, Any]):
    """What a shell knows after the lines typed so far."""

    def run(self, printed: str) -> None:
        exec(renamed(printed), self)


def renamed(printed: str) -> str:
    for there, here in NAMES.items():
        printed = printed.replace(there, here)
    return printed


@pytest.fixture
def shell(transactional_db: None, storage: str, settings: Any) -> Shell:
    """A shell on the disk, and one on an S3 server."""
    settings.PUBLIC_BASE_URL = "http://testserver"
    started = Shell()
    started.run(UNPRINTED)
    return started


class Page(HTMLParser):
    """The form of a page, as a browser understands it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.form: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self.form = found
        if tag == "input":
            self.fields[found["name"] or ""] = found.get("value")

    def submit(self, data: bytes, **changed: str) -> int:
        """Fields in the order of the page, the chosen file in its place; the status of the answer."""
        file = SimpleUploadedFile("my photo.jpg", data, "image/jpeg")
        body = encode_multipart(BOUNDARY, {**self.fields, **changed, "file": file})
        url = urlsplit(self.form["action"])
        if url.netloc == "testserver":
            return Client().generic("POST", url.path, body, MULTIPART_CONTENT).status_code
        request = Request(url.geturl(), body, {"Content-Type": MULTIPART_CONTENT}, method="POST")
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code


def page(shell: Shell) -> Page:
    return Page(engines["django"].from_string(HTML).render(dict(shell)))


def test_the_form_as_printed_takes_a_file_and_it_is_completed(shell: Shell, fetch: Callable[..., Any]) -> None:
    shell.run(FORM)
    form = page(shell)
    assert (form.form["method"], form.form["enctype"]) == ("post", "multipart/form-data")
    assert form.submit(JPEG) == 201
    shell.run(dedent(COMPLETE))
    assert shell["complete_result"]["success"], shell["complete_result"]
    shell.run(RETRIEVE)
    assert (shell["content_type"], shell["file_name"]) == ("image/jpeg", "example.jpg")
    found = fetch(shell["file_url"])
    assert (found.status, found.body, found.headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    asset = MediaAsset.objects.get()
    assert asset.key.startswith("uploads/images/") and asset.key.endswith("_example.jpg")


def test_the_whole_snippet_at_once_says_that_nothing_has_arrived(shell: Shell) -> None:
    shell.run(FORM + COMPLETE)
    assert shell["complete_result"] == {
        "success": False,
        "error": "The file has not arrived. Send it with the form first.",
        "code": "not_uploaded",
    }
    assert Upload.objects.get(upload_id=shell["upload_id"]).status == Upload.STATUS_PENDING


def test_a_deleted_upload_is_gone_with_its_file(shell: Shell, fetch: Callable[..., Any]) -> None:
    shell.run(FORM)
    assert page(shell).submit(JPEG) == 201
    shell.run(dedent(COMPLETE) + RETRIEVE + DELETE)
    assert shell["result"] == {"success": True}
    assert fetch(shell["file_url"]).status == 404
    assert not Upload.objects.filter(upload_id=shell["upload_id"]).exists()
    shell.run(RETRIEVE)
    assert shell["result"] == {"success": False, "error": "There is no such upload.", "code": "not_found"}


def test_a_file_above_max_file_size_is_not_taken(shell: Shell, storage: str) -> None:
    shell.run(FORM.replace("5 * 1024 * 1024", "100"))
    stored = page(shell).submit(JPEG) == 201  # moto takes it all the same: then it is refused here
    shell.run(dedent(COMPLETE))
    assert shell["complete_result"]["code"] == ("too_large" if stored else "not_uploaded")
    assert stored == (storage == "s3" and "S3_TEST_ENDPOINT_URL" not in os.environ)


def test_the_client_as_printed(shell: Shell, tmp_path: Path, fetch: Callable[..., Any]) -> None:
    (tmp_path / "file.txt").write_text("Some words.")
    start, put, listed, deleted = CLIENT.replace("/path/to/local/file.txt", f"{tmp_path}/file.txt").split("\n# ")
    shell.run(f"{start}\n# {put}")
    assert shell["result"]["success"], shell["result"]
    found = fetch(shell["result"]["url"])
    assert (found.status, found.body) == (200, b"Some words.")
    assert found.headers["Content-Disposition"].startswith("attachment")
    shell.run(f"# {listed}")
    assert [one["key"] for one in shell["result"]["objects"]] == ["uploads/file.txt"]
    shell.run(f"# {deleted}")
    assert shell["result"]["success"]
    shell.run(f"# {listed}")
    assert shell["result"]["objects"] == []


def test_in_a_shell_of_its_own(tmp_path: Path) -> None:
    """``manage.py shell`` on a new laptop: Django itself imports the models."""
    (tmp_path / "file.txt").write_text("Some words.")
    client = CLIENT.replace("/path/to/local/file.txt", f"{tmp_path}/file.txt")
    posted = f"from {__name__} import JPEG, page; assert page(globals()).submit(JPEG) == 201\n"
    said = "print(complete_result['status'], file_name, get_upload_file_url(upload_id)['code'], result)"
    typed = FORM + posted + dedent(COMPLETE) + RETRIEVE + DELETE + client + said
    typed = "from media_assets.shortcuts import complete_upload\n" + renamed(typed)
    code = f"""
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("shell", command={typed!r}, verbosity=0)
"""
    lines = (
        f"USE_S3=False\nDATABASE_URL=sqlite:///{tmp_path}/db\nMEDIA_ROOT={tmp_path}/a\nPRIVATE_MEDIA_ROOT={tmp_path}/b"
    )
    environment = {"SECRET_KEY": "only-here", "PUBLIC_BASE_URL": "http://testserver", "ALLOWED_HOSTS": "testserver"}
    done = boot(code, tmp_path / "env", lines, **environment)
    assert done.returncode == 0, done.stderr
    deleted = {"success": True, "key": "uploads/file.txt", "object_key": "uploads/file.txt"}
    assert done.stdout.strip() == f"complete example.jpg not_found {deleted}"
