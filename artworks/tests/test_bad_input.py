"""What a client should not send: 400 with the field's name, 404, or taken with a tame name; never 500."""

import io

import pytest
from django.conf import settings

from artworks.models import ArtWork
from conftest import draw
from media_assets.models import MediaAsset

pytestmark = pytest.mark.django_db

URL = "/api/artworks/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def post(client, **form):
    return client.post(URL, {"title": "A", **form}, format="multipart")


@pytest.fixture
def nothing_was_made():
    yield
    assert not ArtWork.objects.exists() and not MediaAsset.objects.exists()


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="zero bytes"),
        pytest.param(b"hello", id="not an image"),
        pytest.param(b"MZ\x90\x00" + bytes(500), id="renamed executable"),
        pytest.param(draw()[:-40], id="truncated"),
        pytest.param(SVG, id="svg"),
        pytest.param(draw() + bytes(settings.MEDIA_MAX_SIZE_BYTES + 1 - len(draw())), id="10 MB and a byte"),
    ],
)
def test_what_is_not_an_accepted_image_is_refused_on_its_field(clients, photo, data):
    answer = post(clients["author"], image=photo("a.jpg", data=data))
    assert (answer.status_code, list(answer.json())) == (400, ["image"])


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a\x00b.jpg",
        "x" * 300 + ".jpg",
        "🏔️.jpg",
        "\u202egpj.exe",
        "a.jpg.php",
        "CON",
        "a\r\nb.jpg",
    ],
)
def test_hostile_file_name_becomes_a_tame_key(clients, name):
    upload = io.BytesIO(draw())
    upload.name = name
    answer = post(clients["author"], image=upload)
    key = answer.json()["image"]
    assert answer.status_code == 201
    assert key.startswith("artworks/") and key.endswith(".jpg") and key.count("/") == 1 and ".." not in key
    assert key.isprintable() and len(key) < 300
    assert b"".join(clients["anonymous"].get(answer.json()["image_display_url"]).streaming_content)[:2] == b"\xff\xd8"


@pytest.mark.usefixtures("nothing_was_made")
def test_two_values_where_one_is_due(clients, photo):
    for form in ({"image": [photo(), photo()]}, {"title": ["A", "B"]}, {"tags": ["a", "b"]}):
        answer = post(clients["author"], **form)
        assert (answer.status_code, list(answer.json())) == (400, list(form))


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize("image", ["a.jpg", 7, [], {}, {"key": "a"}, True, "data:image/png;base64,AAAA"])
def test_json_where_a_file_is_due(clients, image):
    answer = clients["author"].post(URL, {"title": "A", "image": image})
    assert (answer.status_code, list(answer.json())) == (400, ["image"])


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data", b"--x\r\n"),
        ("multipart/form-data; boundary=", b"--x\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="title"'),
        ("multipart/form-data; boundary=x", b"\xff\xfe" * 50),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'"text"'),
        ("application/json", b'{"title": "\\ud800"}'),
        ("application/json", b'{"title": "\xff"}'),
        ("application/json", b'{"title": ' + b"[" * 50_000),
        ("application/x-www-form-urlencoded", b"title=%00"),
    ],
)
def test_broken_body_is_refused(clients, content_type, body):
    answer = clients["author"].generic("POST", URL, body, content_type)
    assert answer.status_code == 400 and answer.json()


def test_unknown_media_type(clients):
    assert clients["author"].generic("POST", URL, b"<a/>", "text/xml").status_code == 415


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize("field", ["title", "description", "medium", "dimensions", "tags", "image_url"])
@pytest.mark.parametrize("value", ["a\x00b", "x" * 10_001, ["a"], {"a": 1}, None])
def test_bad_text_is_refused_on_its_field(clients, field, value):
    answer = clients["author"].post(URL, {"title": "A", field: value})
    assert (answer.status_code, list(answer.json())) == (400, [field])


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "ftp://example.com/a.jpg",
        "//example.com/a",
        "file:///etc/passwd",
        "http://",
        "a b",
        "http://[::1",
    ],
)
def test_external_picture_must_be_a_web_address(clients, url):
    answer = clients["author"].post(URL, {"title": "A", "image_url": url})
    assert (answer.status_code, list(answer.json())) == (400, ["image_url"])


@pytest.mark.parametrize("pk", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 5000, "%00", "1%00", "é", "²"])
@pytest.mark.parametrize("path", ["artworks/{}/", "artworks/{}/like/", "artworks/{}/reviews/", "reviews/{}/"])
def test_ids_that_no_row_can_have(clients, pk, path):
    url = f"/api/{path.format(pk)}"
    statuses = {clients["staff"].generic(verb, url).status_code for verb in ("GET", "POST", "PATCH", "DELETE")}
    assert statuses <= {404, 405} and 404 in statuses
    answer = clients["staff"].delete(url)
    assert answer.status_code == 405 or answer.json()["detail"] == "Not found."


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *[(f"author={value}", "author") for value in ("x", "0", "-1", "1.5", "1e3", "%00", "9" * 30, "1&author=2")],
        *[(f"liked_by_me={value}", "liked_by_me") for value in ("maybe", "2", "%00", "true&liked_by_me=false")],
        *[(f"{name}=a%00b", name) for name in ("tag", "medium", "search")],
        *[(f"{name}={'x' * 3000}", name) for name in ("tag", "medium", "search", "cursor")],
        *[(f"ordering={value}", "ordering") for value in ("title", "author__password", "--created_at", "%00", "")],
        *[(f"limit={value}", "limit") for value in ("0", "101", "x", "-1", "%00", "9" * 30, "")],
        *[(f"cursor={value}", "cursor") for value in ("x", "%00", "AAAA", "%ED%A0%80")],
    ],
)
def test_malformed_query_is_refused_by_name(clients, artwork, query, field):
    answer = clients["other"].get(f"{URL}?{query}")
    assert (answer.status_code, list(answer.json())) == (400, [field])


@pytest.mark.parametrize("name", ["tag", "medium", "search"])
def test_odd_text_in_a_query_finds_nothing(clients, artwork, name):
    for value in ("%ED%A0%80", "%FF%FE", "%25", "_", "'; DROP TABLE artworks_artwork; --", "%F0%9F%8F%94"):
        answer = clients["other"].get(f"{URL}?{name}={value}")
        assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("rating", [0, 6, -1, 10**30, 1.5, "x", None, True, [], "\x00", ""])
def test_rating_is_1_to_5(clients, artwork, rating):
    answer = clients["other"].post(f"{URL}{artwork.pk}/reviews/", {"rating": rating})
    assert (answer.status_code, list(answer.json())) == (400, ["rating"])


@pytest.mark.parametrize("text", ["a\x00b", "x" * 10_001, None, ["a"]])
def test_bad_review_text(clients, artwork, review, text):
    answers = [
        clients["other"].post(f"{URL}{artwork.pk}/reviews/", {"rating": 3, "text": text}),
        clients["author"].patch(f"/api/reviews/{review.pk}/", {"text": text}),
    ]
    assert [(answer.status_code, list(answer.json())) for answer in answers] == [(400, ["text"])] * 2
