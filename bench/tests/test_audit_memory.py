"""An audit of ten times as many rows and objects needs no more memory, though as many more differ."""

import tracemalloc
from typing import Any

import pytest
from django.db import connection

from artworks.models import ArtWork
from bench import audit
from bench.million import fill
from media_assets.models import MediaAsset
from media_assets.operations import auditing
from media_assets.operations.auditing import Audit, places

SMALL, LARGE = 2_000, 20_000
BATCH = 50  # which the small audit fills too, and beside which a list of everything shows
EACH = 20  # of so many rows one has no object, and beside so many objects one has no row
MAX_GROWTH_BYTES = 300_000  # a list of 18 000 keys has five times as many


def peak_bytes(count: int, author: Any, settings: Any) -> int:
    """What Python allocated at most during an audit of ``count`` rows and objects."""
    with connection.cursor() as cursor:
        for model in (ArtWork, MediaAsset):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")
    fill(count, author)
    simulated = {"BACKEND": "bench.audit.SimulatedStorage", "OPTIONS": {"count": count}}
    settings.STORAGES = {**settings.STORAGES, "local-public": simulated}
    tracemalloc.start()
    try:
        with Audit(["local-public"], grace=3600, checksums=False, jobs=4) as run:
            report = run.run().storages["local-public"]
            told = sum(1 for _ in run.findings())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.findings == {"missing_original": count // EACH, "stray": count // EACH}
    assert (report.listed, told) == (count, 2 * count // EACH)
    return peak


@pytest.mark.django_db(transaction=True)  # PostgreSQL's VACUUM
def test_memory_does_not_grow_with_what_is_audited(anna: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "EACH", EACH)
    monkeypatch.setattr(places, "BATCH_ROWS", BATCH)
    monkeypatch.setattr(auditing, "BATCH", BATCH)
    peak_bytes(SMALL, anna, settings)  # everything is imported and prepared by then
    small, large = (peak_bytes(count, anna, settings) for count in (SMALL, LARGE))
    assert large - small < MAX_GROWTH_BYTES, (small, large)
