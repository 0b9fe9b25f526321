"""Real Celery workers on real brokers: what they are handed is done, and once, whatever dies on the way.

They run where ``REDIS_TEST_URL`` (a Redis database of its own) or ``RABBITMQ_TEST_URL`` names a broker.
"""

import io
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from django.utils import timezone
from PIL import Image

from media_assets import tasks
from media_assets.models import MediaAsset, State
from media_assets.processing import MAX_TRIES, asset_retry
from media_assets.storages import get_storage
from media_assets.sweeping import SENT_GRACE, sweep
from media_assets.tests.celery_worker import BROKERS, Relay, Worker, emptied, unacknowledged, workers
from media_assets.tests.stored import published
from media_assets.tests.test_processing import with_location
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import upload_complete

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not BROKERS, reason="workers need a broker: set REDIS_TEST_URL or RABBITMQ_TEST_URL"),
]
NO_BROKER = "127.0.0.1:1/"
WIDTHS = [320, 800]
LEASE_SECONDS = 3


def use_broker(url: str, settings: Any, monkeypatch: Any) -> None:
    """From now on what is published here is sent there, by the site's own settings."""
    settings.CELERY_BROKER_URL = url
    app = Celery("vitrine")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    monkeypatch.setattr("config.celery.app", app)
    monkeypatch.setattr(tasks, "_silent_until", 0.0)


@pytest.fixture(params=list(BROKERS))
def broker(request: Any, settings: Any, monkeypatch: Any) -> Iterator[str]:
    """Each broker in turn, with an empty queue."""
    url = BROKERS[request.param]
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    with emptied(url):
        use_broker(url, settings, monkeypatch)
        yield url


@pytest.fixture
def start(broker: str, transactional_db: None, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """A maker of workers: ``start(**environment)``; stopped at the end."""
    with workers(broker, tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """A progressive JPEG of 48 megapixels: it keeps a decoder busy for a second or more."""
    out = io.BytesIO()
    noise = Image.effect_noise((700, 500), 80).convert("RGB")
    noise.resize((8000, 6000)).save(out, "JPEG", quality=60, progressive=True)
    return out.getvalue()


def fresh(asset: MediaAsset) -> MediaAsset:
    return MediaAsset.objects.get(pk=asset.pk)


def widths(asset: MediaAsset) -> list[int]:
    return [one["width"] for one in fresh(asset).variants or ()]


def sweep_later() -> int:
    """How many a sweep sends that comes after the grace of a message just sent."""
    return sweep(now=timezone.now() + SENT_GRACE + timedelta(seconds=1)).sent


def made_at(asset: MediaAsset) -> dict[str, datetime]:
    """Every object that belongs to it, and when it was written."""
    storage: Any = get_storage(asset.storage)
    return {item.key: storage.get_modified_time(item.key) for item in storage.list_objects()}


def test_a_worker_does_what_is_published(start: Any, photo: Any, make_user: Any) -> None:
    worker = start()
    asset = published(photo(size=(1000, 500)), visibility="public")
    assert widths(asset) == []
    dirty = upload_complete(staged_upload(make_user(), with_location((1000, 800)))).asset
    assert dirty is not None
    worker.wait_until(lambda: worker.finished() == 2)
    assert (widths(asset), fresh(asset).work_due_at) == (WIDTHS, None)
    dirty = fresh(dirty)
    assert (dirty.state, dirty.location_removed, widths(dirty)) == (State.READY, True, WIDTHS[:1])  # 800 wide, upright
    # Decoders run below the daemonic processes of the pool, whose parent is the worker.
    decoders = [one for one in worker.family() if "media_assets.imaging.child" in one.cmdline()]
    assert decoders
    assert all(one.parent().ppid() == worker.process.pid for one in decoders)
    worker.stop()
    assert not psutil.wait_procs(decoders, timeout=10)[1]


@pytest.mark.parametrize("killed", ["worker", "pool process"])
def test_work_of_a_killed_worker_is_done_after_its_lease(
    start: Any, broker: str, photo: Any, slow_picture: bytes, killed: str
) -> None:
    worker = start(MEDIA_WORK_LEASE_SECONDS=str(LEASE_SECONDS))
    asset = published(photo(data=slow_picture), visibility="public")
    worker.wait_until(worker.decoding)
    if killed == "worker":
        worker.kill()
    else:
        worker.decoding().kill()
    left = fresh(asset)
    assert (left.work_tries, left.variants, left.placeholder) == (1, None, None)
    due_at = left.work_due_at
    assert due_at is not None
    is_redis = broker.startswith("redis")
    if killed == "worker":
        assert not is_redis or unacknowledged(broker) == 1
        worker = start()
    while timezone.now() <= due_at:
        tries = fresh(asset).work_tries
        assert tries == 1 or timezone.now() > due_at  # a message that came back meanwhile found nothing due
        time.sleep(0.1)
    assert sweep_later() == 1 or not is_redis  # RabbitMQ gives the message of a dead worker to the next by itself
    worker.wait_until(lambda: widths(asset))
    worker.wait_until(lambda: fresh(asset).work_due_at is None)
    assert (widths(asset), fresh(asset).work_tries) == (WIDTHS, 0)
    assert set(made_at(asset)) == {asset.key, *fresh(asset).variant_keys}
    assert sweep_later() == 0


def test_a_message_that_comes_again_changes_nothing(start: Any, photo: Any, slow_picture: bytes) -> None:
    worker = start()
    asset = published(photo(data=slow_picture), visibility="public")
    worker.wait_until(worker.decoding)
    for _ in range(3):
        tasks.send(asset.pk)
    worker.wait_until(lambda: worker.finished() >= 1)  # the second process finds nothing due
    assert fresh(asset).work_tries == 1
    worker.wait_until(lambda: worker.finished() == 4)
    row, objects = MediaAsset.objects.values().get(), made_at(asset)
    assert widths(asset) == WIDTHS
    tasks.send(asset.pk)
    worker.wait_until(lambda: worker.finished() == 5)
    assert (MediaAsset.objects.values().get(), made_at(asset)) == (row, objects)


def test_without_its_broker_a_request_succeeds_and_the_sweeper_sends_later(
    start: Any, broker: str, photo: Any, make_user: Any, client_of: Any, settings: Any, monkeypatch: Any, caplog: Any
) -> None:
    use_broker(f"{broker.partition(':')[0]}://{NO_BROKER}", settings, monkeypatch)
    began = time.monotonic()
    form = {"title": "Sea", "image": photo(size=(1000, 500))}
    answer = client_of(make_user()).post("/api/artworks/", form, format="multipart")
    assert (answer.status_code, answer.json()["media"]["state"]) == (201, "ready")
    assert time.monotonic() - began < 20
    assert "the sweeper will" in caplog.text
    assert sweep_later() == 0  # not yet
    use_broker(broker, settings, monkeypatch)
    worker = start()
    assert sweep_later() == 1
    worker.wait_until(lambda: worker.finished() == 1)
    assert widths(MediaAsset.objects.get()) == WIDTHS


def test_what_is_published_after_the_broker_dropped_its_connections_is_sent(
    start: Any, broker: str, photo: Any, settings: Any, monkeypatch: Any, caplog: Any
) -> None:
    worker = start()
    with Relay(broker) as relay:
        use_broker(relay.url, settings, monkeypatch)
        for count, name in enumerate(("a.jpg", "b.jpg"), 1):
            published(photo(name, size=(1000, 500)), visibility="public")
            worker.wait_until(lambda count=count: worker.finished() == count)  # the message has come through
            relay.drop()
            time.sleep(0.2)
        published(photo("c.jpg", size=(1000, 500)), visibility="public")
        worker.wait_until(lambda: worker.finished() == 3)
    assert "the sweeper" not in caplog.text


def test_a_silent_storage_is_asked_again_later_and_given_up_at_last(start: Any, photo: Any) -> None:
    bucket = {"AWS_STORAGE_BUCKET_NAME": "b", "AWS_S3_ENDPOINT_URL": f"http://{NO_BROKER}", "AWS_S3_REGION_NAME": "x"}
    worker = start(**bucket, AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("media_assets.services.send_after_commit", lambda asset_id: None)
        asset = published(photo(size=(1000, 500)), visibility="public")
    row = MediaAsset.objects.filter(pk=asset.pk)
    row.update(storage="s3-public")
    tasks.send(asset.pk)
    worker.wait_until(lambda: fresh(asset).work_tries == 2)  # ten seconds later, by the message that it sent itself
    assert "is put off: StorageUnavailable" in worker.said()
    row.update(work_tries=MAX_TRIES - 1, work_due_at=timezone.now())
    tasks.send(asset.pk)
    worker.wait_until(lambda: fresh(asset).work_due_at is None)
    given_up = fresh(asset)
    assert (given_up.state, given_up.variants) == (State.READY, None)  # the picture itself goes on being shown
    assert f"StorageUnavailable at each of {MAX_TRIES} tries" in given_up.failure_reason
    row.update(storage="local-public")
    assert asset_retry(fresh(asset))
    tasks.send(asset.pk)
    worker.wait_until(lambda: widths(asset) == WIDTHS)
    worker.wait_until(lambda: fresh(asset).failure_reason == "")
