"""Secure URLs: signed now and for exactly as long as the caller names; redirects that are forgotten in time."""

import re
import time
from datetime import datetime

import pytest
import requests
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from media_assets.models import MediaAsset
from properties.secure_urls import CannotSign
from properties.tests.conftest import mains, url_of

pytestmark = pytest.mark.django_db


def expiry_of(url):
    return int(re.search(r"[?&]expires=(\d+)", url)[1])


def max_age(answer):
    return int(re.fullmatch(r"private, max-age=(\d+)", answer.headers["Cache-Control"])[1])


@pytest.fixture
def image(make_house, add):
    return add(make_house())[0]


@pytest.mark.parametrize("seconds", [1, 7200, 604800])
def test_a_url_lives_exactly_as_long_as_named(clients, image, seconds):
    now = int(time.time())
    with CaptureQueriesContext(connection) as made:
        answer = clients["other"].get(url_of(image, f"secure_url/?expiration={seconds}"))
    assert (answer.status_code, len(made)) == (200, 2)
    body = answer.json()
    assert list(body) == ["secure_url", "expires_in", "image_id"]
    assert (body["expires_in"], body["image_id"]) == (seconds, image.pk)
    assert body["secure_url"].startswith(f"http://testserver/media/private/{image.image.key}?")
    assert now + seconds <= expiry_of(body["secure_url"]) <= now + seconds + 20
    if seconds > 1:
        assert clients["anonymous"].get(body["secure_url"]).status_code == 200


def test_without_expiration_it_lives_as_long_as_the_site_says(clients, image, settings):
    settings.MEDIA_URL_EXPIRY_SECONDS = 900
    body = clients["other"].get(url_of(image, "secure_url/")).json()
    assert body["expires_in"] == 900
    assert 880 <= expiry_of(body["secure_url"]) - int(time.time()) <= 900


@pytest.mark.parametrize(
    "value", ["0", "-1", "604801", "abc", "1e9", "", "1.5", "%00", "9" * 5000, "²", "60&expiration=61"]
)
def test_a_malformed_expiration_is_refused_by_name(clients, image, value):
    answer = clients["other"].get(url_of(image, f"secure_url/?expiration={value}"))
    assert (answer.status_code, list(answer.json())) == (400, ["expiration"])


def test_a_url_ends(clients, image):
    url = clients["other"].get(url_of(image, "secure_url/?expiration=1")).json()["secure_url"]
    time.sleep(1.1)
    assert clients["anonymous"].get(url).status_code == 403


def test_a_redirect_is_forgotten_before_its_target_ends(clients, image, settings, site):
    for lifetime in ("3600", "1", "2", "604800"):
        site(AWS_QUERYSTRING_EXPIRE=lifetime)
        answer = clients["other"].get(url_of(image, "redirect_to_image/"))
        assert (answer.status_code, answer.content) == (302, b"")
        assert answer.headers["Location"].startswith("http://testserver/media/private/")
        remaining = expiry_of(answer.headers["Location"]) - time.time()
        assert remaining / 2 - 2 <= max_age(answer) <= remaining / 2 + 20 and max_age(answer) < int(lifetime)
        assert "Authorization" in answer.headers["Vary"]
    shown = clients["other"].get(url_of(image)).json()["secure_url"]
    assert answer.headers["Location"] == shown  # so that the picture itself is cached too


def test_public_base_url_is_where_urls_lead(clients, image, settings):
    settings.PUBLIC_BASE_URL = "https://vitrine.example"
    assert (
        clients["other"]
        .get(url_of(image, "secure_url/"))
        .json()["secure_url"]
        .startswith("https://vitrine.example/media/")
    )
    location = clients["other"].get(url_of(image, "redirect_to_image/")).headers["Location"]
    assert location.startswith("https://vitrine.example/media/private/properties/")


def test_the_model_signs_too(image):
    assert image.get_secure_url(60).startswith(f"/media/private/{image.image.key}?expires=")
    assert 3580 <= expiry_of(image.get_secure_url()) - int(time.time()) <= 3600
    for wrong in (0, -1, 604801):
        with pytest.raises(ValueError, match="1 to 604800"):
            image.get_secure_url(wrong)
    image.image.storage = "s3-private"
    with CaptureQueriesContext(connection) as made, pytest.raises(CannotSign):
        image.get_secure_url()
    assert not made


@pytest.mark.django_db(transaction=True)
@pytest.mark.s3
@pytest.mark.parametrize("visibility", ["public", "private"])
def test_on_s3_images_are_private_whatever_the_site_is(
    clients, make_house, photo, s3_site, s3_client, s3_bucket, visibility
):
    lines = s3_site(MEDIA_DEFAULT_VISIBILITY=visibility)
    house = make_house()
    files = [photo(f"{n}.jpg", size=(64 + n, 48)) for n in range(2)]
    answer = clients["owner"].post(url_of(house, "upload_images/"), {"images": files}, format="multipart").json()
    front = "" if visibility == "private" else "private/"  # a wholly private site keeps its keys at the root
    keys = {item["Key"] for item in s3_client.list_objects_v2(Bucket=s3_bucket)["Contents"]}
    assert keys == {front + one["image"] for one in answer}
    for one in answer:
        named = clients["other"].get(f"/api/property-images/{one['id']}/secure_url/?expiration=120").json()
        assert "X-Amz-Expires=120" in named["secure_url"]
        redirect = clients["other"].get(f"/api/property-images/{one['id']}/redirect_to_image/")
        for url in (one["secure_url"], named["secure_url"], redirect.headers["Location"]):
            assert url.startswith(lines["AWS_S3_ENDPOINT_URL"])
            assert requests.get(url, timeout=10).content[:2] == b"\xff\xd8"
        ends_at = datetime.fromisoformat(one["media"]["expires_at"])
        assert max_age(redirect) < (ends_at - timezone.now()).total_seconds()
    clients["owner"].delete(url_of(house))
    assert "Contents" not in s3_client.list_objects_v2(Bucket=s3_bucket)


@pytest.mark.django_db(transaction=True)
@pytest.mark.s3
def test_a_storage_that_is_not_reached_is_503_and_nothing_is_half_written(clients, make_house, add, photo, s3_site):
    house = make_house()
    [kept] = add(house)
    s3_site(AWS_S3_ENDPOINT_URL="http://127.0.0.1:9", AWS_S3_CONNECT_TIMEOUT="1")
    files = {"images": [photo("a.jpg"), photo("b.jpg")]}
    one = {"content_type": "house_for_sale", "object_id": house.pk, "image": photo()}
    for answer in (
        clients["owner"].post(url_of(house, "upload_images/"), files, format="multipart"),
        clients["owner"].post("/api/property-images/", one, format="multipart"),
        clients["owner"].patch(url_of(kept), {"image": photo(), "caption": "New"}, format="multipart"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert list(MediaAsset.objects.live()) == [kept.image]
    assert mains(house) == [kept.pk]
    assert clients["owner"].get(url_of(kept)).json()["caption"] == ""


@pytest.mark.s3
def test_a_storage_without_credentials_cannot_sign(clients, make_house, fill, site, s3_server, monkeypatch):
    from media_assets.signing import role

    [image] = fill(make_house(), 1, storage="s3-private")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, "/nonexistent")
    lines = {"AWS_S3_ENDPOINT_URL": s3_server["AWS_S3_ENDPOINT_URL"], "AWS_STORAGE_BUCKET_NAME": "bucket"}
    site(USE_S3="True", **lines)
    role._session.cache_clear()
    for call in ("secure_url/", "redirect_to_image/"):
        answer = clients["other"].get(url_of(image, call))
        assert answer.status_code == 500, answer.content
        assert answer.json() == {"error": "Could not generate secure URL", "code": "cannot_sign"}
    role._session.cache_clear()
