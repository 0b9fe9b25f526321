"""What a client should not send: 400 with the field's name, 404, never 500, and nothing is made."""

import io

import pytest

from conftest import draw
from media_assets.models import MediaAsset
from properties import image_services
from properties.models import HOUSE_MODELS, MAX_IMAGES, HouseForSale, PropertyImage
from properties.tests.conftest import WIRE, house_form, mains, url_of

pytestmark = pytest.mark.django_db

IMAGES = "/api/property-images/"
BULK = f"{IMAGES}bulk_upload/"
JPEG = draw()


def named(house, **fields):
    return {"content_type": house.CONTENT_TYPE, "object_id": house.pk, **fields}


def refused(answer, *fields):
    assert (answer.status_code, sorted(answer.json())) == (400, sorted(fields)), answer.content
    return answer.json()[fields[0]]


@pytest.fixture
def nothing_was_made():
    yield
    assert not PropertyImage.objects.exists() and not MediaAsset.objects.exists()


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize("call", ["upload_images", "bulk_upload"])
def test_no_image_is_answered_in_the_words_of_old(clients, make_house, call):
    house, client = make_house(), clients["owner"]
    url = url_of(house, "upload_images/") if call == "upload_images" else BULK
    for body in ({}, named(house), named(house, images=[]), named(house, images=None)):
        answer = client.post(url, body)
        assert (answer.status_code, answer.json()) == (400, {"error": "No images provided", "code": "no_images"})
    for form in ({}, named(house), named(house, images=""), named(house, image=io.BytesIO(JPEG))):
        answer = client.post(url, form, format="multipart")
        assert (answer.status_code, answer.json()) == (400, {"error": "No images provided", "code": "no_images"})
    for images in ("a.jpg", ["a.jpg"], {"a": 1}, 7, [None], [[]]):
        refused(client.post(url, named(house, images=images)), "images")
    refused(client.post(url, named(house, images="a.jpg"), format="multipart"), "images")


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize("call", ["upload_images", "bulk_upload"])
def test_of_20_images_the_13th_is_broken(clients, make_house, photo, call):
    house = make_house()
    url = url_of(house, "upload_images/") if call == "upload_images" else BULK
    files = [photo(f"{n}.jpg") for n in range(20)]
    files[12] = photo("kitchen.jpg", data=JPEG[:-40])
    [message] = refused(clients["owner"].post(url, named(house, images=files), format="multipart"), "images")
    assert "13 (kitchen.jpg): " in message
    files[16] = photo("b\u202ed.svg", data=b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    for file in files:
        file.seek(0)
    messages = refused(clients["owner"].post(url, named(house, images=files), format="multipart"), "images")
    assert [" 13 (kitchen.jpg): " in messages[0], " 17 (bd.svg): " in messages[1], len(messages)] == [True, True, 2]


@pytest.mark.usefixtures("nothing_was_made")
def test_too_many_images_at_once(clients, make_house, photo):
    files = [photo() for _ in range(51)]
    [message] = refused(clients["owner"].post(BULK, named(make_house(), images=files), format="multipart"), "images")
    assert "50" in message
    answer = clients["owner"].post(BULK, {"images": [photo() for _ in range(101)]}, format="multipart")
    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")


def test_too_many_images_of_one_house(clients, make_house, fill, photo):
    house = make_house()
    fill(house, MAX_IMAGES - 1)
    upload = url_of(house, "upload_images/")
    [message] = refused(clients["owner"].post(upload, {"images": [photo(), photo()]}, format="multipart"), "images")
    assert str(MAX_IMAGES) in message
    assert clients["owner"].post(upload, {"images": [photo()]}, format="multipart").status_code == 201
    refused(clients["owner"].post(IMAGES, named(house, image=photo()), format="multipart"), "image")
    assert MediaAsset.objects.count() == PropertyImage.objects.count() == MAX_IMAGES


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize("url", [IMAGES, BULK])
def test_the_house_must_be_there_and_of_the_kind_that_is_named(clients, make_house, photo, url):
    make_house(), make_house("house_for_rent"), HouseForSale.objects.all().delete()
    rent = make_house("house_for_rent")

    def post(**reference):
        files = {"image": photo()} if url == IMAGES else {"images": [photo()]}
        return clients["owner"].post(url, {**reference, **files}, format="multipart")

    refused(post(), "content_type", "object_id")
    refused(post(content_type="house_for_rent"), "object_id")
    refused(post(object_id=rent.pk), "content_type")
    for kind in ("house_for_sale", "house_for_rent"):
        for pk in (rent.pk if kind == "house_for_sale" else 999_999, 0, -1, 10**19, "9" * 5000, "abc", "1.5", "", "\0"):
            refused(post(content_type=kind, object_id=pk), "object_id")
    for kind in ("houseforsale", "House_for_rent", "", "artwork", "\0", "x" * 5000):
        refused(post(content_type=kind, object_id=rent.pk), "content_type")
    refused(post(content_type=["house_for_rent", "house_for_sale"], object_id=rent.pk), "content_type")
    refused(post(content_type="house_for_rent", object_id=[rent.pk, rent.pk]), "object_id")
    for body in ({"content_type": [], "object_id": {}}, {"content_type": None, "object_id": None}):
        refused(clients["owner"].post(url, {**body, "images": [1], "image": 1}), "content_type", "object_id")


@pytest.mark.usefixtures("nothing_was_made")
@pytest.mark.parametrize(
    "data", [b"", b"hello", b"MZ\x90\x00" + bytes(500), JPEG[:-40], b"<svg xmlns='http://www.w3.org/2000/svg'/>"]
)
def test_what_is_not_an_accepted_image_is_refused_on_its_field(clients, make_house, photo, data):
    form = named(make_house(), image=photo("a.jpg", data=data))
    refused(clients["owner"].post(IMAGES, form, format="multipart"), "image")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("caption", value) for value in ("a\x00b", "x" * 256, ["a", "b"])],
        *[("is_main", value) for value in ("maybe", "2", ["true", "false"])],
        *[("order", value) for value in ("-1", "32768", "9" * 30, "x", "1.5", ["1", "2"])],
    ],
)
def test_bad_values_are_refused_by_name(clients, make_house, add, photo, field, value):
    house = make_house()
    [image] = add(house)
    owner, bad = clients["owner"], {field: value}
    refused(owner.post(IMAGES, named(house, image=photo(), **bad), format="multipart"), field)
    refused(owner.post(BULK, named(house, images=[photo()], **bad), format="multipart"), field)
    refused(owner.post(url_of(house, "upload_images/"), {"images": [photo()], **bad}, format="multipart"), field)
    refused(owner.patch(url_of(image), {"image": photo(), **bad}, format="multipart"), field)
    refused(owner.put(url_of(image), bad), field)
    refused(owner.patch(url_of(image), {field: None}), field)
    refused(owner.patch(url_of(image), {field: {"a": 1}}), field)
    assert list(MediaAsset.objects.values_list("pk", flat=True)) == [image.image_id]


@pytest.mark.parametrize("value", [None, "", "a.jpg", 7, [], {"key": "a"}])
def test_an_image_is_replaced_by_a_file_only(clients, make_house, add, value):
    [image] = add(make_house())
    refused(clients["owner"].patch(url_of(image), {"image": value}), "image")
    refused(clients["owner"].post(IMAGES, named(image.house, image=value)), "image")
    assert MediaAsset.objects.live().get() == image.image


def test_other_peoples_houses_are_refused_before_anything_is_looked_at(clients, make_house, add):
    house = make_house()
    add(house)
    for url, form in ((IMAGES, named(house)), (BULK, named(house, images=["x"])), (BULK, named(house, images=[1]))):
        assert clients["other"].post(url, form).status_code == 403
    assert mains(house)


@pytest.mark.parametrize("kind", HOUSE_MODELS)
def test_bad_houses_are_refused_on_their_field(clients, make_house, kind):
    house = make_house(kind)
    amount = house.AMOUNT
    texts = ["a\x00b", "x" * 10_001, ["a"], {"a": 1}, None]
    numbers = ["-1", "1001", "9" * 40, "x", [], None, "1.5", ""]
    sums = ["0", "-1", "0.001", "12345678901.00", "NaN", "Infinity", "1e400", "x", [], True, ""]
    for field, values in {
        **{key: [*texts, "", " "] for key in ("title", "address", "city")},
        "description": texts,
        **dict.fromkeys(("bedrooms", "bathrooms"), numbers),
        amount: [*sums, None],
        "area_m2": [*sums[:3], "12345678.00", *sums[4:-1]],
        "is_available": ["maybe", None, [], {"a": 1}, ""],
    }.items():
        for value in values:
            refused(clients["owner"].post(f"/api/{WIRE[kind]}/", {**house_form(kind), field: value}), field)
            refused(clients["owner"].patch(url_of(house), {field: value}), field)
    assert type(house).objects.count() == 1
    refused(clients["owner"].post(f"/api/{WIRE[kind]}/", {}), "address", "city", "title", amount)


@pytest.mark.parametrize("pk", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 5000, "%00", "é", "²"])
def test_ids_that_no_row_can_have(clients, pk):
    calls = ("secure_url/", "redirect_to_image/", "set_as_main/")
    for url in (
        *(f"/api/{name}/{pk}/{call}" for name in WIRE.values() for call in ("", "upload_images/")),
        *(f"{IMAGES}{pk}/{call}" for call in ("", *calls)),
    ):
        verbs = ("GET", "POST", "PUT", "PATCH", "DELETE")
        statuses = {clients["staff"].generic(verb, url).status_code for verb in verbs}
        assert statuses <= {404, 405} and 404 in statuses


def test_ids_that_no_row_has(clients, make_house, add):
    [image] = add(make_house())
    for url in ("/api/houses-for-sale/999/", "/api/houses-for-rent/999/", f"{IMAGES}999/"):
        for verb in ("get", "put", "patch", "delete"):
            assert getattr(clients["staff"], verb)(url).status_code == 404
    assert clients["staff"].post("/api/houses-for-sale/999/upload_images/").status_code == 404
    assert clients["staff"].patch(f"{IMAGES}999/set_as_main/").status_code == 404
    for verb, call in (("post", "set_as_main/"), ("post", "secure_url/"), ("delete", "redirect_to_image/")):
        assert getattr(clients["staff"], verb)(url_of(image, call)).status_code == 405
    assert clients["staff"].get(BULK).status_code == 405


PAGING = [
    *[(f"ordering={value}", "ordering") for value in ("title", "owner__password", "--created_at", "%00", "")],
    *[(f"limit={value}", "limit") for value in ("0", "101", "x", "-1", "%00", "")],
    *[(f"cursor={value}", "cursor") for value in ("x", "%00", "AAAA", "%ED%A0%80")],
]
IDS = ("x", "0", "-1", "1.5", "1e3", "%00", "9" * 30, "1&{}=2")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *PAGING,
        *[(f"content_type={value}", "content_type") for value in ("x", "%00", "houseforsale", "x" * 3000)],
        *[(f"object_id={value}".format("object_id"), "object_id") for value in IDS],
        *[(f"is_main={value}", "is_main") for value in ("maybe", "1", "%00", "true&is_main=false")],
    ],
)
def test_malformed_queries_for_images_are_refused_by_name(clients, query, field):
    refused(clients["other"].get(f"{IMAGES}?{query}"), field)


@pytest.mark.parametrize("name", WIRE.values())
@pytest.mark.parametrize(
    ("query", "field"),
    [
        *PAGING,
        *[(f"owner={value}".format("owner"), "owner") for value in IDS],
        *[(f"is_available={value}", "is_available") for value in ("maybe", "1", "%00")],
        *[(f"price_{end}={value}", f"price_{end}") for end in ("min", "max") for value in ("x", "-1", "NaN", "1e99")],
        *[(f"bedrooms_min={value}", "bedrooms_min") for value in ("x", "-1", "9" * 30, "1.5")],
        *[(f"{field}={value}", field) for field in ("city", "search") for value in ("a%00b", "x" * 3000)],
    ],
)
def test_malformed_queries_for_houses_are_refused_by_name(clients, name, query, field):
    refused(clients["other"].get(f"/api/{name}/?{query}"), field)


def test_an_owner_who_was_erased_meanwhile_is_not_found(make_house, photo, owner):
    from rest_framework.exceptions import NotFound

    house = make_house()
    type(owner).objects.filter(pk=owner.pk).delete()
    with pytest.raises(NotFound):
        image_services.images_add(house=house, images=[image_services.NewImage(photo())])
