"""Houses over HTTP: who may do what, what comes back, what goes with a house that is deleted."""

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media_assets.models import MediaAsset, State
from properties.models import HOUSE_MODELS, PropertyImage
from properties.tests.conftest import AMOUNTS, WIRE, house_form, url_of
from users.services import user_delete

pytestmark = pytest.mark.django_db


def keys_of(kind):
    amount = AMOUNTS[kind]
    return [
        *("id", "title", "description", "address", "city", amount, "bedrooms", "bathrooms", "area_m2"),
        *("is_available", "owner", "images", "created_at", "updated_at"),
    ]


@pytest.mark.parametrize(
    ("who", "read", "make", "write"),
    [("anonymous", 401, 401, 401), ("other", 200, 201, 403), ("owner", 200, 201, 200), ("staff", 200, 201, 200)],
)
def test_who_may_do_what(clients, house, photo, who, read, make, write):
    client, kind = clients[who], house.CONTENT_TYPE
    url, form = f"/api/{WIRE[kind]}/", house_form(kind, title="New")
    assert client.get(url).status_code == read
    assert client.get(url_of(house)).status_code == read
    assert client.post(url, form).status_code == make
    assert client.put(url_of(house), form).status_code == write
    assert client.patch(url_of(house), {"title": "Patched"}).status_code == write
    house.refresh_from_db()
    assert house.title == ("Patched" if write == 200 else "House with a garden")
    refused = client.patch(url_of(house), {"title": ""})  # permission comes before validation
    assert refused.status_code == (400 if write == 200 else write)
    upload = client.post(url_of(house, "upload_images/"), {"images": [photo()]}, format="multipart")
    assert upload.status_code == (201 if write == 200 else write)
    assert client.post(url_of(house, "upload_images/")).status_code == (400 if write == 200 else write)
    assert PropertyImage.objects.count() == MediaAsset.objects.count() == (write == 200)
    assert client.delete(url_of(house)).status_code == (204 if write == 200 else write)
    assert type(house).objects.filter(pk=house.pk).exists() == (write != 200)


@pytest.mark.parametrize("kind", HOUSE_MODELS)
@pytest.mark.parametrize("fmt", ["json", "multipart"])
def test_a_house_is_answered_as_documented(clients, owner, kind, fmt):
    rooms = {"bedrooms": 3, "bathrooms": 2, "area_m2": "142.50"}
    form = house_form(kind, description="Three floors", **rooms)
    response = clients["owner"].post(f"/api/{WIRE[kind]}/", form, format=fmt)
    answer = response.json()
    assert response.status_code == 201, answer
    assert list(answer) == keys_of(kind)
    assert answer == answer | form | {"owner": owner.pk, "images": [], "is_available": True}
    assert len(answer["created_at"]) == 20 and answer["created_at"].endswith("Z")
    assert clients["other"].get(f"/api/{WIRE[kind]}/{answer['id']}/").json() == answer
    bare = clients["owner"].post(f"/api/{WIRE[kind]}/", house_form(kind), format=fmt).json()
    assert bare == bare | {"description": "", "bedrooms": 0, "bathrooms": 0, "area_m2": None, "is_available": True}


@pytest.mark.parametrize("fmt", ["json", "multipart"])
def test_changes_leave_alone_what_they_do_not_name(clients, make_house, people, add, fmt):
    house = make_house(description="Kept", bedrooms=4, is_available=False)
    add(house)
    before = clients["other"].get(url_of(house)).json()
    sent = house_form(title="Changed", owner=people["staff"].pk, id=1)
    after = clients["owner"].put(url_of(house), sent, format=fmt).json()
    assert after == before | {"title": "Changed", "updated_at": after["updated_at"]}
    assert clients["owner"].patch(url_of(house), {}, format=fmt).json() == after
    sold = clients["staff"].patch(url_of(house), {"is_available": True, "images": []}).json()
    assert sold == after | {"is_available": True, "updated_at": sold["updated_at"]}


@pytest.mark.parametrize("fmt", ["json", "multipart"])
def test_same_idempotency_key_offers_once(clients, fmt):
    def post(title="A"):
        form = house_form(title=title)
        return clients["owner"].post("/api/houses-for-sale/", form, format=fmt, headers={"Idempotency-Key": "4711"})

    first, again = post(), post()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert post("B").status_code == 422
    clients["owner"].delete(f"/api/houses-for-sale/{first.json()['id']}/")
    assert post().status_code == 404  # what it made is gone; it is not made again


@pytest.mark.django_db(transaction=True)
def test_deleting_a_house_costs_the_same_with_1_and_50_images_and_takes_their_objects(clients, make_house, add):
    costs = []
    for count in (1, 50):
        house = make_house()
        assets = [image.image for image in add(house, count)]
        with CaptureQueriesContext(connection) as made:
            assert clients["owner"].delete(url_of(house)).status_code == 204
        costs.append(len(made))
        assert not any(storages[asset.storage].exists(asset.key) for asset in assets)
    assert costs[0] == costs[1], costs
    assert set(MediaAsset.objects.values_list("state", flat=True)) == {State.TOMBSTONE}
    assert not PropertyImage.objects.exists()
    assert clients["owner"].delete(url_of(house)).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_a_bare_house_is_deleted_and_others_are_left_alone(clients, make_house, add):
    bare, other = make_house(), make_house("house_for_rent")  # the same id, of another kind
    [kept] = add(other)
    assert clients["owner"].delete(url_of(bare)).status_code == 204
    assert storages[kept.image.storage].exists(kept.image.key)
    assert PropertyImage.objects.get() == kept


@pytest.mark.django_db(transaction=True)
def test_an_account_is_erased_with_houses_images_and_objects(clients, owner, people, make_house, add):
    assets = [image.image for kind in HOUSE_MODELS for image in add(make_house(kind), 3)]
    [kept] = add(make_house(owner=people["other"]))
    by_staff = clients["staff"]
    user_delete(user=owner)
    assert not any(storages[asset.storage].exists(asset.key) for asset in assets)
    assert list(PropertyImage.objects.all()) == [kept]
    assert [answer["owner"] for answer in by_staff.get("/api/houses-for-sale/").json()] == [people["other"].pk]
    assert set(MediaAsset.objects.live()) == {kept.image}
