"""``manage.py storage_check`` on S3: sets a bucket up once, proves it, and names what is wrong with it.

On the emulator some steps fail, rightly (EMULATED): it does not do what they prove.
"""

import contextlib
import io
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.core.management import CommandError, call_command

from media_assets.models import MediaAsset
from media_assets.operations.checking import anonymous, s3_objects, s3_store
from media_assets.operations.checking.bucket_state import BucketState, Forbidden, NotOffered
from media_assets.operations.checking.findings import Status
from media_assets.operations.checking.layout import bucket_uses, tag_of
from media_assets.operations.checking.setting_up import creation, plan
from media_assets.tests.stored import published, real_server
from media_assets.tests.test_storage_check import Interrupted, bad, press_ctrl_c, run

pytestmark = [pytest.mark.s3, pytest.mark.django_db]
ORIGIN = "http://www.example.com"
# What the emulator does: it lets anyone list, takes what forms forbid, expires no URL, answers preflights with 403.
EMULATED = {"anonymous listing", "signed get, expired", f"CORS {ORIGIN}"} | {
    f"upload form, {name}" for name in ("another key", "another content type", "more bytes than allowed")
}
BY_POLICY = {"AWS_DEFAULT_ACL": ""}


@pytest.fixture
def new_bucket(s3_client: Any, settings: Any) -> Iterator[str]:
    """The name of a bucket that is not there yet; if it comes to be, it is removed with all its versions."""
    settings.PUBLIC_BASE_URL = ORIGIN
    name = f"vitrine-check-{uuid.uuid4().hex[:12]}"
    yield name
    try:
        found = s3_client.list_object_versions(Bucket=name)
    except ClientError:
        return
    for one in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]:
        s3_client.delete_object(Bucket=name, Key=one["Key"], VersionId=one["VersionId"])
    s3_client.delete_bucket(Bucket=name)


@pytest.fixture
def on(site: Any, s3_server: dict[str, str], new_bucket: str) -> Callable[..., str]:
    """Puts the site on the new bucket; gives its name."""

    def configure(**lines: str) -> str:
        site(**{"USE_S3": "True", "AWS_STORAGE_BUCKET_NAME": new_bucket, **s3_server, **lines})
        return new_bucket

    return configure


def names(report: Any, status: str) -> set[str]:
    return {one["name"] for one in report["steps"] if one["status"] == status}


def keys(s3_client: Any, bucket: str) -> list[str]:
    found = s3_client.list_object_versions(Bucket=bucket)
    return [one["Key"] for one in [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]]


# --- setting up ---


def test_a_missing_bucket_is_named_with_its_fix(on: Any) -> None:
    bucket = on(**BY_POLICY)
    code, report = run()
    assert (code, set(bad(report))) == (1, {f"s3 bucket {bucket}: bucket"})
    found = bad(report)[f"s3 bucket {bucket}: bucket"]
    assert found["answer"].startswith("NoSuchBucket (404) at ListObjectsV2")
    assert f"AWS_STORAGE_BUCKET_NAME={bucket}" in found["fix"]
    assert "--fix" in found["fix"]
    assert {"put", "anonymous get", "upload form", "delete"} <= names(report, "skipped")


@pytest.mark.parametrize("lines", [BY_POLICY, {}, {"AWS_DEFAULT_ACL": "private"}])
def test_fix_makes_a_bucket_in_which_every_step_succeeds(on: Any, s3_client: Any, lines: dict[str, str]) -> None:
    bucket = on(**lines)
    code, report = run("--fix", "--yes")
    parts = [one["part"] for one in report["changes"]]
    assert parts[0] == "bucket"
    assert ("policy" in parts) == (lines == BY_POLICY)
    assert {"CORS", "lifecycle"} <= set(parts)
    assert all(one["made"] for one in report["changes"])
    real = "S3_TEST_ENDPOINT_URL" in os.environ
    assert (code, names(report, "failed")) == ((0, set()) if real else (1, EMULATED))
    assert keys(s3_client, bucket) == []
    assert run("--fix", "--dry-run")[1]["changes"] == []


@real_server
def test_a_real_store_passes_every_step(on: Any) -> None:
    on(**BY_POLICY)
    code, report = run("--fix", "--yes")
    assert (code, bad(report)) == (0, {})
    assert names(report, "not offered") == {"encryption"}
    assert names(report, "skipped") == {"registry"}


@real_server
def test_two_buckets_pass_every_step(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    deeds = f"{bucket}-deeds"
    on(AWS_PRIVATE_STORAGE_BUCKET_NAME=deeds, **BY_POLICY)
    try:
        code, report = run("--fix", "--yes")
        assert (code, bad(report)) == (0, {})
        assert {one["storage"] for one in report["steps"]} >= {f"s3 bucket {bucket}", f"s3 bucket {deeds}"}
        assert [one["part"] for one in report["changes"] if one["bucket"] == bucket] == ["bucket", "policy", "CORS"]
        with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
            s3_client.get_bucket_policy(Bucket=deeds)
    finally:
        s3_client.delete_bucket(Bucket=deeds)


def test_a_site_by_https_wants_its_files_by_https(on: Any, settings: Any) -> None:
    """Browsers load nothing by http into such pages; the store of the tests has no certificate."""
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    on()
    found = bad(run("--fix", "--yes")[1])
    for name in ("s3-public: anonymous get", "s3-private: signed get"):
        assert found[name]["status"] == "warning"
        assert found[name]["answer"].endswith("But pages of https://www.example.com load nothing by http.")
        assert "AWS_S3_PUBLIC_ENDPOINT_URL=https://" in found[name]["fix"]


def test_rules_of_others_stay(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    reader = {"Sid": "Logs", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    reader["Resource"] = f"arn:aws:s3:::{bucket}/logs/*"
    s3_client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [reader]}))
    cors = {"ID": "app", "AllowedOrigins": ["https://app.example"], "AllowedMethods": ["GET"]}
    s3_client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [cors]})
    rule = {"ID": "logs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 20}}
    s3_client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    _, report = run("--fix", "--yes")
    assert {"policy", "CORS", "lifecycle"} <= {one["part"] for one in report["changes"]}
    policy = json.loads(s3_client.get_bucket_policy(Bucket=bucket)["Policy"])
    assert [one["Sid"] for one in policy["Statement"]] == ["Logs", f"VitrinePublicRead{tag_of('media')}"]
    ids = {one["ID"] for one in s3_client.get_bucket_cors(Bucket=bucket)["CORSRules"]}
    assert ids == {"app", f"vitrine-browsers-{tag_of('media')}"}
    rules = s3_client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {one["ID"] for one in rules} == {"logs", f"vitrine-staging-{tag_of('private')}"}
    assert run("--fix", "--dry-run")[1]["changes"] == []


def test_two_sites_set_up_one_bucket_one_after_the_other(on: Any, s3_client: Any, settings: Any) -> None:
    sites = [
        ("https://prod.example", {"AWS_LOCATION": "prod/media", "AWS_PRIVATE_LOCATION": "prod/private", **BY_POLICY}),
        (
            "https://stage.example",
            {"AWS_LOCATION": "stage/media", "AWS_PRIVATE_LOCATION": "stage/private", **BY_POLICY},
        ),
    ]
    for origin, lines in sites:
        bucket = on(**lines)
        settings.PUBLIC_BASE_URL = origin
        assert run("--fix", "--yes")[1]["changes"]
    for origin, lines in sites:
        on(**lines)
        settings.PUBLIC_BASE_URL = origin
        assert run("--fix", "--dry-run")[1]["changes"] == []
    policy = json.loads(s3_client.get_bucket_policy(Bucket=bucket)["Policy"])
    assert [one["Resource"] for one in policy["Statement"]] == [
        f"arn:aws:s3:::{bucket}/prod/media/*",
        f"arn:aws:s3:::{bucket}/stage/media/*",
    ]


def test_a_versioned_bucket_is_given_an_end_for_its_versions_and_left_empty(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    s3_client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    assert bad(run()[1])[f"s3 bucket {bucket}: lifecycle"]["status"] == "warning"
    _, report = run("--fix", "--yes")
    assert f"s3 bucket {bucket}: lifecycle" not in bad(report)
    rules = s3_client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert {one["ID"] for one in rules} == {
        f"vitrine-staging-{tag_of('private')}",
        f"vitrine-versions-{tag_of('media')}",
        f"vitrine-versions-{tag_of('private')}",
    }
    assert run("--fix", "--dry-run")[1]["changes"] == []
    assert keys(s3_client, bucket) == []


def test_a_dry_run_shows_the_difference_and_changes_nothing(on: Any, s3_client: Any, capsys: Any) -> None:
    bucket = on(**BY_POLICY)
    call_command("storage_check", "--fix", "--dry-run")
    printed = capsys.readouterr().out
    assert f"+++ {bucket}: bucket (wanted)" in printed
    assert "s3-public" not in printed  # no check
    with pytest.raises(ClientError):
        s3_client.head_bucket(Bucket=bucket)
    s3_client.create_bucket(Bucket=bucket)
    call_command("storage_check", "--fix", "--dry-run")
    assert f'+      "Resource": "arn:aws:s3:::{bucket}/media/*"' in capsys.readouterr().out
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3_client.get_bucket_policy(Bucket=bucket)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stdin", [io.StringIO("y\n"), Terminal("n\n"), Terminal("")])
def test_nothing_is_changed_without_a_yes(on: Any, s3_client: Any, stdin: Any, monkeypatch: Any, capsys: Any) -> None:
    bucket = on(**BY_POLICY)
    monkeypatch.setattr("sys.stdin", stdin)
    with pytest.raises(CommandError, match="Nothing was changed") as error:
        call_command("storage_check", "--fix")
    assert error.value.returncode == 1
    assert f"+++ {bucket}: bucket (wanted)" in capsys.readouterr().out
    with pytest.raises(ClientError):
        s3_client.head_bucket(Bucket=bucket)


def test_on_a_terminal_yes_is_enough(on: Any, s3_client: Any, monkeypatch: Any, capsys: Any) -> None:
    bucket = on(**BY_POLICY)
    monkeypatch.setattr("sys.stdin", Terminal("y\nyes\n"))
    with contextlib.suppress(SystemExit):
        call_command("storage_check", "--fix")
    assert capsys.readouterr().err.count("Make these changes? [y/N]") == 2  # the bucket, then what is in it
    assert s3_client.get_bucket_cors(Bucket=bucket)["CORSRules"]


def test_a_bucket_that_refuses_acls_is_opened_for_them(on: Any, s3_client: Any) -> None:
    """The emulator has AWS's ownership controls; Ceph has not."""
    bucket = on()
    s3_client.create_bucket(Bucket=bucket)
    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    try:
        s3_client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "InvalidArgument"
        assert any("object ownership is not offered" in note for note in plan(bucket_uses()).notes)
        return
    _, report = run("--fix", "--yes")
    assert "object ownership" in [one["part"] for one in report["changes"]]
    found = s3_client.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert found == [{"ObjectOwnership": "BucketOwnerPreferred"}]


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        (BY_POLICY, ["BlockPublicPolicy", "RestrictPublicBuckets"]),
        ({}, ["BlockPublicAcls", "IgnorePublicAcls"]),
    ],
)
def test_a_public_access_block_in_the_way_is_named_and_opened(
    on: Any, s3_client: Any, lines: dict[str, str], wrong: list[str]
) -> None:
    bucket = on(**lines)
    s3_client.create_bucket(Bucket=bucket)
    block = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False)
    block |= dict.fromkeys(wrong, True)
    s3_client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    found = bad(run()[1])[f"s3 bucket {bucket}: public access block"]
    assert found["status"] == "failed"
    assert " and ".join(wrong) in found["answer"]
    assert f'"{wrong[0]}": false' in found["fix"]
    _, report = run("--fix", "--yes")
    assert f"s3 bucket {bucket}: public access block" not in bad(report)
    now = s3_client.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert not any(now[name] for name in wrong)


# --- what is wrong ---


def test_a_store_that_is_not_there_is_said_at_once(site: Any, nobody: str) -> None:
    lines = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_S3_ENDPOINT_URL": f"http://{nobody}",
    }
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", **lines)
    began = time.monotonic()
    code, report = run()
    assert time.monotonic() - began < 30
    assert (code, set(bad(report))) == (1, {"s3: endpoint"})
    assert "Connection refused" in bad(report)["s3: endpoint"]["answer"]
    assert "AWS_S3_ENDPOINT_URL" in bad(report)["s3: endpoint"]["fix"]
    began = time.monotonic()
    code, report = run("--fix", "--yes")
    assert time.monotonic() - began < 60
    assert code == 1
    assert "EndpointConnectionError" in report["error"]["answer"]


def test_a_store_that_does_not_answer_is_given_up(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anonymous, "READ_SECONDS", 0.5)
    anonymous._pool.cache_clear()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_S3_ENDPOINT_URL=endpoint, **keys)
        code, report = run()
    anonymous._pool.cache_clear()
    assert (code, set(bad(report))) == (1, {"s3: endpoint"})
    assert "timed out" in bad(report)["s3: endpoint"]["answer"]


def test_what_is_no_s3_store_is_said(site: Any) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever).start()
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_S3_ENDPOINT_URL=endpoint, **keys)
    code, report = run()
    server.shutdown()
    server.server_close()
    assert (code, set(bad(report))) == (1, {"s3: credentials"})
    assert "AWS_S3_ENDPOINT_URL" in bad(report)["s3: credentials"]["fix"]


def test_a_store_that_browsers_cannot_reach_is_said_once(on: Any, s3_client: Any, nobody: str) -> None:
    nowhere = f"http://{nobody}"
    s3_client.create_bucket(Bucket=on(AWS_S3_PUBLIC_ENDPOINT_URL=nowhere, **BY_POLICY))
    code, report = run()
    assert (code, names(report, "failed") - EMULATED) == (1, {"public endpoint"})
    assert "AWS_S3_PUBLIC_ENDPOINT_URL" in bad(report)["s3: public endpoint"]["fix"]
    assert {"put", "head", "delete"} <= names(report, "ok")
    assert {"anonymous get", "signed get", "upload form", "upload in parts"} <= names(report, "skipped")


@real_server
def test_a_wrong_secret_key_is_said_once(on: Any) -> None:
    on(AWS_SECRET_ACCESS_KEY="not-the-right-one")
    code, report = run()
    assert (code, set(bad(report))) == (1, {"s3: credentials"})
    assert "SignatureDoesNotMatch (403)" in bad(report)["s3: credentials"]["answer"]
    assert "AWS_SECRET_ACCESS_KEY" in bad(report)["s3: credentials"]["fix"]


def test_no_credentials_at_all_are_said_once(on: Any, machine: Any) -> None:
    on(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    code, report = run()
    assert (code, set(bad(report))) == (1, {"s3: credentials"})
    assert "AWS_ACCESS_KEY_ID" in bad(report)["s3: credentials"]["fix"]


@real_server
def test_acls_that_the_bucket_refuses_are_named(on: Any, s3_client: Any) -> None:
    bucket = on()
    s3_client.create_bucket(Bucket=bucket)
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    s3_client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=block)
    code, report = run()
    assert code == 1
    found = bad(report)
    assert found["s3-public: put"]["answer"].startswith("AccessDenied (403) at PutObject")
    assert '"s3:PutObjectAcl"' in found["s3-public: put"]["fix"]
    assert "AWS_DEFAULT_ACL=" in found["s3-public: put"]["fix"]


def refused(operation: str, code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "So it is."}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def test_a_bucket_without_acls_is_told_to_use_a_policy(on: Any, s3_client: Any, monkeypatch: Any) -> None:
    """As AWS answers; neither the emulator nor Ceph does."""
    bucket = on()
    s3_client.create_bucket(Bucket=bucket)

    def without_acls(self: Any, *args: Any, **kwargs: Any) -> None:
        raise refused("PutObject", "AccessControlListNotSupported")

    monkeypatch.setattr(s3_objects.WrittenToS3, "create", without_acls)
    found = bad(run()[1])["s3-public: put"]
    assert found["answer"] == "AccessControlListNotSupported (400) at PutObject: So it is."
    assert "AWS_DEFAULT_ACL= (empty)" in found["fix"]
    assert f'"Resource": "arn:aws:s3:::{bucket}/media/*"' in found["fix"]


@real_server
def test_without_a_policy_public_files_fail_with_the_policy_to_paste(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    code, report = run()
    found = bad(report)["s3-public: anonymous get"]
    assert (code, found["status"]) == (1, "failed")
    pasted = json.loads(found["fix"].partition(":\n")[2])
    s3_client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(pasted))
    assert "s3-public: anonymous get" not in bad(run()[1])


@real_server
@pytest.mark.parametrize("opened", ["private/*", "private/staging/*", "*"])
def test_private_files_that_a_policy_makes_public_fail_loudly(on: Any, s3_client: Any, opened: str) -> None:
    bucket = on(**BY_POLICY)
    run("--fix", "--yes")
    policy = json.loads(s3_client.get_bucket_policy(Bucket=bucket)["Policy"])
    bad_one = {**policy["Statement"][0], "Sid": "Oops", "Resource": f"arn:aws:s3:::{bucket}/{opened}"}
    s3_client.put_bucket_policy(
        Bucket=bucket, Policy=json.dumps({**policy, "Statement": [*policy["Statement"], bad_one]})
    )
    code, report = run()
    expected = {"s3-private: anonymous get of staging"} | (
        set() if "staging" in opened else {"s3-private: anonymous get"}
    )
    assert (code, set(bad(report))) == (1, expected)
    found = bad(report)["s3-private: anonymous get of staging"]
    assert "anyone can read private files!" in found["answer"]
    assert "Take Oops out of the policy" in found["fix"]
    assert json.loads(found["fix"].partition(":\n")[2]) == policy


@real_server
def test_a_bucket_that_anyone_can_list_fails(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    run("--fix", "--yes")
    s3_client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    code, report = run()
    assert (code, set(bad(report))) == (1, {f"s3 bucket {bucket}: anonymous listing"})


@real_server
def test_an_origin_that_cors_does_not_name_fails_until_it_is_fixed(on: Any, settings: Any) -> None:
    on(**BY_POLICY)
    run("--fix", "--yes")
    settings.CORS_ALLOWED_ORIGINS = ["https://app.example"]
    code, report = run()
    assert (code, set(bad(report))) == (
        1,
        {"s3-public: CORS https://app.example", "s3-private: CORS https://app.example"},
    )
    found = bad(report)["s3-private: CORS https://app.example"]
    assert "OPTIONS for PUT: HTTP 403" in found["answer"]
    assert "may not read ETag, Location" in found["answer"]
    assert '"https://app.example"' in found["fix"]
    code, report = run("--fix", "--yes")
    assert ([one["part"] for one in report["changes"]], code) == (["CORS"], 0)


def test_without_an_origin_uploads_from_browsers_are_doubted(on: Any, s3_client: Any, settings: Any) -> None:
    s3_client.create_bucket(Bucket=on(**BY_POLICY))
    settings.PUBLIC_BASE_URL = ""
    assert "PUBLIC_BASE_URL" in bad(run()[1])["s3-private: CORS"]["fix"]


def test_lifecycle_rules_that_delete_live_files_fail(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    rule = {"ID": "old", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    s3_client.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    found = bad(run()[1])[f"s3 bucket {bucket}: lifecycle"]
    assert (found["status"], "old" in found["answer"]) == ("failed", True)


def test_the_clock_is_held_against_the_stores() -> None:
    date = "Sat, 21 Nov 2026 12:00:00 GMT"
    noon = 1795262400.0
    for seconds, status in (
        (0, "ok"),
        (60, "ok"),
        (-61, "warning"),
        (300, "warning"),
        (301, "failed"),
        (-900, "failed"),
    ):
        assert s3_store._clock(date, noon + seconds).status == status
    assert "301 s ahead of" in s3_store._clock(date, noon + 301).answer
    assert s3_store._clock("", noon).status == Status.SKIPPED


def test_a_role_whose_credentials_end_before_its_urls_warns(
    on: Any, s3_client: Any, s3_server: Any, monkeypatch: Any
) -> None:
    from media_assets.signing import role
    from media_assets.signing.sigv4 import Credentials

    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3_server["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3_server["AWS_SECRET_ACCESS_KEY"])
    on(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", **BY_POLICY)
    ends_at = int(time.time()) + 1000
    keys = Credentials(s3_server["AWS_ACCESS_KEY_ID"], s3_server["AWS_SECRET_ACCESS_KEY"])
    monkeypatch.setattr(role, "role_credentials", lambda: (keys, ends_at))
    found = bad(run()[1])["s3: credentials"]
    assert found["status"] == "warning"
    assert "end in " in found["answer"]
    assert "AWS_QUERYSTRING_EXPIRE=" in found["fix"]


def test_the_region_is_taken_from_the_refusal(on: Any) -> None:
    on(**BY_POLICY)
    (use,) = bucket_uses()
    error = refused("ListObjectsV2", "AuthorizationHeaderMalformed")
    error.response["Error"]["Region"] = "eu-central-1"  # type: ignore[typeddict-unknown-key]
    assert s3_store.bucket_fix(use, error, "") == "Set AWS_S3_REGION_NAME=eu-central-1"


def test_a_bucket_on_aws_is_made_in_its_region_and_with_acls_only_where_they_are_used(site: Any) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_S3_REGION_NAME="eu-central-1")
    assert creation(bucket_uses()[0]) == {
        "Bucket": "shop",
        "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"},
        "ObjectOwnership": "BucketOwnerPreferred",
    }
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop", AWS_DEFAULT_ACL="")
    assert creation(bucket_uses()[0]) == {"Bucket": "shop"}


class Distribution:
    """A CDN in front of the bucket that lets everyone read everything, whatever signature its URLs carry."""

    def __init__(self, s3_client: Any, bucket: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                try:
                    found = s3_client.get_object(Bucket=bucket, Key=self.path.partition("?")[0].lstrip("/"))
                except ClientError:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", found["ContentType"])
                self.end_headers()
                self.wfile.write(found["Body"].read())

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever).start()

    @property
    def lines(self) -> dict[str, str]:
        return {
            "AWS_S3_CUSTOM_DOMAIN": f"127.0.0.1:{self.server.server_address[1]}",
            "AWS_S3_URL_PROTOCOL": "http:",
        }


@pytest.fixture
def distribution(s3_client: Any, new_bucket: str) -> Iterator[Distribution]:
    made = Distribution(s3_client, new_bucket)
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_custom_domain_that_serves_the_whole_bucket_fails(on: Any, s3_client: Any, distribution: Any) -> None:
    s3_client.create_bucket(Bucket=on(**BY_POLICY, **distribution.lines))
    report = run()[1]
    assert "s3-public: anonymous get" not in bad(report)  # by the domain, with no policy on the bucket
    found = bad(report)["s3-private: anonymous get"]
    assert found["answer"].startswith(f"http://{distribution.lines['AWS_S3_CUSTOM_DOMAIN']}/private/storage-check/")
    assert "a CDN that serves the whole bucket" in found["fix"]
    assert "s3-private: signed get" not in bad(report)  # signed by us, for the store


def test_urls_that_cloudfront_signs_are_the_ones_that_are_proved(on: Any, s3_client: Any, distribution: Any) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    signing = {"AWS_CLOUDFRONT_KEY": pem, "AWS_CLOUDFRONT_KEY_ID": "KID"}
    s3_client.create_bucket(Bucket=on(**BY_POLICY, **distribution.lines, **signing))
    found = bad(run()[1])
    assert "s3-private: signed get" not in found
    assert found["s3-private: signed get, expired"]["answer"].startswith("HTTP 200")  # it looks at no expiry
    distribution.server.RequestHandlerClass.do_GET = lambda handler: handler.send_error(403)
    found = bad(run()[1])
    assert "AWS_CLOUDFRONT_KEY_ID" in found["s3-private: signed get"]["fix"]
    assert "s3-private: signed get, expired" not in found


# --- what the store has not, and what these credentials may not see ---


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("NotImplemented", NotOffered),
        ("MethodNotAllowed", NotOffered),
        ("AccessDenied", Forbidden),
        ("Odd", ClientError),
    ],
)
def test_answers_about_the_configuration_are_told_apart(s3_client: Any, code: str, expected: type[Exception]) -> None:
    with Stubber(s3_client) as stubbed:
        stubbed.add_client_error("get_public_access_block", code, "So it is.")
        with pytest.raises(expected, match="So it is"):
            BucketState(s3_client, "shop").public_access_block()


def test_what_may_not_be_seen_is_skipped_and_the_fix_says_so(on: Any, s3_client: Any, monkeypatch: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)

    def forbidden(self: Any) -> Any:
        raise Forbidden("AccessDenied (403) at GetBucketLifecycleConfiguration")

    monkeypatch.setattr(BucketState, "lifecycle", forbidden)
    assert "lifecycle" in names(run()[1], "skipped")
    code, report = run("--fix", "--yes")
    assert code == 1
    assert {one["part"] for one in report["changes"]} >= {"policy", "CORS"}  # the rest is done
    assert any("lifecycle: AccessDenied" in note for note in report["notes"])


def test_a_change_that_is_refused_names_the_rights(on: Any, s3_client: Any, monkeypatch: Any) -> None:
    from media_assets.storages import get_storage

    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)

    def forbidden(**kwargs: Any) -> None:
        raise refused("PutBucketPolicy", "AccessDenied", 403)

    storage: Any = get_storage("s3-private")
    monkeypatch.setattr(storage.client, "put_bucket_policy", forbidden)
    code, report = run("--fix", "--yes")
    assert code == 1
    assert report["error"]["answer"].startswith("AccessDenied (403) at PutBucketPolicy")
    assert '"s3:PutBucketPolicy"' in report["error"]["fix"]


# --- the registry, and clearing away ---


def test_files_that_turning_the_whole_site_private_would_lose_are_found(on: Any, s3_client: Any, photo: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    assets = [published(photo(f"{number}.jpg"), visibility="private") for number in range(2)]
    assert all(asset.storage == "s3-private" for asset in assets)
    assert "s3-private: registry" not in bad(run()[1])
    on(AWS_DEFAULT_ACL="private")
    found = bad(run()[1])["s3-private: registry"]
    assert found["status"] == "failed"
    assert f"They lie below private of {bucket}: set AWS_PRIVATE_LOCATION=private" in found["fix"]
    on(AWS_DEFAULT_ACL="private", AWS_PRIVATE_LOCATION="private")
    assert "s3-private: registry" not in bad(run()[1])


def test_public_files_below_another_location_are_found(on: Any, s3_client: Any, photo: Any) -> None:
    s3_client.create_bucket(Bucket=on(**BY_POLICY))
    published(photo())
    on(AWS_LOCATION="pictures", **BY_POLICY)
    assert "set AWS_LOCATION=media" in bad(run()[1])["s3-public: registry"]["fix"]
    MediaAsset.objects.update(key="gone.jpg")
    assert "AWS_LOCATION=pictures" in bad(run()[1])["s3-public: registry"]["fix"]


def test_an_interrupted_check_leaves_nothing_in_the_bucket(on: Any, s3_client: Any) -> None:
    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)
    seen: list[str] = []

    def look_and_interrupt() -> None:
        seen.extend(keys(s3_client, bucket))
        press_ctrl_c()

    with pytest.raises(SystemExit) as end:
        call_command("storage_check", stdout=Interrupted("s3-private: upload in parts", look_and_interrupt))
    assert end.value.code == 130
    assert any("parts.png" in key for key in seen)
    assert keys(s3_client, bucket) == []
    assert not s3_client.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_what_cannot_be_cleared_away_is_said(on: Any, s3_client: Any, monkeypatch: Any) -> None:
    from media_assets.errors import StorageUnavailable
    from media_assets.storages.s3 import S3MediaStorage

    bucket = on(**BY_POLICY)
    s3_client.create_bucket(Bucket=bucket)

    def refuse(self: Any, name: str) -> None:
        raise StorageUnavailable

    monkeypatch.setattr(S3MediaStorage, "delete", refuse)
    found = bad(run()[1])
    assert found["s3-public: delete"]["status"] == "failed"
    assert "object.png in s3-private" in found["all: clean-up"]["answer"]
