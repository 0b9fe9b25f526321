"""The Python calls for direct uploads: what they answer, and that a refusal is never an exception."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone

from conftest import draw
from media_assets.errors import ObjectMissing
from media_assets.models import MediaAsset, State
from media_assets.services import asset_publish, assets_discard, stored_image
from media_assets.shortcuts import (
    Upload,
    complete_upload,
    delete_upload,
    get_direct_upload_form_data,
    get_upload_file_url,
)
from media_assets.storages import get_storage

pytestmark = pytest.mark.django_db(transaction=True)
JPEG = draw()


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def engine(request: Any, s3_site: Any) -> str:
    if request.param == "s3":
        s3_site()
    return str(request.param)


def begin(**declared: Any) -> str:
    """The id of a new upload."""
    answer = get_direct_upload_form_data(**{"original_filename": "a.jpg", "content_type": "image/jpeg", **declared})
    assert answer["success"], answer
    return str(answer["upload_id"])


def stage(upload_id: str, data: bytes = JPEG) -> Upload:
    """What a browser does with the form."""
    upload = Upload.objects.get(upload_id=upload_id)
    storage: Any = get_storage(upload.storage)
    storage.create(upload.staging_key, ContentFile(data), content_type=upload.content_type, object_id=uuid4())
    return upload


def finished(data: bytes = JPEG, **declared: Any) -> str:
    """The id of a complete upload."""
    upload_id = begin(**declared)
    stage(upload_id, data)
    assert complete_upload(upload_id)["success"]
    return upload_id


def attach(upload_id: str) -> MediaAsset:
    """What a resource does that takes the upload."""
    upload = Upload.objects.select_related("asset").get(upload_id=upload_id)
    with stored_image(upload, owner=None, folder="pictures") as asset, transaction.atomic():
        assert asset is not None
        asset_publish(asset)
    return asset


def refused(answer: dict[str, Any]) -> str:
    """The code of a refusal, which says why in a sentence."""
    assert (set(answer), answer["success"]) == ({"success", "error", "code"}, False), answer
    assert answer["error"].endswith(".") and " " in answer["error"]
    return str(answer["code"])


def test_a_form_says_where_and_until_when(engine: str, settings: Any) -> None:
    answer = get_direct_upload_form_data("My Cat.jpg", "image/jpeg", 5 * 1024 * 1024, "uploads/images")
    upload = Upload.objects.get(upload_id=answer["upload_id"])
    assert set(answer) == {"success", "form_url", "form_fields", "upload_id", "expires_at", "max_file_size"}
    assert (answer["success"], answer["max_file_size"]) == (True, 5 * 1024 * 1024)
    assert answer["upload_id"] == str(upload.upload_id)
    assert answer["form_fields"]["key"].endswith(upload.staging_key)
    assert answer["form_url"] == "/api/uploads/local/" if engine == "local" else answer["form_url"].startswith("http:")
    assert answer["expires_at"] == upload.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (upload.owner, upload.original_filename, upload.prefix) == (None, "My Cat.jpg", "uploads/images")
    assert json.loads(json.dumps(answer)) == answer


def test_the_local_form_has_an_absolute_address_where_the_site_knows_its_own(settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    answer = get_direct_upload_form_data("a.jpg", "image/jpeg")
    assert answer["form_url"] == "https://www.example.com/api/uploads/local/"
    assert get_upload_file_url(finished())["url"].startswith("https://www.example.com/media/private/uploads/")


def test_no_form_allows_more_than_the_settings(settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE_BYTES = 1000
    assert get_direct_upload_form_data("a.jpg", "image/jpeg", max_file_size=2000)["max_file_size"] == 1000
    assert get_direct_upload_form_data("a.jpg", "image/jpeg", max_file_size=999)["max_file_size"] == 999
    assert get_direct_upload_form_data("a.jpg", "image/jpeg")["max_file_size"] == 1000


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        ({"content_type": "image/svg+xml"}, "invalid_content_type"),
        ({"content_type": "application/pdf"}, "invalid_content_type"),
        ({"content_type": "image"}, "invalid_content_type"),
        ({"content_type": None}, "invalid_content_type"),
        ({"original_filename": ""}, "invalid_original_filename"),
        ({"original_filename": 5}, "invalid_original_filename"),
        ({"prefix": "../etc"}, "invalid_prefix"),
        ({"prefix": "staging"}, "invalid_prefix"),
        ({"prefix": None}, "invalid_prefix"),
        ({"max_file_size": 0}, "invalid_max_file_size"),
        ({"max_file_size": -1}, "invalid_max_file_size"),
        ({"max_file_size": "5"}, "invalid_max_file_size"),
        ({"max_file_size": 1.5}, "invalid_max_file_size"),
    ],
)
def test_a_form_that_is_not_given(declared: dict[str, Any], code: str) -> None:
    call = {"original_filename": "a.jpg", "content_type": "image/jpeg", **declared}
    assert refused(get_direct_upload_form_data(**call)) == code
    assert not Upload.everything.exists()


def test_other_types_where_the_settings_name_them(engine: str, settings: Any) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["text/*"]
    upload_id = finished(b"some words", original_filename="notes.txt", content_type="text/plain")
    answer = get_upload_file_url(upload_id)
    assert (answer["name"], answer["content_type"]) == ("notes.txt", "text/plain")
    assert Upload.objects.get(upload_id=upload_id).asset.visibility == "private"


def test_a_users_own_limits(make_user: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_OUTSTANDING = 1
    anna = make_user("anna")
    assert get_direct_upload_form_data("a.jpg", "image/jpeg", owner=anna)["success"]
    assert refused(get_direct_upload_form_data("a.jpg", "image/jpeg", owner=anna)) == "too_many_uploads"
    settings.UPLOAD_MAX_OUTSTANDING, settings.UPLOAD_QUOTA_BYTES = 5, 1000
    begin(max_file_size=1000, owner=make_user("ben"))
    ben = Upload.objects.latest("id").owner
    assert refused(get_direct_upload_form_data("a.jpg", "image/jpeg", owner=ben)) == "quota_exceeded"
    assert get_direct_upload_form_data("a.jpg", "image/jpeg")["success"]


def test_complete_gives_the_facts_and_again(engine: str) -> None:
    upload_id = begin(prefix="uploads/images")
    stage(upload_id)
    answer = complete_upload(upload_id, status=Upload.STATUS_COMPLETE)
    asset = Upload.objects.get(upload_id=upload_id).asset
    url = answer.pop("url")
    assert answer == {
        "success": True,
        "upload_id": upload_id,
        "status": "complete",
        "name": "a.jpg",
        "content_type": "image/jpeg",
        "key": asset.key,
        "size": len(JPEG),
    }
    assert asset.key.startswith("uploads/images/") and asset.key.split("?")[0] in url
    assert complete_upload(UUID(upload_id))["key"] == asset.key


def test_complete_is_never_believed(engine: str) -> None:
    upload_id = begin()
    assert refused(complete_upload(upload_id, status="complete")) == "not_uploaded"
    stage(upload_id, b"<html>not a picture, whatever was declared</html>")
    assert refused(complete_upload(upload_id)) in ("not_an_image", "type_mismatch", "unsupported_type")
    assert Upload.objects.get(upload_id=upload_id).status == Upload.STATUS_REJECTED
    assert not MediaAsset.objects.live().exists()
    assert refused(get_upload_file_url(upload_id)) == Upload.objects.get(upload_id=upload_id).reason_code


def test_complete_after_its_time() -> None:
    upload_id = begin()
    stage(upload_id)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert refused(complete_upload(upload_id)) == "upload_expired"
    assert refused(get_upload_file_url(upload_id)) == "upload_expired"


@pytest.mark.parametrize("status", ["rejected", "failed", "error"])
def test_a_caller_may_reject(engine: str, status: str) -> None:
    upload_id = begin()
    upload = stage(upload_id)
    for _again in range(2):
        answer = complete_upload(upload_id, status=status)
        assert (answer["success"], answer["status"], answer["url"]) == (True, "rejected", None)
        assert answer["reason"]
    with pytest.raises(ObjectMissing):
        get_storage(upload.storage).stat(upload.staging_key)
    assert refused(complete_upload(upload_id)) == "reported_failed"


def test_what_is_complete_is_not_rejected_any_more() -> None:
    upload_id = finished()
    assert refused(complete_upload(upload_id, status="rejected")) == "upload_closed"
    assert get_upload_file_url(upload_id)["success"]


@pytest.mark.parametrize("status", ["pending", "expired", "discarded", "Complete", "", None, [], 1])
def test_other_statuses_are_refused(status: Any) -> None:
    upload_id = begin()
    assert refused(complete_upload(upload_id, status=status)) == "unknown_status"
    assert Upload.objects.get(upload_id=upload_id).status == Upload.STATUS_PENDING


def test_a_url_lives_as_long_as_it_was_asked_for(engine: str) -> None:
    upload_id = finished()
    answer = get_upload_file_url(upload_id, presigned=True, expiration=120)
    assert set(answer) == {"success", "url", "content_type", "name", "expires_in"}
    assert (answer["content_type"], answer["name"], answer["expires_in"]) == ("image/jpeg", "a.jpg", 120)
    assert "expires=" in answer["url"] or "X-Amz-Expires=120" in answer["url"]
    assert get_upload_file_url(upload_id)["expires_in"] == 3600


def test_a_private_file_has_signed_urls_only() -> None:
    answer = get_upload_file_url(finished(), presigned=False, expiration=120)
    assert "signature=" in answer["url"]
    assert 2700 < answer["expires_in"] <= 3600  # the site's own: a window is a quarter of it


@pytest.mark.parametrize("expiration", [0, -1, 604_801, "3600", 1.5, None, True])
def test_an_expiration_that_cannot_be(expiration: Any) -> None:
    upload_id = finished()
    assert refused(get_upload_file_url(upload_id, expiration=expiration)) == "invalid_expiration"


def test_what_a_resource_took_is_still_found_and_not_deleted(engine: str) -> None:
    upload_id = finished()
    asset = attach(upload_id)
    answer = get_upload_file_url(upload_id)
    assert asset.key in answer["url"] and answer["expires_in"] is None
    assert complete_upload(upload_id)["key"] == asset.key
    assert refused(delete_upload(upload_id)) == "upload_attached"
    with transaction.atomic():
        assets_discard([asset.pk])
    assert refused(get_upload_file_url(upload_id)) == "file_deleted"
    assert complete_upload(upload_id)["url"] is None
    MediaAsset.objects.filter(pk=asset.pk).delete()
    assert refused(get_upload_file_url(upload_id)) == "file_deleted"


@pytest.mark.parametrize("call", [complete_upload, get_upload_file_url, delete_upload])
@pytest.mark.parametrize(
    "upload_id",
    ["", "x", "../../x", None, 0, -5, 1.5, True, b"x", [], {}, object(), "0" * 32, uuid4(), "\0", "x" * 9999],
)
def test_an_id_that_is_none(call: Callable[..., Any], upload_id: Any) -> None:
    finished()
    assert refused(call(upload_id)) == "not_found"


def test_calls_for_a_user_see_that_users_uploads_only(make_user: Any) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    upload_id = begin(owner=anna)
    stage(upload_id)
    assert Upload.objects.get(upload_id=upload_id).owner == anna
    for call in (complete_upload, get_upload_file_url, delete_upload):
        assert refused(call(upload_id, owner=ben)) == "not_found"
    assert complete_upload(upload_id, owner=anna)["success"]
    assert get_upload_file_url(upload_id)["success"]
    assert delete_upload(upload_id, owner=anna) == {"success": True}


def test_delete_removes_file_and_record(engine: str) -> None:
    upload_id = finished()
    asset = Upload.objects.get(upload_id=upload_id).asset
    assert delete_upload(upload_id) == {"success": True}
    assert not Upload.objects.filter(upload_id=upload_id).exists()
    assert MediaAsset.objects.get(pk=asset.pk).state == State.TOMBSTONE
    with pytest.raises(ObjectMissing):
        get_storage(asset.storage).stat(asset.key)
    for call in (complete_upload, get_upload_file_url, delete_upload):
        assert refused(call(upload_id)) == "not_found"


def test_a_pending_upload_is_deleted_too(engine: str) -> None:
    upload_id = begin()
    upload = stage(upload_id)
    assert refused(get_upload_file_url(upload_id)) == "not_complete"
    assert delete_upload(upload_id) == {"success": True}
    with pytest.raises(ObjectMissing):
        get_storage(upload.storage).stat(upload.staging_key)


@pytest.mark.s3
def test_a_storage_that_is_down_is_an_answer(s3_site: Any, site: Any) -> None:
    lines = s3_site()
    upload_id = begin()
    site(**lines | {"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_S3_CONNECT_TIMEOUT": "1"})
    assert refused(complete_upload(upload_id)) == "storage_unavailable"
    site()  # the environment has lost its bucket
    assert refused(complete_upload(upload_id)) == "storage_unavailable"


def test_faults_of_the_program_are_raised() -> None:
    with pytest.raises(TypeError):
        get_direct_upload_form_data("a.jpg")  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        delete_upload()  # type: ignore[call-arg]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "code"), [("processing", "image_processing"), ("failed", "image_failed")])
def test_a_picture_that_is_not_delivered_says_why(state: str, code: str) -> None:
    from django.core.files.uploadedfile import SimpleUploadedFile

    from conftest import draw
    from media_assets.models import MediaAsset
    from media_assets.tests.uploads import complete_upload

    upload = complete_upload(SimpleUploadedFile("a.jpg", draw(), "image/jpeg"), owner=None)
    MediaAsset.objects.update(state=state)
    answer = get_upload_file_url(upload.upload_id)
    assert (answer["success"], answer["code"]) == (False, code)
