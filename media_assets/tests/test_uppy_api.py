"""The addresses that Uppy's S3 uploader calls: single forms, and parts that are really sent to a store."""

import contextlib
import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
import requests
from botocore.exceptions import ClientError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from conftest import draw
from media_assets.models import MediaAsset, State, Upload
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.s3_answers import answering_first
from media_assets.tests.sending import code_of, read_url, send_form, stored_keys
from media_assets.uploads import multipart
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/uploads/s3"
JPEG = draw()
MIB = 1024 * 1024
PDF = {"filename": "a.pdf", "type": "application/pdf"}
PIECES = (b"%PDF-1.7\n" + b"1" * 5 * MIB, b"2" * 100)
ANY_UUID = "0b9f3a52-6a7e-4c0e-9d5b-2f4c1f6f7a10"


@pytest.fixture
def client(anna: Any, client_of: Any) -> APIClient:
    """Signed in as anna."""
    signed_in: APIClient = client_of(anna)
    return signed_in


@pytest.fixture
def parts(s3_site: Any, client: APIClient, settings: Any) -> Callable[..., "Sent"]:
    """Begins an upload in parts, on S3, of a photo unless told."""
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["application/pdf"]
    s3_site()
    return lambda **file: Sent(client, **file)


class Sent:
    """An upload in parts as Uppy makes it."""

    def __init__(self, client: APIClient, **file: Any) -> None:
        answer = client.post(f"{URL}/multipart", {"filename": "IMG_1.jpg", "type": "image/jpeg", **file})
        assert answer.status_code == 200, answer.json()
        self.client, self.begun = client, answer.json()
        self.id: str = self.begun["uploadId"]
        self.etags: dict[int, str] = {}

    @property
    def url(self) -> str:
        return f"{URL}/multipart/{self.id}"

    def send(self, *pieces: bytes, first: int = 1) -> "Sent":
        for number, data in enumerate(pieces, first):
            answer = self.client.get(f"{self.url}/{number}?key=somebody/elses")
            assert answer.status_code == 200, answer.json()
            stored = requests.put(answer.json()["url"], data=data, timeout=20)
            assert stored.status_code == 200, stored.text
            self.etags[number] = stored.headers["ETag"].strip('"')
        return self

    def named(self, *numbers: int) -> list[dict[str, Any]]:
        return [{"PartNumber": number, "ETag": self.etags[number]} for number in numbers or self.etags]

    def complete(self, parts: Any = None) -> Any:
        return self.client.post(f"{self.url}/complete?key=x", {"parts": self.named() if parts is None else parts})

    def row(self) -> Upload:
        return Upload.everything.get(upload_id=self.id)

    def at_the_store(self) -> list[Any]:
        storage: Any = get_storage("s3-private")
        return storage.client.list_multipart_uploads(Bucket=storage.bucket_name).get("Uploads", [])  # type: ignore


def params(client: APIClient, **query: Any) -> Any:
    return client.get(f"{URL}/params?{urlencode(query)}")


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_a_single_form_is_sent_and_completed(engine: str, s3_site: Any, client: APIClient) -> None:
    if engine == "s3":
        s3_site()
    meta = {"name": "sea.jpg", "type": "image/jpeg", "size": len(JPEG), "prefix": "a/b", "relativePath": "null"}
    query = {"filename": "IMG_1.jpg", "type": "image/jpeg", **{f"metadata[{k}]": v for k, v in meta.items()}}
    answer = client.get(f"{URL}/params?{urlencode(query)}")
    form = answer.json()
    assert answer.status_code == 200, form
    assert list(form) == ["method", "url", "fields", "headers", "expires", "upload_id", "key"]
    assert (form["method"], form["headers"], form["key"]) == ("POST", {}, form["fields"]["key"])
    assert f"staging/{form['upload_id']}/" in form["key"]
    assert 840 <= form["expires"] <= 900
    assert urlsplit(form["url"]).netloc
    upload = Upload.objects.get()
    assert (upload.original_filename, upload.declared_size, upload.prefix) == ("sea.jpg", len(JPEG), "a/b")
    assert send_form(form["url"], form["fields"], JPEG) == 201
    done = client.post(f"/api/uploads/{form['upload_id']}/complete/").json()
    assert (done["status"], done["media"]["width"]) == ("complete", 64)


@pytest.mark.parametrize(
    "meta",
    [
        {"size": "large"},
        {"size": "null", "name": "undefined", "sha256": "null", "prefix": "undefined"},
        {"size": "²", "name": "", "sha256": "", "prefix": ""},
        {"size": "-5"},
        {"size": "1" * 19},
    ],
)
def test_metadata_that_says_nothing_is_no_declaration(s3_site: Any, client: APIClient, meta: Any) -> None:
    query = {f"metadata[{name}]": value for name, value in meta.items()}
    assert params(client, filename="a.jpg", type="image/jpeg", **query).status_code == 200
    s3_site()
    sent = {"filename": "a.jpg", "type": "image/jpeg", "metadata": meta}
    assert client.post(f"{URL}/multipart", sent).status_code == 200
    for upload in Upload.objects.all():
        assert (upload.original_filename, upload.declared_size, upload.sha256) == ("a.jpg", None, "")
        assert upload.prefix == "uploads"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"type": "image/jpeg"}, "filename"),
        ({"filename": "a.jpg"}, "type"),
        ({"filename": "/", "type": "image/jpeg"}, "filename"),
        ({"filename": "a\0.jpg", "type": "image/jpeg"}, "filename"),
        ({"filename": "a.svg", "type": "image/svg+xml"}, "type"),
        ({"filename": "a", "type": "application/octet-stream"}, "type"),
        ({"filename": "a", "type": "image/jpeg", "metadata[prefix]": "../x"}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata[sha256]": "abc"}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata[size]": "0"}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata[size]": "999999999999"}, "metadata"),
    ],
)
def test_a_file_that_cannot_come_is_refused_in_uppys_words(client: APIClient, query: Any, field: str) -> None:
    answer = params(client, **query)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    assert not Upload.everything.exists()


@pytest.mark.parametrize("name", ["filename", "type", "metadata[size]"])
def test_a_parameter_counts_once(client: APIClient, name: str) -> None:
    answer = client.get(f"{URL}/params?filename=a.jpg&type=image/jpeg&{name}=1&{name}=1")
    assert (answer.status_code, answer.json()) == (400, {name: ["Send it once."]})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "filename"),
        ({"filename": ["a"], "type": "image/jpeg"}, "filename"),
        ({"filename": "a", "type": {}}, "type"),
        ({"filename": "a", "type": "image/jpeg", "metadata": [1]}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata": "x"}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata": {"prefix": ["a"]}}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata": {"sha256": 5}}, "metadata"),
        ({"filename": "a", "type": "image/jpeg", "metadata": {"prefix": "a\0"}}, "metadata"),
    ],
)
def test_what_cannot_be_begun_in_parts_is_refused(parts: Any, client: APIClient, body: Any, field: str) -> None:
    answer = client.post(f"{URL}/multipart", body)
    assert answer.status_code == 400, answer.json()
    assert field in answer.json()
    assert not Upload.everything.exists()


@pytest.mark.parametrize("body", ["[]", "null", "5", "{"])
def test_a_body_that_is_no_object_is_refused(parts: Any, client: APIClient, body: str) -> None:
    for url in (f"{URL}/multipart", f"{parts().url}/complete"):
        assert client.post(url, body, content_type="application/json").status_code == 400


def test_on_disk_there_are_no_parts(client: APIClient) -> None:
    answer = client.post(f"{URL}/multipart", {"filename": "a.jpg", "type": "image/jpeg"})
    assert code_of(answer, 409) == "multipart_unsupported"
    assert "single form" in answer.json()["detail"]
    assert not Upload.everything.exists()


def test_from_the_first_part_to_the_file(parts: Any, client: APIClient, s3_bucket: str) -> None:
    upload = parts(**PDF, metadata={"name": "b.pdf", "size": sum(map(len, PIECES)), "prefix": "large"})
    key = f"private/staging/{upload.id}/b.pdf"
    assert upload.begun == {"key": key, "uploadId": upload.id, "bucket": s3_bucket, "upload_id": upload.id}
    assert client.get(upload.url).json() == []
    upload.send(*PIECES)
    listed = client.get(f"{upload.url}?key={key}").json()
    expected = [(number, f'"{upload.etags[number]}"', len(data)) for number, data in enumerate(PIECES, 1)]
    assert [tuple(part.values()) for part in listed] == expected
    assert [list(part) for part in listed] == [["PartNumber", "ETag", "Size"]] * 2
    done = upload.complete()
    answer = done.json()
    assert done.status_code == 200, answer
    assert list(answer) == ["location", "key", "bucket", "upload_id", "status", "media"]
    assert (answer["key"], answer["bucket"], answer["upload_id"]) == (key, s3_bucket, upload.id)
    assert urlsplit(answer["location"]).path.endswith(key)
    assert not urlsplit(answer["location"]).query
    assert answer["status"] == "complete"
    assert read_url(answer["media"]["url"]) == (200, b"".join(PIECES))
    assert not upload.at_the_store()
    assert [one.partition("/")[0] for one in stored_keys()] == ["large"]
    shown = client.get(f"/api/uploads/{upload.id}/").json()
    assert (shown["status"], shown["media"]) == ("complete", answer["media"])
    assert client.post(f"/api/uploads/{upload.id}/complete/").json() == shown


def test_completing_again_answers_the_same(parts: Any, client: APIClient) -> None:
    upload = parts().send(JPEG)
    first = upload.complete().json()
    assert first["status"] == "complete"
    assert upload.complete().json() == first
    for late in (
        client.get(upload.url),
        client.get(f"{upload.url}/2"),
        client.get(f"{upload.url}/batch?partNumbers=1"),
    ):
        assert code_of(late, 409) == "upload_closed"
    assert MediaAsset.objects.count() == 1


def test_what_was_joined_but_not_checked_is_checked_at_the_next_try(parts: Any, monkeypatch: Any) -> None:
    upload = parts().send(JPEG)

    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(multipart, "upload_complete", die)
        with pytest.raises(Killed):
            upload.complete()
    assert upload.row().status == "pending"
    assert not upload.at_the_store()
    done = upload.complete()
    assert (done.status_code, done.json()["status"]) == (200, "complete")


def test_parts_that_are_not_what_they_claim_are_refused(parts: Any, client: APIClient) -> None:
    upload = parts().send(b"<script>alert(1)</script>" * 100)
    refusal = upload.complete()
    assert code_of(refusal, 422) == "unsupported_type"
    assert not stored_keys()
    assert upload.complete().json() == refusal.json()
    assert client.get(f"/api/uploads/{upload.id}/").json()["status"] == "rejected"


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        "x",
        5,
        [1],
        [None],
        [{}],
        [{"PartNumber": 1}],
        [{"ETag": "a"}],
        *([{"PartNumber": number, "ETag": "a"}] for number in (0, -1, 10_001, 10**30, "1", 1.0, True, None, [1], "²")),
        *([{"PartNumber": 1, "ETag": etag}] for etag in ("", None, 5, ["a"], "a" * 129, "a\0", 'a"b', "é", "a\nb")),
        [{"PartNumber": 1, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}],
        [{"PartNumber": 2, "ETag": "a"}, {"PartNumber": 1, "ETag": "a"}],
        [{"PartNumber": number, "ETag": "a"} for number in range(1, 10_002)],
    ],
)
def test_a_list_of_parts_that_cannot_be_is_refused_before_the_store_sees_it(parts: Any, given: Any) -> None:
    upload = parts()
    answer = upload.client.post(f"{upload.url}/complete", {"parts": given})
    assert (answer.status_code, list(answer.json())) == (400, ["parts"])
    assert answer.json()["parts"][0].endswith(".")
    assert upload.row().status == "pending"


def test_missing_foreign_and_changed_parts_are_refused(parts: Any) -> None:
    upload, other = parts(**PDF).send(*PIECES), parts(**PDF).send(b"%PDF-other")
    missing = [*upload.named(), {"PartNumber": 3, "ETag": "0" * 32}]
    foreign = [{"PartNumber": 1, "ETag": other.etags[1]}, *upload.named(2)]
    for given in (missing, foreign, [{"PartNumber": 7, "ETag": upload.etags[1]}]):
        answer = upload.complete(given)
        assert code_of(answer, 400) == "invalid_parts"
        assert "Part" in answer.json()["detail"]
    former = upload.named()
    upload.send(PIECES[1] + b"3", first=2)
    assert code_of(upload.complete(former), 400) == "invalid_parts"
    assert upload.complete().json()["media"]["size"] == sum(map(len, PIECES)) + 1


def test_parts_that_are_too_small_to_be_joined_are_refused(parts: Any) -> None:
    upload = parts(**PDF).send(b"%PDF-1.7 small", b"another")
    answer = upload.complete()
    assert code_of(answer, 400) == "invalid_parts"
    assert "5 MiB" in answer.json()["detail"]
    upload.send(PIECES[0])
    assert upload.complete().status_code == 200


def test_quoted_etags_and_gaps_between_numbers(parts: Any) -> None:
    upload = parts(**PDF).send(PIECES[0]).send(b"tail", first=9)
    given = [{"PartNumber": n, "ETag": f'"{upload.etags[n]}"', "Size": 5, "more": None} for n in (1, 9)]
    assert upload.complete(given).json()["media"]["size"] == len(PIECES[0]) + 4


def test_parts_that_are_too_large_together_are_refused_and_gone(parts: Any, settings: Any, client: APIClient) -> None:
    settings.UPLOAD_MAX_SIZE_BYTES = 5 * MIB
    upload = parts(**PDF).send(PIECES[0])
    refusal = client.get(f"{upload.url}/2")  # what has come is too large already
    assert code_of(refusal, 422) == "too_large"
    assert not upload.at_the_store()
    assert not stored_keys()
    assert upload.complete().json() == refusal.json()
    assert client.get(f"/api/uploads/{upload.id}/").json()["reason_code"] == "too_large"


def test_other_than_the_declared_size_is_refused(parts: Any) -> None:
    upload = parts(metadata={"size": len(JPEG) + 1}).send(JPEG)
    assert code_of(upload.complete(), 422) == "size_mismatch"
    assert not stored_keys()


def test_urls_of_many_parts_come_at_once(parts: Any, client: APIClient, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE_BYTES, settings.UPLOAD_QUOTA_BYTES = 50_000 * 1024**2, 0
    upload = parts()
    with CaptureQueriesContext(connection) as few:
        urls = client.get(f"{upload.url}/batch?partNumbers=1,2,10000,2").json()["presignedUrls"]
    assert list(urls) == ["1", "2", "10000"]
    assert f"partNumber={10_000}" in urls["10000"]
    assert requests.put(urls["1"], data=JPEG, timeout=20).status_code == 200
    with CaptureQueriesContext(connection) as many:
        numbers = ",".join(map(str, range(1, 1_001)))
        assert len(client.get(f"{upload.url}/batch?partNumbers={numbers}").json()["presignedUrls"]) == 1_000
    assert len(many) == len(few) == 2
    assert 86_300 < client.get(f"{upload.url}/1").json()["expires"] <= 86_400


@pytest.mark.parametrize(
    "numbers",
    [
        "",
        "0",
        "10001",
        "1,,2",
        "a",
        "²",
        "1.5",
        "-1",
        "+1",
        " 1",
        "1;2",
        "1,2,x",
        "%00",
        "9" * 5_000,
        "1&partNumbers=2",
    ],
)
def test_numbers_of_parts_that_cannot_be_are_refused(parts: Any, client: APIClient, numbers: str) -> None:
    answer = client.get(f"{parts().url}/batch?partNumbers={numbers}")
    assert (answer.status_code, list(answer.json())) == (400, ["partNumbers"])


def test_more_than_a_thousand_parts_at_once_are_refused(parts: Any, client: APIClient) -> None:
    url = parts().url
    numbers = ",".join(map(str, range(1, 1_002)))
    answer = client.get(f"{url}/batch?partNumbers={numbers}")
    assert (answer.status_code, list(answer.json())) == (400, ["partNumbers"])
    assert client.get(f"{url}/batch").status_code == 400


@pytest.mark.parametrize("number", ["0", "10001", "a", "²", "1.5", "-1", "1,2", "%00", "9" * 500])
def test_a_number_that_no_part_has_is_refused(parts: Any, client: APIClient, number: str) -> None:
    answer = client.get(f"{parts().url}/{number}")
    assert (answer.status_code, list(answer.json())) == (400, ["number"])


def test_aborting_leaves_nothing_and_can_be_repeated(parts: Any, client: APIClient) -> None:
    upload = parts().send(JPEG)
    for _ in range(2):
        answer = client.delete(f"{upload.url}?key=x")
        assert (answer.status_code, answer.json()) == (200, {})
    assert not upload.at_the_store()
    assert not Upload.objects.exists()
    assert client.get(f"/api/uploads/{upload.id}/").status_code == 404
    assert code_of(upload.complete([{"PartNumber": 1, "ETag": "a"}]), 404) == "not_found"
    assert client.get(upload.url).status_code == client.get(f"{upload.url}/1").status_code == 404


def test_aborting_does_not_take_a_file_from_what_uses_it(parts: Any, client: APIClient) -> None:
    upload = parts().send(JPEG)
    assert upload.complete().status_code == 200
    assert client.post("/api/artworks/", {"title": "Sea", "upload_id": upload.id}).status_code == 201
    assert code_of(client.delete(upload.url), 409) == "upload_attached"
    again = upload.complete().json()
    assert (again["status"], again["media"]["width"]) == ("complete", 64)


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("other", 404), ("staff", 404)])
def test_the_uploads_of_others_are_not_there(parts: Any, client_of: Any, make_user: Any, who: str, status: int) -> None:
    upload = parts().send(JPEG)
    caller = client_of(None if who == "nobody" else make_user(who, is_staff=who == "staff"))
    answers = [
        caller.get(upload.url),
        caller.get(f"{upload.url}/1"),
        caller.get(f"{upload.url}/x"),
        caller.get(f"{upload.url}/batch?partNumbers=1"),
        caller.get(f"{upload.url}/batch"),
        caller.post(f"{upload.url}/complete", {"parts": upload.named()}),
        caller.post(f"{upload.url}/complete", {"parts": []}),
        caller.delete(upload.url),
    ]
    assert {answer.status_code for answer in answers} == {status}
    expected = 401 if status == 401 else 200
    assert params(caller, filename="a.jpg", type="image/jpeg").status_code == expected
    assert upload.complete().status_code == 200


@pytest.mark.parametrize("upload_id", ["x", "1", "%00", ANY_UUID[:-1], ANY_UUID, ANY_UUID.replace("-", "")])
def test_an_id_that_is_none_is_not_found(client: APIClient, upload_id: str) -> None:
    url = f"{URL}/multipart/{upload_id}"
    for answer in (client.get(url), client.get(f"{url}/1"), client.get(f"{url}/batch?partNumbers=1")):
        assert code_of(answer, 404) == "not_found"
    assert client.post(f"{url}/complete", {"parts": []}).status_code == client.delete(url).status_code == 404


def test_an_upload_with_a_single_form_has_no_parts(client: APIClient) -> None:
    upload_id = params(client, filename="a.jpg", type="image/jpeg").json()["upload_id"]
    url = f"{URL}/multipart/{upload_id}"
    given = {"parts": [{"PartNumber": 1, "ETag": "a"}]}
    for answer in (client.get(url), client.get(f"{url}/1"), client.post(f"{url}/complete", given)):
        assert code_of(answer, 409) == "not_multipart"
    assert client.delete(url).json() == {}
    assert not Upload.objects.exists()


def test_after_its_time_it_takes_no_parts(parts: Any, client: APIClient) -> None:
    upload = parts().send(JPEG)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    for answer in (client.get(upload.url), client.get(f"{upload.url}/1"), upload.complete()):
        assert code_of(answer, 409) == "upload_expired"
    renewed = client.post(f"/api/uploads/{upload.id}/renew/").json()
    assert renewed["status"] == "pending"
    assert not upload.at_the_store()
    assert code_of(upload.complete(), 409) == "not_multipart"
    assert send_form(renewed["form_url"], renewed["form_fields"], JPEG) == 201
    assert client.post(f"/api/uploads/{upload.id}/complete/").json()["status"] == "complete"


def test_what_the_store_has_forgotten_is_said(parts: Any, client: APIClient) -> None:
    upload = parts().send(JPEG)
    row = upload.row()
    storage: Any = get_storage(row.storage)
    storage.multipart_abort(row.staging_key, row.multipart_id)
    assert code_of(client.get(upload.url), 409) == "upload_gone"
    assert code_of(upload.complete(), 409) == "upload_gone"
    assert code_of(client.post(f"/api/uploads/{upload.id}/complete/"), 409) == "not_uploaded"
    assert client.delete(upload.url).json() == {}


def test_completions_at_once_make_one_file(parts: Any) -> None:
    upload = parts().send(JPEG)
    answers = at_once([upload.complete] * 4)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert 200 in {answer.status_code for answer in answers}
    assert upload.complete().json()["status"] == "complete"
    assert MediaAsset.objects.live().count() == 1


@pytest.mark.parametrize(("busy", "status"), [(4, 200), (99, 503)])
def test_a_store_that_joins_the_parts_already_is_waited_for(parts: Any, busy: int, status: int) -> None:
    """Ceph answers 500 for as long as another request joins the same parts."""
    upload = parts().send(JPEG)
    with answering_first(get_storage("s3-private"), "CompleteMultipartUpload", busy):
        assert upload.complete().status_code == status
    assert upload.complete().status_code == 200


def test_parts_that_another_request_has_joined_meanwhile(parts: Any, s3_client: Any) -> None:
    """Ceph answers 500 then too, however often it is asked."""
    upload = parts().send(JPEG)
    row, storage = upload.row(), cast(Any, get_storage("s3-private"))
    place = {"Bucket": storage.bucket_name, "Key": storage.object_key(row.staging_key), "UploadId": row.multipart_id}

    def join(**event: Any) -> None:
        named = [{"PartNumber": number, "ETag": etag} for number, etag in upload.etags.items()]
        with contextlib.suppress(ClientError):  # the next tries
            s3_client.complete_multipart_upload(**place, MultipartUpload={"Parts": named})

    storage.client.meta.events.register("before-call.s3.CompleteMultipartUpload", join)
    try:
        with answering_first(storage, "CompleteMultipartUpload", 99):
            assert upload.complete().status_code == 200
    finally:
        storage.client.meta.events.unregister("before-call.s3.CompleteMultipartUpload", join)


@pytest.mark.parametrize("round_", range(3))
def test_aborting_while_completing_leaves_nothing(parts: Any, client: APIClient, round_: int) -> None:
    upload = parts().send(JPEG)
    expires_at = upload.row().expires_at
    completed, aborted, _ = at_once([upload.complete, lambda: client.delete(upload.url), upload.complete])
    assert (aborted.status_code, aborted.json()) == (200, {})
    assert completed.status_code in (200, 404, 409, 503)  # Ceph may answer 500 where completion and abortion meet
    assert not Upload.objects.exists()
    sweep(now=expires_at + timedelta(days=9))
    assert not upload.at_the_store()
    assert not stored_keys()
    assert not MediaAsset.objects.exclude(state=State.TOMBSTONE).exists()


def test_addresses_have_no_final_slash_and_no_other_methods(client: APIClient) -> None:
    one = f"{URL}/multipart/{uuid4()}"
    for url in (f"{URL}/params/?filename=a.jpg&type=image/jpeg", f"{URL}/multipart/", f"{one}/", f"{one}/batch/"):
        assert client.get(url).status_code == client.post(url, {}).status_code == 404
    refused = itertools.chain(
        (client.head(f"{URL}/params?filename=a.jpg&type=image/jpeg"), client.post(f"{URL}/params", {})),
        (client.get(f"{URL}/multipart"), client.put(one, {}), client.get(f"{one}/complete"), client.post(f"{one}/1")),
    )
    assert {answer.status_code for answer in refused} == {405}
    assert not Upload.everything.exists()
