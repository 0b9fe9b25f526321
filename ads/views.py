"""Ads and their images over HTTP."""

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from ads import examples, image_services, services
from ads.filters import AdFilter
from ads.models import Ad, AdImage, AdQuerySet
from ads.permissions import IsOwnerOrStaffOrReadOnly
from ads.rows import ad_rows, ads_as_rows
from ads.serializers import AdImageChangeSerializer, AdImageSerializer, AdSerializer, ImageOrderSerializer
from api.filters import SearchFilter, StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.openapi import IDEMPOTENCY_KEY
from api.paging import KeysetPagination
from api.rows import json_rows
from users.models import User


@extend_schema(tags=["ads"])
@extend_schema_view(
    list=extend_schema(operation_id="ads_list", examples=[examples.AD]),
    retrieve=extend_schema(operation_id="ads_retrieve", examples=[examples.AD]),
    create=extend_schema(**examples.written("ads_create", status.HTTP_201_CREATED, parameters=[IDEMPOTENCY_KEY])),
    update=extend_schema(**examples.written("ads_update")),
    partial_update=extend_schema(**examples.written("ads_partial_update")),
    destroy=extend_schema(operation_id="ads_destroy"),
)
class AdViewSet(viewsets.GenericViewSet[Ad]):
    """Ads: everyone reads active ones, those signed in create, owner and staff change and delete.

    To whom an ad is not visible, each of its addresses is 404.
    """

    permission_classes = [IsOwnerOrStaffOrReadOnly]
    serializer_class = AdSerializer
    filter_backends: list[Any] = [StrictFilterBackend, SearchFilter]
    filterset_class = AdFilter
    pagination_class = KeysetPagination
    search_fields = ("title", "description")
    ordering_fields = ("created_at", "price")
    ordering = "-created_at"

    def get_queryset(self) -> AdQuerySet:
        return Ad.objects.visible_to(self.request.user)

    def list(self, request: Request) -> HttpResponse:
        """A page of ads, newest first; the next page's address is in the `Link` header."""
        paginator = cast(KeysetPagination, self.paginator)
        ads = self.filter_queryset(ads_as_rows().visible_to(request.user))
        return json_rows(ad_rows(paginator.paginate_queryset(ads, request, view=self), request), paginator)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One ad."""
        return self._answer(pk)

    def create(self, request: Request) -> Response:
        """Publish an ad. Its images are uploaded one by one afterwards."""
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                fields = self._validated(self.get_serializer(data=request.data))
                made = services.ad_create(owner=cast(User, request.user), **fields, claim=claim).pk
            else:
                made = claim.result_id
        return self._answer(made, status.HTTP_201_CREATED)

    def update(self, request: Request, pk: int, partial: bool = False) -> Response:
        """Change an ad. Whether it is sold is not changed here: see `mark_sold`."""
        ad = self._ad(pk)
        changes = self._validated(self.get_serializer(ad, data=request.data, partial=partial))
        services.ad_update(ad_id=pk, changes=cast(services.AdChanges, changes))
        return self._answer(pk)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some fields of an ad. Whether it is sold is not changed here: see `mark_sold`."""
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete an ad with its images."""
        services.ad_delete(ad_id=self._ad(pk).pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="ads_mark_sold", request=None, responses=AdSerializer, examples=[examples.SOLD])
    @action(detail=True, methods=["post"])
    def mark_sold(self, request: Request, pk: int) -> Response:
        """Mark the ad as sold; again changes nothing."""
        services.ads_mark_sold(ad_ids=[self._ad(pk).pk])
        return self._answer(pk)

    @extend_schema(**examples.uploaded("ads_upload_image", parameters=[IDEMPOTENCY_KEY]))
    @action(detail=True, methods=["post"])
    def upload_image(self, request: Request, pk: int) -> Response:
        """Add an image to the ad (50 at most). Without an `order` it stands after the last."""
        ad = self._ad(pk)
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                serializer = AdImageSerializer(data=request.data, context=self.get_serializer_context())
                made = image_services.image_add(ad=ad, **self._validated(serializer), claim=claim).pk
            else:
                made = claim.result_id
        return self._answer_image(pk, made, status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="ads_images_partial_update",
        request=AdImageChangeSerializer,
        responses=AdImageSerializer,
        examples=[examples.IMAGE_CHANGES, examples.IMAGE],
    )
    @action(detail=True, methods=["patch"], url_path="images/<id:image_id>")
    def image(self, request: Request, pk: int, image_id: int) -> Response:
        """Change an image's text or place. Another picture is another image."""
        image = self._image(self._ad(pk).pk, image_id)
        changes = self._validated(AdImageChangeSerializer(image, data=request.data, partial=True))
        image_services.image_update(ad_id=pk, image_id=image_id, changes=cast(image_services.ImageChanges, changes))
        return self._answer_image(pk, image_id)

    @extend_schema(operation_id="ads_images_destroy", responses={status.HTTP_204_NO_CONTENT: None})
    @image.mapping.delete
    def delete_image(self, request: Request, pk: int, image_id: int) -> Response:
        """Delete an image of the ad."""
        image_services.image_delete(ad_id=self._ad(pk).pk, image_id=image_id)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="ads_reorder_images",
        request=ImageOrderSerializer,
        responses=AdSerializer,
        examples=[examples.NEW_ORDER, examples.AD],
    )
    @action(detail=True, methods=["post"])
    def reorder_images(self, request: Request, pk: int) -> Response:
        """Put the ad's images into the order of `ids`, which name every one of them once. Answers the ad."""
        ad = self._ad(pk)
        ids = self._validated(ImageOrderSerializer(data=request.data))["ids"]
        image_services.images_reorder(ad_id=ad.pk, ids=ids)
        return self._answer(pk)

    def _ad(self, pk: int) -> Ad:
        """Raises NotFound; PermissionDenied where the caller may see but not change it."""
        return self._checked(self.get_queryset().select_related("owner").filter(pk=pk).first())

    def _answer(self, pk: int, status_code: int = status.HTTP_200_OK) -> Response:
        ad = self._checked(self.get_queryset().with_images().filter(pk=pk).first())
        return Response(self.get_serializer(ad).data, status=status_code)

    def _checked(self, ad: Ad | None) -> Ad:
        if ad is None:
            raise NotFound
        self.check_object_permissions(self.request, ad)
        return ad

    def _image(self, ad_id: int, image_id: int) -> AdImage:
        """Raises NotFound."""
        image = AdImage.objects.select_related("image").filter(ad=ad_id, pk=image_id).first()
        if image is None:
            raise NotFound
        return image

    def _answer_image(self, ad_id: int, image_id: int, status_code: int = status.HTTP_200_OK) -> Response:
        image = self._image(ad_id, image_id)
        return Response(AdImageSerializer(image, context=self.get_serializer_context()).data, status=status_code)

    def _validated(self, serializer: BaseSerializer[Any]) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return cast(dict[str, Any], serializer.validated_data)
