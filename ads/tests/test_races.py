"""Several at once: threads with connections of their own, on the real database."""

import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import storages

from ads.image_services import image_delete, images_reorder
from ads.models import MAX_IMAGES, Ad, AdImage
from ads.services import ad_delete, ads_mark_sold
from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage
from users.services import user_delete
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def url_of(ad, path=""):
    return f"/api/ads/{ad.pk}/{path}"


def files():
    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return {str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file()}


def require_nothing_lost():
    """No live asset without its row and its object, no object without a live asset."""
    live = MediaAsset.objects.live()
    assert {asset.pk for asset in live} == set(AdImage.objects.values_list("image", flat=True))
    assert files() == {asset.key for asset in live}
    assert all(storages[asset.storage].exists(asset.key) for asset in live)
    assert not MediaAsset.objects.filter(state__in=(State.RESERVED, State.DISCARDED)).exists()


@pytest.fixture
def uploader(client_of, photo):
    """``uploader(user, ad)``: a call that uploads one picture and gives the answer."""

    def make(user, ad, **form):
        client, file = client_of(user), photo("same.jpg")
        return lambda: client.post(url_of(ad, "upload_image/"), {"image": file, **form}, format="multipart")

    return make


@pytest.fixture
def while_bytes_move(monkeypatch):
    """``while_bytes_move(deed)``: it happens once, in a thread of its own, after the object was written."""

    def arrange(deed):
        write, pending = LocalStorage.create, [deed]

        def create(*args, **kwargs):
            write(*args, **kwargs)
            if pending:
                at_once([pending.pop()])

        monkeypatch.setattr(LocalStorage, "create", create)

    return arrange


def test_sold_twice_at_once_is_sold_once(ad, people, client_of):
    calls = [client_of(people[who]) for who in ("owner", "staff") for _ in range(4)]
    answers = at_once([lambda client=client: client.post(url_of(ad, "mark_sold/")) for client in calls])
    assert {(answer.status_code, answer.json()["is_sold"]) for answer in answers} == {(200, True)}
    assert len({answer.json()["updated_at"] for answer in answers}) == 1
    Ad.objects.update(is_sold=False)
    assert sorted(at_once([lambda: ads_mark_sold(ad_ids=[ad.pk])] * 8)) == [0] * 7 + [1]


def test_sold_while_it_is_changed_and_deleted(ad, owner, client_of):
    sold, changed, deleted = (client_of(owner) for _ in range(3))
    answers = at_once(
        [
            lambda: sold.post(url_of(ad, "mark_sold/")).status_code,
            lambda: changed.patch(url_of(ad), {"title": "B"}).status_code,
            lambda: deleted.delete(url_of(ad)).status_code,
        ]
    )
    assert set(answers) <= {200, 204, 404} and 204 in answers
    assert not Ad.objects.exists()


def test_a_change_does_not_undo_a_sale(ad, owner, client_of, monkeypatch):
    from ads import services

    ad_update = services.ad_update

    def late(**kwargs):
        ads_mark_sold(ad_ids=[ad.pk])  # after the view has read the ad
        ad_update(**kwargs)

    monkeypatch.setattr(services, "ad_update", late)
    answer = client_of(owner).patch(url_of(ad), {"title": "B"}).json()
    assert (answer["title"], answer["is_sold"]) == ("B", True)


def test_16_uploads_at_once_stand_one_after_another(ad, owner, uploader):
    answers = at_once([uploader(owner, ad) for _ in range(16)])
    assert [answer.status_code for answer in answers] == [201] * 16
    assert list(ad.images.values_list("order", flat=True)) == list(range(16))
    assert len(files()) == 16
    require_nothing_lost()


def test_the_limit_holds_for_uploads_at_once(fill, owner, uploader):
    (ad,) = fill(1, MAX_IMAGES - 2)
    answers = at_once([uploader(owner, ad) for _ in range(6)])
    assert sorted(answer.status_code for answer in answers) == [201] * 2 + [400] * 4
    assert (ad.images.count(), len(files())) == (MAX_IMAGES, 2)
    assert MediaAsset.objects.live().count() == MAX_IMAGES


@pytest.mark.parametrize("how", ["service", "row", "owner"])
def test_an_upload_while_the_ad_is_deleted_leaves_nothing(ad, people, uploader, while_bytes_move, how):
    deeds = {
        "service": lambda: ad_delete(ad_id=ad.pk),
        "row": lambda: Ad.objects.get(pk=ad.pk).delete(),
        "owner": lambda: user_delete(user=people["owner"]),
    }
    while_bytes_move(deeds[how])
    answer = uploader(people["staff"], ad)()
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (Ad.objects.count(), AdImage.objects.count(), files()) == (0, 0, set())
    require_nothing_lost()


@pytest.mark.parametrize("attempt", range(3))
def test_uploads_that_race_with_deletes_are_done_or_not_found(ad, add_image, people, client_of, uploader, attempt):
    add_image(ad)
    clients = [client_of(people[who]) for who in ("owner", "staff")]
    answers = at_once(
        [
            *(uploader(people["owner"], ad) for _ in range(4)),
            *(lambda client=client: client.delete(url_of(ad)) for client in clients),
            lambda: Ad.objects.filter(pk=ad.pk).delete(),
        ]
    )
    assert len(answers) == 7
    assert {answer.status_code for answer in answers if not isinstance(answer, tuple)} <= {201, 204, 404}
    assert not Ad.objects.exists()
    require_nothing_lost()


@pytest.mark.parametrize("attempt", range(2))
def test_an_account_erased_while_its_ads_change(ad, add_image, people, client_of, uploader, attempt):
    image, owner = add_image(ad), people["owner"]
    staff, seller = client_of(people["staff"]), client_of(owner)
    answers = at_once(
        [
            lambda: user_delete(user=owner),
            uploader(people["staff"], ad),
            lambda: seller.post("/api/ads/", {"title": "B", "price": "1"}),
            lambda: staff.patch(url_of(ad, f"images/{image.pk}/"), {"order": 3}),
            lambda: staff.post(url_of(ad, "reorder_images/"), {"ids": [image.pk]}),
        ]
    )
    assert len(answers) == 5
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 201, 400, 401, 404, 503}
    assert not Ad.objects.exists()
    require_nothing_lost()


@pytest.mark.parametrize("attempt", range(3))
def test_an_image_deleted_while_they_are_reordered(ad, add_image, owner, client_of, attempt):
    ids = [add_image(ad).pk for _ in range(4)]
    deletes, reorders, moves = client_of(owner), client_of(owner), client_of(owner)
    answers = at_once(
        [
            lambda: deletes.delete(url_of(ad, f"images/{ids[1]}/")),
            lambda: reorders.post(url_of(ad, "reorder_images/"), {"ids": ids[::-1]}),
            lambda: moves.patch(url_of(ad, f"images/{ids[1]}/"), {"alt_text": "late"}),
        ]
    )
    by_verb = {answer.request["REQUEST_METHOD"]: answer for answer in answers}
    assert by_verb["DELETE"].status_code == 204
    assert by_verb["PATCH"].status_code in (200, 404)
    reordered = by_verb["POST"]
    if reordered.status_code == 400:
        assert reordered.json() == {"ids": [f"Not among the images here: {ids[1]}."]}
    left = list(ad.images.values_list("pk", flat=True))
    one_less = [pk for pk in ids if pk != ids[1]]
    assert left == (one_less if reordered.status_code == 400 else one_less[::-1])
    require_nothing_lost()


def test_reordering_waits_for_an_open_delete(ad, add_image):
    """The delete holds the ad until it commits: an order that names the image is refused, not half written."""
    from django.db import transaction
    from rest_framework.exceptions import ValidationError

    ids, refused = [add_image(ad).pk for _ in range(2)], []

    def reorder():
        try:
            images_reorder(ad_id=ad.pk, ids=ids[::-1])
        except ValidationError as error:
            refused.append(error.detail)

    thread = threading.Thread(target=lambda: at_once([reorder]))
    with transaction.atomic():
        image_delete(ad_id=ad.pk, image_id=ids[0])
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(30)
    assert [list(detail) for detail in refused] == [["ids"]]
    assert AdImage.objects.get().order == 1
