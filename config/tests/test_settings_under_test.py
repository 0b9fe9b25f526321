"""The settings that tests run under: no variable of the site reaches them, and runs beside each other do not meet."""

import json
from pathlib import Path
from typing import Any

from config.tests.boot import boot

READ = """
import json
from config import test_settings
from requests.utils import get_environ_proxies
hosts = ("127.0.0.1", "localhost", "[::1]", "store.example", "www.example")
print(json.dumps({
    "cache": test_settings.CACHES["default"]["BACKEND"],
    "base": test_settings.PUBLIC_BASE_URL,
    "https": test_settings.SECURE_SSL_REDIRECT,
    "rate": test_settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["signup"],
    "database": test_settings.DATABASES["default"]["NAME"],
    "test_database": test_settings.DATABASES["default"].get("TEST", {}).get("NAME"),
    "by_proxy": [host for host in hosts if get_environ_proxies(f"http://{host}:8000/")],
}))
"""
POSTGRESQL = {"DATABASE_URL": "postgres://postgres@127.0.0.1:5432/vitrine"}


def read(folder: Path, **environment: str) -> Any:
    done = boot(READ, folder / "env", "", **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_variables_of_the_site_do_not_reach_the_tests(tmp_path: Path) -> None:
    lines = {
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "PUBLIC_BASE_URL": "https://www.example.com",
        "HTTPS_ONLY": "True",
        "THROTTLE_SIGNUP": "1/day",
        "DB_NAME": "other",
    }
    plain, exported = read(tmp_path, **POSTGRESQL), read(tmp_path, **POSTGRESQL, **lines)
    for found in (plain, exported):
        del found["test_database"]
    assert exported == plain
    assert plain["database"] == "vitrine", "the one that is given"


def test_this_machine_is_asked_through_no_proxy(tmp_path: Path) -> None:
    proxy = {"HTTP_PROXY": "http://proxy.example:3128", "http_proxy": "http://proxy.example:3128"}
    assert read(tmp_path, **proxy)["by_proxy"] == ["store.example", "www.example"]
    for name in ("no_proxy", "NO_PROXY"):
        assert read(tmp_path, **proxy, **{name: "store.example"})["by_proxy"] == ["www.example"]


def test_each_run_makes_a_database_of_its_own_and_its_workers_share_the_name(tmp_path: Path) -> None:
    first, second = (read(tmp_path, **POSTGRESQL)["test_database"] for _ in range(2))
    assert first != second
    assert all(name.startswith("test_vitrine_") for name in (first, second))
    uid = {"PYTEST_XDIST_TESTRUNUID": "0123456789abcdef0123456789abcdef"}
    workers = {read(tmp_path, **POSTGRESQL, **uid)["test_database"] for _ in range(2)}
    assert len(workers) == 1
