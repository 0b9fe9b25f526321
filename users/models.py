"""Users sign in with their e-mail; e-mail and username are unique whatever their case."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models

from media_assets.models import MediaAsset
from users.fields import FoldedField, LowerCaseEmailField, folded

EMAIL_TAKEN = "A user with that email already exists."
USERNAME_TAKEN = "A user with that username already exists."


class UserQuerySet(models.QuerySet["User"]):
    def visible_to(self, viewer: User | AnonymousUser) -> UserQuerySet:
        """Those whose profile ``viewer`` may read: everyone who is active; all of them for staff."""
        return self if viewer.is_staff else self.filter(is_active=True)


class UserManager(BaseUserManager["User"]):
    """Makes users; e-mails are kept in lower case, so that signing in is one index look-up."""

    use_in_migrations = True

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """The address as it is stored: trimmed, in lower case."""
        return (email or "").strip().lower()

    def get_queryset(self) -> UserQuerySet:
        return UserQuerySet(self.model, using=self._db)

    def visible_to(self, viewer: User | AnonymousUser) -> UserQuerySet:
        """See ``UserQuerySet.visible_to``."""
        return self.get_queryset().visible_to(viewer)

    def taken(self, *, email: str = "", username: str = "", except_for: int | None = None) -> dict[str, list[str]]:
        """A message under ``email`` and ``username`` where somebody has it already, in whatever case.

        In: ``except_for``, the id of a user who may have it.
        """
        others = self.exclude(pk=except_for) if except_for is not None else self.get_queryset()
        found: dict[str, list[str]] = {}
        if email and others.filter(email=self.normalize_email(email)).exists():
            found["email"] = [EMAIL_TAKEN]
        if username and others.filter(username_key=folded(username)).exists():
            found["username"] = [USERNAME_TAKEN]
        return found

    def create_user(self, email: str, username: str, password: str | None = None, **fields: Any) -> User:
        """A saved user. Raises IntegrityError where e-mail or username is taken."""
        username = self.model.normalize_username(username)
        user = self.model(email=self.normalize_email(email), username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, username: str, password: str | None = None, **fields: Any) -> User:
        """A saved user who is staff and superuser (used by ``manage.py createsuperuser``)."""
        return self.create_user(email, username, password, **{"is_staff": True, "is_superuser": True, **fields})

    def get_by_natural_key(self, username: str | None) -> User:
        """The user with this e-mail, whatever its case."""
        return self.get(email=self.normalize_email(username))


class User(AbstractUser):
    email = LowerCaseEmailField(
        unique=True, help_text="Sign-in name; kept in lower case.", error_messages={"unique": EMAIL_TAKEN}
    )
    # Case folding makes three characters of one at most: "ΐ".
    username_key = FoldedField(source="username", max_length=450, unique=True)
    avatar = models.OneToOneField(MediaAsset, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["username"]

    objects = UserManager()  # type: ignore[misc,assignment]

    class Meta(AbstractUser.Meta):
        abstract = False

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        """For forms, which do not see ``username_key``. Raises ValidationError where the username is taken."""
        super().clean()
        if taken := User.objects.taken(username=self.username, except_for=self.pk):
            raise ValidationError(taken)

    @property
    def name(self) -> str:
        """First and last name, or the username where neither is given."""
        return self.get_full_name() or self.username
