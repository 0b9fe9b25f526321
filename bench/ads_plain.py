"""The plain list of ads: nested model serializers over joined and prefetched tables, and no other trick."""

from typing import Any

from django.db.models import QuerySet
from rest_framework import generics, serializers
from rest_framework.pagination import BasePagination

from ads.filters import AdFilter
from ads.models import Ad, AdImage
from ads.permissions import IsOwnerOrStaffOrReadOnly
from api.filters import SearchFilter, StrictFilterBackend
from api.paging import KeysetPagination
from bench.plain import PlainMediaSerializer, image_url
from users.models import User


class PlainOwnerSerializer(serializers.ModelSerializer[User]):
    email = serializers.SerializerMethodField()

    class Meta:
        model = User
        fields = ["id", "email", "name"]

    def get_email(self, user: User) -> str | None:
        return user.email if self.context["request"].user.is_authenticated else None


class PlainAdImageSerializer(serializers.ModelSerializer[AdImage]):
    image = serializers.CharField(source="image.key")
    image_url = serializers.SerializerMethodField()
    media = PlainMediaSerializer(source="image")

    class Meta:
        model = AdImage
        fields = ["id", "image", "image_url", "alt_text", "order", "created_at", "media"]

    def get_image_url(self, image: AdImage) -> str:
        return image_url(self.context["request"], image.image)


class PlainAdSerializer(serializers.ModelSerializer[Ad]):
    owner_info = PlainOwnerSerializer(source="owner")
    main_image_url = serializers.SerializerMethodField()
    images = PlainAdImageSerializer(many=True)

    class Meta:
        model = Ad
        fields = [
            *("id", "title", "description", "price", "is_active", "is_sold", "owner", "owner_info"),
            *("main_image_url", "images", "created_at", "updated_at"),
        ]

    def get_main_image_url(self, ad: Ad) -> str | None:
        images = ad.images.all()
        return image_url(self.context["request"], images[0].image) if images else None


class PlainAds(generics.ListAPIView[Ad]):
    permission_classes = [IsOwnerOrStaffOrReadOnly]
    serializer_class = PlainAdSerializer
    filter_backends: list[Any] = [StrictFilterBackend, SearchFilter]
    filterset_class = AdFilter
    pagination_class: type[BasePagination] = KeysetPagination
    search_fields = ("title", "description")
    ordering_fields = ("created_at", "price")
    ordering = "-created_at"

    def get_queryset(self) -> QuerySet[Ad]:
        ads = Ad.objects.visible_to(self.request.user)
        return ads.select_related("owner").prefetch_related("images__image")
