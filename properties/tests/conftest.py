"""Fixtures of the properties' tests: who calls, and what there is to call on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from properties.image_services import NewImage, images_add
from properties.models import HOUSE_MODELS, House, PropertyImage
from properties.services import house_create
from users.models import User

FIELDS = {"title": "House with a garden", "address": "Calle Mayor 5", "city": "Alcalá"}
WIRE = {"house_for_sale": "houses-for-sale", "house_for_rent": "houses-for-rent"}
AMOUNTS = {"house_for_sale": "price", "house_for_rent": "monthly_rent"}


def house_form(kind: str = "house_for_sale", **fields: Any) -> dict[str, Any]:
    """What a client sends to offer a house."""
    return {**FIELDS, AMOUNTS[kind]: "1250.50", **fields}


def url_of(row: House | PropertyImage, call: str = "") -> str:
    name = "property-images" if isinstance(row, PropertyImage) else WIRE[row.CONTENT_TYPE]
    return f"/api/{name}/{row.pk}/{call}"


def mains(house: House) -> list[int]:
    """Ids of the main images: one, unless something is wrong or there are no images."""
    return list(PropertyImage.objects.of(house).filter(is_main=True).values_list("pk", flat=True))


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    return make_user("owner")


@pytest.fixture
def people(owner: User, make_user: Callable[..., User]) -> dict[str, User | None]:
    """Each kind of caller by name."""
    staff = make_user("staff", is_staff=True)
    return {"anonymous": None, "other": make_user("other"), "owner": owner, "staff": staff}


@pytest.fixture
def clients(people: dict[str, User | None], client_of: Callable[..., APIClient]) -> dict[str, APIClient]:
    return {name: client_of(user) for name, user in people.items()}


@pytest.fixture
def make_house(owner: User) -> Callable[..., Any]:
    """A maker of houses: ``make_house("house_for_rent", title="A")``."""

    def make(kind: str = "house_for_sale", **fields: Any) -> Any:
        return house_create(HOUSE_MODELS[kind], **{"owner": owner, **house_form(kind), **fields})

    return make


@pytest.fixture(params=list(HOUSE_MODELS))
def house(request: Any, make_house: Callable[..., Any]) -> Any:
    """One of each kind."""
    return make_house(request.param)


@pytest.fixture
def add(photo: Callable[..., Any]) -> Callable[..., list[PropertyImage]]:
    """Adds stored images to a house: ``add(house, 3, is_main=True)``."""

    def make(house: Any, count: int = 1, **fields: Any) -> list[PropertyImage]:
        files = [ImageUploadField().run_validation(photo(f"{n}.jpg")) for n in range(count)]
        return images_add(house=house, images=[NewImage(file, **fields) for file in files])

    return make


@pytest.fixture
def fill() -> Callable[..., list[PropertyImage]]:
    """Gives a house rows of images without objects, in few statements: a list never looks at those."""

    def make(house: Any, count: int, **asset: Any) -> list[PropertyImage]:
        known = {"storage": "local-private", "visibility": "private", "content_type": "image/jpeg", "size": 9}
        known |= {"state": State.READY, "published_at": timezone.now(), "owner_id": house.owner_id} | asset
        first = PropertyImage.objects.of(house).count()
        keys = [f"properties/{house.CONTENT_TYPE}/{house.pk}/{first + n}.jpg" for n in range(count)]
        assets = MediaAsset.objects.bulk_create([MediaAsset(**{"key": key, **known}) for key in keys])
        return PropertyImage.objects.bulk_create(
            PropertyImage(
                **{house.CONTENT_TYPE: house}, image=made, order=first + n, is_main=not first + n, batch=made.pk
            )
            for n, made in enumerate(assets)
        )

    return make
