"""What ``manage.py storage_adopt`` may make of a file here."""

from rest_framework.exceptions import NotFound

from ads.models import MAX_IMAGES, AdImage
from ads.services import ad_write, locked_ad
from media_assets.gallery import next_order, require_room
from media_assets.operations.adopting import Adoption, Refused, target


@target("ad:ID", columns=("alt_text", "order", "created_at"))
def adopt_image_of_ad(adoption: Adoption) -> None:
    """An image of an ad that exists, after the others where the CSV gives no order."""
    try:
        ad = locked_ad(adoption.object_id)
    except NotFound:
        raise Refused(f"There is no ad {adoption.object_id}.") from None
    adoption.require_owner(ad.owner)
    require_room(ad.images.all(), adding=1, limit=MAX_IMAGES)
    order = adoption.number("order")
    image = AdImage(ad=ad, order=next_order(ad.images.all()) if order is None else order, **adoption.texts("alt_text"))
    image.clean_fields(exclude=["image"])
    image.image = adoption.asset_for(ad.owner)
    image.save()
    if created := adoption.created():
        AdImage.objects.filter(pk=image.pk).update(**created)
    ad_write(ad, {})
