"""What must hold when rows are deleted in any way: by a service, a cascade, the admin, a queryset.

An image that goes leaves a house with a main image; a house that goes takes along the images that were added after
its cascade had been collected.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.signals import post_delete, pre_delete
from django.dispatch import receiver

from api.deleting import lock_rows, origin_model
from media_assets.services import assets_discard
from properties.main_images import ensure_main
from properties.models import HOUSE_MODELS, HouseForRent, HouseForSale, PropertyImage, PropertyImageQuerySet

ASSETS_PER_BATCH = 500  # well under the number of parameters that any database takes in one statement


@receiver(pre_delete, sender=PropertyImage)
def image_goes(instance: PropertyImage, origin: Any, **kwargs: Any) -> None:
    """Hold the house before the image's own row, as every other change does; no house's images are deleted besides."""
    if origin_model(origin) is PropertyImage:
        lock_rows(HOUSE_MODELS[instance.content_type].objects.filter(pk=instance.object_id))


@receiver(post_delete, sender=PropertyImage)
def image_gone(instance: PropertyImage, origin: Any, **kwargs: Any) -> None:
    """The next one is the main image, should it have been this one."""
    if origin_model(origin) is PropertyImage:
        ensure_main(instance.content_type, instance.object_id)


@receiver(pre_delete, sender=HouseForSale)
@receiver(pre_delete, sender=HouseForRent)
def house_goes(instance: HouseForSale | HouseForRent, origin: Any, using: str, **kwargs: Any) -> None:
    if origin_model(origin) is type(instance):
        with transaction.atomic(using):
            lock_rows(type(instance).objects.filter(pk=instance.pk))
            _delete_images(PropertyImage.objects.of(instance), using)


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def owner_goes(instance: Model, using: str, **kwargs: Any) -> None:
    """All houses of the user at once: a fixed number of queries, whatever their number."""
    of_owner = Q()
    with transaction.atomic(using):
        for content_type, model in HOUSE_MODELS.items():
            lock_rows(model.objects.filter(owner_id=instance.pk))
            of_owner |= Q(**{f"{content_type}__owner_id": instance.pk})
        _delete_images(PropertyImage.objects.filter(of_owner), using)


def _delete_images(images: PropertyImageQuerySet, using: str) -> None:
    """Without signals: those of the rows that the cascade collected are sent by it."""
    found = dict(images.order_by("pk").values_list("pk", "image_id"))
    asset_ids = list(found.values())
    PropertyImage.objects.filter(pk__in=found)._raw_delete(using)
    for start in range(0, len(asset_ids), ASSETS_PER_BATCH):
        assets_discard(asset_ids[start : start + ASSETS_PER_BATCH])
