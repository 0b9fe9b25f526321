"""Seed 000: an artwork goes in by a multipart form, with its picture, and a URL that shows it comes out."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from rest_framework.test import APIClient

from artworks.models import ArtWork
from config.tests.seeds.shapes import assert_like

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)
CONTENT_TYPE = "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW"
BODY = """\
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="title"

Mountain Landscape
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="description"

A beautiful mountain landscape painting
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="medium"

Oil on canvas
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="dimensions"

24x36 inches
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="tags"

landscape,mountains,nature
------WebKitFormBoundary7MA4YWxkTrZu0gW
Content-Disposition: form-data; name="image"; filename="mountain_landscape.jpg"
Content-Type: image/jpeg

[Binary image data]
------WebKitFormBoundary7MA4YWxkTrZu0gW--
"""
PRINTED = """{
  "id": 123,
  "title": "Mountain Landscape",
  "description": "A beautiful mountain landscape painting",
  "image": "artworks/mountain_landscape.jpg",
  "image_url": "",
  "image_display_url": "https://your-bucket.s3.amazonaws.com/media/artworks/mountain_landscape.jpg",
  "created_at": "2025-05-15T12:30:45Z",
  "updated_at": "2025-05-15T12:30:45Z",
  "author": {
    "id": 1,
    "username": "artist1",
    "email": "artist1@example.com",
    "first_name": "John",
    "last_name": "Doe"
  },
  "medium": "Oil on canvas",
  "dimensions": "24x36 inches",
  "tags": "landscape,mountains,nature",
  "likes_count": 0,
  "reviews_count": 0,
  "is_liked": false
}"""
OF_ITS_OWN = {"id", "image_display_url", "created_at", "updated_at"}  # everything else is to be as printed
AWS = """
USE_S3=True
AWS_ACCESS_KEY_ID=your_access_key
AWS_SECRET_ACCESS_KEY=your_secret_key
AWS_STORAGE_BUCKET_NAME=your-bucket
AWS_S3_REGION_NAME=us-east-1
"""


@pytest.fixture
def artist(make_user: Any) -> Any:
    return make_user("artist1", first_name="John", last_name="Doe")


@pytest.fixture
def picture(photo: Any) -> bytes:
    return bytes(photo().read())


@pytest.fixture
def post(picture: bytes) -> Any:
    """Sends the printed request."""

    def send(client: APIClient) -> Any:
        body = BODY.replace("\n", "\r\n").encode().replace(b"[Binary image data]", picture)
        return client.generic("POST", "/api/artworks/", body, CONTENT_TYPE)

    return send


def test_the_upload_is_answered_as_printed(storage: str, artist: Any, client_of: Any, post: Any) -> None:
    answer = post(client_of(artist))
    assert answer.status_code == 201
    assert_like(answer.json(), PRINTED)
    printed = json.loads(PRINTED)
    assert {key: answer.json()[key] for key in printed if key not in OF_ITS_OWN} == {
        key: value for key, value in printed.items() if key not in OF_ITS_OWN
    }


def test_detail_and_list_show_the_same(storage: str, artist: Any, client_of: Any, post: Any) -> None:
    client = client_of(artist)
    made = post(client).json()
    assert client.get(f"/api/artworks/{made['id']}/").json() == made
    assert client.get("/api/artworks/").json() == [made]


def test_the_file_lies_under_its_key_and_anybody_may_read_it(
    storage: str, artist: Any, client_of: Any, post: Any, fetch: Any, picture: bytes, request: Any
) -> None:
    url = post(client_of(artist)).json()["image_display_url"]
    assert "?" not in url  # a clean URL
    shown = fetch(url)
    assert (shown.status, shown.headers["Content-Type"], shown.body) == (200, "image/jpeg", picture)
    if storage == "local":
        assert url == "http://testserver/media/artworks/mountain_landscape.jpg"
        assert (Path(settings.MEDIA_ROOT) / "artworks/mountain_landscape.jpg").read_bytes() == picture
    else:
        s3, bucket = (request.getfixturevalue(name) for name in ("s3_client", "s3_bucket"))
        assert url == f"{s3.meta.endpoint_url}/{bucket}/media/artworks/mountain_landscape.jpg"
        kept = s3.get_object(Bucket=bucket, Key="media/artworks/mountain_landscape.jpg")
        assert (kept["ContentType"], kept["Body"].read()) == ("image/jpeg", picture)


def test_only_those_signed_in_publish(storage: str, artist: Any, client_of: Any, post: Any) -> None:
    answer = post(client_of())
    assert answer.status_code == 401
    assert not ArtWork.objects.exists()


def test_an_artwork_of_the_old_kind_shows_its_external_url(artist: Any, client_of: Any) -> None:
    body = {"title": "Mountain Landscape", "image_url": "https://example.com/mountain.jpg"}
    answer = client_of(artist).post("/api/artworks/", body).json()
    assert answer["image_display_url"] == answer["image_url"] == "https://example.com/mountain.jpg"
    assert answer["image"] is None


def test_on_aws_the_answer_is_the_printed_one_to_the_letter(
    site: Any, lines_of: Any, row_of: Any, artist: Any, client_of: Any
) -> None:
    site(**lines_of(AWS))
    printed = json.loads(PRINTED)
    fields = {key: printed[key] for key in ("id", "title", "description", "medium", "dimensions", "tags")}
    ArtWork.objects.create(**fields, author=artist, image=row_of(printed["image"]))
    time = datetime(2025, 5, 15, 12, 30, 45, tzinfo=UTC)
    ArtWork.objects.update(created_at=time, updated_at=time)
    client = client_of(artist)
    for answer in (client.get("/api/artworks/123/").json(), client.get("/api/artworks/").json()[0]):
        assert {key: answer[key] for key in printed} == printed
