"""Examples and names of direct uploads for the API's description."""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from api.openapi import IDEMPOTENCY_KEY
from media_assets.examples import UPLOAD_ID
from media_assets.uploads import serializers as shown
from media_assets.uploads.multipart import MAX_PART_NUMBER

Method = TypeVar("Method", bound=Callable[..., Any])
MULTIPART, FORM, JSON = "multipart/form-data", "application/x-www-form-urlencoded", "application/json"
_ERROR = {"$ref": "#/components/schemas/Error"}
_BUCKET = "vitrine-private"
_STORE = f"https://{_BUCKET}.s3.us-east-1.amazonaws.com"
_KEY = f"private/staging/{UPLOAD_ID}/IMG_1.jpg"
_SIGNED = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600&X-Amz-Signature=5f1c"
_FIELDS = {
    "key": _KEY,
    "Content-Type": "image/jpeg",
    "success_action_status": "201",
    "x-amz-algorithm": "AWS4-HMAC-SHA256",
    "x-amz-credential": "AKIDEXAMPLE/20260112/us-east-1/s3/aws4_request",
    "x-amz-date": "20260112T143022Z",
    "policy": "eyJleHBpcmF0aW9uIjogIjIwMjYtMDEtMTIi...",
    "x-amz-signature": "5f1c0d3e",
}
_URL = f"{_STORE}/private/uploads/3f0c8a4e-5f0b-4f4b-9a53-8f1d4a1f2b6c_IMG_1.jpg?{_SIGNED}"
_MEDIA = {
    "id": 7,
    "state": "ready",
    "url": _URL,
    "expires_at": "2026-01-12T15:30:00Z",
    "width": 4608,
    "height": 1976,
    "content_type": "image/jpeg",
    "size": 2190194,
    "original_filename": "IMG_1.jpg",
    "placeholder": None,
    "location_removed": False,
    "variants": [],
}
_PENDING = {
    "upload_id": UPLOAD_ID,
    "status": "pending",
    "original_filename": "IMG_1.jpg",
    "content_type": "image/jpeg",
    "size": 2190194,
    "expires_at": "2026-01-12T14:45:22Z",
    "max_file_size": 104857600,
    "attached": False,
    "media": None,
}
_COMPLETE = {**_PENDING, "status": "complete", "media": _MEDIA}
_WITH_FORM = {
    **_PENDING,
    "method": "POST",
    "form_url": f"{_STORE}/",
    "form_fields": _FIELDS,
    "url": f"{_STORE}/",
    "fields": _FIELDS,
    "headers": {},
}
_NEW = {"original_filename": "IMG_1.jpg", "content_type": "image/jpeg", "size": 2190194}


class Described(Protocol):
    """A decorator that leaves the method's type as it is."""

    def __call__(self, method: Method, /) -> Method: ...


def _answer(name: str, value: Any, status: str = "200") -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True, status_codes=[status])


def _refusal(description: str, detail: str, code: str) -> OpenApiResponse:
    return OpenApiResponse(_ERROR, description, [OpenApiExample("Error", {"detail": detail, "code": code})])


def _named(operation_id: str, **about: Any) -> Described:
    described: Described = extend_schema(operation_id=operation_id, tags=["uploads"], **about)
    return described


_NOT_YET = _refusal(
    "The file is not there yet (`not_uploaded`), its time is over (`upload_expired`), or other bytes arrived during "
    "the check (`upload_changed`).",
    "The file has not arrived. Send it with the form first.",
    "not_uploaded",
)
_REJECTED = _refusal(
    "The file is not what was declared, or is not accepted; it is deleted.",
    "The file was declared as image/png but is: image/jpeg. Send the right file, or declare its true type.",
    "type_mismatch",
)
_ATTACHED = _refusal(
    "A resource has taken it.",
    "This upload is already used. Upload the file again to use it once more.",
    "upload_attached",
)
_LIMIT = _refusal(
    "No more uploads, or bytes, for this user now; or a request with this `Idempotency-Key` still runs.",
    "100 uploads are begun and not finished. Finish or delete some first.",
    "too_many_uploads",
)
_CLOSED = _refusal(
    "It is complete or rejected (`upload_closed`), or there is no room for it (`quota_exceeded`, `too_many_uploads`).",
    "This upload is complete. Begin a new one.",
    "upload_closed",
)
_UNREADABLE = _refusal(
    "It is not complete, or its image cannot be delivered.",
    "This upload is pending: only a complete one has a file to read.",
    "not_complete",
)
UPLOAD_OPERATIONS: dict[str, Any] = {
    "list": _named(
        "uploads_list",
        responses=shown.DirectUploadSerializer(many=True),
        examples=[_answer("A complete one", _COMPLETE)],
    ),
    "create": _named(
        "uploads_create",
        parameters=[IDEMPOTENCY_KEY],
        request=dict.fromkeys((JSON, MULTIPART, FORM), shown.NewUploadSerializer),
        responses={201: shown.UploadWithFormSerializer, 409: _LIMIT},
        examples=[
            OpenApiExample("A photo", _NEW, request_only=True, media_type=JSON),
            _answer("Its form", _WITH_FORM, "201"),
        ],
    ),
    "retrieve": _named(
        "uploads_retrieve", responses=shown.DirectUploadSerializer, examples=[_answer("A complete one", _COMPLETE)]
    ),
    "destroy": _named("uploads_destroy", responses={204: None, 409: _ATTACHED}),
    "complete": _named(
        "uploads_complete",
        request=None,
        responses={200: shown.DirectUploadSerializer, 409: _NOT_YET, 422: _REJECTED},
        examples=[_answer("Complete", _COMPLETE)],
    ),
    "renew": _named(
        "uploads_renew",
        request=None,
        responses={200: shown.UploadWithFormSerializer, 409: _CLOSED},
        examples=[_answer("A fresh form", _WITH_FORM)],
    ),
    "url": _named(
        "uploads_url",
        parameters=[shown.UrlQuerySerializer],
        responses={200: shown.UploadUrlSerializer, 409: _UNREADABLE},
        examples=[
            _answer(
                "A private file", {"url": _URL, "content_type": "image/jpeg", "name": "IMG_1.jpg", "expires_in": 3600}
            )
        ],
    ),
}
_METADATA = [
    OpenApiParameter(f"metadata[{name}]", kind, description=text)
    for name, kind, text in (
        ("name", OpenApiTypes.STR, "Stands for `filename`."),
        ("size", OpenApiTypes.STR, "Bytes; what is no number is ignored."),
        ("sha256", OpenApiTypes.STR, "Hexadecimal."),
        ("prefix", OpenApiTypes.STR, "The folder of the file that becomes of it."),
    )
]
_PART_URL = f"{_STORE}/{_KEY}?partNumber=1&uploadId=2c9f&{_SIGNED}"
_NO_PARTS = _refusal(
    "The storage takes no parts, or there is no room for more.",
    "Uploads in parts need S3. Send the file with the single form, whatever its size.",
    "multipart_unsupported",
)
_NO_LONGER = _refusal(
    "It takes no parts (`not_multipart`), or none any more (`upload_expired`, `upload_closed`, `upload_gone`).",
    "The store does not have this upload in parts any more. Begin a new one.",
    "upload_gone",
)
_NO_NUMBER = OpenApiResponse({"$ref": "#/components/schemas/ValidationErrors"}, "No part has such a number.")
_NUMBER_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_PART_NUMBER}
UPPY_OPERATIONS: dict[str, Described] = {
    "params": _named(
        "uploads_s3_params",
        parameters=[
            OpenApiParameter("filename", OpenApiTypes.STR, required=True),
            OpenApiParameter("type", OpenApiTypes.STR, required=True, description="Its content type."),
            *_METADATA,
        ],
        responses={200: shown.UppyParamsSerializer, 409: _LIMIT},
        examples=[
            _answer(
                "A form",
                {
                    "method": "POST",
                    "url": f"{_STORE}/",
                    "fields": _FIELDS,
                    "headers": {},
                    "expires": 899,
                    "upload_id": UPLOAD_ID,
                    "key": _KEY,
                },
            )
        ],
    ),
    "create": _named(
        "uploads_s3_multipart_create",
        request={JSON: shown.UppyMultipartNewSerializer},
        responses={200: shown.UppyMultipartSerializer, 409: _NO_PARTS},
        examples=[
            OpenApiExample(
                "A large photo",
                {"filename": "IMG_1.jpg", "type": "image/jpeg", "metadata": {"name": "IMG_1.jpg", "size": 62914560}},
                request_only=True,
            ),
            _answer("Begun", {"key": _KEY, "uploadId": UPLOAD_ID, "bucket": _BUCKET, "upload_id": UPLOAD_ID}),
        ],
    ),
    "list_parts": _named(
        "uploads_s3_multipart_parts",
        responses={200: shown.PartSerializer(many=True), 409: _NO_LONGER},
        examples=[
            _answer("One part", {"PartNumber": 1, "ETag": '"9bb58f26192e4ba00f01e2e7b136bbd8"', "Size": 8388608})
        ],
    ),
    "part_url": _named(
        "uploads_s3_multipart_part_url",
        parameters=[OpenApiParameter("number", _NUMBER_SCHEMA, OpenApiParameter.PATH, description="Of the part.")],
        responses={200: shown.PartUrlSerializer, 400: _NO_NUMBER, 409: _NO_LONGER},
        examples=[_answer("A part", {"url": _PART_URL, "expires": 86399})],
    ),
    "part_urls": _named(
        "uploads_s3_multipart_part_urls",
        parameters=[
            OpenApiParameter("partNumbers", OpenApiTypes.STR, required=True, description="Part numbers, `1,2,3`.")
        ],
        responses={200: shown.PartUrlsSerializer, 409: _NO_LONGER},
        examples=[_answer("Two parts", {"presignedUrls": {"1": _PART_URL, "2": _PART_URL.replace("=1", "=2", 1)}})],
    ),
    "complete": _named(
        "uploads_s3_multipart_complete",
        request={JSON: shown.NamedPartsSerializer},
        responses={200: shown.UppyCompletedSerializer, 409: _NO_LONGER, 422: _REJECTED},
        examples=[
            OpenApiExample(
                "Two parts",
                {"parts": [{"PartNumber": 1, "ETag": "9bb58f26"}, {"PartNumber": 2, "ETag": "5f1c0d3e"}]},
                request_only=True,
            ),
            _answer(
                "Complete",
                {
                    "location": f"{_STORE}/{_KEY}",
                    "key": _KEY,
                    "bucket": _BUCKET,
                    "upload_id": UPLOAD_ID,
                    "status": "complete",
                    "media": _MEDIA,
                },
            ),
        ],
    ),
    "abort": _named(
        "uploads_s3_multipart_abort",
        responses={200: OpenApiResponse({"type": "object", "maxProperties": 0}, "Given up."), 409: _ATTACHED},
    ),
}
