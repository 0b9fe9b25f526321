"""An ``.env`` of any of the five systems that this one replaces starts this one, and means the same here."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from config.storages import MediaEnvironment, read_media_environment
from config.tests.boot import boot

BASE = Path("/srv/site")
LOCAL = {"public": "local-public", "private": "local-private"}
S3 = {"public": "s3-public", "private": "s3-private"}


class Case(NamedTuple):
    """``public`` and ``private``: bucket, location, region, key id; None where S3 is not configured."""

    lines: str
    active: dict[str, str]
    visibility: str
    media_url: str
    public: tuple[str, str, str, str | None] | None = None
    private: tuple[str, str, str, str | None] | None = None
    acl: str | None = "public-read"
    endpoint: str | None = None
    boots_as_it_is: bool = False  # it brings its own SECRET_KEY


CASES = {
    "000": Case(
        """
        USE_S3=True
        AWS_ACCESS_KEY_ID=your_access_key
        AWS_SECRET_ACCESS_KEY=your_secret_key
        AWS_STORAGE_BUCKET_NAME=your_bucket_name
        AWS_S3_REGION_NAME=your_region
        """,
        *(S3, "public", "https://your_bucket_name.s3.your_region.amazonaws.com/media/"),
        public=("your_bucket_name", "media", "your_region", "your_access_key"),
        private=("your_bucket_name", "private", "your_region", "your_access_key"),
    ),
    "000 without S3": Case("USE_S3=False", LOCAL, "public", "/media/"),
    "001": Case(
        """
        DJANGO_AWS_ACCESS_KEY_ID=your-access-key-here
        DJANGO_AWS_SECRET_ACCESS_KEY=your-secret-access-key-here
        DJANGO_AWS_STORAGE_BUCKET_NAME=your-bucket-name-here
        AWS_DEFAULT_REGION=eu-central-1
        """,
        *(S3, "public", "https://your-bucket-name-here.s3.amazonaws.com/media/"),
        public=("your-bucket-name-here", "media", "eu-central-1", "your-access-key-here"),
        private=("your-bucket-name-here", "private", "eu-central-1", "your-access-key-here"),
    ),
    "001 on a laptop": Case(
        """
        DJANGO_AWS_ACCESS_KEY_ID=
        DJANGO_AWS_SECRET_ACCESS_KEY=
        DJANGO_AWS_STORAGE_BUCKET_NAME=
        AWS_DEFAULT_REGION=eu-central-1
        """,
        *(LOCAL, "public", "/media/"),
    ),
    "001 as settings": Case(
        """
        AWS_STORAGE_BUCKET_NAME="your-marketplace-bucket"
        AWS_S3_REGION_NAME="eu-central-1"
        AWS_S3_CUSTOM_DOMAIN="your-marketplace-bucket.s3.amazonaws.com"
        """,
        *(S3, "public", "https://your-marketplace-bucket.s3.amazonaws.com/media/"),
        public=("your-marketplace-bucket", "media", "eu-central-1", None),
        private=("your-marketplace-bucket", "private", "eu-central-1", None),
    ),
    "002": Case(
        """
        AWS_ACCESS_KEY_ID=your_access_key_id
        AWS_SECRET_ACCESS_KEY=your_secret_access_key
        AWS_STORAGE_BUCKET_NAME=your-bucket-name
        AWS_REGION=us-east-1
        """,
        *(S3, "public", "https://your-bucket-name.s3.amazonaws.com/media/"),
        public=("your-bucket-name", "media", "us-east-1", "your_access_key_id"),
        private=("your-bucket-name", "private", "us-east-1", "your_access_key_id"),
    ),
    "003": Case(
        """
        # Django Settings
        SECRET_KEY=your-secret-key-here
        DEBUG=True
        ALLOWED_HOSTS=localhost,127.0.0.1

        # Database Configuration
        DB_NAME=django_s3_images
        DB_USER=postgres
        DB_PASSWORD=postgres
        DB_HOST=localhost
        DB_PORT=5432

        # AWS S3 Configuration (optional for local development)
        USE_S3=False
        AWS_ACCESS_KEY_ID=your-aws-access-key
        AWS_SECRET_ACCESS_KEY=your-aws-secret-key
        AWS_STORAGE_BUCKET_NAME=your-bucket-name
        AWS_S3_REGION_NAME=us-east-1
        """,
        *(LOCAL, "public", "/media/"),
        public=("your-bucket-name", "media", "us-east-1", "your-aws-access-key"),
        private=("your-bucket-name", "private", "us-east-1", "your-aws-access-key"),
        boots_as_it_is=True,
    ),
    "003 in production": Case(
        """
        DEBUG=False
        SECRET_KEY=strong-random-secret-key
        ALLOWED_HOSTS=yourdomain.com,www.yourdomain.com
        USE_S3=True
        AWS_ACCESS_KEY_ID=your-access-key
        AWS_SECRET_ACCESS_KEY=your-secret-key
        AWS_STORAGE_BUCKET_NAME=your-bucket-name
        AWS_S3_REGION_NAME=us-east-1
        """,
        *(S3, "public", "https://your-bucket-name.s3.amazonaws.com/media/"),
        public=("your-bucket-name", "media", "us-east-1", "your-access-key"),
        private=("your-bucket-name", "private", "us-east-1", "your-access-key"),
        boots_as_it_is=True,
    ),
    "003 on an emulator": Case(
        """
        USE_S3=True
        AWS_S3_ENDPOINT_URL=http://localhost:4566
        AWS_STORAGE_BUCKET_NAME=test-bucket
        """,
        *(S3, "public", "http://localhost:4566/test-bucket/media/"),
        public=("test-bucket", "media", "us-east-1", None),
        private=("test-bucket", "private", "us-east-1", None),
        endpoint="http://localhost:4566",
    ),
    "004": Case(
        """
        AWS_ACCESS_KEY_ID=your_access_key
        AWS_SECRET_ACCESS_KEY=your_secret_key
        AWS_STORAGE_BUCKET_NAME=alca-inmo
        AWS_S3_REGION_NAME=us-east-1
        """,
        *(S3, "public", "https://alca-inmo.s3.amazonaws.com/media/"),
        public=("alca-inmo", "media", "us-east-1", "your_access_key"),
        private=("alca-inmo", "private", "us-east-1", "your_access_key"),
    ),
    "004 with its settings": Case(
        """
        AWS_ACCESS_KEY_ID=your_access_key
        AWS_SECRET_ACCESS_KEY=your_secret_key
        AWS_STORAGE_BUCKET_NAME=alca-inmo
        AWS_S3_REGION_NAME=us-east-1
        AWS_DEFAULT_ACL=private
        AWS_S3_OBJECT_PARAMETERS={'CacheControl': 'max-age=86400'}
        AWS_S3_FILE_OVERWRITE=False
        AWS_QUERYSTRING_AUTH=True
        AWS_QUERYSTRING_EXPIRE=3600
        """,
        *(S3, "private", "https://alca-inmo.s3.amazonaws.com/media/"),
        public=("alca-inmo", "media", "us-east-1", "your_access_key"),
        private=("alca-inmo", "", "us-east-1", "your_access_key"),  # its keys stand at the bucket's root
        acl=None,
    ),
}
SEEDS = [case for case in CASES if len(case) == 3]


def environment_of(lines: str) -> dict[str, str]:
    """The lines as a mapping, quotes off."""
    pairs = (line.strip().partition("=") for line in lines.splitlines() if "=" in line)
    return {name: value.strip('"') for name, _, value in pairs}


def read(lines: str) -> MediaEnvironment:
    return read_media_environment(environment_of(lines), BASE)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_lines_mean_what_they_meant(case: Case) -> None:
    media = read(case.lines)
    assert media.problems == ()
    assert (media.active, media.default_visibility, media.media_url) == (case.active, case.visibility, case.media_url)
    assert media.use_s3 is (case.active is S3)
    assert media.storages["default"] is media.storages[media.active[case.visibility]]
    assert (media.media_root, media.private_media_root) == (BASE / "media", BASE / "private_media")
    assert (media.expiry_seconds, media.cache_max_age_seconds) == (3600, 86_400)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_bucket_pair_comes_out_of_the_lines(case: Case) -> None:
    storages = read(case.lines).storages
    local = {"local-public", "local-private", "default"}
    if case.public is None:
        assert set(storages) == local
        return
    assert set(storages) == local | {"s3-public", "s3-private"}
    public, private = (storages[alias]["OPTIONS"] for alias in ("s3-public", "s3-private"))
    names = ("bucket_name", "location", "region_name", "access_key")
    assert tuple(public[name] for name in names) == case.public
    assert tuple(private[name] for name in names) == case.private
    assert (public["default_acl"], private["default_acl"]) == (case.acl, None)
    assert (public["querystring_auth"], private["querystring_auth"]) == (False, True)
    for options in (public, private):
        assert (options["signature_version"], options["endpoint_url"]) == ("s3v4", case.endpoint)
        assert options["addressing_style"] == ("path" if case.endpoint else "virtual")
        assert options["file_overwrite"] is False
    assert private["custom_domain"] is None
    assert public["object_parameters"] == {"CacheControl": "public, max-age=86400"}
    assert private["object_parameters"] == {"CacheControl": "private, max-age=86400"}


PRINT_SETTINGS = """
import json
from django.conf import settings
database = settings.DATABASES["default"]
print(json.dumps({
    "active": settings.MEDIA_ACTIVE_STORAGES, "media_url": settings.MEDIA_URL, "debug": settings.DEBUG,
    "default": settings.STORAGES["default"]["BACKEND"].rpartition(".")[2], "hosts": settings.ALLOWED_HOSTS,
    "database": [database[name] for name in ("ENGINE", "NAME") if name in database],
    "server": [database.get(name) for name in ("USER", "PASSWORD", "HOST", "PORT")],
}))
"""


def settings_of(case: Case, tmp_path: Path) -> dict[str, Any]:
    extra = {} if case.boots_as_it_is else {"SECRET_KEY": "only-here"}
    done = boot(PRINT_SETTINGS, tmp_path / "env", case.lines, **extra)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("seed", [*SEEDS, "003 in production", "004 with its settings"])
def test_the_site_boots_from_the_lines(seed: str, tmp_path: Path) -> None:
    case = CASES[seed]
    found = settings_of(case, tmp_path)
    assert (found["active"], found["media_url"]) == (case.active, case.media_url)
    engine = "MediaStorage" if case.active is S3 else "LocalStorage"
    assert found["default"] == f"{case.visibility.capitalize()}{engine}"
    assert found["debug"] is ("DEBUG=True" in case.lines)
    if seed == "003":
        assert found["database"] == ["django.db.backends.postgresql", "django_s3_images"]
        assert found["server"] == ["postgres", "postgres", "localhost", "5432"]
    else:
        assert found["database"][0] == "django.db.backends.sqlite3"
    if seed == "003 in production":
        assert found["hosts"] == ["yourdomain.com", "www.yourdomain.com"]


BUCKET = "AWS_STORAGE_BUCKET_NAME=b\n"


@pytest.mark.parametrize(
    ("lines", "alias", "option", "expected"),
    [
        (BUCKET, "s3-public", "default_acl", "public-read"),
        (BUCKET + "AWS_DEFAULT_ACL=", "s3-public", "default_acl", None),
        (BUCKET + "AWS_QUERYSTRING_AUTH=False", "s3-private", "querystring_auth", True),
        (BUCKET + "AWS_S3_CUSTOM_DOMAIN=cdn.example.com", "s3-private", "custom_domain", None),
        (BUCKET + "AWS_PRIVATE_STORAGE_BUCKET_NAME=p", "s3-private", "bucket_name", "p"),
        (BUCKET + "AWS_PRIVATE_STORAGE_BUCKET_NAME=p", "s3-private", "location", ""),
        (BUCKET + "AWS_PRIVATE_LOCATION=secret/", "s3-private", "location", "secret"),
        (
            BUCKET + "AWS_DEFAULT_REGION=eu-west-1\nAWS_S3_REGION_NAME=eu-west-3",
            "s3-public",
            "region_name",
            "eu-west-3",
        ),
        (BUCKET + "AWS_QUERYSTRING_EXPIRE=60", "s3-private", "querystring_expire", 60),
        (BUCKET + "AWS_SECURITY_TOKEN=t", "s3-private", "security_token", "t"),
        ("AWS_S3_BUCKET_NAME=c", "default", "bucket_name", "c"),
        ("AWS_QUERYSTRING_EXPIRE=60", "local-private", "querystring_expire", 60),
        ("MEDIA_ROOT=/data/public\nPRIVATE_MEDIA_ROOT=/data/private", "local-private", "location", "/data/private"),
        ("USE_S3=off\nMEDIA_DEFAULT_VISIBILITY=private", "default", "base_url", "/media/private/"),
    ],
)
def test_one_variable_at_a_time(lines: str, alias: str, option: str, expected: object) -> None:
    assert read(lines).storages[alias]["OPTIONS"][option] == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (BUCKET + "AWS_REGION=eu-central-1", "https://b.s3.amazonaws.com/media/"),
        (BUCKET + "AWS_REGION=eu-south-1", "https://b.s3.eu-south-1.amazonaws.com/media/"),
        (BUCKET + "AWS_REGION=cn-north-1", "https://b.s3.cn-north-1.amazonaws.com.cn/media/"),
        ("AWS_STORAGE_BUCKET_NAME=a.b\nAWS_REGION=eu-west-1", "https://s3.eu-west-1.amazonaws.com/a.b/media/"),
        (BUCKET + "AWS_S3_CUSTOM_DOMAIN=cdn.example.com\nAWS_LOCATION=pub", "https://cdn.example.com/pub/"),
        (BUCKET + "AWS_S3_CUSTOM_DOMAIN=c.test\nAWS_S3_URL_PROTOCOL=http:", "http://c.test/media/"),
        (BUCKET + "AWS_S3_ENDPOINT_URL=http://minio:9000", "http://minio:9000/b/media/"),
        (
            BUCKET + "AWS_S3_ENDPOINT_URL=http://minio:9000\nAWS_S3_PUBLIC_ENDPOINT_URL=https://files.test",
            "https://files.test/b/media/",
        ),
        (
            BUCKET + "AWS_S3_ENDPOINT_URL=https://s3.test/\nAWS_S3_ADDRESSING_STYLE=virtual",
            "https://b.s3.test/media/",
        ),
        (BUCKET + "USE_S3=False", "/media/"),
    ],
)
def test_where_public_files_are_read(lines: str, expected: str) -> None:
    assert read(lines).media_url == expected


def test_a_cloudfront_key_pair_signs_the_custom_domain() -> None:
    media = read(
        "AWS_STORAGE_BUCKET_NAME=b\nAWS_S3_CUSTOM_DOMAIN=cdn.example.com\n"
        "AWS_CLOUDFRONT_KEY=-----BEGIN\\nEND-----\nAWS_CLOUDFRONT_KEY_ID=K1"
    )
    options = media.storages["s3-private"]["OPTIONS"]
    assert options["custom_domain"] == "cdn.example.com"
    assert (options["cloudfront_key_id"], options["cloudfront_key"]) == ("K1", "-----BEGIN\nEND-----")
