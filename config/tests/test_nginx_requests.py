"""What nginx lets through, holds back and says itself: ids, addresses, bodies, limits, TLS."""

import contextlib
import json
import os
import re
import socket
import subprocess
import time
import zlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from config.tests.production import (
    NEEDS_NGINX,
    Production,
    artwork,
    library_image,
    path_of,
    start_nginx,
    wait_until,
    write_nginx,
)
from conftest import draw, free_port

pytestmark = NEEDS_NGINX


def test_metrics_are_not_for_the_public(production: Production) -> None:
    token = {"Authorization": "Bearer metrics-token"}
    assert production.application.ask("GET", "/metrics", headers=token).status == 200
    for path in ("/metrics", "//metrics", "/%6detrics", "/x/../metrics", "/x/..%2fmetrics", "/metrics?a=b"):
        assert production.front.ask("GET", path, headers=token).status == 404, path


def test_the_request_id_goes_all_the_way(production: Production) -> None:
    named = production.front.ask("GET", "/healthz", headers={"X-Request-ID": "my-request-1"})
    assert named.headers["x-request-id"] == "my-request-1"
    refused = production.front.ask("GET", "/healthz", headers={"X-Request-ID": "<script>"})
    assert re.fullmatch(r"[0-9a-f]{32}", refused.headers["x-request-id"])
    log = production.folder / "nginx/access.log"  # written after the answer
    wait_until(lambda: refused.headers["x-request-id"] in log.read_text())
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert "my-request-1" in {line["request_id"] for line in lines}


def test_no_signature_stands_in_the_access_log(production: Production) -> None:
    url = library_image(production)["image_url"]
    assert "signature=" in url and production.front.get(url).status == 200
    log = production.folder / "nginx/access.log"
    wait_until(lambda: urlsplit(url).path in log.read_text())
    assert "signature=" not in log.read_text()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"},
        {"X_Forwarded_Host": "evil.example.com", "X_Forwarded_Proto": "https"},
        {"X-Forwarded-Ssl": "on"},
        {"X-Forwarded-Protocol": "ssl"},
        {"Forwarded": "host=evil.example.com;proto=https"},
    ],
)
def test_a_client_cannot_say_what_only_the_proxy_may(production: Production, headers: dict[str, str]) -> None:
    made = artwork(production)
    answer = production.front.ask("GET", f"/api/artworks/{made['id']}/", headers=headers)
    assert answer.json()["image_display_url"] == made["image_display_url"]
    assert made["image_display_url"].startswith(f"http://127.0.0.1:{production.front.port}/")


def test_a_balancer_in_front_is_believed_and_nobody_else(tmp_path: Path, fronted: Any, production: Production) -> None:
    """The application builds its URLs of what it is told."""
    path = f"/api/artworks/{artwork(production)['id']}/"
    upstream = f"server 127.0.0.1:{production.application.port};"
    told = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    trusting = fronted(NGINX_UPSTREAM=upstream, NGINX_TRUSTED_PROXY="127.0.0.0/8")
    assert trusting.ask("GET", path, headers=told).json()["image_display_url"].startswith("https://")
    wait_until(lambda: '"address":"192.0.2.7"' in (tmp_path / "nginx/access.log").read_text())
    trusting.stop()
    strict = fronted(NGINX_UPSTREAM=upstream)
    assert strict.ask("GET", path, headers=told).json()["image_display_url"].startswith("http://")
    assert (tmp_path / "nginx/access.log").read_text().count("192.0.2.7") == 1


def test_tls_ends_here(tmp_path: Path, production: Production) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    plain, secure = free_port(), free_port()
    conf = write_nginx(
        tmp_path,
        NGINX_FRONT="tls",
        NGINX_HTTP_PORT=str(plain),
        NGINX_HTTPS_PORT=str(secure),
        NGINX_CERTIFICATE=str(certificate),
        NGINX_CERTIFICATE_KEY=str(key),
        NGINX_UPSTREAM=f"server 127.0.0.1:{production.application.port};",
    )
    front = start_nginx(conf, secure)
    try:
        url = f"https://127.0.0.1:{secure}/api/artworks/{artwork(production)['id']}/"
        found = requests.get(url, verify=str(certificate), timeout=20).json()
        assert found["image_display_url"].startswith(f"https://127.0.0.1:{secure}/media/")
        redirect = requests.get(f"http://127.0.0.1:{plain}/a?b=c", allow_redirects=False, timeout=20)
        assert (redirect.status_code, redirect.headers["Location"]) == (301, "https://127.0.0.1/a?b=c")
    finally:
        front.stop()


def test_eight_megabytes_arrive(production: Production) -> None:
    data = os.urandom(8 * 1024 * 1024 - 64 * 1024)
    picture = draw("PNG", (32, 32))
    chunk = b"prVw" + data  # one of its own behind the header: large, and still a picture
    large = picture[:33] + len(data).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) + picture[33:]
    made = production.post_form("/api/artworks/", {"title": "t"}, {"image": ("large.png", large, "image/png")})
    assert made.status == 201, made


def test_a_direct_upload_of_eight_megabytes_arrives(production: Production) -> None:
    sent, form = direct_upload(production, b"\0" * 8 * 1024 * 1024)
    assert sent.status == 201, sent
    assert b"<PostResponse>" in sent.body and form["form_url"].startswith(f"http://127.0.0.1:{production.front.port}/")


def direct_upload(production: Production, data: bytes) -> tuple[Any, Any]:
    """The answer of the form, and what described it."""
    wanted = json.dumps({"original_filename": "photo.png", "content_type": "image/png"})
    headers = {"Content-Type": "application/json", **production.bearer}
    form = production.front.ask("POST", "/api/uploads/", wanted, headers).json()
    sent = production.post_form(path_of(form["form_url"]), form["form_fields"], {"file": ("photo.png", data)})
    return sent, form


def test_a_form_that_is_too_large_is_told_so_as_s3_does(production: Production) -> None:
    sent, _form = direct_upload(production, b"\0" * 10 * 1024 * 1024)
    assert (sent.status, sent.headers["content-type"]) == (400, "application/xml")
    assert b"<Code>EntityTooLarge</Code>" in sent.body and sent.headers["x-request-id"].encode() in sent.body


@pytest.mark.parametrize(
    ("path", "megabytes", "status"), [("/api/artworks/", 21, 413), ("/api/auth/login/", 2, 413), ("/nowhere", 21, 413)]
)
def test_too_large_is_413_in_json(production: Production, path: str, megabytes: int, status: int) -> None:
    sent = production.post_form(path, {}, {"image": ("photo.jpg", b"\0" * megabytes * 1024 * 1024)})
    assert (sent.status, sent.headers["content-type"]) == (413, "application/json")
    assert sent.json() == {"detail": "The request is too large.", "code": "request_too_large"}
    assert sent.headers["cache-control"] == "no-store" and sent.headers["x-request-id"]


def test_slow_senders_hold_no_thread(production: Production) -> None:
    """More of them than the application has threads; whoever comes meanwhile is answered at once."""
    start = (
        b"POST /api/artworks/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    with contextlib.ExitStack() as stack:
        senders = [
            stack.enter_context(socket.create_connection(("127.0.0.1", production.front.port))) for _ in range(64)
        ]
        for sender in senders:
            sender.sendall(start)
        time.sleep(0.5)
        began = time.monotonic()
        assert [production.front.get("/healthz").status for _ in range(10)] == [200] * 10
        assert time.monotonic() - began < 25


def test_a_body_in_chunks_gets_its_length(production: Production) -> None:
    """The application itself would have to answer 411."""
    body = json.dumps({"email": "anna@example.com", "password": "Pass-word-1"}).encode()
    headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = production.front.ask("POST", "/api/auth/login/", iter([chunked]), headers)
    assert answer.status == 200, answer


def test_headers_may_be_large(production: Production) -> None:
    answer = production.front.ask("GET", "/healthz", headers={"Cookie": "a=" + "b" * 7000})
    assert answer.status == 200
    answer = production.front.ask("GET", "/healthz", headers={"Cookie": "a=" + "b" * 20_000})
    assert answer.status == 400
