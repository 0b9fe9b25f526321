"""DELETE /api/users/me/ leaves nothing of an account, and nobody else's anything touched."""

import pytest
from django.core.files.storage import storages
from django.db import OperationalError, transaction
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken
from rest_framework_simplejwt.tokens import RefreshToken

from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.services import asset_publish, stored_image
from users import services
from users.models import User
from users.tests.threads import at_once

ME = "/api/users/me/"
pytestmark = pytest.mark.django_db(transaction=True)


def stored(key):
    return storages["local-public"].exists(key)


def published(owner, photo, folder="loose"):
    """An asset of ``owner`` that no row points at."""
    file = ImageUploadField().run_validation(photo())
    with stored_image(file, owner=owner, folder=folder) as asset, transaction.atomic():
        asset_publish(asset)
    return asset


def test_erasure_takes_rows_sessions_and_files_along(client_of, make_user, photo):
    anna, other = make_user("anna"), make_user("other")
    client, bystander = client_of(anna), client_of(other)
    refresh = str(RefreshToken.for_user(anna))
    for one in (client, bystander):
        assert one.patch(ME, {"avatar": photo()}, format="multipart").status_code == 200
        form = {"title": "Mine", "image": photo()}
        assert one.post("/api/artworks/", form, format="multipart").status_code == 201
    loose, kept = published(anna, photo), published(other, photo)
    used_by_other = published(anna, photo)
    User.objects.filter(pk=make_user("third").pk).update(avatar=used_by_other)
    keys = set(MediaAsset.objects.filter(owner=anna).values_list("key", flat=True)) - {used_by_other.key}
    assert len(keys) == 3
    assert loose.key in keys

    answer = client.delete(ME)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not User.objects.filter(pk=anna.pk).exists()
    assert not any(stored(key) for key in keys)
    assert set(MediaAsset.objects.filter(key__in=keys).values_list("state", flat=True)) == {State.TOMBSTONE}
    live = MediaAsset.objects.live()
    assert set(live.values_list("owner", flat=True)) == {other.pk, None}
    assert all(stored(asset.key) for asset in live)
    assert {kept.key, used_by_other.key} < {asset.key for asset in live}
    assert set(OutstandingToken.objects.values_list("user", flat=True)) == {other.pk}

    gone = client.get(ME)
    assert (gone.status_code, gone.json()["code"]) == (401, "user_not_found")
    assert client_of().post("/api/auth/token/refresh/", {"refresh": refresh}).status_code == 401
    assert client_of().post("/api/auth/logout/", {"refresh": refresh}).status_code == 204
    assert bystander.get(ME).json()["avatar_url"]
    login = client_of().post("/api/auth/login/", {"email": "anna@example.com", "password": "Pass-word-1"})
    assert login.status_code == 401


def test_erasure_in_batches(make_user, photo, monkeypatch):
    anna = make_user("anna")
    monkeypatch.setattr(services, "ASSETS_PER_BATCH", 2)
    keys = [published(anna, photo).key for _ in range(5)]
    services.user_delete(user=anna)
    assert not any(stored(key) for key in keys)
    services.user_delete(user=anna)  # again: nothing is left to do


def test_an_erasure_that_fails_erases_nothing(make_user, photo, monkeypatch):
    anna = make_user("anna")
    key = published(anna, photo).key
    RefreshToken.for_user(anna)

    def fail(ids):
        raise RuntimeError("the database went away")

    monkeypatch.setattr(services, "assets_discard", fail)
    with pytest.raises(RuntimeError):
        services.user_delete(user=anna)
    assert User.objects.filter(pk=anna.pk).exists()
    assert OutstandingToken.objects.count() == 1
    assert stored(key)


def test_erasure_and_a_new_avatar_at_once_leave_no_live_file(client_of, make_user, photo):
    anna = make_user("anna")
    sender, eraser, picture = client_of(anna), client_of(anna), photo()
    answers = at_once(
        [
            lambda: sender.patch(ME, {"avatar": picture}, format="multipart").status_code,
            lambda: eraser.delete(ME).status_code,
        ]
    )
    assert 204 in answers
    assert set(answers) <= {200, 204, 401, 404, 503}
    assert not MediaAsset.objects.live().exists()
    assert not any(stored(asset.key) for asset in MediaAsset.objects.all())
    assert not OutstandingToken.objects.filter(user__isnull=False).exists()


class _Deadlock(Exception):
    pgcode = services.DEADLOCK


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [1, services.ERASURE_TRIES])
def test_an_erasure_that_the_database_gave_up_begins_anew(make_user, monkeypatch, times) -> None:
    erase, calls = services.uploads_erase, []

    def unlucky(*, owner: User) -> None:
        calls.append(owner)
        if len(calls) <= times:
            raise OperationalError("deadlock detected") from _Deadlock()
        erase(owner=owner)

    monkeypatch.setattr(services, "uploads_erase", unlucky)
    user = make_user()
    if times == services.ERASURE_TRIES:
        with pytest.raises(OperationalError):
            services.user_delete(user=user)
        assert User.objects.exists()
    else:
        services.user_delete(user=user)
        assert not User.objects.exists()
