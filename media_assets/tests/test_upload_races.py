"""Calls that meet: an upload is completed, deleted, swept and erased at once, from real threads."""

import threading
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from rest_framework.exceptions import APIException

from conftest import draw
from media_assets.errors import ObjectMissing
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State, Upload
from media_assets.quotas import require_quota, stored_bytes
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import GRACE, upload_complete, upload_create, upload_delete, upload_renew
from users.services import user_delete
from users.tests.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)
JPEG = draw()


@pytest.fixture
def upload(engine: str, anna: Any) -> Upload:
    """Pending, with its bytes in staging."""
    return staged_upload(anna, JPEG)


def answers_of(*steps: Callable[[], Any]) -> list[Any]:
    """What each step answers, or the code of its refusal; all begun together."""

    def told(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except APIException as refusal:
            return str(refusal.get_codes())

    return at_once([partial(told, step) for step in steps])


def objects_and_rows() -> tuple[set[str], set[str]]:
    """Keys in the private storage outside of staging, and keys of live rows."""
    storage = get_storage(Upload.everything.values_list("storage", flat=True).first() or "local-private")
    stored = {item.key for item in storage.list_objects() if not item.key.startswith("staging/")}
    return stored, set(MediaAsset.objects.live().values_list("key", flat=True))


def test_eight_completions_make_one_asset(upload: Upload) -> None:
    answers = answers_of(*[lambda: upload_complete(upload).asset_id] * 8)
    made = {answer for answer in answers if isinstance(answer, int)}
    assert len(made) == 1
    assert set(answers) - made <= {"upload_changed", "not_uploaded"}
    assert answers.count(made.pop()) >= 1
    assert upload_complete(upload).asset == MediaAsset.objects.live().get()
    sweep()
    stored, live = objects_and_rows()
    assert stored == live


def test_a_deletion_during_completion_leaves_nothing(upload: Upload) -> None:
    answers = answers_of(*[lambda: upload_complete(upload).pk] * 3, lambda: upload_delete(upload))
    assert answers[3] is None
    assert set(answers[:3]) <= {upload.pk, "not_found", "not_uploaded"}
    assert not Upload.objects.exists()
    sweep(now=upload.expires_at + GRACE + timedelta(days=9))
    stored, live = objects_and_rows()
    assert stored == live == set()
    assert not Upload.everything.exists()


def test_the_sweeper_and_a_renewal_agree(upload: Upload) -> None:
    late = upload.expires_at + GRACE
    Upload.objects.update(expires_at=upload.created_at, due_at=upload.created_at)
    answers = answers_of(lambda: upload_renew(upload).status, lambda: sweep(now=late).uploads, lambda: sweep().uploads)
    assert answers[0] == Upload.STATUS_PENDING
    row = Upload.objects.get()
    assert row.status in (Upload.STATUS_PENDING, Upload.STATUS_EXPIRED)
    assert row.due_at is not None


def test_an_account_erased_during_completion_leaves_nothing(upload: Upload) -> None:
    owner = upload.owner
    answers = answers_of(lambda: upload_complete(upload).pk, lambda: user_delete(user=owner))
    assert answers[1] is None
    assert not Upload.objects.exists()
    sweep(now=upload.expires_at + GRACE + timedelta(days=9))
    stored, live = objects_and_rows()
    assert stored == live == set()


def test_limits_hold_when_uploads_are_begun_at_once(make_user: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_OUTSTANDING = 3
    owner = make_user()

    def begin() -> str:
        upload_create(owner=owner, original_filename="a.jpg", content_type="image/jpeg", size=10)
        return "begun"

    assert Counter(answers_of(*[begin] * 8)) == {"begun": 3, "too_many_uploads": 5}
    Upload.objects.all().delete()
    settings.UPLOAD_MAX_OUTSTANDING, settings.UPLOAD_QUOTA_BYTES = 100, 25
    assert Counter(answers_of(*[begin] * 8)) == {"begun": 2, "quota_exceeded": 6}


def test_a_crash_between_copy_and_commit_is_swept(upload: Upload, monkeypatch: Any) -> None:
    from media_assets.uploads import services

    class Killed(BaseException):
        pass

    def die(*args: Any) -> None:
        raise Killed

    monkeypatch.setattr(services, "asset_publish", die)
    monkeypatch.setattr("media_assets.services.abandon", lambda *args, **kwargs: None)
    with pytest.raises(Killed):
        upload_complete(upload)
    monkeypatch.undo()
    asset = MediaAsset.objects.get()
    assert asset.state == State.RESERVED
    assert Upload.objects.get().status == Upload.STATUS_PENDING
    assert upload_complete(upload).status == Upload.STATUS_COMPLETE
    assert asset.lease_expires_at is not None
    sweep(now=asset.lease_expires_at)
    with pytest.raises(ObjectMissing):
        get_storage(asset.storage).stat(asset.key)
    stored, live = objects_and_rows()
    assert stored == live


def test_the_quota_holds_when_files_come_at_once(make_user: Any, photo: Any, settings: Any, monkeypatch: Any) -> None:
    """Also where each of them fitted when it was asked first."""
    owner, asked = make_user(), threading.Barrier(4)
    files = [ImageUploadField().run_validation(photo(f"{name}.jpg")) for name in "abcd"]
    settings.UPLOAD_QUOTA_BYTES = 2 * files[0].size + 10

    def require(*arguments: Any, **how: Any) -> None:
        require_quota(*arguments, **how)
        if not how:
            asked.wait(20)

    monkeypatch.setattr("media_assets.services.require_quota", require)

    def store(file: Any) -> str:
        with stored_image(file, owner=owner, folder="pictures") as asset, transaction.atomic():
            assert asset is not None
            asset_publish(asset)
        return "stored"

    answers = answers_of(*[partial(store, file) for file in files])
    assert set(answers) <= {"stored", "quota_exceeded"} and "quota_exceeded" in answers
    assert stored_bytes(owner) <= settings.UPLOAD_QUOTA_BYTES
    assert len({item.key for item in get_storage("local-public").list_objects()}) == answers.count("stored")
