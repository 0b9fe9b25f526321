import encodings.aliases

import pytest
from django.test import Client

from api.parsers import MAX_JSON_DEPTH

pytestmark = pytest.mark.urls("api.tests.urls")

MULTIPART = "multipart/form-data; boundary=x"
NAMED = "Content-Disposition: form-data; name"


def part(headers: str, body: bytes = b"v") -> bytes:
    return b"--x\r\n" + headers.encode("latin-1") + b"\r\n\r\n" + body + b"\r\n--x--\r\n"


def nested(depth: int) -> bytes:
    return b'{"title": "a", "y": [], "x": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


def send(body: bytes, content_type: str):
    return Client().generic("POST", "/api/open-echo/", body, content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\x00", b"[1]", b"null", b'"a"', b"1", b"NaN", b'{"title": NaN}', b'{"title": 1e999}',
        b'{"title": "\\ud800"}', b'{"title": "\xff"}', b"\xef\xbb\xbf{}",
        b'{"a":' * 5000, nested(MAX_JSON_DEPTH + 1), nested(900),
    ],
)  # fmt: skip
def test_json_that_is_not_one_shallow_object_is_refused(body: bytes) -> None:
    answer = send(body, "application/json")
    assert answer.status_code == 400
    assert answer.json().get("code") == "parse_error" or answer.json() == {"title": ["This field is required."]}


def test_json_as_deep_as_allowed_and_wide_is_read() -> None:
    assert send(nested(MAX_JSON_DEPTH), "application/json").status_code == 200
    assert send(b'{"title": "a", "x": [' + b"[]," * 5000 + b"[]]}", "application/json").status_code == 200


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", MULTIPART])
def test_only_utf8_is_read_and_no_charset_breaks_the_server(content_type: str) -> None:
    bodies = {MULTIPART: part(f'{NAMED}="title"', b"\\ud800 +2AA-")}
    body = bodies.get(content_type, b"title=\\ud800+2AA-" if "form" in content_type else b'{"title": "a"}')
    charsets = {*encodings.aliases.aliases.values(), "rot13", "idna", "punycode", "unicode_escape"} - {"mbcs", "oem"}
    statuses = {charset: send(body, f"{content_type}; charset={charset}").status_code for charset in charsets}
    assert {charset for charset, status in statuses.items() if status == 200} == {"utf_8", "ascii"}
    assert set(statuses.values()) == {200, 400}


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (part(f'{NAMED}="title"'), MULTIPART, 200),
        (part(f"{NAMED}*=bogus''x"), MULTIPART, 400),
        (part(f"{NAMED}=image; filename*=bogus''x"), MULTIPART, 400),
        (part(f'{NAMED}="\xff\xfe"'), MULTIPART, 400),
        (part(f"{NAMED}=image; filename=a\r\nContent-Transfer-Encoding: base64"), MULTIPART, 400),
        (part(f"{NAMED}=image; filename=a")[:-7], MULTIPART, 400),
        (b"{}", "multipart/form-data", 400),
        (b"{}", "multipart/form-data; boundary=" + "x" * 300, 415),
        (b"{}", "a", 415),
        (b"{}", "/;;;=", 415),
        (b'{"title": "' + b"x" * 1_100_000 + b'"}', "application/json", 413),
        (b"title=" + b"x" * 1_100_000, "application/x-www-form-urlencoded", 413),
        (part(f'{NAMED}="title"', b"x" * 1_100_000), MULTIPART, 413),
        (b"&".join(b"a%d=1" % n for n in range(1100)), "application/x-www-form-urlencoded", 400),
        (b"".join(part(f"{NAMED}={n}; filename=f")[:-7] for n in range(150)) + b"--x--\r\n", MULTIPART, 400),
    ],
)  # fmt: skip
def test_broken_bodies(body: bytes, content_type: str, status: int) -> None:
    answer = send(body, content_type)
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
