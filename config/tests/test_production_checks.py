"""What is harmless on a laptop stops, or warns of, a start in production."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from config.checks import (
    check_addresses,
    check_numbers_and_urls,
    check_production,
    check_proxies,
    check_services,
    check_x_accel_prefix,
)
from config.tests.boot import ROOT
from config.tests.production import manage

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


DEPLOYED = {
    "PUBLIC_BASE_URL": "https://www.example.com",
    "ALLOWED_HOSTS": ["www.example.com"],
    "SECURE_SSL_REDIRECT": True,
    "USE_X_FORWARDED_HOST": True,
    "CORS_ALLOW_ALL_ORIGINS": False,
    "DEFAULT_FROM_EMAIL": "Vitrine <noreply@example.com>",
    "DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql"}},
    "REDIS_URL": "redis://127.0.0.1:6379/0",
    "THROTTLES_ENABLED": True,
    "METRICS_TOKEN": "",
    "MEDIA_X_ACCEL_PREFIX": "/protected",
}


@pytest.mark.parametrize(
    ("changes", "expected", "named"),
    [
        ({}, [], ""),
        ({"PUBLIC_BASE_URL": "http://www.example.com"}, ["vitrine.W005"], "PUBLIC_BASE_URL=https://"),
        ({"PUBLIC_BASE_URL": ""}, ["vitrine.W005"], "PUBLIC_BASE_URL=https://"),
        ({"ALLOWED_HOSTS": ["localhost"]}, ["vitrine.W006"], "ALLOWED_HOSTS=www.example.com"),
        ({"ALLOWED_HOSTS": [".example.com"]}, [], ""),
        ({"USE_X_FORWARDED_HOST": False}, ["vitrine.W007"], "TRUSTED_PROXY_HEADERS=True"),
        ({"USE_X_FORWARDED_HOST": False, "SECURE_SSL_REDIRECT": False}, [], ""),
        ({"CORS_ALLOW_ALL_ORIGINS": True}, ["vitrine.W008"], "CORS_ALLOWED_ORIGINS="),
        ({"DEFAULT_FROM_EMAIL": "Vitrine <noreply@localhost>"}, ["vitrine.W009"], "DEFAULT_FROM_EMAIL="),
        ({"DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3"}}}, ["vitrine.W010"], "DATABASE_URL="),
        ({"REDIS_URL": ""}, ["vitrine.W011"], "REDIS_URL="),
        ({"THROTTLES_ENABLED": False}, ["vitrine.W012"], "THROTTLES_ENABLED"),
        ({"METRICS_TOKEN": "short"}, ["vitrine.W013"], "METRICS_TOKEN"),
        ({"METRICS_TOKEN": "t" * 32}, [], ""),
        ({"MEDIA_X_ACCEL_PREFIX": "protected"}, ["vitrine.E010"], "MEDIA_X_ACCEL_PREFIX=/protected"),
        ({"MEDIA_X_ACCEL_PREFIX": "http://nginx/protected"}, ["vitrine.E010"], "MEDIA_X_ACCEL_PREFIX=/protected"),
        ({"MEDIA_X_ACCEL_PREFIX": ""}, [], ""),
    ],
)
@pytest.mark.filterwarnings("ignore:Overriding setting DATABASES")
def test_what_a_deployment_is_told(settings: Any, changes: dict[str, Any], expected: list[str], named: str) -> None:
    for name, value in {**DEPLOYED, **changes}.items():
        setattr(settings, name, value)
    found = [*check_addresses(), *check_services(), *check_x_accel_prefix()]
    assert [message.id for message in found] == expected
    assert all(named in str(message.hint) for message in found)


def documented(folder: Path, **lines: str) -> dict[str, str]:
    """The environment of deploy/production.env.example, filled in; static files below ``folder``."""
    (folder / "static").mkdir(exist_ok=True)
    text = (ROOT / "deploy/production.env.example").read_text()
    text = text.replace("=SECRET\n", f"={'s3cret-' * 8}\n").replace("=TOKEN\n", f"={'t0ken-' * 6}\n")
    (folder / "env").write_text(text)
    return {
        "PATH": os.environ["PATH"],
        "ENV_FILE": str(folder / "env"),
        "DJANGO_SETTINGS_MODULE": "config.tests.production_settings",
        "TEST_STATIC_ROOT": str(folder / "static"),
        **lines,
    }


def test_the_documented_environment_passes_without_a_warning(tmp_path: Path) -> None:
    site = documented(tmp_path)
    manage(site, "collectstatic", "--no-input", "--verbosity", "0")
    assert "no issues" in manage(site, "check", "--deploy", "--fail-level", "WARNING")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({}, "vitrine.W014"),  # nothing was collected
        ({"HTTPS_ONLY": "False"}, "security.W012"),
        ({"SECURE_HSTS_SECONDS": "0"}, "security.W004"),
        ({"SECURE_SSL_REDIRECT": "False"}, "security.W008"),
        ({"CSRF_TRUSTED_ORIGINS": "www.example.com"}, "4_0.E001"),
    ],
)
def test_what_is_not_as_documented_is_told(tmp_path: Path, line: dict[str, str], told: str) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        manage(documented(tmp_path, **line), "check", "--deploy", "--fail-level", "WARNING")
    assert told in refused.value.stderr


def test_forms_of_the_sites_own_address_are_trusted(tmp_path: Path) -> None:
    """The admin behind a proxy; a line of one's own wins."""
    show = "from django.conf import settings; print(settings.CSRF_TRUSTED_ORIGINS)"
    assert manage(documented(tmp_path), "shell", "-v", "0", "-c", show).strip() == "['https://www.example.com']"
    others = documented(tmp_path, CSRF_TRUSTED_ORIGINS="https://admin.example.com")
    assert manage(others, "shell", "-v", "0", "-c", show).strip() == "['https://admin.example.com']"
