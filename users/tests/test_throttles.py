"""Attempts are counted per address and per account; nothing is counted where throttles are off."""

import time

import pytest
from django.core import mail
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import run_checks

from api.throttles import Rate, parse_rate

RATES = {
    "login": "3/day",
    "login_address": "5/day",
    "login_account": "7/day",
    "signup": "2/day",
    "password_reset": "2/day",
}
BROKEN_CACHE = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
}


@pytest.fixture
def throttled(settings, db):
    settings.THROTTLES_ENABLED = True
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": RATES}
    return settings


def login(client, email, address="10.0.0.1", password="wrong", **headers):
    body = {"email": email, "password": password}
    return client.post("/api/auth/login/", body, REMOTE_ADDR=address, **headers)


def assert_throttled(answer):
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert set(answer.json()) == {"detail", "code"}
    assert 0 < int(answer["Retry-After"]) <= 86_400


def statuses(client_of, attempts, password="wrong"):
    return [login(client_of(), email, address, password).status_code for email, address in attempts]


def test_few_attempts_at_one_account_from_one_address(client_of, throttled, make_user):
    make_user("anna")
    spellings = ["anna@example.com", "ANNA@example.com", " Anna@Example.com "]
    assert statuses(client_of, [(email, "10.0.0.1") for email in spellings]) == [401] * 3
    assert_throttled(login(client_of(), "anna@example.com", "10.0.0.1", "Pass-word-1"))


def test_who_guesses_from_one_address_locks_nobody_out(client_of, throttled, make_user):
    make_user("anna")
    assert statuses(client_of, [("anna@example.com", "10.0.0.1")] * 9) == [401] * 3 + [429] * 6
    assert login(client_of(), "anna@example.com", "10.0.0.2", "Pass-word-1").status_code == 200


def test_more_attempts_from_one_address_whoever_is_tried(client_of, throttled):
    assert statuses(client_of, [(f"u{number}@example.com", "10.0.0.1") for number in range(5)]) == [401] * 5
    assert_throttled(login(client_of(), "u9@example.com"))
    assert login(client_of(), "u9@example.com", "10.0.0.2").status_code == 401


def test_an_account_is_bounded_from_everywhere_together(client_of, throttled, make_user):
    make_user("anna")
    attempts = [("anna@example.com", f"10.0.0.{number}") for number in range(7)]
    assert statuses(client_of, attempts) == [401] * 7
    assert_throttled(login(client_of(), "anna@example.com", "10.0.1.1", "Pass-word-1"))
    assert login(client_of(), "bert@example.com", "10.0.1.1").status_code == 401


@pytest.mark.parametrize("signed_in_before", [True, False])
def test_many_addresses_do_not_lock_out_whoever_comes_from_a_known_one(
    client_of, throttled, make_user, signed_in_before
):
    make_user("anna")
    if signed_in_before:
        assert login(client_of(), "anna@example.com", "10.0.9.9", "Pass-word-1").status_code == 200
    statuses(client_of, [("anna@example.com", f"10.0.0.{number}") for number in range(9)])
    expected = 200 if signed_in_before else 429
    assert login(client_of(), "anna@example.com", "10.0.9.9", "Pass-word-1").status_code == expected


def test_a_known_address_may_not_guess_either(client_of, throttled, make_user):
    make_user("anna")
    assert login(client_of(), "anna@example.com", password="Pass-word-1").status_code == 200
    assert statuses(client_of, [("anna@example.com", "10.0.0.1")] * 3) == [401, 401, 429]


def test_a_refused_address_costs_accounts_nothing(client_of, throttled, make_user):
    make_user("anna")
    for number in range(5):
        login(client_of(), f"u{number}@example.com")
    for _ in range(8):
        assert_throttled(login(client_of(), "anna@example.com"))
    assert login(client_of(), "anna@example.com", "10.0.0.2", "Pass-word-1").status_code == 200


@pytest.mark.parametrize(
    ("addresses", "limited"),
    [
        (["2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::3", "2001:db8::4"], True),
        (["2001:db8:0:1::1", "2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1"], False),
        (["::ffff:10.0.0.1", "10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1"], True),
        (["::ffff:10.0.0.1", "::ffff:10.0.0.2", "::ffff:10.0.0.3", "::ffff:10.0.0.4"], False),
        (["", "", "", ""], True),
    ],
)
def test_an_ipv6_subscriber_is_one_address(client_of, throttled, addresses, limited):
    throttled.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] = {**RATES, "login_address": "3/day"}
    answers = [login(client_of(), f"u{number}@example.com", one) for number, one in enumerate(addresses)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429 if limited else 401]


def test_a_forwarded_address_counts_only_from_a_trusted_proxy(client_of, throttled):
    found = [login(client_of(), f"u{n}@e.com", HTTP_X_FORWARDED_FOR=f"1.2.3.{n}").status_code for n in range(6)]
    assert found == [401] * 5 + [429]
    throttled.REST_FRAMEWORK = {**throttled.REST_FRAMEWORK, "NUM_PROXIES": 1}
    assert login(client_of(), "u5@e.com", HTTP_X_FORWARDED_FOR="1.2.3.4").status_code == 401


@pytest.mark.parametrize("body", [{}, {"email": None}, {"email": ["a"]}, {"email": {"a": 1}}, {"email": "\0"}])
def test_malformed_attempts_count_too(client_of, throttled, body):
    found = [client_of().post("/api/auth/login/", body).status_code for _ in range(4)]
    assert found == [400, 400, 400, 429]


def test_signup_is_bounded_per_address(client_of, throttled):
    found = [client_of().post("/api/auth/signup/", {}).status_code for _ in range(3)]
    assert found == [400, 400, 429]


@pytest.mark.parametrize("email", ["anna@example.com", "nobody@example.com"])
def test_reset_mails_are_bounded_per_account_known_or_not(client_of, throttled, make_user, email):
    make_user("anna")
    answers = [
        client_of().post("/api/auth/password/reset/", {"email": email}, REMOTE_ADDR=f"10.0.0.{number}")
        for number in range(3)
    ]
    assert [answer.status_code for answer in answers] == [204, 204, 429]
    assert len(mail.outbox) == (2 if email.startswith("anna") else 0)


def test_guessing_the_old_password_counts_as_guessing_at_login(client_of, throttled, make_user):
    anna = make_user("anna")
    form = {"old_password": "wrong", "new_password": "Other-word-2"}
    for _ in range(3):
        answer = client_of(anna).post("/api/auth/password/change/", form, REMOTE_ADDR="10.0.0.1")
        assert answer.status_code == 400
    assert_throttled(login(client_of(), "anna@example.com", "10.0.0.1", "Pass-word-1"))
    assert_throttled(client_of(anna).post("/api/auth/password/change/", form, REMOTE_ADDR="10.0.0.1"))


def test_a_window_ends(client_of, throttled, monkeypatch):
    for number in range(6):
        last = login(client_of(), f"u{number}@example.com")
    assert_throttled(last)
    later = time.time() + 86_400
    monkeypatch.setattr("api.throttles.time.time", lambda: later)
    assert login(client_of(), "u9@example.com").status_code == 401


def test_where_nothing_can_be_counted_nothing_is_tried(client_of, throttled, make_user):
    throttled.CACHES = BROKEN_CACHE
    answer = login(client_of(), "anna@example.com")
    assert (answer.status_code, answer.json()["code"]) == (503, "cache_unavailable")
    assert answer["Retry-After"]


class LeavingCache(LocMemCache):
    """It counts, and is gone by the time that anything is looked up."""

    def get(self, *args, **kwargs):
        raise ConnectionError("Connection closed by server.")


def test_where_nothing_can_be_looked_up_nothing_is_tried(client_of, throttled, make_user):
    throttled.CACHES = {"default": {"BACKEND": f"{__name__}.LeavingCache"}}
    answer = login(client_of(), "anna@example.com")
    assert (answer.status_code, answer.json()["code"]) == (503, "cache_unavailable")
    assert answer["Retry-After"]


def test_switched_off_nothing_is_counted(client_of, throttled):
    throttled.THROTTLES_ENABLED = False
    throttled.CACHES = BROKEN_CACHE
    assert {login(client_of(), "a@example.com").status_code for _ in range(9)} == {401}


@pytest.mark.parametrize(("text", "rate"), [("10/min", (10, 60)), ("1/s", (1, 1)), ("5/hour", (5, 3600))])
def test_rates(text, rate):
    assert parse_rate(text) == Rate(*rate)


@pytest.mark.parametrize("text", ["", "10", "10/", "/min", "0/min", "-1/h", "x/min", "5/week"])
def test_a_rate_that_is_none_stops_the_start(settings, text):
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_THROTTLE_RATES": {**RATES, "password_reset": text},
    }
    (error,) = [found for found in run_checks(tags=["security"]) if found.id == "users.E001"]
    assert "THROTTLE_PASSWORD_RESET" in error.msg


@pytest.mark.parametrize(("link", "fine"), [("", True), ("https://e.com/{uid}{token}", True), ("https://e.com", False)])
def test_a_reset_link_needs_both_parts(settings, link, fine):
    settings.PASSWORD_RESET_URL = link
    assert bool([found for found in run_checks(tags=["security"]) if found.id == "users.E002"]) != fine
