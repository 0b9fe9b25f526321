"""The switch: from the environment to Django's ``STORAGES``.

A pure function of a mapping: nothing is imported from Django, nothing is connected, nothing is written.
``USE_S3`` decides where *new* files go (the alias ``default``); the other aliases stay reachable, because every
file remembers where it lives.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from config.variables import Problem, Variables

LOCAL_BASE_URL = "/media/"
LOCAL_PRIVATE_BASE_URL = "/media/private/"
MAX_EXPIRY_SECONDS = 604_800  # the longest life of a SigV4 query signature (AWS, "Authenticating Requests")
MAX_CACHE_AGE_SECONDS = 604_800  # a deleted file's key is free again after 8 days: no cache may show it longer
PUBLIC, PRIVATE = "public", "private"

BUCKET_NAMES = ("AWS_STORAGE_BUCKET_NAME", "DJANGO_AWS_STORAGE_BUCKET_NAME", "AWS_S3_BUCKET_NAME")
ACCESS_KEY_NAMES = ("AWS_ACCESS_KEY_ID", "DJANGO_AWS_ACCESS_KEY_ID", "AWS_S3_ACCESS_KEY_ID")
SECRET_KEY_NAMES = ("AWS_SECRET_ACCESS_KEY", "DJANGO_AWS_SECRET_ACCESS_KEY", "AWS_S3_SECRET_ACCESS_KEY")
TOKEN_NAMES = ("AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "DJANGO_AWS_SESSION_TOKEN")
REGION_NAMES = ("AWS_S3_REGION_NAME", "DJANGO_AWS_S3_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION")
CANNED_ACLS = (
    *("private", "public-read", "public-read-write", "authenticated-read", "bucket-owner-read"),
    *("bucket-owner-full-control", "aws-exec-read"),
)

# Regions that answer on the global host `<bucket>.s3.amazonaws.com`; those launched after 20 March 2019 do not
# (AWS, "Methods for accessing a general purpose bucket", legacy global endpoint).
GLOBAL_HOST_REGIONS = frozenset(
    (
        *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1"),
        *("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-2", "eu-west-3", "ap-south-1"),
        *("ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"),
    )
)


@dataclass(frozen=True)
class MediaEnvironment:
    """What the environment says of media. ``storages`` goes into ``settings.STORAGES`` as it is."""

    use_s3: bool
    default_visibility: str
    expiry_seconds: int
    cache_max_age_seconds: int
    media_url: str
    media_root: Path
    private_media_root: Path
    active: dict[str, str]  # visibility -> alias that new files go to
    storages: dict[str, dict[str, Any]]
    problems: tuple[Problem, ...]


def read_media_environment(env: Mapping[str, str], base_dir: Path) -> MediaEnvironment:
    """Read every media variable of ``env``; relative folders are taken below ``base_dir``.

    Never raises: what is wrong stands in ``problems`` (the system checks show them and stop the start) and a safe
    value takes its place.
    """
    read = Variables(env)
    bucket = read.first(*BUCKET_NAMES)
    switch = read.boolean("USE_S3")
    use_s3 = bool(bucket) if switch is None else switch
    if use_s3 and not bucket:
        read.problem(
            "AWS_STORAGE_BUCKET_NAME",
            "USE_S3 is on, but no bucket is named.",
            "Set AWS_STORAGE_BUCKET_NAME, or USE_S3=False for local disk.",
        )
        use_s3 = False
    visibility = _default_visibility(read)
    expiry = read.integer("AWS_QUERYSTRING_EXPIRE", 3600, minimum=1, maximum=MAX_EXPIRY_SECONDS)
    max_age = read.integer(
        "MEDIA_CACHE_MAX_AGE_SECONDS", _object_max_age(read), minimum=0, maximum=MAX_CACHE_AGE_SECONDS
    )
    media_root, private_root = _local_roots(read, base_dir)

    storages = {
        f"local-{PUBLIC}": _local("PublicLocalStorage", media_root, LOCAL_BASE_URL, expiry),
        f"local-{PRIVATE}": _local("PrivateLocalStorage", private_root, LOCAL_PRIVATE_BASE_URL, expiry),
    }
    if bucket:
        storages |= _s3_pair(read, bucket, visibility, expiry, max_age)
    engine = "s3" if use_s3 else "local"
    storages["default"] = storages[f"{engine}-{visibility}"]
    return MediaEnvironment(
        use_s3=use_s3,
        default_visibility=visibility,
        expiry_seconds=expiry,
        cache_max_age_seconds=max_age,
        media_url=storages[f"s3-{PUBLIC}"]["OPTIONS"]["public_base_url"] if use_s3 else LOCAL_BASE_URL,
        media_root=media_root,
        private_media_root=private_root,
        active={kind: f"{engine}-{kind}" for kind in (PUBLIC, PRIVATE)},
        storages=storages,
        problems=tuple(read.problems),
    )


def public_base_url(options: Mapping[str, Any]) -> str:
    """The URL, with its final slash, under which the bucket's public objects are read.

    A custom domain wins; then the endpoint that browsers reach (path or virtual-host style); on AWS the global host
    that the systems this one replaces print, and the regional one where the global host does not answer.
    """
    location = f"{options['location']}/" if options["location"] else ""
    bucket, region = options["bucket_name"], options["region_name"]
    if domain := options["custom_domain"]:
        return f"{options['url_protocol']}//{domain}/{location}"
    if endpoint := options["public_endpoint_url"] or options["endpoint_url"]:
        if options["addressing_style"] == "path":
            return f"{endpoint}/{bucket}/{location}"
        scheme, _, host = endpoint.partition("://")
        return f"{scheme}://{bucket}.{host}/{location}"
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    if "." in bucket:  # a wildcard certificate does not cover a dotted bucket name
        return f"https://s3.{region}.{suffix}/{bucket}/{location}"
    if region in GLOBAL_HOST_REGIONS:
        return f"https://{bucket}.s3.{suffix}/{location}"
    return f"https://{bucket}.s3.{region}.{suffix}/{location}"


def _default_visibility(read: Variables) -> str:
    acl_private = read.first("AWS_DEFAULT_ACL") == "private"
    implied = PRIVATE if acl_private or read.boolean("AWS_QUERYSTRING_AUTH") else PUBLIC
    visibility = read.choice("MEDIA_DEFAULT_VISIBILITY", (PUBLIC, PRIVATE), implied)
    if visibility == PUBLIC and acl_private:
        read.problem(
            "AWS_DEFAULT_ACL",
            "MEDIA_DEFAULT_VISIBILITY=public contradicts AWS_DEFAULT_ACL=private: public files could not be read.",
            "Leave MEDIA_DEFAULT_VISIBILITY out for private files, or set AWS_DEFAULT_ACL=public-read (or empty, "
            "with a bucket policy) for public ones.",
        )
    return visibility


def _object_max_age(read: Variables) -> int:
    """``max-age`` out of ``AWS_S3_OBJECT_PARAMETERS`` (JSON or a Python dict), else one day."""
    text = read.first("AWS_S3_OBJECT_PARAMETERS")
    if not text:
        return 86_400
    try:
        cache_control = dict(json.loads(text.replace("'", '"'))).get("CacheControl", "max-age=86400")
        seconds = int(str(cache_control).split("max-age=")[1].split(",")[0])
        if 0 <= seconds <= MAX_CACHE_AGE_SECONDS:
            return seconds
        raise ValueError(seconds)
    except (ValueError, IndexError, TypeError):
        read.problem(
            "AWS_S3_OBJECT_PARAMETERS",
            "AWS_S3_OBJECT_PARAMETERS is not JSON with a CacheControl of the form max-age=SECONDS, at most 604800.",
            'Write AWS_S3_OBJECT_PARAMETERS={"CacheControl": "max-age=86400"}, or MEDIA_CACHE_MAX_AGE_SECONDS=86400.',
        )
        return 86_400


def _local_roots(read: Variables, base_dir: Path) -> tuple[Path, Path]:
    public = (base_dir / read.first("MEDIA_ROOT", default="media")).resolve()
    private = (base_dir / read.first("PRIVATE_MEDIA_ROOT", default="private_media")).resolve()
    if public == private or public in private.parents or private in public.parents:
        read.problem(
            "PRIVATE_MEDIA_ROOT",
            f"PRIVATE_MEDIA_ROOT ({private}) and MEDIA_ROOT ({public}) are not two separate folders: whatever serves "
            "the public folder would serve the private files.",
            "Set them to two folders, neither inside the other.",
        )
    return public, private


def _local(name: str, root: Path, base_url: str, expiry: int) -> dict[str, Any]:
    options = {"location": str(root), "base_url": base_url}
    if name.startswith("Private"):
        options["querystring_expire"] = expiry  # type: ignore[assignment]
    return {"BACKEND": f"media_assets.storages.local.{name}", "OPTIONS": options}


def _s3_pair(read: Variables, bucket: str, visibility: str, expiry: int, max_age: int) -> dict[str, dict[str, Any]]:
    endpoint = read.url("AWS_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    public_endpoint = read.url("AWS_S3_PUBLIC_ENDPOINT_URL")
    access, secret = read.first(*ACCESS_KEY_NAMES), read.first(*SECRET_KEY_NAMES)
    if bool(access) != bool(secret):
        missing = "AWS_SECRET_ACCESS_KEY" if access else "AWS_ACCESS_KEY_ID"
        read.problem(
            missing, f"{missing} is missing beside its other half.", "Set both keys, or neither (instance role)."
        )
        access = secret = ""
    signature = read.first("AWS_S3_SIGNATURE_VERSION", default="s3v4")
    if signature != "s3v4":
        read.problem(
            "AWS_S3_SIGNATURE_VERSION",
            f"AWS_S3_SIGNATURE_VERSION={signature!r}: only SigV4 URLs work in every region.",
            "Remove it, or set AWS_S3_SIGNATURE_VERSION=s3v4.",
        )
    if read.boolean("AWS_S3_FILE_OVERWRITE"):
        read.problem(
            "AWS_S3_FILE_OVERWRITE",
            "AWS_S3_FILE_OVERWRITE is on, but a key is written only once here.",
            "Remove it, or set AWS_S3_FILE_OVERWRITE=False.",
        )
    private_bucket = read.first("AWS_PRIVATE_STORAGE_BUCKET_NAME", default=bucket)
    public_location, private_location = _locations(read, bucket, private_bucket, visibility)
    domain, protocol = _custom_domain(read)
    cloudfront = _cloudfront(read, domain)
    base: dict[str, Any] = {
        "access_key": access or None,
        "secret_key": secret or None,
        "security_token": read.first(*TOKEN_NAMES) or None,
        "region_name": read.first(*REGION_NAMES, default="us-east-1"),
        "endpoint_url": endpoint,
        "public_endpoint_url": public_endpoint,
        "signature_version": "s3v4",
        "addressing_style": read.choice(
            "AWS_S3_ADDRESSING_STYLE", ("virtual", "path"), "path" if endpoint else "virtual"
        ),
        "querystring_expire": expiry,
        "file_overwrite": False,
        "url_protocol": protocol,
        "connect_timeout": read.integer("AWS_S3_CONNECT_TIMEOUT", 3, minimum=1, maximum=60),
        "read_timeout": read.integer("AWS_S3_READ_TIMEOUT", 10, minimum=1, maximum=600),
    }
    acl = _public_acl(read)
    public: dict[str, Any] = {
        "bucket_name": bucket,
        "location": public_location,
        "default_acl": acl,
        "querystring_auth": False,
        "custom_domain": domain,
        "object_parameters": {"CacheControl": f"public, max-age={max_age}"},
    }
    public["public_base_url"] = public_base_url(base | public)
    private = {
        "bucket_name": private_bucket,
        "location": private_location,
        "default_acl": None,  # objects are private without one; buckets with ACLs disabled refuse even "private"
        "querystring_auth": True,
        "custom_domain": domain if cloudfront else None,
        "object_parameters": {"CacheControl": f"private, max-age={max_age}"},
    } | cloudfront
    backend = "media_assets.storages.s3"
    return {
        f"s3-{PUBLIC}": {"BACKEND": f"{backend}.PublicMediaStorage", "OPTIONS": base | public},
        f"s3-{PRIVATE}": {"BACKEND": f"{backend}.PrivateMediaStorage", "OPTIONS": base | private},
    }


def _public_acl(read: Variables) -> str | None:
    """The ACL of public objects: ``public-read`` unless ``AWS_DEFAULT_ACL`` says otherwise; set but empty means none
    (buckets with ACLs disabled, public by bucket policy)."""
    if "AWS_DEFAULT_ACL" not in read.env:
        return "public-read"
    acl = read.first("AWS_DEFAULT_ACL")
    if acl and acl not in CANNED_ACLS:
        read.problem(
            "AWS_DEFAULT_ACL",
            f"AWS_DEFAULT_ACL={acl!r} is not an S3 canned ACL.",
            "Set AWS_DEFAULT_ACL=public-read, or AWS_DEFAULT_ACL= (empty) with a bucket policy.",
        )
        return None
    return None if acl == "private" else acl or None


def _locations(read: Variables, bucket: str, private_bucket: str, visibility: str) -> tuple[str, str]:
    public = read.env.get("AWS_LOCATION", "media").strip().strip("/")
    own_root = private_bucket != bucket or visibility == PRIVATE
    private = read.env.get("AWS_PRIVATE_LOCATION", "" if own_root else "private").strip().strip("/")
    shared = private_bucket == bucket
    if shared and (public == private or not public or f"{private}/".startswith(f"{public}/")):
        read.problem(
            "AWS_PRIVATE_LOCATION",
            f"Private objects ({private or 'the root'!r}) would lie inside the public prefix ({public or 'the root'!r})"
            " of one bucket: a public bucket policy would show them.",
            "Set AWS_PRIVATE_LOCATION=private, or a bucket of their own in AWS_PRIVATE_STORAGE_BUCKET_NAME.",
        )
    return public, private


def _custom_domain(read: Variables) -> tuple[str | None, str]:
    domain = read.first("AWS_S3_CUSTOM_DOMAIN")
    if "://" in domain or domain.endswith("/"):
        read.problem(
            "AWS_S3_CUSTOM_DOMAIN",
            f"AWS_S3_CUSTOM_DOMAIN={domain!r} must be a host name only.",
            f"Write AWS_S3_CUSTOM_DOMAIN={urlsplit(domain).netloc or domain.rstrip('/')}",
        )
        domain = ""
    protocol = read.choice("AWS_S3_URL_PROTOCOL", ("https:", "http:", "https", "http"), "https:")
    return domain or None, protocol.rstrip(":") + ":"


def _cloudfront(read: Variables, domain: str | None) -> dict[str, str]:
    key, key_id = read.first("AWS_CLOUDFRONT_KEY"), read.first("AWS_CLOUDFRONT_KEY_ID")
    if bool(key) != bool(key_id):
        missing = "AWS_CLOUDFRONT_KEY_ID" if key else "AWS_CLOUDFRONT_KEY"
        read.problem(missing, f"{missing} is missing beside its other half.", "Set both, or neither.")
        return {}
    if key and not domain:
        read.problem(
            "AWS_S3_CUSTOM_DOMAIN",
            "AWS_CLOUDFRONT_KEY signs URLs of a custom domain, but none is set.",
            "Set AWS_S3_CUSTOM_DOMAIN to the distribution's host name.",
        )
        return {}
    return {"cloudfront_key": key.replace("\\n", "\n"), "cloudfront_key_id": key_id} if key else {}
