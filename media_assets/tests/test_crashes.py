"""Real processes die at every step of an upload and of a discard; the sweep settles what they left."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from media_assets.errors import ReservationLost
from media_assets.fields import ImageUploadField
from media_assets.models import LIVE_STATES, MediaAsset, State
from media_assets.services import asset_publish, stored_image
from media_assets.storages import active_alias, get_storage
from media_assets.sweeping import sweep
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
UPLOAD_STEPS = ["before-write", "half-written", "after-write", "before-commit", "after-commit"]
DISCARD_STEPS = ["discard-before-delete", "discard-after-delete"]
AFTER_LEASE = timedelta(seconds=901)
AFTER_TOMBSTONE = timedelta(days=30)


@pytest.fixture(params=["local", "s3"])
def engine(request: Any, s3_site: Any) -> dict[str, str]:
    """The media lines of each engine, in force here and to be handed to another process."""
    if request.param == "s3":
        return s3_site()
    return {"USE_S3": "False"}


@pytest.fixture
def worker(engine: dict[str, str]) -> Callable[..., subprocess.Popen[str]]:
    """Starts a worker process on this test's database and storage."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        url = f"sqlite:///{database['NAME']}"
    else:
        url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT'] or 5432}/"
        url += str(database["NAME"])
    roots = {"MEDIA_ROOT": settings.MEDIA_ROOT, "PRIVATE_MEDIA_ROOT": settings.PRIVATE_MEDIA_ROOT}
    env = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "x" * 50, "DATABASE_URL": url}
    env["MEDIA_VARIANT_WIDTHS"] = ""

    def start(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "media_assets.tests.worker", *arguments]
        lines = {**env, **roots, **engine}
        return subprocess.Popen(command, env=lines, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, text=True)

    return start


def objects() -> set[str]:
    return {item.key for item in get_storage(active_alias("public")).list_objects()}


def keys(**filters: Any) -> set[str]:
    return set(MediaAsset.objects.filter(**filters).values_list("key", flat=True))


def assert_nothing_is_lost_or_stray() -> None:
    assert keys(state__in=LIVE_STATES) <= objects() <= keys()


def assert_settled() -> None:
    """After the last sweep: live rows and their objects, nothing else anywhere."""
    assert_nothing_is_lost_or_stray()
    assert keys() == keys(state=State.READY) == objects()
    storage = get_storage(active_alias("public"))
    if hasattr(storage, "leftovers"):
        assert not list(storage.leftovers(timezone.now() + timedelta(days=1)))


@pytest.mark.parametrize("step", UPLOAD_STEPS + DISCARD_STEPS)
def test_a_killed_process_leaves_what_the_sweep_settles(worker: Any, step: str) -> None:
    process = worker("crash", step)
    assert process.wait(60) == -signal.SIGKILL
    assert_nothing_is_lost_or_stray()
    live = keys(state=State.READY)
    assert bool(live) == (step == "after-commit")

    now = timezone.now()
    sweep(now=now + AFTER_LEASE)
    assert_nothing_is_lost_or_stray()
    assert objects() == live == keys(state=State.READY)
    sweep(now=now + AFTER_TOMBSTONE)
    assert_settled()
    assert keys() == live


def test_nothing_is_swept_within_the_lease(worker: Any) -> None:
    worker("crash", "after-write").wait(60)
    report = sweep()
    assert (report.leases_ended, keys(state=State.RESERVED)) == (0, objects())


def test_a_strangers_object_survives_the_sweep(worker: Any, engine: dict[str, str], stranger: Any) -> None:
    stranger("avatars/photo.jpg", b"not ours")
    worker("crash", "before-write").wait(60)
    assert keys() == {"avatars/photo.jpg"}
    for later in (AFTER_LEASE, AFTER_TOMBSTONE):
        sweep(now=timezone.now() + later)
    assert not keys()
    assert get_storage(active_alias("public")).open("avatars/photo.jpg").read() == b"not ours"


def test_a_strangers_object_is_not_overwritten(
    engine: dict[str, str], stranger: Any, make_user: Any, photo: Any
) -> None:
    stranger("avatars/photo.jpg", b"not ours")
    asset = upload(make_user(), photo())
    assert asset.key != "avatars/photo.jpg"
    storage = get_storage(asset.storage)
    assert storage.open("avatars/photo.jpg").read() == b"not ours"
    assert storage.stat(asset.key).size == asset.size


@pytest.fixture
def stranger(s3_client: Any, engine: dict[str, str]) -> Callable[[str, bytes], None]:
    """Puts an object that the registry knows nothing of."""

    def put(key: str, data: bytes) -> None:
        if bucket := engine.get("AWS_STORAGE_BUCKET_NAME"):
            s3_client.put_object(Bucket=bucket, Key=f"media/{key}", Body=data)
        else:
            path = settings.MEDIA.media_root / key
            path.parent.mkdir(parents=True)
            path.write_bytes(data)

    return put


def upload(user: User, file: Any) -> MediaAsset:
    file = ImageUploadField().run_validation(file)
    with stored_image(file, owner=user, folder="avatars") as asset, transaction.atomic():
        assert asset is not None
        User.objects.filter(pk=user.pk).update(avatar=asset)
        asset_publish(asset)
    return asset


def test_a_write_that_outlives_its_lease_is_not_published(
    engine: dict[str, str], make_user: Any, photo: Any, monkeypatch: Any
) -> None:
    storage: Any = get_storage(active_alias("public"))
    create = storage.create

    def late(*args: Any, **kwargs: Any) -> None:
        sweep(now=timezone.now() + AFTER_LEASE)
        assert keys(state=State.TOMBSTONE) == keys()
        create(*args, **kwargs)

    monkeypatch.setattr(storage, "create", late)
    user = make_user()
    with pytest.raises(ReservationLost):
        upload(user, photo())
    user.refresh_from_db()
    assert user.avatar is None
    assert not objects()
    monkeypatch.undo()
    assert upload(user, photo()).key != keys(state=State.TOMBSTONE).pop()
    sweep(now=timezone.now() + AFTER_TOMBSTONE)
    assert_settled()


def test_a_late_write_of_a_dead_process_goes_with_its_tombstone(
    engine: dict[str, str], make_user: Any, photo: Any
) -> None:
    user = make_user()
    with (
        pytest.raises(RuntimeError),
        stored_image(ImageUploadField().run_validation(photo()), owner=user, folder="avatars") as asset,
    ):
        raise RuntimeError
    assert asset is not None
    assert not objects()
    get_storage(asset.storage).create(asset.key, photo(), content_type="image/jpeg", object_id=asset.object_id)
    assert_nothing_is_lost_or_stray()
    sweep(now=timezone.now() + timedelta(hours=2))
    assert_settled()


def test_threads_and_processes_that_upload_one_name_get_distinct_keys(worker: Any, engine: dict[str, str]) -> None:
    import hashlib
    import json

    processes = [worker("race", "16") for _ in range(2)]
    answers = [json.loads(process.communicate(timeout=120)[0]) for process in processes]
    made = [tuple(pair) for answer in answers for pair in answer["made"]]
    assert len(made) == len({key for key, _ in made}) == 32
    storage = get_storage(active_alias("public"))
    assert {(key, hashlib.sha256(storage.open(key).read()).hexdigest()) for key, _ in made} == set(made)
    assert_settled()
    if "AWS_STORAGE_BUCKET_NAME" in engine:
        assert all(answer["methods"] == ["PUT"] for answer in answers)  # no look at the bucket before a write
