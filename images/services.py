"""Every write to the private image library."""

from __future__ import annotations

from typing import Any, TypedDict
from uuid import uuid4

from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotAuthenticated, NotFound

from api.idempotency import Claim
from images.models import LibraryImage
from media_assets.models import Visibility
from media_assets.services import asset_publish, assets_discard, stored_images
from media_assets.sources import ImageSource
from users.models import User


class LibraryImageChanges(TypedDict, total=False):
    """What a change may hold; a key that is absent stays as it is."""

    title: str
    description: str
    image: ImageSource


def library_image_create(
    *, user: User, image: ImageSource, title: str = "", description: str = "", claim: Claim | None = None
) -> LibraryImage:
    """A new image in the user's library, stored, with its ``claim`` completed; or nothing at all.

    ``image`` comes validated from ImageUploadField. Raises NotAuthenticated where the user was erased meanwhile,
    ServiceUnavailable where the storage cannot be written.
    """
    try:
        with stored_images([image], **_place(user)) as [asset], transaction.atomic():
            row = LibraryImage.objects.create(user=user, image=asset, title=title, description=description)
            asset_publish(asset)
            if claim is not None:
                claim.complete(row.pk)
    except IntegrityError as error:
        if User.objects.filter(pk=user.pk).exists():
            raise
        raise NotAuthenticated from error
    return row


def library_image_update(*, image: LibraryImage, changes: LibraryImageChanges) -> None:
    """Write the changes; a new file takes the place of the old one, which is discarded.

    Raises NotFound where the image was deleted meanwhile, ServiceUnavailable where the storage cannot be written.
    """
    if not changes:
        return
    files = [changes["image"]] if "image" in changes else []
    with stored_images(files, **_place(image.user)) as assets, transaction.atomic():
        current = _locked(image.pk)
        replaced = current.image_id
        current.title = changes.get("title", current.title)
        current.description = changes.get("description", current.description)
        for asset in assets:
            current.image = asset
            asset_publish(asset)
        current.save(update_fields=[*changes, "updated_at"])
        if assets:
            assets_discard([replaced])


@transaction.atomic
def library_image_delete(*, image: LibraryImage) -> None:
    """Delete the image; its file is discarded with the row. Raises NotFound where it is gone already."""
    _locked(image.pk).delete()


def _locked(pk: int) -> LibraryImage:
    row = LibraryImage.objects.select_for_update().filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def _place(user: User) -> dict[str, Any]:
    """Whose the file is and where it goes: private whatever the site's default."""
    return {
        "owner": user,
        "folder": f"images/{user.pk}",
        "visibility": Visibility.PRIVATE,
        "rename": lambda filename: f"{uuid4()}_{filename}",
    }
