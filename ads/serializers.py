"""What ads and their images look like on the wire, and what may be sent. ``ads.rows`` renders the same faster."""

from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from ads.models import MAX_IMAGES, MIN_PRICE, PRICE_DECIMALS, PRICE_DIGITS, Ad, AdImage
from api.serializers import StrictFieldsMixin
from media_assets.fields import UploadIdMixin
from media_assets.gallery import ImageIdsField, OrderField, StoredImageField
from media_assets.rendering import MediaRenderer
from media_assets.serializers import MediaField, MediaUrlField
from users.models import User
from users.serializers import PersonEmailField


class FlagField(serializers.BooleanField):
    """A boolean that a form may leave out: that says nothing, where REST framework would read false."""

    default_empty_html = empty


class AdOwnerSerializer(serializers.ModelSerializer[User]):
    """Whom to buy from."""

    email = PersonEmailField()
    name = serializers.CharField(read_only=True, help_text="First and last name, or the username.")

    class Meta:
        model = User
        fields = ["id", "email", "name"]


class AdImageChangeSerializer(StrictFieldsMixin, serializers.ModelSerializer[AdImage]):
    """What of an image can be changed; another picture is another image."""

    order = OrderField(required=False, help_text="Its place, from 0; of equal ones the older comes first.")

    class Meta:
        model = AdImage
        fields = ["alt_text", "order"]


class AdImageSerializer(UploadIdMixin, AdImageChangeSerializer):
    """Takes instances with ``image``; needs ``request``."""

    image = StoredImageField(help_text="The picture's file (or an `upload_id`) going in, its storage key coming out.")
    image_url = MediaUrlField(source="image", read_only=True)
    order = OrderField(required=False, help_text="Its place, from 0; left out: after the last.")
    media = MediaField(source="image", read_only=True)

    class Meta:
        model = AdImage
        fields = ["id", "image", "image_url", "alt_text", "order", "created_at", "media"]


class AdSerializer(StrictFieldsMixin, serializers.ModelSerializer[Ad]):
    """Takes instances ``with_images``; needs ``request``."""

    price = serializers.DecimalField(
        max_digits=PRICE_DIGITS, decimal_places=PRICE_DECIMALS, min_value=MIN_PRICE, help_text="More than 0."
    )
    is_active = FlagField(required=False, help_text="Inactive ads are seen by their owner and by staff only.")
    is_sold = serializers.BooleanField(read_only=True, help_text="Set by `mark_sold`.")
    owner_info = AdOwnerSerializer(source="owner", read_only=True)
    main_image_url = serializers.SerializerMethodField(help_text="URL of the first image; null where there is none.")
    images = AdImageSerializer(many=True, read_only=True, help_text="In their order.")

    class Meta:
        model = Ad
        fields = [
            *("id", "title", "description", "price", "is_active", "is_sold", "owner", "owner_info"),
            *("main_image_url", "images", "created_at", "updated_at"),
        ]
        read_only_fields = ["owner"]

    def get_main_image_url(self, ad: Ad) -> str | None:
        first = next(iter(ad.images.all()), None)
        return MediaRenderer.for_request(self.context["request"]).url(first.image if first else None)


class ImageOrderSerializer(serializers.Serializer[dict[str, Any]]):
    ids = ImageIdsField(max_length=MAX_IMAGES, help_text="Every image of the ad, each once, as they shall stand.")
