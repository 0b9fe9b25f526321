"""The private library over HTTP: nobody but its owner sees, changes or deletes anything in it."""

import re

import pytest
import requests
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from images.models import LibraryImage
from media_assets.models import MediaAsset, State
from users.services import user_delete

pytestmark = pytest.mark.django_db

URL = "/api/images/"
UPLOAD = f"{URL}upload/"
TEXT = {"title": "My Image", "description": "A beautiful landscape"}
KEYS = ["id", "user", "image", "image_url", "title", "description", "uploaded_at", "updated_at", "media"]


def url_of(image, call=""):
    return f"{URL}{image.pk}/{call}"


def upload(client, photo, name="filename.jpg", headers=None, **form):
    return client.post(UPLOAD, {"image": photo(name), **form}, format="multipart", headers=headers or {})


@pytest.mark.parametrize("how", ["", "delete/"])
@pytest.mark.parametrize(
    ("who", "listed", "made", "one"), [("anonymous", 401, 401, 401), ("other", 200, 201, 404), ("staff", 200, 201, 404)]
)
def test_what_is_somebody_elses_is_not_there(clients, store, photo, how, who, listed, made, one):
    image, client = store(title="Kept"), clients[who]
    assert client.get(URL).status_code == listed
    assert listed != 200 or client.get(URL).json() == []
    for answer in (
        client.get(url_of(image)),
        client.patch(url_of(image), {"title": "New"}),
        client.patch(url_of(image), {"title": "x" * 256}),
        client.delete(url_of(image, how)),
    ):
        assert answer.status_code == one
        assert one != 404 or answer.json() == {"detail": "Not found.", "code": "not_found"}
    assert upload(client, photo).status_code == made
    image.refresh_from_db()
    assert image.title == "Kept"
    assert [row["id"] for row in clients["owner"].get(URL).json()] == [image.pk]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["", "delete/"])
def test_the_owner_reads_changes_and_deletes(clients, store, how):
    image, client = store(**TEXT), clients["owner"]
    before = client.get(url_of(image)).json()
    changed = client.patch(url_of(image), {"title": "New", "user": 1, "id": 9, "image": None})
    assert changed.status_code == 200
    assert changed.json() == before | {"title": "New", "updated_at": changed.json()["updated_at"]}
    assert client.patch(url_of(image), {"title": "", "description": ""}, format="multipart").json()["title"] == ""
    assert client.patch(url_of(image), {}).status_code == 200
    assert client.put(url_of(image), TEXT).status_code == 405
    assert client.post(URL, TEXT).status_code == client.get(UPLOAD).status_code == 405
    gone = client.delete(url_of(image, how))
    assert (gone.status_code, gone.content) == (204, b"")
    assert client.delete(url_of(image, how)).status_code == client.get(url_of(image)).status_code == 404
    assert not storages["local-private"].exists(image.image.key)
    assert MediaAsset.objects.get().state == State.TOMBSTONE


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_an_upload_is_answered_as_documented_and_always_private(clients, owner, photo, settings, visibility):
    settings.MEDIA_DEFAULT_VISIBILITY = visibility
    response = upload(clients["owner"], photo, **TEXT)
    answer = response.json()
    assert response.status_code == 201, answer
    assert list(answer) == KEYS
    assert answer == answer | TEXT
    asset = MediaAsset.objects.get()
    assert re.fullmatch(
        rf"images/{owner.pk}/[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}_filename\.jpg", asset.key
    )
    assert (asset.owner, asset.visibility, asset.storage) == (owner, "private", "local-private")
    assert answer["image"].startswith(f"/media/private/{asset.key}?expires=")
    assert answer["image_url"] == answer["media"]["url"] == f"http://testserver{answer['image']}"
    named = {"id": owner.pk, "email": "johndoe@example.com", "username": "johndoe"}
    assert answer["user"] == {**named, "date_joined": answer["user"]["date_joined"]}
    times = (answer["uploaded_at"], answer["updated_at"], answer["user"]["date_joined"])
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", moment) for moment in times)
    nobody = clients["anonymous"]
    assert b"".join(nobody.get(answer["image"]).streaming_content)[:2] == b"\xff\xd8"
    assert nobody.get(answer["image"].partition("?")[0]).status_code == 403
    assert nobody.get(f"/media/{asset.key}").status_code == 404
    bare = upload(clients["owner"], photo).json()
    assert (bare["title"], bare["description"]) == ("", "")
    assert clients["owner"].get(f"{URL}{answer['id']}/").json() == answer
    assert clients["owner"].get(URL).json() == [bare, answer]


def test_an_address_of_its_own_leaves_the_path_relative(clients, photo, settings):
    settings.PUBLIC_BASE_URL = "https://vitrine.example"
    answer = upload(clients["owner"], photo).json()
    assert answer["image"].startswith("/media/private/images/")
    assert answer["image_url"] == f"https://vitrine.example{answer['image']}"
    assert clients["owner"].get(URL).json() == [answer]


def test_same_idempotency_key_uploads_once(clients, photo):
    def send(**form):
        return upload(clients["owner"], photo, headers={"Idempotency-Key": "4711"}, **form)

    assert upload(clients["owner"], photo, title="x" * 256, headers={"Idempotency-Key": "4711"}).status_code == 400
    first, again = send(**TEXT), send(**TEXT)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert LibraryImage.objects.count() == MediaAsset.objects.live().count() == 1
    assert send(title="B").status_code == 422
    clients["owner"].delete(f"{URL}{first.json()['id']}/")
    assert send(**TEXT).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_an_account_is_erased_with_its_library(clients, owner, store, photo):
    keys = [store(f"{n}.jpg").image.key for n in range(3)]
    kept = upload(clients["other"], photo).json()
    user_delete(user=owner)
    assert not any(storages["local-private"].exists(key) for key in keys)
    assert LibraryImage.objects.get().pk == kept["id"]
    assert clients["owner"].get(URL).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_move(clients, photo, monkeypatch):
    seen, storage = [], type(storages["local-private"])
    create = storage.create
    monkeypatch.setattr(
        storage, "create", lambda *args, **kwargs: seen.append(connection.in_atomic_block) or create(*args, **kwargs)
    )
    assert upload(clients["owner"], photo).status_code == 201
    assert seen == [False]


@pytest.mark.django_db(transaction=True)
def test_an_account_erased_while_its_upload_is_written_leaves_nothing(clients, owner, photo, monkeypatch):
    storage = type(storages["local-private"])
    create = storage.create

    def erase(*args, **kwargs):
        create(*args, **kwargs)
        user_delete(user=owner)

    monkeypatch.setattr(storage, "create", erase)
    assert upload(clients["owner"], photo).status_code == 401
    assert not LibraryImage.objects.exists() and not MediaAsset.objects.live().exists()
    assert not any(storages["local-private"].exists(key) for key in MediaAsset.objects.values_list("key", flat=True))


@pytest.mark.s3
@pytest.mark.django_db(transaction=True)
def test_on_s3_the_image_is_its_full_url(clients, photo, s3_site, s3_client, s3_bucket):
    on_disk = upload(clients["owner"], photo).json()
    lines = s3_site()
    answer = upload(clients["owner"], photo, **TEXT).json()
    assert answer["image"] == answer["image_url"] == answer["media"]["url"]
    assert answer["image"].startswith(f"{lines['AWS_S3_ENDPOINT_URL']}/{s3_bucket}/private/images/")
    assert requests.get(answer["image"], timeout=10).content[:2] == b"\xff\xd8"
    assert requests.get(answer["image"].partition("?")[0], timeout=10).status_code == 403
    shown = {one["id"]: one for one in clients["owner"].get(URL).json()}
    assert shown == {one["id"]: one for one in (answer, on_disk)}  # what was on disk before is still read there
    assert clients["owner"].delete(f"{URL}{answer['id']}/delete/").status_code == 204
    assert "Contents" not in s3_client.list_objects_v2(Bucket=s3_bucket)


def test_one_image_costs_one_query_and_the_sign_in(clients, store):
    url = url_of(store())
    with CaptureQueriesContext(connection) as made:
        assert clients["owner"].get(url).status_code == 200
    assert len(made) == 2
