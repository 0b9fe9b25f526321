"""The named filter of ``GET /api/uploads/``."""

from typing import Any

from django.db.models import Q
from django.utils import timezone
from django_filters import rest_framework as filters

from media_assets.models import Upload
from media_assets.uploads.models import UploadQuerySet
from media_assets.uploads.serializers import STATUSES


class UploadFilter(filters.FilterSet):  # type: ignore[misc]
    status = filters.ChoiceFilter(
        method="filter_status", choices=[(name, name) for name in STATUSES], help_text="Only those of this status."
    )

    class Meta:
        model = Upload
        fields: list[str] = []

    def filter_status(self, queryset: UploadQuerySet, name: str, value: str) -> Any:
        """As ``Upload.status_at`` tells it: a pending one whose time is over has expired, swept or not."""
        now, pending = timezone.now(), Q(status=Upload.STATUS_PENDING)
        match value:
            case Upload.STATUS_PENDING:
                return queryset.filter(pending, expires_at__gt=now)
            case Upload.STATUS_EXPIRED:
                return queryset.filter(Q(status=Upload.STATUS_EXPIRED) | (pending & Q(expires_at__lte=now)))
        return queryset.filter(status=value)
