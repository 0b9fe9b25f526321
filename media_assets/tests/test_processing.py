"""From a published picture to one that is clean, has variants and a placeholder; on disk and on S3."""

import base64
import hashlib
import io
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from PIL import Image

from api.errors import Conflict
from conftest import draw
from media_assets import decoding, processing, workspace
from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.imaging.isolation import DecodeFailed
from media_assets.models import MediaAsset, State, Upload
from media_assets.processing import BACKOFF_SECONDS, MAX_TRIES, asset_process, asset_retry
from media_assets.services import asset_publish, assets_discard, delete_copies, stored, stored_image
from media_assets.sources import CompleteUpload
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.stored import content, original, published
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import GRACE, upload_complete

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [32, 64, 96]


@pytest.fixture
def engine(engine: str, settings: Any) -> str:
    """Each of them, with variants."""
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    return engine


@pytest.fixture
def waiting(monkeypatch: Any) -> list[int]:
    """Nothing is sent to a worker; the ids that would have been."""
    sent: list[int] = []
    monkeypatch.setattr("media_assets.services.send_after_commit", sent.append)
    return sent


def with_location(size: tuple[int, int] = (200, 100), orientation: int = 6) -> bytes:
    """A JPEG that says where it was taken, larger than what is read whole at completion."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010F] = "Camera maker"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    picture = Image.effect_noise(size, 80).convert("RGB")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, exif=exif)
    return out.getvalue()


def process_until_the_last_word(asset_id: int, monkeypatch: Any) -> None:
    """As a worker does that is killed once the clean object is there, the raw one gone, and the row not yet told."""

    class Killed(BaseException):
        pass

    write = processing._write

    def die_at_ready(target: Any, **values: Any) -> None:
        if values.get("state") == State.READY:
            raise Killed
        write(target, **values)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(processing, "_write", die_at_ready)
        asset_process(asset_id)


def tried_again(asset: MediaAsset) -> tuple[int | None, str, str]:
    """Another try, whenever it would be due: what it says itself, and the row's state and reason after it."""
    MediaAsset.objects.filter(pk=asset.pk).update(work_due_at=timezone.now())
    wait = asset_process(asset.pk)
    asset.refresh_from_db()
    return wait, asset.state, asset.failure_reason


def keys() -> set[str]:
    """Every object of both active storages."""
    found = set()
    for alias in ("local-public", "local-private", "s3-public", "s3-private"):
        try:
            found |= {item.key for item in get_storage(alias).list_objects()}
        except Exception:
            continue
    return found


def test_a_picture_gets_variants_and_a_placeholder(engine: str, photo: Any) -> None:
    asset = published(photo(size=(80, 40)), visibility="public")
    assert [(one["width"], one["height"], one["content_type"]) for one in asset.variants] == [
        (32, 16, "image/webp"),
        (64, 32, "image/webp"),
    ]
    assert len(base64.b64decode(asset.placeholder)) <= 25
    assert (asset.work_due_at, asset.work_tries, asset.failure_reason) == (None, 0, "")
    for one in asset.variants:
        data = content(asset.storage, one["key"])
        assert len(data) == one["size"]
        assert Image.open(io.BytesIO(data)).size == (one["width"], one["height"])
    assert sorted(asset.variant_keys) == sorted(one["key"] for one in asset.variants)


def test_what_is_done_at_once_is_answered_at_once(engine: str, make_user: Any, client_of: Any, photo: Any) -> None:
    answer = client_of(make_user()).post("/api/artworks/", {"title": "A", "image": photo()}, format="multipart").json()
    assert [one["width"] for one in answer["media"]["variants"]] == [32]
    assert answer["media"]["placeholder"]


def test_a_small_picture_has_a_placeholder_only(engine: str, photo: Any) -> None:
    asset = published(photo(size=(20, 20)))
    assert asset.variants is None
    assert asset.placeholder
    assert asset.work_due_at is None


def test_no_widths_mean_no_work(photo: Any, waiting: list[int]) -> None:
    asset = published(photo())
    assert (asset.work_due_at, asset.variants, asset.placeholder, waiting) == (None, None, None, [])


def test_what_comes_through_the_application_is_clean_at_once(engine: str, photo: Any) -> None:
    asset = published(photo(data=with_location()), visibility="public")
    assert asset.state == State.READY
    assert asset.location_removed
    assert (asset.width, asset.height) == (100, 200)
    data = original(asset)
    assert len(data) == asset.size
    exif = Image.open(io.BytesIO(data)).getexif()
    assert dict(exif) == {0x0112: 6}
    assert not exif.get_ifd(0x8825)
    assert asset.variants[0]["height"] == 64  # upright


def test_a_direct_upload_is_not_delivered_before_it_is_clean(
    engine: str, make_user: Any, waiting: list[int], monkeypatch: Any
) -> None:
    data = with_location((1000, 800))
    assert len(data) > 262_144
    done = upload_complete(staged_upload(make_user(), data))
    asset = done.asset
    assert asset is not None
    assert (asset.state, asset.raw_key != "", asset.published_at is not None) == (State.PROCESSING, True, True)
    with pytest.raises(ObjectMissing):
        get_storage(asset.storage).stat(asset.key)
    assert waiting == [asset.pk]
    raw = (asset.raw_storage, asset.raw_key)
    assert asset_process(asset.pk) is None
    asset.refresh_from_db()
    assert (asset.state, asset.raw_key, asset.location_removed) == (State.READY, "", True)
    assert (asset.width, asset.height) == (800, 1000)
    clean = original(asset)
    assert len(clean) == asset.size
    assert b"Camera maker" not in clean
    with pytest.raises(ObjectMissing):
        get_storage(raw[0]).stat(raw[1])
    assert {one["width"] for one in asset.variants} == {32, 64, 96}


def test_a_small_clean_direct_upload_needs_no_worker_to_be_delivered(engine: str, make_user: Any, waiting: Any) -> None:
    asset = upload_complete(staged_upload(make_user(), draw())).asset
    assert asset is not None
    assert (asset.state, asset.raw_key) == (State.READY, "")
    dirty = upload_complete(staged_upload(make_user("bert"), with_location())).asset
    assert dirty is not None
    assert dirty.state == State.PROCESSING


def test_an_upload_attached_before_it_is_clean_is_cleaned_at_its_new_place(
    engine: str, make_user: Any, waiting: list[int]
) -> None:
    anna = make_user()
    upload_complete(staged_upload(anna, with_location((1000, 800))))
    taken = Upload.objects.select_related("asset").get()
    with stored_image(taken, owner=anna, folder="artworks") as asset, transaction.atomic():
        type(anna).objects.filter(pk=anna.pk).update(avatar=asset)
        asset_publish(asset)
    assert (asset.state, asset.visibility) == (State.PROCESSING, "public")
    public = get_storage(asset.storage)
    assert not list(public.list_objects(asset.key))
    for pk in waiting:
        asset_process(pk)
    asset.refresh_from_db()
    assert (asset.state, asset.key, asset.location_removed) == (State.READY, "artworks/a.jpg", True)
    assert b"Camera maker" not in original(asset)
    assert {key for key in keys() if key.startswith("raw/")} == set()


def test_doing_it_twice_changes_nothing(engine: str, photo: Any, settings: Any) -> None:
    asset = published(photo(size=(80, 40)))
    before = MediaAsset.objects.values().get()
    assert asset_process(asset.pk) is None
    assert MediaAsset.objects.values().get() == before
    # The answer of an earlier try was lost, its objects were not.
    MediaAsset.objects.update(work_due_at=timezone.now(), variants=None, variants_of="")
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert [one["width"] for one in asset.variants] == [32, 64]


def test_other_presets_make_only_what_differs(engine: str, photo: Any, settings: Any, monkeypatch: Any) -> None:
    asset = published(photo(size=(200, 100)))
    made: list[list[int]] = []
    make = processing.make_variants
    monkeypatch.setattr(processing, "make_variants", lambda path, widths: made.append(widths) or make(path, widths))
    settings.MEDIA_VARIANT_WIDTHS = [64, 128]
    MediaAsset.objects.update(work_due_at=timezone.now())
    old = {one["key"] for one in asset.variants}
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert made == [[128]]
    assert [one["width"] for one in asset.variants] == [64, 128]
    left = {item.key for item in get_storage(asset.storage).list_objects("variants/")}
    assert left == {one["key"] for one in asset.variants} != old


def test_a_picture_that_cannot_be_decoded_fails_and_is_not_delivered(engine: str, photo: Any, monkeypatch: Any) -> None:
    def refuse(*args: Any) -> Any:
        raise DecodeFailed("It crashed the decoder.")

    monkeypatch.setattr(processing, "make_variants", refuse)
    asset = published(photo(size=(80, 40)))
    assert (asset.state, asset.failure_reason, asset.work_due_at) == (State.FAILED, "It crashed the decoder.", None)
    monkeypatch.undo()
    assert asset_retry(asset)
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert (asset.state, asset.failure_reason, len(asset.variants)) == (State.READY, "", 2)
    assert not asset_retry(asset)


def test_a_silent_storage_puts_work_off_until_it_is_given_up(photo: Any, settings: Any, monkeypatch: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS

    def silent(*args: Any) -> Any:
        raise StorageUnavailable

    monkeypatch.setattr(processing, "local_copy", silent)
    asset = published(photo(size=(80, 40)))
    assert (asset.state, asset.work_tries) == (State.READY, 1)
    assert asset.work_due_at > timezone.now()
    assert asset_process(asset.pk) is None  # not due yet
    for _ in range(MAX_TRIES - 1):
        MediaAsset.objects.update(work_due_at=timezone.now() - timedelta(seconds=1))
        asset_process(asset.pk)
    asset.refresh_from_db()
    assert (asset.state, asset.work_due_at) == (State.READY, None)
    assert "StorageUnavailable" in asset.failure_reason


def test_a_raw_original_that_is_not_found_is_waited_for_and_lost_at_the_last_try(
    engine: str, make_user: Any, waiting: list[int]
) -> None:
    asset = upload_complete(staged_upload(make_user(), with_location())).asset
    assert asset is not None
    get_storage(asset.raw_storage).delete(asset.raw_key)
    for wait in BACKOFF_SECONDS:
        assert tried_again(asset) == (wait, State.PROCESSING, "")
        assert asset.work_due_at > timezone.now() + timedelta(seconds=wait - 5)
    assert tried_again(asset) == (None, State.FAILED, "Its bytes are lost.")
    assert asset.work_due_at is None


def test_a_raw_original_that_is_found_later_is_cleaned(engine: str, make_user: Any, waiting: list[int]) -> None:
    asset = upload_complete(staged_upload(make_user(), with_location())).asset
    assert asset is not None
    storage, data = get_storage(asset.raw_storage), content(asset.raw_storage, asset.raw_key)
    storage.delete(asset.raw_key)
    assert tried_again(asset) == (BACKOFF_SECONDS[0], State.PROCESSING, "")
    storage.create(asset.raw_key, ContentFile(data), content_type="image/jpeg", object_id=asset.object_id)
    assert tried_again(asset) == (None, State.READY, "")


@pytest.mark.parametrize("is_empty", [False, True])
def test_a_folder_that_is_not_mounted_has_lost_nothing(
    make_user: Any, waiting: list[int], settings: Any, caplog: Any, is_empty: bool
) -> None:
    asset = upload_complete(staged_upload(make_user(), with_location())).asset
    assert asset is not None
    folder, away = Path(settings.PRIVATE_MEDIA_ROOT), Path(f"{settings.PRIVATE_MEDIA_ROOT}-away")
    folder.rename(away)
    try:
        if is_empty:
            folder.mkdir()
        for _ in range(MAX_TRIES):
            wait, state, reason = tried_again(asset)
        assert (wait, state) == (None, State.FAILED)
        assert "StorageUnavailable" in reason
        assert "Check MEDIA_ROOT and PRIVATE_MEDIA_ROOT" in caplog.text
    finally:
        if is_empty:
            folder.rmdir()
        away.rename(folder)
    assert asset_retry(asset)
    assert tried_again(asset) == (None, State.READY, "")


def test_a_worker_with_a_wrong_bucket_has_lost_nothing(
    s3_site: Any, make_user: Any, waiting: list[int], caplog: Any
) -> None:
    s3_site()
    asset = upload_complete(staged_upload(make_user(), with_location())).asset
    assert asset is not None
    s3_site(AWS_STORAGE_BUCKET_NAME="no-such-bucket-anywhere")
    assert tried_again(asset)[:2] == (BACKOFF_SECONDS[0], State.PROCESSING)
    assert "no such bucket exists" in caplog.text
    for _ in range(MAX_TRIES - 1):
        wait, state, reason = tried_again(asset)
    assert (wait, state) == (None, State.FAILED)
    assert "StorageUnavailable" in reason
    s3_site()
    assert asset_retry(asset)
    assert tried_again(asset) == (None, State.READY, "")


def test_a_lost_message_is_found_by_the_sweeper(engine: str, photo: Any, waiting: list[int]) -> None:
    asset = published(photo(size=(80, 40)))
    assert (waiting, asset.variants) == ([asset.pk], None)
    assert sweep().sent == 0
    assert sweep(now=timezone.now() + timedelta(minutes=2)).sent == 1
    asset.refresh_from_db()
    assert len(asset.variants) == 2


def test_a_worker_that_died_is_found_after_its_lease(photo: Any, settings: Any, monkeypatch: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS

    class Killed(BaseException):
        pass

    def die(*args: Any) -> Any:
        raise Killed

    monkeypatch.setattr(processing, "make_variants", die)
    with pytest.raises(Killed):
        published(photo(size=(80, 40)))
    monkeypatch.undo()
    asset = MediaAsset.objects.get()
    assert asset_process(asset.pk) is None
    asset.refresh_from_db()
    assert asset.variants is None
    MediaAsset.objects.update(work_due_at=timezone.now())
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert len(asset.variants) == 2


def test_a_file_that_kills_its_workers_is_given_up(photo: Any, settings: Any, waiting: list[int]) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    asset = published(photo(size=(80, 40)))
    MediaAsset.objects.update(work_tries=MAX_TRIES)
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert asset.work_due_at is None
    assert "died" in asset.failure_reason


@pytest.mark.parametrize("when", ["before", "between"])
def test_an_asset_discarded_meanwhile_leaves_no_variant(
    engine: str, photo: Any, waiting: list[int], monkeypatch: Any, when: str
) -> None:
    asset = published(photo(size=(80, 40)))

    def discard() -> None:
        with transaction.atomic():
            assets_discard([asset.pk])

    if when == "before":
        discard()
    else:
        make = processing.make_variants

        def then_discarded(*args: Any) -> Any:
            discard()
            return make(*args)

        monkeypatch.setattr(processing, "make_variants", then_discarded)
    assert asset_process(asset.pk) is None
    assert keys() == set()


def test_discarding_takes_raw_and_variants_along(engine: str, make_user: Any, photo: Any, waiting: list[int]) -> None:
    ready = published(photo(size=(80, 40)))
    asset_process(ready.pk)
    upload = staged_upload(make_user(), with_location((1000, 800)))
    raw = upload_complete(upload).asset
    assert raw is not None
    Upload.objects.update(asset=None, status=Upload.STATUS_REJECTED)
    with transaction.atomic():
        assets_discard([ready.pk, raw.pk])
    sweep(now=upload.expires_at + GRACE)
    assert keys() == set()


def test_a_worker_killed_between_the_end_of_the_raw_one_and_the_last_word_loses_nothing(
    engine: str, make_user: Any, waiting: list[int], monkeypatch: Any
) -> None:
    """However late the next one comes."""
    asset = upload_complete(staged_upload(make_user(), with_location((1000, 800)))).asset
    assert asset is not None
    process_until_the_last_word(asset.pk, monkeypatch)
    assert asset.raw_key not in keys()
    sweep(now=timezone.now() + timedelta(days=1))
    MediaAsset.objects.update(work_due_at=timezone.now())
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert (asset.state, asset.raw_key, asset.location_removed) == (State.READY, "", True)
    assert {key for key in keys() if not key.startswith("variants/")} == {asset.key}


def test_a_broken_broker_fails_no_request(photo: Any, settings: Any, caplog: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.CELERY_APP = "media_assets.tests.test_processing.BROKEN"
    asset = published(photo(size=(80, 40)))
    assert asset.state == State.READY
    assert asset.work_due_at is not None
    assert "sweeper" in caplog.text


class _Broken:
    def send_task(self, *args: Any) -> None:
        raise ConnectionError


BROKEN: Any = _Broken()


def test_variants_that_come_after_their_picture_has_gone_are_found(
    engine: str, photo: Any, waiting: list[int], monkeypatch: Any
) -> None:
    asset = published(photo(size=(80, 40)), visibility="public")
    storage = get_storage(asset.storage)
    create, late = type(storage).create, []

    def gone_then_down(self: Any, key: str, *args: Any, **how: Any) -> Any:
        if late:
            raise StorageUnavailable
        with transaction.atomic():
            assets_discard([asset.pk])
        late.append(key)
        return create(self, key, *args, **how)

    with monkeypatch.context() as patch:
        patch.setattr(type(storage), "create", gone_then_down)
        assert asset_process(asset.pk) is None
    assert keys() == set(late)
    sweep(now=timezone.now() + timedelta(days=9))
    assert (keys(), MediaAsset.objects.count()) == (set(), 0)


def test_what_a_killed_process_left_of_its_work_is_swept(db: None) -> None:
    left, fresh = Path(workspace.folder(), "left"), Path(workspace.folder(), "fresh")
    left.mkdir()
    (left / "16.webp").write_bytes(b"x")
    fresh.write_bytes(b"x")
    os.utime(left, (0, 0))
    try:
        sweep()
        assert not left.exists()
        assert fresh.exists()
    finally:
        fresh.unlink()


def test_variants_of_another_canvas_are_not_shown(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(draw("GIF"))
    monkeypatch.setattr(
        decoding, "run_isolated", lambda *a, **k: {"width": 32, "height": 48, "variants": [{}], "placeholder": "x"}
    )
    with decoding.make_variants(path, [32]) as made:
        assert (made.variants, made.placeholder) == ([], "x")


@pytest.mark.parametrize("is_killed", [False, True])
def test_one_that_is_cleaned_while_it_is_attached_is_attached_all_the_same(
    engine: str, make_user: Any, waiting: list[int], monkeypatch: Any, is_killed: bool
) -> None:
    """Also where its worker is, or died, between the end of the raw object and the last word on it."""
    upload = upload_complete(staged_upload(make_user(), with_location((1000, 800))))
    attached = CompleteUpload(upload)
    assert (attached.is_raw, attached.location_removed) == (True, False)
    if is_killed:
        process_until_the_last_word(upload.asset.pk, monkeypatch)
    else:
        asset_process(upload.asset.pk)
    with stored(attached, owner=upload.owner, folder="artworks", visibility="public") as asset, transaction.atomic():
        asset_publish(asset)
    asset.refresh_from_db()
    assert (asset.state, asset.raw_key != "") == (State.PROCESSING, True)
    lies_there = content(asset.raw_storage, asset.raw_key)
    assert asset.size == len(lies_there)  # what an audit compares meanwhile
    assert asset.sha256 in ("", hashlib.sha256(lies_there).hexdigest())
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert (asset.state, asset.location_removed) == (State.READY, True)
    assert b"Camera maker" not in original(asset)
    assert (asset.width, asset.height) == (800, 1000)


def test_one_that_is_cleaned_and_then_taken_by_another_while_it_is_attached(
    engine: str, make_user: Any, waiting: list[int], monkeypatch: Any
) -> None:
    upload = upload_complete(staged_upload(make_user(), with_location((1000, 800))))
    late = CompleteUpload(upload)
    asset_process(upload.asset.pk)
    look_again = late._look_again

    def look_and_be_late() -> bool:
        found = look_again()
        if found and Upload.objects.attachable().exists():
            with stored(CompleteUpload(upload), owner=upload.owner, folder="artworks") as first, transaction.atomic():
                asset_publish(first)
        return found

    monkeypatch.setattr(late, "_look_again", look_and_be_late)
    with pytest.raises(Conflict) as refused, stored(late, owner=upload.owner, folder="artworks"):
        pass
    assert refused.value.get_codes() == "upload_attached"


def test_copies_of_a_failed_one_are_not_a_strangers_file_at_its_key(
    engine: str, make_user: Any, waiting: list[int]
) -> None:
    """Nothing was ever written to the key while the original waited to be cleaned."""
    asset = upload_complete(staged_upload(make_user(), with_location())).asset
    assert asset is not None
    elsewhere = "local-public" if asset.storage != "local-public" else "local-private"
    stranger = get_storage(elsewhere)
    stranger.create(asset.key, ContentFile(b"theirs"), content_type="image/jpeg", object_id=uuid4())
    MediaAsset.objects.filter(pk=asset.pk).update(state=State.FAILED, copy_storage=elsewhere)
    asset.refresh_from_db()
    delete_copies(asset)
    assert content(elsewhere, asset.key) == b"theirs"
    MediaAsset.objects.filter(pk=asset.pk).update(raw_key="", state=State.READY)
    asset.refresh_from_db()
    delete_copies(asset)
    assert not stranger.exists(asset.key)


def test_what_was_discarded_before_a_worker_came_is_not_sent_again(photo: Any, waiting: list[int]) -> None:
    asset = published(photo())
    MediaAsset.objects.update(work_due_at=timezone.now() - timedelta(hours=1), variants_of="")
    with transaction.atomic():
        assets_discard([asset.pk])
    assert sweep().sent == 0
