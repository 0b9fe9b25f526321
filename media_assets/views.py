"""What an app must know of media before it sends any."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from media_assets.imaging.facts import ACCEPTED_CONTENT_TYPES


class MediaConfigSerializer(serializers.Serializer[Any]):
    max_size_bytes = serializers.IntegerField()
    max_pixels = serializers.IntegerField(help_text="Of all frames together.")
    content_types = serializers.ListField(child=serializers.CharField())
    variant_widths = serializers.ListField(child=serializers.IntegerField(), help_text="Pixels; empty: no variants.")
    storage = serializers.ChoiceField(choices=["local", "s3"], help_text="Where new files go.")
    default_visibility = serializers.ChoiceField(choices=["public", "private"])
    url_expiry_seconds = serializers.IntegerField(help_text="Life of a private URL at most.")
    direct_upload = serializers.BooleanField(help_text="Whether files may be sent straight to the storage.")
    multipart_upload = serializers.BooleanField(help_text="Whether direct uploads may come in parts.")
    upload_max_size_bytes = serializers.IntegerField(help_text="Of a direct upload.")
    upload_content_types = serializers.ListField(
        child=serializers.CharField(), help_text="Of direct uploads; `video/*` stands for all of a kind."
    )


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
            "variant_widths": settings.MEDIA_VARIANT_WIDTHS,
            "storage": active.partition("-")[0],
            "default_visibility": settings.MEDIA_DEFAULT_VISIBILITY,
            "url_expiry_seconds": settings.MEDIA_URL_EXPIRY_SECONDS,
            "direct_upload": True,
            "multipart_upload": settings.MEDIA_ACTIVE_STORAGES["private"].startswith("s3-"),
            "upload_max_size_bytes": settings.UPLOAD_MAX_SIZE_BYTES,
            "upload_content_types": [*ACCEPTED_CONTENT_TYPES, *settings.UPLOAD_ALLOWED_CONTENT_TYPES],
        }
        return Response(MediaConfigSerializer(config).data, headers={"Cache-Control": "public, max-age=60"})
