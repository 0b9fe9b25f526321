"""The S3 calls of Uppy's Companion, as ``@uppy/aws-s3`` makes them; what they begin are uploads like all others.

https://github.com/transloadit/uppy, packages/@uppy/aws-s3/src/s3-client/CompanionS3.ts. The ``key`` that the client
sends along is not read: the record of the upload knows its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast
from uuid import UUID

from django.utils import timezone
from rest_framework import viewsets
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from api.serializers import SEND_ONCE
from api.throttles import UserThrottle
from media_assets.models import Upload
from media_assets.uploads import multipart, services
from media_assets.uploads.examples import UPPY_OPERATIONS
from media_assets.uploads.rendering import METHOD, sendable_form, upload_row
from media_assets.uploads.serializers import NewUploadSerializer
from media_assets.uploads.views import THROTTLE_SCOPE

_SIZE = re.compile(r"[0-9]{1,18}")
_NOTHING = ("", "null", "undefined")  # what JavaScript's String() makes of nothing
_OURS = {"filename": "original_filename", "type": "content_type"}
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}
_DECLARED = ("size", "sha256", "prefix")
_METADATA = ("name", *_DECLARED)


class UppyViewSet(viewsets.ViewSet):
    """Single forms and uploads in parts for Uppy. Uploads of others are not there (404)."""

    http_method_names = ["get", "post", "delete", "options"]  # a HEAD would begin an upload too
    throttle_scope = THROTTLE_SCOPE

    def get_throttles(self) -> list[BaseThrottle]:
        """What begins an upload is counted."""
        return [UserThrottle()] if self.action in ("params", "create") else []

    @UPPY_OPERATIONS["params"]
    def params(self, request: Request) -> Response:
        """Begin an upload with a single form. `metadata[name]` stands for `filename`; `metadata[size]` (bytes),
        `metadata[sha256]`, `metadata[prefix]` as for any upload. All else of the metadata is ignored."""
        metadata = _once(request, (f"metadata[{name}]" for name in _METADATA))
        named = {name.removeprefix("metadata[").removesuffix("]"): value for name, value in metadata.items()}
        upload = _begin(request, _once(request, _OURS), named)
        form = sendable_form(upload, request)
        return Response(
            {
                "method": METHOD,
                "url": form.url,
                "fields": form.fields,
                "headers": {},
                "expires": _seconds_left(upload),
                "upload_id": str(upload.upload_id),
                "key": form.fields["key"],
            }
        )

    @UPPY_OPERATIONS["create"]
    def create(self, request: Request) -> Response:
        """Begin an upload in parts. 409 where the storage takes none: the single form carries any size."""
        sent = cast(Mapping[str, Any], request.data)
        metadata = sent.get("metadata") or {}
        if not isinstance(metadata, Mapping):
            raise ValidationError({"metadata": ["Send an object."]})
        upload = _begin(request, sent, metadata, in_parts=True)
        upload_id, storage = str(upload.upload_id), _store(upload)
        key = storage.object_key(upload.staging_key)
        return Response({"key": key, "uploadId": upload_id, "bucket": storage.bucket_name, "upload_id": upload_id})

    @UPPY_OPERATIONS["list_parts"]
    def list_parts(self, request: Request, upload_id: UUID) -> Response:
        """The parts that have come, by number."""
        parts = multipart.parts_of(_own(request, upload_id))
        return Response([{"PartNumber": one.number, "ETag": f'"{one.etag}"', "Size": one.size} for one in parts])

    @UPPY_OPERATIONS["part_url"]
    def part_url(self, request: Request, upload_id: UUID, number: str) -> Response:
        """Where one part is PUT."""
        upload = _own(request, upload_id)
        try:
            wanted = multipart.part_number(number)
        except ValueError as error:
            raise ValidationError({"number": [str(error)]}) from error
        urls, expires_in = multipart.part_urls(upload, [wanted])
        return Response({"url": urls[wanted], "expires": expires_in})

    @UPPY_OPERATIONS["part_urls"]
    def part_urls(self, request: Request, upload_id: UUID) -> Response:
        """Where several parts are PUT, 1000 at most."""
        upload = _own(request, upload_id)
        try:
            wanted = multipart.part_numbers(_once(request, ["partNumbers"]).get("partNumbers", ""))
        except ValueError as error:
            raise ValidationError({"partNumbers": [str(error)]}) from error
        urls, _ = multipart.part_urls(upload, wanted)
        return Response({"presignedUrls": {str(number): url for number, url in urls.items()}})

    @UPPY_OPERATIONS["complete"]
    def complete(self, request: Request, upload_id: UUID) -> Response:
        """Join the parts, then have the file checked as by `/complete/` of any upload. Again: the same answer."""
        upload, sent = _own(request, upload_id), cast(Mapping[str, Any], request.data)
        upload = multipart.multipart_complete(upload, multipart.checked_parts(sent.get("parts")))
        shown, storage = upload_row(upload, request), _store(upload)
        return Response(
            {
                "location": storage.url(upload.staging_key).partition("?")[0],
                "key": storage.object_key(upload.staging_key),
                "bucket": storage.bucket_name,
                **{name: shown[name] for name in ("upload_id", "status", "media")},
            }
        )

    @UPPY_OPERATIONS["abort"]
    def abort(self, request: Request, upload_id: UUID) -> Response:
        """Give an upload up, with what has come of it. Again: the same answer."""
        multipart.multipart_abort(upload_id, request.user)
        return Response({})


def _begin(request: Request, sent: Mapping[str, Any], metadata: Mapping[str, Any], in_parts: bool = False) -> Upload:
    """A new upload of what Uppy says of a file. Raises ValidationError in Uppy's own names, Conflict and others."""
    try:
        form = NewUploadSerializer(data=_declared(sent, metadata))
        form.is_valid(raise_exception=True)
        return services.upload_create(owner=request.user, multipart=in_parts, **form.validated_data)
    except ValidationError as error:
        raise ValidationError(_in_their_names(error.detail)) from None


def _declared(sent: Mapping[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
    declared = {ours: sent[theirs] for theirs, ours in _OURS.items() if theirs in sent}
    said = {name: value for name, value in metadata.items() if value is not None and value not in _NOTHING}
    if isinstance(said.get("name"), str):  # the name that the user may have given it in Uppy
        declared["original_filename"] = said["name"]
    declared |= {name: said[name] for name in _DECLARED if name in said}
    if not _SIZE.fullmatch(str(declared.get("size", ""))):  # somebody's own field of that name
        declared.pop("size", None)
    return declared


def _in_their_names(detail: Any) -> dict[str, Any]:
    """A refusal by field, as what Uppy calls the fields."""
    named: dict[str, Any] = {_THEIRS[name]: messages for name, messages in detail.items() if name in _THEIRS}
    others = {name: messages for name, messages in detail.items() if name not in _THEIRS}
    return {**named, "metadata": others} if others else named


def _once(request: Request, names: Iterable[str]) -> dict[str, str]:
    """Those of these parameters that are there. Raises ValidationError on one that is there twice."""
    given = {name: request.query_params.getlist(name) for name in names}
    if repeated := {name: [SEND_ONCE] for name, values in given.items() if len(values) > 1}:
        raise ValidationError(repeated)
    return {name: values[0] for name, values in given.items() if values}


def _own(request: Request, upload_id: UUID) -> Upload:
    """Raises NotFound, for other people's uploads too."""
    upload = Upload.objects.visible_to(request.user).filter(upload_id=upload_id).first()
    if upload is None:
        raise NotFound
    return upload


def _store(upload: Upload) -> Any:
    """The S3 storage that its parts went to."""
    return services.staging_storage(upload)


def _seconds_left(upload: Upload) -> int:
    return max(1, int((upload.expires_at - timezone.now()).total_seconds()))
