"""Attaching on each engine: a copy inside the storage, right in every header, and what was copied is gone."""

import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import storages
from django.db import transaction
from rest_framework.exceptions import ValidationError

from api.errors import Conflict
from artworks.models import ArtWork
from conftest import draw
from media_assets.errors import StorageUnavailable
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State, Upload
from media_assets.references import where_used
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage
from media_assets.storages.local import LocalStorage
from media_assets.sweeping import sweep
from media_assets.tests.stored import real_server
from media_assets.tests.uploads import complete_upload
from media_assets.uploads.attaching import attachable, newest_images

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def artwork_of(client_of: Any) -> Any:
    """A maker of artworks by the API: ``artwork_of(user, upload)`` gives the answer's body."""

    def make(user: Any, upload: Upload) -> Any:
        answer = client_of(user).post("/api/artworks/", {"title": "Sea", "upload_id": str(upload.upload_id)})
        assert answer.status_code == 201, answer.json()
        return answer.json()

    return make


def unreadable(*args: Any, **kwargs: Any) -> Any:
    raise AssertionError("bytes were read")


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_on_disk_no_byte_passes_through_the_process(
    monkeypatch: Any, site: Any, anna: Any, photo: Any, artwork_of: Any, visibility: str
) -> None:
    site(MEDIA_DEFAULT_VISIBILITY=visibility)
    upload = complete_upload(photo(), owner=anna)
    with monkeypatch.context() as patched:
        for name in ("open", "_open", "read_range", "create"):
            patched.setattr(LocalStorage, name, unreadable, raising=False)
        key = artwork_of(anna, upload)["image"]
    assert get_storage(f"local-{visibility}").open(key).read() == draw()
    sweep(grace=timedelta(0))
    kept = [item.key for alias in ("local-public", "local-private") for item in get_storage(alias).list_objects()]
    assert kept == [key]


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_on_s3_no_byte_passes_through_the_process(
    s3_site: Any, anna: Any, photo: Any, artwork_of: Any, visibility: str
) -> None:
    s3_site(MEDIA_DEFAULT_VISIBILITY=visibility)
    upload = complete_upload(photo(), owner=anna)
    sent: list[str] = []
    for alias in ("s3-public", "s3-private"):
        events = storages[alias].client.meta.events
        events.register("before-call.s3", lambda model, **_: sent.append(model.name))
    artwork_of(anna, upload)
    assert "CopyObject" in sent
    assert not {"GetObject", "PutObject", "UploadPart"} & set(sent), sent


@pytest.mark.parametrize("separate", [False, True])
def test_on_s3_the_attached_object_is_as_if_it_had_been_sent_here(
    s3_site: Any, s3_client: Any, s3_bucket: str, anna: Any, photo: Any, artwork_of: Any, separate: bool
) -> None:
    private = f"{s3_bucket}-private"
    if separate:
        s3_client.create_bucket(Bucket=private)
    s3_site(AWS_DEFAULT_ACL="public-read", **({"AWS_PRIVATE_STORAGE_BUCKET_NAME": private} if separate else {}))
    try:
        upload = complete_upload(photo("Sea View.webp", "WEBP"), owner=anna)
        body = artwork_of(anna, upload)
        [kept] = s3_client.list_objects_v2(Bucket=s3_bucket)["Contents"]  # what was uploaded is gone
        assert not separate or "Contents" not in s3_client.list_objects_v2(Bucket=private)
        head = s3_client.head_object(Bucket=s3_bucket, Key=kept["Key"])
        assert kept["Key"].endswith("artworks/Sea_View.webp")
        assert (head["ContentType"], head["CacheControl"]) == ("image/webp", "public, max-age=86400")
        assert "ContentDisposition" not in head
        with urllib.request.urlopen(body["image_display_url"]) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/webp")
            assert answer.read()[8:12] == b"WEBP"
        grants = s3_client.get_object_acl(Bucket=s3_bucket, Key=kept["Key"])["Grants"]
        assert [one["Permission"] for one in grants if one["Grantee"].get("URI", "").endswith("AllUsers")] == ["READ"]
    finally:
        if separate:
            s3_client.delete_bucket(Bucket=private)
    upload = Upload.objects.get(pk=upload.pk)
    assert (upload.asset, upload.attached_asset.key) == (None, "artworks/Sea_View.webp")


@real_server
def test_on_s3_a_private_copy_is_not_readable_without_its_signature(
    s3_site: Any, anna: Any, photo: Any, artwork_of: Any
) -> None:
    s3_site(MEDIA_DEFAULT_VISIBILITY="private")
    url = artwork_of(anna, complete_upload(photo(), owner=anna))["image_display_url"]
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == draw()
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(url.partition("?")[0])
    assert refused.value.code == 403


def test_an_upload_of_the_other_engine_is_carried_over(
    site: Any, s3_site: Any, anna: Any, photo: Any, artwork_of: Any
) -> None:
    upload = complete_upload(photo(), owner=anna)
    s3_site()
    key = artwork_of(anna, upload)["image"]
    with get_storage("s3-public").open(key) as file:
        assert file.read() == draw()
    assert not list(get_storage("local-private").list_objects("uploads/"))


def test_an_upload_whose_storage_is_gone_waits(s3_site: Any, site: Any, anna: Any, photo: Any, client_of: Any) -> None:
    s3_site()
    upload = complete_upload(photo(), owner=anna)
    site()
    answer = client_of(anna).post("/api/artworks/", {"title": "Sea", "upload_id": str(upload.upload_id)})
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_unavailable")
    assert Upload.objects.get(pk=upload.pk).asset == upload.asset


def test_a_deleted_artwork_takes_the_copy_along_and_the_record_stays(anna: Any, photo: Any, artwork_of: Any) -> None:
    upload = complete_upload(photo(), owner=anna)
    assert where_used(upload.asset) == [upload]
    artwork = ArtWork.objects.get(pk=artwork_of(anna, upload)["id"])
    attached = artwork.image
    assert where_used(attached) == [artwork]  # the upload only remembers it
    assert Upload.objects.get(pk=upload.pk).attached_asset == attached
    artwork.delete()
    attached.refresh_from_db()
    assert attached.state == State.TOMBSTONE
    assert not list(get_storage("local-public").list_objects())
    MediaAsset.objects.update(purge_after=MediaAsset.objects.first().updated_at)
    sweep()
    assert not MediaAsset.objects.exists()
    assert Upload.objects.get(pk=upload.pk).attached_asset is None


def test_a_store_that_fails_leaves_the_upload_to_be_attached_again(
    monkeypatch: Any, anna: Any, photo: Any, client_of: Any
) -> None:
    upload = complete_upload(photo(), owner=anna)

    def fail(*args: Any, **kwargs: Any) -> None:
        raise StorageUnavailable

    def send() -> Any:
        return client_of(anna).post("/api/artworks/", {"title": "Sea", "upload_id": str(upload.upload_id)})

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "copy", fail)
        assert send().status_code == 503
    assert not ArtWork.objects.exists() and Upload.objects.get(pk=upload.pk).asset == upload.asset
    assert send().status_code == 201


def test_a_row_that_is_not_saved_gives_the_upload_back(anna: Any, photo: Any) -> None:
    upload = complete_upload(photo(), owner=anna)
    with (
        pytest.raises(ZeroDivisionError),
        stored_image(upload, owner=anna, folder="artworks") as asset,
        transaction.atomic(),
    ):
        asset_publish(asset)
        raise ZeroDivisionError
    assert attachable(Upload.objects.get(pk=upload.pk)).asset == upload.asset
    assert MediaAsset.objects.live().get() == upload.asset


def test_an_upload_in_hand_that_was_attached_meanwhile_is_a_conflict(anna: Any, photo: Any, artwork_of: Any) -> None:
    upload = complete_upload(photo(), owner=anna)
    artwork_of(anna, upload)
    for known in (upload, Upload.objects.get(pk=upload.pk)):  # read before, read after
        with pytest.raises(Conflict) as refused, stored_image(known, owner=anna, folder="artworks"):
            pass
        assert refused.value.get_codes() == "upload_attached"
    assert MediaAsset.objects.live().count() == 1


def test_a_field_without_a_request_knows_no_uploads(anna: Any, photo: Any) -> None:
    upload = complete_upload(photo(), owner=anna)
    with pytest.raises(ValidationError) as refused:
        ImageUploadField().run_validation(str(upload.upload_id))
    assert refused.value.get_codes() == ["not_a_file"]


def test_what_is_offered_is_ones_own_complete_images_newest_first(anna: Any, make_user: Any, photo: Any) -> None:
    first, second, used, document = (complete_upload(photo(f"{n}.jpg"), owner=anna) for n in range(4))
    complete_upload(photo(), owner=make_user("ben"))
    MediaAsset.objects.filter(pk=document.asset_id).update(width=None, height=None)
    with stored_image(used, owner=anna, folder="artworks") as asset, transaction.atomic():
        asset_publish(asset)
    assert list(newest_images(anna)) == [second, first]
