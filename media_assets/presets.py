"""Which variants are made of a picture, in one word that its row remembers."""

import re
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet

from media_assets.models import MediaAsset, State

VARIANT_VERSION = "v1"  # of encoder and settings; another one makes all variants anew, under other keys
VARIANTS = "variants"
_VARIANT_KEY = re.compile(rf"{VARIANTS}/([0-9]{{1,18}})-[0-9a-f-]{{36}}/[0-9]+-[a-z0-9]+\.webp")


def presets() -> str:
    """What variants are made of now; rows that say something else differ. Empty: none are made."""
    widths = settings.MEDIA_VARIANT_WIDTHS
    return f"{VARIANT_VERSION}:{','.join(map(str, widths))}" if widths else ""


def is_work_due(asset: MediaAsset) -> bool:
    """Whether the asset needs a worker: to be cleaned, or to be given other variants."""
    return bool(asset.raw_key) or (asset.width is not None and bool(presets()) and asset.variants_of != presets())


def variant_key(asset: MediaAsset, width: int) -> str:
    """Where the asset's variant of a preset width lies."""
    return f"{VARIANTS}/{asset.pk}-{asset.object_id}/{width}-{VARIANT_VERSION}.webp"


def asset_id_of(key: str) -> int | None:
    """Whose variant may lie at this key; None where it is no variant's."""
    found = _VARIANT_KEY.fullmatch(key)
    return int(found[1]) if found else None


def work_due(now: datetime) -> QuerySet[MediaAsset]:
    """The assets that wait for a worker; what was discarded before one came waits for nothing any more."""
    return MediaAsset.objects.filter(work_due_at__lte=now, state__in=(State.PROCESSING, State.READY))
