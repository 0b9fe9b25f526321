"""The steps of an S3 store: it answers, its clock is ours, it knows our keys."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from media_assets.errors import StorageUnavailable
from media_assets.operations.checking import policies, rules
from media_assets.operations.checking.anonymous import FIRST_ANSWER, request
from media_assets.operations.checking.bucket_state import FORBIDDEN, client_of, code_of
from media_assets.operations.checking.findings import S3, SET_UP, Step, Verdict, explained, failed, ok, skipped, warning
from media_assets.operations.checking.layout import PRIVATE, PUBLIC, BucketUse, bucket_uses
from media_assets.operations.checking.setting_up import creation
from media_assets.storages.s3_errors import FIXES

CLOCK_WARNS_SECONDS, CLOCK_FAILS_SECONDS = 60, 300
# Answers that only come once the key is known; what they say is the next step's.
_KNOWN = {*FORBIDDEN, "NoSuchBucket", "PermanentRedirect", "TemporaryRedirect", "301", "307"}
_NO_STORE = "Check AWS_S3_ENDPOINT_URL: is this an S3 store?"


@dataclass(frozen=True, slots=True)
class Gate:
    """The steps that everything else in S3 needs."""

    browsers: Step  # the store answers where browsers look for it
    credentials: Step


def store_steps(uses: list[BucketUse]) -> tuple[Gate, list[Step]]:
    """The store answers, its clock is ours, and it knows our keys."""
    endpoint, public = _endpoint(uses[0]), settings.STORAGES[PUBLIC]["OPTIONS"]["public_endpoint_url"]
    dates: list[tuple[str, float]] = []

    def reach(url: str) -> Verdict:
        began = time.time()
        answer = request("GET", url, redirects=FIRST_ANSWER)
        dates.append((answer.headers.get("Date", ""), (began + time.time()) / 2))
        return ok(f"HTTP {answer.status} from {answer.headers.get('Server') or 'the store'}.")

    reached = Step(S3, "endpoint", f"GET {endpoint} without credentials", partial(reach, endpoint))
    browsers = reached
    if public:
        browsers = Step(S3, "public endpoint", f"GET {public} without credentials", partial(reach, public))
    clock = Step(
        S3,
        "clock",
        "the Date header of that answer, and this machine's clock",
        lambda: _clock(*dates[0]),
        (reached,),
    )
    keys = Step(S3, "credentials", f"ListObjectsV2 of {uses[0].name}", lambda: _credentials(uses[0]), (reached,))
    return Gate(browsers, keys), list(dict.fromkeys([reached, clock, browsers, keys]))


def _endpoint(use: BucketUse) -> str:
    """Where the store answers; asking needs no keys and builds no client."""
    if use.endpoint_url:
        return use.endpoint_url
    return f"https://s3.{use.region}.amazonaws.com{'.cn' if use.region.startswith('cn-') else ''}"


def _clock(date: str, ours: float) -> Verdict:
    if not date:
        return skipped("The store sends no Date header.")
    ahead = ours - parsedate_to_datetime(date).timestamp()
    answer = f"This machine's clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the store's."
    fix = "Set this machine's clock: turn NTP on (timedatectl set-ntp true). Stores refuse requests 15 minutes off."
    if abs(ahead) > CLOCK_FAILS_SECONDS:
        return failed(answer, fix)
    return warning(answer, fix) if abs(ahead) > CLOCK_WARNS_SECONDS else ok(answer)


def _credentials(use: BucketUse) -> Verdict:
    options = settings.STORAGES[PRIVATE]["OPTIONS"]
    who, ends_at = "the key of AWS_ACCESS_KEY_ID", None
    if not options["access_key"]:
        from media_assets.signing.role import role_credentials

        try:
            who, (_, ends_at) = "this machine's role", role_credentials()
        except StorageUnavailable as error:
            why = error.__cause__ or "no key is set, and this machine has no role."
            return failed(f"None were found: {why}", FIXES["CredentialRetrievalError"])
    try:
        client_of(use).list_objects_v2(Bucket=use.name, MaxKeys=1)
    except ClientError as error:
        if code_of(error) not in _KNOWN:
            answer, fix = explained(error, s3=True)
            return failed(answer, bucket_fix(use, error, fix) or _NO_STORE)
    if ends_at is None:
        return ok(f"Accepted: {who}.")
    remaining = int(ends_at - time.time())
    answer = f"Accepted: {who}; its present credentials end in {remaining} s and are renewed."
    if remaining < options["querystring_expire"]:
        shorter = f"Set AWS_QUERYSTRING_EXPIRE={max(60, remaining // 2)}, or use keys."
        fix = f"URLs die with the credentials that signed them. {shorter}"
        return warning(f"{answer} A signed URL is to live {options['querystring_expire']} s.", fix)
    return ok(answer)


def bucket_fix(use: BucketUse, error: ClientError, known: str) -> str:
    """What mends a refusal of the whole bucket; ``known``: what the error's code alone says."""
    if code_of(error) == "NoSuchBucket":
        return (
            f"{_variable(use)}={use.name}: correct it, or make the bucket with {SET_UP}, which calls CreateBucket:\n"
            f"{rules.text_of(creation(use))}"
        )
    region = _named_region(error)
    if region and region != use.region:
        return f"Set AWS_S3_REGION_NAME={region}"
    if code_of(error) in FORBIDDEN:
        return (
            f"{known}\nIAM policy (manage.py storage_check --iam):\n{rules.text_of(policies.iam_policy(bucket_uses()))}"
        )
    return known


def _named_region(error: ClientError) -> str:
    """The bucket's region, where the refusal names it."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    detail: dict[str, Any] = dict(error.response.get("Error", {}))
    return str(headers.get("x-amz-bucket-region") or detail.get("Region") or "")


def _variable(use: BucketUse) -> str:
    """The variable that names this bucket."""
    shared = settings.STORAGES[PUBLIC]["OPTIONS"]["bucket_name"] == use.name
    return "AWS_STORAGE_BUCKET_NAME" if shared else "AWS_PRIVATE_STORAGE_BUCKET_NAME"
