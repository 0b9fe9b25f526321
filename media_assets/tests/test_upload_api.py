"""Direct uploads over HTTP, with the form really sent: on disk to the application, on S3 to the store."""

import hashlib
import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
import requests
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from conftest import draw
from media_assets.models import MediaAsset, State, Upload
from media_assets.sweeping import sweep
from media_assets.tests.sending import code_of, read_url, send_form, stage, stored_keys
from media_assets.tests.stored import real_server
from media_assets.tests.uploads import complete_upload, pending_upload, rows_like
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/uploads/"
JPEG = draw()
NONE = UUID("6f1c9a52-3c1e-4c0b-9d55-0f7b1c2d3e4f")  # no upload has it
NEW = {"original_filename": "IMG_1.jpg", "content_type": "image/jpeg"}
KEYS = [
    *("upload_id", "status", "original_filename", "content_type", "size", "expires_at", "max_file_size", "attached"),
    "media",
]
FORM_KEYS = ["method", "form_url", "form_fields", "url", "fields", "headers"]


@pytest.fixture
def client(anna: Any, client_of: Any) -> APIClient:
    """Signed in as anna."""
    signed_in: APIClient = client_of(anna)
    return signed_in


@pytest.fixture
def begin(client: APIClient) -> Callable[..., dict[str, Any]]:
    def make(**declared: Any) -> dict[str, Any]:
        answer = client.post(URL, {**NEW, **declared})
        assert answer.status_code == 201, answer.json()
        body: dict[str, Any] = answer.json()
        return body

    return make


@pytest.fixture
def completed(begin: Any, client: APIClient) -> Callable[..., dict[str, Any]]:
    """A complete upload, its answer."""

    def make(data: bytes = JPEG, **declared: Any) -> dict[str, Any]:
        upload_id = begin(**declared)["upload_id"]
        stage(upload_id, data)
        answer = client.post(call(upload_id, "complete/"))
        assert answer.status_code == 200, answer.json()
        body: dict[str, Any] = answer.json()
        return body

    return make


def call(upload_id: Any, what: str = "") -> str:
    return f"{URL}{upload_id}/{what}"


def expire(upload_id: str) -> None:
    Upload.objects.filter(upload_id=upload_id).update(expires_at=timezone.now() - timedelta(seconds=1))


def test_from_the_form_to_the_file_and_its_end(engine: str, client: APIClient) -> None:
    declared = {**NEW, "size": len(JPEG), "sha256": hashlib.sha256(JPEG).hexdigest().upper(), "prefix": "a/b"}
    begun = client.post(URL, declared)
    form = begun.json()
    assert begun.status_code == 201, form
    assert list(form) == [*KEYS, *FORM_KEYS]
    assert UUID(form["upload_id"])
    known = {"status": "pending", "original_filename": "IMG_1.jpg", "content_type": "image/jpeg", "size": len(JPEG)}
    assert form == form | known | {"attached": False, "media": None, "method": "POST", "headers": {}}
    assert (form["url"], form["fields"]) == (form["form_url"], form["form_fields"])
    assert form["max_file_size"] == 100 * 1024 * 1024
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", form["expires_at"])
    assert f"staging/{form['upload_id']}/" in form["form_fields"]["key"]
    assert send_form(form["form_url"], form["form_fields"], JPEG) == 201
    done = client.post(call(form["upload_id"], "complete/"))
    answer = done.json()
    assert done.status_code == 200, answer
    assert list(answer) == KEYS
    assert answer["status"] == "complete"
    media = answer["media"]
    assert (media["width"], media["size"], media["content_type"]) == (64, len(JPEG), "image/jpeg")
    assert read_url(media["url"]) == (200, JPEG)
    assert re.fullmatch(r"a/b/[0-9a-f-]{36}_IMG_1\.jpg", MediaAsset.objects.get().key)
    assert client.post(call(form["upload_id"], "complete/")).json() == answer
    assert client.get(call(form["upload_id"])).json() == answer
    assert client.get(URL).json() == [answer]
    url = client.get(call(form["upload_id"], "url/")).json()
    assert url == {"url": url["url"], "content_type": "image/jpeg", "name": "IMG_1.jpg", "expires_in": 3600}
    assert read_url(url["url"]) == (200, JPEG)
    gone = client.delete(call(form["upload_id"]))
    assert (gone.status_code, gone.content) == (204, b"")
    for again in (client.get(call(form["upload_id"])), client.delete(call(form["upload_id"]))):
        assert code_of(again, 404) == "not_found"
    assert client.get(URL).json() == []
    assert not stored_keys()


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("other", 404), ("staff", 404)])
def test_what_is_somebody_elses_is_not_there(
    client_of: Any, make_user: Any, completed: Any, begin: Any, who: str, status: int
) -> None:
    caller = {
        "nobody": lambda: client_of(),
        "other": lambda: client_of(make_user("other")),
        "staff": lambda: client_of(make_user("staff", is_staff=True, is_superuser=True)),
    }[who]()
    complete, pending = completed()["upload_id"], begin()["upload_id"]
    stage(pending, JPEG)
    for upload_id in (complete, pending):
        answers = [
            caller.get(call(upload_id)),
            caller.get(call(upload_id, "url/")),
            caller.get(call(upload_id, "url/?expiration=0")),
            caller.post(call(upload_id, "complete/")),
            caller.post(call(upload_id, "renew/")),
            caller.delete(call(upload_id)),
        ]
        assert {answer.status_code for answer in answers} == {status}
    listed = caller.get(URL)
    assert (listed.status_code, listed.json()) == (200, []) if status == 404 else (401, listed.json())
    assert caller.post(URL, NEW).status_code == (401 if status == 401 else 201)
    statuses = Upload.objects.filter(upload_id__in=(complete, pending)).values_list("status", flat=True)
    assert sorted(statuses) == ["complete", "pending"]


def test_before_its_bytes_there_is_nothing_to_complete(engine: str, client: APIClient, begin: Any) -> None:
    form = begin()
    assert code_of(client.post(call(form["upload_id"], "complete/")), 409) == "not_uploaded"
    assert code_of(client.get(call(form["upload_id"], "url/")), 409) == "not_complete"
    assert send_form(form["form_url"], form["form_fields"], JPEG) == 201
    assert client.post(call(form["upload_id"], "complete/")).json()["status"] == "complete"
    assert code_of(client.post(call(form["upload_id"], "renew/")), 409) == "upload_closed"


def test_after_its_time_it_wants_a_fresh_form(engine: str, client: APIClient, begin: Any) -> None:
    form = begin()
    stage(form["upload_id"], JPEG)
    expire(form["upload_id"])
    assert client.get(call(form["upload_id"])).json()["status"] == "expired"
    assert code_of(client.post(call(form["upload_id"], "complete/")), 409) == "upload_expired"
    renewed = client.post(call(form["upload_id"], "renew/"))
    assert (renewed.status_code, renewed.json()["status"]) == (200, "pending")
    assert list(renewed.json()) == list(form)
    assert renewed.json()["form_fields"]["key"] == form["form_fields"]["key"]
    assert client.post(call(form["upload_id"], "complete/")).status_code == 200


@pytest.mark.parametrize(
    ("declared", "data", "code"),
    [
        ({"size": len(JPEG) + 1}, JPEG, "size_mismatch"),
        ({"size": len(JPEG) - 1}, JPEG, "size_mismatch"),
        ({"sha256": "0" * 64}, JPEG, "checksum_mismatch"),
        ({}, b"", "empty"),
        ({"content_type": "image/png"}, JPEG, "type_mismatch"),
        ({}, b"<html><script>alert(1)</script>", "unsupported_type"),
        ({}, b"x" * 5_000, "not_an_image"),
    ],
)
def test_other_bytes_than_declared_are_refused_and_gone(
    engine: str, client: APIClient, begin: Any, settings: Any, declared: Any, data: bytes, code: str
) -> None:
    upload_id = begin(**declared)["upload_id"]
    stage(upload_id, data)
    refusal = client.post(call(upload_id, "complete/"))
    assert code_of(refusal, 422) == code
    assert not stored_keys()
    assert client.post(call(upload_id, "complete/")).json() == refusal.json()
    shown = client.get(call(upload_id)).json()
    assert list(shown) == [*KEYS, "reason", "reason_code"]
    assert (shown["status"], shown["reason"], shown["reason_code"]) == ("rejected", refusal.json()["detail"], code)
    assert code_of(client.get(call(upload_id, "url/")), 409) == "not_complete"
    assert code_of(client.post(call(upload_id, "renew/")), 409) == "upload_closed"
    assert client.delete(call(upload_id)).status_code == 204


def test_larger_than_permitted_is_refused(engine: str, client: APIClient, begin: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE_BYTES = len(JPEG) - 1
    form = begin()
    assert form["max_file_size"] == len(JPEG) - 1
    stage(form["upload_id"], JPEG)
    assert code_of(client.post(call(form["upload_id"], "complete/")), 422) == "too_large"


@pytest.mark.parametrize("data", [b"", JPEG + b"x", JPEG[:-1]], ids=["empty", "larger", "smaller"])
def test_the_form_itself_takes_only_what_was_declared(client: APIClient, begin: Any, data: bytes) -> None:
    form = begin(size=len(JPEG))
    assert send_form(form["form_url"], form["form_fields"], data) == 400
    assert code_of(client.post(call(form["upload_id"], "complete/")), 409) == "not_uploaded"


@real_server
@pytest.mark.parametrize("data", [b"", JPEG + b"x", JPEG[:-1]], ids=["empty", "larger", "smaller"])
def test_the_stores_form_takes_only_what_was_declared(s3_site: Any, client: APIClient, begin: Any, data: bytes) -> None:
    s3_site()
    form = begin(size=len(JPEG))
    assert send_form(form["form_url"], form["form_fields"], data) == 400
    assert code_of(client.post(call(form["upload_id"], "complete/")), 409) == "not_uploaded"


@pytest.mark.parametrize(
    ("name", "shown", "end"),
    [
        ("../../etc/passwd", "passwd", "_passwd.jpg"),
        ("C:\\photos\\sea.JPG", "sea.JPG", "_sea.jpg"),
        ("\u202egpj.exe", "gpj.exe", "_gpj.jpg"),
        ("x" * 400 + ".jpg", "x" * 251 + ".jpg", "x.jpg"),
        (".htaccess", ".htaccess", "_htaccess.jpg"),
        ("a b;c'd\".jpg.php", "a b;c'd\".jpg.php", ".jpg"),
        ("..", "..", "_image.jpg"),
        ("Größe 日本.jpg", "Größe 日本.jpg", "_Größe_日本.jpg"),
    ],
)
def test_hostile_names_are_shown_clean_and_make_safe_keys(
    engine: str, client: APIClient, begin: Any, name: str, shown: str, end: str
) -> None:
    form = begin(original_filename=name)
    assert form["original_filename"] == shown
    assert re.fullmatch(rf"(private/)?staging/{form['upload_id']}/[\w.-]+", form["form_fields"]["key"])
    assert send_form(form["form_url"], form["form_fields"], JPEG) == 201
    assert client.post(call(form["upload_id"], "complete/")).status_code == 200
    key = MediaAsset.objects.get().key
    assert re.fullmatch(r"uploads/[\w.-]+", key)
    assert key.endswith(end)


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        *(({"original_filename": name}, "original_filename") for name in ("", "  ", "/", "a/", "\u202e", "a\0b.jpg")),
        *(({"original_filename": name}, "original_filename") for name in (None, ["a"], {}, True, "x" * 1_025)),
        ({"original_filename": "x" * 500_000}, "original_filename"),
        *(({"content_type": text}, "content_type") for text in ("", None, 5, ["image/jpeg"], "image", "image/svg+xml")),
        *(({"content_type": text}, "content_type") for text in ("a/" + "b" * 200, "image/jpeg; x=y", "image/jpeg\n<b")),
        *(({"content_type": text}, "content_type") for text in ("image/jp\0eg", "image/*", "application/pdf", "*/*")),
        *(({"size": size}, "size") for size in (0, -1, "²", "x", 1.5, True, [1], {}, 10**9, 10**30, "9" * 5_000)),
        *(({"sha256": text}, "sha256") for text in ("ab", "g" * 64, "0" * 65, ["0" * 64], "٠" * 64, "0" * 63 + "\0")),
        *(({"prefix": text}, "prefix") for text in ("../x", "a/../b", ".hidden", "a//b", "staging/x", "a\\b", "a\0")),
        *(({"prefix": text}, "prefix") for text in ("/", "a b", "x" * 101, ["a"], {}, "é", "%2e%2e/x")),
    ],
)
def test_what_cannot_be_declared_is_refused_by_field(client: APIClient, declared: Any, field: str) -> None:
    answer = client.post(URL, {**NEW, **declared})
    assert answer.status_code == 400, answer.json()
    assert list(answer.json()) == [field]
    assert all(isinstance(text, str) and text.endswith(".") for text in answer.json()[field])
    assert not Upload.everything.exists()


def test_a_refused_type_names_what_is_accepted(client: APIClient, settings: Any, begin: Any) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["application/pdf", "video/*"]
    [message] = client.post(URL, {**NEW, "content_type": "text/html"}).json()["content_type"]
    assert "image/png" in message
    assert "application/pdf, video/*" in message
    assert begin(content_type="VIDEO/mp4")["content_type"] == "video/mp4"


@pytest.mark.parametrize("body", ["[]", "[1]", "null", '"a"', "{", "", '{"a": NaN}', "\udcff", "[" * 50])
def test_a_body_that_is_no_object_is_refused(client: APIClient, body: str) -> None:
    sent = body.encode(errors="surrogateescape")
    assert client.post(URL, sent, content_type="application/json").status_code == 400


def test_a_name_of_ten_megabytes_is_too_large(client: APIClient) -> None:
    assert code_of(client.post(URL, {**NEW, "original_filename": "x" * 10_000_000}), 413) == "request_too_large"


def test_nothing_at_all_names_what_is_required(client: APIClient) -> None:
    assert list(client.post(URL, {}).json()) == ["original_filename", "content_type"]
    assert list(client.post(URL, {}, format="multipart").json()) == ["original_filename", "content_type"]


def test_a_form_is_as_good_as_json(client: APIClient) -> None:
    blank = {"size": "", "sha256": "", "prefix": ""}
    answer = client.post(URL, {**NEW, **blank}, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert (answer.json()["size"], Upload.objects.get().prefix) == (None, "uploads")
    encoded = "original_filename=a.jpg&content_type=image%2Fjpeg&size=5"
    assert client.post(URL, encoded, content_type="application/x-www-form-urlencoded").json()["size"] == 5
    twice = client.post(URL, encoded + "&size=6", content_type="application/x-www-form-urlencoded")
    assert (twice.status_code, twice.json()) == (400, {"size": ["Send it once."]})
    nothing = client.post(URL, {**NEW, "size": None, "sha256": None, "prefix": None})
    assert nothing.status_code == 201


@pytest.mark.parametrize("what", ["", "complete/", "renew/", "url/"])
@pytest.mark.parametrize("upload_id", ["1", "0", "x", str(NONE)[:-1], "%00", NONE.hex, NONE, "s3"])
def test_an_id_that_is_none_is_not_found(client: APIClient, upload_id: Any, what: str) -> None:
    method = client.post if what in ("complete/", "renew/") else client.get
    assert code_of(method(call(upload_id, what)), 404) == "not_found"


def test_the_same_idempotency_key_begins_one_upload(client: APIClient) -> None:
    def send(**declared: Any) -> Any:
        return client.post(URL, {**NEW, **declared}, headers={"Idempotency-Key": "4711"})

    first, again = send(), send()
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["upload_id"] == first.json()["upload_id"]
    assert list(again.json()) == list(first.json())
    assert Upload.objects.count() == 1
    assert code_of(send(size=5), 422) == "idempotency_key_reused"
    upload_id = first.json()["upload_id"]
    expire(upload_id)
    renewed = send().json()
    assert (renewed["upload_id"], renewed["status"]) == (upload_id, "pending")
    assert send_form(renewed["form_url"], renewed["form_fields"], JPEG) == 201
    client.post(call(upload_id, "complete/"))
    done = send()
    assert (done.status_code, done.json()["status"]) == (201, "complete")
    assert {done.json()[name] for name in ("form_url", "url")} == {None}
    assert client.delete(call(upload_id)).status_code == 204
    assert send().status_code == 404


@pytest.mark.parametrize("expiration", ["0", "-1", "604801", "²", "x", "", "1.5", "1\0", "9" * 2_000, "1&expiration=2"])
def test_a_lifetime_that_cannot_be_is_refused(client: APIClient, completed: Any, expiration: str) -> None:
    answer = client.get(call(completed()["upload_id"], f"url/?expiration={expiration}"))
    assert (answer.status_code, list(answer.json())) == (400, ["expiration"])


@pytest.mark.parametrize("presigned", ["", "maybe", "2", "\0", "true&presigned=true"])
def test_presigned_is_yes_or_no(client: APIClient, completed: Any, presigned: str) -> None:
    answer = client.get(call(completed()["upload_id"], f"url/?presigned={presigned}"))
    assert (answer.status_code, list(answer.json())) == (400, ["presigned"])


def test_a_url_lives_as_long_as_was_asked(engine: str, client: APIClient, completed: Any) -> None:
    upload = completed()
    for expiration in (1, 604_800):
        answer = client.get(call(upload["upload_id"], f"url/?expiration={expiration}")).json()
        assert answer["expires_in"] == expiration
    plain = client.get(call(upload["upload_id"], "url/?presigned=false&expiration=5")).json()
    assert plain["url"] == upload["media"]["url"]
    assert 2_700 - 5 <= plain["expires_in"] <= 3_600
    assert read_url(plain["url"]) == (200, JPEG)


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_an_attached_upload_shows_what_took_it(site: Any, client: APIClient, completed: Any, visibility: str) -> None:
    site(MEDIA_DEFAULT_VISIBILITY=visibility)
    upload_id = completed()["upload_id"]
    made = client.post("/api/artworks/", {"title": "Sea", "upload_id": upload_id})
    assert made.status_code == 201, made.json()
    artwork = made.json()
    shown = client.get(call(upload_id)).json()
    assert (shown["status"], shown["attached"], shown["media"]) == ("complete", True, artwork["media"])
    assert client.get(URL).json() == [shown]
    assert client.post(call(upload_id, "complete/")).json() == shown
    url = client.get(call(upload_id, "url/")).json()
    assert (url["expires_in"] is None) == (visibility == "public")
    assert read_url(url["url"]) == (200, JPEG)
    assert code_of(client.delete(call(upload_id)), 409) == "upload_attached"
    assert code_of(client.post(call(upload_id, "renew/")), 409) == "upload_closed"
    assert client.delete(f"/api/artworks/{artwork['id']}/").status_code == 204
    shown = client.get(call(upload_id)).json()
    assert (shown["status"], shown["attached"], shown["media"]) == ("complete", True, None)
    assert code_of(client.get(call(upload_id, "url/")), 404) == "file_deleted"


def test_other_types_are_private_and_saved_by_browsers(
    engine: str, client: APIClient, completed: Any, settings: Any
) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["application/pdf"]
    data = b"%PDF-1.7\n" + b"x" * 1_000
    upload = completed(data, original_filename="Räport.pdf", content_type="application/pdf")
    assert (upload["media"]["content_type"], upload["media"]["width"]) == ("application/pdf", None)
    url = client.get(call(upload["upload_id"], "url/")).json()
    assert (url["content_type"], url["name"]) == ("application/pdf", "Räport.pdf")
    answer: Any = client.get(url["url"]) if engine == "local" else requests.get(url["url"], timeout=20)
    assert answer.headers["Content-Disposition"].startswith("attachment")


def test_a_storage_that_is_not_configured_is_unavailable(
    s3_site: Any, site: Any, client: APIClient, completed: Any, begin: Any
) -> None:
    lines = s3_site()
    upload_id, pending = completed()["upload_id"], begin()["upload_id"]
    site(**{**lines, "USE_S3": "False", "AWS_STORAGE_BUCKET_NAME": ""})
    assert client.get(call(upload_id)).json()["media"]["state"] == "unavailable"
    assert code_of(client.get(call(upload_id, "url/")), 503) == "storage_unavailable"
    assert code_of(client.post(call(pending, "complete/")), 503) == "storage_unavailable"
    assert client.get(call(pending)).json()["status"] == "pending"


def test_local_forms_have_the_address_of_the_site(begin: Any, settings: Any) -> None:
    assert begin()["form_url"] == "http://testserver/api/uploads/local/"
    settings.PUBLIC_BASE_URL = "https://vitrine.example"
    assert begin()["form_url"] == "https://vitrine.example/api/uploads/local/"


def test_the_list_is_newest_first_in_pages_by_status(client: APIClient, anna: Any, photo: Any) -> None:
    now = timezone.now()
    over = now - timedelta(minutes=1)
    made = [
        pending_upload(owner=anna),
        pending_upload(owner=anna, expires_at=over),
        pending_upload(owner=anna, expires_at=over, status=Upload.STATUS_EXPIRED),
        pending_upload(owner=anna, status=Upload.STATUS_REJECTED, reason="No.", reason_code="no"),
        complete_upload(photo(), owner=anna),
    ]
    ids = [str(upload.upload_id) for upload in made]
    pending_upload(owner=anna, status=Upload.STATUS_DISCARDED)
    assert [row["upload_id"] for row in client.get(URL).json()] == ids[::-1]
    expected = {"pending": ids[:1], "expired": ids[2:0:-1], "rejected": ids[3:4], "complete": ids[4:]}
    for status, wanted in expected.items():
        rows = client.get(f"{URL}?status={status}").json()
        assert [row["upload_id"] for row in rows] == wanted
        assert {row["status"] for row in rows} == {status}
    page = client.get(f"{URL}?limit=2")
    assert [row["upload_id"] for row in page.json()] == ids[:2:-1]
    following = re.search(r'<http://testserver([^>]+)>; rel="next"', page["Link"])
    assert following is not None
    assert [row["upload_id"] for row in client.get(following[1]).json()] == ids[2:0:-1]
    assert [row["upload_id"] for row in client.get(f"{URL}?ordering=created_at").json()] == ids


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"status={value}", "status") for value in ("discarded", "x", "%00", "pending&status=complete")),
        *((f"limit={value}", "limit") for value in ("0", "101", "²", "x")),
        ("ordering=size", "ordering"),
        ("cursor=x", "cursor"),
    ],
)
def test_a_malformed_query_is_refused(client: APIClient, query: str, field: str) -> None:
    answer = client.get(f"{URL}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [field])


def test_a_list_costs_the_same_however_long_it_is(client: APIClient, anna: Any, photo: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"{URL}?limit=100&status=complete").status_code == 200
        return len(captured)

    upload = complete_upload(photo(), owner=anna)
    few = queries()
    rows_like(upload, 60)
    assert queries() == few == 2


def test_beginning_is_counted_per_user(client_of: Any, make_user: Any, anna: Any, settings: Any) -> None:
    settings.THROTTLES_ENABLED = True
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "uploads": "3/day"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    first, upload_id = client_of(anna), ""
    for address in ("10.0.0.1", "10.0.0.2"):
        upload_id = first.post(URL, NEW, REMOTE_ADDR=address).json()["upload_id"]
    assert first.post(call(upload_id, "renew/")).status_code == 200
    refused = [
        first.post(URL, NEW, REMOTE_ADDR="10.0.0.3"),
        first.post(call(upload_id, "renew/")),
        first.get(f"{URL}s3/params?filename=a.jpg&type=image/jpeg"),
        first.post(f"{URL}s3/multipart", {}),
    ]
    assert {code_of(answer, 429) for answer in refused} == {"throttled"}
    assert 0 < int(refused[0]["Retry-After"]) <= 86_400
    assert code_of(first.post(call(upload_id, "complete/")), 409) == "not_uploaded"
    assert first.get(URL).status_code == 200
    assert client_of(make_user("other")).post(URL, NEW, REMOTE_ADDR="10.0.0.1").status_code == 201


def test_limits_are_refusals_of_their_own(begin: Any, client: APIClient, settings: Any) -> None:
    settings.UPLOAD_MAX_OUTSTANDING = 1
    upload_id = begin()["upload_id"]
    assert code_of(client.post(URL, NEW), 409) == "too_many_uploads"
    client.delete(call(upload_id))
    settings.UPLOAD_QUOTA_BYTES = 10
    assert code_of(client.post(URL, {**NEW, "size": 11}), 409) == "quota_exceeded"


@pytest.mark.parametrize("round_", range(4))
def test_deleting_while_completing_leaves_nothing(
    engine: str, client_of: Any, anna: Any, begin: Any, round_: int
) -> None:
    upload_id = begin()["upload_id"]
    stage(upload_id, JPEG)
    expires_at = Upload.objects.get().expires_at
    steps = (("post", "complete/"), ("delete", ""), ("post", "complete/"))

    def run(method: str, what: str) -> int:
        return int(getattr(client_of(anna), method)(call(upload_id, what)).status_code)

    statuses = at_once([partial(run, *step) for step in steps])
    assert statuses[1] == 204
    assert {statuses[0], statuses[2]} <= {200, 404, 409}
    assert not Upload.objects.exists()
    sweep(now=expires_at + timedelta(days=9))
    assert not MediaAsset.objects.exclude(state=State.TOMBSTONE).exists()
    assert not stored_keys()


def test_apps_are_told_what_direct_uploads_take(client_of: Any, s3_site: Any, settings: Any) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES, settings.UPLOAD_MAX_SIZE_BYTES = ["video/*"], 12_345
    config = client_of().get("/api/media/config/").json()
    assert (config["direct_upload"], config["multipart_upload"]) == (True, False)
    assert config["upload_max_size_bytes"] == 12_345
    images = ["jpeg", "png", "webp", "gif", "heic", "heif", "avif"]
    assert config["upload_content_types"] == [*(f"image/{name}" for name in images), "video/*"]
    s3_site()
    assert client_of().get("/api/media/config/").json()["multipart_upload"] is True


def test_uploads_have_no_other_methods(client: APIClient, begin: Any) -> None:
    upload_id = begin()["upload_id"]
    assert client.put(call(upload_id), NEW).status_code == client.patch(call(upload_id), NEW).status_code == 405
    for what in ("complete/", "renew/"):
        assert client.get(call(upload_id, what)).status_code == 405
    assert client.post(call(upload_id, "url/")).status_code == 405
