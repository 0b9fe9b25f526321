"""Every write to the images of houses.

Each locks the house first and then looks, so that what is gone answers NotFound and exactly one image is the main one.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from django.db import transaction
from rest_framework.exceptions import NotFound

from api.idempotency import Claim
from media_assets.gallery import MAX_ORDER, next_order, require_room
from media_assets.models import MediaAsset, Visibility
from media_assets.services import asset_publish, assets_discard, stored_images
from media_assets.sources import ImageSource
from properties.main_images import ensure_main, locked_house, make_main, step_down
from properties.models import MAX_IMAGES, House, HouseForRent, HouseForSale, PropertyImage
from properties.services import house_write
from users.models import User


@dataclass(frozen=True)
class NewImage:
    """An image to add: ``image`` as ImageUploadField validated it; ``order`` None is after all others."""

    image: ImageSource
    caption: str = ""
    is_main: bool = False
    order: int | None = None


class ImageChanges(TypedDict, total=False):
    """What a change may hold; a key that is absent stays as it is.

    ``is_main`` true puts the image in the place of the main one. False makes the next other one by (order, id) the
    main one; without another it stays.
    """

    image: ImageSource
    caption: str
    is_main: bool
    order: int


def images_add(
    *, house: HouseForSale | HouseForRent, images: Sequence[NewImage], claim: Claim | None = None, field: str = "images"
) -> list[PropertyImage]:
    """The images stored and shown by the house, and the ``claim`` completed with their ``batch``; or nothing at all.

    They belong to the house's owner, whoever adds them. The first of them with ``is_main`` takes the place of the
    main image; where there is none, the house's first image does. Raises NotFound where the house was deleted
    meanwhile, ValidationError on ``field`` where they are too many, ServiceUnavailable where the storage cannot be
    written.
    """
    _require_room(house, images, field)  # before bytes move; below it is certain
    with _stored(house, [new.image for new in images]) as assets, transaction.atomic():
        current = locked_house(house.CONTENT_TYPE, house.pk)
        added = _add(current, images, assets, field)
        if claim is not None:
            claim.complete(added[0].batch)
    return added


def image_update(*, image: PropertyImage, changes: ImageChanges) -> None:
    """Write the changes; a new file takes the place of the old one, which is discarded.

    Raises NotFound where the image was deleted meanwhile, ServiceUnavailable where the storage cannot be written.
    """
    files = [changes["image"]] if "image" in changes else []
    with _stored(image.house, files) as assets, transaction.atomic():
        house, current = _locked_image(image)
        _change(house, current, changes)
        for asset in assets:
            PropertyImage.objects.filter(pk=current.pk).update(image=asset)
            asset_publish(asset)
            assets_discard([current.image_id])


@transaction.atomic
def image_set_as_main(*, image: PropertyImage) -> None:
    """Put it in the place of its house's main image. Raises NotFound where it was deleted meanwhile."""
    house, current = _locked_image(image)
    make_main(house, current.pk)


@transaction.atomic
def image_delete(*, image: PropertyImage) -> None:
    """Delete it; the next by (order, id) is the main image, should it have been this one. Raises NotFound."""
    _locked_image(image)[1].delete()


def house_save(
    *,
    house: HouseForSale | HouseForRent,
    changes: Mapping[str, Any],
    added: Sequence[NewImage] = (),
    changed: Mapping[int, ImageChanges] | None = None,
    removed: Collection[int] = (),
    claim: Claim | None = None,
) -> list[PropertyImage]:
    """Everything that one form says of a house and its images (``changed``, ``removed``: by id; no new files among
    the changes) and its ``claim`` completed, or nothing of it; the new images. Raises what ``images_add`` raises,
    NotFound also for an image that was deleted meanwhile.
    """
    with _stored(house, [new.image for new in added]) as assets, transaction.atomic():
        current = locked_house(house.CONTENT_TYPE, house.pk)
        house_write(current, changes)
        images = PropertyImage.objects.of(current)
        images.filter(pk__in=removed).delete()
        for pk, values in (changed or {}).items():
            if (image := images.filter(pk=pk).first()) is None:
                raise NotFound
            _change(current, image, values)
        if claim is not None:
            claim.complete(house.pk)
        return _add(current, added, assets, "images") if added else []


def _add(
    house: HouseForSale | HouseForRent, images: Sequence[NewImage], assets: Sequence[MediaAsset], field: str
) -> list[PropertyImage]:
    """The rows of stored images of a locked house; the assets are live with them."""
    _require_room(house, images, field)
    last = next_order(PropertyImage.objects.of(house))
    added = PropertyImage.objects.bulk_create(
        PropertyImage(
            **{house.CONTENT_TYPE: house},
            image=asset,
            caption=new.caption,
            order=min(last + place if new.order is None else new.order, MAX_ORDER),
            batch=assets[0].pk,
        )
        for place, (new, asset) in enumerate(zip(images, assets, strict=True))
    )
    main_id = next((row.pk for row, new in zip(added, images, strict=True) if new.is_main), None)
    if main_id is None:
        ensure_main(house.CONTENT_TYPE, house.pk)
    else:
        make_main(house, main_id)
    for asset in assets:
        asset_publish(asset)
    return added


def _change(house: House, image: PropertyImage, changes: ImageChanges) -> None:
    """Write all but the file of an image of a locked house."""
    fields = {name: value for name, value in changes.items() if name in ("caption", "order")}
    if fields:
        PropertyImage.objects.filter(pk=image.pk).update(**fields)
    if changes.get("is_main"):
        make_main(house, image.pk)
    elif "is_main" in changes:
        step_down(house, image.pk)


def _locked_image(image: PropertyImage) -> tuple[HouseForSale | HouseForRent, PropertyImage]:
    """Its house, locked, and the row as it is now. Raises NotFound."""
    house = locked_house(image.content_type, image.object_id)
    current = PropertyImage.objects.of(house).filter(pk=image.pk).first()
    if current is None:
        raise NotFound
    return house, current


def _require_room(house: House, images: Sequence[NewImage], field: str) -> None:
    require_room(PropertyImage.objects.of(house), adding=len(images), limit=MAX_IMAGES, field=field)


@contextmanager
def _stored(house: House, files: Sequence[ImageSource]) -> Iterator[list[MediaAsset]]:
    """``stored_images`` for a house: private whatever the site's default, under a name that tells nothing.

    Raises NotFound where the house's owner was erased meanwhile, and so the house.
    """
    owner = User.objects.filter(pk=house.owner_id).first() if files else None
    if files and owner is None:
        raise NotFound
    with stored_images(
        files,
        owner=owner,
        folder=f"properties/{type(house).__name__.lower()}/{house.pk}",
        visibility=Visibility.PRIVATE,
        rename=_unique_name,
    ) as assets:
        yield assets


def _unique_name(filename: str) -> str:
    """``<YYYYMMDD_HHMMSS>_<8 hex>.<ext>``, in UTC."""
    return f"{datetime.now(UTC):%Y%m%d_%H%M%S}_{secrets.token_hex(4)}.{filename.rpartition('.')[2]}"
