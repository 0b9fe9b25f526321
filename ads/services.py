"""Every write to ads; those to their images are in ``ads.image_services``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import TypedDict

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import NotAuthenticated, NotFound

from ads.models import Ad
from api.idempotency import Claim
from users.models import User


class AdChanges(TypedDict, total=False):
    """What a change may hold; a key that is absent stays as it is."""

    title: str
    description: str
    price: Decimal
    is_active: bool
    is_sold: bool


def ad_create(
    *,
    owner: User,
    title: str,
    price: Decimal,
    description: str = "",
    is_active: bool = True,
    is_sold: bool = False,
    claim: Claim | None = None,
) -> Ad:
    """A new ad without images, its ``claim`` completed. Raises NotAuthenticated (owner erased meanwhile)."""
    with _written_by(owner), transaction.atomic():
        ad = Ad.objects.create(
            owner=owner, title=title, price=price, description=description, is_active=is_active, is_sold=is_sold
        )
        if claim is not None:
            claim.complete(ad.pk)
    return ad


@transaction.atomic
def ad_update(*, ad_id: int, changes: AdChanges) -> None:
    """Write the changes. Raises NotFound where the ad was deleted meanwhile."""
    if changes:
        ad_write(locked_ad(ad_id), changes)


@transaction.atomic
def ad_delete(*, ad_id: int) -> None:
    """Delete the ad with its images; their files are discarded. Raises NotFound."""
    locked_ad(ad_id).delete()


def ads_mark_sold(*, ad_ids: Iterable[int]) -> int:
    """Mark those that are not sold yet; how many. One statement: of several at once, one marks."""
    now = timezone.now()
    return Ad.objects.filter(pk__in=list(ad_ids), is_sold=False).update(is_sold=True, updated_at=now)


def locked_ad(ad_id: int) -> Ad:
    """The ad, held until the transaction ends. Raises NotFound."""
    try:
        return Ad.objects.select_for_update().get(pk=ad_id)
    except Ad.DoesNotExist as error:
        raise NotFound from error


def ad_write(ad: Ad, changes: AdChanges) -> None:
    """Write these fields of a locked ad, and that it (or an image of it) has changed now; no others."""
    for name, value in changes.items():
        setattr(ad, name, value)
    ad.save(update_fields=[*changes, "updated_at"])


@contextmanager
def _written_by(user: User) -> Iterator[None]:
    """Raise NotAuthenticated where the user was erased during the write, and so its foreign key failed at the end."""
    try:
        yield
    except IntegrityError as error:
        if User.objects.filter(pk=user.pk).exists():
            raise
        raise NotAuthenticated from error
