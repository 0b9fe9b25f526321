"""From botocore's errors to ours: what a client sees is 503, what the log says is the setting to change."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, NoCredentialsError, PartialCredentialsError
from s3transfer.exceptions import RetriesExceededError, S3DownloadFailedError, S3ValidationError
from urllib3.exceptions import HTTPError

from media_assets.errors import PartsRefused, StorageUnavailable, UploadGone

logger = logging.getLogger(__name__)


class NoSuchObject(StorageUnavailable):
    """404 for a key (a missing bucket is an unavailable storage): what nobody expects of a call is a broken store."""


class PreconditionFailed(StorageUnavailable):
    """412, or the 409 of two conditional writes that met; unexpected, as above."""


# Of uploads in parts: what a client's own list of parts can be wrong in (S3, CompleteMultipartUpload, errors).
_PARTS = ("InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML")
# What botocore lets through, of answers that break off, and what s3transfer makes of it.
_TRANSFER = (HTTPError, RetriesExceededError, S3DownloadFailedError, S3ValidationError)
_CREDENTIALS = "Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or the instance role)."
_REGION = "Set AWS_S3_REGION_NAME to the bucket's own region."
_ACL = (
    "The bucket has ACLs disabled: set AWS_DEFAULT_ACL= (empty) and let a bucket policy grant s3:GetObject on the "
    "public prefix; or enable ACLs on the bucket and keep AWS_DEFAULT_ACL=public-read."
)
_BUCKET = "Check AWS_STORAGE_BUCKET_NAME and AWS_PRIVATE_STORAGE_BUCKET_NAME: no such bucket exists."
_ACCESS = (
    "The IAM policy needs s3:ListBucket on the bucket and s3:PutObject, s3:GetObject, s3:DeleteObject on its objects "
    "(and s3:PutObjectAcl for AWS_DEFAULT_ACL=public-read; where public ACLs are blocked set AWS_DEFAULT_ACL= (empty) "
    "and use a bucket policy); for direct uploads in parts also s3:AbortMultipartUpload, s3:ListMultipartUploadParts "
    "and s3:ListBucketMultipartUploads."
)
# A HEAD has no body to name its error: there the code is the status.
FIXES = {
    "NoSuchBucket": _BUCKET,
    "InvalidBucketName": _BUCKET,
    "ParamValidationError": _BUCKET,
    "CredentialRetrievalError": _CREDENTIALS,
    "ProfileNotFound": _CREDENTIALS,
    "RuntimeError": _CREDENTIALS,  # botocore's, of role credentials that are over before they are used
    "AccessControlListNotSupported": _ACL,
    "AccessDenied": _ACCESS,
    "403": f"{_CREDENTIALS} {_ACCESS}",
    "301": _REGION,
    "400": f"{_REGION} {_CREDENTIALS}",
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "InvalidToken": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "RequestTimeTooSkewed": "Set this machine's clock (NTP).",
    "NotImplemented": "The store lacks conditional writes (If-None-Match on PutObject): use one that has them.",
}


@contextlib.contextmanager
def s3_errors(storage: Any) -> Iterator[None]:
    """Turn botocore's errors into NoSuchObject, PreconditionFailed, UploadGone, PartsRefused, or, logged,
    StorageUnavailable.

    Access denied on a look-up counts as unavailable, not as missing: without ``s3:ListBucket`` S3 says 403 for 404,
    and taking that for "not there" would lose files.
    """
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in ("NoSuchKey", "404", "NotFound"):
            raise NoSuchObject from error
        if code == "NoSuchUpload":
            raise UploadGone from error
        if code in _PARTS and error.operation_name == "CompleteMultipartUpload":
            raise PartsRefused from error
        if code in ("PreconditionFailed", "412", "ConditionalRequestConflict"):
            raise PreconditionFailed from error
        _log(storage, error)
        raise StorageUnavailable from error
    except (BotoCoreError, HTTPClientError, *_TRANSFER, ValueError, RuntimeError) as error:
        _log(storage, error)
        raise StorageUnavailable from error


def explain(error: Exception) -> tuple[str, str]:
    """What came back, and the setting to change ('' where none is known)."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        code, said = str(detail.get("Code", "")), detail.get("Message")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        what = f"{code} ({status}) at {error.operation_name}"
        return f"{what}: {said}" if said else what, FIXES.get(code, "")
    if isinstance(error, NoCredentialsError | PartialCredentialsError):
        return str(error), _CREDENTIALS
    name = type(error).__name__
    return f"{name}: {error}", FIXES.get(name, "Check AWS_S3_ENDPOINT_URL, the network and the store.")


def _log(storage: Any, error: Exception) -> None:
    what, fix = explain(error)
    logger.error("S3 bucket %s: %s. %s", storage.bucket_name, what.removesuffix("."), fix)
