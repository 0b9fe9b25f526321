"""What a check writes, and clearing it away whatever happens."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.core.files.base import ContentFile
from django.utils import timezone

from media_assets.errors import StorageUnavailable
from media_assets.storages import get_storage
from media_assets.storages.contract import DirectForm

# A picture of one pixel: what is proved is what a page would show.
BODY = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636800000082008177cd72b600"
    "00000049454e44ae426082"
)
CONTENT_TYPE = "image/png"
FORM_MAX_BYTES = 1000
FORM_LIFETIME = timedelta(minutes=5)


class Written(ABC):
    """The objects of one check in one storage; ``run`` is their folder."""

    def __init__(self, alias: str, run: str) -> None:
        self.alias, self.object_id = alias, uuid4()
        self._run = run
        self._keys: dict[str, None] = {}
        self._object_ids = [self.object_id]

    @property
    def storage(self) -> Any:
        return get_storage(self.alias)

    def key(self, name: str, *, staging: bool = False) -> str:
        """A key of this check."""
        return f"{'staging/' if staging else ''}{self._run}/{name}"

    def claim(self, key: str) -> str:
        """The key, where something is about to be written: it is cleared away at the end."""
        self._keys[key] = None
        return key

    def new_id(self) -> UUID:
        """The id of one more object."""
        self._object_ids.append(uuid4())
        return self._object_ids[-1]

    def create(self, key: str, object_id: UUID | None = None, body: bytes = BODY) -> None:
        self.storage.create(
            self.claim(key), ContentFile(body), content_type=CONTENT_TYPE, object_id=object_id or self.object_id
        )

    def form(self, key: str) -> DirectForm:
        """A signed form for this key and up to ``FORM_MAX_BYTES``."""
        return self.storage.direct_form(  # type: ignore[no-any-return]
            key,
            content_type=CONTENT_TYPE,
            min_size=1,
            max_size=FORM_MAX_BYTES,
            sha256="",
            expires_at=timezone.now() + FORM_LIFETIME,
        )

    def clear(self) -> list[str]:
        """Delete everything; the keys that could not be deleted."""
        left = []
        for key in self._keys:
            try:
                self.storage.delete(key)
            except StorageUnavailable:
                left.append(f"{key} in {self.alias}")
        if self._keys:
            with contextlib.suppress(Exception):  # of no weight: the lifecycle rules and the sweeper end them too
                self._clear_rest()
        return left

    @abstractmethod
    def _clear_rest(self) -> None:
        """What deleting objects leaves behind in this engine."""


class WrittenToDisk(Written):
    def _clear_rest(self) -> None:
        """Marks of objects that are not published, and empty folders."""
        for object_id in self._object_ids:
            self.storage.settle(object_id)
        root = Path(self.storage.location)
        for folder in {Path(self.storage.path(key)).parent for key in self._keys}:
            while folder not in (root, root / "staging") and not (folder.is_dir() and any(folder.iterdir())):
                with contextlib.suppress(FileNotFoundError):  # deleted with what lay in it
                    folder.rmdir()
                folder = folder.parent


class WrittenToS3(Written):
    def _clear_rest(self) -> None:
        """Uploads in parts, and the versions that a bucket keeps of what was deleted."""
        for key in self._keys:
            if key.startswith("staging/"):
                self.storage.multipart_abort_all(key)
        for name, version in self._versions():
            self.storage.client.delete_object(Bucket=self.storage.bucket_name, Key=name, VersionId=version)

    def _versions(self) -> Iterator[tuple[str, str]]:
        client, bucket = self.storage.client, self.storage.bucket_name
        for folder in {key.rpartition("/")[0] for key in self._keys}:
            pages = client.get_paginator("list_object_versions").paginate(
                Bucket=bucket, Prefix=self.storage.object_key(folder)
            )
            for page in pages:
                for one in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    if one["VersionId"] != "null":
                        yield one["Key"], one["VersionId"]


def violations(elsewhere: str) -> list[tuple[str, dict[str, str], bytes]]:
    """What a form does not allow: the change's name, changed fields, the body. ``elsewhere``: another key."""
    return [
        ("another key", {"key": elsewhere}, BODY),
        ("another content type", {"Content-Type": "text/html"}, BODY),
        ("more bytes than allowed", {}, b"x" * (FORM_MAX_BYTES + 1)),
    ]
