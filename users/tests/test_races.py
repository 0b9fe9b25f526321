"""What two requests at the same moment may not do, with real threads and connections."""

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.utils.http import urlsafe_base64_encode
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken
from rest_framework_simplejwt.tokens import RefreshToken

from users.models import User
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "SecurePass123"


def race(client_of, path, bodies):
    """(sorted status codes, the bodies of the answers that are no success)"""

    def call(body):
        answer = client_of().post(path, body)
        return answer.status_code, answer.content and answer.json()

    answers = at_once([lambda body=body: call(body) for body in bodies])
    return sorted(status for status, _ in answers), [body for status, body in answers if status >= 400]


@pytest.mark.parametrize(
    ("same", "names"),
    [
        ("email", ["anna@example.com", "ANNA@example.com", "Anna@Example.Com", "anna@EXAMPLE.com"]),
        ("username", ["ünal", "ÜNAL", "Ünal", "U\u0308NAL"]),
    ],
)
def test_one_name_in_four_cases_is_signed_up_once(client_of, same, names):
    bodies = [
        {"email": f"u{n}@example.com", "username": f"u{n}", "password": PASSWORD, "password2": PASSWORD, same: name}
        for n, name in enumerate(names)
    ]
    statuses, refusals = race(client_of, "/api/auth/signup/", bodies)
    assert statuses == [201, 400, 400, 400]
    assert [set(body) for body in refusals] == [{same}] * 3
    assert User.objects.count() == 1


@pytest.mark.parametrize("field", ["email", "username"])
def test_what_validation_did_not_see_yet_the_database_refuses(client_of, make_user, monkeypatch, field):
    make_user("anna")
    taken = type(User.objects).taken
    seen = []

    def blind_once(self, **names):
        seen.append(names)
        return taken(self, **names) if len(seen) > 1 else {}

    monkeypatch.setattr(type(User.objects), "taken", blind_once)
    form = {"email": "new@example.com", "username": "new", "password": PASSWORD, "password2": PASSWORD}
    form[field] = {"email": "ANNA@example.com", "username": "ANNA"}[field]
    answer = client_of().post("/api/auth/signup/", form)
    assert (answer.status_code, set(answer.json())) == (400, {field})
    # Gone again before anybody could look: nothing can be said but to try again.
    monkeypatch.setattr(type(User.objects), "taken", lambda self, **names: {})
    answer = client_of().post("/api/auth/signup/", form)
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")


def test_one_username_is_given_to_one_of_four(client_of, make_user):
    clients = [client_of(make_user(f"user{number}")) for number in range(4)]
    names = ["Same", "same", "SAME", "ｓame"]
    answers = at_once(
        [
            lambda client=client, name=name: client.patch("/api/users/me/", {"username": name}).status_code
            for client, name in zip(clients, names, strict=True)
        ]
    )
    assert sorted(answers) == [200, 400, 400, 400]


def test_one_reset_link_works_once(client_of, make_user):
    anna = make_user("anna")
    form = {"uid": urlsafe_base64_encode(str(anna.pk).encode()), "token": default_token_generator.make_token(anna)}
    passwords = [f"Other-word-{number}" for number in range(4)]
    bodies = [{**form, "new_password": word, "new_password2": word} for word in passwords]
    statuses, refusals = race(client_of, "/api/auth/password/reset/confirm/", bodies)
    assert statuses == [204, 400, 400, 400]
    assert [set(body) for body in refusals] == [{"token"}] * 3


def test_one_session_is_ended_four_times_at_once(client_of, make_user):
    refresh = str(RefreshToken.for_user(make_user("anna")))
    assert race(client_of, "/api/auth/logout/", [{"refresh": refresh}] * 4) == ([204] * 4, [])
    assert BlacklistedToken.objects.count() == 1


def test_attempts_at_once_are_all_counted(client_of, settings):
    settings.THROTTLES_ENABLED = True
    rates = {**settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], "login_address": "3/day"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}
    bodies = [{"email": f"u{number}@example.com", "password": "wrong"} for number in range(10)]
    assert race(client_of, "/api/auth/login/", bodies)[0] == [401] * 3 + [429] * 7
