"""The private image library over HTTP: to everybody else it is empty."""

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from api.idempotency import claim_idempotency_key
from api.openapi import IDEMPOTENCY_KEY
from api.paging import KeysetPagination
from api.rows import json_rows
from images import examples, services
from images.models import LibraryImage, LibraryImageQuerySet
from images.rows import library_image_rows, library_images_as_rows
from images.serializers import LibraryImageSerializer, LibraryImageUpdateSerializer
from users.models import User

ALL_IMAGES = 1000  # of a list without ``limit``


class LibraryPagination(KeysetPagination):
    """Without ``limit`` a page holds more than any ``limit`` may ask for."""

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """For OpenAPI."""
        parameters = super().get_schema_operation_parameters(view)
        limit = next(parameter for parameter in parameters if parameter["name"] == "limit")
        del limit["schema"]["default"]
        limit["description"] += f" Left out: up to {ALL_IMAGES}."
        return parameters


@extend_schema(tags=["images"])
@extend_schema_view(
    list=extend_schema(operation_id="images_list", examples=[examples.IMAGE]),
    retrieve=extend_schema(operation_id="images_retrieve", examples=[examples.IMAGE]),
    partial_update=extend_schema(
        operation_id="images_partial_update",
        request={examples.JSON: LibraryImageUpdateSerializer},
        responses=LibraryImageSerializer,
        examples=[examples.CHANGE, examples.IMAGE],
    ),
    destroy=extend_schema(operation_id="images_destroy"),
)
class LibraryImageViewSet(viewsets.GenericViewSet[LibraryImage]):
    """Each person sees and changes only their own images; those of others are not there (404)."""

    serializer_class = LibraryImageSerializer
    filter_backends: list[Any] = []
    pagination_class = LibraryPagination
    default_limit = ALL_IMAGES
    ordering_fields = ("uploaded_at",)
    ordering = "-uploaded_at"

    def get_queryset(self) -> LibraryImageQuerySet:
        return LibraryImage.objects.visible_to(self.request.user)

    def list(self, request: Request) -> HttpResponse:
        """The caller's images, newest first. Without `limit` up to 1000; the next page's address is in the `Link`
        header."""
        paginator = cast(KeysetPagination, self.paginator)
        images = library_images_as_rows().visible_to(request.user)
        rows = paginator.paginate_queryset(images, request, view=self)
        return json_rows(library_image_rows(rows, request), paginator)

    @extend_schema(
        operation_id="images_upload",
        parameters=[IDEMPOTENCY_KEY],
        request={examples.MULTIPART: LibraryImageSerializer, examples.JSON: LibraryImageSerializer},
        responses={201: LibraryImageSerializer},
        examples=[examples.NEW, examples.NEW_UPLOADED, examples.IMAGE],
    )
    def upload(self, request: Request) -> Response:
        """Add an image to the caller's library."""
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                form = self.get_serializer(data=request.data)
                form.is_valid(raise_exception=True)
                user = cast(User, request.user)
                made = services.library_image_create(user=user, **form.validated_data, claim=claim).pk
            else:
                made = claim.result_id
        return self._answer(made, status.HTTP_201_CREATED)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One image of the caller's."""
        return self._answer(pk)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change `title` or `description`; nothing else changes, whatever is sent."""
        image = self._image(pk)
        form = LibraryImageUpdateSerializer(image, data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        changes = cast(services.LibraryImageChanges, form.validated_data)
        services.library_image_update(image=image, changes=changes)
        return self._answer(pk)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete an image with its file."""
        services.library_image_delete(image=self._image(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="images_delete", responses={204: None})
    def delete_image(self, request: Request, pk: int) -> Response:
        """Delete an image with its file."""
        return self.destroy(request, pk)

    def _image(self, pk: int) -> LibraryImage:
        """Raises NotFound, for other people's images too."""
        image = self.get_queryset().select_related("user", "image").filter(pk=pk).first()
        if image is None:
            raise NotFound
        return image

    def _answer(self, pk: int, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self._image(pk)).data, status=status_code)
