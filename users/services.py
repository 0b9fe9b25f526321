"""Writes to accounts: signing up, changing a profile, erasing everything."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction
from rest_framework.exceptions import APIException, NotFound, ValidationError
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from api.errors import Conflict
from media_assets.models import MediaAsset
from media_assets.services import asset_publish, assets_discard, stored_image
from media_assets.uploads.services import uploads_erase
from users.models import User

ERASURE_TRIES = 3
DEADLOCK = "40P01"  # PostgreSQL, "Error Codes"
ASSETS_PER_BATCH = 500  # well under the number of parameters that any database takes in one statement


def user_signup(*, email: str, username: str, password: str, first_name: str = "", last_name: str = "") -> User:
    """A new user. Raises ValidationError on ``email`` or ``username`` where another request was quicker."""
    user = User(
        email=User.objects.normalize_email(email),
        username=User.normalize_username(username),
        first_name=first_name,
        last_name=last_name,
    )
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise _refusal(email=email, username=username) from error
    return user


def user_update(*, user: User, changes: Mapping[str, Any]) -> None:
    """Write ``changes`` of ``username``, ``first_name``, ``last_name`` and ``avatar`` (as ImageUploadField
    validated it, or None).

    The avatar that the row has at that moment is discarded when another one, or none, takes its place. Raises
    ValidationError on a taken ``username``, NotFound where the user is gone, StorageUnavailable.
    """
    values = {name: value for name, value in changes.items() if name != "avatar"}
    try:
        with (
            stored_image(changes.get("avatar"), owner=user, folder=f"avatars/user_{user.pk}") as asset,
            transaction.atomic(),
        ):
            if asset is not None:
                asset_publish(asset)  # locks an upload, as publishing does before any row's owner is locked elsewhere
            row = User.objects.select_for_update().get(pk=user.pk)
            replaced = row.avatar_id if "avatar" in changes else None
            for name, value in values.items():
                setattr(row, name, value)
            if "avatar" in changes:
                row.avatar = asset
            row.save(force_update=True)
            if replaced is not None:
                assets_discard([replaced])
    except User.DoesNotExist as error:
        raise NotFound from error
    except IntegrityError as error:
        raise _refusal(username=values.get("username", ""), except_for=user.pk) from error


def user_delete(*, user: User) -> None:
    """Erase the account with everything it owns: rows by cascade, sessions, and every file left without a use.

    It locks much, in an order that not every other request shares: where the database gives it up for one of those,
    it begins anew.
    """
    for left in reversed(range(ERASURE_TRIES)):
        try:
            _erase(user)
            return
        except OperationalError as error:
            is_deadlock = getattr(error.__cause__, "pgcode", "") == DEADLOCK
            if not left or not is_deadlock or connection.in_atomic_block:
                raise


def _erase(user: User) -> None:
    with transaction.atomic():
        row = User.objects.select_for_update().filter(pk=user.pk).first()
        if row is None:
            return
        asset_ids = list(MediaAsset.objects.live().filter(owner=row).values_list("pk", flat=True))
        uploads_erase(owner=row)
        OutstandingToken.objects.filter(user=row).delete()
        row.delete()
        for start in range(0, len(asset_ids), ASSETS_PER_BATCH):
            assets_discard(asset_ids[start : start + ASSETS_PER_BATCH])


def _refusal(*, email: str = "", username: str = "", except_for: int | None = None) -> APIException:
    """What to answer after the database refused: whose name it was, as far as that is still there to see."""
    taken = User.objects.taken(email=email, username=username, except_for=except_for)
    return ValidationError(taken) if taken else Conflict("Somebody else changed this at the same time. Try again.")
