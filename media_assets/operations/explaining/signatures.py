"""Why a signature holds or does not: recomputed here, compared in constant time, never shown."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from urllib.parse import parse_qsl

from django.conf import settings

from media_assets.operations.explaining.addresses import Address
from media_assets.operations.explaining.facts import (
    FRESH,
    SECONDS,
    UNVERIFIABLE,
    Explanation,
    Problem,
    cut_off,
    moment,
    see_end,
    unsigned,
)
from media_assets.operations.explaining.keys import nearest
from media_assets.operations.explaining.presigned import judge_presigned, pairs_of
from media_assets.signing.local import LocalSigner, Verdict

_LOCAL_SIGNATURE_CHARACTERS = 32
_CLOUDFRONT_PARAMETERS = ("Expires", "Signature", "Key-Pair-Id")


def judge(address: Address, seen: Explanation, now: float) -> None:
    """Add what is to be said of the address's signature."""
    names = {name for name, _ in parse_qsl(address.query, keep_blank_values=True)}
    if any(name.startswith("amp;") for name in names):
        text = "Its query has &amp; where & belongs: it was copied out of HTML."
        return seen.fail(Problem("html_escaped", text, "Replace each &amp; by &."))
    if address.is_local:
        return _judge_local(address, seen, now) if address.is_private else None
    if any(name.startswith("X-Amz-") for name in names):
        return judge_presigned(address, seen, now)
    if address.style == "custom domain" and address.is_private:
        return _judge_cloudfront(address, seen, now)
    if {"AWSAccessKeyId", "Signature"} <= names:
        text = "It has a signature of version 2, which stores take no more."
        return seen.fail(Problem("old_signature", text, f"This site signs with version 4. {FRESH}"))
    if address.is_private:
        seen.fail(unsigned())
    return None


# --- local ------------------------------------------------------------------------------------------------------------


def _judge_local(address: Address, seen: Explanation, now: float) -> None:
    given = dict(parse_qsl(address.query, keep_blank_values=True))  # the last one counts, as in a request
    missing = [name for name in ("expires", "signature") if not given.get(name)]
    if len(missing) == 2:
        return seen.fail(unsigned())
    if missing:
        return seen.fail(cut_off(missing))
    expires, signature = given["expires"], given["signature"]
    if not SECONDS.fullmatch(expires):
        text = f"Its `expires` is no number of seconds: {expires[:40]!r}."
        return seen.fail(Problem("tampered", text, FRESH))
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    holding = [number for number, one in enumerate(secrets) if _holds_local(one, address.key, expires, signature)]
    if not holding:
        seen.see("Signature", "does not hold")
        seen.see("Expires", moment(int(expires), now))
        return seen.fail(_local_difference(address.key, expires, signature, secrets))
    which = "SECRET_KEY" if holding[0] == 0 else "one of SECRET_KEY_FALLBACKS, and works until that is removed"
    seen.see("Signature", f"holds, under {which}")
    return see_end(seen, int(expires), now)


def _holds_local(secret: str, key: str, expires: str, signature: str) -> bool:
    return LocalSigner("", [secret]).verify(key, expires, signature, now=0) is Verdict.VALID


def _local_difference(key: str, expires: str, signature: str, secrets: Sequence[str]) -> Problem:
    if len(signature) != _LOCAL_SIGNATURE_CHARACTERS:
        text = f"Its signature has {len(signature)} characters, not {_LOCAL_SIGNATURE_CHARACTERS}: the URL was cut."
        return Problem("tampered", text, FRESH)
    meant = nearest(key)
    if meant and any(_holds_local(one, meant[0], expires, signature) for one in secrets):
        return Problem("tampered", f"It was signed for the key {meant[0]}: {meant[1]}.", FRESH)
    text = (
        "Its signature does not hold: the key, `expires` or the signature were changed, or SECRET_KEY was, since it "
        "was signed."
    )
    return Problem("tampered", text, f"{FRESH} Where SECRET_KEY is new, put the old one into SECRET_KEY_FALLBACKS.")


# --- CloudFront -------------------------------------------------------------------------------------------------------


def _judge_cloudfront(address: Address, seen: Explanation, now: float) -> None:
    given = dict(pairs_of(address.query))
    if "Policy" in given:
        text = "It has a policy of its own, which this site does not write."
        return seen.fail(Problem(UNVERIFIABLE, text, "Ask whoever signed it, or take a new URL."))
    missing = [name for name in _CLOUDFRONT_PARAMETERS if not given.get(name)]
    if len(missing) == len(_CLOUDFRONT_PARAMETERS):
        return seen.fail(unsigned())
    if missing:
        return seen.fail(cut_off(missing))
    if not SECONDS.fullmatch(given["Expires"]):
        return seen.fail(Problem("tampered", "Its Expires is no number of seconds.", FRESH))
    if given["Key-Pair-Id"] != address.options["cloudfront_key_id"]:
        text = "It was signed with another key than AWS_CLOUDFRONT_KEY_ID: that was changed, or it is not ours."
        seen.fail(Problem("other_access_key", text, f"{FRESH} Old URLs work as long as CloudFront knows the old key."))
    elif not _holds_cloudfront(address, given):
        text = "Its signature does not hold: the key, Expires or the signature were changed, or AWS_CLOUDFRONT_KEY was."
        seen.see("Signature", "does not hold")
        seen.fail(Problem("tampered", text, FRESH))
    else:
        seen.see("Signature", "holds, for CloudFront")
    return see_end(seen, int(given["Expires"]), now)


def _holds_cloudfront(address: Address, given: dict[str, str]) -> bool:
    from media_assets.signing.delegated import cloudfront_url
    from media_assets.storages import get_storage

    try:
        made = cloudfront_url(get_storage(address.alias), address.key, int(given["Expires"]))
    except (ValueError, OverflowError, OSError):  # an end that no calendar has
        return False
    expected = dict(parse_qsl(made.partition("?")[2]))["Signature"]
    return hmac.compare_digest(expected.encode(), given["Signature"].encode(errors="replace"))
