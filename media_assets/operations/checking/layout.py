"""What the settings want of each bucket: what lies where, who may read it, which browsers come to it."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError

from media_assets.models import MediaAsset, Visibility
from media_assets.storages import is_configured
from media_assets.uploads.models import GRACE

PUBLIC, PRIVATE = "s3-public", "s3-private"
ANY_ORIGIN = "*"


@dataclass(frozen=True, slots=True)
class BucketUse:
    """One bucket. A location is a folder without its slash, '' the root; None: no such files lie in this bucket."""

    name: str
    region: str
    endpoint_url: str | None  # None: AWS
    public_location: str | None
    private_location: str | None
    public_acl: str | None = None  # of public objects; None: a bucket policy (or a CDN) lets readers in
    custom_domain: str | None = None
    origins: tuple[str, ...] = ()  # of browsers; "*": any
    upload_seconds: int = 86_400  # a file in staging may be needed for so long

    @property
    def label(self) -> str:
        return f"s3 bucket {self.name}"

    @property
    def staging_prefix(self) -> str:
        """Of direct uploads. There are some where private files lie."""
        return prefix_of(self.private_location or "") + "staging/"


def prefix_of(location: str) -> str:
    """What the keys of a location begin with."""
    return f"{location}/" if location else ""


def tag_of(location: str) -> str:
    """Letters and digits that tell the rules of one location from those of another site in the same bucket."""
    return hashlib.sha256(location.encode()).hexdigest()[:8]


def bucket_uses() -> list[BucketUse]:
    """The bucket that both pairs share, or the public and the private one; none where S3 is not configured."""
    if not is_configured(PUBLIC):
        return []
    public, private = (settings.STORAGES[alias]["OPTIONS"] for alias in (PUBLIC, PRIVATE))
    public_location = public["location"] if serves_public() else None
    if public["bucket_name"] == private["bucket_name"]:
        return [_use(public, public_location, private["location"])]
    uses = [_use(private, None, private["location"])]
    return [_use(public, public_location, None), *uses] if serves_public() else uses


def serves_public() -> bool:
    """Whether anything in S3 is to be public: in a private site only what is from another time."""
    if settings.MEDIA_DEFAULT_VISIBILITY == Visibility.PUBLIC:
        return True
    try:
        return MediaAsset.objects.live().filter(storage=PUBLIC).exists()
    except DatabaseError:  # not migrated yet; the step that looks into the registry says so
        return False


def browser_origins() -> tuple[str, ...]:
    """The origins whose pages read from the storage and upload to it."""
    if settings.CORS_ALLOW_ALL_ORIGINS:
        return (ANY_ORIGIN,)
    base = urlsplit(settings.PUBLIC_BASE_URL)
    own = [f"{base.scheme}://{base.netloc}"] if base.netloc else []
    return tuple(dict.fromkeys([*own, *settings.CORS_ALLOWED_ORIGINS]))


def new_run() -> str:
    """A folder of its own for what one check writes."""
    return f"storage-check/{uuid.uuid4()}"


def _use(options: Mapping[str, Any], public_location: str | None, private_location: str | None) -> BucketUse:
    public = settings.STORAGES[PUBLIC]["OPTIONS"]
    return BucketUse(
        name=options["bucket_name"],
        region=options["region_name"],
        endpoint_url=options["endpoint_url"],
        public_location=public_location,
        private_location=private_location,
        public_acl=public["default_acl"],
        custom_domain=public["custom_domain"],
        origins=browser_origins(),
        upload_seconds=max(settings.UPLOAD_MULTIPART_SECONDS, settings.UPLOAD_FORM_SECONDS)
        + int(GRACE.total_seconds()),
    )


def locations(use: BucketUse) -> list[str]:
    """Where files lie; the root alone, where that is one of them."""
    found = [one for one in (use.public_location, use.private_location) if one is not None]
    return [""] if "" in found else found
