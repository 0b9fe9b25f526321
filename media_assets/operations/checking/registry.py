"""Do the files of the registry lie where today's settings look for them?

Turning a whole site public or private moves the default of AWS_PRIVATE_LOCATION: what is older lies elsewhere then.
"""

from __future__ import annotations

from typing import Any

from media_assets.errors import ObjectMissing
from media_assets.models import MediaAsset, State
from media_assets.operations.checking.findings import S3, Step, Verdict, failed, ok, skipped
from media_assets.storages import get_storage, is_configured

SAMPLE = 5  # newest files that are looked for
_USUAL_LOCATIONS = ("", "media", "private")
_LOCATION_NAMES = {"s3-public": "AWS_LOCATION", "s3-private": "AWS_PRIVATE_LOCATION"}
_ROOT_NAMES = {"local-public": "MEDIA_ROOT", "local-private": "PRIVATE_MEDIA_ROOT"}


def registry_step(alias: str, *needs: Step) -> Step:
    """The step that looks for the newest files of a storage, one stat each."""
    return Step(alias, "registry", f"HEAD of the newest {SAMPLE} files in the registry", lambda: _newest(alias), needs)


def unconfigured_step(alias: str) -> Step:
    """The step that there are no files in a storage that today's settings do not know."""
    return Step(alias, "registry", "files in the registry whose storage is not configured", lambda: _none(alias))


def _none(alias: str) -> Verdict:
    if not MediaAsset.objects.live().filter(storage=alias).exists():
        return ok("No row has its file there.")
    fix = "Set AWS_STORAGE_BUCKET_NAME and the rest of the S3 settings (USE_S3=False keeps new files on disk)."
    return failed("There are some: they are not delivered.", fix)


def _newest(alias: str) -> Verdict:
    found = MediaAsset.objects.filter(storage=alias, state=State.READY).order_by("-pk").values_list("key", flat=True)
    keys = list(found[:SAMPLE])
    if not keys:
        return skipped("The registry has no files here.")
    storage = get_storage(alias)
    missing = [key for key in keys if not _is_there(storage, key)]
    if not missing:
        return ok(f"The newest {len(keys)} are there.")
    answer = f"{len(missing)} of the newest {len(keys)} are not there: {', '.join(missing)}."
    return failed(answer, _fix(alias, storage, missing[0], all_missing=len(missing) == len(keys)))


def _is_there(storage: Any, key: str) -> bool:
    try:
        storage.stat(key)
    except ObjectMissing:
        return False
    return True


def _fix(alias: str, storage: Any, key: str, *, all_missing: bool) -> str:
    if not alias.startswith(S3):
        return f"{_ROOT_NAMES[alias]}={storage.location}: set it to where they lie. See manage.py storage_audit."
    name = _LOCATION_NAMES[alias]
    for location in _USUAL_LOCATIONS:
        if location != storage.location and _lies_below(storage, location, key):
            return f"They lie below {location or 'the root'} of {storage.bucket_name}: set {name}={location}"
    audit = "See manage.py storage_audit."
    if not all_missing:
        return audit
    bucket = "AWS_STORAGE_BUCKET_NAME" if alias == "s3-public" else "AWS_PRIVATE_STORAGE_BUCKET_NAME"
    return f"Check {name}={storage.location} and {bucket}={storage.bucket_name}: set them to where they lie. {audit}"


def _lies_below(storage: Any, location: str, key: str) -> bool:
    from media_assets.storages.s3_errors import NoSuchObject, s3_errors

    try:
        with s3_errors(storage):
            storage.client.head_object(Bucket=storage.bucket_name, Key=f"{location}/{key}" if location else key)
    except NoSuchObject:
        return False
    return True


def unconfigured() -> list[str]:
    """Aliases of the product that have no storage in this environment."""
    return [alias for alias in (*_ROOT_NAMES, *_LOCATION_NAMES) if not is_configured(alias)]
