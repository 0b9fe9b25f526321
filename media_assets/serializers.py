"""How ``media`` looks, for the schema and for serializers; the values come from ``media_assets.rendering``."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.openapi_answers import SOMETIMES
from media_assets.models import MediaAsset, State
from media_assets.rendering import UNAVAILABLE, MediaRenderer

STATES = [State.PROCESSING.value, State.READY.value, State.FAILED.value, UNAVAILABLE]


class VariantSerializer(serializers.Serializer[Any]):
    width = serializers.IntegerField(help_text="Pixels.")
    height = serializers.IntegerField(help_text="Pixels.")
    content_type = serializers.CharField()
    url = serializers.URLField()


@extend_schema_field({"type": "string", SOMETIMES: True})
class FailureReasonField(serializers.CharField):
    """Left out of most answers."""


class MediaSerializer(serializers.Serializer[Any]):
    """The uniform description of a stored file."""

    id = serializers.IntegerField()
    state = serializers.ChoiceField(choices=STATES)
    url = serializers.URLField(allow_null=True, help_text="Can be fetched as it stands; null unless ready.")
    expires_at = serializers.DateTimeField(allow_null=True, help_text="When `url` stops working; null: never.")
    width = serializers.IntegerField(allow_null=True, help_text="Pixels, upright.")
    height = serializers.IntegerField(allow_null=True, help_text="Pixels, upright.")
    content_type = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    original_filename = serializers.CharField()
    placeholder = serializers.CharField(allow_null=True, help_text="ThumbHash, base64.")
    location_removed = serializers.BooleanField()
    variants = VariantSerializer(many=True)
    reason = FailureReasonField(required=False, help_text="Why it failed; only where state is `failed`.")


@extend_schema_field(MediaSerializer(allow_null=True))
class MediaField(serializers.Field[Any, Any, Any, Any]):
    """``media = MediaField(source="image", read_only=True)``: the description of an asset, or null."""

    def get_attribute(self, instance: Any) -> Any:
        return (super().get_attribute(instance),)  # a tuple, so that null is rendered by us too

    def to_representation(self, value: tuple[MediaAsset | None]) -> dict[str, Any] | None:
        return MediaRenderer.for_request(self.context["request"]).asset(value[0])


@extend_schema_field(serializers.URLField(allow_null=True))
class MediaUrlField(MediaField):
    """The absolute URL of an asset, or null."""

    def to_representation(self, value: tuple[MediaAsset | None]) -> Any:
        return MediaRenderer.for_request(self.context["request"]).url(value[0])


@extend_schema_field(serializers.CharField(allow_null=True))
class MediaKeyField(MediaField):
    """The storage key of an asset (``artworks/mountain_landscape.jpg``), or null."""

    def to_representation(self, value: tuple[MediaAsset | None]) -> Any:
        return value[0] and value[0].key
