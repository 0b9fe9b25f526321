"""What the private library looks like on the wire. ``images.rows`` renders the same faster."""

from typing import Any

from rest_framework import serializers

from api.serializers import StrictFieldsMixin
from images.models import LibraryImage
from images.rows import field_url
from media_assets.fields import ImageUploadField, UploadIdMixin
from media_assets.rendering import MediaRenderer, base_url
from media_assets.serializers import MediaField, MediaUrlField
from users.auth_serializers import AccountSerializer


class LibraryFileField(ImageUploadField):
    """A file in; out comes what Django's image field gives, the relative URL on disk and the full one on S3."""

    use_url = False  # to OpenAPI a text: a path is no URI

    def to_representation(self, value: Any) -> Any:
        request = self.context["request"]
        url = MediaRenderer.for_request(request).url(value)
        return field_url(url, value.storage, base_url(request._request))


class LibraryImageSerializer(UploadIdMixin, StrictFieldsMixin, serializers.ModelSerializer[LibraryImage]):
    """Takes instances with ``user`` and ``image``; needs ``request`` in its context."""

    user = AccountSerializer(read_only=True)
    image = LibraryFileField(
        help_text="The picture's file (or an `upload_id`) going in, its URL coming out: on disk without the host."
    )
    image_url = MediaUrlField(source="image", read_only=True)
    media = MediaField(source="image", read_only=True)

    class Meta:
        model = LibraryImage
        fields = [
            *("id", "user", "image", "image_url", "title", "description", "uploaded_at", "updated_at", "media"),
        ]


class LibraryImageUpdateSerializer(StrictFieldsMixin, serializers.ModelSerializer[LibraryImage]):
    """What may change."""

    class Meta:
        model = LibraryImage
        fields = ["title", "description"]
