"""Seed 004: houses with private images, read through URLs that expire."""

import json
import os
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from config.tests.seeds.curl import Curl
from config.tests.seeds.shapes import KEYS, assert_like
from properties.models import HouseForRent, HouseForSale, PropertyImage

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)
ROWS = """
| GET | `/` | List all images (filterable) | Required |
| POST | `/` | Create new image | Required |
| GET | `/{id}/` | Get specific image details | Required |
| PUT/PATCH | `/{id}/` | Update image | Required |
| DELETE | `/{id}/` | Delete image | Required |
| GET | `/{id}/secure_url/` | Get presigned URL | Required |
| GET | `/{id}/redirect_to_image/` | Redirect to image | Required |
| POST | `/bulk_upload/` | Upload multiple images | Required |
| PATCH | `/{id}/set_as_main/` | Set as main image | Required |
"""
UPLOAD = r"""
curl -X POST \
  http://localhost:8000/api/houses-for-sale/1/upload_images/ \
  -H "Authorization: Bearer YOUR_JWT_TOKEN" \
  -F "images=@image1.jpg" \
  -F "images=@image2.jpg" \
  -F "caption=Beautiful living room" \
  -F "is_main=true"
"""
SECURE_URL = r"""
curl -X GET \
  "http://localhost:8000/api/property-images/1/secure_url/?expiration=7200" \
  -H "Authorization: Bearer YOUR_JWT_TOKEN"
"""
SECURED = """{
  "secure_url": "https://alca-inmo.s3.us-east-1.amazonaws.com/properties/...",
  "expires_in": 7200,
  "image_id": 1
}"""
FILTERED = r"""
curl -X GET \
  "http://localhost:8000/api/property-images/?content_type=house_for_sale&object_id=1" \
  -H "Authorization: Bearer YOUR_JWT_TOKEN"
"""
BULK_UPLOAD = r"""
curl -X POST \
  http://localhost:8000/api/property-images/bulk_upload/ \
  -H "Authorization: Bearer YOUR_JWT_TOKEN" \
  -F "images=@image1.jpg" \
  -F "images=@image2.jpg" \
  -F "content_type=house_for_sale" \
  -F "object_id=1"
"""
NO_IMAGES = '{"error": "No images provided"}'
NOT_SIGNED_IN = '{"detail": "Authentication credentials were not provided."}'
NOT_FOUND = '{"detail": "Not found."}'
CANNOT_SIGN = '{"error": "Could not generate secure URL"}'
# The document names an image's fields without printing an image: these are they, with its values.
IMAGE = json.dumps(
    {
        "id": 1,
        "content_type": "house_for_sale",
        "object_id": 1,
        "image": "properties/...",
        "image_url": json.loads(SECURED)["secure_url"],
        "secure_url": json.loads(SECURED)["secure_url"],
        "caption": "Beautiful living room",
        "is_main": True,
        "order": 0,
    }
)
ENV = """
AWS_ACCESS_KEY_ID=your_access_key
AWS_SECRET_ACCESS_KEY=your_secret_key
AWS_STORAGE_BUCKET_NAME=alca-inmo
AWS_S3_REGION_NAME=us-east-1
"""
KEY = dict(KEYS)[r"properties/\.\.\."]


@pytest.fixture
def agent(make_user: Any, sign_in: Any) -> Curl:
    """A person with the house number 1 of each kind."""
    user = make_user("agent")
    HouseForSale.objects.create(owner=user, title="Casa", address="Calle Mayor 5", city="Alcalá", price=250_000)
    HouseForRent.objects.create(owner=user, title="Piso", address="Calle Mayor 6", city="Alcalá", monthly_rent=900)
    curl: Curl = sign_in(user)
    return curl


def call(curl: Curl, method: str, url: str, *form: str) -> Any:
    fields = " ".join(f"-F '{field}'" for field in form)
    return curl(f"curl -X {method} '{url}' -H 'Authorization: Bearer X' {fields}")


def rows() -> list[tuple[str, str]]:
    """(method, endpoint) for every line of the table."""
    cells = [re.findall(r"[^|`\s][^|`]*[^|`\s]|/", line) for line in ROWS.strip().splitlines()]
    return [(method, endpoint) for verbs, endpoint, *_ in cells for method in verbs.split("/")]


def row_call(curl: Curl, method: str, endpoint: str) -> Any:
    forms = {
        ("POST", "/"): ("image=@a.jpg", "content_type=house_for_sale", "object_id=1", "caption=x", "order=3"),
        ("POST", "/bulk_upload/"): ("images=@a.jpg", "content_type=house_for_sale", "object_id=1"),
        ("PUT", "/{id}/"): ("image=@b.jpg", "content_type=house_for_sale", "object_id=1", "caption=x"),
        ("PATCH", "/{id}/"): ("caption=x",),
    }
    url = f"http://localhost:8000/api/property-images{endpoint.replace('{id}', '1')}"
    return call(curl, method, url, *forms.get((method, endpoint), ()))


def test_the_printed_upload(storage: str, agent: Curl, fetch: Any) -> None:
    answer = agent(UPLOAD)
    assert answer.status_code == 201
    first, second = answer.json()
    for image in (first, second):
        assert_like(image, IMAGE)
        assert image["image_url"] == image["secure_url"]
        assert image["caption"] == "Beautiful living room"
        assert fetch(image["secure_url"]).status == 200
    assert (first["is_main"], second["is_main"]) == (True, False)


@pytest.mark.parametrize("kind", ["sale", "rent"])
def test_both_kinds_of_houses_take_images_in_every_documented_field(kind: str, agent: Curl) -> None:
    form = ("images=@image1.jpg", "images=@image2.png", "caption=Beautiful living room", "is_main=true", "order=4")
    answer = call(agent, "POST", f"http://localhost:8000/api/houses-for-{kind}/1/upload_images/", *form)
    assert answer.status_code == 201
    assert_like(answer.json(), f"[{IMAGE}]")
    assert [image["content_type"] for image in answer.json()] == [f"house_for_{kind}"] * 2
    assert [image["order"] for image in answer.json()] == [4, 5]
    for image, extension in zip(answer.json(), ("jpg", "png"), strict=True):
        stamped = rf"properties/housefor{kind}/1/\d{{8}}_\d{{6}}_[0-9a-f]{{8}}\.{extension}"
        assert re.fullmatch(stamped, image["image"])
    house = agent(f"curl http://localhost:8000/api/houses-for-{kind}/1/ -H 'Authorization: Bearer X'")
    assert house.json()["images"] == answer.json()


def test_the_printed_secure_url(storage: str, agent: Curl, fetch: Any) -> None:
    agent(UPLOAD)
    answer = agent(SECURE_URL)
    assert answer.status_code == 200
    assert_like(answer.json(), SECURED)
    assert (answer.json()["expires_in"], answer.json()["image_id"]) == (7200, 1)
    url = answer.json()["secure_url"]
    assert fetch(url).status == 200
    if storage == "local" or "S3_TEST_ENDPOINT_URL" in os.environ:  # the emulator asks for no signature
        assert fetch(url.partition("?")[0]).status == 403
    if storage == "s3":
        assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["7200"]


def test_an_hour_is_the_default(agent: Curl) -> None:
    agent(UPLOAD)
    assert agent(SECURE_URL.replace("?expiration=7200", "")).json()["expires_in"] == 3600


def test_the_printed_filter(agent: Curl) -> None:
    made = [image["id"] for image in agent(UPLOAD).json()]
    HouseForSale.objects.create(owner_id=1, title="Otra", address="Calle Mayor 7", city="Alcalá", price=200_000)
    for other in ("rent/1", "sale/2"):
        url = f"http://localhost:8000/api/houses-for-{other}/upload_images/"
        assert call(agent, "POST", url, "images=@image1.jpg").status_code == 201
    answer = agent(FILTERED)
    assert answer.status_code == 200
    assert_like(answer.json(), f"[{IMAGE}]")
    assert sorted(image["id"] for image in answer.json()) == made


def test_the_printed_bulk_upload(storage: str, agent: Curl) -> None:
    answer = agent(BULK_UPLOAD)
    assert answer.status_code == 201
    assert_like(answer.json(), f"[{IMAGE}]")
    assert [image["object_id"] for image in answer.json()] == [1, 1]
    assert PropertyImage.objects.filter(house_for_sale=1).count() == 2


def test_the_table_has_nine_rows() -> None:
    assert len(ROWS.strip().splitlines()) == 9
    assert len(rows()) == 10  # PUT and PATCH stand in one


@pytest.mark.parametrize(("method", "endpoint"), rows())
def test_every_row_of_the_table_answers(method: str, endpoint: str, agent: Curl) -> None:
    agent(UPLOAD)
    answer = row_call(agent, method, endpoint)
    if method == "DELETE":
        assert (answer.status_code, answer.content) == (204, b"")
        assert not PropertyImage.objects.filter(pk=1).exists()
    elif endpoint == "/{id}/redirect_to_image/":
        assert answer.status_code == 302
        assert re.search(KEY, answer["Location"])
    elif endpoint == "/{id}/secure_url/":
        assert_like(answer.json(), SECURED)
    else:
        assert answer.status_code == (201 if method == "POST" else 200)
        is_list = endpoint == "/bulk_upload/" or (method, endpoint) == ("GET", "/")
        assert_like(answer.json(), f"[{IMAGE}]" if is_list else IMAGE)


@pytest.mark.parametrize(("method", "endpoint"), rows())
def test_every_row_requires_a_token(method: str, endpoint: str, agent: Curl) -> None:
    agent(UPLOAD)
    line = f"curl -X {method} http://localhost:8000/api/property-images{endpoint.replace('{id}', '1')}"
    answer = agent(line)
    assert answer.status_code == 401
    assert_like(answer.json(), NOT_SIGNED_IN)


@pytest.mark.parametrize("line", [UPLOAD, BULK_UPLOAD], ids=["upload", "bulk_upload"])
def test_an_upload_without_images_is_answered_as_printed(line: str, agent: Curl) -> None:
    answer = agent(re.sub(r"  -F \"images=.*\\\n", "", line))
    assert answer.status_code == 400
    assert_like(answer.json(), NO_IMAGES)


@pytest.mark.parametrize("line", [UPLOAD, SECURE_URL], ids=["house", "image"])
def test_what_is_not_there_is_answered_as_printed(line: str, agent: Curl) -> None:
    answer = agent(line.replace("/1/", "/99/"))
    assert answer.status_code == 404
    assert_like(answer.json(), NOT_FOUND)


def test_a_url_that_cannot_be_signed_is_answered_as_printed(agent: Curl, row_of: Any) -> None:
    asset = row_of("properties/houseforsale/1/20250112_143022_a1b2c3d4.jpg", "s3-private")
    PropertyImage.objects.create(house_for_sale_id=1, image=asset, is_main=True, order=0, batch=1)
    answer = agent(SECURE_URL)
    assert answer.status_code == 500
    assert_like(answer.json(), CANNOT_SIGN)


@pytest.mark.parametrize(
    ("setting", "folder"),
    [
        ("AWS_DEFAULT_ACL=private", ""),  # as its settings say: the keys stand at the bucket's root
        ("", "private/"),  # the .env alone: beside public files
    ],
)
def test_on_aws_the_secure_url_is_on_the_printed_host(
    setting: str, folder: str, site: Any, lines_of: Any, agent: Curl, row_of: Any
) -> None:
    site(**lines_of(ENV + setting))
    asset = row_of("properties/houseforsale/1/20250112_143022_a1b2c3d4.jpg", "s3-private")
    PropertyImage.objects.create(house_for_sale_id=1, image=asset, is_main=True, order=0, batch=1)
    answer = agent(SECURE_URL).json()
    assert_like(answer, SECURED)
    url = answer.pop("secure_url")
    assert answer == {"expires_in": 7200, "image_id": 1}
    assert url.startswith(f"https://alca-inmo.s3.us-east-1.amazonaws.com/{folder}properties/houseforsale/1/")
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["7200"]


def test_every_image_is_read_through_a_signed_url_only(storage: str, agent: Curl, fetch: Any) -> None:
    [image, _] = agent(UPLOAD).json()
    signature = "signature" if storage == "local" else "X-Amz-Signature"
    for name in ("image_url", "secure_url"):
        assert signature in parse_qs(urlsplit(image[name]).query)
    assert image["media"]["expires_at"] is not None
    assert image["media"]["url"] == image["secure_url"]
