"""Avatars: in as a file, out as a URL; replaced and removed with nothing left behind."""

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test.utils import CaptureQueriesContext

from media_assets.models import MediaAsset, State
from users.models import User
from users.tests.threads import at_once

ME = "/api/users/me/"
pytestmark = pytest.mark.django_db(transaction=True)


def send(client, file, path=ME, **fields):
    return client.patch(path, {"avatar": file, **fields}, format="multipart")


def states():
    return dict(MediaAsset.objects.values_list("key", "state"))


def stored(key):
    return storages["local-public"].exists(key)


def test_an_avatar_goes_in_and_its_url_delivers_it(client_of, make_user, photo):
    anna = make_user("anna")
    picture = photo("profile.jpg")
    body = send(client_of(anna), picture, f"/api/users/{anna.pk}/", first_name="Anna").json()
    key = f"avatars/user_{anna.pk}/profile.jpg"
    assert (body["avatar"], body["first_name"]) == (key, "Anna")
    assert body["avatar_url"] == body["media"]["url"] == f"http://testserver/media/{key}"
    assert (body["media"]["state"], body["media"]["width"], body["media"]["height"]) == ("ready", 64, 48)
    picture.seek(0)
    delivered = client_of().get(body["avatar_url"])
    assert b"".join(delivered.streaming_content) == picture.read()
    assert client_of().get(f"/api/users/{anna.pk}/").json() == {**body, "email": None}
    assert MediaAsset.objects.get().owner == anna


def test_staff_change_the_avatar_of_another_for_them(client_of, make_user, photo):
    anna, staff = make_user("anna"), make_user("staff", is_staff=True)
    body = send(client_of(staff), photo(), f"/api/users/{anna.pk}/").json()
    assert body["avatar"].startswith(f"avatars/user_{anna.pk}/")
    assert MediaAsset.objects.get().owner == anna


def test_a_replaced_avatar_is_discarded(client_of, make_user, photo):
    client = client_of(make_user("anna"))
    first = send(client, photo()).json()["avatar"]
    second = send(client, photo(color="red")).json()["avatar"]
    assert first != second
    assert states() == {first: State.TOMBSTONE, second: State.READY}
    assert (stored(first), stored(second)) == (False, True)
    assert client.patch(ME, {"first_name": "x"}).json()["avatar"] == second


@pytest.mark.parametrize("how", [{"avatar": None}, "empty form value"])
def test_an_avatar_is_removed(client_of, make_user, photo, how):
    client = client_of(make_user("anna"))
    key = send(client, photo()).json()["avatar"]
    answer = client.patch(ME, how) if isinstance(how, dict) else send(client, "")
    assert (answer.status_code, [answer.json()[name] for name in ("avatar", "avatar_url", "media")]) == (
        200,
        [None] * 3,
    )
    assert (states(), stored(key)) == ({key: State.TOMBSTONE}, False)
    assert client.patch(ME, {"avatar": None}).status_code == 200


BAD_FILES = {
    "text": ("a.jpg", b"not an image"),
    "empty": ("a.jpg", b""),
    "svg": ("a.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
    "executable": ("a.png", b"MZ" + bytes(200)),
    "truncated": ("a.jpg", None),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_what_is_no_image_is_refused_and_changes_nothing(client_of, make_user, photo, name):
    client = client_of(make_user("anna"))
    key = send(client, photo()).json()["avatar"]
    filename, data = BAD_FILES[name]
    answer = send(client, photo(filename, data=photo().read()[:-40] if data is None else data), first_name="x")
    assert (answer.status_code, set(answer.json())) == (400, {"avatar"})
    assert states() == {key: State.READY}
    assert client.get(ME).json()["first_name"] == ""


@pytest.mark.parametrize("body", [{"avatar": "a.jpg"}, {"avatar": ""}, {"avatar": {"a": 1}}, {"avatar": 7}])
def test_json_where_a_file_is_due(client_of, make_user, body):
    answer = client_of(make_user("anna")).patch(ME, body)
    assert (answer.status_code, set(answer.json())) == (400, {"avatar"})


def test_two_files_where_one_is_due(client_of, make_user, photo):
    answer = send(client_of(make_user("anna")), [photo("a.jpg"), photo("b.jpg")])
    assert (answer.status_code, set(answer.json())) == (400, {"avatar"})
    assert not MediaAsset.objects.exists()


@pytest.mark.parametrize(
    "name", ["../../evil.jpg", "a\0b.jpg", "n" * 300 + ".jpg", "\U0001f600.jpg", "a\u202egpj.exe", "a.jpg.php"]
)
def test_any_file_name_makes_a_safe_key(client_of, make_user, photo, name):
    anna = make_user("anna")
    upload = photo()
    upload._name = name
    body = send(client_of(anna), upload).json()
    folder, _, filename = body["avatar"].rpartition("/")
    assert folder == f"avatars/user_{anna.pk}"
    assert filename.endswith(".jpg")
    assert filename.isprintable()
    assert len(filename) < 200
    assert client_of().get(body["avatar_url"]).status_code == 200


def test_a_refused_change_leaves_no_file(client_of, make_user, photo, monkeypatch):
    anna = make_user("anna")
    make_user("other")
    assert send(client_of(anna), photo(), username="Other").status_code == 400
    assert not MediaAsset.objects.exists()
    # The name is taken between validation and writing.
    monkeypatch.setattr("users.serializers.ProfileUpdateSerializer.validate_username", lambda self, value: value)
    answer = send(client_of(anna), photo(), username="Other")
    assert (answer.status_code, set(answer.json())) == (400, {"username"})
    ((key, state),) = states().items()
    assert (state, stored(key)) == (State.TOMBSTONE, False)


def test_a_user_erased_while_the_file_is_stored(client_of, make_user, photo, monkeypatch):
    anna = make_user("anna")
    create = type(storages["local-public"]).create

    def create_and_erase(self, *args, **kwargs):
        User.objects.filter(pk=anna.pk).delete()
        return create(self, *args, **kwargs)

    monkeypatch.setattr(type(storages["local-public"]), "create", create_and_erase)
    assert send(client_of(anna), photo()).status_code == 404
    ((key, state),) = states().items()
    assert (state, stored(key)) == (State.TOMBSTONE, False)


@pytest.mark.parametrize(("with_avatar", "me", "page"), [(False, 1, 2), (True, 2, 2)])
def test_reading_a_profile_costs_a_fixed_number_of_queries(client_of, make_user, photo, with_avatar, me, page):
    anna = make_user("anna")
    client = client_of(anna)
    if with_avatar:
        send(client, photo())
    for asking, path, most in ((client, ME, me), (client, f"/api/users/{anna.pk}/", page)):
        with CaptureQueriesContext(connection) as queries:
            assert asking.get(path).status_code == 200
        assert len(queries) == most
    with CaptureQueriesContext(connection) as queries:
        assert client_of().get(f"/api/users/{anna.pk}/").status_code == 200
    assert len(queries) == 1


def test_avatars_sent_at_once_leave_exactly_the_one_that_is_used(client_of, make_user, photo):
    anna = make_user("anna")
    pairs = [(client_of(anna), photo(color=f"#{n}0{n}0{n}0")) for n in range(6)]
    answers = at_once([lambda pair=pair: send(*pair).status_code for pair in pairs])
    assert answers == [200] * 6
    used = User.objects.get().avatar
    assert (used.state, stored(used.key)) == (State.READY, True)
    assert set(MediaAsset.objects.exclude(pk=used.pk).values_list("state", flat=True)) == {State.TOMBSTONE}
    assert not any(stored(key) for key in states() if key != used.key)
