"""Property images over HTTP."""

from typing import Any, cast

from django.http import HttpResponse, HttpResponseRedirect
from drf_spectacular.utils import extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.filters import StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.paging import KeysetPagination
from api.rows import json_rows
from api.serializers import SEND_ONCE
from media_assets.rendering import base_url
from properties import examples, image_services
from properties.filters import PropertyImageFilter
from properties.image_services import ImageChanges, NewImage
from properties.models import HouseForRent, HouseForSale, PropertyImage, PropertyImageQuerySet
from properties.permissions import IsOwnerOrStaffOrReadOnly
from properties.printed_errors import PrintedErrorsMixin
from properties.rows import image_rows, images_as_rows
from properties.secure_urls import repeating_url, secure_url
from properties.serializers import (
    ExpirationSerializer,
    HouseReferenceSerializer,
    PropertyImageSerializer,
    PropertyImageUpdateSerializer,
)
from properties.uploads import added_images, checked_upload, require_images

REFERENCE = ("content_type", "object_id")


@extend_schema_view(**examples.IMAGE_OPERATIONS)
class PropertyImageViewSet(PrintedErrorsMixin, viewsets.GenericViewSet[PropertyImage]):
    """Images of houses: those signed in read, the house's owner and staff write. Private in every storage mode."""

    permission_classes = [IsOwnerOrStaffOrReadOnly]
    serializer_class = PropertyImageSerializer
    filter_backends: list[Any] = [StrictFilterBackend]
    filterset_class = PropertyImageFilter
    pagination_class = KeysetPagination
    ordering_fields = ("created_at", "order")
    ordering = "-created_at"

    def get_queryset(self) -> PropertyImageQuerySet:
        return PropertyImage.objects.visible_to(self.request.user)

    def list(self, request: Request) -> HttpResponse:
        """A page of images, newest first; the next page's address is in the `Link` header."""
        paginator = cast(KeysetPagination, self.paginator)
        images = self.filter_queryset(images_as_rows().visible_to(request.user))
        rows = paginator.paginate_queryset(images, request, view=self)
        return json_rows(image_rows(rows, request), paginator)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One image."""
        return self._answer(pk=pk)

    def create(self, request: Request) -> Response:
        """Add an image to a house. The first one becomes its main image, and so does one with `is_main`."""
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                house = self._named_house()
                form = self.get_serializer(data=request.data)
                form.is_valid(raise_exception=True)
                sent = {name: value for name, value in form.validated_data.items() if name not in REFERENCE}
                image = NewImage(**sent)
                [made] = image_services.images_add(house=house, images=[image], claim=claim, field="image")
                batch = made.batch
            else:
                batch = claim.result_id
        return self._answer(status.HTTP_201_CREATED, batch=batch)

    def update(self, request: Request, pk: int) -> Response:
        """Change caption, order or `is_main`; an `image` takes the place of the one before. What is not sent stays,
        and so does the house. `is_main` false makes the next image by (order, id) the main one; without another it
        stays this one."""
        image = self._writable(pk)
        form = PropertyImageUpdateSerializer(
            image, data=request.data, partial=True, context=self.get_serializer_context()
        )
        form.is_valid(raise_exception=True)
        image_services.image_update(image=image, changes=cast(ImageChanges, form.validated_data))
        return self._answer(pk=pk)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some fields of an image, as PUT does."""
        return self.update(request, pk)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete an image. Where it was the main one, the next by (order, id) is it now."""
        image_services.image_delete(image=self._writable(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def secure_url(self, request: Request, pk: int) -> Response:
        """A URL of the image that works for `expiration` seconds from now, for whoever has it."""
        given = request.query_params.getlist("expiration")
        if len(given) > 1:
            raise ValidationError({"expiration": [SEND_ONCE]})
        query = ExpirationSerializer(data={"expiration": given[0]} if given else {})
        query.is_valid(raise_exception=True)
        url, expires_in = secure_url(self._readable(pk=pk).image, query.validated_data.get("expiration"))
        return Response({"secure_url": self._absolute(url), "expires_in": expires_in, "image_id": pk})

    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def redirect_to_image(self, request: Request, pk: int) -> HttpResponse:
        """To the image itself. The redirect may be cached for half of its target's remaining life."""
        url, expires_in = repeating_url(self._readable(pk=pk).image)
        headers = {"Cache-Control": f"private, max-age={max(0, expires_in) // 2}", "Vary": "Authorization"}
        return HttpResponseRedirect(self._absolute(url), headers=headers)

    @action(detail=False, methods=["post"], pagination_class=None, filter_backends=[])
    def bulk_upload(self, request: Request) -> HttpResponse:
        """Add several images to a house: all of them, or none."""
        require_images(request)
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                house = self._named_house()
                batch = image_services.images_add(house=house, images=checked_upload(request), claim=claim)[0].batch
            else:
                batch = claim.result_id
        return added_images(batch, request)

    @action(detail=True, methods=["patch"], pagination_class=None, filter_backends=[])
    def set_as_main(self, request: Request, pk: int) -> Response:
        """Make it the main image of its house, in place of the present one."""
        image_services.image_set_as_main(image=self._writable(pk))
        return self._answer(pk=pk)

    def _named_house(self) -> HouseForSale | HouseForRent:
        """The house of ``content_type`` and ``object_id``. Raises ValidationError, PermissionDenied."""
        reference = HouseReferenceSerializer(data=self.request.data, context=self.get_serializer_context())
        reference.is_valid(raise_exception=True)
        house: HouseForSale | HouseForRent = reference.validated_data["house"]
        self.check_object_permissions(self.request, house)
        return house

    def _readable(self, **which: int) -> PropertyImage:
        """Raises NotFound."""
        image = self.get_queryset().select_related("image").filter(**which).first()
        if image is None:
            raise NotFound
        return image

    def _writable(self, pk: int) -> PropertyImage:
        """Raises NotFound; PermissionDenied where the caller may see but not change it."""
        image = self.get_queryset().select_related("house_for_sale", "house_for_rent").filter(pk=pk).first()
        if image is None:
            raise NotFound
        self.check_object_permissions(self.request, image)
        return image

    def _answer(self, status_code: int = status.HTTP_200_OK, **which: int) -> Response:
        return Response(self.get_serializer(self._readable(**which)).data, status=status_code)

    def _absolute(self, url: str) -> str:
        return f"{base_url(self.request._request)}{url}" if url.startswith("/") else url
