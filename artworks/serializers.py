"""What artworks and reviews look like on the wire, and what may be sent. ``artworks.rows`` renders the same faster."""

from typing import Any

from django.core.validators import URLValidator
from rest_framework import serializers

from api.serializers import StrictFieldsMixin
from artworks.models import MAX_TEXT_LENGTH, ArtWork, Review
from artworks.tags import tags_text, validate_tags
from media_assets.fields import ImageUploadField, UploadIdMixin
from media_assets.rendering import MediaRenderer
from media_assets.serializers import MediaField
from users.serializers import AuthorSerializer


class RemovableImageField(ImageUploadField):
    """A file in, the storage key out. Null and the empty string mean no image."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, "use_url": False, **kwargs})

    def validate_empty_values(self, data: Any) -> tuple[bool, Any]:
        return super().validate_empty_values(None if data == "" else data)

    def to_representation(self, value: Any) -> str:
        return str(value.key)


class TagsField(serializers.CharField):
    """Comma-separated; blanks, empty tags and repetitions are dropped before anything is measured."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"validators": [validate_tags], **kwargs})

    def to_internal_value(self, data: Any) -> str:
        return tags_text(super().to_internal_value(data))


class ArtWorkSerializer(UploadIdMixin, StrictFieldsMixin, serializers.Serializer[ArtWork]):
    """Takes instances with ``is_liked`` (``ArtWorkQuerySet.with_is_liked``), author and image; needs ``request``."""

    # No ModelSerializer: it makes its fields anew for every request, which takes longer than validating them.
    id = serializers.IntegerField(read_only=True)
    title = serializers.CharField(max_length=255)
    description = serializers.CharField(max_length=MAX_TEXT_LENGTH, required=False, allow_blank=True)
    image = RemovableImageField(
        help_text="The picture's file (or an `upload_id`) going in, its storage key coming out."
    )
    image_url = serializers.URLField(
        max_length=1000,
        required=False,
        allow_blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Legacy external address, http or https; shown, never fetched.",
    )
    image_display_url = serializers.SerializerMethodField(
        help_text="URL of the stored image, else `image_url`, else null."
    )
    created_at = serializers.DateTimeField(read_only=True)
    updated_at = serializers.DateTimeField(read_only=True)
    author = AuthorSerializer(read_only=True)
    medium = serializers.CharField(max_length=255, required=False, allow_blank=True)
    dimensions = serializers.CharField(max_length=255, required=False, allow_blank=True)
    tags = TagsField(max_length=500, required=False, allow_blank=True, help_text="Comma-separated.")
    likes_count = serializers.IntegerField(read_only=True)
    reviews_count = serializers.IntegerField(read_only=True)
    is_liked = serializers.BooleanField(read_only=True, help_text="Whether the caller likes it.")
    media = MediaField(source="image", read_only=True)

    def get_image_display_url(self, artwork: ArtWork) -> str | None:
        stored = MediaRenderer.for_request(self.context["request"]).url(artwork.image)
        return stored or artwork.image_url or None


class LikeSerializer(serializers.Serializer[dict[str, Any]]):
    """Whether the caller likes the artwork now, and how many do."""

    is_liked = serializers.BooleanField(read_only=True)
    likes_count = serializers.IntegerField(read_only=True)


class ReviewSerializer(StrictFieldsMixin, serializers.ModelSerializer[Review]):
    """A review, as everyone reads it."""

    author = AuthorSerializer(read_only=True)
    rating = serializers.IntegerField(min_value=1, max_value=5)

    class Meta:
        model = Review
        fields = ["id", "artwork", "author", "rating", "text", "created_at", "updated_at"]
        read_only_fields = ["artwork"]
        validators: list[Any] = []  # one per author and artwork: review_create sees to it, with a 409
