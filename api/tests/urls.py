"""Small views over the ground floor."""

import time
import uuid
from typing import Any, ClassVar

import django_filters
from django.contrib.auth.models import Group
from django.core import exceptions as django_exceptions
from django.db import DataError, IntegrityError, InterfaceError, OperationalError, transaction
from django.http import Http404, HttpResponse, UnreadablePostError
from django.urls import include, path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework import exceptions, generics, serializers, viewsets
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from api import errors, parsers
from api.filters import SearchFilter, StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.openapi import IDEMPOTENCY_KEY, Schema
from api.paging import KeysetPagination
from api.routers import Router
from api.rows import json_rows
from api.serializers import StrictFieldsMixin
from api.tests.items import Item

RAISED: dict[str, Any] = {
    "django-404": Http404("No Secret matches the given query."),
    "drf-404": exceptions.NotFound(),
    "django-403": django_exceptions.PermissionDenied("who"),
    "drf-403": exceptions.PermissionDenied("Not yours.", "not_yours"),
    "conflict": errors.Conflict("Taken.", "taken"),
    "unprocessable": errors.Unprocessable("No.", "no_picture"),
    "unavailable": errors.ServiceUnavailable("Later.", "storage_unavailable", retry_after=7),
    "throttled": exceptions.Throttled(3.2),
    "sign-in": exceptions.AuthenticationFailed("Wrong.", "no_active_account"),
    "invalid-list": exceptions.ValidationError(["one", "two"]),
    "invalid-text": exceptions.ValidationError({"a": "one", "b": {"c": "two"}, "d": [{}, {"e": ["three"]}]}),
    "too-big": django_exceptions.RequestDataTooBig(),
    "fields": django_exceptions.TooManyFieldsSent(),
    "files": django_exceptions.TooManyFilesSent(),
    "suspicious": django_exceptions.DisallowedHost("secret"),
    "cut": UnreadablePostError("gone"),
    "database": OperationalError("password of the database"),
    "connection": InterfaceError("connection already closed"),
    "integrity": IntegrityError("ours"),
    "data": DataError("ours"),
    "bug": RuntimeError("ours"),
}


class Raise(APIView):
    permission_classes = [AllowAny]
    authentication_classes: ClassVar[list[type[BaseAuthentication]]] = []
    schema = None

    def get(self, request: Any, name: str) -> Response:
        raise RAISED[name]


def raise_to_people(request: Any, name: str) -> HttpResponse:
    raise RAISED[name]


class EchoSerializer(StrictFieldsMixin, serializers.Serializer[Any]):
    title = serializers.CharField()
    image = serializers.FileField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    id = serializers.IntegerField(read_only=True)


class Echo(APIView):
    """Says what it was sent; for those signed in."""

    parser_classes = [parsers.JSONParser, parsers.FormParser, parsers.MultiPartParser]
    schema = None

    def post(self, request: Any) -> Response:
        serializer = EchoSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return Response({name: str(value) for name, value in serializer.validated_data.items()})


class OpenEcho(Echo):
    permission_classes = [AllowAny]


class ItemSerializer(serializers.ModelSerializer[Item]):
    class Meta:
        model = Item
        fields = ["id", "created_at", "likes", "price", "name"]


class ItemFilter(django_filters.FilterSet):
    likes = django_filters.NumberFilter()
    name = django_filters.CharFilter()
    some = django_filters.MultipleChoiceFilter(field_name="likes", choices=[("1", "1"), ("2", "2")])

    class Meta:
        model = Item
        fields = ["is_sold"]


class PerMinute(SimpleRateThrottle):
    rate = "1000/min"

    def get_cache_key(self, request: Any, view: Any) -> str:
        return "everyone"


class Items(viewsets.GenericViewSet[Item]):
    schema = Schema()
    queryset = Item.objects.all()
    serializer_class = ItemSerializer
    permission_classes = [AllowAny]
    filter_backends = [StrictFilterBackend, SearchFilter]
    filterset_class = ItemFilter
    pagination_class = KeysetPagination
    throttle_classes = [PerMinute]
    search_fields = ("name",)
    ordering_fields = ("created_at", "likes", "price", "name", "id")
    ordering = "-created_at"

    def list(self, request: Any) -> Response:
        """Items."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(ItemSerializer(page, many=True).data)

    def retrieve(self, request: Any, pk: int) -> Response:
        """One."""
        assert isinstance(pk, int)
        return Response({"id": pk})


class ItemRows(generics.GenericAPIView[Item]):
    schema = None
    queryset = Item.objects.all()
    permission_classes = [AllowAny]
    pagination_class = KeysetPagination
    ordering_fields = ("created_at",)
    ordering = "created_at"
    default_limit, max_limit = 1000, 5

    def get(self, request: Any) -> HttpResponse:
        values = self.get_queryset().values("id", "created_at", "likes", "price", "name")
        return json_rows(self.paginate_queryset(values), self.paginator)


class GroupSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()


class Groups(generics.GenericAPIView[Group]):
    """Makes a group each time, slowly; ``fail`` says where it breaks."""

    schema = Schema()
    serializer_class = GroupSerializer
    parser_classes = [parsers.JSONParser, parsers.MultiPartParser]

    @extend_schema(parameters=[IDEMPOTENCY_KEY], responses={201: GroupSerializer})
    def post(self, request: Any) -> Response:
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                time.sleep(float(request.data.get("seconds", 0)))
                if request.data.get("fail") == "before":
                    raise exceptions.ValidationError({"fail": ["before"]})
                with transaction.atomic():
                    made = Group.objects.create(name=uuid.uuid4().hex).pk
                    claim.complete(made)
                    if request.data.get("fail") == "inside":
                        raise errors.Conflict("inside", "inside")
                if request.data.get("fail") == "after":
                    raise errors.Conflict("after", "after")
            else:
                made = claim.result_id
        return Response({"id": made}, status=201)


class Remove(generics.GenericAPIView[Group]):
    """Takes no body."""

    schema = Schema()

    @extend_schema(responses={204: None})
    def delete(self, request: Any, pk: int) -> Response:
        """Remove."""
        return Response(status=204)


router = Router()
router.register("items", Items, basename="items")
urlpatterns = [
    path("api/", include(router.urls)),
    path("api/rows/", ItemRows.as_view()),
    path("api/raise/<str:name>/", Raise.as_view()),
    path("api/echo/", Echo.as_view()),
    path("api/open-echo/", OpenEcho.as_view()),
    path("api/groups/", Groups.as_view()),
    path("api/other-groups/", Groups.as_view(schema=None)),
    path("api/groups/<id:pk>/", Remove.as_view()),
    path("api/schema/", SpectacularAPIView.as_view()),
    path("page/", lambda request: HttpResponse(request.POST.get("a"))),
    path("page/bug/", lambda request: 1 / 0),
    path("page/raise/<str:name>/", raise_to_people),
]
handler400 = "api.errors.bad_request"
handler403 = "api.errors.permission_denied"
handler404 = "api.errors.page_not_found"
handler500 = "api.errors.server_error"
