"""Property images over HTTP: who may do what, what comes back, which one is the main one, where the files are."""

import re

import pytest
from django.core.files.storage import storages
from django.db import connection

from media_assets.models import MediaAsset, State
from properties.models import PropertyImage
from properties.tests.conftest import mains, url_of

pytestmark = pytest.mark.django_db

URL = "/api/property-images/"
KEYS = [
    *("id", "content_type", "object_id", "image", "image_url", "secure_url", "caption", "is_main", "order"),
    *("created_at", "media"),
]


def named(house, **fields):
    return {"content_type": house.CONTENT_TYPE, "object_id": house.pk, **fields}


def post(client, url, form, **headers):
    return client.post(url, form, format="multipart", headers=headers)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("who", "read", "write"), [("anonymous", 401, 401), ("other", 200, 403), ("owner", 200, 200), ("staff", 200, 200)]
)
def test_who_may_do_what(clients, house, add, photo, who, read, write):
    client, made = clients[who], 201 if write == 200 else write
    first, second = add(house, 2)
    assert client.get(URL).status_code == read
    assert client.get(url_of(first)).status_code == read
    assert client.get(url_of(first, "secure_url/")).status_code == read
    assert client.get(url_of(first, "redirect_to_image/")).status_code == (302 if read == 200 else read)
    assert post(client, URL, named(house, image=photo())).status_code == made
    assert post(client, f"{URL}bulk_upload/", named(house, images=[photo()])).status_code == made
    assert client.patch(url_of(second, "set_as_main/")).status_code == write
    assert mains(house) == [second.pk if write == 200 else first.pk]
    for verb in (client.put, client.patch):
        assert verb(url_of(first), {"caption": "New"}).status_code == write
        assert verb(url_of(first), {"order": -1}).status_code == (400 if write == 200 else write)
        assert verb(url_of(first), {"image": photo()}, format="multipart").status_code == write
    assert PropertyImage.objects.get(pk=first.pk).caption == ("New" if write == 200 else "")
    assert client.delete(url_of(first)).status_code == (204 if write == 200 else write)
    assert PropertyImage.objects.filter(pk=first.pk).exists() == (write != 200)
    assert MediaAsset.objects.live().count() == PropertyImage.objects.count()


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_an_image_is_answered_as_documented_and_always_private(clients, house, owner, photo, settings, visibility):
    settings.MEDIA_DEFAULT_VISIBILITY = visibility
    form = named(house, image=photo("kitchen.jpg"), caption="Kitchen", is_main=True, order=3)
    response = post(clients["staff"], URL, form)
    answer = response.json()
    assert response.status_code == 201, answer
    assert list(answer) == KEYS
    assert answer == answer | named(house, caption="Kitchen", is_main=True, order=3)
    folder = house.CONTENT_TYPE.replace("_", "")
    assert re.fullmatch(rf"properties/{folder}/{house.pk}/\d{{8}}_\d{{6}}_[0-9a-f]{{8}}\.jpg", answer["image"])
    assert answer["image_url"] == answer["secure_url"] == answer["media"]["url"]
    assert answer["secure_url"].startswith(f"http://testserver/media/private/{answer['image']}?expires=")
    assert answer["media"] == answer["media"] | {"state": "ready", "original_filename": "kitchen.jpg", "width": 64}
    asset = MediaAsset.objects.get()
    assert (asset.owner, asset.visibility, asset.storage) == (owner, "private", "local-private")
    nobody = clients["anonymous"]
    assert nobody.get(f"/media/{answer['image']}").status_code == 404
    assert nobody.get(answer["secure_url"].partition("?")[0]).status_code == 403
    assert b"".join(nobody.get(answer["secure_url"]).streaming_content)[:2] == b"\xff\xd8"
    assert clients["other"].get(f"{URL}{answer['id']}/").json() == answer
    assert clients["other"].get(url_of(house)).json()["images"] == [answer]


@pytest.mark.parametrize("call", ["upload_images", "bulk_upload"])
def test_several_images_come_back_as_an_array_in_their_order(clients, house, photo, call):
    url = url_of(house, "upload_images/") if call == "upload_images" else f"{URL}bulk_upload/"
    reference = {} if call == "upload_images" else named(house)
    files = [photo(f"{n}.png", "PNG", color=f"#{n}0{n}0{n}0") for n in range(3)]
    response = post(clients["owner"], url, {**reference, "images": files, "caption": "Room", "is_main": True})
    answer = response.json()
    assert response.status_code == 201, answer
    assert [list(one) for one in answer] == [KEYS] * 3
    assert [one["media"]["original_filename"] for one in answer] == ["0.png", "1.png", "2.png"]
    assert [(one["caption"], one["is_main"], one["order"]) for one in answer] == [
        ("Room", True, 0),
        ("Room", False, 1),
        ("Room", False, 2),
    ]
    more = post(clients["owner"], url, {**reference, "images": [photo(), photo()], "order": 7}).json()
    assert [(one["is_main"], one["order"]) for one in more] == [(False, 7), (False, 8)]
    taken = post(clients["owner"], url, {**reference, "images": [photo()], "is_main": "true"}).json()
    assert (mains(house), taken[0]["order"]) == ([taken[0]["id"]], 9)
    shown = clients["other"].get(url_of(house)).json()["images"]
    assert [one["id"] for one in shown] == [one["id"] for one in [*answer, *more, *taken]]


@pytest.mark.parametrize("call", ["upload_images", "bulk_upload", "one"])
def test_same_idempotency_key_uploads_once(clients, make_house, photo, call):
    house = make_house()

    def send(caption="A"):
        form = {"image": photo()} if call == "one" else {"images": [photo("a.jpg"), photo("b.jpg")]}
        url = {"upload_images": url_of(house, "upload_images/"), "bulk_upload": f"{URL}bulk_upload/", "one": URL}[call]
        return post(clients["owner"], url, named(house, caption=caption) | form, **{"Idempotency-Key": "4711"})

    first, again = send(), send()
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert PropertyImage.objects.count() == MediaAsset.objects.count() == (1 if call == "one" else 2)
    assert send("B").status_code == 422
    PropertyImage.objects.first().delete()
    left = send()
    assert left.status_code == (404 if call == "one" else 201)
    assert call == "one" or [one["id"] for one in left.json()] == [first.json()[1]["id"]]
    PropertyImage.objects.all().delete()
    assert send().status_code == 404


def test_the_first_image_is_the_main_one_and_stays_so_alone(clients, house, add):
    [alone] = add(house, is_main=False)
    answer = clients["owner"].patch(url_of(alone), {"is_main": False, "caption": "Kept"}).json()
    assert (answer["is_main"], answer["caption"]) == (True, "Kept")
    [other] = add(house, is_main=False)
    assert mains(house) == [alone.pk]
    assert clients["owner"].patch(url_of(other), {"is_main": False}).json()["is_main"] is False
    assert mains(house) == [alone.pk]
    assert clients["owner"].patch(url_of(alone), {"is_main": False}).json()["is_main"] is False
    assert mains(house) == [other.pk]
    put = clients["owner"].put(url_of(alone), {"is_main": "true"}, format="multipart").json()
    assert put["is_main"] is True
    assert clients["owner"].put(url_of(alone), {"caption": "A form"}, format="multipart").json()["is_main"] is True
    assert mains(house) == [alone.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["api", "instance", "queryset"])
def test_when_the_main_one_goes_the_next_takes_its_place(clients, house, make_house, add, how):
    stranger = make_house(house.CONTENT_TYPE)
    [kept] = add(stranger)
    rows = add(house, 4)
    clients["owner"].patch(url_of(rows[3]), {"order": 1})  # beside the second, but younger
    clients["owner"].patch(url_of(rows[2]), {"order": 0})  # beside the first, but younger
    clients["owner"].patch(url_of(rows[1], "set_as_main/"))
    gone = [rows[1]]
    if how == "api":
        assert clients["owner"].delete(url_of(rows[1])).status_code == 204
        assert clients["owner"].delete(url_of(rows[1])).status_code == 404
    elif how == "instance":
        rows[1].delete()
    else:
        gone.append(rows[0])
        PropertyImage.objects.filter(pk__in=[row.pk for row in gone]).delete()
    assert mains(house) == [rows[2].pk if how == "queryset" else rows[0].pk]
    assert mains(stranger) == [kept.pk]
    assert not any(storages[row.image.storage].exists(row.image.key) for row in gone)
    assert clients["owner"].delete(url_of(rows[3])).status_code == 204
    assert len(mains(house)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_new_file_takes_the_place_of_the_old_one(clients, house, add, photo):
    [image] = add(house, caption="Kept")
    old = image.image
    before = clients["owner"].get(url_of(image)).json()
    for who, verb in (("owner", "patch"), ("staff", "put")):
        form = {"image": photo("new.png", "PNG")}
        answer = getattr(clients[who], verb)(url_of(image), form, format="multipart").json()
        moved = ("image", "image_url", "secure_url", "media")
        assert answer == before | {name: answer[name] for name in moved}
        assert set(MediaAsset.objects.live().values_list("key", "owner", "visibility")) == {
            (answer["image"], house.owner_id, "private")
        }
    assert not storages[old.storage].exists(old.key)


def test_the_house_of_an_image_stays(clients, house, make_house, add):
    [image], other = add(house), make_house("house_for_rent")
    answer = clients["owner"].patch(url_of(image), named(other, order=5)).json()
    assert answer == answer | named(house, order=5)


def test_what_is_not_ready_or_not_configured_is_said(clients, make_house, add):
    [image] = add(make_house())
    for state, code in ((State.PROCESSING, "image_processing"), (State.FAILED, "image_failed")):
        MediaAsset.objects.update(state=state)
        for call in ("secure_url/", "redirect_to_image/"):
            answer = clients["other"].get(url_of(image, call))
            assert (answer.status_code, answer.json()["code"]) == (409, code)
    MediaAsset.objects.update(state=State.READY, storage="s3-private")
    shown = clients["other"].get(url_of(image)).json()
    assert (shown["secure_url"], shown["image_url"], shown["media"]["state"]) == (None, None, "unavailable")
    for call in ("secure_url/?expiration=60", "redirect_to_image/"):
        answer = clients["other"].get(url_of(image, call))
        assert answer.status_code == 500
        assert answer.json() == {"error": "Could not generate secure URL", "code": "cannot_sign"}


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_move(clients, make_house, photo, monkeypatch):
    house, seen = make_house(), []
    storage = type(storages["local-private"])
    create = storage.create
    monkeypatch.setattr(
        storage, "create", lambda *args, **kwargs: seen.append(connection.in_atomic_block) or create(*args, **kwargs)
    )
    assert post(clients["owner"], URL, named(house, image=photo())).status_code == 201
    assert post(clients["owner"], url_of(house, "upload_images/"), {"images": [photo(), photo()]}).status_code == 201
    form = {"image": photo()}
    image = PropertyImage.objects.first()
    assert clients["owner"].patch(url_of(image), form, format="multipart").status_code == 200
    assert seen == [False] * 4
