"""The site as it stands in production: gunicorn behind nginx, each a process of its own, on free ports."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from requests.models import RequestEncodingMixin

from config.tests.boot import ROOT
from conftest import draw, free_port

NGINX = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NEEDS_NGINX = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
# Headers of one hop, of the moment, or of the server's own.
OWN_HEADERS = {"date", "server", "connection", "x-request-id", "transfer-encoding"}
X_ACCEL_PREFIX = "/protected"
START_SECONDS = 60
NGINX_CONF = """
{user}
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    sendfile on;
    include conf.d/*.conf;
}}
"""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """A process that answers on ``port`` of this machine."""

    port: int
    process: subprocess.Popen[bytes]

    def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None, seconds: float = 30
    ) -> Answer:
        """One request on a connection of its own; the path goes out as it is written."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        with contextlib.closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            found = connection.getresponse()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())

    def get(self, url: str, **headers: str) -> Answer:
        """``url``: a path, or an absolute URL whose host is not looked at. ``if_none_match`` is ``If-None-Match``."""
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def stop(self) -> None:
        """Terminate it and wait."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(40)


@dataclass
class Production:
    """``front`` is nginx; ``application`` is gunicorn as nginx sees it; ``streaming`` the same without
    ``MEDIA_X_ACCEL_PREFIX``."""

    folder: Path
    front: Server
    application: Server
    streaming: Server
    token: str = field(default="")

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def post_form(self, path: str, fields: dict[str, Any], files: dict[str, Any], **headers: str) -> Answer:
        """Post multipart/form-data to nginx."""
        body, content_type = RequestEncodingMixin._encode_files(files, fields)
        return self.front.ask("POST", path, body, {"Content-Type": content_type, **self.bearer, **headers})

    def sql(self, statement: str, *values: Any) -> list[Any]:
        """Behind the application's back."""
        with contextlib.closing(sqlite3.connect(self.folder / "site.sqlite3", timeout=20)) as database, database:
            return database.execute(statement, values).fetchall()


def environment(folder: Path, **lines: str) -> dict[str, str]:
    """Of a site with its files and database below ``folder``, behind one proxy."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "config.tests.production_settings",
        "PYTHONWARNINGS": "ignore",
        "ENV_FILE": os.devnull,
        "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
        "DEBUG": "False",
        "USE_S3": "False",
        "AWS_STORAGE_BUCKET_NAME": "moved",  # where a file may have gone
        "AWS_S3_ENDPOINT_URL": "https://store.example.com",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "TRUSTED_PROXY_HEADERS": "True",
        "TRUSTED_PROXY_COUNT": "1",
        "THROTTLES_ENABLED": "False",
        "EMAIL_URL": "memorymail://",
        "LOG_LEVEL": "WARNING",
        "METRICS_TOKEN": "metrics-token",
        "MEDIA_VARIANT_WIDTHS": "32",
        "CORS_ALLOWED_ORIGINS": "https://app.example.com",
        "DATABASE_URL": f"sqlite:///{folder}/site.sqlite3",
        "MEDIA_ROOT": str(folder / "media"),
        "PRIVATE_MEDIA_ROOT": str(folder / "private"),
        "TEST_STATIC_ROOT": str(folder / "static"),
        "TMPDIR": str(folder),
        **lines,
    }


def manage(site: Mapping[str, str], *command: str) -> str:
    """Run a management command; what it printed."""
    run = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=site, capture_output=True, text=True, check=True
    )
    return run.stdout


def start_gunicorn(site: Mapping[str, str], folder: Path, listener: socket.socket | None = None) -> Server:
    """With the project's own configuration, one worker; on a port of its own, or on a ``listener`` that outlives it."""
    port = listener.getsockname()[1] if listener else free_port()
    bind = f"fd://{listener.fileno()}" if listener else f"127.0.0.1:{port}"
    command = ["gunicorn", "--config", "config/gunicorn.py", "--bind", bind, "--workers", "1", "config.wsgi"]
    with (folder / "gunicorn.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env=site,
            stdout=log,
            stderr=log,
            pass_fds=[listener.fileno()] if listener else [],
        )
    return answering(Server(port, process), folder / "gunicorn.log")


def write_nginx(folder: Path, **variables: str) -> Path:
    """The configuration as ``deploy/nginx/render`` makes it, below ``folder``; the path of its first file."""
    (folder / "nginx").mkdir(exist_ok=True)
    given = {
        "NGINX_FRONT": "balancer",
        "NGINX_TRUSTED_PROXY": "255.255.255.255",
        "NGINX_MEDIA_ROOT": str(folder / "media"),
        "NGINX_PRIVATE_MEDIA_ROOT": str(folder / "private"),
        "NGINX_STATIC_ROOT": str(folder / "static"),
        "NGINX_LOG_DIR": str(folder / "nginx"),
        "NGINX_HTTP_PORT": "0",
        **variables,
    }
    lines = [f"{name}='{value}'\n" for name, value in given.items()]
    example = (ROOT / "deploy/nginx/nginx.env.example").read_text()
    (folder / "nginx/nginx.env").write_text(f"{example}\n{''.join(lines)}")
    subprocess.run(
        [ROOT / "deploy/nginx/render", folder / "nginx/nginx.env", folder / "nginx/conf.d"],
        check=True,
        capture_output=True,
    )
    user = "user root;" if os.getuid() == 0 else ""
    path = folder / "nginx/nginx.conf"
    path.write_text(NGINX_CONF.format(user=user, folder=folder / "nginx"))
    return path


def start_nginx(conf: Path, port: int) -> Server:
    """``port``: the one it is configured to listen on."""
    process = subprocess.Popen([str(NGINX), "-e", str(conf.parent / "error.log"), "-c", str(conf)])
    return answering(Server(port, process), conf.parent / "error.log")


def answering(server: Server, log: Path) -> Server:
    """The server, once it takes connections. Raises AssertionError, with its log, where it does not."""
    end = time.monotonic() + START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), 1):
            return server
        assert server.process.poll() is None and time.monotonic() < end, log.read_text(errors="replace")
        time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Production]:
    """A migrated site with its static files, and a user who is signed in."""
    site = environment(folder)
    for name in ("static", "media", "private"):
        (folder / name).mkdir()
    manage(site, "migrate", "--verbosity", "0")
    manage(site, "collectstatic", "--no-input", "--verbosity", "0")
    with contextlib.ExitStack() as stack:
        application = start_gunicorn({**site, "MEDIA_X_ACCEL_PREFIX": X_ACCEL_PREFIX}, folder)
        stack.callback(application.stop)
        streaming = start_gunicorn(site, folder)
        stack.callback(streaming.stop)
        port = free_port()
        conf = write_nginx(
            folder,
            NGINX_HTTP_PORT=str(port),
            NGINX_UPSTREAM=f"server 127.0.0.1:{application.port};",
            NGINX_MAX_REQUEST_BYTES=str(20 * 1024 * 1024),
            NGINX_MAX_FORM_BYTES=str(9 * 1024 * 1024),
        )
        front = start_nginx(conf, port)
        stack.callback(front.stop)
        production = Production(folder, front, application, streaming)
        production.token = _sign_up(front)
        yield production


def _sign_up(front: Server) -> str:
    account = {"email": "anna@example.com", "username": "anna", "password": "Pass-word-1", "password2": "Pass-word-1"}
    headers = {"Content-Type": "application/json"}
    signed_up = front.ask("POST", "/api/auth/signup/", json.dumps(account), headers)
    assert signed_up.status == 201, signed_up
    return str(front.ask("POST", "/api/auth/login/", json.dumps(account), headers).json()["access"])


def artwork(production: Production, name: str = "photo.jpg", data: bytes | None = None) -> Any:
    made = production.post_form("/api/artworks/", {"title": "t"}, {"image": (name, data or draw(), "image/jpeg")})
    assert made.status == 201, made
    return made.json()


def library_image(production: Production) -> Any:
    made = production.post_form("/api/images/upload/", {"title": "t"}, {"image": ("p.jpg", draw(), "image/jpeg")})
    assert made.status == 201, made
    return made.json()


def path_of(url: str) -> str:
    """Path and query."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def key_of(url: str) -> str:
    return urlsplit(url).path.removeprefix("/media/").removeprefix("private/")


def hashed(production: Production, name: str) -> str:
    names = json.loads((production.folder / "static/staticfiles.json").read_text())["paths"]
    return f"/static/{names[name]}"


def shown(headers: dict[str, str]) -> dict[str, str]:
    """Those that say something of the file, without the age of a private one, which is less each second (``max_age``);
    ``Accept-Ranges`` goes without saying on a part."""
    kept = {name: value for name, value in headers.items() if name not in OWN_HEADERS}
    if "content-range" in kept:
        kept.pop("accept-ranges", None)
    if kept.get("cache-control", "").startswith("private"):
        kept["cache-control"] = re.sub(r"max-age=\d+", "max-age", kept["cache-control"])
    return kept


def max_age(headers: dict[str, str]) -> int:
    """Seconds that the file may be kept; 0 where nothing is said."""
    found = re.search(r"max-age=(\d+)", headers.get("cache-control", ""))
    return int(found[1]) if found else 0


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
