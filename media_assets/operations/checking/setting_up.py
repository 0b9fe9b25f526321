"""``--fix``: what a bucket lacks, as changes that can be shown first, and making them.

A change puts one part of the bucket's configuration from what it is to what is wanted. A second plan after they are
made has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from media_assets.operations.checking import policies, rules
from media_assets.operations.checking.bucket_state import (
    BucketState,
    Forbidden,
    NotOffered,
    client_of,
    code_of,
    translated,
)
from media_assets.operations.checking.layout import BucketUse

BUCKET = "bucket"
_T = TypeVar("_T")
_MINE_ALREADY = "BucketAlreadyOwnedByYou"


@dataclass(frozen=True, slots=True)
class Change:
    bucket: str
    part: str  # of the configuration
    before: Any  # JSON; None: nothing
    after: Any
    apply: Callable[[], Any]

    @property
    def diff(self) -> str:
        return rules.difference(f"{self.bucket}: {self.part}", self.before, self.after)


@dataclass
class Plan:
    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # parts that this store has not
    unreadable: list[str] = field(default_factory=list)  # parts that these credentials may not see


def plan(uses: list[BucketUse]) -> Plan:
    """What is to be changed. Raises botocore's errors where the store does not answer."""
    made = Plan()
    for use in uses:
        client = client_of(use)
        state = BucketState(client, use.name)
        if not state.exists():
            made.changes += _new_bucket(use, client)
            continue
        _plan_parts(use, client, state, made)
    return made


def apply(changes: list[Change]) -> Iterator[Change]:
    """Make the changes; each is given once it is made. Raises Forbidden, NotOffered, or botocore's errors."""
    for change in changes:
        try:
            change.apply()
        except ClientError as error:
            raise translated(error) from error
        yield change


def creation(use: BucketUse) -> dict[str, Any]:
    """The parameters of CreateBucket."""
    wanted: dict[str, Any] = {"Bucket": use.name}
    if use.endpoint_url is None:
        if use.region != "us-east-1":
            wanted["CreateBucketConfiguration"] = {"LocationConstraint": use.region}
        if policies.public_by(use, None) == "acl":
            wanted["ObjectOwnership"] = "BucketOwnerPreferred"
    return wanted


def _new_bucket(use: BucketUse, client: Any) -> Iterator[Change]:
    """The bucket and, with it, what it is to have: read again once it is there, since it is not born empty."""
    wanted = creation(use)

    def create() -> None:
        try:
            client.create_bucket(**wanted)
        except ClientError as error:
            if code_of(error) != _MINE_ALREADY:
                raise

    yield Change(use.name, BUCKET, None, wanted, create)


@dataclass(frozen=True, slots=True)
class _Found:
    """A bucket that is there."""

    use: BucketUse
    client: Any
    state: BucketState
    policy: policies.Json | None
    versioned: bool


_Part = tuple[Any, Any, Callable[[], Any]]  # what it is, what it is to be, and how it becomes that


def _plan_parts(use: BucketUse, client: Any, state: BucketState, made: Plan) -> None:
    found = _Found(use, client, state, _or(state.policy, None), _or(state.is_versioned, False))
    for name, look in _PARTS.items():
        try:
            before, after, put = look(found)
        except NotOffered as error:
            made.notes.append(f"{use.name}: {name} is not offered by this store: {error}")
        except Forbidden as error:
            made.unreadable.append(f"{use.name}: {name}: {error}")
        else:
            if before != after:
                made.changes.append(Change(use.name, name, before, after, put))


def _or(read: Callable[[], _T], otherwise: _T) -> _T:
    """What is read, where it may be and the store has it; its own part says so otherwise."""
    try:
        return read()
    except (NotOffered, Forbidden):
        return otherwise


def _ownership(found: _Found) -> _Part:
    before = found.state.ownership()
    refuses_acls = before is not None and before["Rules"][0].get("ObjectOwnership") == "BucketOwnerEnforced"
    after = rules.OWNERSHIP if refuses_acls and policies.public_by(found.use, None) == "acl" else before
    return (
        before,
        after,
        partial(found.client.put_bucket_ownership_controls, Bucket=found.use.name, OwnershipControls=after),
    )


def _block(found: _Found) -> _Part:
    before = found.state.public_access_block()  # None: nothing is in the way
    after = None if before is None else rules.public_access_block(found.use, found.policy, before)
    put = partial(found.client.put_public_access_block, Bucket=found.use.name, PublicAccessBlockConfiguration=after)
    return before, after, put


def _policy(found: _Found) -> _Part:
    before = found.state.policy()
    after = policies.bucket_policy(found.use, before)
    return before, after, partial(found.client.put_bucket_policy, Bucket=found.use.name, Policy=rules.text_of(after))


def _cors(found: _Found) -> _Part:
    before = found.state.cors()
    after = rules.cors_rules(found.use, before)
    put = partial(found.client.put_bucket_cors, Bucket=found.use.name, CORSConfiguration={"CORSRules": after})
    return before, after, put


def _lifecycle(found: _Found) -> _Part:
    before = found.state.lifecycle()
    wanted = rules.lifecycle_rules(found.use, before["Rules"], versioned=found.versioned)
    others = {name: value for name, value in before.items() if name != "Rules"}
    put = partial(
        found.client.put_bucket_lifecycle_configuration,
        Bucket=found.use.name,
        LifecycleConfiguration={"Rules": wanted},
        **others,
    )
    return before, {**before, "Rules": wanted}, put


def _encryption(found: _Found) -> _Part:
    before = found.state.encryption()
    after = before or rules.ENCRYPTION
    put = partial(found.client.put_bucket_encryption, Bucket=found.use.name, ServerSideEncryptionConfiguration=after)
    return before, after, put


_PARTS: dict[str, Callable[[_Found], _Part]] = {
    "object ownership": _ownership,
    "public access block": _block,
    "policy": _policy,
    "CORS": _cors,
    "lifecycle": _lifecycle,
    "encryption": _encryption,
}
