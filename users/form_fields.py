"""Fields that several forms of accounts share; each normalises before it validates."""

from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from rest_framework import serializers

from users.models import User

PASSWORD_MAX_LENGTH = 1024  # characters; far above what people type, low enough that nothing is hashed for long
MISMATCH = "The two passwords differ."


class SignUpEmailField(serializers.EmailField):
    """An e-mail address in the case in which it is stored."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": User._meta.get_field("email").max_length, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        return User.objects.normalize_email(super().to_internal_value(data))


class UsernameField(serializers.CharField):
    """Letters of any script, digits and ``@ . + - _``, in Unicode's NFKC as it is stored."""

    def __init__(self, **kwargs: Any) -> None:
        limits = {"max_length": 150, "help_text": UnicodeUsernameValidator.message}
        super().__init__(**{**limits, **kwargs})
        self.validators.append(UnicodeUsernameValidator())

    def to_internal_value(self, data: Any) -> str:
        return User.normalize_username(super().to_internal_value(data))


class PasswordField(serializers.CharField):
    """A password, taken as it is: blanks at its ends belong to it."""

    def __init__(self, **kwargs: Any) -> None:
        shape = {"write_only": True, "trim_whitespace": False, "max_length": PASSWORD_MAX_LENGTH}
        super().__init__(**{**shape, "style": {"input_type": "password"}, **kwargs})


def password_errors(password: str, repeated: str, *, user: User, fields: tuple[str, str]) -> dict[str, list[str]]:
    """Messages where the two differ, or Django's validators refuse the password for this user.

    In: ``fields``, the names of the two in the form.
    """
    found: dict[str, list[str]] = {}
    if password != repeated:
        found[fields[1]] = [MISMATCH]
    try:
        validate_password(password, user)
    except ValidationError as error:
        found[fields[0]] = list(error.messages)
    return found
