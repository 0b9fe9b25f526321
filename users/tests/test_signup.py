"""Signing up: the answer, what is refused, and that a name belongs to one person in whatever case."""

import pytest
from django.db import IntegrityError

from users.models import User

FORM = {"email": "user@example.com", "username": "johndoe", "password": "SecurePass123", "password2": "SecurePass123"}


def signup(client, **changes):
    return client.post("/api/auth/signup/", {**FORM, **changes})


def test_signup_answers_user_and_tokens_that_work(client_of, db):
    answer = signup(client_of(), email=" User@Example.COM ", first_name="John", last_name="Doe")
    assert answer.status_code == 201
    assert set(answer.json()) == {"user", "tokens"}
    user = User.objects.get()
    assert answer.json()["user"] == {
        "id": user.pk,
        "email": "user@example.com",
        "username": "johndoe",
        "date_joined": user.date_joined.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (user.first_name, user.last_name, user.is_staff) == ("John", "Doe", False)
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['tokens']['access']}")
    assert client.get("/api/users/me/").json()["id"] == user.pk
    refresh = answer.json()["tokens"]["refresh"]
    assert client_of().post("/api/auth/token/refresh/", {"refresh": refresh}).status_code == 200


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"password2": "SecurePass124"}, {"password2"}),
        ({"password": "short1!", "password2": "short1!"}, {"password"}),
        ({"password": "12345678901", "password2": "12345678901"}, {"password"}),
        ({"password": "password1", "password2": "password1"}, {"password"}),
        ({"password": "johndoe1", "password2": "johndoe1"}, {"password"}),
        ({"password": "user@example", "password2": "user@example"}, {"password"}),
        ({"password": "Quackenbush1", "password2": "Quackenbush1", "last_name": "Quackenbush"}, {"password"}),
        ({"password": "x" * 1025, "password2": "y"}, {"password"}),
        ({"password": "with\0nul in it", "password2": "with\0nul in it"}, {"password", "password2"}),
        ({"email": "nobody"}, {"email"}),
        ({"email": "a@" + "b" * 250 + ".com"}, {"email"}),
        ({"email": "a@" + ".".join(["İ" * 40] * 4) + ".com"}, {"email"}),
        ({"email": ["a@example.com"]}, {"email"}),
        ({"email": None}, {"email"}),
        ({"username": "u" * 300}, {"username"}),
        ({"username": "ﷺ" * 150}, {"username"}),
        ({"username": "two words"}, {"username"}),
        ({"username": "smile\U0001f600"}, {"username"}),
        ({"username": "right\u202eleft"}, {"username"}),
        ({"username": "nul\0"}, {"username"}),
        ({"username": {"a": 1}}, {"username"}),
        ({"first_name": "f" * 300}, {"first_name"}),
        ({"last_name": "nul\0"}, {"last_name"}),
        (
            {"email": "", "username": "", "password": "", "password2": ""},
            {"email", "username", "password", "password2"},
        ),
    ],
)
def test_signup_refuses_with_a_message_on_the_field(client_of, db, changes, fields):
    answer = signup(client_of(), **changes)
    assert (answer.status_code, set(answer.json())) == (400, fields)
    assert all(isinstance(message, str) for messages in answer.json().values() for message in messages)
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ('{"email": "\\ud800@example.com", "username": "\\udfff"}', "application/json", 400),
        ("", "application/json", 400),
        ("email=a@example.com&email=b@example.com", "application/x-www-form-urlencoded", 400),
        ("--x", "multipart/form-data", 400),
        ("--x\r\nbroken", "multipart/form-data; boundary=x", 400),
        ("<a/>", "text/xml", 415),
    ],
)
def test_signup_survives_any_body(client_of, db, body, content_type, status):
    answer = client_of().generic("POST", "/api/auth/signup/", body, content_type)
    assert answer.status_code == status
    assert answer.json()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "ANNA@Example.Com"}, "email"),
        ({"username": "ANNA"}, "username"),
        ({"username": "\uff21nna"}, "username"),  # full-width A
        ({"username": "ÜNAL"}, "username"),
        ({"username": "АННА"}, "username"),  # Cyrillic
        ({"username": "STRASSE"}, "username"),
    ],
)
def test_email_and_username_are_unique_in_any_case(client_of, make_user, changes, field):
    for name in ("anna", "ünal", "анна", "straße"):
        User.objects.create_user(f"{name}@example.com", name)
    answer = signup(client_of(), **changes)
    assert (answer.status_code, list(answer.json())) == (400, [field])
    with pytest.raises(IntegrityError):
        User.objects.create_user(**{"email": FORM["email"], "username": FORM["username"], **changes})


def test_both_taken_names_are_told_at_once(client_of, make_user):
    make_user("anna")
    assert set(signup(client_of(), email="Anna@example.com", username="Anna").json()) == {"email", "username"}


def test_every_way_of_writing_keeps_emails_low_and_keys_folded(make_user):
    anna = make_user("anna")
    anna.username = "\uff21NNÄ"
    anna.email = "ÄNNA@EXAMPLE.COM"
    anna.save()
    anna.refresh_from_db()
    assert (anna.email, anna.username_key) == ("änna@example.com", "annä")
    User.objects.update(email="ANNA@EXAMPLE.COM")
    assert User.objects.get(email="Anna@Example.com").email == "anna@example.com"


def test_forms_learn_of_taken_names_from_the_model(make_user):
    make_user("straße")
    other = User(email="Other@Example.com", username="STRASSE", password="x")
    with pytest.raises(Exception, match="already exists") as refusal:
        other.full_clean()
    assert set(refusal.value.message_dict) == {"username"}
    assert other.email == "other@example.com"
    other.username = "other"
    other.full_clean()
