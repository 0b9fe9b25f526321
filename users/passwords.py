"""Changing and resetting passwords. Each write is a compare-and-swap on the stored hash, so that of two attempts at
once only one succeeds; and with the hash every token made before dies (simplejwt's CHECK_REVOKE_TOKEN)."""

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import password_changed
from django.contrib.auth.tokens import default_token_generator
from django.utils.http import urlsafe_base64_decode
from rest_framework import serializers

from users.mail import deliver, reset_message
from users.models import User

WRONG_PASSWORD = "The password is wrong."  # noqa: S105
INVALID_LINK = "This reset link is invalid, used or expired. Ask for a new one."


def password_change(*, user: User, new_password: str) -> None:
    """Give ``user``, whose present password was checked on this instance, a new one; every session ends.

    Raises ValidationError where another request has changed it since that check.
    """
    if not _password_swap(user, new_password):
        raise serializers.ValidationError({"old_password": [WRONG_PASSWORD]})


def password_reset_send(*, email: str, site_url: str) -> None:
    """Mail a reset link to the active user with this e-mail, if there is one; the same work is done if not."""
    user = User.objects.filter(email=User.objects.normalize_email(email), is_active=True).first()
    known = user is not None and user.has_usable_password()
    message = reset_message(user if user is not None and known else User(pk=0, email=email), site_url=site_url)
    if known:
        deliver(message)


def password_reset_user(*, uid: str, token: str) -> User:
    """Whom a reset link belongs to. Raises ValidationError where it is not valid (any more)."""
    try:
        user = User.objects.filter(pk=int(urlsafe_base64_decode(uid)), is_active=True).first()
    except (ValueError, OverflowError):
        user = None
    if user is None or not default_token_generator.check_token(user, token):
        raise serializers.ValidationError({"token": [INVALID_LINK]})
    return user


def password_reset_confirm(*, user: User, new_password: str) -> None:
    """Set the password of the user that ``password_reset_user`` gave; every session ends, the link is used up.

    Raises ValidationError where the link was used since.
    """
    if not _password_swap(user, new_password):
        raise serializers.ValidationError({"token": [INVALID_LINK]})


def _password_swap(user: User, new_password: str) -> bool:
    """Store a new password, only over the hash that ``user`` was loaded with; whether that was still so."""
    stored = make_password(new_password)
    if not User.objects.filter(pk=user.pk, password=user.password).update(password=stored):
        return False
    user.password = stored
    password_changed(new_password, user)
    return True
