"""A list of 100 artworks: the site's rows against nested model serializers, private images against public ones."""

import json

from django.db import connection

from bench.content import access_token, make_artworks, make_user
from bench.table import Row
from bench.timing import Samples, rounds, settle
from bench.wsgi_requests import request
from media_assets.models import MediaAsset

LENGTH = 100
TURNS, CALLS_PER_TURN = 25, 4
TIMES_CHEAPER, PRIVATE_TO_PUBLIC = 5, 1.3
PUBLIC, OURS, PLAIN = "local-public", f"/api/artworks/?limit={LENGTH}", f"/api/plain/artworks/?limit={LENGTH}"
PRIVATE_OF = {"local-private": PUBLIC, "s3-private": "s3-public"}
STORAGES = (PUBLIC, "local-private", "s3-public", "s3-private")


def measure() -> list[Row]:
    """CPU of one request in the application, by caller and by the storage that holds every image."""
    viewer = make_user("viewer")
    make_artworks(LENGTH, viewer)
    tokens = {"anonymous": "", "signed in": access_token(viewer)}
    calls = {
        (way, caller): request(target, token=token)
        for caller, token in tokens.items()
        for way, target in (("ours", OURS), ("plain", PLAIN))
    }
    for storage in STORAGES:
        _move_all_to(storage)
        for caller in tokens:
            _require_same(calls["ours", caller]().body, calls["plain", caller]().body)
    settle()
    samples = Samples()
    for _ in range(rounds(TURNS)):
        for storage in STORAGES:
            _move_all_to(storage)
            for (way, caller), call in calls.items():
                samples.take(f"{storage} {caller} {way}", call, CALLS_PER_TURN)
    return _rows(samples.medians())


def _rows(cost: dict[str, float]) -> list[Row]:
    group = f"Artwork list of {LENGTH}, {connection.vendor}: CPU of the application"
    rows = []
    for storage in STORAGES:
        for caller in ("anonymous", "signed in"):
            plain, ours = cost[f"{storage} {caller} plain"], cost[f"{storage} {caller} ours"]
            name = f"{storage}, {caller}"
            target = TIMES_CHEAPER if storage == PUBLIC else None
            rows.append(Row(group, f"{name}: plain nested ModelSerializer", plain))
            rows.append(Row(group, f"{name}: ours", ours, "ms", plain / ours, "cheaper than plain", target, True))
    for private, public in PRIVATE_OF.items():
        for caller in ("anonymous", "signed in"):
            cost_private, cost_public = cost[f"{private} {caller} ours"], cost[f"{public} {caller} ours"]
            ratio = cost_private / cost_public
            rows.append(Row(group, f"ours, {caller}, {private}", cost_private, "ms", ratio, public, PRIVATE_TO_PUBLIC))
    return rows


def _move_all_to(storage: str) -> None:
    MediaAsset.objects.update(storage=storage, visibility=storage.partition("-")[2])


def _require_same(ours: bytes, plain: bytes) -> None:
    if (content := json.loads(ours)) != json.loads(plain) or len(content) != LENGTH:
        raise SystemExit("The two lists differ in content: nothing to compare.")
