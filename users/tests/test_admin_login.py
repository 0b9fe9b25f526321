"""Signing in to the admin: limited as the API is, and safe from cookies that no database takes."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from api.tests.databases import connection_only_reads, database_away
from users.tests.test_throttles import BROKEN_CACHE

pytestmark = pytest.mark.django_db


@pytest.fixture
def throttled(settings: Any) -> None:
    settings.THROTTLES_ENABLED = True
    rates = settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"] | {"login": "10/day"}
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_THROTTLE_RATES": rates}


def attempt(client: Client, password: str) -> Any:
    return client.post(reverse("admin:login"), {"username": "anna@example.com", "password": password})


def test_attempts_at_the_admin_and_at_the_api_share_one_limit(throttled: None, make_user: Any, client: Client) -> None:
    make_user("anna", is_staff=True)
    for _ in range(5):
        assert b"Too many" not in attempt(client, "wrong").content
        sent = {"email": "anna@example.com", "password": "wrong"}
        assert client.post("/api/auth/login/", sent, "application/json").status_code == 401
    refused = attempt(client, "Pass-word-1")
    assert (refused.status_code, b"Too many attempts" in refused.content) == (200, True)
    assert client.post("/api/auth/login/", sent, "application/json").status_code == 429


def test_the_right_password_still_opens_the_admin(throttled: None, make_user: Any, client: Client) -> None:
    make_user("anna", is_staff=True)
    assert attempt(client, "Pass-word-1").status_code == 302


@pytest.mark.parametrize("cookie", ['"\\000abcdefgh"', "abc", "é" * 10, "x" * 4000])
def test_a_session_cookie_that_cannot_be_one_is_none(client: Client, cookie: str) -> None:
    answer = client.get(reverse("admin:index"), HTTP_COOKIE=f"sessionid={cookie}")
    assert answer.status_code == 302


def assert_unavailable(answer: Any) -> None:
    assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (503, "text/html")
    assert answer["Retry-After"] == "5"


def test_where_nothing_can_be_counted_a_page_says_so(throttled: None, settings: Any, client: Client) -> None:
    settings.CACHES = BROKEN_CACHE
    client.raise_request_exception = False
    assert_unavailable(attempt(client, "Pass-word-1"))


@pytest.mark.django_db(transaction=True)
def test_without_its_database_the_admin_says_so(make_user: Any, client: Client) -> None:
    client.force_login(make_user("anna", is_staff=True))
    client.raise_request_exception = False
    with database_away():
        assert_unavailable(client.get(reverse("admin:index")))
        assert_unavailable(attempt(Client(raise_request_exception=False), "Pass-word-1"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["login", "logout"])
def test_where_the_database_only_reads_the_admin_says_so(make_user: Any, client: Client, name: str) -> None:
    client.force_login(make_user("anna", is_staff=True))
    client.raise_request_exception = False
    sent = {"username": "anna@example.com", "password": "Pass-word-1"}
    with connection_only_reads():
        assert_unavailable(client.post(reverse(f"admin:{name}"), sent))
        assert client.post(reverse(f"admin:{name}"), sent).status_code in (200, 302)
