"""S3Client: files by their keys, in the registry, on disk and on S3; and what it refuses."""

import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.utils import timezone

from artworks.models import ArtWork
from conftest import draw
from media_assets import local_files
from media_assets.errors import ObjectMissing
from media_assets.models import MediaAsset, State, Upload, Visibility
from media_assets.s3 import S3Client
from media_assets.shortcuts import delete_upload, get_upload_file_url
from media_assets.storages import active_alias, get_storage
from media_assets.sweeping import sweep
from media_assets.tests.stored import published

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = b"Some words.\n"


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def engine(request: Any, s3_site: Any) -> str:
    if request.param == "s3":
        s3_site()
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., str]:
    """A maker of files of this machine: ``file(b"...", "a.txt")``; its path."""

    def make(data: bytes = TEXT, name: str = "local.txt") -> str:
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return make


def upload(path: str, key: str = "uploads/file.txt", **how: Any) -> dict[str, Any]:
    answer = S3Client().upload_file(path, key, **how)
    assert answer["success"], answer
    return answer


def foreign(key: str, visibility: str = "private", data: bytes = b"theirs") -> Any:
    """An object that somebody else put into the storage; the storage."""
    storage = get_storage(active_alias(visibility))
    storage.create(key, ContentFile(data), content_type="text/plain", object_id=uuid4())
    return storage


def keys(prefix: str = "", **how: Any) -> list[str]:
    answer = S3Client().list_objects(prefix, **how)
    assert answer["success"], answer
    return [found["key"] for found in answer["objects"]]


def lies(key: str, visibility: str = "private") -> bool:
    try:
        return bool(get_storage(active_alias(visibility)).stat(key))
    except ObjectMissing:
        return False


def fetched(url: str) -> tuple[Any, bytes]:
    """Headers and body of a URL as anybody reads it."""
    if url.startswith("/"):
        answer = Client().get(url)
        assert answer.status_code == 200
        return answer.headers, answer.getvalue()
    with build_opener(ProxyHandler({})).open(url, timeout=10) as found:
        return found.headers, found.read()


def refused(answer: dict[str, Any]) -> str:
    """The code of a refusal, which says why in a sentence."""
    assert (set(answer), answer["success"]) == ({"success", "error", "code"}, False), answer
    assert answer["error"].endswith(".") and " " in answer["error"]
    return str(answer["code"])


@pytest.mark.parametrize("public", [True, False])
def test_a_file_is_stored_under_exactly_its_key_and_registered(engine: str, file: Any, public: bool) -> None:
    answer = upload(file(), "uploads/file.txt", public=public)
    asset = MediaAsset.objects.get()
    record = Upload.objects.get()
    url = answer.pop("url")
    assert answer == {
        "success": True,
        "key": "uploads/file.txt",
        "object_key": "uploads/file.txt",
        "upload_id": str(record.upload_id),
        "size": len(TEXT),
        "content_type": "text/plain",
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "public": public,
    }
    assert (asset.key, asset.state, asset.owner, asset.width) == ("uploads/file.txt", State.READY, None, None)
    assert asset.storage == f"{engine}-{'public' if public else 'private'}"
    assert (record.status, record.owner, record.asset, record.original_filename) == (
        Upload.STATUS_COMPLETE,
        None,
        asset,
        "file.txt",
    )
    headers, body = fetched(url)
    assert body == TEXT
    assert headers["Content-Type"].startswith("text/plain")
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''file.txt"
    assert json.loads(json.dumps(answer)) == answer


def test_an_accepted_image_is_shown(engine: str, file: Any) -> None:
    answer = upload(file(draw(size=(30, 20))), "pictures/a.txt", public=True)
    asset = MediaAsset.objects.get()
    assert (answer["content_type"], asset.width, asset.height) == ("image/jpeg", 30, 20)
    headers, _ = fetched(answer["url"])
    assert headers["Content-Type"] == "image/jpeg"
    assert not (headers["Content-Disposition"] or "").startswith("attachment")


@pytest.mark.parametrize(
    ("key", "data", "named", "public", "content_type"),
    [
        ("a.html", b"<script>1</script>", None, True, "application/octet-stream"),
        ("a.html", b"<script>1</script>", None, False, "text/html"),
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", None, True, "application/octet-stream"),
        ("a.js", b"1", None, True, "application/octet-stream"),
        ("a.txt", b"1", "text/html", True, "application/octet-stream"),
        ("a.pdf", b"%PDF-1.4", None, True, "application/pdf"),
        ("a.mp4", b"....ftypisom", None, True, "video/mp4"),
        ("a.csv", b"1,2", "Text/CSV", True, "text/csv"),
        ("a.tar.gz", b"1", None, False, "application/octet-stream"),
        ("README", b"1", None, False, "application/octet-stream"),
        ("a.jpg", b"not a picture", None, True, "application/octet-stream"),
        ("a.jpg", draw()[:300], None, True, "application/octet-stream"),
        ("a.jpg", draw(), "application/octet-stream", True, "application/octet-stream"),
        ("a.jpg", draw(), "image/jpg", True, "image/jpeg"),
        ("a.jpg", draw("PNG"), None, True, "image/png"),
        ("a.jpg", draw("PNG"), "image/jpeg", True, "application/octet-stream"),
    ],
)
def test_types(file: Any, key: str, data: bytes, named: Any, public: bool, content_type: str) -> None:
    answer = upload(file(data), key, public=public, content_type=named)
    assert answer["content_type"] == content_type
    headers, _ = fetched(answer["url"])
    assert headers["X-Content-Type-Options"] == "nosniff"
    shown = headers["Content-Disposition"].startswith("inline")
    assert shown == (MediaAsset.objects.get().width is not None) == (content_type in ("image/jpeg", "image/png"))


def test_an_empty_file_is_a_file(engine: str, file: Any) -> None:
    answer = upload(file(b""))
    assert (answer["size"], fetched(answer["url"])[1]) == (0, b"")


def test_a_key_at_the_root(engine: str, file: Any) -> None:
    assert upload(file(), "file.txt")["key"] == "file.txt"
    assert keys() == ["file.txt"]


def test_the_files_own_bytes_are_copied(file: Any) -> None:
    path = file()
    answer = upload(path)
    Path(path).write_bytes(b"changed afterwards")
    assert fetched(answer["url"])[1] == TEXT


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(32 * 1024 * 1024)
    tracemalloc.start()
    try:
        upload(str(tmp_path / "large"), "large.bin")
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()


def test_nothing_is_overwritten_and_nothing_gets_another_name(engine: str, file: Any) -> None:
    first = upload(file())
    for how in ({}, {"public": True}):
        assert refused(S3Client().upload_file(file(b"other"), "uploads/file.txt", **how)) == "key_taken"
    assert fetched(first["url"])[1] == TEXT
    assert keys("uploads/") == ["uploads/file.txt"]
    assert MediaAsset.objects.count() == 1


def test_nor_what_the_registry_does_not_know(engine: str, file: Any) -> None:
    storage = foreign("uploads/file.txt")
    assert refused(S3Client().upload_file(file(), "uploads/file.txt")) == "key_taken"
    assert storage.open("uploads/file.txt").read() == b"theirs"
    assert keys() == ["uploads/file.txt"]
    assert not MediaAsset.objects.live().exists() and not Upload.everything.exists()


def test_a_key_taken_between_look_and_write(engine: str, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile(key: str) -> None:
        monkeypatch.undo()
        upload(file(b"quicker"), key)

    monkeypatch.setattr("media_assets.s3._require_no_file_above", meanwhile)
    assert refused(S3Client().upload_file(file(), "uploads/file.txt")) == "key_taken"
    assert keys() == ["uploads/file.txt"]
    assert MediaAsset.objects.live().get().size == len(b"quicker")


def test_a_deleted_files_key_says_when_it_is_free(file: Any) -> None:
    upload(file())
    S3Client().delete_object("uploads/file.txt")
    answer = S3Client().upload_file(file(), "uploads/file.txt")
    assert refused(answer) == "key_taken"
    assert f"{timezone.now() + timedelta(days=8):%Y-%m-%d}" in answer["error"]


def test_a_file_holds_no_others(engine: str, file: Any) -> None:
    upload(file(), "a/b")
    assert refused(S3Client().upload_file(file(), "a/b/c/d.txt")) == "key_taken"
    if engine == "local":
        assert refused(S3Client().upload_file(file(), "a")) == "key_taken"


BAD_KEYS = [
    *(
        "",
        "/",
        "/a.txt",
        "a//b.txt",
        "a/",
        "../a.txt",
        "a/../b",
        ".hidden/a",
        "a/.b",
        "a\\b",
        "a\0b",
        "a\nb",
        "\u202ea",
    ),
    *("\ud800", "x" * 256, "é" * 128, "x/" * 300 + "x", "é/" * 255 + "x" * 200, None, 5, b"a.txt", ["a"]),
]


@pytest.mark.parametrize("key", BAD_KEYS, ids=lambda key: ascii(key)[:12])
def test_what_is_no_key(file: Any, key: Any) -> None:
    assert refused(S3Client().upload_file(file(), key)) == "invalid_object_key"
    assert refused(S3Client().delete_object(key)) == "invalid_object_key"
    assert not MediaAsset.objects.exists()


def test_the_folder_of_uploads_under_way_is_not_touched(engine: str, file: Any) -> None:
    storage = foreign("staging/1/a.jpg")
    for key in ("staging/1/a.jpg", "staging"):
        assert refused(S3Client().delete_object(key)) == "reserved_key"
        assert refused(S3Client().upload_file(file(), key)) == "reserved_key"
    assert keys() == keys("staging/") == []
    assert storage.stat("staging/1/a.jpg")


@pytest.mark.s3
def test_nor_the_public_folder_of_a_bucket_whose_root_is_private(s3_site: Any, file: Any, photo: Any) -> None:
    s3_site(MEDIA_DEFAULT_VISIBILITY="private")
    asset = published(photo("Sea.jpg"), visibility="public")
    assert get_storage("s3-private").stat(f"media/{asset.key}")
    assert refused(S3Client().delete_object(f"media/{asset.key}")) == "reserved_key"
    assert refused(S3Client().upload_file(file(), "media/a.txt")) == "reserved_key"
    upload(file())
    assert keys() == [asset.key, "uploads/file.txt"]


@pytest.mark.parametrize(
    "path", ["/nowhere/file.txt", "/", "/dev/null", "", "a\0b", None, 5, b"/etc/hostname"], ids=lambda path: ascii(path)
)
def test_a_file_that_cannot_be_read(path: Any) -> None:
    if isinstance(path, str):
        assert refused(S3Client().upload_file(path, "a.txt")) == "file_unreadable"
    else:
        with pytest.raises(TypeError):
            S3Client().upload_file(path, "a.txt")
    assert not MediaAsset.objects.exists()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refused(S3Client().upload_file(tmp_path / "pipe", "a.txt")) == "file_unreadable"


@pytest.mark.parametrize(
    "named", ["", "text", "text/plain; charset=utf-8", "text/plain\r\nX: 1", "*/*", "a/" + "b" * 99, 5]
)
def test_a_type_that_is_none(file: Any, named: Any) -> None:
    assert refused(S3Client().upload_file(file(), "a.txt", content_type=named)) == "invalid_content_type"


def test_a_file_larger_than_one_write_takes(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(5 * 1024**3 + 1)
    assert refused(S3Client().upload_file(tmp_path / "large", "a.bin")) == "too_large"


def test_a_file_that_changes_while_it_is_read(engine: str, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = file()
    inspected = local_files._picture

    def meanwhile(*what: Any) -> Any:
        with Path(path).open("ab") as changed:
            changed.write(b"more")
        return inspected(*what)

    monkeypatch.setattr(local_files, "_picture", meanwhile)
    assert refused(S3Client().upload_file(path, "a.txt")) == "file_changed"
    assert keys() == [] and not MediaAsset.objects.live().exists()


def test_the_sweeper_leaves_it_alone_and_delete_upload_does_not(engine: str, file: Any) -> None:
    answer = upload(file())
    later = timezone.now() + timedelta(days=100)
    sweep(now=later)
    assert fetched(get_upload_file_url(answer["upload_id"])["url"])[1] == TEXT
    assert delete_upload(answer["upload_id"]) == {"success": True}
    assert keys() == []
    sweep(now=later)
    assert not MediaAsset.objects.exists() and not Upload.everything.exists()


def test_delete_takes_the_record_along(engine: str, file: Any) -> None:
    answer = upload(file(), public=True)
    for _again in range(2):
        deleted = S3Client().delete_object(object_key="uploads/file.txt")
        assert deleted == {"success": True, "key": "uploads/file.txt", "object_key": "uploads/file.txt"}
    assert keys() == [] and not lies("uploads/file.txt", "public")
    assert MediaAsset.objects.get().state == State.TOMBSTONE
    assert refused(get_upload_file_url(answer["upload_id"])) == "not_found"


def test_what_a_resource_uses_is_not_deleted(engine: str, make_user: Any, photo: Any) -> None:
    asset = published(photo("Sea.jpg"))
    artwork = ArtWork.objects.create(author=make_user(), title="Sea", image=asset)
    answer = S3Client().delete_object(asset.key)
    assert refused(answer) == "in_use"
    assert f"{artwork._meta.verbose_name} {artwork.pk}" in answer["error"]
    assert lies(asset.key, "public") and MediaAsset.objects.get().state == State.READY


def test_what_nothing_uses_is_deleted(engine: str, photo: Any) -> None:
    asset = published(photo("Sea.jpg"))
    assert S3Client().delete_object(asset.key)["success"]
    assert not lies(asset.key, "public") and MediaAsset.objects.get().state == State.TOMBSTONE


def test_what_is_just_being_written_is_not_deleted() -> None:
    lease = timezone.now() + timedelta(minutes=1)
    MediaAsset.objects.create(
        key="a.txt", storage="local-private", visibility="private", size=1, lease_expires_at=lease
    )
    assert refused(S3Client().delete_object("a.txt")) == "key_busy"


@pytest.mark.parametrize("visibility", Visibility.values)
def test_a_plain_object_is_deleted_and_its_key_is_free_at_once(engine: str, file: Any, visibility: str) -> None:
    foreign("uploads/file.txt", visibility)
    assert keys() == ["uploads/file.txt"]
    assert S3Client().delete_object("uploads/file.txt")["success"]
    assert not lies("uploads/file.txt", visibility) and not MediaAsset.objects.exists()
    upload(file())


def test_a_plain_object_at_the_key_of_a_refused_write_is_deleted_too(engine: str, file: Any) -> None:
    foreign("uploads/file.txt")
    assert refused(S3Client().upload_file(file(), "uploads/file.txt")) == "key_taken"
    assert S3Client().delete_object("uploads/file.txt")["success"]
    assert keys() == []


@pytest.mark.parametrize("key", ["pictures/Sea_320.webp", "pictures/Seé_320.webp"])
def test_a_size_of_an_image_is_not_deleted(engine: str, photo: Any, key: str) -> None:
    asset = published(photo("Sea.jpg"), visibility="private")
    foreign(key)
    MediaAsset.objects.filter(pk=asset.pk).update(variants=[{"key": key, "width": 320, "height": 1}])
    assert refused(S3Client().delete_object(key)) == "in_use"
    assert lies(key)


def test_nothing_there_is_as_good(engine: str) -> None:
    assert S3Client().delete_object("nothing/here.txt")["success"]
    assert not MediaAsset.objects.exists()


def test_a_list_has_what_the_storage_has(engine: str, file: Any) -> None:
    upload(file(), "uploads/private.txt")
    upload(file(b"more words"), "uploads/public.txt", public=True)
    foreign("uploads/theirs.txt")
    upload(file(), "elsewhere.txt")
    answer = S3Client().list_objects(prefix="uploads/", max_keys=100)
    assert (answer["success"], answer["count"], answer["is_truncated"]) == (True, 3, False)
    assert [(found["key"], found["size"], found["public"]) for found in answer["objects"]] == [
        ("uploads/public.txt", 10, True),
        ("uploads/private.txt", len(TEXT), False),
        ("uploads/theirs.txt", 6, False),
    ]
    assert all(found["etag"] and found["last_modified"].endswith("Z") for found in answer["objects"])
    assert json.loads(json.dumps(answer)) == answer
    assert keys("nothing/") == []


def test_a_list_ends_where_it_is_told(engine: str) -> None:
    for number in range(3):
        foreign(f"uploads/{number}.txt")
    for max_keys, truncated in ((2, True), (3, False), (4, False)):
        answer = S3Client().list_objects("uploads/", max_keys)
        assert (answer["count"], answer["is_truncated"]) == (min(3, max_keys), truncated)


@pytest.mark.parametrize("max_keys", [0, -1, "5", 1.5, None, True])
def test_a_number_of_keys_that_cannot_be(max_keys: Any) -> None:
    assert refused(S3Client().list_objects(max_keys=max_keys)) == "invalid_max_keys"
    assert refused(S3Client().list_objects(prefix=max_keys if max_keys != "5" else b"5")) == "invalid_prefix"


@pytest.mark.s3
def test_a_storage_that_is_down_is_an_answer(s3_site: Any, site: Any, file: Any) -> None:
    lines = s3_site()
    upload(file(), "kept.txt")
    site(**lines | {"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_S3_CONNECT_TIMEOUT": "1"})
    client = S3Client()
    assert refused(client.upload_file(file(), "a.txt")) == "storage_unavailable"
    assert refused(client.list_objects()) == "storage_unavailable"
    assert refused(client.delete_object("unknown.txt")) == "storage_unavailable"
    assert client.delete_object("kept.txt")["success"]  # gone for every reader; the object is the sweeper's
    assert MediaAsset.objects.get(key="kept.txt").state == State.DISCARDED
    site(**lines)
    sweep()
    assert not lies("kept.txt")


def test_pictures_of_trusted_code_lose_their_metadata_too(engine: str, tmp_path: Any) -> None:
    from media_assets.tests.test_processing import with_location

    path = tmp_path / "house.jpg"
    path.write_bytes(with_location())
    assert S3Client().upload_file(file_path=str(path), object_key="houses/1.jpg")["success"]
    asset = MediaAsset.objects.get()
    assert asset.location_removed
    with get_storage(asset.storage).open(asset.key) as file:
        data = file.read()
    assert (len(data), hashlib.sha256(data).hexdigest()) == (asset.size, asset.sha256)
    assert b"Camera maker" not in data
