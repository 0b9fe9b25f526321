"""Local serving: who gets a file, with which headers, and what a hostile or unlucky request gets instead."""

import re
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from api.tests.databases import connection_only_reads, database_away
from media_assets.models import MediaAsset, State
from media_assets.signing.local import LocalSigner
from media_assets.signing.urls import url_maker
from media_assets.storages import get_storage
from media_assets.tests.stored import published

pytestmark = pytest.mark.django_db


@pytest.fixture
def public(photo: Any) -> MediaAsset:
    return published(photo("Sea.jpg"))


@pytest.fixture
def private(photo: Any) -> MediaAsset:
    return published(photo("Sea.jpg"), visibility="private")


def fetch(url: str, method: str = "get", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return getattr(Client(raise_request_exception=False), method)(url, headers=named)


def url_of(asset: MediaAsset, now: float | None = None, expires_in: int = 600) -> str:
    maker = url_maker(asset.storage)
    return maker.exact(asset.key, now=time.time() if now is None else now, expires_in=expires_in)[0]


def body(asset: MediaAsset) -> bytes:
    return get_storage(asset.storage).open(asset.key).read()


def max_age(answer: Any) -> int:
    return int(re.search(r"max-age=(\d+)", answer["Cache-Control"])[1])


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_public_file_comes_with_all_its_headers(public: MediaAsset, method: str, settings: Any) -> None:
    settings.SECURE_CONTENT_TYPE_NOSNIFF = False  # the header does not hang on the middleware
    answer = fetch(url_of(public), method)
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/jpeg")
    assert answer["Content-Length"] == str(public.size)
    assert answer["ETag"] == f'"{public.sha256}"'
    assert answer["Cache-Control"] == "public, max-age=86400"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Disposition"] == "inline; filename*=UTF-8''Sea.jpg"
    assert "Last-Modified" in answer and "Set-Cookie" not in answer and "Cookie" not in answer.get("Vary", "")
    assert answer.getvalue() == (body(public) if method == "get" else b"")


def test_a_private_file_is_cached_no_longer_than_its_url_lives(private: MediaAsset) -> None:
    answer = fetch(url_of(private, expires_in=60))
    assert (answer.status_code, answer.getvalue()) == (200, body(private))
    assert answer["Cache-Control"].startswith("private, ")
    assert 55 <= max_age(answer) <= 60
    assert max_age(fetch(url_of(private, expires_in=604_800))) == 86_400


@pytest.mark.parametrize(
    "name",
    [
        "evil\r\nSet-Cookie: a=1\r\n\r\n<script>.jpg",
        'a"; filename="b.exe',
        "a';b*c%41.jpg",
        "Ünïcødé файл 🖼.jpg",
        "\u202egpj.exe",
        "../../etc/passwd",
        "x" * 255,
    ],
)
def test_no_filename_breaks_out_of_its_header(public: MediaAsset, name: str) -> None:
    MediaAsset.objects.update(original_filename=name)
    for headers in ({}, {"Range": "bytes=0-1"}):
        found = fetch(url_of(public), **headers)["Content-Disposition"]
        start, _, shown = found.partition("''")
        assert start == "inline; filename*=UTF-8"
        assert re.fullmatch(r"[A-Za-z0-9._~%-]+", shown)
        assert unquote(shown) == name


@pytest.mark.parametrize("content_type", ["application/pdf", "text/html", "image/svg+xml", "image/jpeg"])
def test_what_was_not_found_to_be_a_picture_is_an_attachment(public: MediaAsset, content_type: str) -> None:
    MediaAsset.objects.update(content_type=content_type, width=None, height=None)
    for headers in ({}, {"Range": "bytes=0-1"}):
        assert fetch(url_of(public), **headers)["Content-Disposition"].startswith("attachment; ")


SIZE = 1000
WHOLE = (200, None, SIZE)


@pytest.mark.parametrize(
    ("wanted", "status", "first", "count"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=10-19", 206, 10, 10),
        ("Bytes=10-19", 206, 10, 10),
        ("bytes=990-", 206, 990, 10),
        ("bytes=-1", 206, 999, 1),
        ("bytes=-5000", 206, 0, SIZE),
        ("bytes=0-999999999999", 206, 0, SIZE),
        ("bytes=1000-", 416, 0, 0),
        ("bytes=1000-2000", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, SIZE),
        ("bytes=5-2", 200, 0, SIZE),
        ("bytes=-", 200, 0, SIZE),
        ("bytes=", 200, 0, SIZE),
        ("bytes=a-b", 200, 0, SIZE),
        ("bytes=٠-١", 200, 0, SIZE),
        ("bytes=--5", 200, 0, SIZE),
        ("items=0-1", 200, 0, SIZE),
        (f"bytes={'9' * 5000}-", 200, 0, SIZE),
        ("", 200, 0, SIZE),
    ],
)
def test_ranges(public: MediaAsset, wanted: str, status: int, first: int, count: int) -> None:
    data = bytes(range(250)) * 4
    Path(get_storage("local-public").path(public.key)).write_bytes(data)
    MediaAsset.objects.update(size=SIZE)
    answer = fetch(url_of(public), Range=wanted)
    assert answer.status_code == status
    assert answer.getvalue() == data[first : first + count]
    assert answer.get("Content-Range") == {
        206: f"bytes {first}-{first + count - 1}/{SIZE}",
        416: f"bytes */{SIZE}",
    }.get(status)
    assert answer["Content-Length"] == str(count)
    assert (answer["Cache-Control"] == "no-store") == (status == 416)
    assert fetch(url_of(public), "head", Range=wanted).status_code == 200


def test_a_range_of_another_version_is_the_whole_file(public: MediaAsset) -> None:
    for condition, status in (
        (f'"{public.sha256}"', 206),
        ('"other"', 200),
        (f'W/"{public.sha256}"', 200),
        ("Thu, 01 Jan 2099 00:00:00 GMT", 200),
    ):
        assert fetch(url_of(public), Range="bytes=0-1", If_Range=condition).status_code == status, condition


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If_None_Match": '"{etag}"'}, 304),
        ({"If_None_Match": 'W/"{etag}", "b"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"other"'}, 200),
        ({"If_Modified_Since": "Thu, 01 Jan 2099 00:00:00 GMT"}, 304),
        ({"If_Modified_Since": "Thu, 01 Jan 2004 00:00:00 GMT"}, 200),
        ({"If_Modified_Since": "yesterday\x00"}, 200),
        ({"If_Match": '"other"'}, 412),
        ({"If_None_Match": '"{etag}"', "Range": "bytes=5000000-"}, 304),
    ],
)
def test_conditional_requests(public: MediaAsset, headers: dict[str, str], status: int) -> None:
    sent = {name: value.replace("{etag}", public.sha256) for name, value in headers.items()}
    answer = fetch(url_of(public), **sent)
    assert answer.status_code == status
    assert answer["ETag"] == f'"{public.sha256}"'
    assert answer["Cache-Control"] == ("no-store" if status == 412 else "public, max-age=86400")
    assert bool(answer.getvalue()) == (status == 200)


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", ["/media/a.jpg", "/media/private/a.jpg"])
def test_other_methods_are_405_even_without_a_token(method: str, path: str) -> None:
    answer = getattr(Client(enforce_csrf_checks=True), method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path",
    [
        "../manage.py",
        "..%2fmanage.py",
        "%2e%2e/%2e%2e/etc/passwd",
        "pictures/../pictures/Sea.jpg",
        "pictures/./Sea.jpg",
        "pictures//Sea.jpg",
        "/etc/passwd",
        "pictures\\Sea.jpg",
        "pictures%5cSea.jpg",
        "pictures/Sea.jpg%00",
        "pictures/Sea.jpg%0a",
        "pictures/Sea.jpg/",
        ".incoming/x",
        "pictures",
        "",
        "%ff%fe",
        "%ed%a0%80",
        "%F0%9F%96%BC",
        "C:/x",
        "x" * 20_000,
        "x/" * 5_000,
    ],
)
def test_hostile_paths_are_404(public: MediaAsset, path: str) -> None:
    key = unquote(path)
    assert fetch(f"/media/{path}").status_code == 404
    signed = LocalSigner("", [_secret()]).at(int(time.time()) + 60)(key).partition("?")[2]
    assert fetch(f"/media/private/{path}?{signed}").status_code in (403, 404)


@pytest.mark.parametrize("key", ["../manage.py", ".incoming/x", "a//b.jpg", "a\\b.jpg"])
def test_not_even_the_registry_leads_out_of_the_folder(public: MediaAsset, key: str) -> None:
    MediaAsset.objects.update(key=key)
    assert fetch(f"/media/{key}").status_code == 404


def _secret() -> str:
    from django.conf import settings

    return settings.SECRET_KEY


def delete_instead(execute: Any, *args: Any) -> Any:
    return execute("DELETE FROM django_session", (), False, {"connection": connection})


@pytest.mark.django_db(transaction=True)
def test_without_its_database_nothing_is_delivered_for_now(public: MediaAsset) -> None:
    url = url_of(public)
    with database_away():
        away = fetch(url)
    with connection_only_reads(), connection.execute_wrapper(delete_instead):
        demoted = fetch(url)
    for answer in (away, demoted):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert (answer.headers["Retry-After"], answer.headers["Cache-Control"]) == ("5", "no-store")
    assert fetch(url).status_code == 200


HIDDEN = [State.RESERVED, State.PROCESSING, State.FAILED, State.DISCARDED, State.TOMBSTONE]


@pytest.mark.parametrize("state", HIDDEN)
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_only_ready_files_are_delivered(photo: Any, visibility: str, state: str) -> None:
    asset = published(photo(), visibility=visibility)
    url = url_of(asset)
    assert fetch(url).status_code == 200
    MediaAsset.objects.update(state=state, lease_expires_at=timezone.now(), purge_after=timezone.now())
    assert fetch(url).status_code == 404


def test_a_url_of_the_other_visibility_is_404(photo: Any) -> None:
    public, private = published(photo("a.jpg")), published(photo("b.jpg"), visibility="private")
    assert fetch(f"/media/{private.key}").status_code == 404
    assert fetch(url_maker("local-private").exact(public.key, now=time.time(), expires_in=60)[0]).status_code == 404


CHANGES: dict[str, Callable[[str, str], dict[str, str]]] = {
    "neither": lambda e, s: {},
    "no signature": lambda e, s: {"expires": e},
    "no expiry": lambda e, s: {"signature": s},
    "empty": lambda e, s: {"expires": e, "signature": ""},
    "forged": lambda e, s: {"expires": e, "signature": ("A" if s[0] != "A" else "B") + s[1:]},
    "shortened": lambda e, s: {"expires": e, "signature": s[:-1]},
    "longer": lambda e, s: {"expires": e, "signature": s + "A"},
    "later": lambda e, s: {"expires": str(int(e) + 1), "signature": s},
    "earlier": lambda e, s: {"expires": str(int(e) - 10_000), "signature": s},
    "zero in front": lambda e, s: {"expires": "0" + e, "signature": s},
    "blank": lambda e, s: {"expires": f" {e}", "signature": s},
    "line break": lambda e, s: {"expires": f"{e}\npictures", "signature": s},
    "other digits": lambda e, s: {"expires": e.translate({ord("1"): "١"}), "signature": s},
    "negative": lambda e, s: {"expires": "-1", "signature": s},
    "word": lambda e, s: {"expires": "never", "signature": s},
    "huge": lambda e, s: {"expires": "9" * 5000, "signature": s},
    "infinite": lambda e, s: {"expires": "inf", "signature": s},
    "non-ascii": lambda e, s: {"expires": e, "signature": "é" + s[1:]},
    "NUL": lambda e, s: {"expires": e + "\0", "signature": s + "\0"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_forged_urls_are_403(private: MediaAsset, change: Callable[..., dict[str, str]]) -> None:
    path, _, query = url_of(private).partition("?")
    [expires], [signature] = parse_qs(query)["expires"], parse_qs(query)["signature"]
    answer = Client(raise_request_exception=False).get(path, change(expires, signature))
    assert (answer.status_code, answer.json()["code"]) == (403, "invalid_signature")
    assert answer["Cache-Control"] == "no-store"


def test_a_surrogate_in_the_signature_is_403(private: MediaAsset) -> None:
    url = url_of(private)
    assert fetch(f"{url[:-4]}%ED%A0%80").status_code == 403
    assert fetch(url.replace("expires=", "expires=%FF")).status_code == 403


def test_the_signature_of_another_file_is_403(photo: Any, private: MediaAsset) -> None:
    other = published(photo("other.jpg"), visibility="private")
    query = urlsplit(url_of(other)).query
    assert fetch(f"/media/private/{private.key}?{query}").json()["code"] == "invalid_signature"


def test_an_expired_url_is_403_and_says_so(private: MediaAsset) -> None:
    answer = fetch(url_of(private, now=time.time() - 61, expires_in=60))
    assert (answer.status_code, answer.json()["code"]) == (403, "expired_signature")


def test_urls_under_an_older_secret_work_while_it_is_a_fallback(private: MediaAsset, settings: Any) -> None:
    url, old = url_of(private), settings.SECRET_KEY
    settings.SECRET_KEY = "a-new-secret" * 5
    assert fetch(url).status_code == 403
    settings.SECRET_KEY_FALLBACKS = [old]
    assert fetch(url).status_code == 200
    assert fetch(url_of(private)).status_code == 200


def test_a_file_that_is_gone_from_disk_is_404(public: MediaAsset) -> None:
    get_storage(public.storage).delete(public.key)
    assert fetch(url_of(public)).status_code == 404


def test_a_disk_that_cannot_be_read_is_503(public: MediaAsset, caplog: Any) -> None:
    path = Path(get_storage(public.storage).path(public.key))
    path.unlink()
    path.mkdir()
    answer = fetch(url_of(public))
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert (answer["Retry-After"], answer["Cache-Control"]) == ("5", "no-store")
    assert "MEDIA_ROOT" in caplog.text


@pytest.mark.parametrize("name", ["Sea.jpg", "Ünï cødé.jpg"])
def test_a_proxy_takes_over(photo: Any, settings: Any, name: str) -> None:
    settings.MEDIA_X_ACCEL_PREFIX = "/_files/"
    for visibility in ("public", "private"):
        asset = published(photo(name), visibility=visibility)
        answer = fetch(url_of(asset), Range="bytes=0-1")
        assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, b"", "image/jpeg")
        assert answer["X-Accel-Redirect"] == f"/_files/{visibility}/{quote(asset.key)}"
        assert answer["Cache-Control"].startswith(f"{visibility}, max-age=")
        assert fetch(url_of(asset), If_None_Match=answer["ETag"]).status_code == 304


@pytest.mark.parametrize("wanted", ["", "bytes=1-"])
def test_a_large_file_is_streamed(public: MediaAsset, wanted: str) -> None:
    size = 30_000_000
    with Path(get_storage(public.storage).path(public.key)).open("r+b") as file:
        file.truncate(size)
    MediaAsset.objects.update(size=size)
    answer = fetch(url_of(public), Range=wanted)
    tracemalloc.start()
    read = sum(len(chunk) for chunk in answer)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == size - bool(wanted)
    assert peak < 1_000_000


@pytest.mark.parametrize("wanted", ["", "bytes=0-9", "bytes=5000000-"])
def test_the_file_is_closed_with_the_response_read_or_not(public: MediaAsset, wanted: str, monkeypatch: Any) -> None:
    opened: list[Any] = []
    cls = type(get_storage("local-public"))
    plain = cls.open
    monkeypatch.setattr(cls, "open", lambda *args: opened.append(plain(*args)) or opened[-1])
    fetch(url_of(public), Range=wanted).close()
    assert [file.closed for file in opened] == [True]


# --- moved to S3 ------------------------------------------------------------------------------------------------------

BUCKET = {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": "shop"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret"}


@pytest.fixture
def moved(monkeypatch: Any) -> Callable[..., Any]:
    """``moved(asset, expires_in=600)``: the answer to the asset's local URL, in the moment it was signed, once its file
    has moved to S3."""

    def ask(asset: MediaAsset, expires_in: int = 600) -> Any:
        now = time.time()
        monkeypatch.setattr("media_assets.delivery.time", SimpleNamespace(time=lambda: now))
        url = url_of(asset, now, expires_in)
        MediaAsset.objects.filter(pk=asset.pk).update(storage=f"s3-{asset.visibility}")
        return fetch(url)

    return ask


def test_a_moved_public_file_is_found_where_it_is(moved: Any, public: MediaAsset, site: Any) -> None:
    site(**BUCKET, **KEYS)
    answer = moved(public)
    assert (answer.status_code, answer["Location"]) == (302, f"https://shop.s3.amazonaws.com/media/{public.key}")
    assert answer["Cache-Control"] == "public, max-age=86400"


@pytest.mark.parametrize("expires_in", [1, 2, 600, 3600, 604_800])
def test_a_cached_redirect_dies_before_its_target(moved: Any, private: MediaAsset, site: Any, expires_in: int) -> None:
    site(**BUCKET, **KEYS)
    answer = moved(private, expires_in)
    lives = int(parse_qs(urlsplit(answer["Location"]).query)["X-Amz-Expires"][0])
    assert answer.status_code == 302
    assert max(1, expires_in - 2) <= lives <= expires_in
    assert answer["Cache-Control"].startswith("private, ")
    assert max_age(answer) * 2 <= min(lives, 86_400)


def test_a_cached_redirect_dies_before_the_roles_credentials(
    moved: Any, private: MediaAsset, site: Any, machine: Any
) -> None:
    ends = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 1200))
    machine(**KEYS, AWS_SESSION_TOKEN="token", AWS_CREDENTIAL_EXPIRATION=ends)
    site(**BUCKET)
    answer = moved(private, 36_000)
    assert answer.status_code == 302
    assert 590 <= max_age(answer) <= 600


def test_without_credentials_for_the_new_place_it_is_503(
    moved: Any, private: MediaAsset, site: Any, machine: Any, caplog: Any
) -> None:
    site(**BUCKET)
    answer = moved(private)
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert "AWS_ACCESS_KEY_ID" in caplog.text


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_place_that_is_not_configured_is_404(moved: Any, photo: Any, visibility: str) -> None:
    assert moved(published(photo(), visibility=visibility)).status_code == 404
