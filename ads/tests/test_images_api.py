"""The images of an ad over HTTP: uploading, order, limits, and what becomes of the files."""

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ads.models import MAX_IMAGES, Ad, AdImage
from media_assets.gallery import MAX_ORDER
from media_assets.models import MediaAsset, State

pytestmark = pytest.mark.django_db(transaction=True)


def url_of(ad, path=""):
    return f"/api/ads/{ad.pk}/{path}"


def upload(client, ad, file, key=None, **form):
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(url_of(ad, "upload_image/"), {"image": file, **form}, format="multipart", headers=headers)


def shown(client, ad):
    return [(image["id"], image["order"]) for image in client.get(url_of(ad)).json()["images"]]


def test_uploads_stand_in_their_order(clients, ad, photo):
    made = [upload(clients["owner"], ad, photo("same.jpg"), **form).json() for form in ({}, {}, {"order": 1}, {})]
    ids = [image["id"] for image in made]
    assert [image["order"] for image in made] == [0, 1, 1, 2]
    assert [pk for pk, _ in shown(clients["anonymous"], ad)] == ids
    assert len({image["image"] for image in made}) == 4
    answer = clients["anonymous"].get(url_of(ad)).json()
    assert answer["main_image_url"] == made[0]["image_url"] == answer["images"][0]["image_url"]
    clients["owner"].patch(url_of(ad, f"images/{ids[0]}/"), {"order": MAX_ORDER})
    assert clients["anonymous"].get(url_of(ad)).json()["main_image_url"] == made[1]["image_url"]
    assert upload(clients["owner"], ad, photo()).json()["order"] == MAX_ORDER  # there is no later place: the id decides
    assert [order for _, order in shown(clients["anonymous"], ad)] == [1, 1, 2, MAX_ORDER, MAX_ORDER]


def test_image_belongs_to_the_owner_of_the_ad_whoever_uploads(clients, ad, photo):
    assert upload(clients["staff"], ad, photo("a.png", "PNG"), alt_text=" front ").json()["alt_text"] == "front"
    asset = MediaAsset.objects.get()
    assert (asset.owner, asset.state, asset.key) == (ad.owner, State.READY, f"ads/ad_{ad.pk}/a.png")
    assert storages[asset.storage].open(asset.key).read()[1:4] == b"PNG"


@pytest.mark.parametrize("changes", [{"alt_text": "New"}, {"order": 7}, {"alt_text": "", "order": 0}, {}])
def test_change_of_text_and_place(clients, ad, add_image, photo, changes):
    image = add_image(ad, alt_text="Old", order=3)
    before = clients["owner"].get(url_of(ad)).json()["images"][0]
    for fmt in ("json", "multipart"):
        sent = {**changes, "id": 99, **({"image": photo("other.jpg")} if fmt == "multipart" else {"image": "x"})}
        answer = clients["owner"].patch(url_of(ad, f"images/{image.pk}/"), sent, format=fmt)
        assert (answer.status_code, answer.json()) == (200, before | changes)  # the picture is never replaced
    assert clients["owner"].get(url_of(ad)).json()["images"] == [before | changes]
    assert MediaAsset.objects.count() == 1


def test_deleted_image_takes_its_file_along(clients, ad, add_image):
    gone, kept = add_image(ad), add_image(ad)
    assert clients["owner"].delete(url_of(ad, f"images/{gone.pk}/")).status_code == 204
    assert clients["owner"].delete(url_of(ad, f"images/{gone.pk}/")).status_code == 404
    assert not storages[gone.image.storage].exists(gone.image.key)
    assert [asset.key for asset in MediaAsset.objects.live()] == [kept.image.key]
    assert clients["owner"].get(url_of(ad)).json()["main_image_url"].endswith(kept.image.key)


def test_image_of_another_ad_is_not_found(clients, make_ad, add_image):
    mine, image = make_ad(), add_image(make_ad())
    for verb in ("patch", "delete"):
        assert getattr(clients["owner"], verb)(url_of(mine, f"images/{image.pk}/"), {}).status_code == 404
    assert clients["owner"].get(url_of(image.ad, f"images/{image.pk}/")).status_code == 405
    assert AdImage.objects.get() == image


def test_reordering_names_every_image_once(clients, make_ad, add_image):
    ad = make_ad()
    a, b, c = (add_image(ad, order=5).pk for _ in range(3))
    stranger = add_image(make_ad()).pk
    for wrong, said in (
        ([a, b], f"Not named: {c}."),
        ([], f"Not named: {a}, {b}, {c}."),
        ([a, b, c, c], f"Named more than once: {c}."),
        ([a, b, c, stranger], f"Not among the images here: {stranger}."),
    ):
        answer = clients["owner"].post(url_of(ad, "reorder_images/"), {"ids": wrong})
        assert (answer.status_code, answer.json()) == (400, {"ids": [said]})
    assert shown(clients["owner"], ad) == [(a, 5), (b, 5), (c, 5)]
    for ids, fmt in (([c, a, b], "json"), ([b, c, a], "multipart")):
        answer = clients["owner"].post(url_of(ad, "reorder_images/"), {"ids": ids}, format=fmt)
        assert [image["id"] for image in answer.json()["images"]] == ids
        assert shown(clients["anonymous"], ad) == [*zip(ids, (0, 1, 2), strict=True)]
        first = answer.json()["images"][0]
        assert answer.json()["main_image_url"] == first["image_url"]
    assert clients["owner"].post(url_of(make_ad(), "reorder_images/"), {"ids": []}).status_code == 200


def test_same_idempotency_key_uploads_once(clients, make_ad, photo):
    ad, other = make_ad(), make_ad()
    first, again = (upload(clients["owner"], ad, photo(), "4711", order=2) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    assert upload(clients["owner"], ad, photo(), "4711", order=3).status_code == 422
    assert upload(clients["owner"], other, photo(), "4711", order=2).status_code == 422
    assert AdImage.objects.count() == MediaAsset.objects.live().count() == 1
    clients["owner"].delete(url_of(ad, f"images/{first.json()['id']}/"))
    assert upload(clients["owner"], ad, photo(), "4711", order=2).status_code == 404


def test_no_more_images_than_the_limit(clients, fill, photo, monkeypatch):
    (ad,) = fill(1, MAX_IMAGES)
    written = []
    storage = type(storages["local-public"])
    monkeypatch.setattr(storage, "create", lambda *args, **kwargs: written.append(args))
    answer = upload(clients["owner"], ad, photo())
    text = f"There can be at most {MAX_IMAGES} images here. Delete some first."
    assert (answer.status_code, answer.json(), written) == (400, {"image": [text]}, [])
    assert ad.images.count() == MAX_IMAGES


def test_change_of_images_is_a_change_of_the_ad(clients, ad, photo, add_image):
    image = add_image(ad)
    for verb, path, body in (
        ("post", "upload_image/", {"image": photo()}),
        ("patch", f"images/{image.pk}/", {"order": 4}),
        ("delete", f"images/{image.pk}/", None),
    ):
        before = Ad.objects.get().updated_at
        getattr(clients["owner"], verb)(url_of(ad, path), body, format="multipart")
        assert Ad.objects.get().updated_at > before, path


def test_no_transaction_is_open_while_bytes_move(clients, ad, photo, monkeypatch):
    seen = []
    storage = type(storages["local-public"])
    create = storage.create
    monkeypatch.setattr(
        storage, "create", lambda *args, **kwargs: seen.append(connection.in_atomic_block) or create(*args, **kwargs)
    )
    assert upload(clients["owner"], ad, photo()).status_code == 201
    assert seen == [False]


def test_reordering_costs_the_same_for_2_and_50_images(clients, fill):
    costs = set()
    for count in (2, 50):
        (ad,) = fill(1, count)
        ids = [*ad.images.values_list("pk", flat=True)][::-1]
        with CaptureQueriesContext(connection) as made:
            assert clients["owner"].post(url_of(ad, "reorder_images/"), {"ids": ids}).status_code == 200
        costs.add(len(made))
    assert len(costs) == 1


@pytest.mark.s3
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_images_on_s3_come_and_go(clients, ad, photo, s3_site, s3_client, s3_bucket, visibility):
    s3_site(MEDIA_DEFAULT_VISIBILITY=visibility)
    made = [upload(clients["owner"], ad, photo("phone_photo.jpg")).json() for _ in range(2)]
    folder = "media/ads" if visibility == "public" else "ads"

    def stored():
        return {item["Key"] for item in s3_client.list_objects_v2(Bucket=s3_bucket).get("Contents", [])}

    assert {key.rpartition("/")[0] for key in stored()} == {f"{folder}/ad_{ad.pk}"}
    listed = clients["anonymous"].get("/api/ads/").json()[0]
    assert [image["image"] for image in listed["images"]] == [image["image"] for image in made]
    assert listed["main_image_url"].partition("?")[0].endswith(f"/{folder}/ad_{ad.pk}/phone_photo.jpg")
    assert ("X-Amz-Signature" in listed["main_image_url"]) == (visibility == "private")
    clients["owner"].delete(url_of(ad, f"images/{made[0]['id']}/"))
    assert {key.rpartition("/")[2] for key in stored()} == {made[1]["image"].rpartition("/")[2]}
    clients["owner"].delete(url_of(ad))
    assert stored() == set()
