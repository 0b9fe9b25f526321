"""A Celery worker as a service: its metrics, its lines, its end. It needs a broker, as ``media_assets``' own tests of
workers do."""

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from api.request_ids import enter_task, leave_task
from conftest import free_port
from media_assets import tasks
from media_assets.models import MediaAsset
from media_assets.tests.celery_worker import BROKERS, Worker, emptied, workers
from media_assets.tests.stored import published
from media_assets.tests.test_workers import use_broker

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not BROKERS, reason="workers need a broker: set REDIS_TEST_URL or RABBITMQ_TEST_URL"),
]


@pytest.fixture
def start(transactional_db: None, settings: Any, monkeypatch: Any, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """A maker of workers: ``start(**environment)``; stopped at the end."""
    url = next(iter(BROKERS.values()))
    settings.MEDIA_VARIANT_WIDTHS = [320, 800]
    with emptied(url), workers(url, tmp_path) as make:
        use_broker(url, settings, monkeypatch)
        yield make


@pytest.fixture(scope="module")
def slow_picture() -> bytes:
    """A progressive JPEG of 24 megapixels."""
    out = io.BytesIO()
    noise = Image.effect_noise((700, 500), 80).convert("RGB")
    noise.resize((6000, 4000)).save(out, "JPEG", quality=60, progressive=True)
    return out.getvalue()


def test_all_processes_of_a_worker_are_counted_together(start: Callable[..., Worker], photo: Any) -> None:
    port = free_port()
    worker = start(WORKER_METRICS_ADDRESS=f"127.0.0.1:{port}")
    for number in range(6):
        published(photo(f"{number}.jpg", size=(1000, 500)), visibility="public")
    worker.wait_until(lambda: worker.finished() == 6)
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
    assert 'vitrine_imaging_seconds_count{job="asset",outcome="done"} 6.0' in text
    assert 'vitrine_imaging_seconds_count{job="make_variants",outcome="done"} 6.0' in text
    assert 'vitrine_storage_seconds_count{operation="create",storage="local-public"} 12.0' in text
    other = start(WORKER_METRICS_ADDRESS=f"127.0.0.1:{port}")
    other.wait_until(lambda: "The worker works without." in other.said())


def test_a_workers_lines_name_task_asset_and_request(start: Callable[..., Worker], photo: Any) -> None:
    worker = start()
    enter_task(request_id="request-of-test", task_id="", asset_id=None)  # as in a request
    try:
        asset = published(photo(size=(1000, 500)), visibility="public")
    finally:
        leave_task()
    worker.wait_until(lambda: worker.finished() == 1)
    lines = [json.loads(line) for line in worker.said().splitlines() if line.startswith("{")]
    (done,) = [line for line in lines if "succeeded in" in line["message"]]
    assert (done["request_id"], done["asset_id"]) == ("request-of-test", asset.pk)
    assert done["task_id"] in done["message"]
    (ready,) = [line for line in lines if line["message"].endswith(" ready.")]
    assert (ready["request_id"], "task_id" in ready) == ("-", False)


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_in_hand(
    start: Callable[..., Worker], photo: Any, slow_picture: bytes
) -> None:
    worker = start()
    asset = published(photo(data=slow_picture), visibility="public")
    worker.wait_until(worker.decoding)
    worker.process.terminate()
    published(photo("later.jpg", size=(1000, 500)), visibility="public")  # for the next worker
    assert worker.process.wait(30) == 0
    asset.refresh_from_db()
    assert [one["width"] for one in asset.variants or ()] == [320, 800]
    assert (asset.work_due_at, asset.work_tries) == (None, 0)
    following = start()
    following.wait_until(lambda: not MediaAsset.objects.filter(work_due_at__isnull=False).exists())
    assert tasks.PROCESS_ASSET in following.said()
