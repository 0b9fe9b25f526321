"""The JSON that a bucket needs: pure functions of its use and of what it has now.

Only rules of this site, by their names and prefixes, are put in or replaced; everything else stays as it is.
"""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from media_assets.operations.checking.layout import ANY_ORIGIN, BucketUse, locations, prefix_of, tag_of
from media_assets.operations.checking.policies import Json, public_by, replaced

STAGING_DAYS = 2
NONCURRENT_DAYS = 30
BROWSERS_ID = "vitrine-browsers"
STAGING_ID = "vitrine-staging"
VERSIONS_ID = "vitrine-versions"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
EXPOSED = ("ETag", "Location")
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
OWNERSHIP = {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
_MAX_AGE_SECONDS = 3000
_SECONDS_PER_DAY = 86_400


def public_access_block(use: BucketUse, policy: Json | None, present: Mapping[str, bool] | None) -> dict[str, bool]:
    """The present block, opened only where what makes the public files public needs it."""
    block = {name: bool((present or {}).get(name)) for name in BLOCKS}
    return block | dict.fromkeys(blocks_in_the_way(use, policy), False)


def blocks_in_the_way(use: BucketUse, policy: Json | None) -> tuple[str, ...]:
    """The settings of the public-access block that would keep readers of public files out."""
    return {"acl": BLOCKS[:2], "policy": BLOCKS[2:]}.get(public_by(use, policy), ())


def cors_rules(use: BucketUse, present: Sequence[Json]) -> list[Json]:
    """The present rules with ours; as they are where no browser comes from elsewhere, or another rule does it.

    A rule of another site that says the same is not relied on: it may change.
    """
    if not use.origins:
        return list(present)
    location = (use.private_location or "") if use.public_location is None else use.public_location
    rule = {
        "ID": f"{BROWSERS_ID}-{tag_of(location)}",
        "AllowedHeaders": ["*"],
        "AllowedMethods": ["GET", "HEAD"] if use.private_location is None else ["GET", "HEAD", "POST", "PUT"],
        "AllowedOrigins": [ANY_ORIGIN] if ANY_ORIGIN in use.origins else list(use.origins),
        "ExposeHeaders": list(EXPOSED),
        "MaxAgeSeconds": _MAX_AGE_SECONDS,
    }
    own = [one for one in present if one.get("ID") == rule["ID"]]
    others = [one for one in present if not str(one.get("ID", "")).startswith(f"{BROWSERS_ID}-")]
    if not own and any(_same(one, rule) for one in others):
        return list(present)
    return replaced(present, own, _kept(own, rule))


def lifecycle_rules(use: BucketUse, present: Sequence[Json], *, versioned: bool) -> list[Json]:
    """The present rules with those of ours that no other one does already."""
    others = [rule for rule in present if not _is_own(use, rule)]
    wanted = {
        rule["Filter"]["Prefix"]: rule for rule in _lifecycle(use, versioned=versioned) if not _is_done(rule, others)
    }
    found = [rule for rule in present if rule in others or rule_prefix(rule) in wanted]
    for prefix, rule in wanted.items():
        own = [one for one in found if one not in others and rule_prefix(one) == prefix]
        found = replaced(found, own, _kept(own, rule))
    return found


def destructive_rules(use: BucketUse, rules: Iterable[Json]) -> list[str]:
    """IDs of rules that delete files which the site still has: by age, below a location and not in staging."""
    locations = [one for one in (use.public_location, use.private_location) if one is not None]
    found = []
    for rule in rules:
        prefix = rule_prefix(rule)
        ends = {"Days", "Date"} & set(rule.get("Expiration", {}))
        if prefix is None or not ends or not _is_enabled(rule) or _is_for_staging(rule):
            continue
        in_staging = use.private_location is not None and prefix.startswith(use.staging_prefix)
        touches = any(prefix.startswith(prefix_of(one)) or prefix_of(one).startswith(prefix) for one in locations)
        if touches and not in_staging:
            found.append(str(rule.get("ID", prefix)))
    return found


def rule_prefix(rule: Json) -> str | None:
    """What keys a lifecycle rule is for begin with; None where a tag or a size chooses them too."""
    chosen = rule.get("Filter")
    if chosen is None:
        return str(rule.get("Prefix", ""))
    return str(chosen.get("Prefix", "")) if set(chosen) <= {"Prefix"} else None


def text_of(document: Any) -> str:
    """JSON as it is shown and pasted; nothing for None."""
    return "" if document is None else json.dumps(document, indent=2)


def difference(name: str, before: Any, after: Any) -> str:
    """A unified diff of two JSON documents; empty where they are the same."""
    old, new = text_of(before).splitlines(), text_of(after).splitlines()
    return "\n".join(difflib.unified_diff(old, new, f"{name} (now)", f"{name} (wanted)", lineterm=""))


def staging_days(use: BucketUse) -> int:
    """Whole days after which nothing in staging is needed any more."""
    return max(STAGING_DAYS, math.ceil(use.upload_seconds / _SECONDS_PER_DAY))


def _lifecycle(use: BucketUse, *, versioned: bool) -> Iterator[Json]:
    if use.private_location is not None:
        yield {
            "ID": f"{STAGING_ID}-{tag_of(use.private_location)}",
            "Status": "Enabled",
            "Filter": {"Prefix": use.staging_prefix},
            "Expiration": {"Days": staging_days(use)},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": staging_days(use)},
        }
    for location in locations(use) if versioned else ():
        yield {
            "ID": f"{VERSIONS_ID}-{tag_of(location)}",
            "Status": "Enabled",
            "Filter": {"Prefix": prefix_of(location)},
            "Expiration": {"ExpiredObjectDeleteMarker": True},
            "NoncurrentVersionExpiration": {"NoncurrentDays": NONCURRENT_DAYS},
        }


def _is_done(wanted: Json, others: Iterable[Json]) -> bool:
    """Whether somebody else's rules do what this one of ours would."""
    actions = {
        "Expiration": "Days",
        "AbortIncompleteMultipartUpload": "DaysAfterInitiation",
        "NoncurrentVersionExpiration": "NoncurrentDays",
    }
    needed = [(action, key) for action, key in actions.items() if key in wanted.get(action, {})]
    prefix = wanted["Filter"]["Prefix"]
    return all(
        any(
            _is_enabled(rule) and (found := rule_prefix(rule)) is not None and prefix.startswith(found)
            for rule in others
            if key in rule.get(action, {})
        )
        for action, key in needed
    )


def _is_enabled(rule: Json) -> bool:
    return bool(rule.get("Status") == "Enabled")


def _is_for_staging(rule: Json) -> bool:
    """Whether it clears the staging of this site, or of another one in the bucket."""
    return str(rule.get("ID", "")).startswith(STAGING_ID) and (rule_prefix(rule) or "").endswith("staging/")


def _is_own(use: BucketUse, rule: Json) -> bool:
    """Whether a lifecycle rule has a name of ours, today's or an older one, and the prefix that belongs to it."""
    ours = [(VERSIONS_ID, one, prefix_of(one)) for one in locations(use)]
    if use.private_location is not None:
        ours.append((STAGING_ID, use.private_location, use.staging_prefix))
    return any(
        rule_prefix(rule) == prefix
        and rule.get("ID") in (name, f"{name}-{tag_of(location)}", f"{name}-{location.replace('/', '-')}")
        for name, location, prefix in ours
    )


def _kept(own: Iterable[Json], wanted: Json) -> Json:
    """The rule that is there, where it says the same; else the wanted one."""
    return next((rule for rule in own if _same(rule, wanted)), wanted)


def _same(one: Json, other: Json) -> bool:
    """Whether they say the same: the ID is a name only, and the order within a list means nothing."""
    return _comparable(one) == _comparable(other)


def _comparable(rule: Json) -> Json:
    prefix = rule_prefix(rule)  # which stores give back in more than one form
    left_out = {"ID"} if prefix is None else {"ID", "Filter", "Prefix"}
    named = {
        name: sorted(value) if isinstance(value, list) else value
        for name, value in rule.items()
        if name not in left_out and value not in ({}, [])
    }
    return {**named, "prefix": prefix}
