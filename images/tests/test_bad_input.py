"""What a client should not send: 400 with the field's name, 404, or taken with a tame name; never 500."""

import io

import pytest
from django.conf import settings

from conftest import draw
from images.models import LibraryImage
from media_assets.models import MediaAsset

pytestmark = pytest.mark.django_db

URL = "/api/images/"
UPLOAD = f"{URL}upload/"


@pytest.fixture
def nothing_was_made():
    yield
    assert not LibraryImage.objects.exists() and not MediaAsset.objects.exists()


def refused(answer, field):
    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="zero bytes"),
        pytest.param(b"hello", id="not an image"),
        pytest.param(b"MZ\x90\x00" + bytes(500), id="renamed executable"),
        pytest.param(draw()[:-40], id="truncated"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(draw() + bytes(settings.MEDIA_MAX_SIZE_BYTES + 1 - len(draw())), id="10 MB and a byte"),
    ],
)
def test_what_is_not_an_accepted_image_is_refused_on_its_field(clients, photo, data):
    refused(clients["owner"].post(UPLOAD, {"image": photo("a.jpg", data=data)}, format="multipart"), "image")


@pytest.mark.usefixtures("nothing_was_made")
def test_without_a_file_there_is_nothing_to_take(clients, photo):
    owner = clients["owner"]
    for body in ({}, {"image": None}, {"image": "a.jpg"}, {"image": []}, {"image": 7}):
        refused(owner.post(UPLOAD, body), "image")
    refused(owner.post(UPLOAD, {"image": ""}, format="multipart"), "image")
    refused(owner.post(UPLOAD, {"image": [photo(), photo()]}, format="multipart"), "image")
    assert owner.generic("POST", UPLOAD, b"<a/>", "text/xml").status_code == 415
    assert owner.generic("POST", UPLOAD, b"--x\r\n", "multipart/form-data; boundary=").status_code == 400


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\x00b.jpg", "x" * 300 + ".jpg", "🏔️.jpg", "\u202egpj.exe", "a.jpg.php"]
)
def test_hostile_file_name_becomes_a_tame_key(clients, owner, name):
    file = io.BytesIO(draw())
    file.name = name
    answer = clients["owner"].post(UPLOAD, {"image": file}, format="multipart")
    key = MediaAsset.objects.get().key
    assert answer.status_code == 201
    assert key.startswith(f"images/{owner.pk}/") and key.endswith(".jpg") and key.count("/") == 2 and ".." not in key
    assert key.isprintable() and len(key) < 300
    assert clients["anonymous"].get(answer.json()["image"]).status_code == 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("title", value) for value in ("a\x00b", "x" * 256, ["a", "b"])],
        *[("description", value) for value in ("a\x00b", "x" * 10_001, ["a", "b"])],
    ],
)
def test_bad_text_is_refused_on_its_field(clients, store, photo, field, value):
    image = store()
    refused(clients["owner"].post(UPLOAD, {"image": photo(), field: value}, format="multipart"), field)
    refused(clients["owner"].patch(f"{URL}{image.pk}/", {field: value}), field)
    for other in (None, {"a": 1}, ["a"], True):
        refused(clients["owner"].patch(f"{URL}{image.pk}/", {field: other}), field)
    assert MediaAsset.objects.count() == 1


@pytest.mark.parametrize("pk", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 5000, "%00", "é", "²", "999"])
def test_ids_that_no_row_has(clients, pk):
    for verb in ("GET", "PATCH", "DELETE"):
        assert clients["owner"].generic(verb, f"{URL}{pk}/").status_code == 404
    assert clients["owner"].delete(f"{URL}{pk}/delete/").status_code == 404


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *[(f"limit={value}", "limit") for value in ("0", "101", "1000", "x", "-1", "%00", "9" * 30, "", "1&limit=2")],
        *[(f"ordering={value}", "ordering") for value in ("title", "user__password", "--uploaded_at", "%00", "")],
        *[(f"cursor={value}", "cursor") for value in ("x", "%00", "AAAA", "%ED%A0%80", "x" * 3000)],
    ],
)
def test_malformed_query_is_refused_by_name(clients, query, field):
    refused(clients["owner"].get(f"{URL}?{query}"), field)
