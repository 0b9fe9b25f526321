"""Cost of one presigned address: ours, django-storages, botocore, and the hashing alone.

Run alone: `python -m bench.signing`. All figures come from one process and alternate round by round,
so that the ratios hold even where the seconds do not.
"""

from __future__ import annotations

import hashlib
import hmac
import statistics
import time
from collections.abc import Callable
from typing import Any

from media_assets.signing.sigv4 import Credentials, QuerySigner

ROUNDS = 15
SLOW_CALLS_PER_ROUND = 100
FAST_CALLS_PER_ROUND = 5_000
EXPIRY_SECONDS = 3_600

BUCKET = "vitrine-media"
REGION = "eu-west-1"
ACCESS_KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEYS = {
    "plain": [f"artworks/2025/11/4f6c2e0a-9a50-4d3a-8b4e-{n:012x}/w1600.webp" for n in range(100)],
    "quoted": [f"artworks/2025/11/Mona Lisa (détail {n:03}) – années 1500.webp" for n in range(100)],
}


def measure() -> list[tuple[str, float]]:
    """Seconds of CPU per call, by name, the median of alternating rounds. Needs configured Django settings."""
    subjects = _subjects()
    samples: dict[str, list[float]] = {name: [] for name, _, _, _ in subjects}
    for _ in range(ROUNDS):
        for name, call, keys, calls in subjects:
            samples[name].append(_seconds_per_call(call, keys, calls))
    return [(name, statistics.median(values)) for name, values in samples.items()]


def _subjects() -> list[tuple[str, Callable[[str], Any], list[str], int]]:
    import boto3
    from botocore.config import Config
    from storages.backends.s3 import S3Storage

    config = Config(signature_version="s3v4", s3={"addressing_style": "virtual"})
    storage = S3Storage(
        bucket_name=BUCKET,
        region_name=REGION,
        access_key=ACCESS_KEY,
        secret_key=SECRET_KEY,
        querystring_auth=True,
        querystring_expire=EXPIRY_SECONDS,
        client_config=config,
    )
    client = boto3.client(
        "s3", region_name=REGION, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY, config=config
    )
    signer = QuerySigner(bucket=BUCKET, region=REGION, credentials=Credentials(ACCESS_KEY, SECRET_KEY))
    signed_at = int(time.time())
    ours = signer.at(signed_at=signed_at, expires_in=EXPIRY_SECONDS)

    def presign(key: str) -> str:
        return signer.presign(key, signed_at=signed_at, expires_in=EXPIRY_SECONDS)

    def plain_botocore(key: str) -> str:
        params = {"Bucket": BUCKET, "Key": key}
        return str(client.generate_presigned_url("get_object", Params=params, ExpiresIn=EXPIRY_SECONDS))

    subjects: list[tuple[str, Callable[[str], Any], list[str], int]] = []
    for kind, keys in KEYS.items():
        subjects += [
            (f"{kind}: django-storages url()", storage.url, keys, SLOW_CALLS_PER_ROUND),
            (f"{kind}: botocore", plain_botocore, keys, SLOW_CALLS_PER_ROUND),
            (f"{kind}: ours, presign()", presign, keys, FAST_CALLS_PER_ROUND),
            (f"{kind}: ours, at()", ours, keys, FAST_CALLS_PER_ROUND),
        ]
    subjects += [
        ("floor: sha256, hmac.digest", _library_floor(), KEYS["plain"], FAST_CALLS_PER_ROUND),
        ("floor: sha256, copied states", _copied_floor(), KEYS["plain"], FAST_CALLS_PER_ROUND),
    ]
    return subjects


def _library_floor() -> Callable[[str], str]:
    """The hashing that every signature needs, on inputs of the real lengths, and nothing else."""
    request, prefix, signing_key = b"r" * 340, b"p" * 69, b"k" * 32

    def hashing(_: str) -> str:
        digest = hashlib.sha256(request).hexdigest()
        return hmac.digest(signing_key, prefix + digest.encode(), "sha256").hex()

    return hashing


def _copied_floor() -> Callable[[str], str]:
    """The same hashing with the key's part of the HMAC done before, as the signer does it."""
    request, inner_start, outer_start = b"r" * 340, hashlib.sha256(b"i" * 133), hashlib.sha256(b"o" * 64)

    def hashing(_: str) -> str:
        inner = inner_start.copy()
        inner.update(hashlib.sha256(request).hexdigest().encode())
        outer = outer_start.copy()
        outer.update(inner.digest())
        return outer.hexdigest()

    return hashing


def _seconds_per_call(call: Callable[[str], Any], keys: list[str], calls: int) -> float:
    rounds = calls // len(keys)
    start = time.process_time()
    for _ in range(rounds):
        for key in keys:
            call(key)
    return (time.process_time() - start) / (rounds * len(keys))


def main() -> None:
    """Prints the table, with each cost as a part of django-storages' on the same keys."""
    results = measure()
    costs = dict(results)
    for name, seconds in results:
        kind = name.partition(":")[0]
        reference = costs[f"{kind if kind in KEYS else 'plain'}: django-storages url()"]
        print(f"{name:<32} {seconds * 1e6:8.2f} µs {reference / seconds:8.1f} times cheaper")


if __name__ == "__main__":
    from django.conf import settings

    if not settings.configured:
        settings.configure()
    main()
