"""Sessions are pairs of JSON Web Tokens; a refresh token stands or falls by the same rules as an access token.

simplejwt's own refresh serializer asks neither whether the password was changed since, nor whether the user exists.
"""

from contextlib import suppress
from typing import TypeVar, cast

from django.db import IntegrityError, transaction
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken, TokenError
from rest_framework_simplejwt.tokens import Token

from users.models import User
from users.token_keys import RefreshToken

_T = TypeVar("_T", bound=Token)

NO_ACTIVE_ACCOUNT = "No active account found with the given credentials"


class _AnyRefreshToken(RefreshToken):
    """A refresh token that may be dead already, so that signing out twice is no error."""

    def check_blacklist(self) -> None:
        return None


def no_active_account() -> AuthenticationFailed:
    """The one answer to a failed sign-in, whatever the reason was."""
    return AuthenticationFailed(NO_ACTIVE_ACCOUNT, "no_active_account")


def token_pair(user: User) -> dict[str, str]:
    """A new session: ``{refresh, access}``. Raises AuthenticationFailed where the user was erased meanwhile."""
    try:
        with transaction.atomic():
            refresh = RefreshToken.for_user(user)
    except IntegrityError as error:
        raise no_active_account() from error
    return {"refresh": str(refresh), "access": str(refresh.access_token)}


def access_token(refresh: str) -> str:
    """A new access token. Raises InvalidToken, or AuthenticationFailed where the user may not come in any more."""
    token = _verified(RefreshToken, refresh)
    JWTAuthentication().get_user(token)  # exists, is active, has the password that the token was made with
    return str(token.access_token)


def end_session(refresh: str) -> None:
    """Make a refresh token worthless, again if need be. Raises InvalidToken for what is none, or has expired."""
    token = _verified(_AnyRefreshToken, refresh)
    with suppress(IntegrityError):  # the user was erased at this moment, and the session with it
        token.blacklist()


def _verified(kind: type[_T], text: str) -> _T:
    try:
        return kind(cast(Token, text))  # annotated wrongly upstream: it takes the encoded text
    except TokenError as error:
        raise InvalidToken(error.args[0]) from error
