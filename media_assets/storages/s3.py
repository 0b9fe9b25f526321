"""S3 and stores that speak its protocol, on django-storages and boto3.

Imported only where an ``s3-…`` alias is used: boto3 takes 150 ms to import. One client per process and storage.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal, cast
from uuid import UUID

from botocore.config import Config
from django.core.files.base import File
from storages.backends.s3 import S3Storage

from media_assets.errors import KeyTaken, ObjectMissing, StorageUnavailable
from media_assets.metrics import watch_client
from media_assets.storages.contract import MediaStorage, ObjectStat
from media_assets.storages.s3_errors import NoSuchObject, PreconditionFailed, s3_errors
from media_assets.storages.s3_retries import pause_before_retry
from media_assets.storages.s3_uploads import S3DirectUploads

READ_MEMORY_BYTES = 8 * 1024 * 1024  # of one object that is read; the rest of it goes to a temporary file
OBJECT_ID = "asset-id"  # user metadata, x-amz-meta-asset-id


class S3MediaStorage(S3Storage):  # type: ignore[misc]
    """One bucket and location. Options: those of django-storages, and ``public_endpoint_url`` (the store as browsers
    reach it), ``public_base_url``, ``connect_timeout`` and ``read_timeout`` (seconds)."""

    alias = ""

    def __init__(self, **options: Any) -> None:
        self._client_lock = threading.Lock()
        self._shared_connection: Any = None
        super().__init__(**options)
        checksums: Literal["when_required", "when_supported"]
        checksums = "when_required" if self.endpoint_url else "when_supported"
        self.client_config = Config(
            signature_version=self.signature_version,
            s3={"addressing_style": self.addressing_style, "us_east_1_regional_endpoint": "regional"},
            connect_timeout=self.connect_timeout,
            read_timeout=self.read_timeout,
            retries={"mode": "standard", "total_max_attempts": 1},  # see s3_retries
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
            max_pool_connections=32,
        )

    def get_default_settings(self) -> dict[str, Any]:
        own = {"public_endpoint_url": None, "public_base_url": "", "connect_timeout": 3, "read_timeout": 15}
        own["max_memory_size"] = READ_MEMORY_BYTES
        return {**super().get_default_settings(), **own}

    @property
    def connection(self) -> Any:
        """The boto3 resource, built once per process: its client may be shared by threads."""
        if self._shared_connection is None:
            with self._client_lock:
                if self._shared_connection is None:
                    self._shared_connection = self._resource(self.endpoint_url)
        return self._shared_connection

    @property
    def client(self) -> Any:
        """The S3 client (thread-safe)."""
        return self.connection.meta.client

    @cached_property
    def signing_client(self) -> Any:
        """The client that presigns where our own signer does not: for the host that browsers reach."""
        public = self.public_endpoint_url
        return self._resource(public).meta.client if public else self.client

    def object_key(self, key: str) -> str:
        """The key within the bucket: ``key`` below this storage's location."""
        return f"{self.location}/{key}" if self.location else key

    def create(
        self, key: str, content: File[bytes], *, content_type: str, object_id: UUID, content_disposition: str = ""
    ) -> None:
        content.seek(0)
        try:
            with s3_errors(self):
                self.client.put_object(
                    **self._written(key, content_type, object_id, content_disposition),
                    Body=content,
                    ContentLength=content.size,
                    IfNoneMatch="*",
                )
        except PreconditionFailed:
            # Ours: an earlier try came through. Nobody's (409): it may still arrive, so the key must stay this asset's.
            if not self._came_through(key, object_id):
                raise StorageUnavailable from None

    def copy(
        self,
        key: str,
        *,
        source: MediaStorage,
        source_key: str,
        content_type: str,
        object_id: UUID,
        if_etag: str | None = None,
        content_disposition: str = "",
    ) -> None:
        if not isinstance(source, S3MediaStorage):
            raise TypeError("copy works within one engine")
        condition = {"CopySourceIfMatch": f'"{if_etag}"'} if if_etag else {}
        if self.endpoint_url and self._came_through(key, object_id):  # such stores may ignore If-None-Match on a copy
            return
        try:
            with s3_errors(self):
                answer = self.client.copy_object(
                    **self._written(key, content_type, object_id, content_disposition),
                    **condition,
                    CopySource={"Bucket": source.bucket_name, "Key": source.object_key(source_key)},
                    MetadataDirective="REPLACE",
                    IfNoneMatch="*",
                )
        except NoSuchObject:
            raise ObjectMissing(source_key) from None
        except PreconditionFailed:
            if if_etag and not _is_still(source, source_key, if_etag):
                raise ObjectMissing(source_key) from None
            if not self._came_through(key, object_id):
                raise StorageUnavailable from None
            return
        if not if_etag or answer["CopyObjectResult"]["ETag"].strip('"') == if_etag:
            return
        # Multipart and KMS-encrypted sources have another ETag than their copies; else it is a store that does not
        # look at the condition, and the source had changed.
        encrypted = answer.get("ServerSideEncryption", "").startswith("aws:kms")
        opaque = "-" in if_etag or encrypted or not self.endpoint_url
        if not (opaque and _is_still(source, source_key, if_etag)):
            self.delete(key)
            raise ObjectMissing(source_key)

    def settle(self, object_id: UUID) -> None:
        """Nothing: the object's metadata says whose it is."""

    def owns(self, key: str, object_id: UUID) -> bool:
        try:
            return bool(self._head(key)["Metadata"].get(OBJECT_ID) == str(object_id))
        except ObjectMissing:
            return False

    def _came_through(self, key: str, object_id: UUID) -> bool:
        """Whether an earlier try of this very write did it; False where nothing lies there. Raises KeyTaken."""
        try:
            found = self._head(key)["Metadata"].get(OBJECT_ID)
        except ObjectMissing:
            return False
        if found != str(object_id):
            raise KeyTaken(key)
        return True

    def stat(self, key: str) -> ObjectStat:
        found = self._head(key)
        etag = found["ETag"].strip('"')
        return ObjectStat(key, found["ContentLength"], etag, found["LastModified"], _whole_sha256(found))

    def delete(self, name: str) -> None:
        with contextlib.suppress(NoSuchObject), s3_errors(self):
            self.client.delete_object(Bucket=self.bucket_name, Key=self.object_key(name))

    def list_objects(self, prefix: str = "") -> Iterator[ObjectStat]:
        root = len(self.object_key(""))
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket_name, Prefix=self.object_key(prefix)
        )
        with s3_errors(self):
            for page in pages:
                for item in page.get("Contents", ()):
                    etag = item["ETag"].strip('"')
                    yield ObjectStat(item["Key"][root:], item["Size"], etag, item["LastModified"])

    def url(
        self,
        name: str,
        parameters: dict[str, str] | None = None,
        expire: int | None = None,
        http_method: str | None = None,
        expires_in: int | None = None,
    ) -> str:
        if parameters or http_method:
            return str(super().url(name, parameters, expire or expires_in, http_method))
        from media_assets.signing.urls import storage_url

        return storage_url(self, name, expires_in or expire)

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """The object fetched here and now, so that a storage that fails does so inside this call."""
        try:
            with s3_errors(self):
                return cast("File[bytes]", super()._open(name, mode).open())
        except NoSuchObject:
            raise ObjectMissing(name) from None

    def _resource(self, endpoint_url: str | None) -> Any:
        with s3_errors(self):
            resource = self._create_session().resource(
                "s3",
                region_name=self.region_name,
                endpoint_url=endpoint_url,
                config=self.client_config,
                verify=self.verify,
            )
        resource.meta.client.meta.events.register("needs-retry.s3", pause_before_retry)
        watch_client(resource.meta.client, self.alias)
        return resource

    def _written(self, key: str, content_type: str, object_id: UUID, content_disposition: str) -> dict[str, Any]:
        """What every written object carries."""
        disposition = {"ContentDisposition": content_disposition} if content_disposition else {}
        acl = {"ACL": self.default_acl} if self.default_acl else {}
        return {
            **self.object_parameters,
            **acl,
            **disposition,
            "Bucket": self.bucket_name,
            "Key": self.object_key(key),
            "ContentType": content_type,
            "Metadata": {OBJECT_ID: str(object_id)},
        }

    def _head(self, key: str) -> dict[str, Any]:
        try:
            with s3_errors(self):
                head: dict[str, Any] = self.client.head_object(
                    Bucket=self.bucket_name, Key=self.object_key(key), ChecksumMode="ENABLED"
                )
                return head
        except NoSuchObject:
            raise ObjectMissing(key) from None


class PublicMediaStorage(S3MediaStorage):
    """Objects that anyone may read: by ``public-read`` ACL, or without one by bucket policy."""

    alias = "s3-public"


class PrivateMediaStorage(S3DirectUploads, S3MediaStorage):
    """Objects read only through presigned, expiring URLs; never an unsigned custom domain. It takes direct uploads."""

    alias = "s3-private"


def _is_still(source: MediaStorage, key: str, etag: str) -> bool:
    try:
        return source.stat(key).etag == etag
    except ObjectMissing:
        return False


def _whole_sha256(head: dict[str, Any]) -> str:
    """Hexadecimal; empty where the store kept none, or one of parts ("…-3")."""
    checksum = head.get("ChecksumSHA256", "")
    whole = checksum and "-" not in checksum and head.get("ChecksumType", "FULL_OBJECT") == "FULL_OBJECT"
    return base64.b64decode(checksum).hex() if whole else ""
