"""One contract, four storages: local disk and S3 (moto, or a real server), public and private."""

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile

from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.storages import get_storage, local
from media_assets.storages.contract import MediaStorage

ALIASES = ["local-public", "local-private", "s3-public", "s3-private"]


@pytest.fixture(params=ALIASES)
def storage(request: Any, s3_site: Any) -> MediaStorage:
    if request.param.startswith("s3"):
        s3_site()
    return get_storage(request.param)


@pytest.fixture
def put(storage: MediaStorage) -> Callable[..., Any]:
    def create(key: str, data: bytes = b"first", object_id: Any = None) -> Any:
        object_id = object_id or uuid4()
        storage.create(key, ContentFile(data), content_type="image/jpeg", object_id=object_id)
        return object_id

    return create


def read(storage: MediaStorage, key: str) -> bytes:
    with storage.open(key) as file:
        return file.read()


def test_create_then_read_stat_and_delete(storage: Any, put: Any) -> None:
    put("a/b.jpg", b"x" * 100_000)
    found = storage.stat("a/b.jpg")
    assert (found.key, found.size) == ("a/b.jpg", 100_000)
    assert read(storage, "a/b.jpg") == b"x" * 100_000
    storage.delete("a/b.jpg")
    storage.delete("a/b.jpg")
    with pytest.raises(ObjectMissing):
        storage.stat("a/b.jpg")


def test_a_taken_key_is_never_overwritten(storage: Any, put: Any) -> None:
    put("a.jpg")
    with pytest.raises(KeyTaken):
        put("a.jpg", b"second")
    assert read(storage, "a.jpg") == b"first"


def test_our_own_write_come_through_twice_is_recognised(put: Any) -> None:
    mine = put("a.jpg")
    put("a.jpg", b"first", mine)


def test_ownership_is_proven_until_it_is_settled(storage: Any, put: Any) -> None:
    mine = put("a.jpg")
    assert storage.owns("a.jpg", mine)
    assert not storage.owns("a.jpg", uuid4())
    assert not storage.owns("missing.jpg", mine)
    storage.settle(mine)
    assert read(storage, "a.jpg") == b"first"


@pytest.mark.parametrize("step", ["sync", "chmod"])
def test_a_write_that_somebody_settles_under_way_is_done_all_the_same(monkeypatch: Any, step: str) -> None:
    """As the end of one request does while a worker writes a variant, or a discard while one cleans."""
    disk, object_id = get_storage("local-public"), uuid4()
    name, interrupted = ("media_assets.storages.local.sync", local.sync), []
    if step == "chmod":
        name = ("pathlib.Path.chmod", Path.chmod)

    def settle_first(path: Path, *arguments: Any) -> None:
        if not interrupted:
            interrupted.append(path)
            disk.settle(object_id)
        name[1](path, *arguments)

    monkeypatch.setattr(name[0], settle_first)
    disk.create("a/b.jpg", ContentFile(b"whole"), content_type="image/jpeg", object_id=object_id)
    assert interrupted and read(disk, "a/b.jpg") == b"whole"
    assert disk.owns("a/b.jpg", object_id)


def test_etag_changes_with_the_bytes(storage: Any, put: Any) -> None:
    put("a.jpg")
    put("b.jpg", b"other")
    assert storage.stat("a.jpg").etag == storage.stat("a.jpg").etag != storage.stat("b.jpg").etag


def test_copy_makes_a_new_object_and_takes_no_key_twice(storage: Any, put: Any) -> None:
    put("a.jpg")
    how = {"source": storage, "source_key": "a.jpg", "content_type": "image/png"}
    storage.copy("b.jpg", **how, object_id=uuid4(), if_etag=storage.stat("a.jpg").etag)
    storage.delete("a.jpg")
    assert read(storage, "b.jpg") == b"first"


def test_copy_refuses_a_missing_or_changed_source(storage: Any, put: Any) -> None:
    put("a.jpg")
    for source_key, etag in (("missing.jpg", None), ("a.jpg", "0" * 32)):
        with pytest.raises(ObjectMissing):
            storage.copy(
                "b.jpg",
                source=storage,
                source_key=source_key,
                content_type="image/png",
                object_id=uuid4(),
                if_etag=etag,
            )
        with pytest.raises(ObjectMissing):
            storage.stat("b.jpg")


def test_listing_streams_what_lies_below_a_prefix(storage: Any, put: Any) -> None:
    for key in ("a/1.jpg", "a/2.jpg", "b/1.jpg"):
        put(key)
    listed = storage.list_objects("a/")
    assert isinstance(listed, Iterator)
    assert [(item.key, item.size) for item in listed] == [("a/1.jpg", 5), ("a/2.jpg", 5)]
    assert len(list(storage.list_objects())) == 3


@pytest.mark.parametrize("key", ["with space+plus.jpg", "Ünïcødé/файл.jpg", "a~b/(c)'d!.jpg", "100%.jpg"])
def test_odd_keys_survive_the_round_trip_and_the_url(storage: Any, put: Any, key: str, live_fetch: Any) -> None:
    put(key, b"odd")
    assert read(storage, key) == b"odd"
    assert [item.key for item in storage.list_objects()] == [key]
    url = storage.url(key)
    assert quote(key, safe="/~") in url
    if storage.alias.startswith("s3"):
        assert live_fetch(url) == (200, b"odd")


@pytest.mark.parametrize("key", ["../a.jpg", "/a.jpg", "a/../../b.jpg", "a\0.jpg", ".hidden/a.jpg", "a//b.jpg", ""])
def test_keys_that_leave_the_folder_never_reach_the_disk(key: str) -> None:
    for alias in ALIASES[:2]:
        with pytest.raises(SuspiciousFileOperation):
            get_storage(alias).stat(key)


def test_private_urls_expire_and_public_ones_do_not(storage: Any) -> None:
    signed = "Signature" in storage.url("a.jpg") or "signature" in storage.url("a.jpg")
    assert signed == storage.alias.endswith("private")
    if signed:
        assert storage.url("a.jpg", expires_in=77) != storage.url("a.jpg")
    else:
        assert "?" not in storage.url("a.jpg")


def test_objects_carry_type_cache_lifetime_and_owner(s3_site: Any, s3_client: Any, s3_bucket: str) -> None:
    s3_site()
    for alias, location, kind in (("s3-public", "media", "public"), ("s3-private", "private", "private")):
        object_id = uuid4()
        get_storage(alias).create("a.jpg", ContentFile(b"x"), content_type="image/jpeg", object_id=object_id)
        head = s3_client.head_object(Bucket=s3_bucket, Key=f"{location}/a.jpg")
        assert head["ContentType"] == "image/jpeg"
        assert head["CacheControl"] == f"{kind}, max-age=86400"
        assert head["Metadata"] == {"asset-id": str(object_id)}


def test_a_write_is_one_request_with_no_look_before_it(s3_site: Any) -> None:
    s3_site()
    storage: Any = get_storage("s3-public")
    sent: list[str] = []
    storage.client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))
    storage.create("a.jpg", ContentFile(b"x"), content_type="image/jpeg", object_id=uuid4())
    assert sent == ["PUT"]


def test_the_client_is_built_once_for_all_threads(s3_site: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    s3_site()
    storage: Any = get_storage("s3-private")
    with ThreadPoolExecutor(8) as pool:
        assert len({id(client) for client in pool.map(lambda _: storage.client, range(8))}) == 1


@pytest.fixture
def live_fetch() -> Callable[[str], tuple[int, bytes]]:
    def fetch(url: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    return fetch


def test_a_write_that_met_another_keeps_its_key_until_it_is_known_whose_it_is(s3_site: Any, monkeypatch: Any) -> None:
    """409 ConditionalRequestConflict: nothing lies there yet, but either write may still arrive."""
    from botocore.exceptions import ClientError

    s3_site()
    storage: Any = get_storage("s3-public")

    def conflict(**call: Any) -> None:
        answer: Any = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
        raise ClientError(answer, "PutObject")

    def create() -> None:
        storage.create("a.jpg", ContentFile(b"mine"), content_type="image/jpeg", object_id=uuid4())

    with monkeypatch.context() as patched:
        patched.setattr(storage.client, "put_object", conflict)
        with pytest.raises(StorageUnavailable):
            create()
    create()
    with monkeypatch.context() as patched:
        patched.setattr(storage.client, "put_object", conflict)
        with pytest.raises(KeyTaken):
            create()
