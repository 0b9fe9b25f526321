"""nginx sends local and static files as the application itself would, and nothing else."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from config.tests.production import (
    NEEDS_NGINX,
    X_ACCEL_PREFIX,
    Production,
    artwork,
    hashed,
    key_of,
    library_image,
    max_age,
    path_of,
    shown,
)

pytestmark = NEEDS_NGINX
ORIGIN = "https://app.example.com"


@pytest.fixture(scope="session")
def urls(production: Production) -> dict[str, str]:
    """What a photo's answer tells: ``public``, ``private``, and the variants of both."""
    public, private = artwork(production, "Fön & 100%.jpg"), library_image(production)
    return {
        "public": public["image_display_url"],
        "public variant": public["media"]["variants"][0]["url"],
        "private": private["image_url"],
        "private variant": private["media"]["variants"][0]["url"],
    }


KINDS = ["public", "public variant", "private", "private variant"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"Origin": ORIGIN},
        {"Range": "bytes=10-19"},
        {"Range": "bytes=-5"},
        {"Range": "bytes=0-1,5-6"},
        {"Range": "bytes=10-19", "If-Range": "ETAG"},
        {"Range": "bytes=10-19", "If-Range": '"another"'},
        {"If-None-Match": "ETAG"},
        {"If-None-Match": '"another"'},
        {"If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"},
        {"If-Modified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"},
        {"If-Match": "ETAG"},
        {"If-Match": '"another"'},
        {"If-Unmodified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"},
    ],
    ids=lambda asked: " ".join(f"{name}:{value}" for name, value in asked.items()) or "plain",
)
def test_files_come_as_the_application_itself_would_send_them(
    production: Production, urls: dict[str, str], kind: str, asked: dict[str, str]
) -> None:
    path = path_of(urls[kind])
    etag = production.streaming.ask("HEAD", path).headers["etag"]
    asked = {name: etag if value == "ETAG" else value for name, value in asked.items()}
    ours = production.front.ask("GET", path, headers=asked)
    theirs = production.streaming.ask("GET", path, headers=asked)
    assert (ours.status, ours.body) == (theirs.status, theirs.body)
    assert shown(ours.headers) == shown(theirs.headers)
    assert abs(max_age(ours.headers) - max_age(theirs.headers)) <= 30


@pytest.mark.parametrize("kind", KINDS)
def test_nginx_sends_the_bytes_and_gunicorn_only_their_name(
    production: Production, urls: dict[str, str], kind: str
) -> None:
    """Else the comparison above would compare the application with itself."""
    answer = production.application.ask("GET", path_of(urls[kind]))
    visibility = kind.partition(" ")[0]
    assert answer.headers["x-accel-redirect"].startswith(f"{X_ACCEL_PREFIX}/{visibility}/") and not answer.body
    answer = production.front.ask("GET", path_of(urls[kind]))
    assert answer.body and "x-accel-redirect" not in answer.headers


def test_a_range_behind_the_end(production: Production, urls: dict[str, str]) -> None:
    answer = production.front.get(urls["public"], range="bytes=99999999-")
    size = len(production.front.get(urls["public"]).body)
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{size}")
    assert answer.headers["cache-control"] == "no-store"


def test_a_moved_file_is_redirected(production: Production) -> None:
    url = artwork(production)["image_display_url"]
    key = key_of(url)
    production.sql("UPDATE media_assets_mediaasset SET storage = 's3-public' WHERE key = ?", key)
    answer = production.front.get(url)
    assert (answer.status, answer.headers["location"]) == (302, f"https://store.example.com/moved/media/{key}")
    assert (production.folder / "media" / key).exists(), "the source is kept, and not what is delivered"


def test_a_forged_signature_is_403(production: Production, urls: dict[str, str]) -> None:
    url = urls["private"]
    for forged in (f"{url[:-4]}AAAA", url.replace("expires=", "expires=9"), url.partition("?")[0]):
        answer = production.front.get(forged)
        assert (answer.status, answer.json()["code"]) == (403, "invalid_signature")


@pytest.mark.parametrize("state", ["reserved", "processing", "failed", "discarded"])
def test_what_is_not_ready_is_not_there_although_its_file_is(production: Production, state: str) -> None:
    url = artwork(production)["image_display_url"]
    assert production.front.get(url).status == 200
    lease = ", lease_expires_at = '2050-01-01'" if state == "reserved" else ""
    production.sql(f"UPDATE media_assets_mediaasset SET state = ?{lease} WHERE key = ?", state, key_of(url))
    assert (production.folder / "media" / key_of(url)).exists()
    assert production.front.get(url).status == 404


def test_a_deleted_picture_is_gone_at_once(production: Production) -> None:
    made = artwork(production)
    places = [made["image_display_url"], *(one["url"] for one in made["media"]["variants"])]
    assert [production.front.get(url).status for url in places] == [200, 200]
    gone = production.front.ask("DELETE", f"/api/artworks/{made['id']}/", headers=production.bearer)
    assert gone.status == 204
    assert [production.front.get(url).status for url in places] == [404, 404]


@pytest.mark.parametrize("kind", ["public", "private"])
def test_a_file_that_is_missing_on_disk_is_404_that_nobody_keeps(production: Production, kind: str) -> None:
    url = artwork(production)["image_display_url"] if kind == "public" else library_image(production)["image_url"]
    (production.folder / ("media" if kind == "public" else "private") / key_of(url)).unlink()
    answer = production.front.get(url)
    assert (answer.status, answer.headers["cache-control"]) == (404, "no-store")
    assert answer.headers["content-type"].startswith("text/html"), "an error page must not pass for a picture"


def test_no_signature_stands_in_the_error_log(
    production: Production, fronted: Any, tmp_path: Path, nobody: str
) -> None:
    """A missing file and an application out of reach are errors; of a public file they say which."""
    signed, public = library_image(production)["image_url"], artwork(production)["image_display_url"]
    (production.folder / "private" / key_of(signed)).unlink()
    (production.folder / "media" / key_of(public)).unlink()
    assert [production.front.get(url).status for url in (signed, public)] == [404, 404]
    alone = fronted(NGINX_UPSTREAM=f"server {nobody};")
    assert [alone.get(url).status for url in (signed, public)] == [503, 503]
    for folder in (production.folder, tmp_path):
        log = (folder / "nginx/error.log").read_text()
        assert key_of(public) in log and "signature=" not in log


def hostile_paths(production: Production, urls: dict[str, str]) -> list[str]:
    public, private = key_of(urls["public"]), key_of(urls["private"])
    for root in ("media", "private"):
        (production.folder / root / ".incoming").mkdir(exist_ok=True)
        (production.folder / root / ".incoming" / "secret").write_text("secret")
        (production.folder / root / "stranger.jpg").write_text("secret")
    return [
        *(
            f"/media/{key}"
            for key in (".incoming/secret", "stranger.jpg", "", ".", "..", "%2e%2e/private/stranger.jpg")
        ),
        *(f"/media/{key}" for key in ("..%2fprivate/stranger.jpg", "../private/stranger.jpg", "..%5cprivate", "%00")),
        *(f"/media/{key}" for key in ("artworks%2f..%2fstranger.jpg", "artworks/../stranger.jpg", "/stranger.jpg")),
        *(f"//media/{public}", f"/media//{public}", f"/media/./{public}", f"/media/{private}"),
        *(f"{X_ACCEL_PREFIX}/public/{public}", f"{X_ACCEL_PREFIX}/private/{private}", f"{X_ACCEL_PREFIX}/"),
        *(f"//protected/public/{public}", f"/x/..{X_ACCEL_PREFIX}/public/{public}", f"/%70rotected/public/{public}"),
        *(f"/static/..{place}" for place in ("/media/stranger.jpg", "%2fmedia%2fstranger.jpg", "/site.sqlite3")),
        "/static../media/stranger.jpg",
        f"{X_ACCEL_PREFIX}/public../private/stranger.jpg",
        "/.env",
        "/static/.hidden",
    ]


def test_hostile_paths_find_nothing(production: Production, urls: dict[str, str]) -> None:
    for path in hostile_paths(production, urls):
        answer = production.front.ask("GET", path)
        assert answer.status in (400, 403, 404), path
        assert b"secret" not in answer.body and b"\xff\xd8" not in answer.body, path


def test_json_is_compressed_and_pictures_are_not(production: Production, urls: dict[str, str]) -> None:
    schema = production.front.get("/api/schema/?format=json", accept_encoding="gzip")
    assert schema.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(schema.body))["openapi"]
    assert "content-encoding" not in production.front.get(urls["public"], accept_encoding="gzip").headers


def test_static_files_are_kept_for_good(production: Production) -> None:
    path = hashed(production, "admin/css/base.css")
    ours, theirs = production.front.get(path), production.application.ask("GET", path)
    assert (ours.status, ours.body) == (200, theirs.body)
    assert ours.headers["cache-control"] == theirs.headers["cache-control"]
    assert "immutable" in ours.headers["cache-control"] and ours.headers["access-control-allow-origin"] == "*"
    plain = production.front.get("/static/admin/css/base.css")
    assert "immutable" not in plain.headers["cache-control"]
    packed = production.front.get(path, accept_encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.body) == ours.body


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("admin/css/base.css", "text/css"),
        ("admin/js/core.js", "text/javascript"),
        ("media_assets/vendor/uppy/uppy.min.mjs", "text/javascript"),
        ("admin/img/icon-yes.svg", "image/svg+xml"),
    ],
)
def test_static_files_have_the_types_that_whitenoise_gives(
    production: Production, name: str, content_type: str
) -> None:
    path = hashed(production, name)
    found = [
        answer.headers["content-type"].partition(";")[0]
        for answer in (production.front.get(path), production.application.ask("GET", path))
    ]
    assert found == [content_type, content_type]


def test_static_files_that_nginx_lacks_come_from_the_application(production: Production, fronted: Any) -> None:
    front = fronted(NGINX_UPSTREAM=f"server 127.0.0.1:{production.application.port};")
    path = hashed(production, "admin/css/login.css")
    ours, theirs = front.get(path), production.application.ask("GET", path)
    assert (ours.status, ours.body) == (200, theirs.body)
    assert shown(ours.headers) == shown(theirs.headers)
    assert front.get("/static/no-such-file.css").status == 404
