"""The forms of signing up and in, and of passwords; what they answer."""

from typing import Any

from rest_framework import serializers

from api.serializers import StrictFieldsMixin
from users.form_fields import PasswordField, SignUpEmailField, UsernameField, password_errors
from users.models import User
from users.passwords import WRONG_PASSWORD, password_reset_user


class Form(StrictFieldsMixin, serializers.Serializer[Any]):
    """Input that is no model's: validated, then handed to a service."""


class SignUpSerializer(Form):
    email = SignUpEmailField()
    username = UsernameField()
    password = PasswordField()
    password2 = PasswordField(help_text="The password once more.")
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        password, repeated = attrs["password"], attrs.pop("password2")
        person = User(**{name: value for name, value in attrs.items() if name != "password"})
        errors = User.objects.taken(email=attrs["email"], username=attrs["username"])
        errors |= password_errors(password, repeated, user=person, fields=("password", "password2"))
        if errors:
            raise serializers.ValidationError(errors)
        return attrs


class AccountSerializer(serializers.ModelSerializer[User]):
    """A new account, as its owner sees it."""

    class Meta:
        model = User
        fields = ["id", "email", "username", "date_joined"]
        read_only_fields = fields


class TokenPairSerializer(serializers.Serializer[Any]):
    refresh = serializers.CharField(read_only=True, help_text="Lives 7 days; gets new access tokens.")
    access = serializers.CharField(read_only=True, help_text="Lives 24 hours; `Authorization: Bearer <access>`.")


class SignedUpSerializer(serializers.Serializer[Any]):
    user = AccountSerializer(read_only=True)
    tokens = TokenPairSerializer(read_only=True)


class LoginSerializer(Form):
    # Not validated as an address: whatever is wrong here is answered like a wrong password.
    email = serializers.CharField(help_text="In any case.")
    password = PasswordField(max_length=None)


class RefreshSerializer(Form):
    refresh = serializers.CharField(write_only=True)


class AccessSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(read_only=True)


class PasswordChangeSerializer(Form):
    """Needs the signed-in user as ``context["request"].user``."""

    old_password = PasswordField(max_length=None)
    new_password = PasswordField()
    new_password2 = PasswordField(required=False, help_text="The new password once more, where the form asks twice.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user: User = self.context["request"].user
        password, repeated = attrs["new_password"], attrs.get("new_password2", attrs["new_password"])
        if not user.check_password(attrs["old_password"]):
            raise serializers.ValidationError({"old_password": [WRONG_PASSWORD]})
        if errors := password_errors(password, repeated, user=user, fields=("new_password", "new_password2")):
            raise serializers.ValidationError(errors)
        return attrs


class PasswordResetSerializer(Form):
    email = serializers.EmailField()


class PasswordResetConfirmSerializer(Form):
    """Validated, it also carries ``user``: whose link it is."""

    uid = serializers.CharField(max_length=64)
    token = serializers.CharField(max_length=128)
    new_password = PasswordField()
    new_password2 = PasswordField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        user = password_reset_user(uid=attrs["uid"], token=attrs["token"])
        password, repeated = attrs["new_password"], attrs["new_password2"]
        if errors := password_errors(password, repeated, user=user, fields=("new_password", "new_password2")):
            raise serializers.ValidationError(errors)
        return {**attrs, "user": user}
