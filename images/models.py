"""The private image library: each person's own images, for nobody else."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import models

from media_assets.models import MediaAsset
from users.models import User

MAX_TEXT_LENGTH = 10_000  # characters of a description


class LibraryImageQuerySet(models.QuerySet["LibraryImage"]):
    def visible_to(self, viewer: User | AnonymousUser) -> LibraryImageQuerySet:
        """Those that this viewer may read: their own, for staff too."""
        return self.filter(user=viewer) if viewer.is_authenticated else self.none()


class LibraryImage(models.Model):
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="library_images", db_index=False
    )
    image = models.OneToOneField(MediaAsset, on_delete=models.PROTECT, related_name="library_image")
    title = models.CharField(max_length=255, blank=True)
    description = models.TextField(blank=True, max_length=MAX_TEXT_LENGTH)
    uploaded_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = LibraryImageQuerySet.as_manager()

    class Meta:
        ordering = ["-uploaded_at", "-id"]
        indexes = [models.Index(fields=["user", "uploaded_at", "id"], name="library_image_by_user")]

    def __str__(self) -> str:
        return self.title or f"Image {self.pk}"
