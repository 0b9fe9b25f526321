"""What an app must know of media before it sends any."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

ACCEPTED_CONTENT_TYPES = ["image/jpeg", "image/png", "image/webp", "image/gif"]


class MediaConfigSerializer(serializers.Serializer[Any]):
    max_size_bytes = serializers.IntegerField()
    max_pixels = serializers.IntegerField(help_text="Of all frames together.")
    content_types = serializers.ListField(child=serializers.CharField())
    variant_widths = serializers.ListField(child=serializers.IntegerField(), help_text="Pixels; empty: no variants.")
    storage = serializers.ChoiceField(choices=["local", "s3"], help_text="Where new files go.")
    default_visibility = serializers.ChoiceField(choices=["public", "private"])
    url_expiry_seconds = serializers.IntegerField(help_text="Life of a private URL at most.")
    direct_upload = serializers.BooleanField()
    multipart_upload = serializers.BooleanField()


@extend_schema(tags=["media"], auth=[])
class MediaConfigView(APIView):
    """Limits, formats and storage mode: nothing is hard-coded in an app."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(operation_id="media_config", responses=MediaConfigSerializer)
    def get(self, request: Request) -> Response:
        """Limits, formats and storage mode."""
        active: str = settings.MEDIA_ACTIVE_STORAGES[settings.MEDIA_DEFAULT_VISIBILITY]
        config = {
            "max_size_bytes": settings.MEDIA_MAX_SIZE_BYTES,
            "max_pixels": settings.MEDIA_MAX_PIXELS,
            "content_types": ACCEPTED_CONTENT_TYPES,
            "variant_widths": [],
            "storage": active.partition("-")[0],
            "default_visibility": settings.MEDIA_DEFAULT_VISIBILITY,
            "url_expiry_seconds": settings.MEDIA_URL_EXPIRY_SECONDS,
            "direct_upload": False,
            "multipart_upload": False,
        }
        return Response(MediaConfigSerializer(config).data, headers={"Cache-Control": "public, max-age=60"})
