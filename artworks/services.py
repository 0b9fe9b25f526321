"""Every write to artworks, likes and reviews.

Each locks the artwork first and then looks, so that what is gone answers NotFound and a second of what may be only one
is seen before the database refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypedDict

from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotAuthenticated, NotFound

from api.errors import Conflict
from api.idempotency import Claim
from artworks.models import ArtWork, ArtWorkTag, Like, Review
from artworks.tags import tags_by_key, tags_text
from media_assets.services import asset_publish, assets_discard, stored_image
from media_assets.sources import ImageSource
from users.models import User

FOLDER = "artworks"


class ArtWorkChanges(TypedDict, total=False):
    """What a change may hold; a key that is absent stays as it is, ``image`` None removes the image."""

    title: str
    description: str
    medium: str
    dimensions: str
    tags: str
    image_url: str
    image: ImageSource | None


def artwork_create(
    *,
    author: User,
    title: str,
    description: str = "",
    medium: str = "",
    dimensions: str = "",
    tags: str = "",
    image_url: str = "",
    image: ImageSource | None = None,
    claim: Claim | None = None,
) -> ArtWork:
    """A new artwork with its image stored and its ``claim`` completed, or nothing at all.

    ``image`` comes validated from ImageUploadField. Raises NotAuthenticated where the author was erased meanwhile,
    ServiceUnavailable where the storage cannot be written.
    """
    with _written_by(author), stored_image(image, owner=author, folder=FOLDER) as asset, transaction.atomic():
        artwork = ArtWork.objects.create(
            author=author,
            title=title,
            description=description,
            medium=medium,
            dimensions=dimensions,
            tags=tags_text(tags),
            image_url=image_url,
            image=asset,
        )
        _add_tags(artwork)
        if asset is not None:
            asset_publish(asset)
        if claim is not None:
            claim.complete(artwork.pk)
    return artwork


def artwork_update(*, artwork: ArtWork, changes: ArtWorkChanges) -> None:
    """Write the changes; a replaced or removed image is discarded. The image belongs to the artwork's author, whoever
    changes it.

    Raises NotFound where the artwork was deleted meanwhile, ServiceUnavailable where the storage cannot be written.
    """
    if not changes:
        return
    with (
        stored_image(changes.get("image"), owner=artwork.author, folder=FOLDER) as asset,
        transaction.atomic(),
    ):
        current = _locked_artwork(artwork.pk)
        replaced = current.image_id if "image" in changes else None
        fields: dict[str, Any] = {**changes, **({"image": asset} if "image" in changes else {})}
        if "tags" in fields:
            fields["tags"] = tags_text(fields["tags"])
        _set(current, fields)
        if "tags" in fields:
            _index_tags(current)
        if asset is not None:
            asset_publish(asset)
        if replaced is not None:
            assets_discard([replaced])


@transaction.atomic
def artwork_delete(*, artwork_id: int) -> None:
    """Delete the artwork with its tags, likes and reviews; its image is discarded with the row. Raises NotFound."""
    _locked_artwork(artwork_id).delete()


def like_add(*, user: User, artwork_id: int) -> int:
    """Let the user like it, once; the number of likes then. Raises NotFound, NotAuthenticated (user erased)."""
    with _written_by(user), transaction.atomic():
        _locked_artwork(artwork_id)
        Like.objects.get_or_create(user=user, artwork_id=artwork_id)
        return _likes_count(artwork_id)


@transaction.atomic
def like_remove(*, user: User, artwork_id: int) -> int:
    """Let the user not like it; the number of likes then. Raises NotFound."""
    _locked_artwork(artwork_id)
    Like.objects.filter(user=user, artwork_id=artwork_id).delete()
    return _likes_count(artwork_id)


def review_create(*, author: User, artwork_id: int, rating: int, text: str = "") -> Review:
    """A new review, ``rating`` 1 to 5. Raises NotFound, NotAuthenticated (author erased), and Conflict where this
    author has reviewed it already."""
    with _written_by(author), transaction.atomic():
        artwork = _locked_artwork(artwork_id)
        if Review.objects.filter(author=author, artwork=artwork).exists():
            raise Conflict("You have already reviewed this artwork.", "already_reviewed")
        return Review.objects.create(author=author, artwork=artwork, rating=rating, text=text)


@transaction.atomic
def review_update(*, review: Review, changes: Mapping[str, Any]) -> None:
    """Write ``rating`` or ``text``. Raises NotFound where the review was deleted meanwhile."""
    if not changes:
        return
    try:
        current = Review.objects.select_for_update().get(pk=review.pk)
    except Review.DoesNotExist as error:
        raise NotFound from error
    _set(current, changes)


@transaction.atomic
def review_delete(*, review: Review) -> None:
    """Delete the review. Raises NotFound where it was deleted meanwhile."""
    _locked_artwork(review.artwork_id)
    if not Review.objects.filter(pk=review.pk).delete()[0]:
        raise NotFound


@contextmanager
def _written_by(user: User) -> Iterator[None]:
    """Raise NotAuthenticated where the user was erased during the write, and so its foreign key failed at the end."""
    try:
        yield
    except IntegrityError as error:
        if User.objects.filter(pk=user.pk).exists():
            raise
        raise NotAuthenticated from error


def _locked_artwork(artwork_id: int) -> ArtWork:
    try:
        return ArtWork.objects.select_for_update().get(pk=artwork_id)
    except ArtWork.DoesNotExist as error:
        raise NotFound from error


def _likes_count(artwork_id: int) -> int:
    return ArtWork.objects.values_list("likes_count", flat=True).get(pk=artwork_id)


def _set(row: ArtWork | Review, fields: Mapping[str, Any]) -> None:
    """Write these fields and the time of the change, and no others."""
    for name, value in fields.items():
        setattr(row, name, value)
    row.save(update_fields=[*fields, "updated_at"])


def _index_tags(artwork: ArtWork) -> None:
    """Make the tag rows those of ``artwork.tags``."""
    artwork.tag_rows.exclude(tag__in=tags_by_key(artwork.tags)).delete()
    _add_tags(artwork)


def _add_tags(artwork: ArtWork) -> None:
    """Add the tag rows of ``artwork.tags`` that are not there yet."""
    if keys := tags_by_key(artwork.tags):
        ArtWorkTag.objects.bulk_create([ArtWorkTag(artwork=artwork, tag=key) for key in keys], ignore_conflicts=True)
