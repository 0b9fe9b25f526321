"""Profiles: one's own and other people's."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import GenericAPIView, get_object_or_404
from rest_framework.permissions import SAFE_METHODS, BasePermission, IsAuthenticated, IsAuthenticatedOrReadOnly
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from users import examples
from users.auth_views import DONE
from users.models import User
from users.serializers import ProfileSerializer, ProfileUpdateSerializer
from users.services import user_delete, user_update

ID = OpenApiParameter("id", int, OpenApiParameter.PATH)


class IsSelfOrStaff(BasePermission):
    """Who may change a profile; reading it is another matter."""

    def has_object_permission(self, request: Request, view: APIView, obj: User) -> bool:
        return request.method in SAFE_METHODS or request.user.is_staff or obj.pk == request.user.pk


class ProfileView(GenericAPIView[User]):
    """The profile of somebody: everybody reads it, they themselves and staff change it."""

    permission_classes: Any = (IsAuthenticatedOrReadOnly, IsSelfOrStaff)
    serializer_class: Any = ProfileSerializer
    queryset = User.objects.get_queryset()

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.visible_to(cast(User, self.request.user)).select_related("avatar")

    @extend_schema(
        operation_id="users_retrieve",
        tags=["users"],
        parameters=[ID],
        responses={200: ProfileSerializer},
        examples=examples.READ_PROFILE,
    )
    def get(self, request: Request, pk: int) -> Response:
        """Somebody's profile."""
        return self.answer(self.get_object())

    @extend_schema(
        operation_id="users_update",
        tags=["users"],
        parameters=[ID],
        request=ProfileUpdateSerializer,
        responses={200: ProfileSerializer},
        examples=examples.UPDATE_PROFILE,
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Change names, username or avatar: yourself, or anybody as staff. Other keys are ignored."""
        return self.update(self.get_object())

    def answer(self, user: User) -> Response:
        """200 with the profile."""
        return Response(ProfileSerializer(user, context=self.get_serializer_context()).data)

    def update(self, user: User) -> Response:
        """200 with the profile as it is afterwards. Raises ValidationError, and what ``user_update`` raises."""
        context = self.get_serializer_context()
        form = ProfileUpdateSerializer(user, data=self.request.data, partial=True, context=context)
        form.is_valid(raise_exception=True)
        user_update(user=user, changes=form.validated_data)
        return self.answer(get_object_or_404(self.get_queryset(), pk=user.pk))


class MeView(ProfileView):
    """The profile of whoever asks."""

    permission_classes = (IsAuthenticated,)

    @extend_schema(
        operation_id="users_me_retrieve",
        tags=["users"],
        responses={200: ProfileSerializer},
        examples=examples.READ_PROFILE,
    )
    def get(self, request: Request) -> Response:  # type: ignore[override]
        """Your own profile."""
        return self.answer(cast(User, request.user))

    @extend_schema(
        operation_id="users_me_update",
        tags=["users"],
        request=ProfileUpdateSerializer,
        responses={200: ProfileSerializer},
        examples=examples.UPDATE_PROFILE,
    )
    def patch(self, request: Request) -> Response:  # type: ignore[override]
        """Change your names, username or avatar. Other keys are ignored."""
        return self.update(cast(User, request.user))

    @extend_schema(operation_id="users_me_destroy", tags=["users"], request=None, responses={204: DONE})
    def delete(self, request: Request) -> Response:
        """Erase your account with everything that it owns, files included. There is no way back."""
        user_delete(user=cast(User, request.user))
        return Response(status=status.HTTP_204_NO_CONTENT)
