"""Every write to the images of ads. Each locks the ad first, so that orders, limits and deletes see one another."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TypedDict

from django.db import transaction
from rest_framework.exceptions import NotFound

from ads.models import MAX_IMAGES, Ad, AdImage
from ads.services import AdChanges, ad_write, locked_ad
from api.idempotency import Claim
from media_assets.gallery import next_order, require_each_once, require_room
from media_assets.models import MediaAsset
from media_assets.services import asset_publish, stored_image, stored_images
from media_assets.sources import ImageSource


class ImageChanges(TypedDict, total=False):
    """What a change of an image may hold; a key that is absent stays as it is."""

    alt_text: str
    order: int


class NewImage(ImageChanges):
    """``image`` comes validated from ImageUploadField; without an ``order`` it stands after the last."""

    image: ImageSource


def image_add(
    *, ad: Ad, image: ImageSource, alt_text: str = "", order: int | None = None, claim: Claim | None = None
) -> AdImage:
    """A new image of the ad, stored, its ``claim`` completed, or nothing at all. It belongs to the ad's owner.

    ``image`` comes validated from ImageUploadField; without an ``order`` it stands after the last. Raises
    ValidationError where the ad has ``MAX_IMAGES``, NotFound where it was deleted meanwhile, ServiceUnavailable where
    the storage cannot be written.
    """
    require_room(ad.images.all(), adding=1, limit=MAX_IMAGES)  # before bytes move; below it is certain
    with stored_image(image, owner=ad.owner, folder=_folder(ad)) as asset, transaction.atomic():
        current = locked_ad(ad.pk)
        require_room(current.images.all(), adding=1, limit=MAX_IMAGES)
        added = _add(current, asset, alt_text, order)
        ad_write(current, {})
        if claim is not None:
            claim.complete(added.pk)
    return added


@transaction.atomic
def image_update(*, ad_id: int, image_id: int, changes: ImageChanges) -> None:
    """Write the changes. Raises NotFound where the ad or its image was deleted meanwhile."""
    ad = locked_ad(ad_id)
    if not changes:
        return
    if not ad.images.filter(pk=image_id).update(**changes):
        raise NotFound
    ad_write(ad, {})


@transaction.atomic
def image_delete(*, ad_id: int, image_id: int) -> None:
    """Delete the image; its file is discarded. Raises NotFound."""
    ad = locked_ad(ad_id)
    if not ad.images.filter(pk=image_id).delete()[0]:
        raise NotFound
    ad_write(ad, {})


@transaction.atomic
def images_reorder(*, ad_id: int, ids: Sequence[int]) -> None:
    """Let the images stand as ``ids`` do, with orders 0, 1, 2, … Raises NotFound, and ValidationError on ``ids``
    unless they are the ad's images, each once."""
    ad = locked_ad(ad_id)
    images = {image.pk: image for image in ad.images.all()}
    require_each_once(ids, images)
    for order, pk in enumerate(ids):
        images[pk].order = order
    AdImage.objects.bulk_update(images.values(), ["order"])
    ad_write(ad, {})


def ad_save(
    *,
    ad: Ad,
    changes: AdChanges,
    added: Sequence[NewImage] = (),
    changed: Mapping[int, ImageChanges] | None = None,
    removed: Collection[int] = (),
    claim: Claim | None = None,
) -> list[AdImage]:
    """Everything that one form says of an ad and its images (``changed``, ``removed``: by id) and its ``claim``
    completed, or nothing of it; the new images. Raises what ``image_add`` raises, NotFound also for an image that was
    deleted meanwhile."""
    if not (changes or added or changed or removed):
        return []
    files = [new["image"] for new in added]
    with stored_images(files, owner=ad.owner, folder=_folder(ad)) as assets, transaction.atomic():
        current = locked_ad(ad.pk)
        current.images.filter(pk__in=removed).delete()
        require_room(current.images.all(), adding=len(assets), limit=MAX_IMAGES)
        for pk, values in (changed or {}).items():
            if not current.images.filter(pk=pk).update(**values):
                raise NotFound
        ad_write(current, changes)
        if claim is not None:
            claim.complete(ad.pk)
        return [
            _add(current, asset, new.get("alt_text", ""), new.get("order"))
            for asset, new in zip(assets, added, strict=True)
        ]


def _folder(ad: Ad) -> str:
    return f"ads/ad_{ad.pk}"


def _add(ad: Ad, asset: MediaAsset | None, alt_text: str, order: int | None) -> AdImage:
    """The row of a stored image of a locked ad; the asset is live with it."""
    assert asset is not None  # noqa: S101  (stored_image gives None for None only)
    place = next_order(ad.images.all()) if order is None else order
    image = AdImage.objects.create(ad=ad, image=asset, alt_text=alt_text, order=place)
    asset_publish(asset)
    return image
