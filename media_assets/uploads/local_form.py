"""Takes the upload forms of local disk as S3 takes its own: a laptop behaves like production.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html. The signature of the form is the authorisation.
Nothing is written before every field has been checked, and the file goes to disk piece by piece.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest, HttpResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from api.uploads import PIECE_BYTES
from api.wsgi import LENGTH_MAX_DIGITS
from media_assets.errors import StorageUnavailable
from media_assets.rendering import base_url
from media_assets.signing.policy import FieldRefused, PolicyError, PolicyInvalid, PolicyViolated, SignatureMismatch
from media_assets.storages import get_storage
from media_assets.storages.contract import ObjectStat
from media_assets.storages.local import PrivateLocalStorage
from media_assets.storages.local_uploads import takes_form
from media_assets.uploads.models import GRACE, Upload
from media_assets.uploads.s3_xml import S3Error, error_response, post_response

FIELDS_MAX = 64
FIELDS_MAX_BYTES = 20 * 1024  # of names and values before the file, as on S3
PRE_DATA_MAX_BYTES = 64 * 1024  # the same with the parts' own headers
_PRE_DATA_PIECE_BYTES = 8 * 1024
SLACK_SECONDS = 300  # an upload that takes as long as the sweeper waits for it must end well before
SURROUNDING_MAX_BYTES = 256 * 1024  # what a request may have besides its file
ONE_FILE = "POST requires exactly one file upload per request."
_CODES: dict[type[PolicyError], str] = {
    FieldRefused: "InvalidArgument",
    PolicyInvalid: "InvalidPolicyDocument",
    SignatureMismatch: "SignatureDoesNotMatch",
    PolicyViolated: "AccessDenied",
}


@csrf_exempt
def local_form(request: HttpRequest) -> HttpResponse:
    """``POST /api/uploads/local/``: the signed fields, then ``file``. 201, or an error as S3 words it."""
    try:
        return _answer(request)
    except S3Error as refusal:
        return error_response(refusal, {"Allow": "POST"} if refusal.code == "MethodNotAllowed" else None)
    except StorageUnavailable as error:
        unavailable = S3Error("ServiceUnavailable", str(error.detail))
        return error_response(unavailable, {"Retry-After": str(error.wait)})


local_form.answers_missing_length = True  # type: ignore[attr-defined]  # api.lengths


def _answer(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        message = "The specified method is not allowed against this resource."
        raise S3Error("MethodNotAllowed", message, Method=request.method, ResourceType="OBJECT")
    length, origin = _length(request), base_url(request)
    storage = cast(PrivateLocalStorage, get_storage("local-private"))
    with ExitStack() as stack:
        receiver = _Receiver(storage, length, stack)
        _parse(request, receiver, length)
        stored = receiver.publish()
    location = f"{origin}{storage.base_url}{quote(stored.key)}"
    response = HttpResponse(status=204)
    if receiver.fields.get("success_action_status") == "201":
        response = post_response(location=location, bucket=storage.alias, key=stored.key, etag=stored.etag)
    response.headers["ETag"], response.headers["Location"] = f'"{stored.etag}"', location
    return response


def _length(request: HttpRequest) -> int:
    """Bytes of the body. Raises S3Error where the request does not say."""
    length: str = request.META.get("CONTENT_LENGTH") or ""
    if not (length.isascii() and length.isdecimal() and len(length) <= LENGTH_MAX_DIGITS):
        raise S3Error("MissingContentLength", "You must provide the Content-Length HTTP header.")
    return int(length)


class _Receiver(FileUploadHandler):
    """Checks the fields when the file begins, writes the file, and stops the parser at its end.

    What it raises leaves the parser; what it has opened ends with ``stack``.
    """

    chunk_size = PIECE_BYTES

    def __init__(self, storage: PrivateLocalStorage, length: int, stack: ExitStack) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.posted: Callable[[], QueryDict] = QueryDict  # the fields so far; the parser's
        self.began = self.ended = False
        self._storage, self._length, self._stack = storage, length, stack
        self._size, self._sha256 = 0, hashlib.sha256()
        self._began_at = time.monotonic()

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        """Raises S3Error where the fields do not allow for the file."""
        if field_name.lower() != "file":
            raise S3Error("InvalidArgument", f"{ONE_FILE} Its field is file.", ArgumentName=field_name)
        self.fields = _fields(self.posted())
        try:
            self._min_size, self._max_size = self._storage.policy_signer().verify(self.fields, now=timezone.now())
        except PolicyError as error:
            raise _refusal(error) from None
        if not takes_form(self.fields["key"]):
            raise S3Error("AccessDenied", "Access Denied")
        self._require_open()
        if self._length > self._max_size + SURROUNDING_MAX_BYTES:
            raise self._too_large(self._length)
        self._file = self._stack.enter_context(self._storage.receive(self.fields["key"]))
        self._declared = self.fields.get("x-amz-checksum-sha256", "")
        self.began = True

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._size += len(raw_data)
        if self._size > self._max_size:
            raise self._too_large(self._size)
        if self._declared:
            self._sha256.update(raw_data)
        self._file.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile[Any] | None:
        self.ended = True
        raise StopUpload  # what follows is read, not parsed

    def publish(self) -> ObjectStat:
        """Put the file in its place. Raises S3Error for one that is too small or not the declared one."""
        if self._size < self._min_size:
            message = "Your proposed upload is smaller than the minimum allowed size"
            raise S3Error("EntityTooSmall", message, ProposedSize=self._size, MinSizeAllowed=self._min_size)
        if self._declared and base64.b64encode(self._sha256.digest()).decode() != self._declared:
            raise S3Error("BadDigest", "The SHA256 you specified did not match the calculated checksum.")
        self._require_open()
        return self._file.publish()

    def _require_open(self) -> None:
        """Raises S3Error where its upload is decided, or it has taken longer than the sweeper waits."""
        if time.monotonic() - self._began_at > GRACE.total_seconds() - SLACK_SECONDS:
            raise S3Error("RequestTimeout", "Your upload took too long.")
        with contextlib.suppress(ValueError, IndexError):
            upload_id = UUID(self.fields["key"].split("/")[1])
            status = Upload.everything.filter(upload_id=upload_id).values_list("status", flat=True).first()
            if status not in (None, Upload.STATUS_PENDING, Upload.STATUS_EXPIRED):
                raise S3Error("AccessDenied", f"The upload of this form is {status}.")

    def _too_large(self, size: int) -> S3Error:
        message = "Your proposed upload exceeds the maximum allowed size"
        return S3Error("EntityTooLarge", message, ProposedSize=size, MaxSizeAllowed=self._max_size)


class _Body:
    """The request's body: small pieces, and few, until the file begins. Raises S3Error for too much before it."""

    def __init__(self, request: HttpRequest, receiver: _Receiver) -> None:
        self._request, self._receiver = request, receiver
        self.received = 0  # bytes

    def read(self, size: int) -> bytes:
        if not self._receiver.began:
            if self.received > PRE_DATA_MAX_BYTES:
                raise _too_much()
            size = min(size, _PRE_DATA_PIECE_BYTES)
        piece: bytes = self._request.read(size)
        self.received += len(piece)
        return piece


class _FormParser(MultiPartParser):
    """Django's parser, whose handler is told of the fields before the file."""

    def __init__(self, request: HttpRequest, body: _Body, receiver: _Receiver) -> None:
        super().__init__(request.META, cast(Any, body), [receiver])
        receiver.posted = lambda: self._post  # type: ignore[attr-defined]

    def sanitize_file_name(self, file_name: str) -> str:
        """The key says what the file is called; a name that Django would drop the file for is as good."""
        return "file"


def _parse(request: HttpRequest, receiver: _Receiver, length: int) -> None:
    """Feed the body to the receiver. Raises S3Error."""
    body = _Body(request, receiver)
    try:
        _FormParser(request, body, receiver).parse()
    except UnreadablePostError:
        raise _incomplete() from None
    except (RequestDataTooBig, TooManyFieldsSent):
        raise _too_much() from None
    except (MultiPartParserError, SuspiciousOperation):
        raise S3Error(
            "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data."
        ) from None
    if body.received < length or (receiver.began and not receiver.ended):
        raise _incomplete()
    if not receiver.began:
        raise S3Error("MalformedPOSTRequest", f"{ONE_FILE} Send it last, as the field file with a file name.")


def _fields(posted: QueryDict) -> dict[str, str]:
    """The fields, their names in lower case. Raises S3Error for too many, or for one that comes twice."""
    pairs = [(name, value) for name, values in posted.lists() for value in values]
    if (
        len(pairs) > FIELDS_MAX
        or sum(len(name.encode()) + len(value.encode()) for name, value in pairs) > FIELDS_MAX_BYTES
    ):
        raise _too_much()
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name.lower() in fields:
            raise S3Error("InvalidArgument", "The form has a field twice.", ArgumentName=name, ArgumentValue=value)
        fields[name.lower()] = value
    return fields


def _refusal(error: PolicyError) -> S3Error:
    details = {}
    if isinstance(error, FieldRefused):
        details = {"ArgumentName": error.name, "ArgumentValue": error.value}
    return S3Error(_CODES[type(error)], str(error), **details)


def _too_much() -> S3Error:
    message = "Your POST request fields preceding the upload file were too large."
    return S3Error("MaxPostPreDataLengthExceededError", message, MaxPostPreDataLength=FIELDS_MAX_BYTES)


def _incomplete() -> S3Error:
    message = "You did not provide the number of bytes specified by the Content-Length HTTP header."
    return S3Error("IncompleteBody", message)
