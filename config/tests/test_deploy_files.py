"""The files of deploy/ agree with the code, and with each other."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from config.tests.boot import ROOT
from config.tests.production import environment, manage, start_gunicorn, wait_until
from config.tests.test_env_example import SOURCES, variables_read
from media_assets.uploads.local_form import SURROUNDING_MAX_BYTES

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
UNITS = sorted((DEPLOY / "systemd").iterdir())
BIN = Path(sys.executable).parent


def run(*command: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)


def test_the_dockerfile_is_clean() -> None:
    linted = run(BIN / "hadolint", "Dockerfile")
    assert linted.returncode == 0, linted.stdout


def test_the_compose_file_is_one() -> None:
    linted = run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml")
    assert linted.returncode == 0, linted.stdout


def test_every_image_is_pinned() -> None:
    images = re.findall(r"^(?:FROM |ARG PYTHON=)(\S+)", DOCKERFILE, re.MULTILINE)
    images += [one["image"] for one in COMPOSE["services"].values() if "build" not in one]
    outside = [name for name in images if name != "${PYTHON}" and not name.startswith("vitrine-")]
    assert len(outside) == 4
    assert all(re.search(r":\d+\.\d+(\.\d+)?-", name) for name in outside), outside


def test_the_database_is_not_for_everybody() -> None:
    published = {name for name, service in COMPOSE["services"].items() if service.get("ports")}
    assert published == {"nginx"}
    assert COMPOSE["networks"]["data"]["internal"] is True
    assert [COMPOSE["services"][name]["networks"] for name in ("postgres", "redis")] == [["data"], ["data"]]


def test_every_service_is_watched_and_comes_back() -> None:
    in_image = {"web", "nginx"}  # HEALTHCHECK
    assert DOCKERFILE.count("HEALTHCHECK") == len(in_image)
    for name, service in COMPOSE["services"].items():
        if name == "migrate":
            assert service["restart"] == "no"
        else:
            assert service["restart"] == "unless-stopped"
            assert name in in_image or "test" in service["healthcheck"], name


def test_nothing_serves_before_the_migrations() -> None:
    for name in ("web", "worker", "sweeper"):
        needed = COMPOSE["services"][name]["depends_on"]
        assert needed["migrate"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("name", ["web", "worker", "sweeper", "migrate"])
def test_the_containers_variables_are_the_sites(name: str) -> None:
    given = set(COMPOSE["services"][name]["environment"]) - {"TMPDIR"}
    assert given <= set().union(*map(variables_read, SOURCES))


def test_the_documented_environment_names_variables_of_the_site() -> None:
    text = (DEPLOY / "production.env.example").read_text()
    named = set(re.findall(r"^([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    for_compose = {"POSTGRES_PASSWORD", "NGINX_FRONT", "NGINX_TRUSTED_PROXY"}
    assert named - for_compose <= set().union(*map(variables_read, SOURCES))
    interpolated = set(re.findall(r"\$\{([A-Z_]+)", (DEPLOY / "compose.yaml").read_text()))
    assert interpolated - {"VITRINE_VERSION"} == for_compose


def nginx_variables() -> set[str]:
    templates = [DEPLOY / "nginx/vitrine.conf.template", *(DEPLOY / "nginx/vitrine").iterdir()]
    return set().union(*(re.findall(r"\$\{(NGINX_[A-Z_]+)\}", path.read_text()) for path in templates))


def test_every_variable_of_nginx_has_a_value() -> None:
    example = (DEPLOY / "nginx/nginx.env.example").read_text()
    assert set(re.findall(r"^(NGINX_[A-Z_]+)=", example, re.MULTILINE)) == nginx_variables()
    assert set(re.findall(r"\b(NGINX_[A-Z_]+)=", DOCKERFILE)) == nginx_variables() | {"NGINX_ENVSUBST_FILTER"}


@pytest.mark.parametrize("text", [(DEPLOY / "nginx/nginx.env.example").read_text(), DOCKERFILE], ids=["env", "image"])
def test_nginx_takes_bodies_as_large_as_the_site(text: str, settings: Any) -> None:
    limits = {name: int(value) for name, value in re.findall(r"(NGINX_MAX_\w+)=(\d+)", text)}
    assert limits == {
        "NGINX_MAX_REQUEST_BYTES": settings.UPLOAD_REQUEST_MAX_BYTES,
        "NGINX_MAX_FORM_BYTES": settings.UPLOAD_MAX_SIZE_BYTES + SURROUNDING_MAX_BYTES,
    }


def test_who_keeps_connections_longer() -> None:
    """gunicorn: a proxy that closes first never sends into a closing connection."""
    kept = re.search(r"keepalive_timeout (\d+)s", (DEPLOY / "nginx/vitrine.conf.template").read_text())
    ours = re.search(r"^keepalive = (\d+)", (ROOT / "config/gunicorn.py").read_text(), re.MULTILINE)
    assert kept and ours and int(kept[1]) < int(ours[1])


def test_whoever_stops_or_reloads_the_site_waits_for_it() -> None:
    graceful = re.search(r'WEB_GRACEFUL_SECONDS", default=(\d+)', (ROOT / "config/gunicorn.py").read_text())
    unit = (DEPLOY / "systemd/vitrine-web.service").read_text()
    waits = dict(re.findall(r"^Timeout(Start|Stop)Sec=(\d+)", unit, re.MULTILINE))
    assert graceful and waits.keys() == {"Start", "Stop"}
    assert all(int(graceful[1]) < int(seconds) for seconds in waits.values())
    assert int(graceful[1]) < int(COMPOSE["services"]["web"]["stop_grace_period"].rstrip("s"))


def test_a_reload_is_over_when_the_last_process_of_before_has_ended(tmp_path: Path) -> None:
    """systemd hands ``$$`` on as ``$`` and sets ``MAINPID``."""
    unit = (DEPLOY / "systemd/vitrine-web.service").read_text()
    command = re.search(r"^ExecReload=(.+)$", unit, re.MULTILINE)
    assert command
    site = environment(tmp_path)
    (tmp_path / "static").mkdir()
    manage(site, "migrate", "--verbosity", "0")
    server = start_gunicorn(site, tmp_path)
    try:
        master = psutil.Process(server.process.pid)
        wait_until(lambda: bool(master.children()))
        before = master.children()
        with socket.create_connection(("127.0.0.1", server.port), 20) as upload:  # holds its process
            upload.sendall(
                b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
                b"Content-Length: 2\r\n\r\n{"
            )
            here = upload.getsockname()
            wait_until(lambda: here in [tuple(each.raddr) for each in before[0].net_connections()])
            reload = subprocess.Popen(
                shlex.split(command[1].replace("$$", "$")), env={**os.environ, "MAINPID": str(master.pid)}
            )
            wait_until(lambda: bool(set(master.children()) - set(before)))
            assert reload.poll() is None and all(process.is_running() for process in before)
            upload.sendall(b"}")
            assert upload.recv(64).startswith(b"HTTP/1.1 400")
        assert reload.wait(60) == 0
        assert not any(process.is_running() for process in before) and master.children()
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["api", "media_assets", "users", "artworks", "ads", "properties", "images", "config"])
def test_the_image_holds_every_app(name: str) -> None:
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert kept[1] == "*" and f"!{name}" in kept and "**/.env*" in kept and "**/tests" in kept


def test_the_images_packages_are_those_of_the_site_without_its_tests() -> None:
    """The Dockerfile cuts the list at a comment."""
    runtime = subprocess.run(
        ["sed", "/^# Tests:/,$d", "requirements.txt"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "/^# Tests:/,$d" in DOCKERFILE
    assert "Django==" in runtime and "gunicorn==" in runtime and "-c constraints.txt" in runtime
    assert "pytest" not in runtime and "moto" not in runtime


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_the_units_are_understood(unit: Path, tmp_path: Path) -> None:
    for path in UNITS:  # with programs that exist here
        text = re.sub(r"/srv/vitrine/site/\.venv/bin/\w+", "/bin/true", path.read_text())
        (tmp_path / path.name).write_text(text)
    checked = run("systemd-analyze", "verify", "--man=no", tmp_path / unit.name)
    complaints = [line for line in checked.stderr.splitlines() if "vitrine" in line]
    assert checked.returncode == 0 and not complaints, checked.stderr


def test_the_health_check_tells_both(live_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    check = [sys.executable, ROOT / "deploy/healthcheck.py"]
    monkeypatch.setenv("PORT", live_server.url.rpartition(":")[2])
    monkeypatch.setenv("ALLOWED_HOSTS", "localhost,127.0.0.1")
    assert run(*check).returncode == 0
    monkeypatch.setenv("ALLOWED_HOSTS", "www.example.com")  # whom the site does not answer to
    assert run(*check).returncode == 1
    monkeypatch.setenv("PORT", "1")
    assert run(*check).returncode == 1
