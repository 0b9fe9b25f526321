"""What houses and their images look like on the wire, and what may be sent. ``properties.rows`` renders the same
faster."""

from typing import Any

from rest_framework import serializers

from api.converters import MAX_ID
from api.serializers import StrictFieldsMixin
from media_assets.fields import UploadIdMixin
from media_assets.gallery import ImageFilesField, OrderField, StoredImageField, UploadIdsMixin
from media_assets.serializers import MediaField, MediaUrlField
from properties.models import HOUSE_MODELS, MAX_ROOMS, HouseForRent, HouseForSale, PropertyImage
from properties.secure_urls import MAX_EXPIRATION_SECONDS

MAX_FILES = 50  # of one request
ORDER_HELP = "Place among the images, smallest first; of several files the first one's. Left out: after all others."
MAIN_HELP = "The main image of its house, which has exactly one: the first, unless another is named."


class SentBooleanField(serializers.BooleanField):
    """A form that leaves it out says nothing of it; REST framework's own field reads that as false."""

    default_empty_html = serializers.empty


class HouseReferenceSerializer(StrictFieldsMixin, serializers.Serializer[dict[str, Any]]):
    """Which house is meant. ``validated_data["house"]`` is the row."""

    content_type = serializers.ChoiceField(choices=list(HOUSE_MODELS), help_text="Kind of the house.")
    object_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, help_text="Id of the house.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        content_type, object_id = attrs["content_type"], attrs["object_id"]
        houses = HOUSE_MODELS[content_type].objects.visible_to(self.context["request"].user)
        house = houses.filter(pk=object_id).first()
        if house is None:
            raise serializers.ValidationError({"object_id": [f"There is no {content_type} with the id {object_id}."]})
        return {**attrs, "house": house}


class PropertyImageSerializer(UploadIdMixin, StrictFieldsMixin, serializers.ModelSerializer[PropertyImage]):
    """Takes instances with ``image``; needs ``request`` in its context."""

    content_type = serializers.ChoiceField(choices=list(HOUSE_MODELS), help_text="Kind of the house; it stays.")
    object_id = serializers.IntegerField(min_value=1, max_value=MAX_ID, help_text="Id of the house; it stays.")
    image = StoredImageField(help_text="The picture's file (or an `upload_id`) going in, its storage key coming out.")
    image_url = MediaUrlField(source="image", read_only=True, help_text="Deprecated: equals `secure_url`.")
    secure_url = MediaUrlField(source="image", read_only=True, help_text="Signed; works until `media.expires_at`.")
    is_main = SentBooleanField(required=False, help_text=MAIN_HELP)
    order = OrderField(required=False, help_text=ORDER_HELP)
    media = MediaField(source="image", read_only=True)

    class Meta:
        model = PropertyImage
        fields = [
            *("id", "content_type", "object_id", "image", "image_url", "secure_url", "caption", "is_main", "order"),
            *("created_at", "media"),
        ]
        validators: list[Any] = []  # one house, one main image: the services see to it


class PropertyImageUpdateSerializer(PropertyImageSerializer):
    """What of an image may change. Of which house it is stays, whatever is sent."""

    image = StoredImageField(
        required=False, help_text="A picture (or an `upload_id`) to take the place of the present one."
    )
    is_main = SentBooleanField(
        required=False, help_text="False makes the next image by (order, id) the main one; without another it stays."
    )

    class Meta(PropertyImageSerializer.Meta):
        fields = ["image", "caption", "is_main", "order"]


class UploadSerializer(UploadIdsMixin, StrictFieldsMixin, serializers.Serializer[dict[str, Any]]):
    """Several images of one house. Needs ``request`` in its context."""

    images = ImageFilesField(max_length=MAX_FILES, help_text=f"The files, at most {MAX_FILES}: all are taken, or none.")
    caption = serializers.CharField(max_length=255, required=False, allow_blank=True, help_text="Of each of them.")
    is_main = SentBooleanField(required=False, help_text="Whether the first of them becomes the main image.")
    order = OrderField(required=False, help_text=ORDER_HELP)


class BulkUploadSerializer(UploadSerializer, HouseReferenceSerializer):
    """Several images, and whose they are."""


class ExpirationSerializer(serializers.Serializer[dict[str, Any]]):
    """The query of a secure URL."""

    expiration = serializers.IntegerField(
        min_value=1,
        max_value=MAX_EXPIRATION_SECONDS,
        required=False,
        help_text="Seconds that the URL shall work, from now. Left out: the site's lifetime of private URLs.",
    )


class SecureUrlSerializer(serializers.Serializer[dict[str, Any]]):
    secure_url = serializers.URLField(read_only=True)
    expires_in = serializers.IntegerField(read_only=True, help_text="Seconds.")
    image_id = serializers.IntegerField(read_only=True)


class PrintedErrorSerializer(serializers.Serializer[dict[str, Any]]):
    """An error as clients of the property images know it."""

    error = serializers.CharField(read_only=True)
    code = serializers.CharField(read_only=True)


class HouseSerializer(StrictFieldsMixin, serializers.ModelSerializer[Any]):
    """What both kinds of houses share. Takes instances with their images at hand; needs ``request``."""

    bedrooms = serializers.IntegerField(min_value=0, max_value=MAX_ROOMS, required=False)
    bathrooms = serializers.IntegerField(min_value=0, max_value=MAX_ROOMS, required=False)
    is_available = SentBooleanField(required=False)
    images = PropertyImageSerializer(many=True, read_only=True)


def _fields(amount: str) -> list[str]:
    return [
        *("id", "title", "description", "address", "city", amount, "bedrooms", "bathrooms", "area_m2"),
        *("is_available", "owner", "images", "created_at", "updated_at"),
    ]


class HouseForSaleSerializer(HouseSerializer):
    class Meta:
        model = HouseForSale
        fields = _fields(HouseForSale.AMOUNT)
        read_only_fields = ["owner"]


class HouseForRentSerializer(HouseSerializer):
    class Meta:
        model = HouseForRent
        fields = _fields(HouseForRent.AMOUNT)
        read_only_fields = ["owner"]
