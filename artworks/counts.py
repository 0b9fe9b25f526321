"""``likes_count`` and ``reviews_count`` follow the rows, whoever makes or deletes those: service, admin or cascade.

A receiver locks the artwork before it counts, so that two deletions of one row count once.
"""

from typing import Any, Literal

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, IntegerField, Model, Q, Value, When
from django.db.models.functions import Greatest
from django.db.models.signals import post_save, pre_delete
from django.dispatch import receiver

from api.deleting import lock_rows, origin_model
from artworks.models import ArtWork, ArtWorkQuerySet, ArtWorkTag, Like, Review

CountName = Literal["likes_count", "reviews_count"]
COUNT_OF: dict[type[Model], CountName] = {Like: "likes_count", Review: "reviews_count"}


@receiver(post_save, sender=Like)
@receiver(post_save, sender=Review)
def row_made(sender: type[Model], instance: Like | Review, created: bool, raw: bool, **kwargs: Any) -> None:
    """One more, for a new row; fixtures (``raw``) bring their counts along."""
    if created and not raw:
        name = COUNT_OF[sender]
        ArtWork.objects.filter(pk=instance.artwork_id).update(**{name: F(name) + 1})


@receiver(pre_delete, sender=Like)
@receiver(pre_delete, sender=Review)
def row_goes(sender: type[Model], instance: Like | Review, origin: Any, **kwargs: Any) -> None:
    """One less, where the row itself was deleted. With its artwork the count goes too; with its user all are counted
    at once below."""
    if origin_model(origin) is not sender:
        return
    with transaction.atomic():
        artworks = ArtWork.objects.filter(pk=instance.artwork_id)
        lock_rows(artworks)
        if sender._default_manager.filter(pk=instance.pk).exists():
            _uncount(artworks, COUNT_OF[sender])


@receiver(pre_delete, sender=settings.AUTH_USER_MODEL)
def user_goes(instance: Model, using: str, **kwargs: Any) -> None:
    """One less on every artwork that the user liked or reviewed: a fixed number of queries, whatever their number."""
    own = ArtWork.objects.filter(author_id=instance.pk).order_by()
    liked = Like.objects.filter(user_id=instance.pk).values("artwork_id")
    reviewed = Review.objects.filter(author_id=instance.pk).order_by().values("artwork_id")
    with transaction.atomic(using):
        lock_rows(ArtWork.objects.filter(pk__in=liked.union(reviewed, own.values("pk"))))
        # One statement: of a row that a transaction updates twice PostgreSQL checks the foreign keys again at commit,
        # and the author's own row may be held by somebody who waits for these artworks.
        ArtWork.objects.filter(Q(pk__in=liked) | Q(pk__in=reviewed)).update(
            likes_count=_one_less_where(liked, "likes_count"), reviews_count=_one_less_where(reviewed, "reviews_count")
        )
        _delete_late_rows(own, using)


@receiver(pre_delete, sender=ArtWork)
def artwork_goes(instance: ArtWork, origin: Any, using: str, **kwargs: Any) -> None:
    """Deleted by itself, it takes along what came between the collecting of its rows and now."""
    if origin_model(origin) is ArtWork:
        artworks = ArtWork.objects.filter(pk=instance.pk)
        with transaction.atomic(using):
            lock_rows(artworks)
            _delete_late_rows(artworks, using)


def _delete_late_rows(artworks: ArtWorkQuerySet, using: str) -> None:
    """Without signals: those of the rows that the cascade collected are sent by it. A row that it has not seen would
    fail its foreign key at commit."""
    for model in (Like, Review, ArtWorkTag):
        model._default_manager.filter(artwork__in=artworks)._raw_delete(using)


def _one_less_where(artwork_ids: Any, name: CountName) -> Case:
    one_less = Greatest(F(name) - 1, Value(0))
    return Case(When(pk__in=artwork_ids, then=one_less), default=F(name), output_field=IntegerField())


def _uncount(artworks: ArtWorkQuerySet, name: CountName) -> None:
    artworks.update(**{name: Greatest(F(name) - 1, Value(0))})
