"""The ``media`` object: each state, absolute and signed URLs, and what rendering does not do (queries, storages)."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import DisallowedHost
from django.core.files.storage import storages
from django.test import RequestFactory
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from media_assets.models import MediaAsset, State
from media_assets.rendering import COLUMNS, MediaRenderer, asset_columns
from media_assets.serializers import STATES, MediaField, MediaKeyField, MediaSerializer, MediaUrlField

BUCKET = {
    "USE_S3": "True",
    "AWS_STORAGE_BUCKET_NAME": "shop",
    "AWS_ACCESS_KEY_ID": "AKID",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
NOW = 1_750_000_000
BASE = "https://www.example.com"
VARIANT = {"width": 320, "height": 137, "content_type": "image/webp", "key": "pictures/sea 320.webp"}


@pytest.fixture
def make_asset(db: None) -> Callable[..., MediaAsset]:
    """A row of the registry, without any file."""

    def make(storage: str = "local-public", state: str = State.READY, **fields: Any) -> MediaAsset:
        described: dict[str, Any] = {
            "key": f"pictures/sea {MediaAsset.objects.count()}.jpg",
            "visibility": storage.partition("-")[2],
            "content_type": "image/jpeg",
            "size": 2190194,
            "sha256": "0" * 64,
            "original_filename": "IMG_1.jpg",
            "width": 4608,
            "height": 1976,
            "published_at": timezone.now(),
        }
        return MediaAsset.objects.create(storage=storage, state=state, **described | fields)

    return make


def rendered(asset: MediaAsset, base: str = BASE, now: float = NOW) -> dict[str, Any]:
    """The media object, made from the instance and, equally, from a row of values."""
    renderer = MediaRenderer(base, now)
    found = renderer.asset(asset)
    row = MediaAsset.objects.values(*asset_columns()).get(pk=asset.pk)
    assert renderer.media(row) == found
    assert renderer.media({f"image__{name}": value for name, value in row.items()}, "image__") == found
    assert found is not None and renderer.url(asset) == found["url"]
    assert set(found) - {"reason"} == set(MediaSerializer().fields) - {"reason"}
    assert found["state"] in STATES
    return found


def test_a_ready_public_file(make_asset: Any) -> None:
    asset = make_asset(placeholder="dGh1bWI=", location_removed=True, variants=[VARIANT])
    assert rendered(asset) == {
        "id": asset.pk,
        "state": "ready",
        "url": f"{BASE}/media/pictures/sea%200.jpg",
        "expires_at": None,
        "width": 4608,
        "height": 1976,
        "content_type": "image/jpeg",
        "size": 2190194,
        "original_filename": "IMG_1.jpg",
        "placeholder": "dGh1bWI=",
        "location_removed": True,
        "variants": [
            {
                "width": 320,
                "height": 137,
                "content_type": "image/webp",
                "url": f"{BASE}/media/pictures/sea%20320.webp",
            }
        ],
    }


@pytest.mark.parametrize("storage", ["local-public", "local-private", "s3-public", "s3-private"])
@pytest.mark.parametrize("state", [State.PROCESSING, State.FAILED])
def test_what_is_not_ready_has_no_url_at_all(make_asset: Any, site: Any, storage: str, state: str) -> None:
    site(**BUCKET)
    found = rendered(make_asset(storage, state, variants=[VARIANT], failure_reason="Too dark."))
    assert (found["state"], found["url"], found["expires_at"], found["variants"]) == (state, None, None, [])
    assert found.get("reason") == ("Too dark." if state == State.FAILED else None)
    assert ("reason" in found) == (state == State.FAILED)


@pytest.mark.parametrize("state", [State.READY, State.PROCESSING, State.FAILED])
def test_a_file_on_a_storage_that_is_not_configured(make_asset: Any, site: Any, state: str) -> None:
    site()
    found = rendered(make_asset("s3-private", state, variants=[VARIANT]))
    assert (found["state"], found["url"], found["expires_at"], found["variants"]) == ("unavailable", None, None, [])
    assert (found["id"], found["size"], "reason" in found) == (MediaAsset.objects.get().pk, 2190194, False)


def test_no_image_is_null(db: None) -> None:
    renderer = MediaRenderer(BASE, NOW)
    assert renderer.asset(None) is None and renderer.url(None) is None
    assert renderer.media(dict.fromkeys(asset_columns("image__")), "image__") is None


@pytest.mark.parametrize("lifetime", [1, 7, 3600, 604_800])
@pytest.mark.parametrize("storage", ["local-private", "s3-private"])
def test_a_private_url_repeats_in_its_window_and_names_its_end(
    make_asset: Any, site: Any, storage: str, lifetime: int
) -> None:
    site(**BUCKET, AWS_QUERYSTRING_EXPIRE=str(lifetime))
    asset, window = make_asset(storage, variants=[VARIANT]), max(1, lifetime // 4)
    start = NOW - NOW % window
    first = rendered(asset, now=start)
    assert first["expires_at"] == time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start + lifetime))
    assert rendered(asset, now=start + window - 0.01) == first
    assert rendered(asset, now=start + window)["url"] != first["url"]
    for url in (first["url"], first["variants"][0]["url"]):
        sent = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        if storage == "s3-private":
            signed = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start))
            assert (sent["X-Amz-Date"], sent["X-Amz-Expires"]) == (signed, str(lifetime))
        else:
            assert sent["expires"] == str(start + lifetime)


def test_every_storage_in_one_answer(make_asset: Any, site: Any) -> None:
    site(**BUCKET, AWS_S3_CUSTOM_DOMAIN="cdn.example.com")
    assets = [make_asset(alias) for alias in ("local-public", "local-private", "s3-public", "s3-private")]
    renderer = MediaRenderer(BASE, NOW)
    assert [str(renderer.url(asset)).partition("pictures")[0] for asset in assets] == [
        f"{BASE}/media/",
        f"{BASE}/media/private/",
        "https://cdn.example.com/media/",
        "https://shop.s3.us-east-1.amazonaws.com/private/",
    ]


def test_the_base_is_the_requests_host_or_the_configured_one(make_asset: Any, settings: Any) -> None:
    asset = make_asset()

    def base(**how: Any) -> str:
        plain = RequestFactory().get("/", **how)
        renderer = MediaRenderer.for_request(Request(plain))
        assert MediaRenderer.for_request(plain) is MediaRenderer.for_request(Request(plain)) is renderer
        return str(renderer.url(asset)).partition("/media/")[0]

    assert base() == "http://testserver"
    assert base(secure=True, headers={"Host": "localhost:8443"}) == "https://localhost:8443"
    with pytest.raises(DisallowedHost):
        base(headers={"Host": "evil.example"})
    settings.PUBLIC_BASE_URL = BASE
    assert base(headers={"Host": "evil.example"}) == BASE


def test_a_hundred_rows_cost_no_query_no_storage_and_one_window(
    make_asset: Any, site: Any, django_assert_num_queries: Any
) -> None:
    site(**BUCKET)
    aliases = ("local-public", "local-private", "s3-public", "s3-private", "s3-elsewhere")
    for number in range(100):
        alias = aliases[number % 5]
        make_asset(alias, visibility="private" if "private" in alias else "public", variants=[VARIANT])
    rows = list(MediaAsset.objects.values(*asset_columns()))
    storages._storages.clear()
    with django_assert_num_queries(0):
        found = [MediaRenderer(BASE, NOW).media(row) for row in rows]
    assert storages._storages == {}
    assert len({one["url"] for one in found if one}) == 81  # 80 and None


def test_columns_are_those_of_the_model() -> None:
    fields = {field.name for field in MediaAsset._meta.get_fields()}
    assert set(COLUMNS) <= fields
    assert asset_columns("image__")[:2] == ["image__id", "image__state"]


class _Serializer(serializers.Serializer[Any]):
    media = MediaField(source="image", read_only=True)
    image = MediaKeyField(read_only=True)
    image_url = MediaUrlField(source="image", read_only=True)


def test_serializer_fields_say_the_same(make_asset: Any) -> None:
    context = {"request": Request(RequestFactory().get("/"))}
    asset = make_asset()
    media = MediaRenderer.for_request(context["request"]).asset(asset)
    assert media is not None
    full, empty = ({"image": image} for image in (asset, None))
    assert _Serializer(full, context=context).data == {"media": media, "image": asset.key, "image_url": media["url"]}
    assert _Serializer(empty, context=context).data == {"media": None, "image": None, "image_url": None}
