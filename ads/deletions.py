"""An ad that goes, whoever deletes it (service, admin, cascade), takes every image along, those of the last moment too.

A cascade collects its rows before it locks any. An image that is uploaded in between would fail the cascade's foreign
key at commit, so the ad is locked first and its images are looked for again.
"""

from typing import Any

from django.conf import settings
from django.db.models import Model
from django.db.models.signals import pre_delete
from django.dispatch import receiver

from ads.models import Ad, AdImage, AdQuerySet
from api.deleting import lock_rows, origin_model


@receiver(pre_delete, sender=Ad)
def ad_goes(instance: Ad, origin: Any, using: str, **kwargs: Any) -> None:
    """Where ads were what ``delete()`` was called on; with their owner they go all at once below."""
    if origin_model(origin) is Ad:
        _delete_images(Ad.objects.using(using).filter(pk=instance.pk))


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def owner_goes(instance: Model, using: str, **kwargs: Any) -> None:
    """A fixed number of queries, whatever the number of ads."""
    _delete_images(Ad.objects.using(using).filter(owner_id=instance.pk))


def _delete_images(ads: AdQuerySet) -> None:
    """In the transaction of the delete. With signals, so that assets are discarded; for a row that the cascade deletes
    too they come twice, which discards it once."""
    lock_rows(ads)
    AdImage.objects.using(ads.db).filter(ad__in=ads.order_by()).delete()
