"""The steps that every S3 storage has: an object's life."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

from botocore.exceptions import ClientError

from media_assets.errors import KeyTaken, ObjectMissing
from media_assets.operations.checking import policies
from media_assets.operations.checking.bucket_state import FORBIDDEN, code_of, present
from media_assets.operations.checking.findings import SET_UP, Step, Verdict, explained, failed, ok
from media_assets.operations.checking.layout import BucketUse, bucket_uses
from media_assets.operations.checking.rules import text_of
from media_assets.operations.checking.written import BODY, CONTENT_TYPE, WrittenToS3
from media_assets.storages.s3 import OBJECT_ID

_CONDITIONAL = (
    "A key must be written once: use a store that knows conditional writes (If-None-Match: * on PutObject), as AWS, "
    "Ceph and MinIO do. Ceph 16 does not in a bucket that keeps versions: suspend its versioning there."
)


class ObjectSteps(ABC):
    """The steps of one alias in one bucket, which is ``there``; ``browsers``: that they reach the store."""

    takes_uploads = False  # from browsers, by signed forms

    def __init__(self, written: WrittenToS3, use: BucketUse, there: Step, browsers: Step) -> None:
        self.written, self.use, self.there = written, use, there
        self._browsers = browsers
        self.put = self.step("put", f"PutObject {self.key}", self._put, there)

    def steps(self) -> Iterator[Step]:
        """All of them but the last."""
        yield self.put
        yield self.step("atomic create", "a second PutObject of that key, If-None-Match: *", self._create_again)
        yield self.step("head", "HeadObject of it", self._head)
        yield self.step("read", "GetObject of it", self._read)
        yield self.step("copy", "CopyObject within the storage, with other metadata", self._copy)
        yield from self._readers()

    def last_step(self) -> Step:
        return self.step("delete", "DeleteObject of it, then HeadObject", self._delete)

    def copied_to(self, target: ObjectSteps) -> Step:
        """The step that copies this one's object into another storage."""
        name = f"copy to {target.written.alias}"
        return self.step(name, f"CopyObject {name[5:]}", lambda: self._copy_to(target), self.put, target.put)

    @abstractmethod
    def _readers(self) -> Iterator[Step]:
        """What tells a public storage from a private one."""

    def step(self, name: str, tried: str, run: Callable[[], Verdict], *needs: Step) -> Step:
        return Step(self.written.alias, name, tried, partial(self._with_rights, run), needs or (self.put,))

    def outside_step(self, name: str, tried: str, run: Callable[[], Verdict], *needs: Step) -> Step:
        """A step that goes to the store as browsers do."""
        return self.step(name, tried, run, *(needs or (self.put,)), self._browsers)

    def _with_rights(self, run: Callable[[], Verdict]) -> Verdict:
        """What ``run`` finds; where the store refuses, the JSON to paste."""
        try:
            return run()
        except Exception as error:
            cause = error.__cause__ or error
            code = code_of(cause) if isinstance(cause, ClientError) else ""
            answer, fix = explained(error, s3=True)
            if code in FORBIDDEN:
                return failed(answer, f"{fix}\n{text_of(policies.iam_policy(bucket_uses()))}")
            if code == "AccessControlListNotSupported":
                policy = policies.bucket_policy(
                    replace(self.use, public_acl=None), present(self.use, "policy", None)[0]
                )
                return failed(answer, f"{fix} {SET_UP} writes this one then:\n{text_of(policy)}")
            return failed(answer, fix)

    @property
    def key(self) -> str:
        return self.written.key("object.png")

    # --- an object's life ---

    def _put(self) -> Verdict:
        self.written.create(self.key)
        return ok(f"{len(BODY)} bytes written.")

    def _create_again(self) -> Verdict:
        try:
            self.written.create(self.key, self.written.new_id(), b"somebody else's")
        except KeyTaken:
            if self.written.storage.owns(self.key, self.written.object_id):
                return ok("Refused (412), and the object is still the first one.")
        return failed("The second write was taken: files could overwrite each other.", _CONDITIONAL)

    def _head(self) -> Verdict:
        return self._metadata(self.key, str(self.written.object_id))

    def _metadata(self, key: str, object_id: str) -> Verdict:
        storage = self.written.storage
        head = storage.client.head_object(Bucket=storage.bucket_name, Key=storage.object_key(key))
        wanted = {
            "ContentType": CONTENT_TYPE,
            "CacheControl": storage.object_parameters["CacheControl"],
            OBJECT_ID: object_id,
        }
        kept = {**head, **head["Metadata"]}
        if lost := [
            f"{name} is {kept.get(name)!r}, not {value!r}" for name, value in wanted.items() if kept.get(name) != value
        ]:
            return failed(f"Not kept: {'; '.join(lost)}.", "Use a store (or a proxy before it) that keeps metadata.")
        return ok(f"{CONTENT_TYPE}, {head['CacheControl']}, and our metadata.")

    def _read(self) -> Verdict:
        with self.written.storage.open(self.key) as file:
            if file.read() != BODY:
                return failed("Other bytes came back.", "Use a store (or a proxy before it) that keeps the bytes.")
        return ok("The same bytes came back.")

    def _copy(self) -> Verdict:
        return self._copy_to(self, "copy.png")

    def _copy_to(self, target: ObjectSteps, name: str = "from-another.png") -> Verdict:
        source, key, object_id = self.written.storage, target.written.key(name), target.written.new_id()
        etag = source.stat(self.key).etag
        target.written.storage.copy(
            target.written.claim(key),
            source=source,
            source_key=self.key,
            content_type=CONTENT_TYPE,
            object_id=object_id,
            if_etag=etag,
        )
        return target._metadata(key, str(object_id))

    def _delete(self) -> Verdict:
        storage = self.written.storage
        storage.delete(self.key)
        try:
            storage.stat(self.key)
        except ObjectMissing:
            return ok("It is gone.")
        return failed("It is still there.", "Take retention (object lock) off this bucket: erasing must erase.")
