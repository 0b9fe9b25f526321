"""Exactly one main image per house that has images.

Every function here needs the house's row locked (``locked_house``): the partial unique index only sees to at most one.
"""

from django.db.models import Exists, Subquery
from rest_framework.exceptions import NotFound

from properties.models import HOUSE_MODELS, House, HouseForRent, HouseForSale, PropertyImage


def locked_house(content_type: str, object_id: int) -> HouseForSale | HouseForRent:
    """The house, held until the transaction ends. Raises NotFound.

    SQLite has no row locks: its transactions begin IMMEDIATE, one writer at a time.
    """
    model = HOUSE_MODELS[content_type]
    house: HouseForSale | HouseForRent | None = model.objects.select_for_update().filter(pk=object_id).first()
    if house is None:
        raise NotFound
    return house


def make_main(house: House, image_id: int) -> None:
    """Make this image of the house its main one, in place of any other."""
    images = PropertyImage.objects.of(house).order_by()
    images.filter(is_main=True).exclude(pk=image_id).update(is_main=False)
    images.filter(pk=image_id).update(is_main=True)


def step_down(house: House, image_id: int) -> None:
    """Where this image is the main one, let the first other by (order, id) be it; without another it stays."""
    images = PropertyImage.objects.of(house)
    if not images.filter(pk=image_id, is_main=True).exists():
        return
    others = images.exclude(pk=image_id)
    if (next_id := others.values_list("pk", flat=True).first()) is not None:
        make_main(house, next_id)


def ensure_main(content_type: str, object_id: int) -> None:
    """Where no image of the house is the main one, make it the first by (order, id). One query."""
    images = PropertyImage.objects.filter(**{content_type: object_id})
    first = images.order_by("order", "id").values("pk")[:1]
    PropertyImage.objects.filter(~Exists(images.filter(is_main=True)), pk=Subquery(first)).update(is_main=True)
