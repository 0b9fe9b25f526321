"""What ``manage.py storage_adopt`` may make of a file here."""

from images.models import LibraryImage
from media_assets.operations.adopting import Adoption, target


@target("library", columns=("title", "description", "created_at"), needs_owner=True, private_only=True)
def adopt_library_image(adoption: Adoption) -> None:
    """An image of the owner's private library."""
    image = LibraryImage(user=adoption.owner, **adoption.texts("title", "description"))
    image.clean_fields(exclude=["image"])
    image.image = adoption.asset_for(adoption.owner)
    image.save()
    if created := adoption.created():
        LibraryImage.objects.filter(pk=image.pk).update(uploaded_at=created["created_at"])
