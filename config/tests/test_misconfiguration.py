"""Whatever is wrong in the environment stops the start, and the message names the variable and the fix."""

from pathlib import Path

import pytest

from config.storages import read_media_environment
from config.tests.boot import boot

BUCKET = "AWS_STORAGE_BUCKET_NAME=b"
# lines, the variable that is named, what the fix must say
PROBLEMS = {
    "S3 without a bucket": ("USE_S3=True", "AWS_STORAGE_BUCKET_NAME", "USE_S3=False"),
    "a switch that is neither": ("USE_S3=maybe", "USE_S3", "USE_S3=True or USE_S3=False"),
    "half a key pair": (f"{BUCKET}\nAWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY", "neither (instance role)"),
    "the other half": (f"{BUCKET}\nDJANGO_AWS_SECRET_ACCESS_KEY=a", "AWS_ACCESS_KEY_ID", "neither (instance role)"),
    "SigV2": (f"{BUCKET}\nAWS_S3_SIGNATURE_VERSION=s3", "AWS_S3_SIGNATURE_VERSION", "AWS_S3_SIGNATURE_VERSION=s3v4"),
    "an unknown addressing": (f"{BUCKET}\nAWS_S3_ADDRESSING_STYLE=host", "AWS_S3_ADDRESSING_STYLE", "virtual, path"),
    "an ACL that S3 lacks": (f"{BUCKET}\nAWS_DEFAULT_ACL=public", "AWS_DEFAULT_ACL", "AWS_DEFAULT_ACL= (empty)"),
    "public files with a private ACL": (
        f"{BUCKET}\nAWS_DEFAULT_ACL=private\nMEDIA_DEFAULT_VISIBILITY=public",
        "AWS_DEFAULT_ACL",
        "AWS_DEFAULT_ACL=public-read",
    ),
    "an unknown visibility": ("MEDIA_DEFAULT_VISIBILITY=hidden", "MEDIA_DEFAULT_VISIBILITY", "public, private"),
    "overwriting": (f"{BUCKET}\nAWS_S3_FILE_OVERWRITE=True", "AWS_S3_FILE_OVERWRITE", "AWS_S3_FILE_OVERWRITE=False"),
    "a URL for a domain": (
        f"{BUCKET}\nAWS_S3_CUSTOM_DOMAIN=https://cdn.example.com/",
        "AWS_S3_CUSTOM_DOMAIN",
        "AWS_S3_CUSTOM_DOMAIN=cdn.example.com",
    ),
    "a CloudFront key alone": (
        f"{BUCKET}\nAWS_S3_CUSTOM_DOMAIN=c.example.com\nAWS_CLOUDFRONT_KEY=k",
        "AWS_CLOUDFRONT_KEY_ID",
        "both",
    ),
    "a CloudFront id alone": (
        f"{BUCKET}\nAWS_S3_CUSTOM_DOMAIN=c.example.com\nAWS_CLOUDFRONT_KEY_ID=k",
        "AWS_CLOUDFRONT_KEY",
        "both",
    ),
    "CloudFront without its domain": (
        f"{BUCKET}\nAWS_CLOUDFRONT_KEY=k\nAWS_CLOUDFRONT_KEY_ID=i",
        "AWS_S3_CUSTOM_DOMAIN",
        "AWS_S3_CUSTOM_DOMAIN",
    ),
    "an endpoint without a scheme": (f"{BUCKET}\nAWS_S3_ENDPOINT_URL=minio:9000", "AWS_S3_ENDPOINT_URL", "https://"),
    "a public endpoint that is none": (
        f"{BUCKET}\nAWS_S3_PUBLIC_ENDPOINT_URL=ftp://files",
        "AWS_S3_PUBLIC_ENDPOINT_URL",
        "https://",
    ),
    "private files in the public prefix": (
        f"{BUCKET}\nAWS_PRIVATE_LOCATION=media/private",
        "AWS_PRIVATE_LOCATION",
        "AWS_PRIVATE_LOCATION=private",
    ),
    "one prefix for both": (f"{BUCKET}\nAWS_LOCATION=private", "AWS_PRIVATE_LOCATION", "a bucket of their own"),
    "public files at the root": (f"{BUCKET}\nAWS_LOCATION=", "AWS_PRIVATE_LOCATION", "a bucket of their own"),
    "longer than SigV4 lives": ("AWS_QUERYSTRING_EXPIRE=604801", "AWS_QUERYSTRING_EXPIRE", "AWS_QUERYSTRING_EXPIRE="),
    "no life at all": ("AWS_QUERYSTRING_EXPIRE=0", "AWS_QUERYSTRING_EXPIRE", "AWS_QUERYSTRING_EXPIRE="),
    "a life in words": ("AWS_QUERYSTRING_EXPIRE=1 hour", "AWS_QUERYSTRING_EXPIRE", "AWS_QUERYSTRING_EXPIRE="),
    "a cache age below zero": ("MEDIA_CACHE_MAX_AGE_SECONDS=-1", "MEDIA_CACHE_MAX_AGE_SECONDS", "=86400"),
    "parameters that are not JSON": (
        "AWS_S3_OBJECT_PARAMETERS=CacheControl",
        "AWS_S3_OBJECT_PARAMETERS",
        "MEDIA_CACHE_MAX_AGE_SECONDS",
    ),
    "a timeout of zero": (f"{BUCKET}\nAWS_S3_CONNECT_TIMEOUT=0", "AWS_S3_CONNECT_TIMEOUT", "AWS_S3_CONNECT_TIMEOUT="),
    "one folder for both": ("MEDIA_ROOT=files\nPRIVATE_MEDIA_ROOT=files", "PRIVATE_MEDIA_ROOT", "two folders"),
    "private inside public": ("PRIVATE_MEDIA_ROOT=media/private", "PRIVATE_MEDIA_ROOT", "two folders"),
    "public inside private": ("MEDIA_ROOT=private_media/public", "PRIVATE_MEDIA_ROOT", "two folders"),
}
FAILING_VALUES = {  # read by settings.py itself
    "MEDIA_MAX_PIXELS": "0",
    "PUBLIC_BASE_URL": "www.example.com",
    "THROTTLE_LOGIN": "often",
    "PASSWORD_RESET_URL": "https://example.com/reset",
    "MEDIA_LEASE_SECONDS": "soon",
    "DATABASE_URL": "nonsense",
    "EMAIL_URL": "nonsense",
}


def mapping(lines: str) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition("=") for line in lines.splitlines())}


@pytest.mark.parametrize(("lines", "variable", "fix"), PROBLEMS.values(), ids=PROBLEMS)
def test_a_problem_names_the_variable_and_the_fix(lines: str, variable: str, fix: str) -> None:
    found = read_media_environment(mapping(lines), Path("/srv/site")).problems
    assert [problem.variable for problem in found] == [variable]
    assert variable in found[0].message or variable in found[0].hint
    assert fix in found[0].hint


@pytest.mark.parametrize("lines", [lines for lines, _, _ in PROBLEMS.values()], ids=PROBLEMS)
def test_a_problem_leaves_storages_to_name_it_with(lines: str) -> None:
    """The settings still load, or no check could be run to show the message."""
    media = read_media_environment(mapping(lines), Path("/srv/site"))
    assert {*media.active.values(), "default", "local-public", "local-private"} <= set(media.storages)


@pytest.mark.parametrize("entry", ["wsgi", "asgi"])
def test_a_problem_stops_the_server(entry: str, tmp_path: Path) -> None:
    done = boot(f"import config.{entry}", tmp_path / "env", "SECRET_KEY=s\nUSE_S3=True")
    assert done.returncode != 0
    last = done.stderr[done.stderr.index("ImproperlyConfigured") :]
    assert "AWS_STORAGE_BUCKET_NAME" in last
    assert "USE_S3=False" in last


def test_a_problem_stops_the_management_commands(tmp_path: Path) -> None:
    code = (
        "import sys; from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"
    )
    done = boot(code, tmp_path / "env", f"SECRET_KEY=s\n{BUCKET}\nAWS_ACCESS_KEY_ID=a")
    assert done.returncode != 0
    assert "vitrine.E001" in done.stderr
    assert "AWS_SECRET_ACCESS_KEY" in done.stderr


@pytest.mark.parametrize("name", FAILING_VALUES)
def test_a_value_that_cannot_be_stops_the_start_by_name(name: str, tmp_path: Path) -> None:
    lines = f"SECRET_KEY=s\n{name}={FAILING_VALUES[name]}"
    done = boot("import config.wsgi", tmp_path / "env", lines)
    assert done.returncode != 0
    assert name in done.stderr.strip().splitlines()[-1] + done.stderr[done.stderr.rfind("ImproperlyConfigured") :]


def test_an_obsolete_variable_is_pointed_at(tmp_path: Path) -> None:
    lines = "SECRET_KEY=s\nDEFAULT_FILE_STORAGE=storages.backends.s3boto3.S3Boto3Storage"
    code = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"
    done = boot(code, tmp_path / "env", lines)
    assert done.returncode == 0
    assert "DEFAULT_FILE_STORAGE has no effect" in done.stderr
    assert "USE_S3" in done.stderr


@pytest.mark.parametrize("lines", ["", "DEBUG=False", "SECRET_KEY=\nDEBUG=False"])
def test_without_a_secret_only_a_laptop_starts(lines: str, tmp_path: Path) -> None:
    done = boot("import config.wsgi", tmp_path / "env", lines)
    assert done.returncode != 0
    assert "SECRET_KEY is not set" in done.stderr
    assert "DEBUG=True" in done.stderr


def test_blanks_around_commas_mean_nothing(tmp_path: Path) -> None:
    lines = """
        SECRET_KEY=a
        SECRET_KEY_FALLBACKS=b, c ,
        ALLOWED_HOSTS=a.example.com, b.example.com
        MEDIA_VARIANT_WIDTHS=320, 800
    """
    read = "from config import settings as s; print(s.SECRET_KEY_FALLBACKS, s.ALLOWED_HOSTS, s.MEDIA_VARIANT_WIDTHS)"
    started = boot(read, tmp_path / "site.env", lines)
    assert started.stdout == "['b', 'c'] ['a.example.com', 'b.example.com'] [320, 800]\n", started.stderr
