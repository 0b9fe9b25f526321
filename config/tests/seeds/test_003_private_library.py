"""Seed 003: signing up and in, and a library of images that only its owner sees."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from config.tests.seeds.curl import Curl
from config.tests.seeds.shapes import KEYS, assert_like

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)
SIGNUP = r"""
curl -X POST http://localhost:8000/api/auth/signup/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "user@example.com",
    "username": "johndoe",
    "password": "SecurePassword123",
    "password2": "SecurePassword123"
  }'
"""
SIGNED_UP = """{
  "user": {
    "id": 1,
    "email": "user@example.com",
    "username": "johndoe",
    "date_joined": "2024-01-15T10:30:00Z"
  },
  "tokens": {
    "refresh": "eyJ0eXAiOiJKV1QiLCJhbGc...",
    "access": "eyJ0eXAiOiJKV1QiLCJhbGc..."
  }
}"""
LOGIN = r"""
curl -X POST http://localhost:8000/api/auth/login/ \
  -H "Content-Type: application/json" \
  -d '{
    "email": "user@example.com",
    "password": "SecurePassword123"
  }'
"""
LOGGED_IN = """{
  "refresh": "eyJ0eXAiOiJKV1QiLCJhbGc...",
  "access": "eyJ0eXAiOiJKV1QiLCJhbGc..."
}"""
REFRESHED = '{"access": "eyJ0eXAiOiJKV1QiLCJhbGc..."}'
UPLOAD = r"""
curl -X POST http://localhost:8000/api/images/upload/ \
  -H "Authorization: Bearer <access_token>" \
  -F "image=@/path/to/image.jpg" \
  -F "title=My Image" \
  -F "description=A beautiful landscape"
"""
UPLOADED = """{
  "id": 1,
  "image": "/media/images/1/uuid-filename.jpg",
  "title": "My Image",
  "description": "A beautiful landscape",
  "uploaded_at": "2024-01-15T10:35:00Z"
}"""
LIST = r"""
curl -X GET http://localhost:8000/api/images/ \
  -H "Authorization: Bearer <access_token>"
"""
DETAIL = r"""
curl -X GET http://localhost:8000/api/images/1/ \
  -H "Authorization: Bearer <access_token>"
"""
IMAGE = """{
  "id": 1,
  "user": {
    "id": 1,
    "email": "user@example.com",
    "username": "johndoe",
    "date_joined": "2024-01-15T10:30:00Z"
  },
  "image": "/media/images/1/uuid-filename.jpg",
  "image_url": "http://localhost:8000/media/images/1/uuid-filename.jpg",
  "title": "My Image",
  "description": "A beautiful landscape",
  "uploaded_at": "2024-01-15T10:35:00Z",
  "updated_at": "2024-01-15T10:35:00Z"
}"""
IMAGES = f"[{IMAGE}]"
DELETE = r"""
curl -X DELETE http://localhost:8000/api/images/1/delete/ \
  -H "Authorization: Bearer <access_token>"
"""
NOT_SIGNED_IN = '{"detail": "Authentication credentials were not provided."}'
# What ``image`` is: on disk a path of this site, signed; on S3 the whole URL.
KEY = dict(KEYS)[r"images/\d+/uuid-filename\.jpg"]
FIELD = {"local": rf"/media/private/{KEY}\?\S+", "s3": rf"https?://[^/]+/(?:[^?\s]+/)?{KEY}\?\S+"}
MEGABYTE = 1024 * 1024


@pytest.fixture
def johndoe(curl: Curl) -> Curl:
    """The printed person, signed up and in by the printed lines."""
    assert curl(SIGNUP).status_code == 201
    curl.token = curl(LOGIN).json()["access"]
    return curl


def test_signing_up_is_answered_as_printed(curl: Curl) -> None:
    answer = curl(SIGNUP)
    assert answer.status_code == 201
    assert_like(answer.json(), SIGNED_UP)
    person = answer.json()["user"]
    assert [person[name] for name in ("id", "email", "username")] == [1, "user@example.com", "johndoe"]
    curl.token = answer.json()["tokens"]["access"]
    assert curl(LIST).status_code == 200


def test_signing_in_and_refreshing_are_answered_as_printed(johndoe: Curl) -> None:
    tokens = johndoe(LOGIN)
    assert tokens.status_code == 200
    assert_like(tokens.json(), LOGGED_IN)
    refresh = tokens.json()["refresh"]
    answer = johndoe(
        "curl -X POST http://localhost:8000/api/auth/token/refresh/ -H 'Content-Type: application/json' "
        f"-d '{json.dumps({'refresh': refresh})}'"
    )
    assert answer.status_code == 200
    assert_like(answer.json(), REFRESHED)
    johndoe.token = answer.json()["access"]
    assert johndoe(LIST).status_code == 200


def test_tokens_live_as_long_as_printed(johndoe: Curl) -> None:
    tokens = johndoe(LOGIN).json()
    access, refresh = AccessToken(tokens["access"]), RefreshToken(tokens["refresh"])
    assert access["exp"] - access["iat"] == 24 * 3600
    assert refresh["exp"] - refresh["iat"] == 7 * 24 * 3600


def test_an_image_is_uploaded_listed_shown_and_deleted(storage: str, johndoe: Curl, fetch: Any) -> None:
    uploaded = johndoe(UPLOAD)
    assert uploaded.status_code == 201
    assert_like(uploaded.json(), UPLOADED, image=FIELD[storage])
    assert (uploaded.json()["title"], uploaded.json()["description"]) == ("My Image", "A beautiful landscape")
    listed, shown = johndoe(LIST), johndoe(DETAIL)
    assert (listed.status_code, shown.status_code) == (200, 200)
    assert_like(listed.json(), IMAGES, image=FIELD[storage])
    assert_like(shown.json(), IMAGE, image=FIELD[storage])
    assert listed.json() == [shown.json()] == [uploaded.json()]
    url = shown.json()["image_url"]
    assert url == ("http://testserver" if storage == "local" else "") + shown.json()["image"]
    assert fetch(url).status == 200
    deleted = johndoe(DELETE)
    assert (deleted.status_code, deleted.content) == (204, b"")
    assert johndoe(LIST).json() == []
    assert fetch(url).status == 404


def test_the_file_lies_in_its_owners_folder(storage: str, johndoe: Curl, request: Any) -> None:
    johndoe(UPLOAD)
    if storage == "local":
        [kept] = (Path(settings.PRIVATE_MEDIA_ROOT) / "images/1").iterdir()
        assert kept.name.endswith("_image.jpg")
        return
    s3, bucket = (request.getfixturevalue(name) for name in ("s3_client", "s3_bucket"))
    [kept] = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert kept["Key"].startswith("private/images/1/") and kept["Key"].endswith("_image.jpg")


def test_title_and_description_are_optional(johndoe: Curl) -> None:
    answer = johndoe(UPLOAD.partition(' \\\n  -F "title')[0])
    assert answer.status_code == 201
    assert (answer.json()["title"], answer.json()["description"]) == ("", "")


@pytest.mark.parametrize("line", [UPLOAD, LIST, DETAIL, DELETE], ids=["upload", "list", "detail", "delete"])
def test_without_a_token_every_image_call_is_refused_as_printed(line: str, johndoe: Curl) -> None:
    johndoe(UPLOAD)
    answer = johndoe(re.sub(r' \\\n  -H "Authorization.*?"', "", line))
    assert answer.status_code == 401
    assert_like(answer.json(), NOT_SIGNED_IN)


@pytest.mark.parametrize("line", [DETAIL, DELETE], ids=["detail", "delete"])
def test_other_peoples_images_are_not_there(line: str, johndoe: Curl, make_user: Any, sign_in: Any) -> None:
    johndoe(UPLOAD)
    owner = johndoe.token
    other = sign_in(make_user("other"))
    assert (other(line).status_code, other(LIST).json()) == (404, [])
    johndoe.token = owner
    assert johndoe(DETAIL).status_code == 200


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (SIGNUP, "email"),  # there is one already
        (SIGNUP.replace("user@", "b@"), "username"),
        (SIGNUP.replace("user@example.com", "user"), "email"),
        (SIGNUP.replace('"password2": "Sec', '"password2": "Other'), "password2"),
        (SIGNUP.replace("SecurePassword123", "12345678"), "password"),
        (UPLOAD.replace('-F "image=@/path/to/image.jpg"', '-F "picture=@a.jpg"'), "image"),
        (UPLOAD.replace("@/path/to/image.jpg", "no file"), "image"),
    ],
)
def test_a_bad_form_is_answered_with_messages_by_field(line: str, field: str, johndoe: Curl) -> None:
    answer = johndoe(line)
    assert answer.status_code == 400
    assert field in answer.json()
    assert_like(answer.json(), json.dumps({field: ["Error message"]}))


@pytest.mark.parametrize("data", [b"", b"not an image", b"<svg xmlns='http://www.w3.org/2000/svg'/>"])
def test_what_is_no_image_is_refused(data: bytes, johndoe: Curl) -> None:
    johndoe.picture = lambda name: SimpleUploadedFile(name, data, "image/jpeg")
    answer = johndoe(UPLOAD)
    assert answer.status_code == 400
    assert_like(answer.json(), '{"image": ["Error message"]}')


@pytest.mark.parametrize(("size", "status"), [(10 * MEGABYTE, 201), (10 * MEGABYTE + 1, 400)])
def test_an_image_has_at_most_ten_megabytes(size: int, status: int, johndoe: Curl, photo: Any) -> None:
    drawn = photo().read()
    segment = b"\xff\xfe\xff\xff" + bytes(65_533)  # comments after the start marker
    room = size - len(drawn)
    count, rest = divmod(room, len(segment))
    rest_segment = b"\xff\xfe" + (rest - 2).to_bytes(2, "big") + bytes(rest - 4)
    data = drawn[:2] + segment * count + rest_segment + drawn[2:]
    assert len(data) == size
    johndoe.picture = lambda name: SimpleUploadedFile(name, data, "image/jpeg")
    answer = johndoe(UPLOAD)
    assert answer.status_code == status, answer.json()
    if status == 400:
        assert_like(answer.json(), '{"image": ["Error message"]}')
