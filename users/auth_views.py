"""Signing up, in and out; passwords."""

from typing import Any, cast

from django.contrib.auth import authenticate
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from media_assets.rendering import base_url
from users import auth_serializers as forms
from users import examples
from users.models import User
from users.passwords import password_change, password_reset_confirm, password_reset_send
from users.services import user_signup
from users.throttles import PasswordThrottle, SignInThrottle
from users.tokens import access_token, end_session, no_active_account, token_pair

_ERROR = {"$ref": "#/components/schemas/Error"}
NO_ACCOUNT = OpenApiResponse(_ERROR, "The same answer to an unknown e-mail, a wrong password, an inactive account.")
NO_SESSION = OpenApiResponse(_ERROR, "The token is malformed, expired or foreign, or its session has ended.")
DONE = OpenApiResponse(description="Done.")


class FormView(GenericAPIView[Any]):
    """Takes one form. Open to anybody; a token that comes along, even a dead one, plays no part."""

    authentication_classes: Any = ()
    permission_classes: Any = (AllowAny,)

    def validated(self, request: Request) -> dict[str, Any]:
        """The form's values. Raises ValidationError."""
        form: serializers.BaseSerializer[Any] = self.get_serializer(data=request.data)
        form.is_valid(raise_exception=True)
        return cast(dict[str, Any], form.validated_data)


class SignUpView(FormView):
    serializer_class = forms.SignUpSerializer
    throttle_classes = (SignInThrottle,)
    throttle_scope = "signup"

    @extend_schema(
        operation_id="auth_signup",
        tags=["auth"],
        responses={201: forms.SignedUpSerializer},
        examples=examples.SIGN_UP,
    )
    def post(self, request: Request) -> Response:
        """Make an account and sign in to it."""
        user = user_signup(**self.validated(request))
        answer = forms.SignedUpSerializer({"user": user, "tokens": token_pair(user)})
        return Response(answer.data, status=status.HTTP_201_CREATED)


class LoginView(FormView):
    serializer_class = forms.LoginSerializer
    throttle_classes = (PasswordThrottle,)

    @extend_schema(
        operation_id="auth_login",
        tags=["auth"],
        responses={200: forms.TokenPairSerializer, 401: NO_ACCOUNT},
        examples=examples.LOGIN,
    )
    def post(self, request: Request) -> Response:
        """Sign in with e-mail and password."""
        # Django hashes a password for unknown and inactive accounts too, so that all refusals take as long.
        user = authenticate(request._request, **self.validated(request))
        if user is None:
            raise no_active_account()
        PasswordThrottle().remember(request)
        return Response(token_pair(user))


class RefreshView(FormView):
    serializer_class = forms.RefreshSerializer

    @extend_schema(
        operation_id="auth_token_refresh",
        tags=["auth"],
        responses={200: forms.AccessSerializer, 401: NO_SESSION},
        examples=examples.REFRESH_TOKEN,
    )
    def post(self, request: Request) -> Response:
        """Get a new access token."""
        return Response({"access": access_token(self.validated(request)["refresh"])})


class LogoutView(FormView):
    serializer_class = forms.RefreshSerializer

    @extend_schema(
        operation_id="auth_logout",
        tags=["auth"],
        responses={204: DONE, 401: NO_SESSION},
        examples=examples.LOGOUT,
    )
    def post(self, request: Request) -> Response:
        """Sign out: the refresh token is dead from now on. Again with the same token: 204 as well.

        Needs no access token, since that may have expired by now.
        """
        end_session(self.validated(request)["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordChangeView(FormView):
    authentication_classes = GenericAPIView.authentication_classes
    permission_classes = (IsAuthenticated,)
    serializer_class = forms.PasswordChangeSerializer
    throttle_classes = (PasswordThrottle,)

    @extend_schema(
        operation_id="auth_password_change",
        tags=["auth"],
        responses={200: forms.TokenPairSerializer},
        examples=examples.PASSWORD_CHANGE,
    )
    def post(self, request: Request) -> Response:
        """Change the password. Every session ends; the answer is the one to go on with."""
        new_password = self.validated(request)["new_password"]
        user = cast(User, request.user)
        password_change(user=user, new_password=new_password)
        return Response(token_pair(user))


class PasswordResetView(FormView):
    serializer_class = forms.PasswordResetSerializer
    throttle_classes = (SignInThrottle,)
    throttle_scope = "password_reset"
    throttle_by_account = True

    @extend_schema(
        operation_id="auth_password_reset",
        tags=["auth"],
        responses={204: DONE},
        examples=examples.PASSWORD_RESET,
    )
    def post(self, request: Request) -> Response:
        """Have a reset link mailed. The answer is the same whether or not there is such an account."""
        password_reset_send(email=self.validated(request)["email"], site_url=base_url(request._request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class PasswordResetConfirmView(FormView):
    serializer_class = forms.PasswordResetConfirmSerializer

    @extend_schema(
        operation_id="auth_password_reset_confirm",
        tags=["auth"],
        responses={204: DONE},
        examples=examples.PASSWORD_RESET_CONFIRM,
    )
    def post(self, request: Request) -> Response:
        """Choose a new password with the link's `uid` and `token`. It works once and ends every session."""
        form = self.validated(request)
        password_reset_confirm(user=form["user"], new_password=form["new_password"])
        return Response(status=status.HTTP_204_NO_CONTENT)
