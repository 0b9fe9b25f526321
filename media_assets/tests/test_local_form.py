"""The form that the application takes itself where there is no S3: S3's answers, to honest and to hostile bytes."""

import base64
import errno
import hashlib
import io
import os
import re
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from api.wsgi import drained_bodies, readable_headers
from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.storages import get_storage
from media_assets.storages.local_uploads import FORM_URL, StagedFile
from media_assets.sweeping import sweep
from media_assets.uploads.local_form import FIELDS_MAX, SURROUNDING_MAX_BYTES

pytestmark = pytest.mark.django_db  # Django looks after its connections with every request; the form uses none
KEY = "staging/0b0e/photo.jpg"
BOUNDARY = "----browser7MA4YWxkTrZu0gW"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"
JPEG = b"\xff\xd8 some bytes that begin like a JPEG \r\n--almost a boundary\r\n" * 50


@pytest.fixture
def storage() -> Any:
    return get_storage("local-private")


@pytest.fixture
def form(storage: Any) -> Callable[..., dict[str, str]]:
    """A maker of signed fields."""

    def make(
        key: str = KEY, *, seconds: int = 900, sha256: str = "", min_size: int = 1, max_size: int = 100_000
    ) -> Any:
        expires_at = timezone.now() + timedelta(seconds=seconds)
        how = {"content_type": "image/jpeg", "min_size": min_size, "max_size": max_size}
        return storage.direct_form(key, sha256=sha256, expires_at=expires_at, **how).fields

    return make


def part(name: str, value: bytes, *, filename: str | None = None, headers: str = "") -> bytes:
    named = f'; filename="{filename}"' if filename is not None else ""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n{headers}\r\n'
    return head.encode() + value + b"\r\n"


def body_of(fields: dict[str, str], data: bytes = JPEG, after: bytes = b"") -> bytes:
    """What a browser sends: the fields, then the file."""
    parts = [part(name, value.encode()) for name, value in fields.items()]
    file = part("file", data, filename="photo.jpg", headers="Content-Type: image/jpeg\r\n")
    return b"".join([*parts, file, after, f"--{BOUNDARY}--\r\n".encode()])


def send(body: bytes, content_type: str = CONTENT_TYPE, **headers: str) -> Any:
    return Client().generic("POST", FORM_URL, body, content_type=content_type, headers=headers)


def error_of(answer: Any) -> tuple[int, str, str]:
    """Status, code and message of an error document."""
    assert answer["Content-Type"] == "application/xml"
    assert answer.content.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<Error>')
    document = ET.fromstring(answer.content)
    assert document.findtext("RequestId") == answer["X-Request-ID"]
    return answer.status_code, document.findtext("Code") or "", document.findtext("Message") or ""


def files_on_disk() -> list[str]:
    """Everything below the private root, what is coming in included."""
    root = Path(settings.PRIVATE_MEDIA_ROOT)
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


def read(storage: Any, key: str = KEY) -> bytes:
    with storage.open(key) as file:
        return bytes(file.read())


# --- What S3 answers to a good form -----------------------------------------------------------------------------------


def test_the_form_is_served_where_the_storage_says() -> None:
    assert reverse("local-upload-form") == FORM_URL


def test_a_browsers_form_is_stored_and_answered_as_s3_does(storage: Any, form: Any) -> None:
    answer = send(body_of(form()))
    assert answer.status_code == 201
    found = storage.stat(KEY)
    assert answer["ETag"] == f'"{found.etag}"'
    assert answer["Location"] == f"http://testserver/media/private/{KEY}"
    assert answer["Content-Type"] == "application/xml"
    assert answer["Cache-Control"] == "private, no-store"
    document = ET.fromstring(answer.content)
    assert document.tag == "PostResponse"
    assert {child.tag: child.text for child in document} == {
        "Location": answer["Location"], "Bucket": "local-private", "Key": KEY, "ETag": answer["ETag"],
    }  # fmt: skip
    assert read(storage) == JPEG
    assert files_on_disk() == [KEY]
    assert (Path(settings.PRIVATE_MEDIA_ROOT) / KEY).stat().st_mode & 0o777 == settings.FILE_UPLOAD_PERMISSIONS


def test_without_the_status_201_the_answer_is_204(storage: Any, form: Any) -> None:
    fields = {"key": KEY, "Content-Type": "image/jpeg"}
    until = timezone.now() + timedelta(minutes=1)
    signed = storage.policy_signer().sign(fields, size_range=(1, 10_000), expires_at=until, now=timezone.now())
    answer = send(body_of(signed))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["ETag"] == f'"{storage.stat(KEY).etag}"'
    assert answer["Location"].endswith(KEY)


def test_etag_and_location_can_be_read_by_another_origin(form: Any, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
    answer = send(body_of(form()), Origin="https://app.example.com")
    assert answer["Access-Control-Allow-Origin"] == "https://app.example.com"
    assert {"ETag", "Location"} <= set(answer["Access-Control-Expose-Headers"].split(", "))
    asked = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "POST"}
    assert Client().options(FORM_URL, headers=asked).status_code == 200


def test_location_follows_the_public_base_url(form: Any, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    assert send(body_of(form()))["Location"] == f"https://www.example.com/media/private/{KEY}"


def test_it_needs_no_session_no_token_and_no_csrf_cookie(form: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.generic("POST", FORM_URL, body_of(form()), content_type=CONTENT_TYPE).status_code == 201


def test_field_names_are_the_same_in_any_case_and_ignored_ones_are_free(form: Any) -> None:
    fields = {name.title(): value for name, value in form().items()}
    assert send(body_of({**fields, "x-ignore-csrf": "x"})).status_code == 201


def test_what_follows_the_file_is_ignored(storage: Any, form: Any) -> None:
    after = part("acl", b"public-read") + part("key", b"staging/2/b.jpg") + part("file", b"other", filename="b.jpg")
    assert send(body_of(form(), after=after)).status_code == 201
    assert send(body_of(form()) + b"\r\nno part at all" * 3000).status_code == 201
    assert files_on_disk() == [KEY]
    assert read(storage) == JPEG


@pytest.mark.parametrize("filename", ["..", "a/", "../../etc/passwd", "фото.jpg", "a&#47;..", "\u200b", "C:\\a.jpg"])
def test_the_key_decides_the_place_whatever_the_file_is_called(form: Any, filename: str) -> None:
    fields = b"".join(part(name, value.encode()) for name, value in form().items())
    body = fields + part("file", JPEG, filename=filename.replace("\\", "\\\\")) + f"--{BOUNDARY}--\r\n".encode()
    assert send(body).status_code == 201
    assert files_on_disk() == [KEY]


@pytest.mark.parametrize("size", [1, 8 * 1024, 64 * 1024, 256 * 1024, 256 * 1024 - 1, 1_000_003])
def test_files_of_every_size_arrive_as_they_were_sent(storage: Any, form: Any, size: int) -> None:
    data = os.urandom(size)
    assert send(body_of(form(max_size=size, min_size=size), data)).status_code == 201
    assert read(storage) == data


def test_a_second_post_replaces_the_object_and_leaves_who_holds_the_first(storage: Any, form: Any) -> None:
    fields = form()
    assert send(body_of(fields)).status_code == 201
    first = storage.stat(KEY)
    storage.copy(
        "uploads/a.jpg",
        source=storage,
        source_key=KEY,
        content_type="image/jpeg",
        object_id=uuid4(),
        if_etag=first.etag,
    )
    assert send(body_of(fields, JPEG[::-1])).status_code == 201
    second = storage.stat(KEY)
    assert (first.size, first.etag != second.etag) == (second.size, True)
    assert read(storage) == JPEG[::-1]
    assert read(storage, "uploads/a.jpg") == JPEG
    with pytest.raises(ObjectMissing):
        storage.copy(
            "b.jpg", source=storage, source_key=KEY, content_type="image/jpeg", object_id=uuid4(), if_etag=first.etag
        )
    with pytest.raises(ObjectMissing):
        storage.read_range(KEY, 0, 10, etag=first.etag)


def test_a_copy_is_of_the_object_that_was_checked_though_another_takes_its_name(
    storage: Any, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = form()
    send(body_of(fields))
    checked, link = storage.stat(KEY), os.link

    def swapped(source: Any, target: Any) -> None:
        monkeypatch.setattr(os, "link", link)
        assert send(body_of(fields, b"swapped")).status_code == 201
        link(source, target)

    monkeypatch.setattr(os, "link", swapped)
    how = {"source": storage, "source_key": KEY, "content_type": "image/jpeg", "object_id": uuid4()}
    storage.copy("uploads/a.jpg", **how, if_etag=checked.etag)
    assert read(storage, KEY) == b"swapped"
    assert read(storage, "uploads/a.jpg") == JPEG


def test_copies_work_where_the_file_system_has_no_links(
    storage: Any, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(body_of(form()))
    link = os.link

    def refused(source: Any, target: Any) -> None:
        if ".incoming" in str(target):
            raise OSError(errno.EPERM, "no links here")
        link(source, target)

    monkeypatch.setattr(os, "link", refused)
    how = {"source": storage, "source_key": KEY, "content_type": "image/jpeg", "object_id": uuid4()}
    storage.copy("uploads/a.jpg", **how, if_etag=storage.stat(KEY).etag)
    assert read(storage, "uploads/a.jpg") == JPEG


# --- What it refuses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_posts_are_taken(method: str) -> None:
    answer = Client().generic(method, FORM_URL)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert method == "HEAD" or error_of(answer)[1] == "MethodNotAllowed"


def test_an_expired_form(form: Any) -> None:
    message = "Invalid according to Policy: Policy expired."
    assert error_of(send(body_of(form(seconds=-1)))) == (403, "AccessDenied", message)
    assert files_on_disk() == []


@pytest.mark.parametrize(
    ("changed", "status", "code", "said"),
    [
        ({"key": "staging/other/b.jpg"}, 403, "AccessDenied", f'failed: ["eq", "$key", "{KEY}"]'),
        ({"Content-Type": "text/html"}, 403, "AccessDenied", 'failed: ["eq", "$content-type", "image/jpeg"]'),
        ({"success_action_redirect": "https://a.example/"}, 403, "AccessDenied", "Extra input fields: success_action"),
        ({"<&\x01>": "a"}, 403, "AccessDenied", "Extra input fields: <&\ufffd>"),
        ({"x-amz-signature": "0" * 64}, 403, "SignatureDoesNotMatch", "does not match"),
        ({"policy": "%%%"}, 400, "InvalidPolicyDocument", "Invalid JSON"),
        ({"policy": ""}, 400, "InvalidArgument", "a field named 'policy'"),
        ({"x-amz-credential": "someone\x00"}, 400, "InvalidArgument", "credential"),
        ({"Key": KEY}, 400, "InvalidArgument", "twice"),
        ({"x-ignore-a": "x" * 21_000}, 400, "MaxPostPreDataLengthExceededError", "too large"),
        ({f"x-ignore-{n}": "" for n in range(FIELDS_MAX)}, 400, "MaxPostPreDataLengthExceededError", "too large"),
        ({"x-ignore-a": "x" * 100_000}, 400, "MaxPostPreDataLengthExceededError", "too large"),
        ({"x-ignore-a": "x" * 3_000_000}, 400, "MaxPostPreDataLengthExceededError", "too large"),
    ],
)  # fmt: skip
def test_a_tampered_form(form: Any, changed: dict[str, str], status: int, code: str, said: str) -> None:
    answered = error_of(send(body_of({**form(), **changed})))
    assert answered[:2] == (status, code)
    assert said in answered[2]
    assert files_on_disk() == []


def test_a_field_after_the_file_does_not_count(form: Any) -> None:
    fields = form()
    after = part("x-amz-signature", fields.pop("x-amz-signature").encode())
    assert error_of(send(body_of(fields, after=after)))[:2] == (400, "InvalidArgument")


def test_only_staging_is_ever_written(storage: Any) -> None:
    until = timezone.now() + timedelta(minutes=1)
    for key in ("artworks/a.jpg", "staging/../a.jpg", "staging/.a", "/staging/a", "staging/"):
        with pytest.raises(ValueError, match="staging"):
            storage.direct_form(key, content_type="a/b", min_size=0, max_size=9, sha256="", expires_at=until)
        with pytest.raises(ValueError, match="staging"):
            storage.receive(key)
        fields = {"key": key, "success_action_status": "201"}
        signed = storage.policy_signer().sign(fields, size_range=(0, 9999), expires_at=until, now=timezone.now())
        assert error_of(send(body_of(signed)))[:2] == (403, "AccessDenied")
    assert files_on_disk() == []


@pytest.mark.parametrize(
    ("size", "code"),
    [(9, "EntityTooSmall"), (0, "EntityTooSmall"), (21, "EntityTooLarge"), (600_000, "EntityTooLarge")],
)
def test_a_file_outside_of_the_size_range(form: Any, size: int, code: str) -> None:
    assert error_of(send(body_of(form(min_size=10, max_size=20), b"x" * size)))[:2] == (400, code)
    assert files_on_disk() == []


def test_a_request_that_cannot_hold_so_small_a_file_is_refused_before_a_byte_is_written(
    form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StagedFile, "__enter__", lambda self: pytest.fail("a file was opened"))
    body = body_of(form(max_size=1000), b"x" * (1001 + SURROUNDING_MAX_BYTES))
    assert error_of(send(body))[:2] == (400, "EntityTooLarge")


def test_the_declared_checksum_must_hold(storage: Any, form: Any) -> None:
    fields = form(sha256=hashlib.sha256(JPEG).hexdigest())
    assert fields["x-amz-checksum-sha256"] == base64.b64encode(hashlib.sha256(JPEG).digest()).decode()
    assert error_of(send(body_of(fields, JPEG + b"!")))[:2] == (400, "BadDigest")
    assert files_on_disk() == []
    assert send(body_of(fields)).status_code == 201
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()
    assert error_of(send(body_of({**fields, "x-amz-checksum-sha256": other}, b"other")))[:2] == (403, "AccessDenied")
    assert read(storage) == JPEG


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", CONTENT_TYPE),
        (b"{}", "application/json"),
        (b"a=b", "application/x-www-form-urlencoded"),
        (b"a", ""),
        (b"a", "multipart/form-data"),
        (b"a", "multipart/form-data; boundary="),
        (b"a", "multipart/form-data; boundary=" + "a" * 500),
        (b"a", "multipart/form-data; boundary=\xe9"),
        (b"a", "multipart/form-data; boundary*=nonsense''a"),
        (b"no boundary here", CONTENT_TYPE),
        (b"\0" * 5000, CONTENT_TYPE),
        (f"--{BOUNDARY}--\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\n".encode() * 3000, CONTENT_TYPE),
        (part("file", b"a"), CONTENT_TYPE),
        (part("file", b"a", filename=""), CONTENT_TYPE),
        (part("file", b"a", filename="a", headers="Content-Transfer-Encoding: base64\r\n"), CONTENT_TYPE),
        (part("key", b"!!", headers="Content-Transfer-Encoding: base64\r\n"), CONTENT_TYPE),
        (part("key", b"a", headers="X-Long: " + "x" * 5000 + "\r\n"), CONTENT_TYPE),
        (part("key", b"a", headers="X-Long: " + "x" * 900_000 + "\r\n"), CONTENT_TYPE),
        (part("\xff\0", b"\xff\xfe\0"), CONTENT_TYPE),
        (part("a", b"b") * 3000, CONTENT_TYPE),
        (part("other", b"a", filename="a.jpg") * 200, CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name*=nonsense''a\r\n\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name*=rot13''a\r\n\r\na\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name*=utf-7''%2B2AA-\r\n\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition: form-data; name*0*=a''b; name*1=c\r\n\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition\r\n\r\n--{BOUNDARY}\r\n:\r\n\r\n".encode(), CONTENT_TYPE),
        (f"--{BOUNDARY}\r\nContent-Disposition: ;=;;filename\r\n\r\n".encode(), CONTENT_TYPE),
    ],
)  # fmt: skip
def test_hostile_bodies_get_an_error_document(body: bytes, content_type: str) -> None:
    status, answer = served(body, content_type)
    assert status == 400
    document = ET.fromstring(answer)
    assert document.tag == "Error"
    assert document.findtext("Code") in ("MalformedPOSTRequest", "InvalidArgument", "MaxPostPreDataLengthExceededError")
    assert files_on_disk() == []


@pytest.mark.parametrize("damage", ["cut", "bytes", "header"])
def test_damaged_forms_get_a_document_and_leave_no_file_but_a_whole_one(form: Any, damage: str) -> None:
    fields = form()
    body = body_of(fields, b"x" * 2000)
    for position in range(0, len(body), 37):
        if damage == "cut":
            damaged = body[:position]
        elif damage == "bytes":
            damaged = body[:position] + b"\xff\0\r\n" + body[position + 4 :]
        else:
            damaged = body[:position] + b"\r\nContent-Transfer-Encoding: base64\r\n\r\n" + body[position:]
        status, answer = served(damaged, CONTENT_TYPE)
        assert status in (201, 400, 403), answer
        assert ET.fromstring(answer).tag == ("PostResponse" if status == 201 else "Error")
        assert set(files_on_disk()) <= {KEY}
        assert damage != "cut" or status != 201


@pytest.mark.parametrize(
    ("length", "code"),
    [
        ("-1", "MalformedPOSTRequest"),  # read as none at all, before Django sees it
        ("1e3", "MalformedPOSTRequest"),
        ("²", "MalformedPOSTRequest"),
        ("9" * 18, "EntityTooLarge"),
        ("9" * 400, "MalformedPOSTRequest"),
        ("9" * 5000, "MalformedPOSTRequest"),
    ],
)
def test_a_length_that_is_none(form: Any, length: str, code: str) -> None:
    status, answer = served(body_of(form()), CONTENT_TYPE, CONTENT_LENGTH=length)
    assert (status, ET.fromstring(answer).findtext("Code")) == (400, code)
    assert files_on_disk() == []


@pytest.mark.parametrize(
    "environ", [{"CONTENT_LENGTH": ""}, {"CONTENT_LENGTH": "", "HTTP_TRANSFER_ENCODING": "chunked"}]
)
def test_a_body_of_unknown_length(form: Any, environ: dict[str, str]) -> None:
    status, answer = served(body_of(form()), CONTENT_TYPE, **environ)
    assert (status, ET.fromstring(answer).findtext("Code")) == (411, "MissingContentLength")


def served(body: bytes, content_type: str, **environ: str) -> tuple[int, bytes]:
    """Status and body that the site's WSGI application answers to exactly these bytes."""
    seen: list[int] = []
    request: dict[str, Any] = {
        "REQUEST_METHOD": "POST", "PATH_INFO": FORM_URL, "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http", "CONTENT_LENGTH": str(len(body)),
        "CONTENT_TYPE": content_type, "REMOTE_ADDR": "127.0.0.1",
    }  # fmt: skip
    application = readable_headers(drained_bodies(WSGIHandler()))
    answer: Any = application({**request, **environ}, lambda status, headers, error=None: seen.append(int(status[:3])))
    try:
        return seen[0], b"".join(answer)
    finally:
        answer.close()


# --- Disks and crashes ------------------------------------------------------------------------------------------------


def test_a_full_disk_is_unavailable_and_keeps_nothing(form: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    answer = send(body_of(form()))
    assert error_of(answer)[:2] == (503, "ServiceUnavailable")
    assert answer["Retry-After"] == "5"
    assert files_on_disk() == []


def test_a_folder_that_cannot_be_written_is_unavailable(form: Any, settings: Any) -> None:
    fields = form()
    Path(settings.PRIVATE_MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    (Path(settings.PRIVATE_MEDIA_ROOT) / "staging").write_bytes(b"a file where a folder should be")
    assert error_of(send(body_of(fields)))[:2] == (503, "ServiceUnavailable")
    assert files_on_disk() == ["staging"]


def test_what_a_crash_leaves_is_found_and_swept(storage: Any) -> None:
    crashed = storage.receive(KEY)
    crashed.__enter__()
    crashed.write(b"half")
    (left,) = files_on_disk()
    assert left.startswith(".incoming/")
    assert [str(found) for found in storage.leftovers(timezone.now() + timedelta(days=1))] == [left.rpartition("/")[2]]
    assert sweep().leftovers == 0  # it may still be coming in
    assert sweep(now=timezone.now() + timedelta(days=1)).leftovers == 1
    assert files_on_disk() == []
    with pytest.raises(StorageUnavailable):
        crashed.publish()


def test_deleting_prunes_the_folder_of_the_upload_and_no_other(storage: Any, form: Any) -> None:
    root = Path(settings.PRIVATE_MEDIA_ROOT)
    for key in (KEY, "staging/0b0e/second.jpg", "staging/other/a.jpg"):
        assert send(body_of(form(key))).status_code == 201
    storage.delete(KEY)
    assert (root / "staging/0b0e").is_dir()
    storage.delete("staging/0b0e/second.jpg")
    storage.delete("staging/0b0e/second.jpg")
    assert not (root / "staging/0b0e").exists()
    storage.delete("staging/other/a.jpg")
    assert [path.name for path in (root / "staging").iterdir()] == []


def test_forms_that_meet_deletions_all_arrive(storage: Any, form: Any) -> None:
    fields, stop = form(), threading.Event()

    def delete() -> None:
        while not stop.is_set():
            storage.delete(KEY)

    deleting = threading.Thread(target=delete)
    deleting.start()
    try:
        statuses = {send(body_of(fields, b"x")).status_code for _ in range(60)}
    finally:
        stop.set()
        deleting.join()
    assert statuses == {201}
    assert send(body_of(fields)).status_code == 201
    assert files_on_disk() == [KEY]


def test_forms_posted_at_once_leave_one_of_the_files_whole(storage: Any, form: Any) -> None:
    fields = form()
    bodies = [body_of(fields, bytes([number]) * 50_000) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(lambda body: send(body).status_code, bodies * 5))
    assert statuses == {201}
    assert files_on_disk() == [KEY]
    assert read(storage) in {bytes([number]) * 50_000 for number in range(4)}


def test_listing_passes_over_what_is_deleted_meanwhile(storage: Any, form: Any) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        send(body_of(form(f"staging/0b0e/{name}")))
    listed = storage.list_objects("staging/")
    assert next(listed).key == "staging/0b0e/a.jpg"
    storage.delete("staging/0b0e/b.jpg")
    assert [found.key for found in listed] == ["staging/0b0e/c.jpg"]


def test_ranges_are_read_of_one_object_alone(storage: Any, form: Any) -> None:
    send(body_of(form(), b"0123456789"))
    etag = storage.stat(KEY).etag
    assert storage.read_range(KEY, 0, 4, etag=etag) == b"0123"
    assert storage.read_range(KEY, 8, 100, etag=etag) == b"89"
    assert storage.read_range(KEY, 100, 100, etag=etag) == b""
    for key, wrong in ((KEY, "0"), ("staging/none/a.jpg", etag), ("staging", etag), (f"{KEY}/a", etag)):
        with pytest.raises(ObjectMissing):
            storage.read_range(key, 0, 4, etag=wrong)
    assert storage.signs_until() is None


# --- Over real HTTP ---------------------------------------------------------------------------------------------------


@contextmanager
def connected() -> Iterator[socket.socket]:
    """A connection to a server of the site."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler, allow_reuse_address=False)
    server.set_app(readable_headers(drained_bodies(WSGIHandler())))
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        with socket.create_connection(server.server_address, timeout=10) as client:
            yield client
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


def head(length: int) -> bytes:
    return (
        f"POST {FORM_URL} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {CONTENT_TYPE}\r\n"
        f"Content-Length: {length}\r\nConnection: close\r\n\r\n"
    ).encode()


def received(client: socket.socket) -> bytes:
    return b"".join(iter(lambda: client.recv(65536), b""))


def incoming_size() -> int:
    return sum((Path(settings.PRIVATE_MEDIA_ROOT) / name).stat().st_size for name in files_on_disk())


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.01)
    pytest.fail("it did not happen")


def test_the_file_goes_to_disk_while_it_comes(storage: Any, form: Any) -> None:
    body = body_of(form(max_size=3_000_000), b"x" * 2_000_000)
    with connected() as client:
        client.sendall(head(len(body)) + body[:1_500_000])
        wait_until(lambda: incoming_size() > 1_000_000)
        assert all(name.startswith(".incoming/") for name in files_on_disk())
        client.sendall(body[1_500_000:])
        assert re.match(rb"HTTP/1\.\d 201 ", received(client))
    assert files_on_disk() == [KEY]
    assert storage.stat(KEY).size == 2_000_000


def test_a_connection_cut_in_the_middle_leaves_nothing(form: Any) -> None:
    body = body_of(form(max_size=3_000_000), b"x" * 2_000_000)
    with connected() as client:
        client.sendall(head(len(body)) + body[:1_500_000])
        wait_until(lambda: incoming_size() > 1_000_000)
        client.shutdown(socket.SHUT_WR)
        answer = received(client)
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert b"<Code>IncompleteBody</Code>" in answer
    assert files_on_disk() == []


def test_an_oversize_file_is_refused_while_it_comes(form: Any) -> None:
    body = body_of(form(max_size=1000), b"x" * 200_000)
    with connected() as client:
        client.sendall(head(len(body)) + body[:100_000])
        answer = client.recv(65536)
        assert b" 400 " in answer.partition(b"\r\n")[0]
        client.sendall(body[100_000:])
        assert b"<Code>EntityTooLarge</Code>" in answer + received(client)
    assert files_on_disk() == []


def test_a_refused_form_is_told_so_before_its_file_is_read(form: Any) -> None:
    body = body_of(form(seconds=-1, max_size=3_000_000), b"x" * 2_000_000)
    with connected() as client:
        client.sendall(head(len(body)) + body[:100_000])
        assert b" 403 " in client.recv(65536).partition(b"\r\n")[0]
        client.sendall(body[100_000:])
    assert files_on_disk() == []


def test_location_is_the_host_that_was_asked(form: Any) -> None:
    answer = Client().generic(
        "POST", FORM_URL, body_of(form()), content_type=CONTENT_TYPE, headers={"Host": "localhost"}
    )
    assert urlsplit(answer["Location"]).netloc == "localhost"


def test_a_form_ends_with_its_upload(make_user: Any, client: Any) -> None:
    from media_assets.uploads.services import upload_create, upload_delete, upload_form

    upload = upload_create(owner=make_user(), original_filename="a.jpg", content_type="image/jpeg")
    fields = upload_form(upload).fields
    upload_delete(upload)
    sent = {**fields, "file": SimpleUploadedFile("a.jpg", b"x", "image/jpeg")}
    answer = client.post("/api/uploads/local/", sent)
    assert answer.status_code == 403
    assert b"AccessDenied" in answer.content
    assert not list(get_storage("local-private").list_objects("staging/"))
