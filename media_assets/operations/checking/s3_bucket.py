"""The steps of a bucket: is it there, and is it set up as the settings want it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from media_assets.operations.checking import rules
from media_assets.operations.checking.anonymous import request, said
from media_assets.operations.checking.bucket_state import (
    BucketState,
    Forbidden,
    NotOffered,
    client_of,
    present,
)
from media_assets.operations.checking.findings import (
    SET_UP,
    Step,
    Verdict,
    explained,
    failed,
    not_offered,
    ok,
    skipped,
    warning,
)
from media_assets.operations.checking.layout import BucketUse, prefix_of
from media_assets.operations.checking.s3_store import Gate, bucket_fix


def bucket_steps(use: BucketUse, gate: Gate) -> tuple[Step, list[Step]]:
    """The step that the bucket is there, and all of the bucket's."""
    state = BucketState(_LazyClient(use), use.name)
    there = Step(
        use.label, "bucket", f"ListObjectsV2 and HeadBucket of {use.name}", lambda: _bucket(use), (gate.credentials,)
    )

    def step(name: str, tried: str, look: Callable[[BucketUse, BucketState], Verdict]) -> Step:
        return Step(use.label, name, tried, lambda: _configured(name, look, use, state), (there,))

    return there, [
        there,
        Step(use.label, "anonymous listing", "GET of the bucket without credentials", lambda: _listing(use), (there,)),
        step("public access block", "GetPublicAccessBlock", _block),
        step("lifecycle", "GetBucketLifecycleConfiguration", _lifecycle),
        step("encryption", "GetBucketEncryption", _encryption),
        step("versioning", "GetBucketVersioning", _versioning),
    ]


class _LazyClient:
    """The bucket's client, built when first asked: without keys that already fails, within a step."""

    def __init__(self, use: BucketUse) -> None:
        self._use = use

    def __getattr__(self, name: str) -> Any:
        return getattr(client_of(self._use), name)


def _bucket(use: BucketUse) -> Verdict:
    client = client_of(use)
    try:
        client.list_objects_v2(Bucket=use.name, MaxKeys=1)
        region = client.head_bucket(Bucket=use.name).get("BucketRegion")
    except ClientError as error:
        answer, fix = explained(error, s3=True)
        return failed(answer, bucket_fix(use, error, fix))
    if use.endpoint_url is None and region and region != use.region:
        return failed(f"The bucket lies in {region}.", f"Set AWS_S3_REGION_NAME={region}")
    return ok("The bucket is there and may be listed.")


def _listing(use: BucketUse) -> Verdict:
    url = client_of(use).generate_presigned_url("list_objects_v2", Params={"Bucket": use.name}).partition("?")[0]
    answer = request("GET", f"{url}?{urlencode({'list-type': 2, 'max-keys': 1})}")
    if answer.status != 200:
        return ok(f"Refused: {said(answer)}.")
    return failed(
        f"{said(answer)}: anyone can list every key of this bucket, those of private files too.",
        "Remove s3:ListBucket for everyone from the bucket policy, and READ for AllUsers from the bucket's ACL:\n"
        f"aws s3api put-bucket-acl --bucket {use.name} --acl private",
    )


def _configured(
    name: str, look: Callable[[BucketUse, BucketState], Verdict], use: BucketUse, state: BucketState
) -> Verdict:
    try:
        return look(use, state)
    except NotOffered as error:
        return not_offered(str(error))
    except Forbidden as error:
        fix = "Allow it to whoever runs this check, or look in the console. The site itself does not need it."
        return skipped(f"These credentials may not look: {error}", fix)


def _block(use: BucketUse, state: BucketState) -> Verdict:
    found = state.public_access_block()
    if found is None:
        return ok("No block is set.")
    policy, _ = present(use, "policy", None)
    wrong = [name for name in rules.blocks_in_the_way(use, policy) if found.get(name)]
    shown = ", ".join(name for name in rules.BLOCKS if found.get(name)) or "nothing"
    if not wrong:
        return ok(f"It blocks {shown}.")
    wanted = rules.text_of(rules.public_access_block(use, policy, found))
    return failed(
        f"It blocks {shown}. Public files need {' and '.join(wrong)} off.",
        f"PutPublicAccessBlock of {use.name} ({SET_UP} does it; a block on the whole account counts too):\n{wanted}",
    )


def _lifecycle(use: BucketUse, state: BucketState) -> Verdict:
    found = state.lifecycle()["Rules"]
    if harmful := rules.destructive_rules(use, found):
        return failed(
            f"Rules delete files that the site still has: {', '.join(harmful)}.",
            f"Remove these rules from {use.name}, or keep them to a prefix outside of {_places(use)}.",
        )
    wanted = rules.lifecycle_rules(use, found, versioned=state.is_versioned())
    if rules.difference("", found, wanted):
        return warning(
            "Nothing ends what is left over: uploads that were begun and not finished, versions of deleted files.",
            f"PutBucketLifecycleConfiguration of {use.name} ({SET_UP} does it):\n{rules.text_of({'Rules': wanted})}",
        )
    return ok(f"{len(found)} rules; what is left over ends by itself.")


def _places(use: BucketUse) -> str:
    found = [one for one in (use.public_location, use.private_location) if one is not None]
    return " and ".join(prefix_of(one) or "the root" for one in found)


def _encryption(use: BucketUse, state: BucketState) -> Verdict:
    found = state.encryption()
    if found is None:
        return warning(
            "Objects are not encrypted at rest by default.",
            f"PutBucketEncryption of {use.name} ({SET_UP} does it):\n{rules.text_of(rules.ENCRYPTION)}",
        )
    return ok(str(found["Rules"][0].get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm", "set")))


def _versioning(use: BucketUse, state: BucketState) -> Verdict:
    if state.is_versioned():
        return ok("On: a deleted file stays as a version until a lifecycle rule ends it.")
    return ok("Off: what is deleted is gone.")
