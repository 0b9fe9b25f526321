"""Signed, expiring addresses of private files on local disk: the laptop's twin of S3's presigned URLs."""

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from enum import Enum
from urllib.parse import quote

_PURPOSE = b"vitrine.local-url.v1"
_DIGEST_BYTES = 24


class Verdict(Enum):
    VALID = "valid"
    EXPIRED = "expired"
    FORGED = "forged"


class LocalSigner:
    """Signs a key and the moment it expires with keyed BLAKE2b (RFC 7693), under a secret derived for this purpose.

    In: ``base_url`` ending in a slash; ``secrets``, the signing one first, then older ones still accepted
    (``SECRET_KEY`` and ``SECRET_KEY_FALLBACKS``).
    """

    def __init__(self, base_url: str, secrets: Sequence[str]) -> None:
        self._base_url = base_url
        self._states = [
            hashlib.blake2b(key=hmac.digest(secret.encode(), _PURPOSE, "sha256"), digest_size=_DIGEST_BYTES)
            for secret in secrets
        ]

    def at(self, expires_at: int) -> Callable[[str], str]:
        """A function from key to address, good until ``expires_at`` (seconds since the epoch)."""
        start, prefix, base_url = self._states[0], f"{expires_at}\n".encode(), self._base_url

        def url_for(key: str) -> str:
            state = start.copy()
            state.update(prefix + key.encode())
            signature = base64.urlsafe_b64encode(state.digest()).decode()
            return f"{base_url}{quote(key, safe='/~')}?expires={expires_at}&signature={signature}"

        return url_for

    def verify(self, key: str, expires: str, signature: str, *, now: float) -> Verdict:
        """Whether ``signature`` was made here for this key and expiry, compared in constant time."""
        expected = (self._expected(state, key, expires) for state in self._states)
        genuine = [hmac.compare_digest(made, signature.encode(errors="replace")) for made in expected]
        if not any(genuine) or not expires.isdecimal():  # a key with a line break in it would be ambiguous
            return Verdict.FORGED
        return Verdict.VALID if now < int(expires) else Verdict.EXPIRED

    @staticmethod
    def _expected(state: hashlib.blake2b, key: str, expires: str) -> bytes:
        state = state.copy()
        state.update(f"{expires}\n{key}".encode(errors="replace"))
        return base64.urlsafe_b64encode(state.digest())
