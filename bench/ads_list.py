"""A list of 100 ads with 300 images: the site's rows against nested model serializers with prefetch."""

import json
import uuid
from decimal import Decimal

from django.db import connection
from django.utils import timezone

from ads.models import Ad, AdImage
from bench.content import access_token, make_user
from bench.table import Row
from bench.timing import interleaved, rounds
from bench.wsgi_requests import request
from media_assets.models import MediaAsset, State, Visibility

ADS, IMAGES_EACH = 100, 3
TURNS, CALLS_PER_TURN = 40, 2
TIMES_CHEAPER = 5
OURS, PLAIN = f"/api/ads/?limit={ADS}", f"/api/plain/ads/?limit={ADS}"


def measure() -> list[Row]:
    """CPU of one request in the application, by caller."""
    make_ads()
    tokens = {"anonymous": "", "signed in": access_token(make_user("viewer"))}
    group = f"List of {ADS} ads with {ADS * IMAGES_EACH} images, {connection.vendor}: CPU of the application"
    rows = []
    for caller, token in tokens.items():
        calls = {"ours": request(OURS, token=token), "plain": request(PLAIN, token=token)}
        _require_same(calls["ours"]().body, calls["plain"]().body)
        cost = interleaved(calls, turns=rounds(TURNS), times=CALLS_PER_TURN)
        ratio = cost["plain"] / cost["ours"]
        rows.append(Row(group, f"{caller}: plain nested ModelSerializer with prefetch", cost["plain"]))
        rows.append(
            Row(group, f"{caller}: ours", cost["ours"], "ms", ratio, "cheaper than plain", TIMES_CHEAPER, at_least=True)
        )
    return rows


def make_ads() -> None:
    """The ads of ten owners, with their images."""
    owners = [make_user(f"owner{n}") for n in range(10)]
    ads = Ad.objects.bulk_create(
        Ad(
            owner=owners[n % 10],
            title=f"iPhone 15 Pro for sale {n}",
            description="Excellent condition, used for 6 months. " * 5,
            price=Decimal(f"{850 + n}.50"),
        )
        for n in range(ADS)
    )
    assets = MediaAsset.objects.bulk_create(
        MediaAsset(
            object_id=uuid.uuid4(),
            owner=ad.owner,
            storage="local-public",
            key=f"ads/ad_{ad.pk}/view_{n}.jpg",
            visibility=Visibility.PUBLIC,
            state=State.READY,
            content_type="image/jpeg",
            size=2_190_194 + n,
            sha256="0" * 64,
            original_filename=f"View {n}.jpg",
            width=4608,
            height=1976,
            published_at=timezone.now(),
        )
        for ad in ads
        for n in range(IMAGES_EACH)
    )
    AdImage.objects.bulk_create(
        AdImage(ad=ads[n // IMAGES_EACH], image=asset, alt_text="Front view", order=n % IMAGES_EACH)
        for n, asset in enumerate(assets)
    )


def _require_same(ours: bytes, plain: bytes) -> None:
    content = json.loads(ours)
    if content != json.loads(plain) or sum(len(ad["images"]) for ad in content) != ADS * IMAGES_EACH:
        raise SystemExit("The two lists of ads differ in content: nothing to compare.")
