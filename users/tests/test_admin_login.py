"""Signing in to the admin: limited as the API is, and safe from cookies that no database takes."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.fixture
def throttled(settings: Any) -> None:
    settings.THROTTLES_ENABLED = True


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
