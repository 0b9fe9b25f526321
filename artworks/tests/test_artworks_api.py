"""Artworks over HTTP: who may do what, what comes back, what happens to the picture."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from artworks.models import ArtWork, ArtWorkTag
from media_assets.models import MediaAsset, State

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/api/artworks/"
FORM = {
    "title": "Mountain Landscape",
    "description": "A beautiful mountain landscape painting",
    "medium": "Oil on canvas",
    "dimensions": "24x36 inches",
    "tags": "landscape,mountains,nature",
}
KEYS = [
    *("id", "title", "description", "image", "image_url", "image_display_url", "created_at", "updated_at", "author"),
    *("medium", "dimensions", "tags", "likes_count", "reviews_count", "is_liked", "media"),
]


def url_of(artwork):
    return f"{URL}{artwork.pk}/"


def live_keys():
    return set(MediaAsset.objects.live().values_list("key", flat=True))


@pytest.mark.parametrize(
    ("who", "read", "make", "write"),
    [("anonymous", 200, 401, 401), ("other", 200, 201, 403), ("author", 200, 201, 200), ("staff", 200, 201, 200)],
)
def test_who_may_do_what(clients, artwork, who, read, make, write):
    client = clients[who]
    assert client.get(URL).status_code == read
    assert client.get(url_of(artwork)).status_code == read
    assert client.post(URL, {"title": "New"}).status_code == make
    assert client.put(url_of(artwork), {"title": "Put"}).status_code == write
    assert client.patch(url_of(artwork), {"title": "Patched"}).status_code == write
    assert ArtWork.objects.get(pk=artwork.pk).title == ("Patched" if write == 200 else "Mountain Landscape")
    refused = client.patch(url_of(artwork), {"title": ""})  # permission comes before validation
    assert refused.status_code == (400 if write == 200 else write)
    assert client.delete(url_of(artwork)).status_code == (204 if write == 200 else write)
    assert ArtWork.objects.filter(pk=artwork.pk).exists() == (write != 200)
    if write == 401:
        assert client.delete(url_of(artwork)).headers["WWW-Authenticate"].startswith("Bearer")


def test_form_with_a_picture_is_answered_as_documented(clients, author, photo):
    response = clients["author"].post(URL, {**FORM, "image": photo("mountain_landscape.jpg")}, format="multipart")
    answer = response.json()
    assert response.status_code == 201, answer
    assert list(answer) == KEYS
    assert answer == answer | FORM | {"likes_count": 0, "reviews_count": 0, "is_liked": False, "image_url": ""}
    assert answer["image"] == "artworks/mountain_landscape.jpg"
    assert answer["author"] == {
        "id": author.pk,
        "username": "artist1",
        "email": "artist1@example.com",
        "first_name": "John",
        "last_name": "Doe",
    }
    assert answer["image_display_url"] == answer["media"]["url"] == f"http://testserver/media/{answer['image']}"
    assert (answer["media"]["width"], answer["media"]["height"], answer["media"]["state"]) == (64, 48, "ready")
    assert len(answer["created_at"]) == 20 and answer["created_at"].endswith("Z")
    assert clients["author"].get(f"{URL}{answer['id']}/").json() == answer
    asset = MediaAsset.objects.get()
    assert (asset.owner, asset.state) == (author, State.READY)
    assert storages[asset.storage].open(asset.key).read()[:2] == b"\xff\xd8"


def test_email_of_the_author_is_for_those_signed_in(clients, artwork, review):
    for url in (URL, url_of(artwork), f"{url_of(artwork)}reviews/", f"/api/reviews/{review.pk}/"):
        for who, email in (("anonymous", None), ("other", "artist1@example.com")):
            answer = clients[who].get(url).json()
            assert (answer[0] if isinstance(answer, list) else answer)["author"]["email"] == email


def test_external_picture_is_shown_and_never_fetched(clients):
    external = "http://127.0.0.1:9/closed.jpg"
    answer = clients["author"].post(URL, {"title": "A", "image_url": external}).json()
    assert answer == answer | {"image": None, "image_url": external, "image_display_url": external, "media": None}
    bare = clients["author"].post(URL, {"title": "A"}).json()
    assert bare == bare | {"image": None, "image_url": "", "image_display_url": None, "media": None}


def test_new_picture_takes_the_place_of_the_old_one(clients, make_artwork, photo):
    artwork = make_artwork(with_image=True)
    old = artwork.image
    for who, verb in (("author", "patch"), ("staff", "put")):
        change = {"title": "B", "image": photo("new.png", "PNG")}
        answer = getattr(clients[who], verb)(url_of(artwork), change, format="multipart").json()
        assert live_keys() == {answer["image"]} != {old.key}
        assert MediaAsset.objects.get(key=answer["image"]).owner == artwork.author
    assert not storages[old.storage].exists(old.key)


@pytest.mark.parametrize(("value", "fmt"), [(None, "json"), ("", "json"), ("", "multipart")])
def test_picture_is_removed_by_null_or_empty(clients, make_artwork, value, fmt):
    artwork = make_artwork(with_image=True, image_url="https://example.com/a.jpg")
    answer = clients["author"].patch(url_of(artwork), {"image": value}, format=fmt).json()
    assert (answer["image"], answer["media"]) == (None, None)
    assert answer["image_display_url"] == "https://example.com/a.jpg"
    assert live_keys() == set()
    assert not storages[artwork.image.storage].exists(artwork.image.key)


def test_changes_leave_alone_what_they_do_not_name(clients, make_artwork):
    artwork = make_artwork(with_image=True, description="Kept", tags="a,b")
    before = clients["author"].get(url_of(artwork)).json()
    after = clients["author"].put(url_of(artwork), {"title": "Changed", "likes_count": 9, "author": 1, "id": 1}).json()
    assert after == before | {"title": "Changed", "updated_at": after["updated_at"]}
    assert clients["author"].patch(url_of(artwork), {}).json() == after
    assert live_keys() == {artwork.image.key}


def test_refused_change_writes_nothing(clients, make_artwork, photo):
    artwork = make_artwork(with_image=True)
    refused = clients["author"].patch(url_of(artwork), {"title": "", "image": photo("x.jpg")}, format="multipart")
    assert (refused.status_code, list(refused.json())) == (400, ["title"])
    assert set(MediaAsset.objects.values_list("key", flat=True)) == {artwork.image.key}


def test_deleted_artwork_takes_its_picture_along(clients, make_artwork):
    artwork = make_artwork(with_image=True, tags="a,b")
    assert clients["author"].delete(url_of(artwork)).status_code == 204
    assert clients["author"].delete(url_of(artwork)).status_code == 404
    assert live_keys() == set()
    assert not storages[artwork.image.storage].exists(artwork.image.key)
    assert not ArtWorkTag.objects.exists()


@pytest.mark.parametrize(
    ("sent", "kept", "keys"),
    [
        ("landscape,mountains,nature", "landscape,mountains,nature", {"landscape", "mountains", "nature"}),
        (" Oil ,,oil, OIL,\tSea  side ,", "Oil,Sea  side", {"oil", "sea  side"}),
        ("Été,e\u0301te\u0301", "Été", {"été"}),
        (",".join("x" * 480 for _ in range(9)) and ", " * 400 + "x", "x", {"x"}),
        (",".join(str(n) for n in range(50)), ",".join(str(n) for n in range(50)), {str(n) for n in range(50)}),
        ("", "", set()),
    ],
)
def test_tags_are_tidied_and_indexed(clients, artwork, sent, kept, keys):
    answer = clients["author"].patch(url_of(artwork), {"tags": sent})
    assert (answer.status_code, answer.json()["tags"]) == (200, kept)
    assert set(artwork.tag_rows.values_list("tag", flat=True)) == keys


@pytest.mark.parametrize("tags", ["x" * 101, "İ" * 60, ",".join(str(n) for n in range(51)), "abcdefghi," * 60])
def test_too_many_or_too_long_tags_are_refused(clients, artwork, tags):
    tags = ",".join(f"{n}{tag}" for n, tag in enumerate(tags.split(","))) if len(tags) > 500 else tags
    answer = clients["author"].patch(url_of(artwork), {"tags": tags})
    assert (answer.status_code, list(answer.json())) == (400, ["tags"])


def test_same_idempotency_key_creates_once(clients, photo):
    def post(title, key="4711"):
        form = {"title": title, "image": photo()}
        return clients["author"].post(URL, form, format="multipart", headers={"Idempotency-Key": key})

    first, again = post("A"), post("A")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (ArtWork.objects.count(), MediaAsset.objects.count()) == (1, 1)
    assert post("B").status_code == 422
    clients["author"].delete(f"{URL}{first.json()['id']}/")
    assert post("A").status_code == 404  # what it made is gone; it is not made again


def test_refused_post_frees_its_idempotency_key(clients, photo):
    def post(**form):
        return clients["author"].post(URL, form, format="multipart", headers={"Idempotency-Key": "4711"})

    assert post(title="", image=photo()).status_code == 400
    assert post(title="A", image=photo()).status_code == 201
    assert ArtWork.objects.count() == MediaAsset.objects.live().count() == 1


def test_no_transaction_is_open_while_bytes_move(clients, photo, monkeypatch):
    seen = []
    storage = type(storages["local-public"])
    create = storage.create
    monkeypatch.setattr(
        storage, "create", lambda *args, **kwargs: seen.append(connection.in_atomic_block) or create(*args, **kwargs)
    )
    assert clients["author"].post(URL, {"title": "A", "image": photo()}, format="multipart").status_code == 201
    assert seen == [False]


def test_one_artwork_costs_one_query_and_the_sign_in(clients, make_artwork):
    artwork = make_artwork(with_image=True)
    for who, queries in (("anonymous", 1), ("other", 2)):
        with CaptureQueriesContext(
            connection,
        ) as made:
            clients[who].get(url_of(artwork))
        assert len(made) == queries


def test_a_new_artwork_is_answered_from_what_was_written(clients, photo):
    with CaptureQueriesContext(connection) as made:
        answer = clients["author"].post(URL, {"title": "A", "image": photo()}, format="multipart")
    verbs = [query["sql"].split()[0] for query in made]
    # Who calls; what they store already, before the asset and with it; the asset, the artwork, the asset's publication.
    written = [verb for verb in verbs if verb not in ("BEGIN", "COMMIT")]
    assert written == ["SELECT", "SELECT", "INSERT", "SELECT", "INSERT", "UPDATE"]
    plain = clients["author"].post(URL, {"title": "B", "tags": "b, a", "image_url": "https://example.com/b.jpg"})
    for made in (answer.json(), plain.json()):
        assert made == clients["author"].get(f"{URL}{made['id']}/").json()


def test_storage_that_cannot_be_written_is_503_and_leaves_nothing(clients, make_artwork, photo):
    artwork = make_artwork()
    root = Path(settings.MEDIA_ROOT)
    root.write_text("a file where the folder should be")
    try:
        for verb, url in (("post", URL), ("patch", url_of(artwork))):
            form = {"title": "B", "image": photo()}
            headers = {"Idempotency-Key": verb}
            answer = getattr(clients["author"], verb)(url, form, format="multipart", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
            assert int(answer.headers["Retry-After"]) > 0
    finally:
        root.unlink()
    assert list(ArtWork.objects.values_list("title", flat=True)) == ["Mountain Landscape"]
    assert live_keys() == set()
    form = {"title": "B", "image": photo()}
    again = clients["author"].post(URL, form, format="multipart", headers={"Idempotency-Key": "post"})
    assert again.status_code == 201
