"""What a client should not send: 400 with the field's name, 404, or taken with a tame name; never 500."""

import io

import pytest
from django.conf import settings

from ads.models import MAX_IMAGES, Ad, AdImage
from conftest import draw
from media_assets.models import MediaAsset

pytestmark = pytest.mark.django_db

URL = "/api/ads/"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
BODIES = [
    ("multipart/form-data", b"--x\r\n"),
    ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="title"'),
    ("multipart/form-data; boundary=x", b"\xff\xfe" * 50),
    ("application/json", b"{"),
    ("application/json", b"[]"),
    ("application/json", b'"text"'),
    ("application/json", b"[1, 2, 3]"),
    ("application/json", b'{"ids": ' + b"[" * 50_000),
    ("application/x-www-form-urlencoded", b"title=%00&ids=%00"),
]


def refused(answer, field):
    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.content
    assert all(isinstance(message, str) for message in answer.json()[field])


@pytest.fixture
def upload(clients, ad):
    """``upload(image=...)`` as the owner, onto the ad."""

    def post(fmt="multipart", **form):
        return clients["owner"].post(f"{URL}{ad.pk}/upload_image/", form, format=fmt)

    return post


@pytest.fixture
def nothing_was_made():
    yield
    assert not AdImage.objects.exists() and not MediaAsset.objects.exists()


@pytest.mark.parametrize(
    "price",
    [
        *("0", "-1", "-0", "0.00", "0.001", "1.999", "NaN", "sNaN", "-Infinity", "Infinity", "1e400", "1e-400"),
        *("10000000000", "99999999999.9", "1e10", "abc", "", " ", "1,5", "0x10", "\x00", "1" * 2000, "850 EUR"),
        *(None, True, [], {}, [1], 0, -1, 10**30, 1e30, 0.001),
    ],
)
def test_price_is_an_amount_above_0(clients, ad, price):
    refused(clients["owner"].post(URL, {"title": "A", "price": price}), "price")
    refused(clients["owner"].patch(f"{URL}{ad.pk}/", {"price": price}), "price")
    assert str(Ad.objects.get().price) == "850.00"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "Infinity", "1" * 5000])
def test_number_that_json_cannot_hold(clients, number):
    answer = clients["owner"].generic("POST", URL, f'{{"title": "A", "price": {number}}}', "application/json")
    assert answer.status_code == 400 and not Ad.objects.exists()


@pytest.mark.parametrize(("price", "kept"), [("0.01", "0.01"), ("9999999999.99", "9999999999.99"), (" 7 ", "7.00")])
def test_price_at_its_limits(clients, price, kept):
    assert clients["owner"].post(URL, {"title": "A", "price": price}).json()["price"] == kept


@pytest.mark.parametrize("field", ["title", "description"])
@pytest.mark.parametrize("value", ["a\x00b", "x" * 10_001, ["a"], {"a": 1}, None, "\ud800"])
def test_bad_text_is_refused_on_its_field(clients, field, value):
    body = {"title": "A", "price": "1", field: value}
    if value == "\ud800":
        answer = clients["owner"].generic(
            "POST", URL, f'{{"title": "A", "price": 1, "{field}": "\\ud800"}}', "application/json"
        )
        assert answer.status_code == 400
    else:
        refused(clients["owner"].post(URL, body), field)
    assert not Ad.objects.exists()


@pytest.mark.parametrize("value", ["maybe", 2, [], {}, None, ""])
def test_flag_is_a_flag(clients, value):
    refused(clients["owner"].post(URL, {"title": "A", "price": "1", "is_active": value}), "is_active")


@pytest.mark.parametrize("body", [{}, {"title": ""}, {"title": "   "}, {"price": "1"}])
def test_what_an_ad_must_have(clients, body):
    answer = clients["owner"].post(URL, body)
    assert answer.status_code == 400 and "title" in answer.json() and not Ad.objects.exists()


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
def test_what_is_not_an_accepted_image_is_refused_on_its_field(upload, photo, data):
    refused(upload(image=photo("a.jpg", data=data)), "image")


@pytest.mark.usefixtures("nothing_was_made")
def test_upload_without_a_file_or_with_two(upload, photo):
    refused(upload(), "image")
    refused(upload(alt_text="a"), "image")
    refused(upload(image=[photo(), photo()]), "image")
    refused(upload(image=photo(), order=["1", "2"]), "order")
    for image in ("a.jpg", 7, [], {}, None, True, "data:image/png;base64,AAAA"):
        refused(upload("json", image=image), "image")


@pytest.mark.parametrize("name", ["../../etc/passwd", "x" * 300 + ".jpg", "🏔️.jpg", "\u202egpj.exe", "a.jpg.php"])
def test_hostile_file_name_becomes_a_tame_key(upload, ad, name):
    file = io.BytesIO(draw())
    file.name = name
    key = upload(image=file).json()["image"]
    assert key.startswith(f"ads/ad_{ad.pk}/") and key.endswith(".jpg") and key.count("/") == 2 and ".." not in key
    assert key.isprintable() and len(key) < 300


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("order", value) for value in ("-1", "32768", "9" * 30, "1.5", "abc", " ", "\x00", "²", "NaN")],
        *[("alt_text", value) for value in ("x" * 256, "a\x00b")],
    ],
)
def test_bad_text_and_place_of_an_image(clients, upload, add_image, ad, photo, field, value):
    refused(upload(image=photo(), **{field: value}), field)
    assert not MediaAsset.objects.exists()
    image = add_image(ad, order=4, alt_text="kept")
    refused(clients["owner"].patch(f"{URL}{ad.pk}/images/{image.pk}/", {field: value}), field)
    for odd in (None, [], {}, *([True, 1e30] if field == "order" else [])):
        refused(clients["owner"].patch(f"{URL}{ad.pk}/images/{image.pk}/", {field: odd}), field)
    image.refresh_from_db()
    assert (image.order, image.alt_text) == (4, "kept")


@pytest.mark.parametrize(
    "body",
    [
        *({}, {"ids": None}, {"ids": "1"}, {"ids": 1}, {"ids": {}}, {"ids": [None]}, {"ids": ["x"]}, {"ids": [[1]]}),
        *({"ids": [0]}, {"ids": [-1]}, {"ids": [2**63]}, {"ids": [10**30]}, {"ids": [1.5]}, {"ids": [True]}),
        *({"ids": ["\x00"]}, {"ids": list(range(1, MAX_IMAGES + 2))}, {"id": [1]}),
    ],
)
def test_bad_order_of_images(clients, ad, add_image, body):
    add_image(ad, order=3)
    refused(clients["owner"].post(f"{URL}{ad.pk}/reorder_images/", body), "ids")
    assert AdImage.objects.get().order == 3


def test_long_list_of_ids_is_not_even_read(clients, ad):
    answer = clients["owner"].post(f"{URL}{ad.pk}/reorder_images/", {"ids": ["x"] * 200_000})
    assert answer.json() == {"ids": [f"Ensure this field has no more than {MAX_IMAGES} elements."]}


@pytest.mark.parametrize(("content_type", "body"), BODIES)
def test_broken_body_is_refused(clients, ad, add_image, content_type, body):
    image = add_image(ad)
    for verb, path in (("POST", ""), ("PUT", f"{ad.pk}/"), ("POST", f"{ad.pk}/upload_image/")):
        assert clients["owner"].generic(verb, URL + path, body, content_type).status_code == 400, path
    for verb, path in (("PATCH", f"images/{image.pk}/"), ("POST", "reorder_images/"), ("POST", "mark_sold/")):
        answer = clients["owner"].generic(verb, f"{URL}{ad.pk}/{path}", body, content_type)
        assert answer.status_code in (400, 200) and (answer.status_code == 400 or "reorder" not in path)
    assert (Ad.objects.count(), AdImage.objects.count()) == (1, 1)
    assert clients["owner"].generic("POST", URL, b"<a/>", "text/xml").status_code == 415


@pytest.mark.parametrize("pk", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 5000, "%00", "é", "²"])
@pytest.mark.parametrize("path", ["{}/", "{}/upload_image/", "{}/reorder_images/", "{}/mark_sold/", "{ad}/images/{}/"])
def test_ids_that_no_row_can_have(clients, ad, pk, path):
    url = URL + path.format(pk, ad=ad.pk)
    for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert clients["staff"].generic(verb, url).status_code == 404
    assert clients["staff"].post(url).json()["detail"] == "Not found."


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *[(f"owner={value}", "owner") for value in ("x", "0", "-1", "1.5", "1e3", "%00", "9" * 30, "1&owner=2")],
        *[(f"is_sold={value}", "is_sold") for value in ("maybe", "2", "%00", "null", "true&is_sold=false")],
        *[
            (f"{name}={value}", name)
            for name in ("price_min", "price_max")
            for value in ("x", "-1", "NaN", "sNaN", "Infinity", "1e400", "1e-400", "0.001", "1e10", "9" * 5000, "%00")
        ],
        ("price_min=1&price_min=2", "price_min"),
        *[(f"search={value}", "search") for value in ("a%00b", "x" * 201, "a&search=b")],
        *[(f"ordering={value}", "ordering") for value in ("title", "owner__password", "--price", "%00", "")],
        *[(f"limit={value}", "limit") for value in ("0", "101", "x", "-1", "%00", "9" * 30, "")],
        *[(f"cursor={value}", "cursor") for value in ("x", "%00", "AAAA", "%ED%A0%80")],
    ],
)
def test_malformed_query_is_refused_by_name(clients, ad, query, field):
    refused(clients["other"].get(f"{URL}?{query}"), field)


def test_odd_text_in_a_search_finds_nothing(clients, ad):
    for value in ("%ED%A0%80", "%FF%FE", "%25", "_", "'; DROP TABLE ads_ad; --", "%F0%9F%8F%94"):
        answer = clients["other"].get(f"{URL}?search={value}")
        assert (answer.status_code, answer.json()) == (200, [])
