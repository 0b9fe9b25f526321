"""nginx and gunicorn start, stop, reload and fail without losing a request."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from config.tests.boot import ROOT
from config.tests.production import (
    NEEDS_NGINX,
    NGINX,
    Production,
    environment,
    manage,
    start_gunicorn,
    wait_until,
    write_nginx,
)
from conftest import free_port

pytestmark = NEEDS_NGINX


def test_the_configuration_is_without_warnings(tmp_path: Path) -> None:
    conf = write_nginx(tmp_path, NGINX_HTTP_PORT=str(free_port()))
    tested = subprocess.run([str(NGINX), "-t", "-c", conf], capture_output=True, text=True)
    assert tested.returncode == 0 and "[warn]" not in tested.stderr, tested.stderr


def test_a_missing_variable_is_named(tmp_path: Path) -> None:
    (tmp_path / "nginx.env").write_text("NGINX_FRONT=tls\n")
    command = [ROOT / "deploy/nginx/render", tmp_path / "nginx.env", tmp_path / "conf.d"]
    kept = {"PATH": os.environ["PATH"]}
    refused = subprocess.run(command, capture_output=True, text=True, env=kept)
    assert refused.returncode == 1 and re.search(r"NGINX_\w+ is missing", refused.stderr)
    assert not (tmp_path / "conf.d").exists()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_an_application_it_is_503_with_a_time_to_come_back(fronted: Any, method: str, nobody: str) -> None:
    answer = fronted(NGINX_UPSTREAM=f"server {nobody};").ask(method, "/api/artworks/")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json() == {"detail": "Temporarily unavailable.", "code": "unavailable"}
    assert answer.headers["cache-control"] == "no-store"


def test_503_of_the_application_itself_stays_as_it_is(production: Production) -> None:
    """Its readiness, with the media folder out of reach."""
    folder, aside = production.folder / "media", production.folder / "aside"
    folder.rename(aside)
    folder.write_text("no folder")
    try:
        time.sleep(4)  # the last verdict is kept for three
        answer = production.front.get("/readyz")
    finally:
        folder.unlink()
        aside.rename(folder)
    assert (answer.status, answer.json()["code"]) == (503, "not_ready")


def callers(front: Any, statuses: list[int], done: threading.Event) -> list[threading.Thread]:
    """Two that read and two that write, over and over; what they were answered goes into ``statuses``."""
    login = json.dumps({"email": "nobody@example.com", "password": uuid4().hex})

    def ask(method: str, path: str, body: str | None) -> None:
        while not done.is_set():
            statuses.append(front.ask(method, path, body, {"Content-Type": "application/json"}).status)

    asked = [("GET", "/api/artworks/", None), ("POST", "/api/auth/login/", login)] * 2
    return [threading.Thread(target=ask, args=args) for args in asked]


@pytest.mark.parametrize("way", ["reload", "restart"])
def test_an_upgrade_loses_no_request(tmp_path: Path, fronted: Any, way: str) -> None:
    """``systemctl reload`` (SIGHUP), and ``systemctl restart`` where a socket unit holds the listener meanwhile."""
    site = environment(tmp_path)
    (tmp_path / "static").mkdir()
    manage(site, "migrate", "--verbosity", "0")
    statuses: list[int] = []
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        application = start_gunicorn(site, tmp_path, listener=listener)
        front = fronted(NGINX_UPSTREAM=f"server 127.0.0.1:{application.port};")
        asking = callers(front, statuses, done)
        try:
            for caller in asking:
                caller.start()
            for _ in range(2):
                time.sleep(0.7)
                if way == "reload":
                    application.process.send_signal(signal.SIGHUP)
                    time.sleep(2)
                else:
                    application.stop()
                    application = start_gunicorn(site, tmp_path, listener=listener)
            before = len(statuses)
            wait_until(lambda: len(statuses) > before + 20)
        finally:
            done.set()
            for caller in asking:
                caller.join()
            application.stop()
    assert set(statuses) == {200, 401}


def test_nginx_ends_what_is_under_way(production: Production, fronted: Any) -> None:
    """SIGQUIT, which the image and the systemd unit send: a request that has begun is answered."""
    front = fronted(NGINX_UPSTREAM=f"server 127.0.0.1:{production.application.port};")
    body = json.dumps({"email": "anna@example.com", "password": "Pass-word-1"}).encode()
    with socket.create_connection(("127.0.0.1", front.port), 20) as client:
        client.sendall(
            b"POST /api/auth/login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n%s" % (len(body), body[:-1])
        )
        assert client.recv(64) == b"HTTP/1.1 100 Continue\r\n\r\n"
        front.process.send_signal(signal.SIGQUIT)
        time.sleep(0.3)
        client.sendall(body[-1:])
        assert client.recv(64).startswith(b"HTTP/1.1 200")
