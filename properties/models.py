"""Houses for sale and for rent, and their private images."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from media_assets.gallery import MAX_ORDER
from media_assets.models import MediaAsset
from properties.secure_urls import secure_url
from users.models import User

MAX_TEXT_LENGTH = 10_000  # characters of a description: a page of 100 stays small
MAX_ROOMS = 1_000
MAX_IMAGES = 100  # of one house
SMALLEST_AMOUNT = Decimal("0.01")
Viewer = User | AnonymousUser


class HouseQuerySet(models.QuerySet[Any]):
    def visible_to(self, viewer: Viewer) -> HouseQuerySet:
        """Those that this viewer may read: all of them for whoever is signed in, else none."""
        return self.all() if viewer.is_authenticated else self.none()


def _amount() -> models.DecimalField[Any, Any]:
    return models.DecimalField(max_digits=12, decimal_places=2, validators=[MinValueValidator(SMALLEST_AMOUNT)])


def _rooms() -> models.PositiveSmallIntegerField[Any, Any]:
    return models.PositiveSmallIntegerField(default=0, validators=[MaxValueValidator(MAX_ROOMS)])


class House(models.Model):
    """What houses for sale and for rent share."""

    CONTENT_TYPE: ClassVar[str]  # on the wire; also the name of the image's foreign key to it
    AMOUNT: ClassVar[str]  # the field that says what it costs

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)s_set", db_index=False
    )
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=MAX_TEXT_LENGTH)
    address = models.CharField(max_length=255)
    city = models.CharField(max_length=100)
    bedrooms = _rooms()
    bathrooms = _rooms()
    area_m2 = models.DecimalField(
        "area",
        max_digits=9,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_AMOUNT)],
        help_text="Square metres.",
    )
    is_available = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = HouseQuerySet.as_manager()
    images: models.Manager[PropertyImage]

    class Meta:
        abstract = True
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="%(class)s_by_age"),
            models.Index(fields=["owner", "created_at", "id"], name="%(class)s_by_owner"),
            models.Index(fields=["city", "created_at", "id"], name="%(class)s_by_city"),
        ]

    def __str__(self) -> str:
        return self.title


class HouseForSale(House):
    CONTENT_TYPE = "house_for_sale"
    AMOUNT = "price"

    price = _amount()

    class Meta(House.Meta):
        verbose_name = "house for sale"
        verbose_name_plural = "houses for sale"
        indexes = [*House.Meta.indexes, models.Index(fields=["price", "id"], name="houseforsale_by_price")]
        constraints = [models.CheckConstraint(condition=Q(price__gt=0), name="houseforsale_costs_something")]


class HouseForRent(House):
    CONTENT_TYPE = "house_for_rent"
    AMOUNT = "monthly_rent"

    monthly_rent = _amount()

    class Meta(House.Meta):
        verbose_name = "house for rent"
        verbose_name_plural = "houses for rent"
        indexes = [*House.Meta.indexes, models.Index(fields=["monthly_rent", "id"], name="houseforrent_by_rent")]
        constraints = [models.CheckConstraint(condition=Q(monthly_rent__gt=0), name="houseforrent_costs_something")]


HOUSE_MODELS: dict[str, type[HouseForSale] | type[HouseForRent]] = {
    model.CONTENT_TYPE: model for model in (HouseForSale, HouseForRent)
}


class PropertyImageQuerySet(models.QuerySet["PropertyImage"]):
    def visible_to(self, viewer: Viewer) -> PropertyImageQuerySet:
        """Those that this viewer may read: all of them for whoever is signed in, else none."""
        return self.all() if viewer.is_authenticated else self.none()

    def of(self, house: House) -> PropertyImageQuerySet:
        """Those of this house, in the order in which it shows them."""
        return self.filter(**{house.CONTENT_TYPE: house.pk}).order_by("order", "id")


def _house(model: type[House]) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        model, on_delete=models.CASCADE, null=True, blank=True, related_name="images", db_index=False
    )


class PropertyImage(models.Model):
    """A private image of one house. A house with images has exactly one main image (``properties.main_images``).

    ``content_type`` and ``object_id`` are how the wire names the house.
    """

    house_for_sale = _house(HouseForSale)
    house_for_rent = _house(HouseForRent)
    image = models.OneToOneField(MediaAsset, on_delete=models.PROTECT, related_name="property_image")
    caption = models.CharField(max_length=255, blank=True)
    is_main = models.BooleanField("main image", default=False)
    order = models.PositiveSmallIntegerField(validators=[MaxValueValidator(MAX_ORDER)])
    batch = models.BigIntegerField(
        editable=False, db_index=True, help_text="Of the request that added it: the id of its first asset."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PropertyImageQuerySet.as_manager()

    class Meta:
        ordering = ["order", "id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="property_image_by_age"),
            models.Index(fields=["order", "id"], name="property_image_by_order"),
            models.Index(fields=["house_for_sale", "order", "id"], name="property_image_of_sale"),
            models.Index(fields=["house_for_rent", "order", "id"], name="property_image_of_rent"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(house_for_sale__isnull=False, house_for_rent__isnull=True)
                | Q(house_for_sale__isnull=True, house_for_rent__isnull=False),
                name="property_image_of_one_house",
            ),
            *(
                models.UniqueConstraint(
                    fields=[content_type], condition=Q(is_main=True), name=f"one_main_image_of_{content_type}"
                )
                for content_type in HOUSE_MODELS
            ),
        ]

    def __str__(self) -> str:
        return self.caption or f"Image {self.pk}"

    @property
    def content_type(self) -> str:
        model = HouseForRent if self.house_for_sale_id is None else HouseForSale
        return model.CONTENT_TYPE

    @property
    def object_id(self) -> int:
        return int(getattr(self, f"{self.content_type}_id"))

    @property
    def house(self) -> HouseForSale | HouseForRent:
        """Whose image it is: one query, unless it is joined."""
        house: HouseForSale | HouseForRent = getattr(self, self.content_type)
        return house

    @property
    def owner_id(self) -> int:
        """Id of the house's owner."""
        return self.house.owner_id

    def get_secure_url(self, expiration: int | None = None) -> str:
        """Where the image can be read for ``expiration`` seconds from now (1 to 604800; None: the site's lifetime).

        Beginning with a slash where the application itself serves it. Raises CannotSign.
        """
        return secure_url(self.image, expiration)[0]
