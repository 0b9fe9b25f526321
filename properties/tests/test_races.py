"""Several at once: threads with connections of their own, on the real database."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models.signals import pre_delete

from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage
from properties.models import HOUSE_MODELS, PropertyImage
from properties.tests.conftest import mains, url_of
from users.services import user_delete

pytestmark = pytest.mark.django_db(transaction=True)
BULK = "/api/property-images/bulk_upload/"


def at_once(*calls):
    """Run these on threads that start together; their results, or exceptions, in order."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def statuses(answers):
    return [getattr(answer, "status_code", answer) for answer in answers]


def nothing_is_stored():
    assets = MediaAsset.objects.all()
    assert not assets.live().exists()
    return not any(storages[asset.storage].exists(asset.key) for asset in assets)


def named(house, **fields):
    return {"content_type": house.CONTENT_TYPE, "object_id": house.pk, **fields}


def test_16_clients_set_the_main_image(house, fill, owner, client_of):
    rows = fill(house, 16)
    calls = [lambda row=row: client_of(owner).patch(url_of(row, "set_as_main/")) for row in rows]
    answers = at_once(*calls)
    assert statuses(answers) == [200] * 16
    assert len(mains(house)) == 1
    assert mains(house)[0] in {row.pk for row in rows}


def test_16_first_images_at_once(house, owner, client_of, photo):
    pairs = [(client_of(owner), photo(f"{n}.jpg")) for n in range(16)]
    form = named(house, is_main=True)
    answers = at_once(
        *[
            lambda client=client, file=file, n=n: client.post(
                "/api/property-images/",
                form | {"image": file} | ({"is_main": False} if n % 2 else {}),
                format="multipart",
            )
            for n, (client, file) in enumerate(pairs)
        ]
    )
    assert statuses(answers) == [201] * 16
    assert len(mains(house)) == 1
    assert sorted(PropertyImage.objects.of(house).values_list("order", flat=True)) == list(range(16))
    assert MediaAsset.objects.live().count() == 16


@pytest.mark.parametrize("attempt", range(4))
def test_the_main_image_is_deleted_while_another_is_set(make_house, fill, owner, client_of, attempt):
    house = make_house()
    rows = fill(house, 6)
    delete = [lambda row=row: client_of(owner).delete(url_of(row)) for row in rows[:3]]
    choose = [lambda row=row: client_of(owner).patch(url_of(row, "set_as_main/")) for row in rows[1:5]]
    step_down = [lambda row=row: client_of(owner).patch(url_of(row), {"is_main": False}) for row in (rows[0], rows[5])]
    answers = at_once(*delete, *choose, *step_down)
    assert statuses(answers)[:3] == [204] * 3
    assert set(statuses(answers)[3:]) <= {200, 404}
    assert len(mains(house)) == 1


@pytest.mark.parametrize("how", ["api", "row", "account"])
def test_bulk_upload_while_the_property_is_deleted(make_house, add, people, client_of, photo, monkeypatch, how):
    """The house goes while the files are being written."""
    house = make_house()
    add(house)
    delete = {
        "api": lambda: client_of(people["owner"]).delete(url_of(house)),
        "row": lambda: house.delete(),
        "account": lambda: user_delete(user=people["owner"]),
    }[how]
    staff, write, written = client_of(people["staff"]), LocalStorage.create, []

    def create(*args, **kwargs):
        write(*args, **kwargs)
        written.append(args)
        if len(written) == 2:
            at_once(delete)

    files = [photo(f"{n}.jpg") for n in range(3)]
    monkeypatch.setattr(LocalStorage, "create", create)
    answer = staff.post(BULK, named(house, images=files), format="multipart")
    assert answer.status_code in ((404,) if how != "account" else (404, 503))
    assert not PropertyImage.objects.exists()
    assert nothing_is_stored()


@pytest.mark.parametrize("how", ["api", "row", "account"])
@pytest.mark.parametrize("attempt", range(3))
def test_uploads_that_race_with_a_delete_leave_nothing(make_house, add, people, client_of, photo, how, attempt):
    house = make_house()
    [image] = add(house)
    staff = [client_of(people["staff"]) for _ in range(5)]
    files = [[photo(f"{n}{m}.jpg") for m in range(2)] for n in range(3)]
    uploads = [
        lambda client=client, pair=pair: client.post(BULK, named(house, images=pair), format="multipart")
        for client, pair in zip(staff, files, strict=False)
    ]
    delete = {
        "api": lambda: client_of(people["owner"]).delete(url_of(house)),
        "row": lambda: house.delete(),
        "account": lambda: user_delete(user=people["owner"]),
    }[how]
    replacement = photo()
    answers = at_once(
        delete,
        *uploads,
        lambda: staff[3].patch(url_of(image), {"image": replacement}, format="multipart"),
        lambda: staff[4].patch(url_of(image, "set_as_main/")),
    )
    assert not isinstance(answers[0], Exception), answers[0]
    assert set(statuses(answers)[1:]) <= {200, 201, 400, 404, 503}, answers  # 400: no such house any more
    assert not PropertyImage.objects.exists()
    assert nothing_is_stored()


def test_pictures_that_race_leave_one_and_lose_none(make_house, add, owner, client_of, photo):
    [image] = add(make_house())
    pairs = [(client_of(owner), photo(f"{n}.jpg")) for n in range(6)]
    answers = at_once(
        *[lambda c=c, file=file: c.patch(url_of(image), {"image": file}, format="multipart") for c, file in pairs]
    )
    assert statuses(answers) == [200] * 6
    image.refresh_from_db()
    assert list(MediaAsset.objects.live()) == [image.image]
    assert storages[image.image.storage].exists(image.image.key)
    assert MediaAsset.objects.filter(state=State.TOMBSTONE).count() == 6


@pytest.mark.parametrize("path", ["house", "queryset", "owner"])
@pytest.mark.parametrize("kind", HOUSE_MODELS)
def test_images_that_come_after_the_cascade_was_collected_go_too(make_house, fill, owner, kind, path):
    """A delete that takes no lock first (the admin, a script): its foreign keys must still hold at commit."""
    house = make_house(kind)
    fill(house, 2)

    def late(**kwargs):
        if PropertyImage.objects.count() == 2:
            fill(house, 1)

    receivers = pre_delete.receivers
    pre_delete.receivers = []
    pre_delete.connect(late)  # before ours
    pre_delete.receivers += receivers
    pre_delete.sender_receivers_cache.clear()
    try:
        with transaction.atomic():
            {"house": house, "queryset": type(house).objects.all(), "owner": owner}[path].delete()
    finally:
        pre_delete.receivers = receivers
        pre_delete.sender_receivers_cache.clear()
    assert not PropertyImage.objects.exists()
    assert set(MediaAsset.objects.values_list("state", flat=True)) == {State.TOMBSTONE}
    assert MediaAsset.objects.count() == 3
