"""Artworks, likes and reviews over HTTP."""

from typing import Any, cast

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import generics, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from api.filters import SearchFilter, StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.paging import KeysetPagination
from api.rows import json_row, json_rows
from artworks import examples, services
from artworks.filters import ArtWorkFilter
from artworks.models import ArtWork, ArtWorkQuerySet, Review, ReviewQuerySet
from artworks.permissions import IsAuthorOrStaffOrReadOnly
from artworks.rows import artwork_row, artwork_rows, artworks_as_rows, review_rows, reviews_as_rows
from artworks.serializers import ArtWorkSerializer, LikeSerializer, ReviewSerializer
from users.models import User


@extend_schema(tags=["artworks"])
@extend_schema_view(
    list=extend_schema(operation_id="artworks_list", examples=[examples.ARTWORK]),
    retrieve=extend_schema(operation_id="artworks_retrieve", examples=[examples.ARTWORK]),
    create=extend_schema(**examples.written("artworks_create", status.HTTP_201_CREATED)),
    update=extend_schema(**examples.written("artworks_update")),
    partial_update=extend_schema(**examples.written("artworks_partial_update")),
    destroy=extend_schema(operation_id="artworks_destroy"),
)
class ArtWorkViewSet(viewsets.GenericViewSet[ArtWork]):
    """Artworks: everyone reads, those signed in create, author and staff change and delete."""

    permission_classes = [IsAuthorOrStaffOrReadOnly]
    serializer_class = ArtWorkSerializer
    filter_backends: list[Any] = [StrictFilterBackend, SearchFilter]
    filterset_class = ArtWorkFilter
    pagination_class = KeysetPagination
    search_fields = ("title", "description", "medium")
    ordering_fields = ("created_at", "likes_count")
    ordering = "-created_at"

    def get_queryset(self) -> ArtWorkQuerySet:
        return ArtWork.objects.visible_to(self.request.user)

    def list(self, request: Request) -> HttpResponse:
        """A page of artworks, newest first; the next page's address is in the `Link` header."""
        paginator = cast(KeysetPagination, self.paginator)
        artworks = self.filter_queryset(artworks_as_rows().visible_to(request.user))
        rows = paginator.paginate_queryset(artworks, request, view=self)
        return json_rows(artwork_rows(rows, request), paginator)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One artwork."""
        return self._answer(pk)

    def create(self, request: Request) -> HttpResponse:
        """Publish an artwork: a multipart form with the picture, or JSON without one."""
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                fields = self._validated(ArtWorkSerializer(data=request.data, context=self.get_serializer_context()))
                made = services.artwork_create(author=cast(User, request.user), **fields, claim=claim)
        if claim.result_id is not None:
            return self._answer(claim.result_id, status.HTTP_201_CREATED)
        return json_row(artwork_row(made, request, is_liked=False), status.HTTP_201_CREATED)

    def update(self, request: Request, pk: int, partial: bool = False) -> Response:
        """Change an artwork. An `image` replaces the one before; null or an empty `image` removes it."""
        artwork = self._artwork(pk)
        serializer = ArtWorkSerializer(
            artwork, data=request.data, partial=partial, context=self.get_serializer_context()
        )
        changes = cast(services.ArtWorkChanges, self._validated(serializer))
        services.artwork_update(artwork=artwork, changes=changes)
        return self._answer(pk)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change some fields of an artwork. An `image` replaces the one before; null or empty removes it."""
        return self.update(request, pk, partial=True)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete an artwork with its picture, likes and reviews."""
        services.artwork_delete(artwork_id=self._artwork(pk).pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="artworks_like", request=None, responses=LikeSerializer, examples=[examples.LIKED])
    @action(detail=True, methods=["post"], permission_classes=[IsAuthenticated])
    def like(self, request: Request, pk: int) -> Response:
        """Like the artwork; again changes nothing."""
        count = services.like_add(user=cast(User, request.user), artwork_id=pk)
        return Response({"is_liked": True, "likes_count": count})

    @extend_schema(
        operation_id="artworks_unlike",
        request=None,
        responses={status.HTTP_200_OK: LikeSerializer},
        examples=[examples.NOT_LIKED],
    )
    @like.mapping.delete
    def unlike(self, request: Request, pk: int) -> Response:
        """Take the like back; again changes nothing."""
        count = services.like_remove(user=cast(User, request.user), artwork_id=pk)
        return Response({"is_liked": False, "likes_count": count})

    def _artwork(self, pk: int) -> ArtWork:
        """Raises NotFound; PermissionDenied where the caller may see but not change it."""
        artworks = self.get_queryset().with_is_liked(self.request.user).select_related("author", "image")
        artwork = artworks.filter(pk=pk).first()
        if artwork is None:
            raise NotFound
        self.check_object_permissions(self.request, artwork)
        return artwork

    def _answer(self, pk: int, status_code: int = status.HTTP_200_OK) -> Response:
        return Response(self.get_serializer(self._artwork(pk)).data, status=status_code)

    def _validated(self, serializer: BaseSerializer[ArtWork]) -> dict[str, Any]:
        serializer.is_valid(raise_exception=True)
        return cast(dict[str, Any], serializer.validated_data)


@extend_schema(tags=["reviews"])
@extend_schema_view(
    get=extend_schema(
        operation_id="artworks_reviews_list", responses=ReviewSerializer(many=True), examples=[examples.REVIEW]
    ),
    post=extend_schema(
        operation_id="artworks_reviews_create",
        responses={status.HTTP_201_CREATED: ReviewSerializer, status.HTTP_409_CONFLICT: examples.ALREADY_REVIEWED},
        examples=[examples.REVIEW, examples.NEW_REVIEW],
    ),
)
class ArtWorkReviewsView(generics.GenericAPIView[Review]):
    """The reviews of one artwork: everyone reads, those signed in write one each."""

    permission_classes = [IsAuthorOrStaffOrReadOnly]
    serializer_class = ReviewSerializer
    pagination_class = KeysetPagination
    filter_backends = []
    ordering_fields = ("created_at",)
    ordering = "-created_at"

    def get_queryset(self) -> ReviewQuerySet:
        return reviews_as_rows().visible_to(self.request.user).filter(artwork_id=self.kwargs.get("artwork_id"))

    def get(self, request: Request, artwork_id: int) -> HttpResponse:
        """A page of the artwork's reviews, newest first; the next page's address is in the `Link` header."""
        self._require_artwork(artwork_id)
        paginator = cast(KeysetPagination, self.paginator)
        rows = paginator.paginate_queryset(self.get_queryset(), request, view=self)
        return json_rows(review_rows(rows, request), paginator)

    def post(self, request: Request, artwork_id: int) -> Response:
        """Review the artwork: `rating` 1 to 5. A second review by the same person is a conflict (409)."""
        self._require_artwork(artwork_id)
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        author = cast(User, request.user)
        review = services.review_create(author=author, artwork_id=artwork_id, **serializer.validated_data)
        return Response(self.get_serializer(review).data, status=status.HTTP_201_CREATED)

    def _require_artwork(self, artwork_id: int) -> None:
        if not ArtWork.objects.visible_to(self.request.user).filter(pk=artwork_id).exists():
            raise NotFound


@extend_schema(tags=["reviews"])
@extend_schema_view(
    retrieve=extend_schema(operation_id="reviews_retrieve", examples=[examples.REVIEW]),
    partial_update=extend_schema(
        operation_id="reviews_partial_update", examples=[examples.NEW_REVIEW, examples.REVIEW]
    ),
    destroy=extend_schema(operation_id="reviews_destroy"),
)
class ReviewViewSet(viewsets.GenericViewSet[Review]):
    """One review: everyone reads, author and staff change and delete."""

    permission_classes = [IsAuthorOrStaffOrReadOnly]
    serializer_class = ReviewSerializer
    filter_backends = []

    def get_queryset(self) -> ReviewQuerySet:
        return Review.objects.visible_to(self.request.user)

    def retrieve(self, request: Request, pk: int) -> Response:
        """One review."""
        return Response(self.get_serializer(self._review(pk)).data)

    def partial_update(self, request: Request, pk: int) -> Response:
        """Change `rating` or `text`."""
        review = self._review(pk)
        serializer = self.get_serializer(review, data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        services.review_update(review=review, changes=serializer.validated_data)
        return self.retrieve(request, pk)

    def destroy(self, request: Request, pk: int) -> Response:
        """Delete the review."""
        services.review_delete(review=self._review(pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _review(self, pk: int) -> Review:
        """Raises NotFound; PermissionDenied where the caller may see but not change it."""
        review = self.get_queryset().select_related("author").filter(pk=pk).first()
        if review is None:
            raise NotFound
        self.check_object_permissions(self.request, review)
        return review
