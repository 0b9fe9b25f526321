"""Ads over HTTP: who may do what, what comes back, what an inactive ad hides."""

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ads.models import Ad, AdImage
from media_assets.models import MediaAsset

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/ads/"
NEW = {
    "title": "iPhone 15 Pro for Sale",
    "description": "Excellent condition, used for 6 months",
    "price": "850.00",
    "is_active": True,
}
KEYS = [
    *("id", "title", "description", "price", "is_active", "is_sold", "owner", "owner_info", "main_image_url"),
    *("images", "created_at", "updated_at"),
]
PUT = {"title": "Put", "price": "1"}


def url_of(ad):
    return f"{URL}{ad.pk}/"


def nested(ad, image, photo):
    """Every call on what belongs to an ad: verb, address, body, format, and what it answers whoever may."""
    base = url_of(ad)
    return [
        ("post", f"{base}upload_image/", {"image": photo()}, "multipart", 201),
        ("patch", f"{base}images/{image.pk}/", {"alt_text": "New"}, "json", 200),
        ("post", f"{base}reorder_images/", {"ids": [*ad.images.values_list("pk", flat=True)]}, "json", 200),
        ("post", f"{base}mark_sold/", None, "json", 200),
        ("delete", f"{base}images/{image.pk}/", None, "json", 204),
    ]


@pytest.mark.parametrize(
    ("who", "make", "write"), [("anonymous", 401, 401), ("other", 201, 403), ("owner", 201, 200), ("staff", 201, 200)]
)
def test_who_may_do_what(clients, ad, who, make, write):
    client = clients[who]
    assert (client.get(URL).status_code, client.get(url_of(ad)).status_code) == (200, 200)
    assert client.post(URL, NEW).status_code == make
    assert client.put(url_of(ad), PUT).status_code == write
    assert client.patch(url_of(ad), {"title": "Patched"}).status_code == write
    assert Ad.objects.get(pk=ad.pk).title == ("Patched" if write == 200 else "iPhone 15 Pro")
    refused = client.patch(url_of(ad), {"price": "0"})  # permission comes before validation
    assert refused.status_code == (400 if write == 200 else write)
    assert client.delete(url_of(ad)).status_code == (204 if write == 200 else write)
    assert Ad.objects.filter(pk=ad.pk).exists() == (write != 200)


@pytest.mark.parametrize(("who", "refused"), [("anonymous", 401), ("other", 403), ("owner", None), ("staff", None)])
def test_who_may_do_what_with_images(clients, ad, add_image, photo, who, refused):
    image = add_image(ad)
    for verb, url, body, fmt, done in nested(ad, image, photo):
        if verb == "post" and "reorder" in url and refused is None:
            body = {"ids": [*ad.images.values_list("pk", flat=True)]}
        answer = getattr(clients[who], verb)(url, body, format=fmt)
        assert answer.status_code == (refused or done), (url, answer.content)
    assert Ad.objects.get().is_sold == (refused is None)
    assert AdImage.objects.filter(pk=image.pk, alt_text="").exists() == (refused is not None)


@pytest.mark.parametrize(("who", "seen"), [("anonymous", False), ("other", False), ("owner", True), ("staff", True)])
def test_inactive_ad_is_not_there_for_others_wherever_one_asks(clients, make_ad, add_image, photo, who, seen):
    ad = make_ad(is_active=False)
    image, client = add_image(ad), clients[who]
    assert [one["id"] for one in client.get(URL).json()] == ([ad.pk] if seen else [])
    assert [one["id"] for one in client.get(f"{URL}?owner={ad.owner_id}").json()] == ([ad.pk] if seen else [])
    assert client.get(url_of(ad)).status_code == (200 if seen else 404)
    calls = [("put", url_of(ad), PUT, "json", 200), ("patch", url_of(ad), {"title": "A"}, "json", 200)]
    for verb, url, body, fmt, done in [*calls, *nested(ad, image, photo), ("delete", url_of(ad), None, "json", 204)]:
        if "reorder" in url:
            body = {"ids": [*ad.images.values_list("pk", flat=True)]}
        answer = getattr(client, verb)(url, body, format=fmt)
        missing = 401 if who == "anonymous" else 404
        assert answer.status_code == (done if seen else missing), (verb, url, answer.content)
        if not seen and who != "anonymous":
            assert answer.json() == {"detail": "Not found.", "code": "not_found"}
    assert Ad.objects.exists() != seen
    assert AdImage.objects.count() == (0 if seen else 1)


def test_ad_is_answered_as_documented(clients, owner, photo):
    client = clients["owner"]
    made = client.post(URL, NEW)
    ad = made.json()
    assert (made.status_code, list(ad)) == (201, KEYS)
    assert ad == ad | NEW | {"is_sold": False, "owner": owner.pk, "main_image_url": None, "images": []}
    assert ad["owner_info"] == {"id": owner.pk, "email": "seller@example.com", "name": "John Seller"}
    form = {"image": photo("main.jpg"), "alt_text": "iPhone front view", "order": "1"}
    image = client.post(f"{URL}{ad['id']}/upload_image/", form, format="multipart").json()
    url = f"http://testserver/media/ads/ad_{ad['id']}/main.jpg"
    shown = {"image": f"ads/ad_{ad['id']}/main.jpg", "image_url": url, "alt_text": "iPhone front view", "order": 1}
    assert list(image) == ["id", "image", "image_url", "alt_text", "order", "created_at", "media"]
    assert image == image | shown
    assert (image["media"]["url"], image["media"]["width"], image["media"]["state"]) == (url, 64, "ready")
    after = client.get(f"{URL}{ad['id']}/").json()
    assert after == ad | {"main_image_url": url, "images": [image], "updated_at": after["updated_at"]}
    assert all(len(time) == 20 and time.endswith("Z") for time in (ad["created_at"], image["created_at"]))
    assert b"".join(client.get(url).streaming_content)[:2] == b"\xff\xd8"


def test_email_of_the_owner_is_for_those_signed_in(clients, ad):
    for who, email in (("anonymous", None), ("other", "seller@example.com")):
        for answer in (clients[who].get(URL).json()[0], clients[who].get(url_of(ad)).json()):
            assert answer["owner_info"]["email"] == email


def test_changes_leave_alone_what_they_do_not_name(clients, make_ad, add_image):
    ad = make_ad(description="Kept")
    add_image(ad)
    before = clients["owner"].get(url_of(ad)).json()
    read_only = {"id": 9, "owner": 9, "is_sold": True, "images": [], "owner_info": None, "created_at": None}
    after = clients["owner"].put(url_of(ad), {"title": "Put", "price": 1.5, **read_only}).json()
    assert after == before | {"title": "Put", "price": "1.50", "updated_at": after["updated_at"]}
    assert clients["owner"].patch(url_of(ad), {}).json() == after
    assert clients["staff"].patch(url_of(ad), {"is_active": False}).json()["owner"] == ad.owner_id


@pytest.mark.parametrize("fmt", ["multipart", "json"])
def test_form_that_does_not_say_whether_it_is_active(clients, make_ad, fmt):
    """REST framework reads a flag that a form leaves out as false."""
    sent = {"title": "A", "price": "2.50"}
    made = clients["owner"].post(URL, sent, format=fmt).json()
    assert (made["is_active"], made["price"], made["description"]) == (True, "2.50", "")
    hidden = make_ad(is_active=False)
    assert clients["owner"].put(url_of(hidden), sent, format=fmt).json()["is_active"] is False
    said = clients["owner"].post(URL, {**sent, "is_active": "false"}, format=fmt)
    assert said.json()["is_active"] is False


def test_sold_stays_sold(clients, ad):
    for who in ("owner", "staff", "owner"):
        answer = clients[who].post(f"{url_of(ad)}mark_sold/")
        assert (answer.status_code, answer.json()["is_sold"]) == (200, True)
    before = Ad.objects.get().updated_at
    assert clients["owner"].post(f"{url_of(ad)}mark_sold/", {"is_sold": False}).json()["is_sold"] is True
    assert Ad.objects.get().updated_at == before
    assert clients["anonymous"].get(url_of(ad)).json()["is_sold"] is True


def test_same_idempotency_key_creates_once(clients):
    def post(title, who="owner"):
        return clients[who].post(URL, {**NEW, "title": title}, headers={"Idempotency-Key": "4711"})

    first, again = post("A"), post("A")
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert post("B").status_code == 422
    assert post("B", "other").status_code == 201
    assert Ad.objects.count() == 2
    clients["owner"].delete(f"{URL}{first.json()['id']}/")
    assert post("A").status_code == 404  # what it made is gone; it is not made again


def test_deleted_ad_takes_its_images_along(clients, ad, add_image):
    assets = [add_image(ad).image for _ in range(3)]
    assert clients["owner"].delete(url_of(ad)).status_code == 204
    assert clients["owner"].delete(url_of(ad)).status_code == 404
    assert not MediaAsset.objects.live().exists()
    assert not any(storages[asset.storage].exists(asset.key) for asset in assets)


@pytest.mark.parametrize(("who", "sign_in"), [("anonymous", 0), ("other", 1)])
def test_one_ad_costs_two_queries_and_the_sign_in(clients, ad, add_image, who, sign_in):
    for _ in range(2):
        add_image(ad), add_image(ad)
        with CaptureQueriesContext(connection) as made:
            clients[who].get(url_of(ad))
        assert len(made) == 2 + sign_in
