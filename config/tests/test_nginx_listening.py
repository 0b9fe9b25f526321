"""Where nginx listens: on IPv4, and on IPv6 where the kernel has it; and what it says to plain HTTP in front of TLS."""

import http.client
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from config.tests.boot import ROOT
from config.tests.production import NEEDS_NGINX, Server, start_nginx, wait_until, write_nginx
from conftest import free_port

pytestmark = NEEDS_NGINX


def has_ipv6() -> bool:
    """Whether this machine reaches itself by it: the kernel may have it, and it be off."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


NEEDS_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@dataclass
class Front:
    """nginx that ends TLS, with no application behind it."""

    folder: Path
    plain: int
    secure: int


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory, nobody: str) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"),
            *("-addext", "subjectAltName=IP:127.0.0.1,IP:::1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    front = Front(folder, free_port(), free_port())
    conf = write_nginx(
        folder,
        NGINX_FRONT="tls",
        NGINX_HTTP_PORT=str(front.plain),
        NGINX_HTTPS_PORT=str(front.secure),
        NGINX_CERTIFICATE=str(certificate),
        NGINX_CERTIFICATE_KEY=str(key),
        NGINX_UPSTREAM=f"server {nobody};",
    )
    rendered = folder / "nginx/conf.d/vitrine/tls.conf"
    rendered.write_text(rendered.read_text().replace("/var/www/acme", str(folder / "acme")))
    server = start_nginx(conf, front.secure)
    yield front
    server.stop()


@NEEDS_IPV6
def test_behind_a_balancer_it_listens_on_ipv6_too(fronted: Callable[..., Server], nobody: str) -> None:
    front = fronted(NGINX_UPSTREAM=f"server {nobody};")
    connection = http.client.HTTPConnection("::1", front.port, timeout=20)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 503, "nginx's own answer"
    connection.close()


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("[::1]", marks=NEEDS_IPV6)])
def test_with_tls_both_ports_are_open(tls: Front, host: str) -> None:
    redirect = requests.get(f"http://{host}:{tls.plain}/a?b=c", allow_redirects=False, timeout=20)
    assert (redirect.status_code, redirect.headers["Location"]) == (301, f"https://{host}/a?b=c")
    answer = requests.get(f"https://{host}:{tls.secure}/healthz", verify=str(tls.folder / "cert.pem"), timeout=20)
    assert answer.json()["code"] == "unavailable"


def test_a_kernel_without_ipv6_is_asked_for_none(tls: Front, tmp_path: Path) -> None:
    """nginx would not start: "Address family not supported by protocol"."""
    hidden = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none /proc && exec "$@"', "sh"]
    try:
        subprocess.run([*hidden, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("/proc cannot be hidden here")
    env_file = tls.folder / "nginx/nginx.env"
    subprocess.run([*hidden, ROOT / "deploy/nginx/render", env_file, tmp_path], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in tmp_path.rglob("*.conf")}
    assert f"listen {tls.secure} ssl" in made["tls.conf"] and "listen " in made["balancer.conf"]
    assert "[::]" not in "".join(made.values())


def test_a_certificate_can_be_renewed_while_nginx_runs(tls: Front) -> None:
    """By ``certbot --webroot``: the one thing that is answered in plain HTTP."""
    place = tls.folder / "acme/.well-known/acme-challenge/token"
    place.parent.mkdir(parents=True)
    place.write_text("proof")
    answer = requests.get(f"http://127.0.0.1:{tls.plain}/.well-known/acme-challenge/token", timeout=20)
    assert (answer.status_code, answer.text, answer.url[:5]) == (200, "proof", "http:")


def test_no_signature_stands_in_the_log_of_redirects(tls: Front) -> None:
    path = "/media/private/moved.jpg"
    requests.get(f"http://127.0.0.1:{tls.plain}{path}?signature=secret", allow_redirects=False, timeout=20)
    log = tls.folder / "nginx/access.log"
    wait_until(lambda: log.exists() and path in log.read_text())
    assert path in {json.loads(line)["path"] for line in log.read_text().splitlines()}
    assert "secret" not in log.read_text()
