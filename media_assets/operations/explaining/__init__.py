"""Why a media URL delivers, or why not: its address, the file behind it, its signature, the object, and the store."""

from __future__ import annotations

import time
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.template.defaultfilters import filesizeformat

from media_assets.errors import ObjectMissing, StorageUnavailable
from media_assets.models import MediaAsset, State
from media_assets.operations.explaining.addresses import Address, locate
from media_assets.operations.explaining.facts import FRESH, UNVERIFIABLE, Explanation, Problem, moment
from media_assets.operations.explaining.keys import asset_at, nearest, own_folder
from media_assets.operations.explaining.signatures import judge
from media_assets.signing.urls import url_maker
from media_assets.storages import get_storage, is_configured

__all__ = ["Explanation", "explain"]

S3_BACK = "Set AWS_STORAGE_BUCKET_NAME (and AWS_S3_ENDPOINT_URL, AWS_S3_REGION_NAME, the keys) to bring it back."
_PROBE_SECONDS = 60  # what a redirect's target that is only tried lives


def explain(url: str, *, at: float | None = None) -> Explanation:
    """What there is to say about a URL; any text will do.

    In: ``at``, the moment it is asked for (seconds since the epoch), now where None. Only for now the store itself is
    asked as well, where nothing else is wrong.
    """
    now = time.time() if at is None else at
    seen = Explanation()
    address = locate(url.strip())
    if isinstance(address, Problem):
        seen.fail(address)
        return seen
    seen.see("Storage", f"{address.alias}, {address.style}")
    seen.see("Key", address.key)
    asset = asset_at(address.key)
    if asset is None:
        seen.fail(_unknown(address))
    else:
        _see_asset(asset, seen)
        _judge_asset(address, asset, seen, now)
    judge(address, seen, now)
    if asset is not None:
        _judge_object(address, asset, seen)
        if at is None and all(problem.code == UNVERIFIABLE for problem in seen.problems):
            _ask_store(url.strip(), address, asset, seen, now)
    return seen


def _unknown(address: Address) -> Problem:
    if what := own_folder(address.key):
        return Problem("never_delivered", f"Its key is that of {what}.", "Take the URL of the finished file.")
    if meant := nearest(address.key):
        text = f"No file has its key, but {meant[0]} is one: {meant[1]}."
        return Problem("unknown_key", text, "Correct the URL, or take a fresh one.")
    text = "No file has its key: there never was one, or it was deleted and its key is free again."
    return Problem("unknown_key", text, "Take the URL from a fresh answer.")


def _see_asset(asset: MediaAsset, seen: Explanation) -> None:
    size = filesizeformat(asset.size).replace("\xa0", " ")
    seen.see("File", f"asset {asset.pk}, {asset.state}, {asset.visibility}, {asset.content_type}, {size}")
    copies = f", and perhaps still in {asset.copy_storage}" if asset.copy_storage else ""
    seen.see("Lies in", f"{asset.storage}{copies}")


def _judge_asset(address: Address, asset: MediaAsset, seen: Explanation, now: float) -> None:
    seen.fail(_state_problem(asset, now))
    if asset.key != address.key and address.key not in {one["key"] for one in asset.variants or ()}:
        widths = ", ".join(str(one["width"]) for one in asset.variants or ()) or "none"
        text = f"It is a size of {asset.key} that is not offered any more; those of now: {widths}."
        seen.fail(Problem("obsolete_variant", text, "Take the URL from a fresh answer."))
    if asset.visibility != address.alias.partition("-")[2]:
        is_private = asset.visibility == "private"
        text = f"The file is {asset.visibility}, and the URL has the form of the {address.alias} ones."
        remedy = "Private files need a signed URL: take it from a fresh answer." if is_private else FRESH
        seen.fail(Problem("missing_signature" if is_private else "other_visibility", text, remedy))
    elif not is_configured(asset.storage):
        text = f"The file lies in {asset.storage}, which this site does not have now."
        seen.fail(Problem("not_configured", text, S3_BACK))


def _state_problem(asset: MediaAsset, now: float) -> Problem | None:
    changed = moment(asset.updated_at.timestamp(), now)
    match asset.state:
        case State.RESERVED:
            return Problem("reserved", "The file is still being stored.", "Wait for the answer to its upload.")
        case State.PROCESSING:
            remedy = "Wait; where it takes long, see that a worker runs, and `manage.py sweep_media`."
            return Problem("processing", "The file is not delivered before a worker has cleaned it.", remedy)
        case State.FAILED:
            reason = asset.failure_reason or "no reason was noted"
            remedy = "Let it be tried again in the admin, or upload it again."
            return Problem("failed", f"The file could not be processed: {reason}", remedy)
        case State.DISCARDED:
            text = f"The file was deleted ({changed}); its objects are being removed."
            return Problem("discarded", text, "Upload it again where it is still wanted.")
        case State.TOMBSTONE:
            until = moment(asset.purge_after.timestamp(), now) if asset.purge_after else "its time is over"
            text = f"The file was deleted; its objects are gone since {changed}; its key stays taken until {until}."
            return Problem("tombstone", text, "Upload it again where it is still wanted.")
    return None


def _judge_object(address: Address, asset: MediaAsset, seen: Explanation) -> None:
    """Where the URL reads: the asset's own storage, behind a redirect too; or, for S3, the copy that may be there."""
    alias = asset.storage if address.is_local else address.alias
    if not is_configured(alias) or asset.state in (State.RESERVED, State.DISCARDED, State.TOMBSTONE):
        return
    is_elsewhere = alias != asset.storage
    try:
        stat = get_storage(alias).stat(address.key)
    except (ObjectMissing, SuspiciousFileOperation):
        seen.see("Object", f"not in {alias}")
        seen.fail(_moved(address, asset) if is_elsewhere else _lost(alias))
        return
    except StorageUnavailable:  # logged where it was raised, with the setting to change
        text = f"{alias} does not answer, or not as it should."
        seen.fail(Problem("storage_unavailable", text, "The log has the cause; `manage.py storage_check` finds it."))
        return
    seen.see("Object", f"in {alias}, {stat.size} bytes, written {stat.modified_at:%Y-%m-%d %H:%M:%S} UTC")
    if stat.size != _size(address, asset):
        text = f"Other bytes lie there: {stat.size}, not {_size(address, asset)} as the registry has them."
        seen.fail(Problem("object_differs", text, "Run `manage.py storage_audit --fix`."))
    elif is_elsewhere and asset.visibility == address.alias.partition("-")[2]:
        seen.success = (
            f"It delivers the kept copy in {alias}; the file has moved to {asset.storage}, so take a fresh URL "
            "before the copy is removed."
        )
    elif alias != address.alias:
        seen.success = f"It redirects to {alias}, where the file has moved."


def _moved(address: Address, asset: MediaAsset) -> Problem:
    text = f"The file has moved to {asset.storage}, and a URL of {address.alias} cannot redirect there."
    return Problem("moved", text, "Take the URL from a fresh answer.")


def _lost(alias: str) -> Problem:
    text = f"Its object is missing from {alias}."
    remedy = "Run `manage.py storage_audit --fix`, or restore it from a backup."
    return Problem("object_missing", text, remedy)


def _size(address: Address, asset: MediaAsset) -> int:
    sizes: dict[str, Any] = {one["key"]: one["size"] for one in asset.variants or ()}
    return int(sizes.get(address.key, asset.size))


def _ask_store(url: str, address: Address, asset: MediaAsset, seen: Explanation, now: float) -> None:
    """Fetch its first byte as a browser would, where a store answers and not the application."""
    if address.is_local:
        if asset.storage.startswith("local-"):
            return
        url = url_maker(asset.storage).exact(address.key, now=now, expires_in=_PROBE_SECONDS)[0]
    from urllib3.exceptions import HTTPError

    from media_assets.operations.checking.anonymous import request, said

    try:
        answer = request("GET", url, headers={"Range": "bytes=0-0"})
    except (HTTPError, ValueError, OSError) as error:
        text = f"The store did not answer a request for it ({type(error).__name__})."
        remedy = "Check the network, AWS_S3_ENDPOINT_URL, AWS_S3_PUBLIC_ENDPOINT_URL, AWS_S3_CUSTOM_DOMAIN."
        seen.fail(Problem("store_silent", text, remedy))
        return
    seen.see("Fetched", said(answer))
    if answer.status in (200, 206, 416):  # the last: an empty file has no first byte
        seen.problems.clear()
        return
    remedy = "`manage.py storage_check` proves the settings, bucket policy and public-access block, step by step."
    seen.fail(Problem("refused", f"The store refuses it: {said(answer)}.", remedy))
