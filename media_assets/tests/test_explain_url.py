"""``manage.py explain_url``: each way in which a media URL fails has its word, its reason and its remedy."""

import contextlib
import io
import json
import random
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.utils import timezone

from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset, State
from media_assets.operations.explaining import explain
from media_assets.signing.urls import url_maker
from media_assets.storages import get_storage
from media_assets.storages.contract import ObjectStat
from media_assets.storages.s3 import S3MediaStorage
from media_assets.tests.stored import process_environment, published, real_server
from media_assets.tests.uploads import pending_upload

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
AMAZON = {"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": "shop", **KEYS}
BASE = "https://shop.example.com"


@pytest.fixture
def public(photo: Any, settings: Any) -> MediaAsset:
    settings.PUBLIC_BASE_URL = BASE
    return published(photo("sea.jpg"))


@pytest.fixture
def private(photo: Any, settings: Any) -> MediaAsset:
    settings.PUBLIC_BASE_URL = BASE
    return published(photo("night.jpg"), visibility="private")


@pytest.fixture
def on_s3(s3_site: Any, photo: Any) -> tuple[MediaAsset, MediaAsset]:
    """A public and a private file in the S3 server."""
    s3_site()
    return published(photo("sea.jpg")), published(photo("night.jpg"), visibility="private")


@pytest.fixture
def at_amazon(site: Any, photo: Any, monkeypatch: Any) -> tuple[MediaAsset, MediaAsset]:
    """Rows of a public and a private file that lie at Amazon, whose answers to ``stat`` are given here."""
    assets = published(photo("sea.jpg")), published(photo("night.jpg"), visibility="private")
    for asset in assets:
        asset.storage = asset.storage.replace("local", "s3")
        asset.save()
    site(**AMAZON)
    sizes = {asset.key: asset.size for asset in assets}

    def stat(storage: Any, key: str) -> ObjectStat:
        if key not in sizes:
            raise ObjectMissing(key)
        return ObjectStat(key, sizes[key], "etag", timezone.now())

    monkeypatch.setattr(S3MediaStorage, "stat", stat)
    return assets


def url_of(asset: MediaAsset, *, now: float | None = None, expires_in: int = 600, key: str = "") -> str:
    when = time.time() if now is None else now
    url = url_maker(asset.storage).exact(key or asset.key, now=when, expires_in=expires_in)[0]
    return f"{BASE}{url}" if url.startswith("/") else url


def code(url: str, **how: Any) -> str:
    return explain(url, **how).code


def verdict(url: str, **how: Any) -> str:
    return explain(url, **how).verdict


def run(url: str, *arguments: str) -> tuple[int, dict[str, Any]]:
    out, code = io.StringIO(), 0
    try:
        call_command("explain_url", url, "--json", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


# --- what works -------------------------------------------------------------------------------------------------------


def test_local_urls_work(public: MediaAsset, private: MediaAsset) -> None:
    for url in (url_of(public), url_of(public).removeprefix(BASE), url_of(private), f" {url_of(private)}\n"):
        assert run(url)[0] == 0
    seen = run(url_of(private))[1]
    assert (seen["works"], seen["code"], seen["verdict"]) == (True, "works", "It delivers the file.")
    assert seen["facts"]["Signature"] == "holds, under SECRET_KEY"
    assert seen["facts"]["Expires"].endswith("in 9 minutes")


def test_s3_urls_work_and_the_store_is_asked(on_s3: tuple[MediaAsset, MediaAsset]) -> None:
    for asset in on_s3:
        exit_code, seen = run(url_of(asset))
        assert (exit_code, seen["code"]) == (0, "works")
        assert seen["facts"]["Fetched"] == "HTTP 206"
        assert "Fetched" not in run(url_of(asset), "--at", timezone.now().isoformat())[1]["facts"]


def test_variants_work_while_they_are_offered(photo: Any, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = BASE
    settings.MEDIA_VARIANT_WIDTHS = [16, 32]
    asset = published(photo("sea.jpg"))
    small, large = asset.variants
    assert code(url_of(asset, key=small["key"])) == "works"
    MediaAsset.objects.update(variants=[large])
    seen = explain(url_of(asset, key=small["key"]))
    assert seen.code == "obsolete_variant"
    assert "those of now: 32" in seen.verdict
    assert code(
        url_of(asset, key=small["key"].replace(str(asset.object_id), "0" * 8 + "-0000" * 3 + "-" + "0" * 12))
    ) == ("unknown_key")


def test_every_signature_of_amazon_urls_is_recomputed(
    at_amazon: tuple[MediaAsset, MediaAsset], monkeypatch: Any
) -> None:
    """Ours, and botocore's; with headers that the answer shall have."""
    private = at_amazon[1]
    now = time.time()
    client = get_storage("s3-private").client
    for params in ({}, {"ResponseContentDisposition": 'attachment; filename="a b+c.jpg"'}):
        place = {"Bucket": "shop", "Key": f"private/{private.key}", **params}
        for url in (url_of(private), client.generate_presigned_url("get_object", Params=place)):
            seen = explain(url, at=now)
            assert (seen.code, dict(seen.facts)["Signature"]) == ("works", "holds")


# --- the address ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", "not_a_url"),
        ("hello", "not_a_url"),
        ("shop.example.com/media/a.jpg", "not_a_url"),
        ("ftp://shop.example.com/media/a.jpg", "not_a_url"),
        ("https://[::1/media/a.jpg", "not_a_url"),
        ("https://shop.example.com:port/media/a.jpg", "not_a_url"),
        ("/media/a%00.jpg", "not_a_url"),
        ("/media/\udcff.jpg", "not_a_url"),
        ("/media/%FF.jpg", "bad_encoding"),
        ("/media/", "not_media"),
        ("/api/artworks/", "not_media"),
        (f"{BASE}/static/a.css", "not_media"),
        ("https://old.example.com/media/a.jpg", "wrong_host"),
    ],
)
def test_what_is_no_address_of_ours(settings: Any, url: str, expected: str) -> None:
    settings.PUBLIC_BASE_URL = BASE
    assert code(url) == expected


def test_another_host_names_the_setting(public: MediaAsset, settings: Any) -> None:
    seen = explain(url_of(public).replace(BASE, "http://old.example.com:8000"))
    assert seen.code == "wrong_host"
    assert "Set PUBLIC_BASE_URL=http://old.example.com:8000 and ALLOWED_HOSTS" in seen.verdict
    settings.ALLOWED_HOSTS = ["*"]
    assert code(url_of(public).replace(BASE, "http://old.example.com:8000")) == "wrong_host"
    settings.ALLOWED_HOSTS = ["old.example.com"]
    assert code(url_of(public).replace(BASE, "http://old.example.com:8000")) == "works"


@pytest.mark.parametrize(
    ("lines", "change", "expected", "said"),
    [
        ({}, ("shop.s3", "shp.s3"), "wrong_bucket", "AWS_STORAGE_BUCKET_NAME"),
        ({}, ("s3.amazonaws", "s3.eu-west-1.amazonaws"), "wrong_region", "AWS_S3_REGION_NAME=eu-west-1"),
        ({}, ("/media/", "/uploads/"), "wrong_location", "AWS_LOCATION"),
        ({}, ("/media/", "/"), "wrong_location", "The registry has a file pictures/sea.jpg."),
        ({}, ("shop.s3.amazonaws.com", "cdn.example.org"), "wrong_host", "PUBLIC_BASE_URL=https://cdn.example.org"),
        ({}, ("shop.s3.amazonaws.com/media", "cdn.example.org"), "wrong_host", "AWS_S3_CUSTOM_DOMAIN=cdn.example.org"),
        ({}, ("shop.s3.amazonaws.com", "minio:9000/shop"), "wrong_host", "AWS_S3_ENDPOINT_URL=https://minio:9000"),
        ({}, ("shop.s3.amazonaws.com", "d1.cloudfront.net"), "wrong_host", "AWS_S3_CUSTOM_DOMAIN=d1.cloudfront.net"),
        (
            {"AWS_S3_ENDPOINT_URL": "http://minio:9000"},
            ("http://minio:9000/shop", "https://shop.s3.amazonaws.com"),
            "wrong_host",
            "AWS_S3_ENDPOINT_URL",
        ),
        (
            {"AWS_S3_ENDPOINT_URL": "http://minio:9000", "AWS_S3_PUBLIC_ENDPOINT_URL": "https://files.example.com"},
            ("https://files.example.com", "http://minio:9000"),
            "wrong_host",
            "AWS_S3_PUBLIC_ENDPOINT_URL",
        ),
        (
            {"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com"},
            ("/media/", "/private/"),
            "private_on_custom_domain",
            "AWS_CLOUDFRONT_KEY",
        ),
    ],
)
def test_another_store_names_the_setting(
    at_amazon: tuple[MediaAsset, MediaAsset], site: Any, lines: Any, change: Any, expected: str, said: str
) -> None:
    site(**AMAZON, **lines)
    url = url_of(at_amazon[0])
    assert change[0] in url
    seen = explain(url.replace(*change))
    assert (seen.code, said in seen.verdict) == (expected, True), seen.verdict


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.s3.amazonaws.com/media/{}",
        "https://s3.us-east-1.amazonaws.com/shop/media/{}",
        "https://SHOP.s3.us-east-1.amazonaws.com:443/media/{}",
        "https://shop.s3.dualstack.us-east-1.amazonaws.com/media/{}",
        "http://s3.amazonaws.com/shop/media/{}",
    ],
)
def test_every_form_of_an_amazon_address_is_known(
    at_amazon: tuple[MediaAsset, MediaAsset], monkeypatch: Any, url: str
) -> None:
    assert code(url.format(at_amazon[0].key), at=time.time()) == "works"


def test_without_s3_an_s3_url_says_what_is_missing(at_amazon: tuple[MediaAsset, MediaAsset], site: Any) -> None:
    public, private = (url_of(asset) for asset in at_amazon)
    site()
    for url in (public, private):
        assert code(url) == "not_configured"
        assert "AWS_STORAGE_BUCKET_NAME=shop" in verdict(url)
    assert code(f"/media/{at_amazon[0].key}") == "not_configured"  # its row has moved there
    assert code("http://minio:9000/shop/media/a.jpg") == "wrong_host"


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "fields", "said"),
    [
        (State.RESERVED, {"lease_expires_at": timezone.now()}, "still being stored"),
        (State.PROCESSING, {}, "a worker"),
        (State.FAILED, {"failure_reason": "It crashed the decoder."}, "It crashed the decoder."),
        (State.DISCARDED, {}, "deleted (2"),
        (State.TOMBSTONE, {"purge_after": timezone.now() + timedelta(days=8)}, "its key stays taken until 2"),
    ],
)
@pytest.mark.parametrize("engine", ["local", "s3"])
def test_states_that_are_not_delivered(
    photo: Any, s3_site: Any, engine: str, state: str, fields: dict[str, Any], said: str
) -> None:
    if engine == "s3":
        s3_site()
    asset = published(photo("sea.jpg"))
    url = url_of(asset).removeprefix(BASE)
    MediaAsset.objects.update(state=state, **fields)
    seen = explain(url)
    assert (seen.code, said in seen.verdict) == (str(state), True), seen.verdict


@pytest.mark.parametrize(
    ("spelt", "said"),
    [
        ("pictures/SEA.jpg", "upper and lower case"),
        ("pictures//sea.jpg", "a slash too many"),
        ("pictures%252Fsea.jpg", "percent-encoded twice"),
        ("pictures/sea.jpg).", "the last characters"),
        ("media/pictures/sea.jpg", "a folder too many"),
        ("pictures/see.jpg", "there never was one"),
    ],
)
def test_keys_that_are_nearly_right(public: MediaAsset, spelt: str, said: str) -> None:
    seen = explain(f"{BASE}/media/{spelt}")
    assert (seen.code, said in seen.verdict) == ("unknown_key", True), seen.verdict


def test_accents_are_told_in_either_spelling(photo: Any) -> None:
    asset = published(photo("caf\u00e9.jpg"))
    assert "accents" in verdict("/media/" + quote(asset.key.replace("\u00e9", "e\u0301")))


def test_own_folders_are_never_delivered(db: None) -> None:
    upload = pending_upload()
    assert f"upload {upload.upload_id}, pending" in verdict(f"/media/private/{upload.staging_key}")
    assert code("/media/private/staging/x/y.jpg") == code("/media/private/raw/x") == "never_delivered"


def test_the_other_visibility(public: MediaAsset, private: MediaAsset) -> None:
    seen = explain(f"{BASE}/media/{private.key}")
    assert (seen.code, "signed URL" in seen.verdict) == ("missing_signature", True)
    url = url_maker("local-private").exact(public.key, now=time.time(), expires_in=60)[0]
    assert code(url) == "other_visibility"


def test_a_moved_file(public: MediaAsset, s3_site: Any) -> None:
    local = url_of(public)
    data = get_storage("local-public").open(public.key).read()
    s3_site()
    get_storage("s3-public").create(
        public.key, ContentFile(data), content_type="image/jpeg", object_id=public.object_id
    )
    MediaAsset.objects.update(storage="s3-public", copy_storage="local-public")
    seen = explain(local)
    assert (seen.code, seen.verdict) == ("works", "It redirects to s3-public, where the file has moved.")
    assert dict(seen.facts)["Fetched"] == "HTTP 206"
    remote = url_of(MediaAsset.objects.get())
    MediaAsset.objects.update(storage="local-public", copy_storage="s3-public")
    assert "kept copy in s3-public" in verdict(remote)
    assert code(remote) == "works"
    get_storage("s3-public").delete(public.key)
    seen = explain(remote)
    assert (seen.code, "cannot redirect" in seen.verdict) == ("moved", True)


# --- the object -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_an_object_that_is_missing_different_or_silent(photo: Any, s3_site: Any, monkeypatch: Any, engine: str) -> None:
    if engine == "s3":
        s3_site()
    for visibility in ("public", "private"):
        asset = published(photo("sea.jpg"), visibility=visibility)
        url = url_of(asset).removeprefix(BASE)
        storage: Any = get_storage(asset.storage)
        storage.delete(asset.key)
        seen = explain(url)
        assert (seen.code, "storage_audit" in seen.verdict) == ("object_missing", True)
        storage.create(asset.key, ContentFile(b"other"), content_type="image/jpeg", object_id=asset.object_id)
        assert code(url) == "object_differs"
        with monkeypatch.context() as patch:
            patch.setattr(storage, "stat", _silent)
            assert code(url) == "storage_unavailable"


def _silent(key: str) -> Any:
    raise StorageUnavailable


@real_server
def test_a_public_file_that_the_store_shows_nobody(s3_site: Any, photo: Any) -> None:
    s3_site(AWS_DEFAULT_ACL="")
    seen = explain(url_of(published(photo("sea.jpg"))))
    assert (seen.code, "HTTP 403" in seen.verdict, "storage_check" in seen.verdict) == ("refused", True, True)


def test_a_store_that_does_not_answer_browsers(on_s3: tuple[MediaAsset, MediaAsset], s3_site: Any) -> None:
    s3_site(AWS_S3_CUSTOM_DOMAIN="127.0.0.1:9", AWS_S3_URL_PROTOCOL="http:")
    assert code(url_of(on_s3[0])) == "store_silent"


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_an_expired_url_says_since_when(photo: Any, s3_site: Any, engine: str) -> None:
    if engine == "s3":
        s3_site()
    asset = published(photo("night.jpg"), visibility="private")
    now = timezone.now()
    url = url_of(asset, now=now.timestamp() - 7210, expires_in=10).removeprefix(BASE)
    exit_code, seen = run(url)
    assert (exit_code, seen["code"]) == (1, "expired")
    assert seen["verdict"].endswith("2 hours ago. Ask for a new one.")
    before = now - timedelta(seconds=7205)
    assert run(url, "--at", before.isoformat())[0] == 0
    assert run(url, "--at", f"{before:%Y-%m-%dT%H:%M:%S}")[0] == 0  # UTC where no zone is named


@pytest.mark.parametrize("engine", ["local", "s3"])
def test_a_private_url_without_its_query(photo: Any, s3_site: Any, engine: str) -> None:
    if engine == "s3":
        s3_site()
    asset = published(photo("night.jpg"), visibility="private")
    path, _, query = url_of(asset).removeprefix(BASE).partition("?")
    assert code(path) == "missing_signature"
    assert code(f"{path}?{query.rpartition('&')[0]}") == "incomplete_signature"
    assert code(f"{path}?{query.replace('&', '&amp;')}") == "html_escaped"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("expires=", "expires=9", "were changed"),
        ("expires=", "expires=x", "no number"),
        ("signature=", "signature=A", "33 characters, not 32"),
        ("night.jpg", "NIGHT.jpg", "signed for the key pictures/night.jpg"),
    ],
)
def test_changed_local_urls(private: MediaAsset, old: str, new: str, said: str) -> None:
    seen = explain(url_of(private).replace(old, new))
    problems = [problem for problem in seen.problems if problem.code == "tampered"]
    assert len(problems) == 1
    assert said in problems[0].text


def test_a_rotated_secret_key(private: MediaAsset, settings: Any) -> None:
    url, old = url_of(private), settings.SECRET_KEY
    settings.SECRET_KEY = "new" * 20
    assert (code(url), "SECRET_KEY_FALLBACKS" in verdict(url)) == ("tampered", True)
    settings.SECRET_KEY_FALLBACKS = [old]
    seen = explain(url)
    assert (seen.code, "SECRET_KEY_FALLBACKS" in dict(seen.facts)["Signature"]) == ("works", True)


@pytest.mark.parametrize(
    ("old", "new", "expected", "said"),
    [
        ("X-Amz-Expires=600", "X-Amz-Expires=3600", "tampered", "the expiry"),
        ("X-Amz-Expires=600", "X-Amz-Expires=604801", "expiry_too_long", "seven days"),
        ("X-Amz-Expires=600", "X-Amz-Expires=soon", "tampered", "cannot be read"),
        ("X-Amz-Signature=", "utm_source=mail&X-Amz-Signature=", "tampered", "parameters were added to it: utm_source"),
        ("X-Amz-Signature=", "X-Amz-Signature=0", "tampered", "does not hold"),
        ("AKIDEXAMPLE", "AKIDOTHER", "other_access_key", "AWS_ACCESS_KEY_ID"),
        ("shop.s3.us-east-1.amazonaws.com", "s3.us-east-1.amazonaws.com/shop", "tampered", "for the host shop.s3"),
        ("aws4_request", "aws4", "tampered", "X-Amz-Credential"),
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA", "tampered", "algorithm"),
        ("SignedHeaders=host", "SignedHeaders=host%3Brange", "more_headers", "range"),
    ],
)
def test_changed_s3_urls(
    at_amazon: tuple[MediaAsset, MediaAsset], monkeypatch: Any, old: str, new: str, expected: str, said: str
) -> None:
    private = at_amazon[1]
    url = url_of(private)
    assert old in url
    seen = explain(url.replace(old, new))
    assert (seen.code, said in seen.verdict) == (expected, True), seen.verdict


def test_other_ways_of_signing(at_amazon: tuple[MediaAsset, MediaAsset], monkeypatch: Any, site: Any) -> None:
    private = at_amazon[1]
    now = time.time()
    place = {"Bucket": "shop", "Key": f"private/{private.key}"}
    put = get_storage("s3-private").client.generate_presigned_url("put_object", Params=place)
    assert "signed for PUT" in verdict(put, at=now)
    assert code(url_of(private, now=now + 2000), at=now) == "not_yet_valid"
    assert code(url_of(private, now=now + 600), at=now) == "works"  # clocks may differ a little
    old = f"https://shop.s3.amazonaws.com/private/{private.key}?AWSAccessKeyId=A&Signature=b&Expires=1"
    assert code(old) == "old_signature"
    url = url_of(private)
    site(**AMAZON | {"AWS_SECRET_ACCESS_KEY": "rotated"})
    assert (code(url), "AWS_SECRET_ACCESS_KEY" in verdict(url)) == ("tampered", True)


def test_the_key_that_was_signed(at_amazon: tuple[MediaAsset, MediaAsset]) -> None:
    seen = explain(url_of(at_amazon[1]).replace("night", "NIGHT"))
    assert seen.code == "unknown_key"
    assert "for the key pictures/night.jpg" in dict(seen.facts)["Signature"]


def test_keys_of_a_role_that_were_renewed(at_amazon: tuple[MediaAsset, MediaAsset], site: Any, machine: Any) -> None:
    url = url_of(at_amazon[1])
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop")
    machine()
    now = time.time()
    assert "no credentials" in verdict(url, at=now)
    machine(AWS_ACCESS_KEY_ID="ASIANEW", AWS_SECRET_ACCESS_KEY="s", AWS_SESSION_TOKEN="t")
    seen = explain(url, at=now)
    assert (seen.code, "earlier keys" in seen.verdict) == ("unverifiable", True)
    machine(**KEYS)
    assert code(url, at=now) == "works"


@real_server
def test_what_cannot_be_verified_here_is_asked_of_the_store(
    on_s3: tuple[MediaAsset, MediaAsset], s3_site: Any, s3_server: Any, machine: Any
) -> None:
    url = url_of(on_s3[1])
    s3_site(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    machine(**{name: s3_server[name] for name in names})
    assert code(url) == "works"
    assert code(url.replace("X-Amz-Signature=", "X-Amz-Signature=0")) == "tampered"


@pytest.fixture(scope="module")
def pem() -> str:
    kind = serialization.PrivateFormat.TraditionalOpenSSL
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption()).decode()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("?", "?", "works"),
        ("Expires=", "Expires=9", "tampered"),
        ("Expires=", "Expires=99999999999999", "tampered"),
        ("Expires=", "Expires=x", "tampered"),
        ("Signature=", "Signature=A", "tampered"),
        ("Key-Pair-Id=KID", "Key-Pair-Id=OLD", "other_access_key"),
        ("Key-Pair-Id=KID", "", "incomplete_signature"),
        ("?Expires=", "?Policy=x&Expires=", "unverifiable"),
    ],
)
def test_cloudfront(
    at_amazon: tuple[MediaAsset, MediaAsset], site: Any, pem: str, monkeypatch: Any, old: str, new: str, expected: str
) -> None:
    lines = {"AWS_S3_CUSTOM_DOMAIN": "cdn.example.com", "AWS_CLOUDFRONT_KEY_ID": "KID", "AWS_CLOUDFRONT_KEY": pem}
    site(**AMAZON, **lines)
    private = at_amazon[1]
    url, now = url_of(private), time.time()
    assert old in url
    assert code(url.replace(old, new), at=now) == expected
    assert code(url, at=now + 601) == "expired"
    assert code(url.partition("?")[0], at=now) == "missing_signature"


# --- the command ------------------------------------------------------------------------------------------------------


def test_people_read_lines(private: MediaAsset, capsys: Any) -> None:
    call_command("explain_url", url_of(private))
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        *("Storage", "Key", "File", "Lies in", "Signature", "Expires", "Object", "Works")
    ]
    assert lines[-1] == "Works:     It delivers the file."
    with pytest.raises(SystemExit):
        call_command("explain_url", "/media/\x1b[2Jx\nWorks: yes")
    assert capsys.readouterr().out.splitlines()[1].startswith("Key:       \\x1b[2Jx")


def test_no_right_signature_and_no_secret_is_told(private: MediaAsset, at_amazon: Any, capsys: Any) -> None:
    for asset in (private, at_amazon[1]):
        url = url_of(asset)
        signature = urlsplit(url).query.rpartition("=")[2]
        for changed in (url, url.replace(signature, "0" * len(signature))):
            with pytest.raises(SystemExit) if changed != url or "amazonaws" in url else contextlib.nullcontext():
                call_command("explain_url", changed)
            out = capsys.readouterr().out
            assert signature not in out
            assert django_settings.SECRET_KEY not in out
            assert KEYS["AWS_SECRET_ACCESS_KEY"] not in out


@pytest.mark.parametrize(
    "arguments", [(), ("/media/a.jpg", "--at", "noon"), ("/media/a.jpg", "--at", "2026-99-99T00:00")]
)
def test_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command("explain_url", *arguments)


def test_without_a_url_the_process_ends_with_2() -> None:
    where = {"env": process_environment(), "cwd": django_settings.BASE_DIR}
    run = subprocess.run([sys.executable, "manage.py", "explain_url"], **where, capture_output=True, text=True)
    assert (run.returncode, "usage:" in run.stderr) == (2, True)


def test_no_text_makes_it_stumble(at_amazon: tuple[MediaAsset, MediaAsset], photo: Any) -> None:
    chance = random.Random(7)
    local = url_maker("local-private").exact(at_amazon[1].key, now=time.time(), expires_in=60)[0]
    seeds = [
        *map(url_of, at_amazon),
        local,
        f"{BASE}{local}",
        "https://cdn.example.com/media/a.jpg?Expires=1&Key-Pair-Id=K",
    ]
    odd = [
        "%",
        "%2",
        "%00",
        "%ff",
        "\x00",
        "\udc80",
        "//",
        "[",
        "]",
        "@",
        ":",
        "#",
        "?",
        "&",
        "=",
        "é",
        "😀",
        " ",
        "\n",
        "9" * 5000,
    ]
    for _ in range(400):
        text = list(chance.choice(seeds))
        for _ in range(chance.randint(1, 6)):
            place = chance.randrange(len(text) + 1)
            if chance.random() < 0.5:
                text[place:place] = chance.choice(odd)
            else:
                del text[place : place + chance.randint(1, 30)]
        seen = explain("".join(text), at=time.time())
        assert seen.verdict
        assert seen.works is (seen.code == "works")
