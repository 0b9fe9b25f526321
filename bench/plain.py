"""The plain ways: REST framework as its tutorial has it, with joined tables and no other trick.

They share with the site what is not to be measured: authentication, filters, paging, the makers of image URLs.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.conf import global_settings, settings
from django.core.files.storage import FileSystemStorage
from django.core.files.uploadhandler import load_handler
from django.http import HttpRequest
from rest_framework import generics, parsers, serializers
from rest_framework.request import Request

from api.filters import SearchFilter, StrictFilterBackend
from api.paging import KeysetPagination
from artworks.filters import ArtWorkFilter
from artworks.models import ArtWork, ArtWorkQuerySet
from artworks.permissions import IsAuthorOrStaffOrReadOnly
from bench.models import PlainPicture
from media_assets.models import MediaAsset
from media_assets.rendering import base_url
from media_assets.signing.urls import url_maker
from users.models import User


def opened(request: Request, asset: MediaAsset) -> tuple[Callable[[str], str], int | None]:
    """The function from key to URL of an asset's storage, and when such URLs expire; opened once per request."""
    makers: dict[str, Any] = request._request.__dict__.setdefault("plain_makers", {})
    if asset.storage not in makers:
        makers[asset.storage] = url_maker(asset.storage).current(time.time())
    found: tuple[Callable[[str], str], int | None] = makers[asset.storage]
    return found


def image_url(request: Request, asset: MediaAsset) -> str:
    """The absolute URL of an asset."""
    url = opened(request, asset)[0](asset.key)
    return base_url(request._request) + url if url.startswith("/") else url


class PlainAuthorSerializer(serializers.ModelSerializer[User]):
    email = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "username", "email", "first_name", "last_name"]

    def get_email(self, user: User) -> str | None:
        return user.email if self.context["request"].user.is_authenticated else None


class PlainMediaSerializer(serializers.ModelSerializer[MediaAsset]):
    url = serializers.SerializerMethodField()
    expires_at = serializers.SerializerMethodField()
    variants = serializers.SerializerMethodField()

    class Meta:
        model = MediaAsset
        fields = [
            *("id", "state", "url", "expires_at", "width", "height", "content_type", "size", "original_filename"),
            *("placeholder", "location_removed", "variants"),
        ]

    def get_url(self, asset: MediaAsset) -> str:
        return image_url(self.context["request"], asset)

    def get_expires_at(self, asset: MediaAsset) -> str | None:
        expires_at = opened(self.context["request"], asset)[1]
        return None if expires_at is None else datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def get_variants(self, asset: MediaAsset) -> list[Any]:
        return asset.variants or []


class PlainArtWorkSerializer(serializers.ModelSerializer[ArtWork]):
    image = serializers.CharField(source="image.key")
    image_display_url = serializers.SerializerMethodField()
    author = PlainAuthorSerializer()
    is_liked = serializers.BooleanField()
    media = PlainMediaSerializer(source="image")

    class Meta:
        model = ArtWork
        fields = [
            *("id", "title", "description", "image", "image_url", "image_display_url", "created_at", "updated_at"),
            *("author", "medium", "dimensions", "tags", "likes_count", "reviews_count", "is_liked", "media"),
        ]

    def get_image_display_url(self, artwork: ArtWork) -> str:
        return image_url(self.context["request"], artwork.image) if artwork.image else artwork.image_url


class PlainArtworks(generics.ListAPIView[ArtWork]):
    permission_classes = [IsAuthorOrStaffOrReadOnly]
    serializer_class = PlainArtWorkSerializer
    filter_backends: list[Any] = [StrictFilterBackend, SearchFilter]
    filterset_class = ArtWorkFilter
    pagination_class = KeysetPagination
    search_fields = ("title", "description", "medium")
    ordering_fields = ("created_at", "likes_count")
    ordering = "-created_at"

    def get_queryset(self) -> ArtWorkQuerySet:
        return ArtWork.objects.with_is_liked(self.request.user).select_related("author", "image")


class PlainPictureSerializer(serializers.ModelSerializer[PlainPicture]):
    class Meta:
        model = PlainPicture
        fields = ["id", "title", "image", "created_at"]


class PlainPictures(generics.CreateAPIView[PlainPicture]):
    """A form with ``title`` and ``image``, received as Django does it by default; the file goes to MEDIA_ROOT by
    Django's own FileSystemStorage."""

    serializer_class = PlainPictureSerializer
    parser_classes = [parsers.MultiPartParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        request.upload_handlers = [load_handler(path, request) for path in global_settings.FILE_UPLOAD_HANDLERS]
        return super().initialize_request(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer[PlainPicture]) -> None:
        serializer.save()


# The alias "default" is not one of the site's storages.
PlainPicture._meta.get_field("image").storage = FileSystemStorage(settings.MEDIA_ROOT, settings.MEDIA_URL)
