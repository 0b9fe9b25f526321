"""A WebP that lies on its side, which no browser would turn, is delivered upright; every other stays as it is."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image
from rest_framework.exceptions import ValidationError

from api.errors import ServiceUnavailable
from media_assets.fields import ImageUploadField
from media_assets.imaging.isolation import DecoderUnavailable
from media_assets.models import MediaAsset, State
from media_assets.tests.heif import PROFILE, STORED, looks_upright, phone_exif, scene
from media_assets.tests.stored import original, published
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import WHOLE_BYTES, upload_complete

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = (64, 96)
Receive = Callable[[str, bytes], Any]


def webp(orientation: int, *, picture: Image.Image | None = None, gps: bool = True, **how: Any) -> bytes:
    """A picture as it is stored with this Exif orientation."""
    stored = (picture or scene(SIZE)).transpose(STORED[orientation])
    out = io.BytesIO()
    stored.save(out, "WEBP", exif=phone_exif(orientation, gps=gps), icc_profile=PROFILE, **how)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def assert_upright(asset: MediaAsset, *, gps: bool = True) -> bytes:
    asset.refresh_from_db()
    assert (asset.state, asset.content_type, asset.location_removed) == (State.READY, "image/webp", gps)
    assert (asset.width, asset.height) == SIZE
    data = original(asset)
    assert (len(data), opened(data).size, dict(opened(data).getexif())) == (asset.size, SIZE, {})
    assert opened(data).info["icc_profile"] == PROFILE
    assert looks_upright(data)
    return data


@pytest.mark.parametrize("orientation", STORED)
def test_each_orientation_is_turned(received: Receive, orientation: int) -> None:
    assert_upright(published(received("a.webp", webp(orientation))))


@pytest.mark.parametrize("size", [0, WHOLE_BYTES])
def test_direct_uploads_too(engine: str, size: int) -> None:
    """Also one that says nothing else, so that it is clean but for this; and one that is not read when it comes."""
    picture = scene(SIZE).resize((1500, 1000))
    picture.paste(Image.effect_noise((1500, 900 if size else 1), 90).convert("RGB"), (0, 50))
    data = webp(6, picture=picture, gps=False, quality=100) if size else webp(6, gps=False)
    assert len(data) > size
    upload = upload_complete(staged_upload(None, data, "a.webp", "image/webp"))
    asset = MediaAsset.objects.get(pk=upload.asset_id)
    assert (asset.state, asset.raw_key) == (State.READY, "")
    assert (asset.width, asset.height) == opened(original(asset)).size == (picture.size if size else SIZE)
    assert not opened(original(asset)).getexif()


def test_a_lossless_one_keeps_each_pixel(received: Receive) -> None:
    picture = scene(SIZE).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize(SIZE))
    data = webp(6, picture=picture, lossless=True, exact=True)
    delivered = opened(assert_upright(published(received("a.webp", data))))
    assert delivered.tobytes() == picture.tobytes()


def test_what_lies_right_or_moves_is_not_decoded(received: Receive, monkeypatch: Any) -> None:
    monkeypatch.setattr("media_assets.decoding.run_isolated", lambda *_, **__: pytest.fail("decoded"))
    still, moving, frames = io.BytesIO(), io.BytesIO(), [scene(SIZE), scene(SIZE).transpose(STORED[3])]
    frames[0].save(still, "WEBP", exif=phone_exif(1))
    frames[0].save(moving, "WEBP", exif=phone_exif(6), save_all=True, append_images=frames[1:])
    for data in (still.getvalue(), moving.getvalue()):
        cleaned = ImageUploadField().run_validation(received("a.webp", data)).cleaned
        assert cleaned.had_location and cleaned.changed


def test_damage_and_decoders_that_do_not_start_are_told(received: Receive, monkeypatch: Any) -> None:
    data = bytearray(webp(6, lossless=True))
    start = data.index(b"VP8L") + 13
    data[start : start + 40] = bytes(40)
    with pytest.raises(ValidationError) as refused:
        ImageUploadField().run_validation(received("a.webp", bytes(data)))
    assert refused.value.get_codes() == ["corrupt"]

    def refuse(*_: Any, **__: Any) -> None:
        raise DecoderUnavailable("It does not start.")

    monkeypatch.setattr("media_assets.decoding.run_isolated", refuse)
    with pytest.raises(ServiceUnavailable):
        ImageUploadField().run_validation(received("a.webp", webp(6)))
