"""URLs that others sign: CloudFront's canned policy, and botocore's presigner where ours does not reach."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote


def cloudfront_url(storage: Any, key: str, expires_at: int) -> str:
    """A CloudFront signed URL of the storage's custom domain; ``expires_at`` in seconds since the epoch."""
    url = f"{storage.url_protocol}//{storage.custom_domain}/{quote(storage.object_key(key), safe='/~')}"
    ends = datetime.fromtimestamp(expires_at, UTC)
    return str(storage.cloudfront_signer.generate_presigned_url(url, date_less_than=ends))


def botocore_url(storage: Any, key: str, expires_in: int) -> str:
    """A presigned URL made by botocore, signed now for ``expires_in`` seconds."""
    params = {"Bucket": storage.bucket_name, "Key": storage.object_key(key)}
    return str(storage.signing_client.generate_presigned_url("get_object", Params=params, ExpiresIn=expires_in))
