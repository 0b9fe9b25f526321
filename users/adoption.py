"""What ``manage.py storage_adopt`` may make of a file here."""

from media_assets.operations.adopting import Adoption, target
from media_assets.services import assets_discard
from users.models import User


@target("avatar", needs_owner=True)
def adopt_avatar(adoption: Adoption) -> None:
    """The avatar of the owner."""
    user = User.objects.select_for_update().get(pk=adoption.owner.pk)
    replaced = user.avatar_id
    adoption.require_free(replaced)
    user.avatar = adoption.asset_for(user)
    user.save(update_fields=["avatar"])
    if replaced is not None:
        assets_discard([replaced])
