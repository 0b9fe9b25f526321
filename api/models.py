"""Which ``Idempotency-Key`` of whom made what."""

from django.conf import settings
from django.db import models


class IdempotencyKey(models.Model):
    """One key of one user: running while ``result_id`` is null, done afterwards; forgotten after its expiry."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=255)
    fingerprint = models.CharField(max_length=64, help_text="sha256 of method, path and content, hexadecimal.")
    result_id = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return self.key
