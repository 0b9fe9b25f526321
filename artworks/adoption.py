"""What ``manage.py storage_adopt`` may make of a file here."""

from typing import Any, cast

from artworks.models import ArtWork
from artworks.services import ArtWorkChanges, artwork_create, artwork_update
from media_assets.operations.adopting import Adoption, Refused, target
from media_assets.services import assets_discard

TEXTS = ("title", "description", "medium", "dimensions", "tags", "image_url")


@target("artwork", columns=(*TEXTS, "created_at"), needs_owner=True)
def adopt_artwork(adoption: Adoption) -> None:
    """A new artwork of the owner, with a title after the file's name."""
    fields: dict[str, Any] = {"title": adoption.title, **adoption.texts(*TEXTS)}
    ArtWork(author=adoption.owner, **fields).clean_fields(exclude=["image"])
    artwork = artwork_create(author=adoption.owner, **fields)
    asset = adoption.asset_for(adoption.owner)
    ArtWork.objects.filter(pk=artwork.pk).update(image=asset, **adoption.created())


@target("artwork:ID", columns=TEXTS)
def adopt_image_of_artwork(adoption: Adoption) -> None:
    """The image of an artwork that exists."""
    artwork = ArtWork.objects.select_for_update().filter(pk=adoption.object_id).first()
    if artwork is None:
        raise Refused(f"There is no artwork {adoption.object_id}.")
    replaced = artwork.image_id
    adoption.require_owner(artwork.author)
    adoption.require_free(replaced)
    changes = adoption.texts(*TEXTS)
    ArtWork(author=artwork.author, **{"title": artwork.title, **changes}).clean_fields(exclude=["image"])
    artwork_update(artwork=artwork, changes=cast(ArtWorkChanges, changes))
    ArtWork.objects.filter(pk=artwork.pk).update(image=adoption.asset_for(artwork.author))
    if replaced is not None:
        assets_discard([replaced])
