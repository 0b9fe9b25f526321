"""Where files are read: the URL of every storage mode, its window, its end, and the signatures that others check."""

import base64
import calendar
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.core.files.base import ContentFile

from media_assets.errors import StorageUnavailable
from media_assets.signing.local import LocalSigner, Verdict
from media_assets.signing.urls import S3SignedUrls, StorageSignedUrls, url_maker
from media_assets.storages import get_storage
from media_assets.tests.stored import real_server

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
BUCKET = {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": "shop", **KEYS}
NOW = 1_750_000_000


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


# --- public -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "base"),
    [
        ({}, "https://shop.s3.amazonaws.com/media/"),
        ({"AWS_S3_REGION_NAME": "eu-north-1"}, "https://shop.s3.amazonaws.com/media/"),
        ({"AWS_S3_REGION_NAME": "me-south-1"}, "https://shop.s3.me-south-1.amazonaws.com/media/"),
        ({"AWS_S3_REGION_NAME": "cn-north-1"}, "https://shop.s3.cn-north-1.amazonaws.com.cn/media/"),
        ({"AWS_STORAGE_BUCKET_NAME": "a.shop"}, "https://s3.us-east-1.amazonaws.com/a.shop/media/"),
        ({"AWS_LOCATION": "a/b"}, "https://shop.s3.amazonaws.com/a/b/"),
        ({"AWS_LOCATION": "", "AWS_PRIVATE_STORAGE_BUCKET_NAME": "safe"}, "https://shop.s3.amazonaws.com/"),
        ({"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"}, "https://cdn.example.com/media/"),
        ({"AWS_S3_CUSTOM_DOMAIN": "localhost:9", "AWS_S3_URL_PROTOCOL": "http:"}, "http://localhost:9/media/"),
        ({"AWS_S3_ENDPOINT_URL": "http://minio:9000/"}, "http://minio:9000/shop/media/"),
        (
            {"AWS_S3_ENDPOINT_URL": "https://ams.example.com", "AWS_S3_ADDRESSING_STYLE": "virtual"},
            "https://shop.ams.example.com/media/",
        ),
        (
            {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.com"},
            "https://files.example.com/shop/media/",
        ),
        ({"USE_S3": "False"}, "https://shop.s3.amazonaws.com/media/"),
    ],
)
def test_public_urls_are_joined(site: Any, lines: dict[str, str], base: str) -> None:
    site(**BUCKET | lines)
    maker = url_maker("s3-public")
    for key in ("a/b.jpg", "with space+plus%.jpg", "Ünï/файл.jpg", "~a(b)'c!.jpg"):
        expected = base + quote(key, safe="/~")
        assert maker.exact(key, now=NOW, expires_in=1) == (expected, None)
        make, expires_at = maker.current(NOW)
        assert (make(key), expires_at) == (expected, None)


def test_local_urls(site: Any) -> None:
    site()
    assert url_maker("local-public").exact("a b.jpg", now=NOW, expires_in=1) == ("/media/a%20b.jpg", None)


@pytest.mark.parametrize("character", [*map(chr, range(1, 256)), "\u0430", "\u4e2d", "\U0001f600"])
def test_every_character_of_a_key_is_quoted_as_urllib_does(character: str) -> None:
    make, _ = url_maker("local-public").current(NOW)
    for key in (character, f"artworks/{character}", f"{character}.jpg"):
        assert make(key) == "/media/" + quote(key, safe="/~")
    url, expires_at = url_maker("local-private").exact("a b.jpg", now=NOW + 0.9, expires_in=60)
    assert url.startswith(f"/media/private/a%20b.jpg?expires={NOW + 60}&signature=")
    assert expires_at == NOW + 60


def test_an_alias_that_is_not_configured_has_no_urls(site: Any) -> None:
    site()
    with pytest.raises(KeyError):
        url_maker("s3-private")


# --- private on S3 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "host"),
    [
        ({}, "shop.s3.us-east-1.amazonaws.com"),
        ({"AWS_S3_REGION_NAME": "eu-west-3"}, "shop.s3.eu-west-3.amazonaws.com"),
        ({"AWS_S3_REGION_NAME": "cn-north-1"}, "shop.s3.cn-north-1.amazonaws.com.cn"),
        ({"AWS_STORAGE_BUCKET_NAME": "a.shop"}, "s3.us-east-1.amazonaws.com"),
        ({"AWS_PRIVATE_STORAGE_BUCKET_NAME": "safe"}, "safe.s3.us-east-1.amazonaws.com"),
        ({"AWS_SESSION_TOKEN": "tok/en+=="}, "shop.s3.us-east-1.amazonaws.com"),
        ({"MEDIA_DEFAULT_VISIBILITY": "private"}, "shop.s3.us-east-1.amazonaws.com"),
        ({"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"}, "shop.s3.us-east-1.amazonaws.com"),
        ({"AWS_S3_ENDPOINT_URL": "http://minio:9000"}, "minio:9000"),
        (
            {"AWS_S3_ENDPOINT_URL": "https://ams.example.com", "AWS_S3_ADDRESSING_STYLE": "virtual"},
            "shop.ams.example.com",
        ),
        ({"AWS_S3_ACCESS_KEY_ID": "ignored", "DJANGO_AWS_SECRET_ACCESS_KEY": "too"}, "shop.s3.us-east-1.amazonaws.com"),
    ],
)
def test_private_urls_equal_botocores(site: Any, lines: dict[str, str], host: str) -> None:
    site(**BUCKET | lines)
    maker: Any = url_maker("s3-private")
    assert isinstance(maker, S3SignedUrls)
    storage: Any = get_storage("s3-private")
    for key in ("a/b.jpg", "with space+plus%.jpg", "Ünï/файл.jpg", "~a(b)'c!.jpg"):
        where = {"Bucket": storage.bucket_name, "Key": storage.object_key(key)}
        theirs = storage.client.generate_presigned_url("get_object", Params=where, ExpiresIn=77)
        signed_at = calendar.timegm(time.strptime(query(theirs)["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
        assert maker.exact(key, now=signed_at + 0.5, expires_in=77) == (theirs, signed_at + 77)
        assert urlsplit(theirs).netloc == host


def test_urls_are_signed_for_the_host_that_browsers_reach(site: Any) -> None:
    public = "https://files.example.com"
    site(**BUCKET, AWS_S3_ENDPOINT_URL="http://minio:9000", AWS_S3_PUBLIC_ENDPOINT_URL=public)
    ours, _ = url_maker("s3-private").exact("a.jpg", now=NOW, expires_in=60)
    site(**BUCKET, AWS_S3_ENDPOINT_URL=public)
    assert ours == url_maker("s3-private").exact("a.jpg", now=NOW, expires_in=60)[0]
    assert ours.startswith(f"{public}/shop/private/a.jpg?")


def test_what_our_signer_leaves_to_botocore_is_signed_for_the_public_host_too(site: Any) -> None:
    lines = {"AWS_S3_ENDPOINT_URL": "http://10.0.0.9:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "http://192.0.2.1"}
    site(**BUCKET | lines | {"AWS_STORAGE_BUCKET_NAME": "a.shop", "AWS_S3_ADDRESSING_STYLE": "virtual"})
    maker = url_maker("s3-private")
    assert isinstance(maker, StorageSignedUrls)
    now = time.time()
    url, expires_at = maker.exact("a.jpg", now=now, expires_in=60)
    assert "192.0.2.1" in urlsplit(url).netloc and "10.0.0.9" not in url
    assert expires_at == int(now) + 60
    assert 30 <= int(query(url)["X-Amz-Expires"]) <= 60


@pytest.mark.parametrize("alias", ["local-private", "s3-private"])
@pytest.mark.parametrize("lifetime", [1, 3, 4, 100, 3600, 604_800])
def test_a_url_repeats_inside_its_window_and_never_outlives_its_lifetime(site: Any, alias: str, lifetime: int) -> None:
    site(**BUCKET, AWS_QUERYSTRING_EXPIRE=str(lifetime))
    window = max(1, lifetime // 4)
    start = NOW - NOW % window + window

    def at(now: float) -> tuple[str, int | None]:
        make, expires_at = url_maker(alias).current(now)
        return make("a.jpg"), expires_at

    url, expires_at = at(start)
    assert expires_at == start + lifetime
    assert at(start + window - 0.01) == at(start + 0.5) == (url, expires_at)
    assert at(start + window)[0] != url != at(start - 0.01)[0]
    if alias.startswith("s3"):
        assert query(url)["X-Amz-Expires"] == str(lifetime)
        assert query(url)["X-Amz-Date"] == time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(start))


@pytest.mark.parametrize("alias", ["local-private", "s3-private"])
@pytest.mark.parametrize("expires_in", [-1, 0, 604_801])
def test_no_url_lives_shorter_than_a_second_or_longer_than_a_week(site: Any, alias: str, expires_in: int) -> None:
    site(**BUCKET)
    with pytest.raises(ValueError, match="604800"):
        url_maker(alias).exact("a.jpg", now=NOW, expires_in=expires_in)


def test_a_storage_gives_the_same_urls(site: Any) -> None:
    site(**BUCKET)
    for alias in ("local-public", "local-private", "s3-public", "s3-private"):
        before = url_maker(alias).current(time.time())[0]("a.jpg")
        assert get_storage(alias).url("a.jpg") in (before, url_maker(alias).current(time.time())[0]("a.jpg"))
    assert query(get_storage("s3-private").url("a.jpg", expires_in=77))["X-Amz-Expires"] == "77"


# --- credentials of a role --------------------------------------------------------------------------------------------


ROLE_SITE = {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": "shop"}


def test_without_keys_boto3s_own_chain_signs(site: Any, machine: Any) -> None:
    machine(**KEYS, AWS_SESSION_TOKEN="token")
    site(**ROLE_SITE)
    ours = url_maker("s3-private").exact("a.jpg", now=NOW, expires_in=60)
    site(**BUCKET, AWS_SESSION_TOKEN="token")
    assert ours == url_maker("s3-private").exact("a.jpg", now=NOW, expires_in=60)


def test_renewed_credentials_sign_from_then_on(site: Any, machine: Any) -> None:
    site(**ROLE_SITE)
    for name in ("FIRST", "SECOND"):
        machine(AWS_ACCESS_KEY_ID=name, AWS_SECRET_ACCESS_KEY=name.lower())
        url, _ = url_maker("s3-private").exact("a.jpg", now=NOW, expires_in=60)
        assert query(url)["X-Amz-Credential"].startswith(f"{name}/")


def test_a_url_dies_with_the_roles_credentials_and_says_so(site: Any, machine: Any) -> None:
    ends_at = int(time.time()) + 1800
    machine(**KEYS, AWS_CREDENTIAL_EXPIRATION=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends_at)))
    site(**ROLE_SITE)
    maker = url_maker("s3-private")
    now = time.time()
    assert maker.exact("a.jpg", now=now, expires_in=7200)[1] == ends_at
    assert maker.current(now)[1] == ends_at
    assert maker.exact("a.jpg", now=now, expires_in=60)[1] == int(now) + 60


@pytest.mark.parametrize(
    "lines",
    [
        {},
        {"AWS_PROFILE": "nobody"},
        {**KEYS, "AWS_CREDENTIAL_EXPIRATION": "2020-01-01T00:00:00Z"},
        {"AWS_ACCESS_KEY_ID": "half"},
    ],
)
def test_a_machine_without_usable_credentials_is_an_unavailable_storage(
    site: Any, machine: Any, caplog: Any, lines: dict[str, str]
) -> None:
    machine(**lines)
    site(**ROLE_SITE)
    with pytest.raises(StorageUnavailable):
        url_maker("s3-private").current(time.time())
    assert "AWS_ACCESS_KEY_ID" in caplog.text and KEYS["AWS_SECRET_ACCESS_KEY"] not in caplog.text
    assert url_maker("s3-public").current(time.time())[1] is None


# --- CloudFront -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.mark.parametrize("escaped", [False, True])
def test_cloudfront_signs_private_urls_of_the_custom_domain(
    site: Any, rsa_key: rsa.RSAPrivateKey, escaped: bool
) -> None:
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    pem = rsa_key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()
    lines = {"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com", "AWS_CLOUDFRONT_KEY_ID": "KID"}
    site(**BUCKET, **lines, AWS_CLOUDFRONT_KEY=pem.replace("\n", "\\n") if escaped else pem)
    maker, key = url_maker("s3-private"), "Ünï/with space+plus.jpg"
    url, expires_at = maker.exact(key, now=NOW, expires_in=60)
    sent = query(url)
    assert url.startswith(f"https://cdn.example.com/private/{quote(key, safe='/~')}?Expires=")
    assert expires_at == NOW + 60 == int(sent["Expires"])
    assert sent["Key-Pair-Id"] == "KID"
    condition = {"DateLessThan": {"AWS:EpochTime": expires_at}}
    policy = {"Statement": [{"Resource": url.partition("?")[0], "Condition": condition}]}
    signature = base64.b64decode(sent["Signature"].translate(str.maketrans("-_~", "+=/")))
    signed = json.dumps(policy, separators=(",", ":")).encode()
    rsa_key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA1())
    make, ends = maker.current(NOW + 100)
    assert make(key) == maker.current(NOW + 101)[0](key)
    assert int(query(make(key))["Expires"]) == ends <= NOW + 100 + 3600
    assert url_maker("s3-public").exact("a.jpg", now=NOW, expires_in=1)[0] == "https://cdn.example.com/media/a.jpg"


def test_a_custom_domain_without_a_key_never_serves_private_files(site: Any) -> None:
    site(**BUCKET, AWS_S3_CUSTOM_DOMAIN="cdn.example.com")
    for url in (get_storage("s3-private").url("a.jpg"), url_maker("s3-private").current(NOW)[0]("a.jpg")):
        assert "cdn.example.com" not in url
        assert "X-Amz-Signature" in query(url)


# --- the signer of local URLs -----------------------------------------------------------------------------------------


def test_a_local_signature_ends_at_its_second_and_not_before() -> None:
    signer = LocalSigner("/m/", ["secret"])
    signature = query(signer.at(NOW)("a.jpg"))["signature"]
    for now, verdict in ((NOW - 0.01, Verdict.VALID), (NOW, Verdict.EXPIRED), (NOW + 9, Verdict.EXPIRED)):
        assert signer.verify("a.jpg", str(NOW), signature, now=now) is verdict


def test_a_local_signature_is_bound_to_its_key_its_end_and_its_secret() -> None:
    signature = query(LocalSigner("/m/", ["secret"]).at(NOW)("a\nb.jpg"))["signature"]
    for secrets, key, expires, verdict in (
        (["secret"], "a\nb.jpg", str(NOW), Verdict.VALID),
        (["new", "secret"], "a\nb.jpg", str(NOW), Verdict.VALID),
        (["new"], "a\nb.jpg", str(NOW), Verdict.FORGED),
        (["secret"], "a\nc.jpg", str(NOW), Verdict.FORGED),
        (["secret"], "a\nb.jpg", str(NOW + 1), Verdict.FORGED),
        (["secret"], "b.jpg", f"{NOW}\na", Verdict.FORGED),
    ):
        assert LocalSigner("/m/", secrets).verify(key, expires, signature, now=NOW - 1) is verdict, (key, expires)


# --- a real server ----------------------------------------------------------------------------------------------------


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.fixture
def put() -> Callable[[str], str]:
    """Stores an object under the alias; its URL."""

    def create(alias: str) -> str:
        get_storage(alias).create("a b.jpg", ContentFile(b"x"), content_type="image/jpeg", object_id=uuid4())
        return get_storage(alias).url("a b.jpg")

    return create


@real_server
def test_a_public_object_is_read_by_anyone_and_a_private_one_by_its_signature(s3_site: Any, put: Any) -> None:
    s3_site()
    assert status(put("s3-public")) == 200
    url = put("s3-private")
    assert status(url) == 200
    assert status(url.partition("?")[0]) == 403
    assert status(url[:-1] + ("0" if url[-1] != "0" else "1")) == 403
    assert status(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=36000")) == 403
    assert status(url.replace("a%20b.jpg", "other.jpg")) == 403


@real_server
def test_a_presigned_url_ends(s3_site: Any, put: Any) -> None:
    s3_site()
    put("s3-private")
    url = get_storage("s3-private").url("a b.jpg", expires_in=5)
    assert status(url) == 200
    time.sleep(6.1)
    assert status(url) == 403


@real_server
def test_a_bucket_policy_in_place_of_acls(s3_site: Any, s3_client: Any, s3_bucket: str, put: Any) -> None:
    s3_site(AWS_DEFAULT_ACL="")
    public, private = put("s3-public"), put("s3-private")
    assert status(public) == 403
    resource = f"arn:aws:s3:::{s3_bucket}/media/*"
    grant = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
    s3_client.put_bucket_policy(Bucket=s3_bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [grant]}))
    assert status(public) == 200
    assert (status(private), status(private.partition("?")[0])) == (200, 403)


@pytest.mark.parametrize(("acl", "grants"), [("public-read", 2), ("", 1)])
def test_public_objects_carry_the_acl_that_is_set_and_private_ones_none(
    s3_site: Any, s3_client: Any, s3_bucket: str, put: Any, acl: str, grants: int
) -> None:
    s3_site(AWS_DEFAULT_ACL=acl)
    put("s3-public"), put("s3-private")
    for key, expected in (("media/a b.jpg", grants), ("private/a b.jpg", 1)):
        assert len(s3_client.get_object_acl(Bucket=s3_bucket, Key=key)["Grants"]) == expected


def test_public_and_keyed_private_urls_need_no_boto3() -> None:
    code = """
import os, sys
os.environ.update(DJANGO_SETTINGS_MODULE="config.test_settings")
import django; django.setup()
from pathlib import Path
from django.conf import settings
from config.storages import read_media_environment
lines = {"AWS_STORAGE_BUCKET_NAME": "shop", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
settings.STORAGES = read_media_environment(lines, Path("/")).storages
from media_assets.signing.urls import url_maker
for alias in ("local-public", "local-private", "s3-public", "s3-private"):
    print(url_maker(alias).current(0)[0]("a.jpg"))
print(sorted({name.partition(".")[0] for name in sys.modules} & {"boto3", "botocore", "storages"}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("[]\n"), done.stdout + done.stderr
