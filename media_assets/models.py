"""The registry: one row for every file that the site keeps, wherever it lives."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Exists, OuterRef, Q

from media_assets.uploads.models import Upload

__all__ = ["LIVE_STATES", "MediaAsset", "MediaAssetQuerySet", "State", "Upload", "Visibility", "referring_fields"]


class Visibility(models.TextChoices):
    PUBLIC = "public"
    PRIVATE = "private"


class State(models.TextChoices):
    """Reserve, store, publish; discard, tombstone. Only the sweeper removes rows."""

    RESERVED = "reserved", "reserved: its key is taken, its object may not be there yet"
    PROCESSING = "processing", "processing: stored, not delivered until it is clean"
    READY = "ready", "ready"
    FAILED = "failed", "failed"
    DISCARDED = "discarded", "discarded: its objects are being deleted"
    TOMBSTONE = "tombstone", "tombstone: its objects are gone, its key stays taken"


LIVE_STATES = (State.PROCESSING, State.READY, State.FAILED)


class MediaAssetQuerySet(models.QuerySet["MediaAsset"]):
    def live(self) -> MediaAssetQuerySet:
        """Published and not discarded."""
        return self.filter(state__in=LIVE_STATES)

    def unreferenced(self) -> MediaAssetQuerySet:
        """Those that no row of any model points at."""
        unused = self
        for field in referring_fields():
            unused = unused.filter(~Exists(field.model._base_manager.filter(**{field.name: OuterRef("pk")})))
        return unused


class MediaAsset(models.Model):
    """One stored file: where it lives, what it is, whose it is, and how far it has come."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="media_assets"
    )
    object_id = models.UUIDField(default=uuid.uuid4, editable=False, help_text="Marks the object as this asset's own.")
    storage = models.CharField(max_length=32, help_text="Alias in STORAGES where the object lives.")
    copy_storage = models.CharField(
        max_length=32,
        blank=True,
        help_text="Where its objects may lie too: it is moved there, or was moved from there.",
    )
    key = models.CharField(max_length=512, unique=True, help_text="Name of the object, below its storage's location.")
    visibility = models.CharField(max_length=8, choices=Visibility.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.RESERVED)
    content_type = models.CharField(max_length=100)
    size = models.PositiveBigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(
        max_length=64, blank=True, help_text="Hexadecimal, of the object's bytes; empty: nobody has read them all yet."
    )
    original_filename = models.CharField(max_length=255, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True, help_text="Pixels, upright.")
    height = models.PositiveIntegerField(null=True, blank=True, help_text="Pixels, upright.")
    placeholder = models.CharField(max_length=64, null=True, blank=True, help_text="ThumbHash, base64.")
    location_removed = models.BooleanField(default=False)
    # Null while none are made: an empty list would be parsed for every row of every page.
    variants: models.JSONField[Any, Any] = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    variants_of = models.CharField(max_length=100, blank=True, help_text="The presets that they were made for.")
    # Null while there are none, as above.
    variant_keys: models.JSONField[Any, Any] = models.JSONField(
        null=True, blank=True, help_text="Every key beside the original's where an object of this asset may lie."
    )
    failure_reason = models.CharField(max_length=255, blank=True)
    raw_storage = models.CharField(max_length=32, blank=True, help_text="Where the original lies until it is clean.")
    raw_key = models.CharField(max_length=100, blank=True, help_text="Its name there.")
    work_due_at = models.DateTimeField(null=True, blank=True, help_text="A worker may take it then; empty: done.")
    work_tries = models.PositiveSmallIntegerField(default=0, help_text="How often a worker took it in vain.")
    lease_expires_at = models.DateTimeField(null=True, blank=True, help_text="A reservation is settled after this.")
    published_at = models.DateTimeField(null=True, blank=True, help_text="Since then the object at this key is ours.")
    purge_after = models.DateTimeField(null=True, blank=True, help_text="A tombstone is removed after this.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = MediaAssetQuerySet.as_manager()

    # No columns: the upload that publishing this asset uses up, and all that the same request uses up.
    taken_upload: Upload | None = None
    taken_together: Sequence[int] = ()

    class Meta:
        indexes = [
            models.Index(fields=["owner", "state"], name="media_owner_state"),
            models.Index(fields=["lease_expires_at"], name="media_reserved_lease", condition=Q(state=State.RESERVED)),
            models.Index(fields=["work_due_at"], name="media_work_due", condition=Q(work_due_at__isnull=False)),
            models.Index(fields=["id"], name="media_discarded", condition=Q(state=State.DISCARDED)),
            models.Index(fields=["id"], name="media_failed", condition=Q(state=State.FAILED)),
            models.Index(fields=["created_at"], name="media_created"),
            models.Index(fields=["purge_after"], name="media_tombstone_purge", condition=Q(state=State.TOMBSTONE)),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(state__in=State.values), name="media_state_known"),
            models.CheckConstraint(condition=Q(visibility__in=Visibility.values), name="media_visibility_known"),
            models.CheckConstraint(
                condition=~Q(state=State.RESERVED) | Q(lease_expires_at__isnull=False), name="media_reserved_has_lease"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=LIVE_STATES) | Q(published_at__isnull=False), name="media_live_was_published"
            ),
            models.CheckConstraint(
                condition=~Q(state=State.TOMBSTONE) | Q(purge_after__isnull=False), name="media_tombstone_has_end"
            ),
        ]

    def __str__(self) -> str:
        return self.key


def referring_fields() -> list[models.ForeignKey[Any, Any]]:
    """Every foreign key of any model that keeps assets alive, those without a reverse name included.

    One that lets go by itself (SET_NULL) only looks.
    """
    relations = MediaAsset._meta.get_fields(include_hidden=True)
    holding = (found for found in relations if isinstance(found, models.ManyToOneRel))
    return [found.field for found in holding if found.on_delete is models.PROTECT]
