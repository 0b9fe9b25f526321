"""Who may do what: the bucket policy that opens public files, and the IAM policy of the site's key or role."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from media_assets.operations.checking.layout import BucketUse, locations, prefix_of, tag_of

PUBLIC_READ_SID = "VitrinePublicRead"
Json = dict[str, Any]
PublicBy = Literal["nothing", "acl", "policy", "cdn"]


def arn(use: BucketUse, path: str = "") -> str:
    """Of the bucket, or of objects in it."""
    partition = (
        "aws-cn" if use.region.startswith("cn-") else "aws-us-gov" if use.region.startswith("us-gov-") else "aws"
    )
    return f"arn:{partition}:s3:::{use.name}{f'/{path}' if path else ''}"


def public_by(use: BucketUse, policy: Json | None) -> PublicBy:
    """What lets anonymous readers in, given the bucket's policy."""
    if use.public_location is None:
        return "nothing"
    if use.public_acl:
        return "acl"
    return "cdn" if use.custom_domain and _lets_cloudfront_in(policy) else "policy"


def bucket_policy(use: BucketUse, present: Json | None) -> Json | None:
    """The present policy, with the public prefix readable by anyone where that is what makes it public."""
    if public_by(use, present) != "policy":
        return present
    location = use.public_location or ""
    statement = {
        "Sid": PUBLIC_READ_SID + tag_of(location),
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": arn(use, prefix_of(location) + "*"),
    }
    found = statements(present)
    own = [
        one
        for one in found
        if one.get("Sid") in (PUBLIC_READ_SID, statement["Sid"])
        and _list(one.get("Resource")) == [statement["Resource"]]
    ]
    return {**(present or {"Version": "2012-10-17"}), "Statement": replaced(found, own, statement)}


def replaced(present: Sequence[Json], own: Sequence[Json], wanted: Json) -> list[Json]:
    """``present`` with ``wanted`` where the first of ``own`` stood, or last; the rest of ``own`` is left out."""
    others = [one for one in present if one not in own]
    place = next((number for number, one in enumerate(present) if one in own), len(others))
    return [*others[:place], wanted, *others[place:]]


def without_readers(policy: Json | None, resource: str) -> tuple[list[str], Json]:
    """Statements that let anyone read ``resource`` (an ARN), by Sid or number, and the policy without them."""
    found, kept = [], []
    for number, one in enumerate(statements(policy), 1):
        if _is_anyone(one.get("Principal")) and _allows(one, "s3:GetObject", resource):
            found.append(str(one.get("Sid") or f"statement {number}"))
        else:
            kept.append(one)
    return found, {**(policy or {}), "Statement": kept}


def statements(policy: Json | None) -> list[Json]:
    """The statements of a policy, of which a single one may stand without a list."""
    found = (policy or {}).get("Statement", [])
    return [found] if isinstance(found, dict) else list(found)


def iam_policy(uses: Sequence[BucketUse], *, set_up: bool = False) -> Json:
    """The least rights of the key or role that the site works with; ``set_up``: those of ``--fix`` too."""
    found: list[Json] = []
    found.append(
        _allow(
            "VitrineBuckets",
            ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
            [arn(use) for use in uses],
        )
    )
    objects = [arn(use, f"{prefix_of(location)}*") for use in uses for location in locations(use)]
    found.append(_allow("VitrineObjects", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects))
    private = [arn(use, f"{use.staging_prefix}*") for use in uses if use.private_location is not None]
    found.append(_allow("VitrineUploadsInParts", ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], private))
    with_acl = [
        arn(use, f"{prefix_of(use.public_location)}*")
        for use in uses
        if use.public_location is not None and use.public_acl
    ]
    if with_acl:
        found.append(_allow("VitrinePublicObjects", ["s3:PutObjectAcl"], with_acl))
    if set_up:
        found.append(_allow("VitrineSetUp", list(_SET_UP_ACTIONS), [arn(use) for use in uses]))
    return {"Version": "2012-10-17", "Statement": found}


_SET_UP_ACTIONS = (
    "s3:CreateBucket",
    *(f"s3:{verb}BucketOwnershipControls" for verb in ("Get", "Put")),
    *(f"s3:{verb}BucketPublicAccessBlock" for verb in ("Get", "Put")),
    *(f"s3:{verb}BucketPolicy" for verb in ("Get", "Put")),
    *(f"s3:{verb}BucketCORS" for verb in ("Get", "Put")),
    *(f"s3:{verb}LifecycleConfiguration" for verb in ("Get", "Put")),
    *(f"s3:{verb}EncryptionConfiguration" for verb in ("Get", "Put")),
    "s3:GetBucketVersioning",
)


def _lets_cloudfront_in(policy: Json | None) -> bool:
    for one in statements(policy):
        principal = one.get("Principal")
        named = json.dumps(principal).lower() if isinstance(principal, dict) else ""
        if one.get("Effect") == "Allow" and "cloudfront" in named:
            return True
    return False


def _is_anyone(principal: Any) -> bool:
    return principal == "*" or (isinstance(principal, dict) and "*" in _list(principal.get("AWS")))


def _allows(statement: Json, action: str, resource: str) -> bool:
    actions, resources = _list(statement.get("Action")), _list(statement.get("Resource"))
    return (
        statement.get("Effect") == "Allow"
        and any(fnmatchcase(action.lower(), one.lower()) for one in actions)
        and any(fnmatchcase(resource, one) for one in resources)
    )


def _allow(sid: str, actions: list[str], resources: list[str]) -> Json:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}


def _list(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
