"""Variants are delivered as their originals are: by the application from local disk, moved ones by a redirect."""

import io
from typing import Any

import pytest
from django.test import RequestFactory
from PIL import Image

from media_assets.models import MediaAsset, State
from media_assets.rendering import MediaRenderer
from media_assets.tests.stored import published

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(params=["public", "private"])
def asset(request: Any, photo: Any, settings: Any) -> MediaAsset:
    settings.MEDIA_VARIANT_WIDTHS = [32, 64]
    return published(photo("sea side.jpg", size=(80, 40)), visibility=request.param)


def urls(asset: MediaAsset) -> list[str]:
    media: Any = MediaRenderer.for_request(RequestFactory().get("/")).asset(asset)
    return [one["url"] for one in media["variants"]]


def test_every_variant_is_there_under_its_url(asset: MediaAsset, client_of: Any) -> None:
    for one, url in zip(asset.variants, urls(asset), strict=True):
        answer = client_of().get(url)
        body = b"".join(answer.streaming_content)
        assert (answer.status_code, answer.headers["Content-Type"], len(body)) == (200, "image/webp", one["size"])
        assert Image.open(io.BytesIO(body)).size == (one["width"], one["height"])
        expected = f"inline; filename*=UTF-8''sea%20side-{one['width']}.webp"
        assert answer.headers["Content-Disposition"] == expected
        assert answer.headers["Cache-Control"].startswith(f"{asset.visibility}, max-age=")
        etag = answer.headers["ETag"]
        assert client_of().get(url, headers={"If-None-Match": etag}).status_code == 304
        assert client_of().get(url, headers={"Range": "bytes=0-9"}).headers["Content-Range"] == f"bytes 0-9/{len(body)}"


def test_one_request_costs_one_query(asset: MediaAsset, client_of: Any, django_assert_num_queries: Any) -> None:
    url = urls(asset)[0]
    with django_assert_num_queries(1):
        client_of().get(url)


def test_only_what_the_row_lists_is_delivered(asset: MediaAsset, client_of: Any) -> None:
    first, second = urls(asset)
    MediaAsset.objects.update(variants=asset.variants[1:])
    assert (client_of().get(first).status_code, client_of().get(second).status_code) == (404, 200)
    for state in (State.DISCARDED, State.FAILED, State.PROCESSING):
        MediaAsset.objects.update(state=state)
        assert client_of().get(second).status_code == 404


def test_a_variant_of_a_private_picture_has_no_public_url(asset: MediaAsset, client_of: Any) -> None:
    for one in asset.variants:
        answer = client_of().get(f"/media/{one['key']}")
        assert answer.status_code == (200 if asset.visibility == "public" else 404)
        assert client_of().get(f"/media/private/{one['key']}").status_code == 403


def test_a_moved_one_is_redirected_to(asset: MediaAsset, client_of: Any, s3_site: Any) -> None:
    url, key = urls(asset)[0], asset.variants[0]["key"]
    s3_site()
    MediaAsset.objects.update(storage=f"s3-{asset.visibility}")
    answer = client_of().get(url)
    assert answer.status_code == 302
    assert key in answer.headers["Location"]


def test_the_proxy_is_told_its_key(asset: MediaAsset, client_of: Any, settings: Any) -> None:
    settings.MEDIA_X_ACCEL_PREFIX = "/protected"
    answer = client_of().get(urls(asset)[0])
    assert answer.headers["X-Accel-Redirect"] == f"/protected/{asset.visibility}/{asset.variants[0]['key']}"
