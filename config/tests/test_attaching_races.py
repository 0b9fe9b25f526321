"""One upload, several at once: threads with connections of their own, on the real database."""

from datetime import timedelta
from typing import Any

import pytest

from artworks.models import ArtWork
from media_assets.models import MediaAsset, State, Upload
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.uploads import complete_upload
from media_assets.uploads.services import upload_delete
from users.models import User
from users.services import user_delete
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def kept_objects() -> list[str]:
    """What lies in the storages after a sweep."""
    sweep(grace=timedelta(0))
    aliases = ("local-public", "local-private")
    return [item.key for alias in aliases for item in get_storage(alias).list_objects()]


def test_of_8_that_attach_one_upload_one_does(anna: Any, client_of: Any, photo: Any) -> None:
    upload = complete_upload(photo("sea.jpg"), owner=anna)
    clients = [client_of(anna) for _ in range(8)]
    sent = {"title": "Sea", "upload_id": str(upload.upload_id)}
    answers = at_once([lambda client=client: client.post("/api/artworks/", sent) for client in clients])
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"upload_attached"}
    [artwork] = ArtWork.objects.all()
    assert MediaAsset.objects.live().get() == artwork.image == Upload.objects.get(pk=upload.pk).attached_asset
    assert kept_objects() == [artwork.image.key]


def test_of_different_resources_that_take_one_upload_one_does(anna: Any, client_of: Any, photo: Any) -> None:
    upload = complete_upload(photo("sea.jpg"), owner=anna)
    clients = [client_of(anna) for _ in range(3)]
    named = {"upload_id": str(upload.upload_id)}
    answers = at_once(
        [
            lambda: clients[0].post("/api/artworks/", {"title": "Sea", **named}),
            lambda: clients[1].patch("/api/users/me/", named),
            lambda: clients[2].post("/api/images/upload/", named),
        ]
    )
    assert sorted(answer.status_code // 100 for answer in answers) == [2, 4, 4]
    assert [MediaAsset.objects.live().get().key] == kept_objects()


def test_one_key_from_8_at_once_attaches_once(anna: Any, client_of: Any, photo: Any) -> None:
    upload = complete_upload(photo("sea.jpg"), owner=anna)
    clients = [client_of(anna) for _ in range(8)]
    sent, key = {"title": "Sea", "upload_id": str(upload.upload_id)}, {"HTTP_IDEMPOTENCY_KEY": "one"}
    answers = at_once([lambda client=client: client.post("/api/artworks/", sent, **key) for client in clients])
    made = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    waiting = {answer.json()["code"] for answer in answers if answer.status_code != 201}
    assert len(made) == 1 and waiting <= {"idempotency_in_progress"}
    assert clients[0].post("/api/artworks/", sent, **key).json()["id"] in made


@pytest.mark.parametrize("attempt", range(3))
def test_attached_or_deleted_never_both(anna: Any, client_of: Any, photo: Any, attempt: int) -> None:
    upload = complete_upload(photo("sea.jpg"), owner=anna)
    client = client_of(anna)
    sent = {"title": "Sea", "upload_id": str(upload.upload_id)}

    def delete() -> Any:
        try:
            upload_delete(upload)
        except Exception as error:
            return error
        return None

    results = at_once([lambda: client.post("/api/artworks/", sent), delete])
    [answer] = [result for result in results if getattr(result, "status_code", 0) and hasattr(result, "json")]
    [deleted] = [result for result in results if result is not answer]
    if answer.status_code == 201:
        assert deleted.get_codes() == "upload_attached"
        assert kept_objects() == [ArtWork.objects.get().image.key]
    else:
        assert deleted is None and answer.status_code in (400, 409), answer.json()
        assert not ArtWork.objects.exists() and kept_objects() == []


@pytest.mark.parametrize("attempt", range(3))
def test_attaching_while_the_owner_is_erased_leaves_nothing(
    anna: Any, client_of: Any, photo: Any, attempt: int
) -> None:
    uploads = [complete_upload(photo(f"{n}.jpg"), owner=anna) for n in range(3)]
    clients = [client_of(anna) for _ in uploads]
    sent = [{"title": "Sea", "upload_id": str(upload.upload_id)} for upload in uploads]
    posts = [
        lambda client=client, form=form: client.post("/api/artworks/", form)
        for client, form in zip(clients, sent, strict=True)
    ]
    results = at_once([lambda: user_delete(user=anna), *posts])
    answers = [result.status_code for result in results if result is not None]
    assert set(answers) <= {201, 400, 401, 409, 503}, results
    assert not User.objects.filter(pk=anna.pk).exists()
    assert not ArtWork.objects.exists() and not Upload.objects.filter(owner__isnull=False).exists()
    assert kept_objects() == []
    assert not MediaAsset.objects.exclude(state=State.TOMBSTONE).exists()
