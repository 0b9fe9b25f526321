"""HEIC, HEIF and AVIF from the field and from direct uploads to the JPEG that is delivered; on disk and on S3."""

import io
import struct
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rest_framework.exceptions import ValidationError

from api.errors import ServiceUnavailable
from conftest import draw
from media_assets import workspace
from media_assets.errors import UploadRejected
from media_assets.fields import ImageUploadField
from media_assets.imaging import InvalidImage
from media_assets.imaging.containers import HEAD_BYTES, inspect_container, is_converted, require_container_size
from media_assets.imaging.isolation import DecoderUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.storages import get_storage
from media_assets.tests.heif import MAKER, PROFILE, avif, heic, looks_upright
from media_assets.tests.pictures import PHOTOS
from media_assets.tests.receiving import in_memory, refusal_of_field, spooled
from media_assets.tests.stored import original, published
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import upload_complete

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = [("image/heic", heic), ("image/avif", avif)]
VIDEO = struct.pack(">I4s4sI4s", 20, b"ftyp", b"isom", 0, b"mp42") + bytes(500)


@pytest.fixture
def no_decoder(monkeypatch: Any) -> list[str]:
    """The jobs that were asked for while no decoder can be started."""
    asked: list[str] = []

    def refuse(job: str, *_: Any, **__: Any) -> None:
        asked.append(job)
        raise DecoderUnavailable("It does not start.")

    monkeypatch.setattr("media_assets.decoding.run_isolated", refuse)
    return asked


def completed(data: bytes, content_type: str) -> MediaAsset:
    """The asset of a direct upload, as it is once nothing is due any more."""
    upload = upload_complete(staged_upload(None, data, "IMG_1.HEIC", content_type))
    return MediaAsset.objects.get(pk=upload.asset_id)


def assert_clean(asset: MediaAsset, *, gps: bool = True) -> None:
    """Delivered as an upright JPEG of the true size, with its profile and nothing else that it said."""
    assert (asset.state, asset.failure_reason, asset.raw_key) == (State.READY, "", "")
    assert (asset.content_type, asset.location_removed) == ("image/jpeg", gps)
    assert asset.key.endswith(".jpg")
    assert (asset.width, asset.height) == (64, 96)
    data = original(asset)
    assert len(data) == asset.size
    assert looks_upright(data)
    assert MAKER.encode() not in data
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (64, 96))
        assert not picture.getexif()
        assert picture.info.get("icc_profile") == PROFILE


# --- through the application ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gps", [True, False])
@pytest.mark.parametrize("make", [heic, avif])
def test_what_a_phone_sends_becomes_a_clean_jpeg(engine: str, received: Any, make: Any, gps: bool) -> None:
    asset = published(received("IMG_1.HEIC", make(gps=gps)))
    assert_clean(asset, gps=gps)
    assert asset.original_filename == "IMG_1.HEIC"


@pytest.mark.parametrize("make", [heic, avif])
def test_one_that_lies_upright_stays_so(make: Any) -> None:
    assert_clean(published(in_memory("a.jpg", make(turned=False))))


@pytest.mark.parametrize("make", [heic, avif])
def test_variants_are_upright_and_as_large_as_they_say(engine: str, settings: Any, make: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16, 32, 64]
    asset = published(in_memory("a.heic", make()))
    assert [(one["width"], one["height"]) for one in asset.variants] == [(16, 24), (32, 48)]
    for one in asset.variants:
        with get_storage(asset.storage).open(one["key"]) as file:
            data = file.read()
        assert looks_upright(data)
        assert Image.open(io.BytesIO(data)).size == (one["width"], one["height"])


def test_a_transparent_avif_stands_on_white() -> None:
    out = io.BytesIO()
    Image.new("RGBA", (64, 64), (0, 0, 0, 0)).save(out, "AVIF")
    with Image.open(io.BytesIO(original(published(in_memory("a.avif", out.getvalue()))))) as picture:
        assert (picture.mode, picture.getpixel((9, 9))) == ("RGB", (255, 255, 255))


@pytest.mark.parametrize("make", [heic, avif])
@pytest.mark.parametrize("part", [0.3, 0.9])
def test_a_cut_one_is_refused_in_a_sentence(received: Any, make: Any, part: float) -> None:
    data = make()
    code, message = refusal_of_field(received("a.heic", data[: int(len(data) * part)]))
    assert code == "corrupt"
    assert message.startswith("The picture cannot be decoded: ")
    assert message.endswith(". Save it as JPEG and send that.")
    assert ".." not in message


@pytest.mark.parametrize("make", [heic, avif])
def test_the_pixel_limit_holds_before_anything_is_decoded(
    received: Any, make: Any, settings: Any, no_decoder: list[str]
) -> None:
    settings.MEDIA_MAX_PIXELS = 64 * 96 - 1
    code, message = refusal_of_field(received("a.heic", make()))
    assert (code, no_decoder) == ("too_many_pixels", [])
    assert "at most 6 143 pixels are accepted" in message


@pytest.mark.parametrize("make", [heic, avif])
def test_the_pixel_limit_itself_is_accepted(make: Any, settings: Any) -> None:
    settings.MEDIA_MAX_PIXELS = 64 * 96
    assert_clean(published(in_memory("a.heic", make())))


def told_smaller(data: bytes) -> bytes:
    """The file with 10 by 10 pixels in its description, whatever its decoder finds in the picture itself."""
    size = struct.pack(">II", 64, 96)
    assert size in data
    return data.replace(size, struct.pack(">II", 10, 10))


def test_a_heic_larger_than_it_says_is_refused_by_its_decoder(settings: Any) -> None:
    settings.MEDIA_MAX_PIXELS = 1_000
    assert refusal_of_field(in_memory("a.heic", told_smaller(heic(turned=False))))[0] == "corrupt"


def test_an_avif_larger_than_it_says_becomes_as_small_as_that(settings: Any) -> None:
    settings.MEDIA_MAX_PIXELS = 1_000
    asset = published(in_memory("a.avif", told_smaller(avif(turned=False))))
    assert Image.open(io.BytesIO(original(asset))).size == (asset.width, asset.height) == (10, 10)


def test_without_a_decoder_it_is_nobodys_picture_that_is_wrong(received: Any, no_decoder: list[str]) -> None:
    with pytest.raises(ServiceUnavailable) as refused:
        ImageUploadField().run_validation(received("a.heic", heic()))
    assert (refused.value.get_codes(), no_decoder) == ("decoder_unavailable", ["to_jpeg"])
    assert ImageUploadField().run_validation(received("a.jpg", draw())).cleaned.facts.width == 64


def test_no_temporary_file_stays_behind(received: Any, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    for data in (heic(), heic()[:900]):
        file = received("a.heic", data)
        try:
            published(file)
        except ValidationError:
            assert len(data) == 900
        file.close()
    assert [path for path in tmp_path.rglob("*") if not path.name.startswith(workspace.NAME)] == []


# --- direct uploads ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gps", [True, False])
@pytest.mark.parametrize(
    ("declared", "make"), [("image/heic", heic), ("image/heif", heic), ("IMAGE/HEIC", heic), ("image/avif", avif)]
)
def test_a_direct_upload_becomes_a_clean_jpeg(engine: str, declared: str, make: Any, gps: bool) -> None:
    asset = completed(make(gps=gps), declared)
    assert_clean(asset, gps=gps)
    assert asset.original_filename == "IMG_1.HEIC"
    left = {item.key for item in get_storage(asset.storage).list_objects()}
    assert left == {asset.key}  # neither the staged object nor the raw one


@pytest.mark.parametrize(
    ("declared", "data"),
    [
        ("image/avif", heic()),
        ("image/heic", avif()),
        ("image/heif", avif()),
        ("image/jpeg", heic()),
        ("image/png", avif()),
        ("image/heic", draw()),
        ("image/avif", draw("WEBP")),
    ],
)
def test_another_type_than_declared_is_refused(engine: str, declared: str, data: bytes) -> None:
    upload = staged_upload(None, data, "IMG_1.HEIC", declared)
    with pytest.raises(UploadRejected) as refused:
        upload_complete(upload)
    assert (refused.value.status_code, refused.value.get_codes()) == (422, "type_mismatch")
    assert declared in str(refused.value.detail)
    upload.refresh_from_db()
    assert (upload.status, upload.reason_code) == (Upload.STATUS_REJECTED, "type_mismatch")
    assert list(get_storage(upload.storage).list_objects()) == []


def test_a_video_is_no_photo() -> None:
    with pytest.raises(UploadRejected) as refused:
        upload_complete(staged_upload(None, VIDEO, "IMG_1.HEIC", "image/heic"))
    assert refused.value.status_code == 422


@pytest.mark.parametrize("make", [heic, avif])
def test_a_photo_is_no_video(make: Any, settings: Any) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["video/mp4"]
    with pytest.raises(UploadRejected) as refused:
        upload_complete(staged_upload(None, make(), "IMG_1.HEIC", "video/mp4"))
    assert refused.value.get_codes() == "type_mismatch"


@pytest.mark.parametrize(("declared", "make"), KINDS)
def test_too_many_pixels_are_refused_at_completion(
    engine: str, declared: str, make: Any, settings: Any, no_decoder: list[str]
) -> None:
    settings.MEDIA_MAX_PIXELS = 64 * 96 - 1
    with pytest.raises(UploadRejected) as refused:
        upload_complete(staged_upload(None, make(), "IMG_1.HEIC", declared))
    assert (refused.value.get_codes(), no_decoder) == ("too_many_pixels", [])


@pytest.mark.parametrize(("declared", "make"), KINDS)
def test_a_cut_direct_upload_fails_with_its_reason_and_is_not_delivered(engine: str, declared: str, make: Any) -> None:
    asset = completed(make()[:-100], declared)
    assert asset.state == State.FAILED
    assert "decode" in asset.failure_reason
    assert asset.work_due_at is None
    assert asset.key not in {item.key for item in get_storage(asset.storage).list_objects()}


def test_without_a_decoder_a_direct_upload_waits(no_decoder: list[str]) -> None:
    asset = completed(heic(), "image/heic")
    assert (asset.state, asset.work_tries) == (State.PROCESSING, 1)
    assert asset.work_due_at is not None
    assert no_decoder == ["to_jpeg"]


@pytest.mark.parametrize("photo", sorted(PHOTOS.glob("phone_iphone.heic")), ids=lambda path: path.stem)
def test_a_phones_own_photo(photo: Path, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [320]
    for asset in (published(spooled("IMG_1.HEIC", photo.read_bytes())), completed(photo.read_bytes(), "image/heic")):
        assert (asset.content_type, asset.width, asset.height) == ("image/jpeg", 3024, 4032)
        assert [(one["width"], one["height"]) for one in asset.variants] == [(320, 427)]
        assert len(Image.open(io.BytesIO(original(asset))).info["icc_profile"]) == 548


# --- what is known before they are decoded ----------------------------------------------------------------------------


@pytest.mark.parametrize(("content_type", "make"), KINDS)
def test_facts_from_the_first_bytes(content_type: str, make: Any) -> None:
    head = make(turned=False)[:HEAD_BYTES]
    facts = inspect_container(head, max_pixels=64 * 96)
    assert (facts.content_type, facts.extension, facts.width, facts.height) == (content_type, "jpg", 64, 96)
    for check in (inspect_container, require_container_size):
        with pytest.raises(InvalidImage) as refused:
            check(head, max_pixels=64 * 96 - 1)
        assert refused.value.code == "too_many_pixels"


def test_a_heif_of_another_brand_is_one_too() -> None:
    head = heic().replace(b"ftypheic", b"ftypmif1", 1)
    assert is_converted(head)
    assert inspect_container(head, max_pixels=10_000).content_type == "image/heif"


@pytest.mark.parametrize("make", [heic, avif])
def test_a_size_that_stands_elsewhere_is_left_to_the_decoder(make: Any) -> None:
    head = make().replace(b"ispe", b"elsw")
    require_container_size(head, max_pixels=1)
    with pytest.raises(InvalidImage) as refused:
        inspect_container(head, max_pixels=10_000)
    assert refused.value.code == "corrupt"


def test_a_size_of_nothing_is_damage() -> None:
    data = heic(turned=False).replace(struct.pack(">II", 64, 96), bytes(8))
    with pytest.raises(InvalidImage) as refused:
        require_container_size(data, max_pixels=10_000)
    assert refused.value.code == "corrupt"


@pytest.mark.parametrize("data", [b"", b"ispe", draw(), VIDEO, b"\0\0\0\x18ftypheic"[:9]])
def test_others_are_none_of_them(data: bytes) -> None:
    assert not is_converted(data)
    require_container_size(data, max_pixels=1)
    with pytest.raises(InvalidImage) as refused:
        inspect_container(data, max_pixels=1)
    assert refused.value.code == "unsupported_type"
