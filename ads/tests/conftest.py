"""Fixtures of the ads' tests: who calls, and what there is to call on."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from ads import image_services, services
from ads.models import Ad, AdImage
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from users.models import User

MakeAd = Callable[..., Ad]


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    return make_user("seller", first_name="John", last_name="Seller")


@pytest.fixture
def people(owner: User, make_user: Callable[..., User]) -> dict[str, User | None]:
    """Each kind of caller by name."""
    staff = make_user("staff", is_staff=True)
    return {"anonymous": None, "other": make_user("other"), "owner": owner, "staff": staff}


@pytest.fixture
def clients(people: dict[str, User | None], client_of: Callable[..., APIClient]) -> dict[str, APIClient]:
    return {name: client_of(user) for name, user in people.items()}


@pytest.fixture
def make_ad(owner: User) -> MakeAd:
    """A maker of ads: ``make_ad(title="A", price="9.50")``."""

    def make(price: str = "850.00", **fields: Any) -> Ad:
        return services.ad_create(**{"owner": owner, "title": "iPhone 15 Pro", "price": Decimal(price), **fields})

    return make


@pytest.fixture
def ad(make_ad: MakeAd) -> Ad:
    return make_ad()


@pytest.fixture
def add_image(photo: Callable[..., Any]) -> Callable[..., AdImage]:
    """A maker of stored images: ``add_image(ad, order=3)``."""

    def add(ad: Ad, name: str = "main.jpg", **fields: Any) -> AdImage:
        return image_services.image_add(ad=ad, image=ImageUploadField().run_validation(photo(name)), **fields)

    return add


@pytest.fixture
def make_asset(db: None) -> Callable[..., MediaAsset]:
    """A maker of unsaved registry rows without objects: a list never looks at those."""

    def make(n: Any, visibility: str = "public", state: str = State.READY, **fields: Any) -> MediaAsset:
        base = {"content_type": "image/jpeg", "size": 9, "width": 4, "height": 3, "published_at": timezone.now()}
        base |= {"storage": f"local-{visibility}", "key": f"ads/{n}.jpg", "visibility": visibility, "state": state}
        return MediaAsset(**base | fields)

    return make


@pytest.fixture
def fill(owner: User, make_asset: Callable[..., MediaAsset]) -> Callable[..., list[Ad]]:
    """A maker of ``count`` ads, oldest first, with ``images`` registry rows each, in few statements."""

    def make(count: int, images: int = 3, **fields: Any) -> list[Ad]:
        base = {"owner": owner, "title": "Ad", **fields}
        ads = Ad.objects.bulk_create([Ad(**{"price": Decimal(n % 7 + 1), **base}) for n in range(count)])
        assets = MediaAsset.objects.bulk_create(
            [make_asset(f"ad_{ad.pk}/{n}", "private" if n == 2 else "public") for ad in ads for n in range(images)]
        )
        AdImage.objects.bulk_create(
            [AdImage(ad=ads[n // images], image=asset, order=n % images) for n, asset in enumerate(assets)]
        )
        return ads

    return make
