"""Ads with their images from plain rows, ready for JSON: what the serializer says, at a fraction of its time.

The querysets are built once, because resolving their columns costs as much as reading a short page; whoever uses one
goes on from a copy.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any, cast

from django.db.models import QuerySet
from rest_framework.request import Request

from ads.models import Ad, AdImage, AdQuerySet
from media_assets.rendering import MediaRenderer, asset_columns

Row = dict[str, Any]
_AD = (
    *("pk", "title", "description", "price", "is_active", "is_sold", "created_at", "updated_at"),
    *("owner_id", "owner__email", "owner__first_name", "owner__last_name", "owner__username"),
)
_IMAGE = ("ad_id", "pk", "alt_text", "order", "created_at")
_KEY = len(_IMAGE) + asset_columns().index("key")


@cache
def ads_as_rows() -> AdQuerySet:
    """Every ad as a row for ``ad_rows``: one query, with the owner joined."""
    return cast(AdQuerySet, Ad.objects.values_list(*_AD, named=True))


@cache
def _images_as_rows() -> QuerySet[AdImage, Any]:
    return AdImage.objects.values_list(*_IMAGE, *asset_columns("image__"))


def ad_rows(rows: Iterable[Any], request: Request) -> list[Row]:
    """Rows of ``ads_as_rows`` as the answer has them; one query for the images of them all."""
    page = list(rows)
    images_of = _images_by_ad([row[0] for row in page], request)
    signed_in = request.user.is_authenticated
    answer = []
    for row in page:
        pk, title, description, price, is_active, is_sold, created_at, updated_at = row[:8]
        owner_id, email, first_name, last_name, username = row[8:]
        images = images_of[pk]
        answer.append(
            {
                "id": pk,
                "title": title,
                "description": description,
                "price": str(price),
                "is_active": is_active,
                "is_sold": is_sold,
                "owner": owner_id,
                "owner_info": {
                    "id": owner_id,
                    "email": email if signed_in else None,
                    "name": f"{first_name} {last_name}".strip() or username,
                },
                "main_image_url": images[0]["image_url"] if images else None,
                "images": images,
                "created_at": created_at,
                "updated_at": updated_at,
            }
        )
    return answer


def _images_by_ad(ad_ids: list[int], request: Request) -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = {pk: [] for pk in ad_ids}
    if not ad_ids:
        return found
    media_of = MediaRenderer.for_request(request).fields
    for row in _images_as_rows().filter(ad_id__in=ad_ids):
        ad_id, pk, alt_text, order, created_at = row[: len(_IMAGE)]
        media = media_of(*row[len(_IMAGE) :])
        found[ad_id].append(
            {
                "id": pk,
                "image": row[_KEY],
                "image_url": media["url"],
                "alt_text": alt_text,
                "order": order,
                "created_at": created_at,
                "media": media,
            }
        )
    return found
