"""An upload that a client sends straight to the storage: what was declared, where it lies, what became of it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

GRACE = timedelta(hours=1)  # what was begun before a form's end may still arrive
KEPT = timedelta(days=30)  # how long a row stays that says only what became of an upload


class UploadQuerySet(models.QuerySet["Upload"]):
    def visible_to(self, viewer: Any) -> UploadQuerySet:
        """Those that this viewer may see: their own, for staff too."""
        return self.filter(owner=viewer) if viewer.is_authenticated else self.none()

    def outstanding(self, now: datetime) -> UploadQuerySet:
        """Those whose bytes may still come."""
        return self.filter(status=Upload.STATUS_PENDING, expires_at__gt=now)

    def attachable(self) -> UploadQuerySet:
        """Complete, and not taken by anything yet."""
        return self.filter(status=Upload.STATUS_COMPLETE, attached_at=None)


class UploadManager(models.Manager["Upload"]):
    """Without the discarded ones."""

    def get_queryset(self) -> UploadQuerySet:
        return UploadQuerySet(self.model, using=self._db).exclude(status=Upload.STATUS_DISCARDED)


class Upload(models.Model):
    """Pending until its object is found good (complete) or bad (rejected), or its time is over (expired).

    Its status moves by conditional UPDATE, once, whoever races (``media_assets.uploads.services``).
    """

    STATUS_PENDING = "pending"
    STATUS_COMPLETE = "complete"
    STATUS_REJECTED = "rejected"
    STATUS_EXPIRED = "expired"
    STATUS_DISCARDED = "discarded"  # deleted; the row stays until its form is over and nothing can arrive any more
    STATUSES = (STATUS_PENDING, STATUS_COMPLETE, STATUS_REJECTED, STATUS_EXPIRED, STATUS_DISCARDED)

    upload_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False, help_text="Its name for clients.")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="uploads"
    )
    status = models.CharField(max_length=9, choices=[(name, name) for name in STATUSES], default=STATUS_PENDING)
    original_filename = models.CharField(max_length=255, blank=True)
    content_type = models.CharField(max_length=100, help_text="As declared.")
    declared_size = models.PositiveBigIntegerField(null=True, blank=True, help_text="Bytes.")
    sha256 = models.CharField(max_length=64, blank=True, help_text="As declared, hexadecimal.")
    prefix = models.CharField(max_length=100, help_text="The front of the key of what it becomes.")
    max_file_size = models.PositiveBigIntegerField(help_text="Bytes.")
    storage = models.CharField(max_length=32, help_text="Alias in STORAGES that its bytes are sent to.")
    staging_key = models.CharField(max_length=200, help_text="Where they lie until they are checked.")
    multipart_id = models.CharField(max_length=1024, blank=True, help_text="The store's name of an upload in parts.")
    expires_at = models.DateTimeField(help_text="The form is good until then.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="When the sweeper looks at it next.")
    staged = models.BooleanField(default=True, help_text="Whether something may lie at the staging key.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it was rejected.")
    reason_code = models.CharField(max_length=50, blank=True)
    asset = models.OneToOneField(
        "media_assets.MediaAsset", on_delete=models.PROTECT, null=True, blank=True, related_name="upload"
    )
    attached_asset = models.ForeignKey(
        "media_assets.MediaAsset",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="The copy that a resource took; it lives as long as the resource.",
    )
    completed_at = models.DateTimeField(null=True, blank=True)
    attached_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = UploadManager.from_queryset(UploadQuerySet)()
    everything = UploadQuerySet.as_manager()

    class Meta:
        base_manager_name = "everything"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["owner", "status", "expires_at"], name="upload_owner_status"),
            models.Index(fields=["owner", "created_at", "id"], name="upload_by_owner"),
            models.Index(fields=["due_at"], name="upload_due", condition=Q(due_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["pending", "complete", "rejected", "expired", "discarded"]),
                name="upload_status_known",
            ),
            models.CheckConstraint(
                condition=Q(asset=None) | Q(status="complete", attached_at=None), name="upload_asset_means_complete"
            ),
            models.CheckConstraint(
                condition=~Q(status="complete") | Q(attached_at__isnull=False) | Q(asset__isnull=False),
                name="upload_complete_means_asset",
            ),
            models.CheckConstraint(condition=~Q(staged=True) | Q(due_at__isnull=False), name="upload_staged_is_due"),
        ]

    def __str__(self) -> str:
        return self.original_filename or str(self.upload_id)

    def status_at(self, now: datetime) -> str:
        """Its status at this moment: a pending one whose time is over reads as expired, swept or not."""
        over = self.status == self.STATUS_PENDING and self.expires_at <= now
        return self.STATUS_EXPIRED if over else self.status

    @property
    def is_multipart(self) -> bool:
        """Whether it is sent in parts."""
        return bool(self.multipart_id)
