"""What is harmless on a laptop stops, or warns of, a start in production."""

from typing import Any

import pytest

from config.checks import check_numbers_and_urls, check_production, check_proxies

SOUND = {
    "DEBUG": False,
    "ALLOWED_HOSTS": ["www.example.com"],
    "PUBLIC_BASE_URL": "",
    "PASSWORD_RESET_URL": "",
    "SECRET_KEY": "s" * 50,
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "NUM_PROXIES": 0,
    "USE_X_FORWARDED_HOST": False,
}


def found(settings: Any, **changes: Any) -> list[tuple[str, bool]]:
    for name, value in {**SOUND, **changes}.items():
        setattr(settings, name, value)
    return [(str(message.id), message.is_serious()) for message in (*check_production(), *check_proxies())]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"ALLOWED_HOSTS": ["*"]}, [("vitrine.E004", True)]),
        ({"ALLOWED_HOSTS": [".example.com"]}, [("vitrine.E004", True)]),
        ({"ALLOWED_HOSTS": ["*"], "PUBLIC_BASE_URL": "https://www.example.com"}, []),
        ({"ALLOWED_HOSTS": ["*"], "DEBUG": True}, []),
        ({"SECRET_KEY": "short"}, [("vitrine.W002", False)]),
        ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, [("vitrine.W003", False)]),
        ({"NUM_PROXIES": -1}, [("vitrine.E005", True)]),
        ({"USE_X_FORWARDED_HOST": True}, [("vitrine.W004", False)]),
        ({"USE_X_FORWARDED_HOST": True, "NUM_PROXIES": 1}, []),
    ],
)
def test_what_production_needs(settings: Any, changes: dict[str, Any], expected: list[tuple[str, bool]]) -> None:
    assert found(settings, **changes) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0, ["vitrine.E002"]), (359, ["vitrine.E009"]), (360, [])])
def test_a_lease_outlives_the_work(settings: Any, seconds: int, expected: list[str]) -> None:
    settings.MEDIA_DECODE_SECONDS, settings.MEDIA_WORK_LEASE_SECONDS = 60, seconds
    found = check_numbers_and_urls()
    assert [message.id for message in found] == expected
    assert all("MEDIA_WORK_LEASE_SECONDS" in f"{message.msg}" for message in found)
