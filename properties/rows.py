"""Houses and images from plain rows, ready for JSON: what the serializers say, at a fraction of their time.

A row is a named tuple: what paging reads has a name, the rest is unpacked by place. The querysets are built once;
whoever uses one goes on from a copy.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, cast

from rest_framework.request import Request

from media_assets.rendering import MediaRenderer, asset_columns
from properties.models import HouseForRent, HouseForSale, HouseQuerySet, PropertyImage, PropertyImageQuerySet

Row = dict[str, Any]
_HOUSE = (
    *("pk", "title", "description", "address", "city", "{amount}", "bedrooms", "bathrooms", "area_m2"),
    *("is_available", "owner_id", "created_at", "updated_at"),
)
_WIRE = {"pk": "id", "owner_id": "owner"}
_IMAGE = ("pk", "house_for_sale_id", "house_for_rent_id", "caption", "is_main", "order", "created_at")
_KEY = len(_IMAGE) + asset_columns().index("key")


@cache
def images_as_rows() -> PropertyImageQuerySet:
    """Every image as a row for ``image_rows``: one query, with the stored file joined."""
    rows = PropertyImage.objects.values_list(*_IMAGE, *asset_columns("image__"), named=True)
    return cast(PropertyImageQuerySet, rows)


def image_rows(rows: Iterable[Any], request: Request) -> list[Row]:
    """Rows of ``images_as_rows`` as the answer has them."""
    media_of = MediaRenderer.for_request(request).fields
    answer = []
    for row in rows:
        pk, sale_id, rent_id, caption, is_main, order, created_at = row[: len(_IMAGE)]
        media = media_of(*row[len(_IMAGE) :])
        answer.append(
            {
                "id": pk,
                "content_type": HouseForRent.CONTENT_TYPE if sale_id is None else HouseForSale.CONTENT_TYPE,
                "object_id": rent_id if sale_id is None else sale_id,
                "image": row[_KEY],
                "image_url": media["url"],
                "secure_url": media["url"],
                "caption": caption,
                "is_main": is_main,
                "order": order,
                "created_at": created_at,
                "media": media,
            }
        )
    return answer


def house_columns(model: type[HouseForSale] | type[HouseForRent]) -> list[str]:
    """The columns of a row of ``houses_as_rows``, in the order of the answer's keys."""
    return [name.format(amount=model.AMOUNT) for name in _HOUSE]


@cache
def houses_as_rows(model: type[HouseForSale] | type[HouseForRent]) -> HouseQuerySet:
    """Every house of this kind as a row for ``house_rows``: one query."""
    return cast(HouseQuerySet, model.objects.values_list(*house_columns(model), named=True))


def house_rows(
    model: type[HouseForSale] | type[HouseForRent], rows: Sequence[Any], images: PropertyImageQuerySet, request: Request
) -> list[Row]:
    """Rows of ``houses_as_rows`` as the answer has them, with theirs of ``images`` (rows of ``images_as_rows``, in
    one more query)."""
    of_these = images.filter(**{f"{model.CONTENT_TYPE}__in": [row.pk for row in rows]}).order_by("order", "id")
    images_of = defaultdict(list)
    for image in image_rows(of_these if rows else (), request):
        images_of[image["object_id"]].append(image)
    keys = [_WIRE.get(name, name) for name in house_columns(model)]
    answer = []
    for row in rows:
        house = dict(zip(keys, row, strict=True))
        times = {name: house.pop(name) for name in ("created_at", "updated_at")}
        answer.append({**house, "images": images_of[house["id"]], **times})
    return answer
