"""Profiles: who reads and changes whose, what they show, and what a change refuses."""

import pytest
from django.contrib.auth.models import AnonymousUser
from rest_framework.test import APIRequestFactory

from users.models import User
from users.serializers import AuthorSerializer

KEYS = ["id", "email", "username", "first_name", "last_name", "name", "date_joined", "avatar", "avatar_url", "media"]
ME = "/api/users/me/"


@pytest.fixture
def people(make_user):
    """(the users by role; anna is the owner)"""
    return {
        "anonymous": None,
        "other": make_user("other"),
        "owner": make_user("anna", first_name="Anna", last_name="Ås"),
        "staff": make_user("staff", is_staff=True),
    }


def page(user):
    return f"/api/users/{user.pk}/"


@pytest.mark.parametrize(
    ("who", "verb", "status"),
    [
        ("anonymous", "get", 200),
        ("anonymous", "patch", 401),
        ("anonymous", "put", 401),
        ("anonymous", "delete", 401),
        ("other", "get", 200),
        ("other", "patch", 403),
        ("other", "put", 405),
        ("other", "delete", 405),
        ("owner", "get", 200),
        ("owner", "patch", 200),
        ("owner", "put", 405),
        ("owner", "post", 405),
        ("owner", "delete", 405),
        ("staff", "get", 200),
        ("staff", "patch", 200),
        ("staff", "put", 405),
        ("staff", "delete", 405),
    ],
)
def test_matrix_of_a_profile(client_of, people, who, verb, status):
    answer = getattr(client_of(people[who]), verb)(page(people["owner"]), {"first_name": "New"})
    assert answer.status_code == status
    changed = User.objects.get(username="anna").first_name == "New"
    assert changed == (verb == "patch" and status == 200)
    if status >= 400:
        assert set(answer.json()) == {"detail", "code"}


@pytest.mark.parametrize(
    ("who", "verb", "status"),
    [
        ("anonymous", "get", 401),
        ("anonymous", "patch", 401),
        ("anonymous", "delete", 401),
        ("owner", "get", 200),
        ("owner", "patch", 200),
        ("owner", "put", 405),
        ("owner", "post", 405),
        ("owner", "delete", 204),
    ],
)
def test_matrix_of_me(client_of, people, who, verb, status):
    assert getattr(client_of(people[who]), verb)(ME, {"first_name": "New"}).status_code == status
    assert User.objects.filter(username="anna").exists() == (status != 204)
    assert User.objects.count() == (2 if status == 204 else 3)


@pytest.mark.parametrize(("who", "shown"), [("anonymous", False), ("other", True), ("owner", True), ("staff", True)])
def test_a_profile_shows_the_email_to_signed_in_callers(client_of, people, who, shown):
    anna = people["owner"]
    body = client_of(people[who]).get(page(anna)).json()
    assert list(body) == KEYS
    assert body == {
        "id": anna.pk,
        "email": "anna@example.com" if shown else None,
        "username": "anna",
        "first_name": "Anna",
        "last_name": "Ås",
        "name": "Anna Ås",
        "date_joined": anna.date_joined.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "avatar": None,
        "avatar_url": None,
        "media": None,
    }
    request = APIRequestFactory().get("/")
    request.user = people[who] or AnonymousUser()
    author = AuthorSerializer(anna, context={"request": request}).data
    assert author == {name: body[name] for name in ("id", "username", "email", "first_name", "last_name")}


def test_an_author_without_a_request_shows_no_email(people):
    assert AuthorSerializer(people["owner"]).data["email"] is None


def test_me_is_my_page(client_of, people):
    client = client_of(people["owner"])
    assert client.get(ME).json() == client.get(page(people["owner"])).json()


@pytest.mark.parametrize(("who", "status"), [("anonymous", 404), ("other", 404), ("staff", 200)])
def test_inactive_people_are_there_for_staff_only(client_of, people, who, status):
    User.objects.filter(username="anna").update(is_active=False)
    client = client_of(people[who])
    assert client.get(page(people["owner"])).status_code == status
    patched = client.patch(page(people["owner"]), {"first_name": "New"})
    assert patched.status_code == (401 if who == "anonymous" else status)


@pytest.mark.parametrize("id", ["0", "-1", "abc", "1.5", "9" * 19, "9" * 300, "999999", "%00", "١", "1e3", "me2", "01"])
def test_ids_that_are_none_are_404(client_of, people, id):
    for client in (client_of(), client_of(people["staff"])):
        answer = client.get(f"/api/users/{id}/")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found.", "code": "not_found"})


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ({"first_name": "Åsa \U0001f600"}, {"first_name": "Åsa \U0001f600"}),
        ({"first_name": "", "last_name": ""}, {"first_name": "", "last_name": "", "name": "anna"}),
        ({"username": "ANNA"}, {"username": "ANNA"}),
        ({"username": "ａｎｎｅ"}, {"username": "anne"}),
        ({"email": "evil@example.com", "is_staff": True, "id": 7, "name": "x", "media": 1}, {"name": "Anna Ås"}),
        ({}, {}),
    ],
)
def test_patch_changes_names_and_ignores_the_rest(client_of, people, body, shown):
    client = client_of(people["owner"])
    before = client.get(ME).json()
    answer = client.patch(ME, body)
    assert (answer.status_code, answer.json()["email"]) == (200, "anna@example.com")
    assert {name: answer.json()[name] for name in shown} == shown
    assert answer.json()["id"] == before["id"]
    assert client.get(ME).json() == answer.json()
    anna = User.objects.get(pk=before["id"])
    assert (anna.is_staff, anna.username_key) == (False, anna.username.lower())


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"username": "Other"}, {"username"}),
        ({"username": "OTHER", "first_name": "x" * 151}, {"username", "first_name"}),
        ({"username": ""}, {"username"}),
        ({"username": None, "first_name": None}, {"username", "first_name"}),
        ({"username": "u" * 300}, {"username"}),
        ({"last_name": "nul\0"}, {"last_name"}),
        ({"first_name": ["a"]}, {"first_name"}),
    ],
)
def test_patch_refuses_with_a_message_on_the_field(client_of, people, body, fields):
    answer = client_of(people["owner"]).patch(ME, body)
    assert (answer.status_code, set(answer.json())) == (400, fields)
    assert User.objects.get(username="anna").first_name == "Anna"


def test_a_body_that_is_no_object_and_fields_sent_twice(client_of, people):
    client = client_of(people["owner"])
    assert client.generic("PATCH", ME, "[1]", "application/json").status_code == 400
    twice = client.generic("PATCH", ME, "first_name=a&first_name=b", "application/x-www-form-urlencoded")
    assert (twice.status_code, set(twice.json())) == (400, {"first_name"})
