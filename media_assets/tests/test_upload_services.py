"""The life of a direct upload, on disk and on S3: bytes are put into staging behind the application's back."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, NotFound, ValidationError

from api.errors import Conflict
from conftest import draw
from media_assets.errors import ObjectMissing, StorageUnavailable, UploadRejected
from media_assets.models import MediaAsset, State, Upload
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.stored import original
from media_assets.tests.uploads import put_in_staging
from media_assets.uploads import services
from media_assets.uploads.services import (
    upload_complete,
    upload_create,
    upload_delete,
    upload_form,
    upload_renew,
    uploads_erase,
)

pytestmark = pytest.mark.django_db(transaction=True)
JPEG = draw()


@pytest.fixture
def begin(make_user: Any) -> Callable[..., Upload]:
    """A new upload; of ``anna`` unless told."""
    owners: list[Any] = []

    def make(**declared: Any) -> Upload:
        if "owner" not in declared:
            owners.append(owners[-1] if owners else make_user("anna"))
            declared["owner"] = owners[-1]
        return upload_create(**{"original_filename": "a.jpg", "content_type": "image/jpeg", **declared})

    return make


def stage(upload: Upload, data: bytes = JPEG) -> None:
    """What a browser does with the form."""
    put_in_staging(upload, data)


def staged(upload: Upload) -> bool:
    try:
        return bool(get_storage(upload.storage).stat(upload.staging_key))
    except ObjectMissing:
        return False


def refused(step: Callable[..., Any], *args: Any) -> str:
    """The code that a refusal has."""
    with pytest.raises((Conflict, UploadRejected)) as raised:
        step(*args)
    return str(raised.value.get_codes())


def test_a_complete_upload_is_a_private_asset_of_its_owner(engine: str, begin: Any) -> None:
    upload = begin(prefix="uploads/images")
    stage(upload)
    done = upload_complete(upload)
    asset = done.asset
    assert done.status == Upload.STATUS_COMPLETE
    assert asset is not None
    assert (asset.owner, asset.visibility, asset.state) == (upload.owner, "private", State.READY)
    assert (asset.content_type, asset.size, asset.width, asset.height) == ("image/jpeg", len(JPEG), 64, 48)
    assert asset.key.startswith("uploads/images/")
    assert asset.key.endswith("_a.jpg")
    assert original(asset) == JPEG
    assert not staged(upload)


def test_completing_again_answers_the_same(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    assert upload_complete(upload).asset == upload_complete(upload).asset
    assert MediaAsset.objects.count() == 1


def test_before_the_bytes_there_is_nothing_to_complete(engine: str, begin: Any) -> None:
    upload = begin()
    assert refused(upload_complete, upload) == "not_uploaded"
    stage(upload)
    assert upload_complete(upload).status == Upload.STATUS_COMPLETE


@pytest.mark.parametrize(
    ("declared", "data", "code"),
    [
        ({"size": len(JPEG) + 1}, JPEG, "size_mismatch"),
        ({"size": len(JPEG) - 1}, JPEG, "size_mismatch"),
        ({"sha256": "0" * 64}, JPEG, "checksum_mismatch"),
        ({"max_file_size": 100}, JPEG, "too_large"),
        ({}, b"", "empty"),
        ({}, JPEG[:-200], "truncated"),
        ({}, b"<html><script>alert(1)</script>", "unsupported_type"),
        ({"content_type": "image/png"}, JPEG, "type_mismatch"),
    ],
)
def test_what_is_not_as_declared_is_rejected_and_gone(
    engine: str, begin: Any, declared: Any, data: Any, code: str
) -> None:
    upload = begin(**declared)
    stage(upload, data)
    assert refused(upload_complete, upload) == code
    assert refused(upload_complete, upload) == code
    assert not staged(upload)
    row = Upload.objects.get()
    assert (row.status, row.reason_code, bool(row.reason)) == (Upload.STATUS_REJECTED, code, True)
    assert not MediaAsset.objects.exists()


def test_a_right_checksum_holds(engine: str, begin: Any) -> None:
    digest = hashlib.sha256(JPEG).hexdigest()
    upload = begin(sha256=digest.upper(), size=len(JPEG))
    stage(upload)
    done = upload_complete(upload)
    assert done.asset is not None
    assert done.asset.sha256 == digest


def test_an_object_swapped_between_check_and_copy_is_noticed(engine: str, begin: Any, monkeypatch: Any) -> None:
    upload = begin()
    stage(upload)
    check = services._checked

    def checked_then_swapped(current: Upload, *rest: Any) -> Any:
        found = check(current, *rest)
        stage(upload, draw(color="red"))
        return found

    monkeypatch.setattr(services, "_checked", checked_then_swapped)
    assert refused(upload_complete, upload) == "upload_changed"
    assert not MediaAsset.objects.live().exists()
    monkeypatch.undo()
    assert upload_complete(upload).status == Upload.STATUS_COMPLETE
    assert MediaAsset.objects.live().get().size == len(draw(color="red"))


def test_bytes_that_come_after_completion_change_nothing_and_are_swept(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    asset = upload_complete(upload).asset
    stage(upload, draw(color="red"))
    assert upload_complete(upload).asset == asset
    sweep(now=upload.expires_at + services.GRACE)
    assert not staged(upload)
    assert asset is not None
    assert original(asset) == JPEG
    assert Upload.objects.get().due_at is None


def test_after_its_time_an_upload_is_expired_until_it_is_renewed(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert Upload.objects.get().status_at(timezone.now()) == Upload.STATUS_EXPIRED
    assert refused(upload_complete, upload) == "upload_expired"
    renewed = upload_renew(upload)
    assert renewed.expires_at > timezone.now()
    assert upload_complete(upload).status == Upload.STATUS_COMPLETE
    assert refused(upload_renew, upload) == "upload_closed"


def test_an_upload_that_expires_during_its_check_is_not_completed(engine: str, begin: Any, monkeypatch: Any) -> None:
    upload = begin()
    stage(upload)
    check = services._checked

    def slowly(*args: Any) -> Any:
        found = check(*args)
        Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        return found

    monkeypatch.setattr(services, "_checked", slowly)
    assert refused(upload_complete, upload) == "upload_expired"
    assert not MediaAsset.objects.live().exists()


def test_the_sweeper_expires_clears_and_forgets_by_the_index(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    assert sweep(now=upload.expires_at).uploads == 0
    assert staged(upload)
    late = upload.expires_at + services.GRACE
    assert sweep(now=late).uploads == 1
    assert not staged(upload)
    assert Upload.objects.get().status == Upload.STATUS_EXPIRED
    assert sweep(now=late).uploads == 0
    sweep(now=late + timedelta(days=31))
    assert not Upload.everything.exists()


def test_the_sweeper_leaves_what_waits_on_a_silent_storage(begin: Any, monkeypatch: Any) -> None:
    upload = begin()
    stage(upload)
    storage = get_storage(upload.storage)
    monkeypatch.setattr(storage, "delete", lambda key: (_ for _ in ()).throw(StorageUnavailable))
    late = upload.expires_at + services.GRACE
    report = sweep(now=late)
    assert (report.uploads, report.waiting) == (0, 1)
    monkeypatch.undo()
    assert sweep(now=late + services.GRACE).uploads == 1
    assert not staged(upload)


def test_one_upload_that_cannot_be_cleared_holds_up_no_other(begin: Any, monkeypatch: Any) -> None:
    stuck, free = begin(), begin()
    stage(stuck)
    stage(free)
    storage: Any = get_storage(stuck.storage)
    delete = storage.delete

    def refuse(key: str) -> None:
        if key == stuck.staging_key:
            raise StorageUnavailable
        delete(key)

    monkeypatch.setattr(storage, "delete", refuse)
    assert sweep(now=free.expires_at + services.GRACE).uploads == 1
    assert staged(stuck)
    assert not staged(free)


def test_deleting_takes_the_file_along_and_hides_the_row_until_its_form_is_over(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    asset = upload_complete(upload).asset
    upload_delete(upload)
    assert not Upload.objects.exists()
    assert asset is not None
    with pytest.raises(ObjectMissing):
        get_storage(asset.storage).stat(asset.key)
    stage(upload)  # the form still works on S3
    sweep(now=upload.expires_at + services.GRACE)
    assert not staged(upload)
    assert not Upload.everything.exists()
    with pytest.raises(NotFound):
        upload_complete(upload)


def test_a_pending_upload_can_be_deleted(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    upload_delete(upload)
    assert not staged(upload)
    with pytest.raises(NotFound):
        upload_delete(upload)


def test_attaching_copies_it_and_uses_it_up(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    own = upload_complete(upload).asset
    taken = Upload.objects.select_related("asset").get()
    with stored_image(taken, owner=upload.owner, folder="artworks") as asset, transaction.atomic():
        type(upload.owner).objects.filter(pk=upload.owner.pk).update(avatar=asset)
        asset_publish(asset)
    assert (asset.key, asset.visibility, asset.width) == ("artworks/a.jpg", "public", 64)
    row = Upload.objects.get()
    assert (row.asset, row.attached_asset, row.status) == (None, asset, Upload.STATUS_COMPLETE)
    assert own is not None
    with pytest.raises(ObjectMissing):
        get_storage(own.storage).stat(own.key)
    assert refused(upload_delete, row) == "upload_attached"
    with (
        pytest.raises(Conflict, match="already used"),
        stored_image(taken, owner=upload.owner, folder="artworks") as second,
        transaction.atomic(),
    ):
        asset_publish(second)
    assert list(MediaAsset.objects.live()) == [asset]


def test_an_upload_attaches_across_engines(s3_site: Any, site: Any, begin: Any) -> None:
    lines = s3_site()
    upload = begin()
    stage(upload)
    upload_complete(upload)
    site(**{**lines, "USE_S3": "False"})
    with stored_image(Upload.objects.get(), owner=upload.owner, folder="artworks") as asset, transaction.atomic():
        type(upload.owner).objects.filter(pk=upload.owner.pk).update(avatar=asset)
        asset_publish(asset)
    assert asset.storage == "local-public"
    assert original(asset) == JPEG


def test_erasing_an_account_erases_its_uploads(engine: str, begin: Any) -> None:
    upload, other = begin(), begin()
    stage(upload)
    stage(other)
    asset = upload_complete(upload).asset
    with transaction.atomic():
        uploads_erase(owner=upload.owner)
        upload.owner.delete()
    assert not Upload.objects.exists()
    assert not Upload.everything.exclude(original_filename="").exists()
    assert asset is not None
    assert MediaAsset.objects.get(pk=asset.pk).state in (State.DISCARDED, State.TOMBSTONE)
    assert not staged(other)
    sweep(now=other.expires_at + services.GRACE)
    assert not Upload.everything.exists()


def test_an_erased_owner_begins_nothing(begin: Any, make_user: Any) -> None:
    anna = make_user()
    type(anna).objects.filter(pk=anna.pk).delete()
    with pytest.raises(NotAuthenticated):
        begin(owner=anna)


@pytest.mark.parametrize(
    ("declared", "field"),
    [
        ({"content_type": "image"}, "content_type"),
        ({"content_type": "image/svg+xml"}, "content_type"),
        ({"content_type": "application/pdf"}, "content_type"),
        ({"content_type": "image/jpeg; charset=x"}, "content_type"),
        ({"size": 0}, "size"),
        ({"size": 10**9}, "size"),
        ({"sha256": "abc"}, "sha256"),
        *(
            ({"prefix": text}, "prefix")
            for text in ("../x", "a/../b", ".hidden", "a//b", "staging/x", "a\\b", "a\0", "")
        ),
        ({"prefix": "a" * 101}, "prefix"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused_by_field(begin: Any, declared: Any, field: str) -> None:
    with pytest.raises(ValidationError) as raised:
        begin(**declared)
    assert list(raised.value.detail) == [field]
    assert not Upload.everything.exists()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a\0b.jpg", "x" * 400 + ".jpg", "\u202egpj.exe", ".htaccess", "", "a/b\\c.jpg"]
)
def test_hostile_names_make_safe_keys(engine: str, begin: Any, name: str) -> None:
    upload = begin(original_filename=name)
    stage(upload)
    asset = upload_complete(upload).asset
    assert asset is not None
    assert asset.key.startswith("uploads/")
    assert asset.key.count("/") == 1
    assert upload.staging_key.count("/") == 2
    assert len(upload.original_filename) <= 255


def test_other_types_are_private_attachments(engine: str, begin: Any, settings: Any) -> None:
    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["application/pdf"]
    upload = begin(original_filename="Räport.pdf", content_type="application/pdf")
    stage(upload, b"%PDF-1.7\n" + b"x" * 1000)
    asset = upload_complete(upload).asset
    assert asset is not None
    assert (asset.visibility, asset.content_type, asset.width) == ("private", "application/pdf", None)
    if engine == "s3":
        storage: Any = get_storage(asset.storage)
        head = storage.client.head_object(Bucket=storage.bucket_name, Key=storage.object_key(asset.key))
        assert head["ContentType"] == "application/pdf"
        assert head["ContentDisposition"] == "attachment; filename*=UTF-8''R%C3%A4port.pdf"


def test_outstanding_uploads_are_limited(begin: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_OUTSTANDING = 2
    first, _second = begin(), begin()
    assert refused(begin) == "too_many_uploads"
    upload_delete(first)
    begin()


def test_a_quota_counts_what_is_stored_and_announced(begin: Any, settings: Any) -> None:
    settings.UPLOAD_QUOTA_BYTES = 10_000
    upload = begin(size=len(JPEG))
    stage(upload)
    upload_complete(upload)
    rest = 10_000 - len(JPEG)
    assert refused(lambda: begin(size=rest + 1)) == "quota_exceeded"
    open_end = begin()
    assert open_end.max_file_size == rest
    assert refused(begin) == "quota_exceeded"
    upload_delete(open_end)
    begin(size=rest)


def test_a_quota_holds_for_files_that_come_through_the_application(make_user: Any, photo: Any, settings: Any) -> None:
    from media_assets.fields import ImageUploadField

    settings.UPLOAD_QUOTA_BYTES = 10
    with (
        pytest.raises(Conflict, match="does not fit"),
        stored_image(ImageUploadField().run_validation(photo()), owner=make_user(), folder="artworks"),
    ):
        pass
    assert not MediaAsset.objects.exists()


def test_forms_that_outlive_their_uploads_count_until_they_are_over(s3_site: Any, begin: Any, settings: Any) -> None:
    s3_site()
    settings.UPLOAD_QUOTA_BYTES = 10_000
    first, second = begin(size=4_000), begin(size=4_000)
    upload_delete(first)
    stage(second, b"x" * 4_000)
    refused(upload_complete, second)
    assert refused(lambda: begin(size=4_000)) == "quota_exceeded"
    sweep(now=second.expires_at + services.GRACE)
    begin(size=4_000)


def test_an_expired_upload_is_renewed_for_the_room_that_is_left(begin: Any, settings: Any) -> None:
    upload = begin()
    Upload.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    settings.UPLOAD_QUOTA_BYTES = 5_000
    assert upload_renew(upload).max_file_size == 5_000


def test_the_switch_may_be_flipped_while_an_upload_is_pending(s3_site: Any, site: Any, begin: Any) -> None:
    lines = s3_site()
    on_s3 = begin()
    stage(on_s3)
    site(**{**lines, "USE_S3": "False"})
    on_disk = begin()
    stage(on_disk)
    done = upload_complete(on_s3).asset
    site(**lines)
    other = upload_complete(on_disk).asset
    assert done is not None
    assert other is not None
    assert (done.storage, other.storage) == ("s3-private", "local-private")


def test_no_prefix_leads_into_the_public_folder(s3_site: Any, begin: Any) -> None:
    s3_site(AWS_PRIVATE_LOCATION="", AWS_LOCATION="media", AWS_DEFAULT_ACL="private")
    for prefix in ("media", "media/artworks"):
        with pytest.raises(ValidationError):
            begin(prefix=prefix)
    begin(prefix="mediation")


def test_no_prefix_is_a_file(begin: Any) -> None:
    upload = begin()
    stage(upload)
    asset = upload_complete(upload).asset
    assert asset is not None
    with pytest.raises(ValidationError):
        begin(prefix=asset.key)
    with pytest.raises(ValidationError):
        begin(prefix="raw")


def test_an_upload_whose_object_is_lost_says_so(engine: str, begin: Any) -> None:
    upload = begin()
    stage(upload)
    asset = upload_complete(upload).asset
    assert asset is not None
    get_storage(asset.storage).delete(asset.key)
    with (
        pytest.raises(Conflict, match="lost"),
        stored_image(Upload.objects.get(), owner=upload.owner, folder="artworks"),
    ):
        pass


def test_python_calls_need_no_owner_and_have_no_limits(engine: str, begin: Any, settings: Any) -> None:
    settings.UPLOAD_QUOTA_BYTES = settings.UPLOAD_MAX_OUTSTANDING = 1
    for _ in range(2):
        upload = begin(owner=None)
        stage(upload)
        assert upload_complete(upload).status == Upload.STATUS_COMPLETE


def test_the_form_is_for_exactly_what_was_declared(engine: str, begin: Any) -> None:
    import base64
    import json

    digest = hashlib.sha256(JPEG).hexdigest()
    upload = begin(size=len(JPEG), sha256=digest)
    form = upload_form(upload)
    policy = json.loads(base64.b64decode(form.fields["policy"]))["conditions"]
    assert next(iter(form.fields)) == "key"
    assert form.fields["key"].endswith(upload.staging_key)
    assert {"key": form.fields["key"]} in policy
    assert {"Content-Type": "image/jpeg"} in policy
    assert ["content-length-range", len(JPEG), len(JPEG)] in policy
    assert {"x-amz-checksum-sha256": base64.b64encode(bytes.fromhex(digest)).decode()} in policy
    assert {"success_action_status": "201"} in policy


def test_the_database_itself_keeps_a_complete_upload_with_its_asset(begin: Any) -> None:
    begin()
    with pytest.raises(IntegrityError), transaction.atomic():
        Upload.objects.update(status=Upload.STATUS_COMPLETE)


def test_parts_need_s3(begin: Any) -> None:
    assert refused(lambda: begin(multipart=True)) == "multipart_unsupported"
    assert not Upload.everything.exists()


def test_an_upload_in_parts_is_aborted_when_its_time_is_over(
    s3_site: Any, begin: Any, s3_client: Any, s3_bucket: str
) -> None:
    s3_site()
    _upload, renewed, lost = begin(multipart=True), begin(multipart=True), begin(multipart=True)
    Upload.objects.filter(pk=lost.pk).update(multipart_id=services.BEGINNING)
    assert len(s3_client.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]) == 3
    assert not upload_renew(renewed).is_multipart
    assert len(s3_client.list_multipart_uploads(Bucket=s3_bucket)["Uploads"]) == 2
    sweep(now=lost.expires_at + services.GRACE)
    assert not s3_client.list_multipart_uploads(Bucket=s3_bucket).get("Uploads")


def test_parts_become_the_staged_object(s3_site: Any, begin: Any, settings: Any) -> None:
    import urllib.request

    settings.UPLOAD_ALLOWED_CONTENT_TYPES = ["application/pdf"]
    s3_site()
    upload = begin(multipart=True, original_filename="a.pdf", content_type="application/pdf")
    storage: Any = get_storage(upload.storage)
    for number, data in ((1, b"%PDF-" + b"1" * 5 * 1024 * 1024), (2, b"2" * 100)):
        url = storage.multipart_part_url(upload.staging_key, upload.multipart_id, number, expires_in=60)
        with urllib.request.urlopen(
            urllib.request.Request(url, data, {"Content-Type": "image/jpeg"}, method="PUT")
        ) as answer:
            assert answer.headers["ETag"]
    parts = storage.multipart_parts(upload.staging_key, upload.multipart_id)
    assert [(part.number, part.size) for part in parts] == [(1, 5 * 1024 * 1024 + 5), (2, 100)]
    storage.multipart_complete(upload.staging_key, upload.multipart_id, parts)
    done = upload_complete(upload)
    assert done.asset is not None
    assert done.asset.size == 5 * 1024 * 1024 + 105
