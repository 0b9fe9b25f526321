"""Direct uploads to S3: a presigned POST form for one request, or presigned parts for large files.

The forms are those of AWS, "Browser-Based Uploads Using POST (Signature Version 4)": a field counts only where the
policy has a condition for it.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from django.utils import timezone

from media_assets.errors import ObjectMissing, UploadGone
from media_assets.signing.role import role_credentials
from media_assets.storages.contract import DirectForm, Part
from media_assets.storages.s3_errors import NoSuchObject, PreconditionFailed, s3_errors
from media_assets.storages.s3_retries import JOINING

_JOINING_PAUSES = (0.1, 0.4, 1.0, 2.0)  # seconds


class S3DirectUploads:
    """``MultipartStorage`` for an S3MediaStorage."""

    # What S3MediaStorage has.
    bucket_name: str
    client: Any
    signing_client: Any
    access_key: str | None
    object_key: Callable[[str], str]

    def direct_form(
        self, key: str, *, content_type: str, min_size: int, max_size: int, sha256: str, expires_at: datetime
    ) -> DirectForm:
        fields = {"Content-Type": content_type, "success_action_status": "201"}
        if sha256:
            fields["x-amz-checksum-algorithm"] = "SHA256"
            fields["x-amz-checksum-sha256"] = base64.b64encode(bytes.fromhex(sha256)).decode()
        conditions = [*({name: value} for name, value in fields.items()), ["content-length-range", min_size, max_size]]
        with s3_errors(self):
            form = self.signing_client.generate_presigned_post(
                self.bucket_name,
                self.object_key(key),
                Fields=dict(fields),
                Conditions=conditions,
                ExpiresIn=max(1, int((expires_at - timezone.now()).total_seconds())),
            )
        signed = form["fields"]
        return DirectForm(form["url"], {"key": signed.pop("key"), **signed})

    def read_range(self, key: str, start: int, length: int, *, etag: str) -> bytes:
        try:
            with s3_errors(self):
                answer = self.client.get_object(
                    Bucket=self.bucket_name,
                    Key=self.object_key(key),
                    Range=f"bytes={start}-{start + length - 1}",
                    IfMatch=f'"{etag}"',
                )
                with closing(answer["Body"]) as body:  # its own ``with`` gives urllib3's stream, and that one's errors
                    return bytes(body.read())
        except (NoSuchObject, PreconditionFailed):
            raise ObjectMissing(key) from None

    def signs_until(self) -> datetime | None:
        if self.access_key:
            return None
        ends_at = role_credentials()[1]
        return None if ends_at is None else datetime.fromtimestamp(ends_at, UTC)

    def multipart_begin(self, key: str, *, content_type: str) -> str:
        with self._errors():
            answer = self.client.create_multipart_upload(**self._object(key), ContentType=content_type)
            return str(answer["UploadId"])

    def multipart_part_url(self, key: str, upload_id: str, number: int, *, expires_in: int) -> str:
        params = {**self._object(key), "UploadId": upload_id, "PartNumber": number}
        with self._errors():
            return str(self.signing_client.generate_presigned_url("upload_part", Params=params, ExpiresIn=expires_in))

    def multipart_parts(self, key: str, upload_id: str) -> list[Part]:
        with self._errors():
            pages = self.client.get_paginator("list_parts").paginate(**self._object(key), UploadId=upload_id)
            return [
                Part(part["PartNumber"], part["Size"], part["ETag"].strip('"'))
                for page in pages
                for part in page.get("Parts", ())
            ]

    def multipart_complete(self, key: str, upload_id: str, parts: list[Part]) -> None:
        named = [{"PartNumber": part.number, "ETag": f'"{part.etag}"'} for part in parts]
        upload = {**self._object(key), "UploadId": upload_id}
        with self._errors():
            for pause in (*_JOINING_PAUSES, None):
                try:
                    self.client.complete_multipart_upload(**upload, MultipartUpload={"Parts": named})
                    return
                except ClientError as error:
                    self.client.list_parts(**upload, MaxParts=1)  # of parts that another has joined: no such upload
                    if pause is None or error.response["Error"].get("Code") != JOINING:
                        raise
                time.sleep(pause)

    def multipart_abort(self, key: str, upload_id: str) -> None:
        try:
            with self._errors():
                self.client.abort_multipart_upload(**self._object(key), UploadId=upload_id)
        except UploadGone:
            return

    def multipart_abort_all(self, key: str) -> None:
        with s3_errors(self):
            pages = self.client.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket_name, Prefix=self.object_key(key)
            )
            found = [upload["UploadId"] for page in pages for upload in page.get("Uploads", ())]
        for upload_id in found:
            self.multipart_abort(key, upload_id)

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self.bucket_name, "Key": self.object_key(key)}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Of an upload in parts a store may also say that the key is not there."""
        try:
            with s3_errors(self):
                yield
        except NoSuchObject:
            raise UploadGone from None
