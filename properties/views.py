"""Houses for sale and for rent over HTTP."""

from typing import Any, cast

from django.db.models import Prefetch
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.filters import SearchFilter, StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.paging import KeysetPagination
from api.rows import json_rows
from properties import examples, services
from properties.filters import HouseForRentFilter, HouseForSaleFilter
from properties.image_services import images_add
from properties.models import HouseForRent, HouseForSale, HouseQuerySet, PropertyImage
from properties.permissions import IsOwnerOrStaffOrReadOnly
from properties.printed_errors import PrintedErrorsMixin
from properties.rows import house_rows, houses_as_rows, images_as_rows
from properties.serializers import HouseForRentSerializer, HouseForSaleSerializer
from properties.uploads import added_images, checked_upload, require_images
from users.models import User


class HouseViewSet(PrintedErrorsMixin, viewsets.GenericViewSet[Any]):
    """Those signed in read and create, owner and staff change and delete."""

    model: type[HouseForSale] | type[HouseForRent]
    permission_classes = [IsOwnerOrStaffOrReadOnly]
    filter_backends: list[Any] = [StrictFilterBackend, SearchFilter]
    pagination_class = KeysetPagination
    search_fields = ("title", "description", "address", "city")
    ordering = "-created_at"

    def get_queryset(self) -> HouseQuerySet:
        return self.model.objects.visible_to(self.request.user)

    def list(self, request: Request) -> HttpResponse:
        """A page of houses, newest first; the next page's address is in the `Link` header."""
        paginator = cast(KeysetPagination, self.paginator)
        houses = self.filter_queryset(houses_as_rows(self.model).visible_to(request.user))
        rows = paginator.paginate_queryset(houses, request, view=self)
        images = images_as_rows().visible_to(request.user)
        return json_rows(house_rows(self.model, rows, images, request), paginator)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One house with its images."""
        return self._answer(pk)

    def create(self, request: Request) -> Response:
        """Offer a house. Its images come afterwards."""
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                fields = self._validated(self.get_serializer(data=request.data))
                owner = cast(User, request.user)
                made = services.house_create(self.model, owner=owner, **fields, claim=claim).pk
            else:
                made = claim.result_id
        return self._answer(made, status.HTTP_201_CREATED)

    def update(self, request: Request, pk: int, partial: bool = False) -> Response:
        """Change a house."""
        house = self._house(pk)
        changes = self._validated(self.get_serializer(house, data=request.data, partial=partial))
        services.house_update(house=house, changes=changes)
        return self._answer(pk)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some fields of a house."""
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete a house with its images."""
        services.house_delete(house=self._house(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["post"], pagination_class=None, filter_backends=[])
    def upload_images(self, request: Request, pk: int) -> HttpResponse:
        """Add images to a house: all of them, or none. The first image of a house becomes its main one; with
        `is_main`, the first of these does."""
        house = self._house(pk)
        require_images(request)
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                images = images_add(house=house, images=checked_upload(request), claim=claim)
                batch = images[0].batch
            else:
                batch = claim.result_id
        return added_images(batch, request)

    def _house(self, pk: int) -> HouseForSale | HouseForRent:
        """Raises NotFound; PermissionDenied where the caller may see but not change it."""
        house: HouseForSale | HouseForRent | None = self.get_queryset().filter(pk=pk).first()
        if house is None:
            raise NotFound
        self.check_object_permissions(self.request, house)
        return house

    def _answer(self, pk: int, status_code: int = status.HTTP_200_OK) -> Response:
        images = Prefetch("images", PropertyImage.objects.visible_to(self.request.user).select_related("image"))
        house = self.get_queryset().prefetch_related(images).filter(pk=pk).first()
        if house is None:
            raise NotFound
        return Response(self.get_serializer(house).data, status=status_code)

    def _validated(self, serializer: BaseSerializer[Any]) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return cast(dict[str, Any], serializer.validated_data)


@extend_schema_view(**examples.house_operations("houses_for_sale", HouseForSaleSerializer, examples.FOR_SALE))
class HouseForSaleViewSet(HouseViewSet):
    model = HouseForSale
    serializer_class = HouseForSaleSerializer
    filterset_class = HouseForSaleFilter
    ordering_fields = ("created_at", "price")


@extend_schema_view(**examples.house_operations("houses_for_rent", HouseForRentSerializer, examples.FOR_RENT))
class HouseForRentViewSet(HouseViewSet):
    model = HouseForRent
    serializer_class = HouseForRentSerializer
    filterset_class = HouseForRentFilter
    ordering_fields = ("created_at", "monthly_rent")
