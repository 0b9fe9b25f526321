"""Pictures through the API: HEIC and AVIF wherever an image goes in, what is told of them, and what is refused."""

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image
from rest_framework.test import APIClient

from artworks.models import ArtWork
from conftest import draw
from media_assets import workspace
from media_assets.imaging.isolation import DecodeFailed, DecoderUnavailable
from media_assets.models import MediaAsset, State
from media_assets.tests.heif import MAKER, PROFILE, avif, heic, looks_upright
from media_assets.tests.sending import read_url, send_form

pytestmark = pytest.mark.django_db(transaction=True)

WIDTHS = [16, 32, 64]
HOUSE = {"title": "House", "address": "Calle Mayor 5", "city": "Alcalá", "price": "1.00"}
KINDS = {"IMG_1.HEIC": ("image/heic", heic), "IMG_2.heif": ("image/heif", heic), "IMG_3.avif": ("image/avif", avif)}


@pytest.fixture
def engine(engine: str, settings: Any) -> str:
    """Each of them, with variants."""
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    return engine


@pytest.fixture(params=KINDS)
def name(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def client(anna: Any, client_of: Any) -> APIClient:
    signed_in: APIClient = client_of(anna)
    return signed_in


def sent(data: bytes, name: str = "IMG_1.HEIC", content_type: str = "application/octet-stream") -> Any:
    """A file as browsers send it that know no HEIC."""
    return SimpleUploadedFile(name, data, content_type)


def post(client: APIClient, data: bytes, name: str = "IMG_1.HEIC", **headers: str) -> Any:
    fields = {"title": "From my phone", "image": sent(data, name)}
    return client.post("/api/artworks/", fields, format="multipart", headers=headers)


def media_of(client: APIClient, artwork_id: int) -> Any:
    return client.get(f"/api/artworks/{artwork_id}/").json()["media"]


def assert_phone_photo(media: dict[str, Any], name: str) -> None:
    """``media`` says what the sent picture was, and its URL gives it as a clean, upright JPEG."""
    told = ("state", "width", "height", "content_type", "original_filename", "location_removed")
    assert [media[key] for key in told] == ["ready", 64, 96, "image/jpeg", name, True]
    assert media["url"].partition("?")[0].endswith(".jpg")
    status, data = read_url(media["url"])
    assert (status, len(data)) == (200, media["size"])
    assert looks_upright(data)
    assert MAKER.encode() not in data
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 96))
        assert (dict(picture.getexif()), picture.info.get("icc_profile")) == ({}, PROFILE)


def refused(answer: Any, field: str = "image") -> str:
    """The one sentence of a 400 about this field."""
    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.json()
    [message] = answer.json()[field]
    assert message.endswith(".") and ".." not in message
    return str(message)


# --- an artwork -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_spooled", [False, True], ids=["in memory", "spooled"])
def test_a_phones_photo_becomes_a_jpeg(
    engine: str, client: APIClient, name: str, is_spooled: bool, settings: Any
) -> None:
    if is_spooled:
        settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = post(client, KINDS[name][1](), name)
    assert answer.status_code == 201, answer.json()
    assert_phone_photo(answer.json()["media"], name)
    assert answer.json()["image_display_url"] == answer.json()["media"]["url"]
    later = media_of(client, answer.json()["id"])
    assert [(one["width"], one["height"], one["content_type"]) for one in later["variants"]] == [
        (16, 24, "image/webp"),
        (32, 48, "image/webp"),
    ]
    assert later["placeholder"]


@pytest.mark.parametrize("make", [heic, avif])
def test_without_a_location_none_was_removed(client: APIClient, make: Any) -> None:
    assert post(client, make(gps=False)).json()["media"]["location_removed"] is False


def test_a_new_photo_takes_the_place_of_the_old_one(client: APIClient) -> None:
    created = post(client, heic()).json()
    answer = client.patch(f"/api/artworks/{created['id']}/", {"image": sent(avif(), "b.avif")}, format="multipart")
    assert answer.status_code == 200, answer.json()
    assert_phone_photo(answer.json()["media"], "b.avif")
    assert read_url(created["media"]["url"])[0] == 404


def test_the_same_idempotency_key_makes_one_artwork(client: APIClient) -> None:
    data = heic()
    first = post(client, data, **{"Idempotency-Key": "photo-1"})
    again = post(client, data, **{"Idempotency-Key": "photo-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert again.json()["media"]["url"] == first.json()["media"]["url"]
    assert (ArtWork.objects.count(), MediaAsset.objects.count()) == (1, 1)
    assert post(client, avif(), **{"Idempotency-Key": "photo-1"}).status_code == 422


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [heic, avif])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.9])
def test_a_cut_photo_is_a_400(client: APIClient, make: Any, part: float) -> None:
    data = make()
    assert refused(post(client, data[: int(len(data) * part)]))
    assert MediaAsset.objects.count() == 0


@pytest.mark.parametrize("make", [heic, avif])
def test_too_many_pixels_are_a_400(client: APIClient, make: Any, settings: Any) -> None:
    settings.MEDIA_MAX_PIXELS = 64 * 96 - 1
    assert "64 pixels; at most 6 143 pixels are accepted" in refused(post(client, make()))


def test_too_many_bytes_are_a_400(client: APIClient, settings: Any) -> None:
    settings.MEDIA_MAX_SIZE_BYTES = len(heic()) - 1
    assert f"at most {len(heic()) - 1} are accepted" in refused(post(client, heic()))


@pytest.mark.parametrize("reason", ["It took too long.", "The decoder crashed"])
def test_a_photo_that_breaks_its_decoder_is_a_400(client: APIClient, monkeypatch: Any, reason: str) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DecodeFailed(reason, "timeout")

    monkeypatch.setattr("media_assets.decoding.run_isolated", fail)
    assert reason.rstrip(".") in refused(post(client, heic()))


def test_without_a_decoder_it_is_a_503_and_may_be_sent_again(client: APIClient, monkeypatch: Any) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise DecoderUnavailable("It does not start.")

    with monkeypatch.context() as patch:
        patch.setattr("media_assets.decoding.run_isolated", fail)
        answer = post(client, heic(), **{"Idempotency-Key": "photo-1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "decoder_unavailable")
        assert int(answer["Retry-After"]) > 0
        assert post(client, draw(), "a.jpg").status_code == 201  # which needs none
    assert post(client, heic(), **{"Idempotency-Key": "photo-1"}).status_code == 201


def test_a_broken_variant_decoder_does_not_hold_up_the_original(
    client: APIClient, monkeypatch: Any, settings: Any
) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS

    def fail(*_: Any, **__: Any) -> None:
        raise DecoderUnavailable("It does not start.")

    monkeypatch.setattr("media_assets.decoding.run_isolated", fail)
    answer = post(client, draw(), "a.jpg")
    assert answer.status_code == 201
    asset = MediaAsset.objects.get()
    assert (asset.state, asset.work_tries, asset.work_due_at is not None) == (State.READY, 1, True)
    assert read_url(media_of(client, answer.json()["id"])["url"])[0] == 200


# --- wherever else an image goes in -----------------------------------------------------------------------------------


def test_an_avatar(client: APIClient, name: str) -> None:
    answer = client.patch("/api/users/me/", {"avatar": sent(KINDS[name][1](), name)}, format="multipart")
    assert answer.status_code == 200, answer.json()
    assert_phone_photo(answer.json()["media"], name)


def test_an_ad(client: APIClient, name: str) -> None:
    ad = client.post("/api/ads/", {"title": "Bike", "price": "9"}).json()["id"]
    image = {"image": sent(KINDS[name][1](), name)}
    answer = client.post(f"/api/ads/{ad}/upload_image/", image, format="multipart")
    assert answer.status_code in (200, 201), answer.json()
    assert_phone_photo(answer.json()["media"], name)


def test_images_of_a_house(client: APIClient, name: str) -> None:
    house = client.post("/api/houses-for-sale/", HOUSE).json()["id"]
    place = {"content_type": "house_for_sale", "object_id": house}
    image = {**place, "image": sent(KINDS[name][1](), name)}
    answer = client.post("/api/property-images/", image, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert_phone_photo(answer.json()["media"], name)
    both = {**place, "images": [sent(heic(), "a.heic"), sent(avif(), "b.avif")]}
    answer = client.post("/api/property-images/bulk_upload/", both, format="multipart")
    assert answer.status_code == 201, answer.json()
    for image, wanted in zip(answer.json(), ("a.heic", "b.avif"), strict=True):
        assert_phone_photo(image["media"], wanted)


def test_one_bad_photo_of_several_stores_none(client: APIClient) -> None:
    house = client.post("/api/houses-for-sale/", HOUSE).json()["id"]
    images = {"images": [sent(heic(), "a.heic"), sent(avif()[:500], "b.avif")]}
    answer = client.post(f"/api/houses-for-sale/{house}/upload_images/", images, format="multipart")
    assert answer.status_code == 400
    assert MediaAsset.objects.count() == 0


def test_the_library(client: APIClient, name: str) -> None:
    answer = client.post("/api/images/upload/", {"image": sent(KINDS[name][1](), name)}, format="multipart")
    assert answer.status_code == 201, answer.json()
    assert_phone_photo(answer.json()["media"], name)
    assert "?" in answer.json()["media"]["url"]  # private: signed


# --- direct uploads ---------------------------------------------------------------------------------------------------


def begun(client: APIClient, name: str, data: bytes, content_type: str) -> str:
    """The id of an upload whose bytes have been sent with its form."""
    body = client.post("/api/uploads/", {"original_filename": name, "content_type": content_type}).json()
    assert send_form(body["form_url"], body["form_fields"], data, name) == 201
    return str(body["upload_id"])


def test_a_direct_upload_becomes_a_jpeg_and_then_an_artwork(engine: str, client: APIClient, name: str) -> None:
    content_type, make = KINDS[name]
    upload_id = begun(client, name, make(), content_type)
    done = client.post(f"/api/uploads/{upload_id}/complete/")
    assert (done.status_code, done.json()["status"]) == (200, "complete"), done.json()
    assert_phone_photo(client.get(f"/api/uploads/{upload_id}/").json()["media"], name)
    answer = client.post("/api/artworks/", {"title": "Sea", "upload_id": upload_id})
    assert answer.status_code == 201, answer.json()
    media = media_of(client, answer.json()["id"])
    assert_phone_photo(media, name)
    assert [one["width"] for one in media["variants"]] == [16, 32]
    assert [read_url(one["url"])[0] for one in media["variants"]] == [200, 200]


@pytest.mark.parametrize(("declared", "data"), [("image/avif", heic()), ("image/heic", avif()), ("image/jpeg", heic())])
def test_another_type_than_declared_is_a_422(engine: str, client: APIClient, declared: str, data: bytes) -> None:
    answer = client.post(f"/api/uploads/{begun(client, 'a', data, declared)}/complete/")
    assert (answer.status_code, answer.json()["code"]) == (422, "type_mismatch")


@pytest.mark.parametrize("make", [heic, avif])
def test_a_cut_direct_upload_says_why_it_failed(engine: str, client: APIClient, make: Any) -> None:
    content_type = "image/heic" if make is heic else "image/avif"
    upload_id = begun(client, "a", make()[:-100], content_type)
    assert client.post(f"/api/uploads/{upload_id}/complete/").status_code == 200
    media = client.get(f"/api/uploads/{upload_id}/").json()["media"]
    assert (media["state"], media["url"], media["variants"]) == ("failed", None, [])
    assert "decode" in media["reason"]


# --- what apps are told -----------------------------------------------------------------------------------------------


def test_apps_are_told_the_formats_and_the_widths(client_of: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    told = client_of().get("/api/media/config/").json()
    assert {"image/jpeg", "image/png", "image/webp", "image/gif", "image/heic", "image/heif", "image/avif"} == set(
        told["content_types"]
    )
    assert {content_type for content_type, _ in KINDS.values()} <= set(told["upload_content_types"])
    assert told["variant_widths"] == WIDTHS
    assert told["max_pixels"] == settings.MEDIA_MAX_PIXELS


def test_the_field_lets_go_of_its_temporary_files(client: APIClient, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for data in (heic(), heic()[:900], avif()):
        post(client, data)
    assert [path for path in tmp_path.rglob("*") if not path.name.startswith(workspace.NAME)] == []
