"""The XML documents with which S3 answers a form.

https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html (PostResponse),
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (codes and statuses).
"""

import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

from django.http import HttpResponse

from api.request_ids import current_request_id

XML = "application/xml"
STATUSES = {
    "AccessDenied": 403,
    "BadDigest": 400,
    "EntityTooLarge": 400,
    "EntityTooSmall": 400,
    "IncompleteBody": 400,
    "InvalidArgument": 400,
    "InvalidPolicyDocument": 400,
    "MalformedPOSTRequest": 400,
    "MaxPostPreDataLengthExceededError": 400,
    "MethodNotAllowed": 405,
    "MissingContentLength": 411,
    "RequestTimeout": 400,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
}
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, 2.2


class S3Error(Exception):
    """A refusal: one of STATUSES, a sentence, and further elements (``ArgumentName=…``)."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code, self.message, self.details = code, message, details


def error_response(error: S3Error, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """The refusal as S3 sends it."""
    content = {"Code": error.code, "Message": error.message, **error.details, "RequestId": current_request_id()}
    return HttpResponse(_document("Error", content), status=STATUSES[error.code], content_type=XML, headers=headers)


def post_response(*, location: str, bucket: str, key: str, etag: str) -> HttpResponse:
    """201 with the PostResponse; ``etag`` without quotes."""
    content = {"Location": location, "Bucket": bucket, "Key": key, "ETag": f'"{etag}"'}
    return HttpResponse(_document("PostResponse", content), status=201, content_type=XML)


def _document(root: str, content: Mapping[str, object]) -> str:
    elements = "".join(f"<{name}>{_text(value)}</{name}>" for name, value in content.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{elements}</{root}>'


def _text(value: object) -> str:
    return escape(_NOT_IN_XML.sub("\ufffd", str(value)))
