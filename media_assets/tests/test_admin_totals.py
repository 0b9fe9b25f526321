"""The figures of the administration's front page."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone

from media_assets.admin import totals
from media_assets.admin.totals import Amount, pending_uploads, registry_totals, variant_totals
from media_assets.models import MediaAsset, State
from media_assets.tests.stored import published
from media_assets.tests.uploads import pending_upload

pytestmark = pytest.mark.django_db


def asset(key: str, **values: Any) -> MediaAsset:
    now = timezone.now()
    fields = {"storage": "local-public", "visibility": "public", "state": State.READY, "size": 100, "published_at": now}
    days = values.pop("days", 0)
    row = MediaAsset.objects.create(key=key, **{**fields, **values})
    MediaAsset.objects.filter(pk=row.pk).update(created_at=now - timedelta(days=days))
    return row


def test_files_are_counted_by_place_and_state() -> None:
    asset("a")
    asset("b", size=50, state=State.FAILED)
    asset("c", storage="s3-private", visibility="private", size=7)
    asset("d", size=1000, state=State.TOMBSTONE, purge_after=timezone.now())
    found = registry_totals()
    assert found.live == Amount(3, 157)
    assert found.places == [
        ("local-public", "public", Amount(2, 150)),
        ("s3-private", "private", Amount(1, 7)),
    ]
    assert found.states == [("ready", Amount(2, 107)), ("failed", Amount(1, 50)), ("tombstone", Amount(1, 1000))]
    assert found.failed == 1


def test_work_that_waits_is_told_from_work_that_is_taken() -> None:
    now = timezone.now()
    assert (registry_totals().waiting, registry_totals().waiting_since) == (0, None)
    cache.clear()
    asset("a", state=State.PROCESSING, work_due_at=now - timedelta(minutes=5))
    asset("b", work_due_at=now - timedelta(minutes=1))
    asset("c", work_due_at=now + timedelta(minutes=9))
    asset("d", state=State.FAILED, work_due_at=now)
    found = registry_totals()
    assert (found.waiting, found.taken, found.waiting_since) == (2, 1, now - timedelta(minutes=5))


def test_each_day_has_its_bytes_by_storage() -> None:
    for key, days, storage in (("a", 0, "x"), ("b", 0, "y"), ("c", 0, "x"), ("d", 29, "x"), ("e", 30, "x")):
        asset(key, days=days, storage=storage)
    asset("f", state=State.DISCARDED)
    days = registry_totals().days
    assert len(days) == 30
    assert days[-1] == (timezone.now().date(), {"x": Amount(2, 200), "y": Amount(1, 100)})
    assert days[0][1] == {"x": Amount(1, 100)}
    assert not any(parts for _, parts in days[1:-1])


@pytest.mark.django_db(transaction=True)
def test_variants_are_counted_with_their_bytes(photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [32, 64]
    assert variant_totals() == Amount()
    cache.clear()
    made = [one for name in "ab" for one in published(photo(f"{name}.jpg", size=(80, 60))).variants]
    assert len(made) == 4
    assert variant_totals() == Amount(4, sum(one["size"] for one in made))
    cache.clear()
    asset("odd", variants={"size": 5})  # nothing that this site writes
    assert variant_totals().files == 4


def test_uploads_that_may_still_come(make_user: Any) -> None:
    upload = pending_upload(owner=make_user(), due_at=timezone.now(), declared_size=30)
    assert pending_uploads() == Amount(1, 30)
    cache.clear()
    type(upload).objects.update(expires_at=timezone.now())
    assert pending_uploads() == Amount()


def test_figures_are_kept_and_one_who_asks_makes_them_anew(monkeypatch: Any, django_assert_num_queries: Any) -> None:
    asset("a")
    first = registry_totals()
    asset("b")
    with django_assert_num_queries(0):
        assert registry_totals() == first
    monkeypatch.setattr(totals.time, "time", lambda: first.at.timestamp() + 61)
    cache.add("admin-registry-totals-in-the-making", True)
    assert registry_totals() == first  # somebody else makes them just now
    cache.delete("admin-registry-totals-in-the-making")
    assert registry_totals().live.files == 2


def test_the_front_page_does_without_a_cache(
    settings: Any, monkeypatch: Any, client: Any, make_user: Any, caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    monkeypatch.setattr(totals, "_cache_rests_until", 0.0)
    asset("a")
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    for files in (1, 2):
        answer = client.get("/admin/")
        assert (answer.status_code, answer.context["dashboard"]["totals"].live.files) == (200, files)
        asset(f"b{files}")
        assert caplog.text.count("does not answer: the front page's figures are not kept") == 1  # not for each figure
        caplog.clear()
        monkeypatch.setattr(totals, "_cache_rests_until", 0.0)
