"""People as others see them, and the form that changes a profile."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.serializers import StrictFieldsMixin
from media_assets.fields import ImageUploadField, UploadIdMixin
from media_assets.serializers import MediaField, MediaKeyField, MediaUrlField
from users.form_fields import UsernameField
from users.models import User


def shows_email(context: Mapping[str, Any]) -> bool:
    """Whether e-mail addresses are shown to whom this serializer context answers: to signed-in callers only."""
    request = context.get("request")
    return request is not None and request.user.is_authenticated


class PersonEmailField(serializers.EmailField):
    """A person's e-mail address; null for anonymous callers."""

    def __init__(self, **kwargs: Any) -> None:
        help_text = "null for anonymous callers."
        super().__init__(**{"read_only": True, "allow_null": True, "help_text": help_text, **kwargs})

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) if shows_email(self.context) else None


class AuthorSerializer(serializers.ModelSerializer[User]):
    """A person beside what they made."""

    email = PersonEmailField()

    class Meta:
        model = User
        fields = ["id", "username", "email", "first_name", "last_name"]
        read_only_fields = fields


class ProfileSerializer(serializers.ModelSerializer[User]):
    """A person's page. Needs ``request`` in its context."""

    email = PersonEmailField()
    name = serializers.CharField(read_only=True, help_text="First and last name, or the username.")
    avatar = MediaKeyField(read_only=True)
    avatar_url = MediaUrlField(source="avatar", read_only=True)
    media = MediaField(source="avatar", read_only=True)

    class Meta:
        model = User
        fields = [
            *("id", "email", "username", "first_name", "last_name", "name", "date_joined"),
            *("avatar", "avatar_url", "media"),
        ]
        read_only_fields = fields


class ProfileUpdateSerializer(UploadIdMixin, StrictFieldsMixin, serializers.Serializer[User]):
    """Changes of a profile. ``instance`` is the user to change; needs ``request`` in its context."""

    image_field = "avatar"

    username = UsernameField(required=False)
    first_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    last_name = serializers.CharField(max_length=150, required=False, allow_blank=True)
    avatar = ImageUploadField(
        required=False,
        allow_null=True,
        help_text="An image file (or an `upload_id`); null (or an empty form value) removes it.",
    )

    def validate_username(self, value: str) -> str:
        taken = User.objects.taken(username=value, except_for=self.instance.pk if self.instance else None)
        if taken:
            raise serializers.ValidationError(taken["username"])
        return value
