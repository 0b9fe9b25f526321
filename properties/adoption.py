"""What ``manage.py storage_adopt`` may make of a file here."""

from rest_framework.exceptions import NotFound

from media_assets.gallery import next_order, require_room
from media_assets.operations.adopting import Adoption, Refused, target
from properties.main_images import ensure_main, locked_house, make_main
from properties.models import HOUSE_MODELS, MAX_IMAGES, HouseForRent, HouseForSale, PropertyImage

COLUMNS = ("caption", "is_main", "order", "created_at")


@target(f"{HouseForSale.CONTENT_TYPE}:ID", columns=COLUMNS, private_only=True)
def adopt_image_of_sale(adoption: Adoption) -> None:
    """An image of a house for sale that exists, after the others where the CSV gives no order."""
    _adopt(adoption, HouseForSale.CONTENT_TYPE)


@target(f"{HouseForRent.CONTENT_TYPE}:ID", columns=COLUMNS, private_only=True)
def adopt_image_of_rent(adoption: Adoption) -> None:
    """An image of a house for rent that exists, after the others where the CSV gives no order."""
    _adopt(adoption, HouseForRent.CONTENT_TYPE)


def _adopt(adoption: Adoption, content_type: str) -> None:
    """The house keeps exactly one main image. Raises Refused, and ValidationError where it has too many images."""
    try:
        house = locked_house(content_type, adoption.object_id)
    except NotFound:
        kind = HOUSE_MODELS[content_type]._meta.verbose_name
        raise Refused(f"There is no {kind} {adoption.object_id}.") from None
    adoption.require_owner(house.owner)
    images = PropertyImage.objects.of(house)
    require_room(images, adding=1, limit=MAX_IMAGES)
    is_main, order = adoption.flag("is_main"), adoption.number("order")
    image = PropertyImage(
        **{content_type: house}, order=next_order(images) if order is None else order, **adoption.texts("caption")
    )
    image.clean_fields(exclude=["image", "batch"])
    image.image = adoption.asset_for(house.owner)
    image.batch = image.image.pk
    image.save()
    if created := adoption.created():
        PropertyImage.objects.filter(pk=image.pk).update(**created)
    if is_main:
        make_main(house, image.pk)
    else:
        ensure_main(content_type, house.pk)
