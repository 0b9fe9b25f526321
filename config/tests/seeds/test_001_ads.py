"""Seed 001: ads, their images and avatars, with the lines that a marketplace's programs and people send."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.utils.module_loading import import_string
from storages.backends.s3 import S3Storage

from ads.models import Ad, AdImage
from config.storages import read_media_environment
from config.tests.boot import boot
from config.tests.seeds.curl import Curl
from config.tests.seeds.shapes import assert_like
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True, reset_sequences=True)
NEW_AD = """{
  "title": "iPhone 15 Pro for Sale",
  "description": "Excellent condition, used for 6 months",
  "price": "850.00",
  "is_active": true
}"""
AVATAR = r"""
curl -X PATCH http://localhost:8000/api/users/1/ \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -F "avatar=@profile_picture.jpg"
"""
UPLOAD = r"""
curl -X POST http://localhost:8000/api/ads/1/upload_image/ \
  -H "Authorization: Bearer YOUR_TOKEN" \
  -F "image=@phone_photo.jpg" \
  -F "alt_text=iPhone front view" \
  -F "order=1"
"""
MARK_SOLD = r"""
curl -X POST http://localhost:8000/api/ads/1/mark_sold/ \
  -H "Authorization: Bearer YOUR_TOKEN"
"""
PRODUCTION_UPLOAD = r"""
curl -X POST http://your-domain.com/api/ads/1/upload_image/ \
  -H "Authorization: Bearer TOKEN" \
  -F "image=@test_image.jpg"
"""
USER = """{
  "id": 1,
  "email": "user@example.com",
  "first_name": "John",
  "last_name": "Doe",
  "name": "John Doe",
  "avatar": "avatars/user_1/profile.jpg",
  "avatar_url": "https://your-bucket.s3.amazonaws.com/media/avatars/user_1/profile.jpg"
}"""
AD = """{
  "id": 1,
  "title": "iPhone 15 Pro for Sale",
  "description": "Excellent condition, used for 6 months",
  "price": "850.00",
  "is_active": true,
  "is_sold": false,
  "owner": 1,
  "owner_info": {
    "id": 1,
    "email": "seller@example.com",
    "name": "John Seller"
  },
  "main_image_url": "https://your-bucket.s3.amazonaws.com/media/ads/ad_1/main.jpg",
  "images": [
    {
      "id": 1,
      "image": "ads/ad_1/main.jpg",
      "image_url": "https://your-bucket.s3.amazonaws.com/media/ads/ad_1/main.jpg",
      "alt_text": "iPhone front view",
      "order": 1,
      "created_at": "2025-01-22T10:30:00Z"
    }
  ],
  "created_at": "2025-01-22T10:00:00Z",
  "updated_at": "2025-01-22T10:30:00Z"
}"""
IMAGE = json.dumps(json.loads(AD)["images"][0])
ENV = """
DJANGO_AWS_ACCESS_KEY_ID=your-access-key-here
DJANGO_AWS_SECRET_ACCESS_KEY=your-secret-access-key-here
DJANGO_AWS_STORAGE_BUCKET_NAME=your-bucket
AWS_DEFAULT_REGION=eu-central-1
"""
LAPTOP_ENV = """
DJANGO_AWS_ACCESS_KEY_ID=
DJANGO_AWS_SECRET_ACCESS_KEY=
DJANGO_AWS_STORAGE_BUCKET_NAME=
AWS_DEFAULT_REGION=eu-central-1
"""
SHELL = """
from django.conf import settings
print(settings.STORAGES['default']['BACKEND'])
print(settings.MEDIA_URL)
"""
OPTIONS = {
    "bucket_name": "your-marketplace-bucket",
    "region_name": "eu-central-1",
    "location": "media",
    "file_overwrite": False,
    "default_acl": "public-read",
}


@pytest.fixture
def seller(make_user: Any) -> User:
    return make_user("seller", first_name="John", last_name="Seller")


@pytest.fixture
def ad(seller: User) -> Ad:
    return Ad.objects.create(owner=seller, price=Decimal("850.00"), title="iPhone 15 Pro for Sale")


def new_ad(curl: Curl) -> Any:
    """Sends the printed body, for which no curl line is printed."""
    headers = "-H 'Authorization: Bearer X' -H 'Content-Type: application/json'"
    return curl(f"curl -X POST http://localhost:8000/api/ads/ {headers} -d '{NEW_AD}'")


def test_an_avatar_is_uploaded(storage: str, make_user: Any, sign_in: Any, fetch: Any) -> None:
    answer = sign_in(make_user("user", first_name="John", last_name="Doe"))(AVATAR)
    assert answer.status_code == 200
    assert_like(answer.json(), USER)
    changed = {"avatar", "avatar_url"}
    assert {key: answer.json()[key] for key in json.loads(USER) if key not in changed} == {
        key: value for key, value in json.loads(USER).items() if key not in changed
    }
    assert answer.json()["avatar"] == "avatars/user_1/profile_picture.jpg"
    assert fetch(answer.json()["avatar_url"]).status == 200


def test_an_ad_is_published_gets_its_image_and_is_sold(storage: str, seller: User, sign_in: Any, fetch: Any) -> None:
    curl = sign_in(seller)
    made = new_ad(curl)
    assert made.status_code == 201
    assert made.json()["images"] == [] and made.json()["main_image_url"] is None
    image = curl(UPLOAD)
    assert image.status_code == 201
    assert_like(image.json(), IMAGE)
    assert image.json()["image"] == "ads/ad_1/phone_photo.jpg"
    assert (image.json()["alt_text"], image.json()["order"]) == ("iPhone front view", 1)
    ad = curl("curl http://localhost:8000/api/ads/1/ -H 'Authorization: Bearer X'")
    assert ad.status_code == 200
    assert_like(ad.json(), AD)
    sent = json.loads(NEW_AD)
    assert {key: ad.json()[key] for key in sent} == sent
    assert (ad.json()["owner"], ad.json()["owner_info"], ad.json()["is_sold"]) == (
        1,
        json.loads(AD)["owner_info"],
        False,
    )
    assert ad.json()["main_image_url"] == ad.json()["images"][0]["image_url"] == image.json()["image_url"]
    sold = curl(MARK_SOLD)
    assert sold.status_code == 200
    assert_like(sold.json(), AD)
    assert sold.json()["is_sold"] is True
    assert fetch(sold.json()["main_image_url"]).status == 200


def test_anybody_reads_it_without_the_sellers_address(storage: str, seller: User, sign_in: Any, client_of: Any) -> None:
    new_ad(sign_in(seller))
    sign_in(seller)(UPLOAD)
    for answer in (client_of().get("/api/ads/1/").json(), client_of().get("/api/ads/").json()[0]):
        assert answer["owner_info"] == {"id": 1, "email": None, "name": "John Seller"}
        assert_like({**answer, "owner_info": json.loads(AD)["owner_info"]}, AD)


def test_the_check_in_production(storage: str, ad: Ad, seller: User, sign_in: Any, fetch: Any) -> None:
    answer = sign_in(seller)(PRODUCTION_UPLOAD)
    assert answer.status_code == 201
    assert_like(answer.json(), IMAGE)
    shown = fetch(answer.json()["image_url"], "HEAD")  # curl -I
    assert (shown.status, shown.headers["Content-Type"]) == (200, "image/jpeg")
    assert "max-age=86400" in shown.headers["Cache-Control"]


def test_files_with_the_same_name_get_suffixes(storage: str, ad: Ad, seller: User, sign_in: Any) -> None:
    keys = [sign_in(seller)(UPLOAD.replace("phone_photo", "image")).json()["image"] for _ in range(2)]
    assert keys[0] == "ads/ad_1/image.jpg"
    stem, _, suffix = keys[1].removesuffix(".jpg").rpartition("_")
    assert (stem, len(suffix), suffix.isalnum()) == ("ads/ad_1/image", 6, True)


@pytest.mark.parametrize("line", [AVATAR, UPLOAD, MARK_SOLD], ids=["avatar", "upload", "mark_sold"])
def test_a_dead_token_is_refused(line: str, ad: Ad, curl: Curl) -> None:
    curl.token = "YOUR_TOKEN"
    assert curl(line).status_code == 401


def test_on_aws_the_answers_are_the_printed_ones_to_the_letter(
    site: Any, lines_of: Any, row_of: Any, make_user: Any, client_of: Any
) -> None:
    site(**lines_of(ENV))
    ten, half_past = (datetime(2025, 1, 22, 10, minute, tzinfo=UTC) for minute in (0, 30))
    user = make_user("user", first_name="John", last_name="Doe", avatar=row_of("avatars/user_1/profile.jpg"))
    answer = client_of(user).get("/api/users/1/").json()
    assert {key: answer[key] for key in json.loads(USER)} == json.loads(USER)

    User.objects.filter(pk=1).update(email="seller@example.com", last_name="Seller")
    ad = Ad.objects.create(owner=user, **{**json.loads(NEW_AD), "price": Decimal("850.00")})
    AdImage.objects.create(ad=ad, image=row_of("ads/ad_1/main.jpg"), alt_text="iPhone front view", order=1)
    AdImage.objects.update(created_at=half_past)
    Ad.objects.update(created_at=ten, updated_at=half_past)
    for answer in (client_of(user).get("/api/ads/1/").json(), client_of(user).get("/api/ads/").json()[0]):
        [image] = answer["images"]
        answer["images"] = [{key: image[key] for key in json.loads(IMAGE)}]
        assert answer == json.loads(AD)


def test_the_shell_prints_the_bucket(tmp_path: Path) -> None:
    done = boot(SHELL, tmp_path / "env", ENV, SECRET_KEY="only-here")
    backend, media_url = done.stdout.splitlines()
    assert issubclass(import_string(backend), S3Storage)
    assert media_url == "https://your-bucket.s3.amazonaws.com/media/"


def test_the_shell_on_a_laptop_prints_the_disk(tmp_path: Path) -> None:
    done = boot(SHELL, tmp_path / "env", LAPTOP_ENV, SECRET_KEY="only-here")
    assert done.stdout.splitlines() == ["media_assets.storages.local.PublicLocalStorage", "/media/"]


def test_the_printed_options_are_those_of_the_storage(lines_of: Any) -> None:
    lines = lines_of(ENV.replace("your-bucket", "your-marketplace-bucket"))
    options = read_media_environment(lines, Path("/srv/site")).storages["default"]["OPTIONS"]
    assert {name: options[name] for name in OPTIONS} == OPTIONS
