"""Signing in, refreshing, signing out; and every kind of token that is not one of ours."""

import base64
import json
from datetime import timedelta

import jwt
import pytest
from django.conf import settings
from django.contrib.auth.hashers import get_hasher
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from users.models import User
from users.tokens import token_pair

REFUSED = {"detail": "No active account found with the given credentials", "code": "no_active_account"}


def post(client, path, **body):
    return client.post(f"/api/auth/{path}/", body)


def as_bearer(client_of, token):
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def encoded(payload, key=None, algorithm="HS256"):
    return jwt.encode(payload, settings.SECRET_KEY if key is None else key, algorithm=algorithm)


def refresh_of(user, lifetime=None):
    token = RefreshToken.for_user(user)
    if lifetime is not None:
        token.set_exp(lifetime=lifetime)
    return token


@pytest.mark.parametrize("email", ["anna@example.com", " ANNA@Example.Com "])
def test_login_takes_the_email_in_any_case(client_of, make_user, email):
    make_user("anna")
    answer = post(client_of(), "login", email=email, password="Pass-word-1")
    assert (answer.status_code, set(answer.json())) == (200, {"refresh", "access"})
    assert as_bearer(client_of, answer.json()["access"]).get("/api/users/me/").json()["username"] == "anna"
    hours = [AccessToken(answer.json()["access"]), RefreshToken(answer.json()["refresh"])]
    assert [round((token["exp"] - token["iat"]) / 3600, 2) for token in hours] == [24, 7 * 24]


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("anna@example.com", "wrong"),
        ("anna@example.com", "Pass-word-1 "),
        ("nobody@example.com", "Pass-word-1"),
        ("gone@example.com", "Pass-word-1"),
        ("unusable@example.com", "Pass-word-1"),
        ("no address at all", "Pass-word-1"),
        ("x" * 300, "\U0001f600" * 2000),
    ],
)
def test_every_failed_login_looks_and_costs_the_same(client_of, make_user, monkeypatch, email, password):
    make_user("anna")
    make_user("gone", is_active=False)
    User.objects.create_user("unusable@example.com", "unusable")
    hashed = []
    hasher = type(get_hasher())
    encode = hasher.encode
    monkeypatch.setattr(hasher, "encode", lambda self, *args: hashed.append(args) or encode(self, *args))
    answer = post(client_of(), "login", email=email, password=password)
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert len(hashed) == 1


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"email", "password"}),
        ({"email": "a\0", "password": "b\0"}, {"email", "password"}),
        ({"email": ["a"], "password": {}}, {"email", "password"}),
        ({"email": None, "password": ""}, {"email", "password"}),
    ],
)
def test_login_form_errors(client_of, db, body, fields):
    answer = client_of().post("/api/auth/login/", body)
    assert (answer.status_code, set(answer.json())) == (400, fields)


@pytest.mark.django_db(transaction=True)
def test_login_of_a_user_erased_at_this_moment(make_user):
    anna = make_user("anna")
    User.objects.filter(pk=anna.pk).delete()
    with pytest.raises(AuthenticationFailed, match="No active account"):
        token_pair(anna)
    assert not OutstandingToken.objects.exists()


@pytest.mark.parametrize("how", ["inactive", "deleted", "password", "expired", "ended", "foreign", "access", "text"])
def test_refresh_stands_or_falls_like_an_access_token(client_of, make_user, how):
    anna = make_user("anna")
    refresh = str(refresh_of(anna))
    assert post(client_of(), "token/refresh", refresh=refresh).status_code == 200
    match how:
        case "inactive":
            User.objects.update(is_active=False)
        case "deleted":
            anna.delete()
        case "password":
            anna.set_password("Another-1")
            anna.save()
        case "expired":
            refresh = str(refresh_of(anna, timedelta(seconds=-1)))
        case "ended":
            assert post(client_of(), "logout", refresh=refresh).status_code == 204
        case "foreign":
            refresh = encoded(RefreshToken(refresh).payload, "another key" * 5)
        case "access":
            refresh = str(RefreshToken(refresh).access_token)
        case "text":
            refresh = "garbage"
    answer = post(client_of(), "token/refresh", refresh=refresh)
    assert (answer.status_code, set(answer.json())) == (401, {"detail", "code"})


@pytest.mark.parametrize("path", ["token/refresh", "logout"])
@pytest.mark.parametrize("value", [None, "", "\0", ["a"], {"a": "b"}])
def test_refresh_field_errors(client_of, db, path, value):
    answer = post(client_of(), path, refresh=value)
    assert (answer.status_code, set(answer.json())) == (400, {"refresh"})


def test_a_new_access_token_works_and_needs_no_valid_header(client_of, make_user):
    anna = make_user("anna")
    answer = post(as_bearer(client_of, "expired"), "token/refresh", refresh=str(refresh_of(anna)))
    assert set(answer.json()) == {"access"}
    assert as_bearer(client_of, answer.json()["access"]).get("/api/users/me/").status_code == 200


def test_logout_ends_one_session_and_may_be_repeated(client_of, make_user):
    anna = make_user("anna")
    first, second = str(refresh_of(anna)), str(refresh_of(anna))
    for _ in range(2):
        answer = post(client_of(), "logout", refresh=first)
        assert (answer.status_code, answer.content) == (204, b"")
    assert BlacklistedToken.objects.count() == 1
    assert post(client_of(), "token/refresh", refresh=first).status_code == 401
    assert post(client_of(), "token/refresh", refresh=second).status_code == 200


@pytest.mark.parametrize("how", ["text", "expired", "access", "foreign"])
def test_logout_of_what_is_no_session(client_of, make_user, how):
    anna = make_user("anna")
    token = {
        "text": "garbage",
        "expired": str(refresh_of(anna, timedelta(seconds=-1))),
        "access": str(refresh_of(anna).access_token),
        "foreign": encoded(refresh_of(anna).payload, "another key" * 5),
    }[how]
    answer = post(client_of(), "logout", refresh=token)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
    assert not BlacklistedToken.objects.exists()


def unsigned(header, payload):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(payload)}."


def nested(payload):
    return base64.urlsafe_b64encode(b'{"alg":' + b"[" * 5000).decode() + ".e30.e30"


BAD_TOKENS = {
    "no token": lambda payload: "",
    "three words": lambda payload: "a b",
    "text": lambda payload: "garbage",
    "dots": lambda payload: "..",
    "not ASCII": lambda payload: "\xe9\xff.\xe9.\xe9",
    "nested": nested,
    "long": lambda payload: "A" * 100_000,
    "alg none": lambda payload: unsigned({"alg": "none", "typ": "JWT"}, payload),
    "alg None in capitals": lambda payload: unsigned({"alg": "NONE"}, payload),
    "other alg": lambda payload: encoded(payload, algorithm="HS384"),
    "foreign": lambda payload: encoded(payload, "another key" * 5),
    "expired": lambda payload: encoded({**payload, "exp": 1}),
    "no expiry": lambda payload: encoded({name: payload[name] for name in payload if name != "exp"}),
    "refresh": lambda payload: encoded({**payload, "token_type": "refresh"}),
    "no type": lambda payload: encoded({name: payload[name] for name in payload if name != "token_type"}),
    "nobody": lambda payload: encoded({**payload, "user_id": "999999"}),
    "huge id": lambda payload: encoded({**payload, "user_id": str(10**30)}),
    "no password hash": lambda payload: encoded({name: payload[name] for name in payload if name != "hash_password"}),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_bad_tokens_are_401_on_every_read_and_write(client_of, make_user, name):
    payload = RefreshToken.for_user(make_user("anna")).access_token.payload
    assert as_bearer(client_of, encoded(payload)).get("/api/users/me/").status_code == 200
    client = as_bearer(client_of, BAD_TOKENS[name](payload))
    for answer in (client.get("/api/users/me/"), client.patch("/api/users/me/", {"first_name": "x"})):
        assert (answer.status_code, set(answer.json())) == (401, {"detail", "code"})
        assert answer["WWW-Authenticate"].startswith("Bearer")


# --- A key that is changed --------------------------------------------------------------------------------------------

FORMER, UNKNOWN = "the-key-before-" + "0123456789" * 5, "nobodys-key-" + "0123456789" * 5


def signed_again(token, key):
    """The same claims, as another key would have signed them."""
    return encoded(token.payload, key)


def test_what_a_former_key_signed_stays_valid_while_it_is_a_fallback(client_of, anna, settings):
    refresh = RefreshToken.for_user(anna)
    former_access, former_refresh = (signed_again(token, FORMER) for token in (refresh.access_token, refresh))
    assert as_bearer(client_of, former_access).get("/api/users/me/").status_code == 401
    assert post(client_of(), "token/refresh", refresh=former_refresh).status_code == 401

    settings.SECRET_KEY_FALLBACKS = [UNKNOWN, FORMER]
    assert as_bearer(client_of, former_access).get("/api/users/me/").status_code == 200
    answer = post(client_of(), "token/refresh", refresh=former_refresh)
    assert answer.status_code == 200
    assert jwt.decode(answer.json()["access"], settings.SECRET_KEY, algorithms=["HS256"])["user_id"] == str(anna.pk)
    assert as_bearer(client_of, str(refresh.access_token)).get("/api/users/me/").status_code == 200

    assert post(client_of(), "logout", refresh=former_refresh).status_code in (200, 204, 205)
    assert post(client_of(), "token/refresh", refresh=former_refresh).status_code == 401
    settings.SECRET_KEY_FALLBACKS = []
    assert as_bearer(client_of, former_access).get("/api/users/me/").status_code == 401


@pytest.mark.parametrize("key", [UNKNOWN, FORMER])
def test_a_fallback_changes_no_other_rule(client_of, anna, settings, key):
    settings.SECRET_KEY_FALLBACKS = [FORMER]
    expired = RefreshToken.for_user(anna).access_token
    expired.set_exp(lifetime=timedelta(seconds=-1))
    refresh = RefreshToken.for_user(anna)
    unsigned = jwt.encode(refresh.access_token.payload, None, algorithm="none")
    forged = signed_again(refresh.access_token, UNKNOWN)
    for text in (signed_again(expired, key), signed_again(refresh, key), unsigned, forged, "x", "a.b.c"):
        answer = as_bearer(client_of, text).get("/api/users/me/")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_not_valid")
