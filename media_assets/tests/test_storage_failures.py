"""Storages that fail: what the caller gets, how soon, what the log says, and that nothing half-written stays."""

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from botocore.awsrequest import AWSResponse
from django.core.files.base import ContentFile
from urllib3 import HTTPResponse

from conftest import free_port
from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.fields import ImageUploadField
from media_assets.models import LIVE_STATES, MediaAsset, State
from media_assets.services import stored_image
from media_assets.storages import get_storage, s3_retries
from media_assets.sweeping import sweep
from media_assets.tests.s3_answers import answering_first
from media_assets.tests.stored import published, real_server

pytestmark = pytest.mark.django_db(transaction=True)
BOUND_SECONDS = 15
TRIES = 1 + len(s3_retries.PAUSES)
WRONG_SECRET = "a-wrong-secret-that-must-not-be-shown"


def create(storage: Any, key: str = "a.jpg", data: bytes = b"x", object_id: Any = None) -> None:
    storage.create(key, ContentFile(data), content_type="image/jpeg", object_id=object_id or uuid4())


# --- servers that misbehave -------------------------------------------------------------------------------------------


@contextlib.contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A store that answers everything with this error; its endpoint."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_PUT = do_HEAD = do_DELETE = answer

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def hanging() -> Iterator[str]:
    """A store that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def refusing() -> Iterator[str]:
    """A port where nobody listens, and that nobody else is given."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


class LosingProxy:
    """Stands before a store, lets every request through, and drops the first ``losses`` answers to a PUT."""

    def __init__(self, endpoint: str, losses: int, port: int = 0) -> None:
        parts = urlsplit(endpoint)
        self._store, self.losses, self.puts = (parts.hostname, parts.port), losses, 0
        self._listener = socket.create_server(("127.0.0.1", port))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=[self._listener.accept()[0]], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        verbs = [""]
        with client, contextlib.suppress(OSError), socket.create_connection(self._store) as store:
            threading.Thread(target=self._forward, args=[client, store, verbs], daemon=True).start()
            while data := store.recv(65_536):
                if verbs[-1] == "PUT" and not data.startswith(b"HTTP/1.1 100") and self.losses > 0:
                    self.losses -= 1
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(data)

    def _forward(self, client: socket.socket, store: socket.socket, verbs: list[str]) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65_536):
                verb = data[:8].partition(b" ")[0].decode("latin-1")
                if verb in ("PUT", "GET", "HEAD", "DELETE"):
                    verbs.append(verb)
                    self.puts += verb == "PUT"
                store.sendall(data)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def losing(s3_server: dict[str, str]) -> Iterator[Callable[..., LosingProxy]]:
    proxies: list[LosingProxy] = []

    def make(losses: int, port: int = 0) -> LosingProxy:
        proxies.append(LosingProxy(s3_server["AWS_S3_ENDPOINT_URL"], losses, port))
        return proxies[-1]

    yield make
    for proxy in proxies:
        proxy.close()


# --- every failure is an unavailable storage, soon, with the fix in the log -------------------------------------------

FAILURES: dict[str, tuple[Callable[[], Any], dict[str, str], str]] = {
    "bucket missing": (lambda: None, {"AWS_STORAGE_BUCKET_NAME": "no-such-bucket-here"}, "AWS_STORAGE_BUCKET_NAME"),
    "bucket misnamed": (lambda: None, {"AWS_STORAGE_BUCKET_NAME": "no such/bucket"}, "AWS_STORAGE_BUCKET_NAME"),
    "acls disabled": (lambda: answering(400, "AccessControlListNotSupported"), {}, "set AWS_DEFAULT_ACL= (empty)"),
    "denied": (lambda: answering(403, "AccessDenied"), {}, "s3:PutObject"),
    "unknown key": (lambda: answering(403, "InvalidAccessKeyId"), {}, "AWS_ACCESS_KEY_ID"),
    "role over": (lambda: answering(400, "ExpiredToken"), {}, "AWS_ACCESS_KEY_ID"),
    "other region": (lambda: answering(400, "AuthorizationHeaderMalformed"), {}, "AWS_S3_REGION_NAME"),
    "clock wrong": (lambda: answering(403, "RequestTimeTooSkewed"), {}, "clock"),
    "no conditional writes": (lambda: answering(501, "NotImplemented"), {}, "If-None-Match"),
    "broken": (lambda: answering(500, "InternalError"), {}, "InternalError"),
    "overloaded": (lambda: answering(503, "SlowDown"), {}, "SlowDown"),
    "refusing": (refusing, {}, "AWS_S3_ENDPOINT_URL"),
    "hanging": (hanging, {}, "AWS_S3_ENDPOINT_URL"),
    "host unknown": (lambda: None, {"AWS_S3_ENDPOINT_URL": "http://store.invalid"}, "AWS_S3_ENDPOINT_URL"),
    "not http": (lambda: None, {"AWS_S3_ENDPOINT_URL": "http://127.0.0.1:99999"}, "AWS_S3_ENDPOINT_URL"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_a_failing_store_is_unavailable_soon_and_the_log_names_the_fix(
    s3_site: Any, s3_server: dict[str, str], photo: Any, caplog: Any, failure: Any
) -> None:
    server, lines, fix = failure
    with contextlib.ExitStack() as stack:
        made = server()
        endpoint = {"AWS_S3_ENDPOINT_URL": stack.enter_context(made)} if made else {}
        s3_site(AWS_S3_READ_TIMEOUT="1", AWS_S3_CONNECT_TIMEOUT="1", **endpoint | lines)
        began = time.monotonic()
        with pytest.raises(StorageUnavailable) as raised:
            published(photo())
        assert time.monotonic() - began < BOUND_SECONDS
    assert (raised.value.status_code, raised.value.wait) == (503, 5)
    assert fix in caplog.text
    for shown in (caplog.text, str(raised.value)):
        assert s3_server["AWS_SECRET_ACCESS_KEY"] not in shown
    assert not MediaAsset.objects.filter(state__in=[*LIVE_STATES, State.RESERVED]).exists()


@real_server
def test_wrong_credentials(s3_site: Any, photo: Any, caplog: Any) -> None:
    s3_site(AWS_SECRET_ACCESS_KEY=WRONG_SECRET)
    with pytest.raises(StorageUnavailable) as raised:
        published(photo())
    assert "AWS_SECRET_ACCESS_KEY" in caplog.text
    assert WRONG_SECRET not in caplog.text + str(raised.value)


@real_server
def test_an_object_whose_look_up_is_denied_is_not_taken_for_missing(s3_site: Any, caplog: Any) -> None:
    s3_site()
    create(get_storage("s3-private"))
    s3_site(AWS_SECRET_ACCESS_KEY=WRONG_SECRET)
    for look in (lambda s: s.stat("a.jpg"), lambda s: s.owns("a.jpg", uuid4()), lambda s: s.open("a.jpg")):
        caplog.clear()
        with pytest.raises(StorageUnavailable):
            look(get_storage("s3-private"))
        assert "AWS_SECRET_ACCESS_KEY" in caplog.text


METHODS: dict[str, Callable[[Any], Any]] = {
    "create": create,
    "copy": lambda s: s.copy("b.jpg", source=s, source_key="a.jpg", content_type="image/png", object_id=uuid4()),
    "owns": lambda s: s.owns("a.jpg", uuid4()),
    "stat": lambda s: s.stat("a.jpg"),
    "open": lambda s: s.open("a.jpg"),
    "delete": lambda s: s.delete("a.jpg"),
    "list": lambda s: list(s.list_objects()),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_of_s3_says_unavailable(s3_site: Any, method: Callable[[Any], Any]) -> None:
    with refusing() as endpoint:
        s3_site(AWS_S3_ENDPOINT_URL=endpoint)
        with pytest.raises(StorageUnavailable):
            method(get_storage("s3-private"))


def test_no_credentials_at_all(site: Any, machine: Any, caplog: Any) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_S3_ENDPOINT_URL="http://127.0.0.1:9")
    with pytest.raises(StorageUnavailable):
        create(get_storage("s3-public"))
    assert "AWS_ACCESS_KEY_ID" in caplog.text


# --- what passes in a moment is waited for ----------------------------------------------------------------------------

PASSING = {
    "broken": (500, "InternalError"),
    "overloaded": (503, "SlowDown"),
    "another write": (409, "ConditionalRequestConflict"),
    "another operation": (409, "OperationAborted"),
    "slow body": (400, "RequestTimeout"),
}


@pytest.mark.parametrize("passing", PASSING.values(), ids=PASSING)
def test_a_store_that_is_soon_well_again(s3_site: Any, photo: Any, passing: tuple[int, str]) -> None:
    s3_site()
    with answering_first(get_storage("s3-public"), "PutObject", TRIES - 1, *passing) as calls:
        assert published(photo()).state == State.READY
        assert next(calls) == TRIES
    with answering_first(get_storage("s3-public"), "PutObject", TRIES, *passing) as calls:
        with pytest.raises(StorageUnavailable):
            published(photo())
        assert next(calls) == TRIES


def test_a_store_that_starts_meanwhile(s3_site: Any, photo: Any, losing: Any) -> None:
    port = free_port()
    s3_site(AWS_S3_ENDPOINT_URL=f"http://127.0.0.1:{port}")
    start = threading.Timer(0.3, losing, [0, port])
    start.start()
    try:
        assert published(photo()).state == State.READY
    finally:
        start.join()


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (501, "NotImplemented"), (404, "NoSuchBucket")])
def test_what_does_not_pass_is_not_tried_again(s3_site: Any, photo: Any, status: int, code: str) -> None:
    s3_site()
    with answering_first(get_storage("s3-public"), "PutObject", TRIES, status, code) as calls:
        with pytest.raises(StorageUnavailable):
            published(photo())
        assert next(calls) == 1


def test_a_store_that_hangs_is_asked_once(s3_site: Any) -> None:
    with hanging() as endpoint:
        s3_site(AWS_S3_ENDPOINT_URL=endpoint, AWS_S3_READ_TIMEOUT="1")
        calls: list[Any] = []
        storage: Any = get_storage("s3-private")
        storage.client.meta.events.register("before-send.s3", lambda **event: calls.append(event))
        with pytest.raises(StorageUnavailable):
            storage.stat("a.jpg")
        assert len(calls) == 1


def test_an_upload_in_parts_is_begun_once(s3_site: Any) -> None:
    """Begun twice, the first would be nobody's."""
    s3_site()
    storage: Any = get_storage("s3-private")
    with answering_first(storage, "CreateMultipartUpload", TRIES) as calls:
        with pytest.raises(StorageUnavailable):
            storage.multipart_begin("a.jpg", content_type="image/jpeg")
        assert next(calls) == 1


# --- odd answers ------------------------------------------------------------------------------------------------------


def test_deleting_what_is_gone_is_no_error(s3_site: Any) -> None:
    s3_site()
    storage = get_storage("s3-private")
    with answering_first(storage, "DeleteObject", 1, 404, "NoSuchKey"):
        storage.delete("a.jpg")


@pytest.mark.parametrize(
    ("operation", "status", "code"), [("PutObject", 404, "NoSuchKey"), ("GetObject", 412, "PreconditionFailed")]
)
def test_an_answer_that_nobody_expects_is_a_broken_store(s3_site: Any, operation: str, status: int, code: str) -> None:
    s3_site()
    storage = get_storage("s3-private")
    with answering_first(storage, operation, 1, status, code), pytest.raises(StorageUnavailable):
        create(storage)
        storage.open("a.jpg")


READS: dict[str, Callable[[Any], Any]] = {
    "open": lambda s: s.open("a.jpg").read(),
    "range": lambda s: s.read_range("a.jpg", 0, 100, etag="x"),
    "list": lambda s: list(s.list_objects()),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_an_answer_that_breaks_off(s3_site: Any, read: Callable[[Any], Any]) -> None:
    s3_site()
    storage: Any = get_storage("s3-private")

    def cut(request: Any, **event: Any) -> AWSResponse:
        headers = {"Content-Length": "100", "ETag": '"x"'}
        sent = io.BytesIO(b"short")
        body = HTTPResponse(sent, headers, preload_content=False, request_method=request.method)
        return AWSResponse(request.url, 200, headers, body)

    storage.client.meta.events.register("before-send.s3", cut)
    try:
        with pytest.raises(StorageUnavailable):
            read(storage)
    finally:
        storage.client.meta.events.unregister("before-send.s3", cut)


# --- nothing half-written ---------------------------------------------------------------------------------------------


def keys(client: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=bucket).get("Contents", ())]


@pytest.mark.parametrize("losses", [1, 4])
def test_a_write_whose_answer_was_lost(
    s3_site: Any, s3_client: Any, s3_bucket: str, photo: Any, losing: Any, losses: int
) -> None:
    """Lost once: the second try meets our own object and knows it. Lost every time: unavailable, and swept later."""
    proxy = losing(losses)
    s3_site(AWS_S3_ENDPOINT_URL=proxy.endpoint)
    if losses == 1:
        asset = published(photo("Sea.jpg"))
        assert (asset.key, asset.state) == ("pictures/Sea.jpg", State.READY)
        assert keys(s3_client, s3_bucket) == ["media/pictures/Sea.jpg"]
    else:
        with pytest.raises(StorageUnavailable):
            published(photo("Sea.jpg"))
        assert keys(s3_client, s3_bucket) == ["media/pictures/Sea.jpg"]
        assert not MediaAsset.objects.exclude(state=State.DISCARDED).exists()
        s3_site()
        sweep()
        assert keys(s3_client, s3_bucket) == []
        assert MediaAsset.objects.get().state == State.TOMBSTONE
    assert (proxy.puts, proxy.losses) == (min(losses + 1, TRIES), 0)


def test_a_store_that_goes_away_after_the_write(s3_site: Any, s3_client: Any, s3_bucket: str, photo: Any) -> None:
    """The row's transaction fails and the object cannot be deleted now: the sweeper does it when the store is back."""
    s3_site()
    file = ImageUploadField().run_validation(photo())
    with refusing() as nowhere:
        with pytest.raises(ZeroDivisionError), stored_image(file, owner=None, folder="pictures"):
            s3_site(AWS_S3_ENDPOINT_URL=nowhere)
            raise ZeroDivisionError
        assert sweep().waiting == 1
    assert keys(s3_client, s3_bucket) == ["media/pictures/photo.jpg"]
    s3_site()
    assert sweep().purged == 1
    assert keys(s3_client, s3_bucket) == []


def test_deleting_while_the_store_is_away_leaves_it_to_the_sweeper(
    s3_site: Any, s3_client: Any, s3_bucket: str, photo: Any, make_user: Any
) -> None:
    s3_site()
    user = make_user(avatar=published(photo()))
    with refusing() as nowhere:
        s3_site(AWS_S3_ENDPOINT_URL=nowhere)
        user.delete()
    assert MediaAsset.objects.get().state == State.DISCARDED
    s3_site()
    sweep()
    assert keys(s3_client, s3_bucket) == []


# --- copies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alias", ["local-public", "local-private", "s3-public", "s3-private"])
def test_a_copy_takes_no_strangers_key_and_knows_its_own_earlier_try(s3_site: Any, alias: str) -> None:
    s3_site()
    storage = get_storage(alias)
    create(storage, "a.jpg", b"first")
    create(storage, "b.jpg", b"second")
    how: Any = {"source": storage, "source_key": "a.jpg", "content_type": "image/jpeg"}
    with pytest.raises(KeyTaken):
        storage.copy("b.jpg", **how, object_id=uuid4())
    assert storage.open("b.jpg").read() == b"second"
    mine = uuid4()
    storage.copy("c.jpg", **how, object_id=mine)
    storage.copy("c.jpg", **how, object_id=mine)
    assert storage.owns("c.jpg", mine)


def test_the_copy_of_a_multipart_object_is_not_taken_for_a_changed_one(
    s3_site: Any, s3_client: Any, s3_bucket: str
) -> None:
    s3_site()
    storage = get_storage("s3-private")
    place = {"Bucket": s3_bucket, "Key": "private/big.jpg"}
    upload = {**place, "UploadId": s3_client.create_multipart_upload(**place)["UploadId"]}
    part = {"PartNumber": 1, "ETag": s3_client.upload_part(**upload, PartNumber=1, Body=b"big")["ETag"]}
    s3_client.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})
    how: Any = {"source": storage, "source_key": "big.jpg", "content_type": "image/jpeg"}
    storage.copy("a.jpg", **how, object_id=uuid4(), if_etag=storage.stat("big.jpg").etag)
    assert storage.open("a.jpg").read() == b"big"
    with pytest.raises(ObjectMissing):
        storage.copy("b.jpg", **how, object_id=uuid4(), if_etag="0" * 32 + "-1")
    with pytest.raises(ObjectMissing):
        storage.stat("b.jpg")


def test_the_copy_of_an_encrypted_object_is_not_taken_for_a_changed_one(s3_site: Any) -> None:
    """With a key of KMS the copy's ETag is another one: AWS, "Protecting data with SSE-KMS"."""
    s3_site()
    storage: Any = get_storage("s3-private")
    create(storage, "a.jpg")

    def encrypted(parsed: dict[str, Any], **event: Any) -> None:
        parsed["ServerSideEncryption"] = "aws:kms"
        parsed["CopyObjectResult"]["ETag"] = '"another"'

    storage.client.meta.events.register("after-call.s3.CopyObject", encrypted)
    try:
        how: Any = {"source": storage, "source_key": "a.jpg", "content_type": "image/jpeg"}
        storage.copy("b.jpg", **how, object_id=uuid4(), if_etag=storage.stat("a.jpg").etag)
    finally:
        storage.client.meta.events.unregister("after-call.s3.CopyObject", encrypted)
    assert storage.open("b.jpg").read() == b"x"


# --- local disk -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_disk_that_cannot_be_written_is_unavailable(
    site: Any, photo: Any, tmp_path: Path, caplog: Any, visibility: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("a file where a folder is due")
    site(MEDIA_ROOT=str(tmp_path / "a"), PRIVATE_MEDIA_ROOT=str(tmp_path / "b"))
    with pytest.raises(StorageUnavailable):
        published(photo(), visibility=visibility)
    assert "MEDIA_ROOT" in caplog.text
    assert not MediaAsset.objects.filter(state__in=[*LIVE_STATES, State.RESERVED]).exists()
    with pytest.raises(StorageUnavailable):
        get_storage(f"local-{visibility}").delete("a.jpg")


def test_a_sweep_survives_a_disk_that_is_away(site: Any, photo: Any, tmp_path: Path) -> None:
    root = tmp_path / "media"
    site(MEDIA_ROOT=str(root), PRIVATE_MEDIA_ROOT=str(tmp_path / "private"))
    asset = published(photo())
    MediaAsset.objects.update(state=State.DISCARDED, published_at=None)
    root.rename(tmp_path / "away")
    root.write_text("not mounted")
    assert sweep().waiting == 1
    root.unlink()
    (tmp_path / "away").rename(root)
    MediaAsset.objects.update(published_at=asset.published_at)
    assert sweep().purged == 1
    assert not (root / asset.key).exists()
