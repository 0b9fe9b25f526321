"""Artworks, who likes them, and what is said of them."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.validators import MaxValueValidator, MinValueValidator, URLValidator
from django.db import models
from django.db.models import Exists, OuterRef, Value

from artworks.tags import MAX_TAG_LENGTH, tag_key, validate_tags
from media_assets.models import MediaAsset
from users.models import User

MAX_TEXT_LENGTH = 10_000  # characters of a description or a review: a page of 100 stays small
Viewer = User | AnonymousUser


class ArtWorkQuerySet(models.QuerySet["ArtWork"]):
    def visible_to(self, viewer: Viewer) -> ArtWorkQuerySet:
        """Those that this viewer may read: everyone reads every artwork."""
        return self.all()

    def tagged(self, tag: str) -> ArtWorkQuerySet:
        """Those with this tag, whatever its case."""
        return self.filter(tag_rows__tag=tag_key(tag))

    def liked_by(self, viewer: Viewer) -> ArtWorkQuerySet:
        return self.filter(Exists(self._likes_of(viewer)))

    def not_liked_by(self, viewer: Viewer) -> ArtWorkQuerySet:
        return self.exclude(Exists(self._likes_of(viewer)))

    def with_is_liked(self, viewer: Viewer) -> ArtWorkQuerySet:
        """With ``is_liked``: whether this viewer likes it."""
        likes = Exists(self._likes_of(viewer)) if viewer.is_authenticated else Value(False)
        return self.annotate(is_liked=likes)

    @staticmethod
    def _likes_of(viewer: Viewer) -> models.QuerySet[Like]:
        return Like.objects.filter(user_id=viewer.pk or 0, artwork=OuterRef("pk"))  # 0: nobody


class ArtWork(models.Model):
    """An artwork. ``tags`` is the comma-separated text of the wire; ``ArtWorkTag`` rows make it searchable.

    ``likes_count`` and ``reviews_count`` are kept by ``artworks.counts``.
    """

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="artworks")
    title = models.CharField(max_length=255)
    description = models.TextField(blank=True, max_length=MAX_TEXT_LENGTH)
    medium = models.CharField(max_length=255, blank=True)
    dimensions = models.CharField(max_length=255, blank=True)
    tags = models.CharField(max_length=500, blank=True, validators=[validate_tags])
    image = models.OneToOneField(MediaAsset, on_delete=models.PROTECT, null=True, blank=True, related_name="artwork")
    image_url = models.URLField(
        max_length=1000,
        blank=True,
        validators=[URLValidator(schemes=["http", "https"])],
        help_text="Legacy external address; shown, never fetched.",
    )
    likes_count = models.PositiveIntegerField(default=0, editable=False)
    reviews_count = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ArtWorkQuerySet.as_manager()

    class Meta:
        verbose_name = "artwork"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["created_at", "id"], name="artwork_by_age"),
            models.Index(fields=["likes_count", "id"], name="artwork_by_likes"),
            models.Index(fields=["author", "created_at", "id"], name="artwork_by_author"),
            models.Index(fields=["medium", "created_at", "id"], name="artwork_by_medium"),
        ]

    def __str__(self) -> str:
        return self.title


class ArtWorkTag(models.Model):
    """One tag of one artwork, as ``tag_key`` makes it."""

    artwork = models.ForeignKey(ArtWork, on_delete=models.CASCADE, related_name="tag_rows")
    tag = models.CharField(max_length=MAX_TAG_LENGTH)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tag", "artwork"], name="artwork_tag_once")]

    def __str__(self) -> str:
        return self.tag


class Like(models.Model):
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="likes")
    artwork = models.ForeignKey(ArtWork, on_delete=models.CASCADE, related_name="likes")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "artwork"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.artwork_id}"


class ReviewQuerySet(models.QuerySet["Review"]):
    def visible_to(self, viewer: Viewer) -> ReviewQuerySet:
        """Those of the artworks that this viewer may read: all."""
        return self.all()


class Review(models.Model):
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    artwork = models.ForeignKey(ArtWork, on_delete=models.CASCADE, related_name="reviews")
    rating = models.PositiveSmallIntegerField(validators=[MinValueValidator(1), MaxValueValidator(5)])
    text = models.TextField(blank=True, max_length=MAX_TEXT_LENGTH)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["artwork", "created_at", "id"], name="review_by_artwork")]
        constraints = [
            models.UniqueConstraint(fields=["author", "artwork"], name="review_once"),
            models.CheckConstraint(condition=models.Q(rating__gte=1, rating__lte=5), name="review_rating_1_to_5"),
        ]

    def __str__(self) -> str:
        return f"{self.rating}/5 by {self.author_id} on {self.artwork_id}"
