"""What a bucket has now: each part read by itself, since a store may lack it and a key may not see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from media_assets.operations.checking.layout import PRIVATE, PUBLIC, BucketUse
from media_assets.operations.checking.policies import Json
from media_assets.storages import get_storage
from media_assets.storages.s3_errors import explain

ABSENT = {
    "NoSuchPublicAccessBlockConfiguration",
    "OwnershipControlsNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchCORSConfiguration",
    "NoSuchLifecycleConfiguration",
    "ServerSideEncryptionConfigurationNotFoundError",
}
UNKNOWN = {"NotImplemented", "MethodNotAllowed", "NotSupported", "UnsupportedOperation", "501", "405"}
FORBIDDEN = {"AccessDenied", "AllAccessDisabled", "UnauthorizedAccess", "403"}


class NotOffered(Exception):
    """The store has no such feature."""


class Forbidden(Exception):
    """These credentials may not read or write it; the text is the store's."""


class BucketState:
    """Each method raises NotOffered, Forbidden, or botocore's errors; None or empty where nothing is set."""

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name

    def exists(self) -> bool:
        try:
            self._client.head_bucket(Bucket=self._name)
        except ClientError as error:
            if code_of(error) in ("404", "NoSuchBucket"):
                return False
            raise
        return True

    def policy(self) -> Json | None:
        found = self._read(self._client.get_bucket_policy)
        return json.loads(found["Policy"]) if found else None

    def public_access_block(self) -> Mapping[str, bool] | None:
        found = self._read(self._client.get_public_access_block)
        return found["PublicAccessBlockConfiguration"] if found else None

    def ownership(self) -> Json | None:
        return self._configuration(self._client.get_bucket_ownership_controls, "OwnershipControls")

    def encryption(self) -> Json | None:
        return self._configuration(self._client.get_bucket_encryption, "ServerSideEncryptionConfiguration")

    def cors(self) -> list[Json]:
        found = self._read(self._client.get_bucket_cors)
        return found.get("CORSRules", []) if found else []

    def lifecycle(self) -> Json:
        """``Rules``, and what else PutBucketLifecycleConfiguration takes back."""
        found = self._read(self._client.get_bucket_lifecycle_configuration) or {}
        kept = {name: found[name] for name in ("TransitionDefaultMinimumObjectSize",) if name in found}
        return {"Rules": found.get("Rules", []), **kept}

    def is_versioned(self) -> bool:
        """Whether deleted objects leave versions behind, or have left some."""
        found = self._read(self._client.get_bucket_versioning)
        return bool(found and found.get("Status"))

    def _configuration(self, call: Callable[..., Json], name: str) -> Json | None:
        """Raises NotOffered for an answer without the rules that it consists of: a store that does not know the
        question answers another one."""
        found = self._read(call)
        if found is None:
            return None
        if not found.get(name, {}).get("Rules"):
            raise NotOffered(f"it answers without {name}.")
        return {"Rules": found[name]["Rules"]}

    def _read(self, call: Callable[..., Json]) -> Json | None:
        try:
            return call(Bucket=self._name)
        except ClientError as error:
            if code_of(error) in ABSENT:
                return None
            raise translated(error) from error


def translated(error: ClientError) -> Exception:
    """NotOffered or Forbidden, or the error itself."""
    code = code_of(error)
    if code in UNKNOWN:
        return NotOffered(explain(error)[0])
    return Forbidden(explain(error)[0]) if code in FORBIDDEN else error


def code_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def present(use: BucketUse, part: str, otherwise: Any) -> tuple[Any, bool]:
    """A part of a bucket's configuration (a method of BucketState), and whether it could be read."""
    try:
        return getattr(BucketState(client_of(use), use.name), part)(), True
    except (NotOffered, Forbidden):
        return otherwise, False


def client_of(use: BucketUse) -> Any:
    """The client that the site itself uses for this bucket."""
    storage: Any = get_storage(PUBLIC if use.private_location is None else PRIVATE)
    return storage.client
