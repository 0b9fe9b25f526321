"""Writes to houses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from rest_framework.exceptions import NotAuthenticated

from api.idempotency import Claim
from properties.main_images import locked_house
from properties.models import House, HouseForRent, HouseForSale
from users.models import User


def house_create(
    model: type[HouseForSale] | type[HouseForRent], *, owner: User, claim: Claim | None = None, **fields: Any
) -> HouseForSale | HouseForRent:
    """A new house with its ``claim`` completed. Raises NotAuthenticated where the owner was erased meanwhile."""
    try:
        with transaction.atomic():
            house = model.objects.create(owner=owner, **fields)
            if claim is not None:
                claim.complete(house.pk)
    except IntegrityError as error:
        if User.objects.filter(pk=owner.pk).exists():
            raise
        raise NotAuthenticated from error
    return house


@transaction.atomic
def house_update(*, house: House, changes: Mapping[str, Any]) -> None:
    """Write the changes. Raises NotFound where the house was deleted meanwhile."""
    house_write(locked_house(house.CONTENT_TYPE, house.pk), changes)


def house_write(house: House, changes: Mapping[str, Any]) -> None:
    """Write these fields of a locked house and the time of the change; nothing where there are none."""
    if not changes:
        return
    for name, value in changes.items():
        setattr(house, name, value)
    house.save(update_fields=[*changes, "updated_at"])


@transaction.atomic
def house_delete(*, house: House) -> None:
    """Delete the house with its images, objects included. Raises NotFound."""
    locked_house(house.CONTENT_TYPE, house.pk).delete()
