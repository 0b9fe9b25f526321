"""What is counted: files that come in, calls of storages, work on pictures, what the registry has waiting."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone
from prometheus_client import REGISTRY
from rest_framework.exceptions import ValidationError

from api.errors import Conflict
from media_assets.decoding import make_variants
from media_assets.errors import ObjectMissing, StorageUnavailable, UploadRejected
from media_assets.fields import ImageUploadField
from media_assets.imaging.isolation import DecodeFailed, DecoderUnavailable
from media_assets.models import MediaAsset, State
from media_assets.processing import asset_process
from media_assets.registry_metrics import families, read_waiting
from media_assets.storages import get_storage
from media_assets.tests.stored import published
from media_assets.tests.uploads import staged_upload
from media_assets.uploads.services import upload_complete

pytestmark = pytest.mark.django_db(transaction=True)


class Counts:
    """Values of samples, less what they were when this was made."""

    def __init__(self) -> None:
        self._before = self._now()

    def _now(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for metric in REGISTRY.collect()
            for sample in metric.samples
            if sample.name.startswith("vitrine_") and not sample.name.endswith(("_created", "_bucket", "_sum"))
        }

    def new(self, name: str) -> dict[str, float]:
        """Label values, joined, to what was counted since."""
        return {
            " ".join(value for _, value in labels): value - self._before.get((found, labels), 0)
            for (found, labels), value in self._now().items()
            if found == f"vitrine_{name}" and value != self._before.get((found, labels), 0)
        }


@pytest.fixture
def counts() -> Counts:
    return Counts()


def test_files_through_the_application(counts: Counts, photo: Any, make_user: Any, settings: Any) -> None:
    asset = published(photo())
    with pytest.raises(ValidationError):
        published(photo(data=b"no picture"))
    settings.UPLOAD_QUOTA_BYTES = 1
    with pytest.raises(Conflict):
        published(photo(), owner=make_user())
    assert counts.new("uploads_total") == {"stored application": 1, "refused application": 2}
    assert counts.new("upload_bytes_total") == {"application": asset.size}


def test_a_file_that_the_storage_does_not_take(counts: Counts, photo: Any, site: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    site(MEDIA_ROOT=f"{tmp_path}/file/media")
    with pytest.raises(StorageUnavailable):
        published(photo())
    assert counts.new("uploads_total") == {"unavailable application": 1}
    assert counts.new("storage_errors_total") == {"create NotADirectoryError local-public": 1}
    assert counts.new("storage_seconds_count")["create local-public"] == 1


def test_an_id_in_the_place_of_a_file_is_no_file(counts: Counts) -> None:
    with pytest.raises(ValidationError):
        ImageUploadField().run_validation("text")
    assert counts.new("uploads_total") == {}


def test_direct_uploads_count_once_when_they_are_complete(counts: Counts, photo: Any, make_user: Any) -> None:
    upload = staged_upload(make_user(), photo().read())
    done = upload_complete(upload)
    upload_complete(upload)
    assert counts.new("uploads_total") == {"stored direct": 1}
    assert counts.new("upload_bytes_total") == {"direct": done.asset.size}
    with pytest.raises(UploadRejected):
        upload_complete(staged_upload(make_user("bert"), b"no picture"))
    assert counts.new("uploads_total") == {"stored direct": 1, "refused direct": 1}


def test_attaching_an_upload_is_no_new_file(counts: Counts, photo: Any, make_user: Any, client_of: Any) -> None:
    anna = make_user()
    done = upload_complete(staged_upload(anna, photo().read()))
    answer = client_of(anna).post("/api/artworks/", {"title": "a", "upload_id": str(done.upload_id)})
    assert answer.status_code == 201
    assert counts.new("uploads_total") == {"stored direct": 1}


def test_delivered_bytes(counts: Counts, photo: Any, client: Any) -> None:
    asset = published(photo(), visibility="public")
    url = f"/media/{asset.key}"
    whole = client.get(url)
    assert len(b"".join(whole)) == asset.size
    part = client.get(url, headers={"range": "bytes=0-9"})
    assert len(b"".join(part)) == 10
    client.head(url)
    client.get(url, headers={"if-none-match": whole["ETag"]})
    client.get("/media/none.jpg")
    assert counts.new("delivered_bytes_total") == {"public": asset.size + 10}


def test_calls_of_a_folder(counts: Counts, photo: Any) -> None:
    storage = get_storage("local-public")
    asset = published(photo(), visibility="public")
    storage.open(asset.key).close()
    with pytest.raises(ObjectMissing):
        storage.stat("none.jpg")
    storage.delete("none.jpg")
    timed = counts.new("storage_seconds_count")
    assert timed == {"create local-public": 1, "open local-public": 1, "stat local-public": 1, "delete local-public": 1}
    assert counts.new("storage_errors_total") == {}


@pytest.mark.s3
def test_calls_of_a_bucket(counts: Counts, s3_site: Any) -> None:
    s3_site()
    storage = get_storage("s3-private")
    asset = MediaAsset()
    storage.create("a", ContentFile(b"a"), content_type="text/plain", object_id=asset.object_id)
    storage.create("a", ContentFile(b"a"), content_type="text/plain", object_id=asset.object_id)  # 412: it is ours
    storage.stat("a")
    with pytest.raises(ObjectMissing):
        storage.stat("none")
    list(storage.list_objects())
    storage.delete("a")
    assert counts.new("storage_seconds_count") == {
        "PutObject s3-private": 2,
        "HeadObject s3-private": 3,  # one asks whose the object is
        "ListObjectsV2 s3-private": 1,
        "DeleteObject s3-private": 1,
    }
    assert counts.new("storage_errors_total") == {}


@pytest.mark.s3
@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ({"AWS_STORAGE_BUCKET_NAME": "no-such-bucket-anywhere"}, "404"),
        ({"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "EndpointConnectionError"),
    ],
)
def test_calls_of_a_store_that_fail(counts: Counts, s3_site: Any, lines: dict[str, str], reason: str) -> None:
    s3_site(**lines)
    storage = get_storage("s3-public")
    with pytest.raises(StorageUnavailable):
        list(storage.list_objects())
    assert counts.new("storage_seconds_count") == {"ListObjectsV2 s3-public": 1}
    assert counts.new("storage_errors_total") == {f"ListObjectsV2 {reason} s3-public": 1}


def test_work_on_pictures(counts: Counts, photo: Any, settings: Any, monkeypatch: Any, tmp_path: Path) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [10]
    published(photo(), visibility="public")
    assert counts.new("imaging_seconds_count") == {"asset done": 1, "make_variants done": 1}
    file = tmp_path / "a.jpg"
    file.write_bytes(photo().read())
    for error, outcome in (
        (DecodeFailed("no"), "refused"),
        (DecoderUnavailable("no"), "unavailable"),
        (OSError(), "failed"),
    ):

        def fail(*args: Any, error: Exception = error, **kwargs: Any) -> Any:
            raise error

        monkeypatch.setattr("media_assets.decoding.run_isolated", fail)
        with pytest.raises(type(error)), make_variants(file, [10]):
            pass
        assert counts.new("imaging_seconds_count")[f"make_variants {outcome}"] == 1
    asset = published(photo(size=(70, 50)), visibility="public")  # put off: OSError
    assert asset.work_due_at is not None
    assert counts.new("imaging_seconds_count")["asset failed"] == 1
    assert asset_process(asset.pk) is None  # not due now: no work
    assert counts.new("imaging_seconds_count")["asset failed"] == 1


def test_what_waits_in_the_registry(photo: Any) -> None:
    nothing = read_waiting()
    assert (nothing.due, nothing.later, nothing.oldest_seconds) == (0, 0, 0)
    now = timezone.now()
    ids = [published(photo(f"{number}.jpg")).pk for number in range(6)]
    rows = MediaAsset.objects.order_by("pk")
    rows.filter(pk=ids[0]).update(work_due_at=now - timedelta(minutes=10))
    rows.filter(pk=ids[1]).update(work_due_at=now - timedelta(minutes=1), state=State.PROCESSING)
    rows.filter(pk=ids[2]).update(work_due_at=now + timedelta(minutes=5), state=State.PROCESSING)
    rows.filter(pk=ids[3]).update(state=State.FAILED)
    rows.filter(pk=ids[4]).update(state=State.DISCARDED)
    rows.filter(pk=ids[5]).update(state=State.RESERVED, lease_expires_at=now)
    found = read_waiting()
    assert found.states == {"processing": 2, "failed": 1, "discarded": 1, "reserved": 1}
    assert (found.due, found.later) == (2, 1)
    assert 600 <= found.oldest_seconds < 660
    samples = {
        (sample.name, *sample.labels.values()): sample.value for family in families(found) for sample in family.samples
    }
    assert samples[("vitrine_assets", "processing")] == 2
    assert samples[("vitrine_work_due",)] == 2
    assert samples[("vitrine_work_later",)] == 1
    assert samples[("vitrine_work_oldest_due_seconds",)] == found.oldest_seconds


def test_the_registry_is_asked_few_questions(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(4):
        read_waiting()
