"""Deleting a row, however it happens, gives up the file that it pointed at; and only if the deletion holds."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth import get_user_model
from django.db import connection, transaction
from django.db.models.signals import post_delete, pre_delete
from django.test.utils import CaptureQueriesContext

from media_assets.models import MediaAsset, State, referring_fields
from media_assets.references import where_used
from media_assets.services import assets_discard
from media_assets.storages import get_storage
from media_assets.sweeping import sweep
from media_assets.tests.stored import published

pytestmark = pytest.mark.django_db(transaction=True)
ArtWork: Any = apps.get_model("artworks", "ArtWork")
User: Any = get_user_model()


@pytest.fixture
def make_artwork(photo: Any, make_user: Any) -> Callable[..., Any]:
    """An artwork with a stored image, or with the one given."""
    authors: list[Any] = []

    def make(image: MediaAsset | None = None) -> Any:
        if not authors:
            authors.append(make_user("author"))
        return ArtWork.objects.create(author=authors[0], title="Sea", image=image or published(photo()))

    return make


def states() -> list[str]:
    return sorted(MediaAsset.objects.values_list("state", flat=True))


def files() -> int:
    return len(list(get_storage("local-public").list_objects()))


DELETIONS: dict[str, Callable[[Any], Any]] = {
    "instance": lambda artwork: artwork.delete(),
    "queryset": lambda artwork: ArtWork.objects.filter(pk=artwork.pk).delete(),
    "base manager": lambda artwork: ArtWork._base_manager.all().delete(),
    "deferred": lambda artwork: ArtWork.objects.only("pk").get(pk=artwork.pk).delete(),
    "cascade": lambda artwork: artwork.author.delete(),
    "cascade of a queryset": lambda artwork: User.objects.all().delete(),
}


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS)
@pytest.mark.parametrize("in_transaction", [False, True])
def test_the_file_goes_with_its_row(make_artwork: Any, delete: Callable[[Any], Any], in_transaction: bool) -> None:
    artwork = make_artwork()
    if in_transaction:
        with transaction.atomic():
            delete(artwork)
            assert (states(), files()) == ([State.READY], 1)
    else:
        delete(artwork)
    assert (states(), files()) == ([State.TOMBSTONE], 0)


def test_a_file_of_a_user_goes_with_the_user(make_user: Any, photo: Any) -> None:
    make_user(avatar=published(photo())).delete()
    assert (states(), files()) == ([State.TOMBSTONE], 0)


@pytest.mark.parametrize("delete", DELETIONS.values(), ids=DELETIONS)
def test_a_deletion_that_is_rolled_back_loses_nothing(make_artwork: Any, delete: Callable[[Any], Any]) -> None:
    artwork = make_artwork()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        delete(artwork)
        raise ZeroDivisionError
    assert (states(), files(), ArtWork.objects.count()) == ([State.READY], 1, 1)


def test_each_savepoint_keeps_or_loses_its_own(make_artwork: Any) -> None:
    kept, lost, lost_nested, gone, gone_inside, gone_nested = made = [make_artwork() for _ in range(6)]
    ids = [artwork.pk for artwork in made]
    with transaction.atomic():
        gone.delete()
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            lost.delete()
            with transaction.atomic():
                lost_nested.delete()
            raise ZeroDivisionError
        with transaction.atomic():
            gone_inside.delete()
            with transaction.atomic():
                gone_nested.delete()
    assert set(ArtWork.objects.values_list("pk", flat=True)) == set(ids[:3])
    assert set(MediaAsset.objects.filter(state=State.READY)) == {one.image for one in (kept, lost, lost_nested)}
    given_up = {one.image for one in (gone, gone_inside, gone_nested)}
    assert set(MediaAsset.objects.filter(state=State.TOMBSTONE)) == given_up
    assert files() == 3


def test_an_asset_with_another_reference_stays(make_artwork: Any, make_user: Any, photo: Any) -> None:
    asset = published(photo())
    artwork, user = make_artwork(asset), make_user("other", avatar=asset)
    assert {row._meta.model_name for row in where_used(asset)} == {"artwork", "user"}
    artwork.delete()
    assert (states(), files(), where_used(asset)) == ([State.READY], 1, [user])
    user.delete()
    assert (states(), files(), where_used(asset)) == ([State.TOMBSTONE], 0, [])


def test_an_image_that_is_replaced_is_given_up_and_an_artwork_without_one_is_no_trouble(
    make_artwork: Any, photo: Any
) -> None:
    artwork = make_artwork()
    old, new = artwork.image, published(photo("b.jpg"))
    with transaction.atomic():
        artwork.image = new
        artwork.save()
        assets_discard([old.pk, new.pk])
    assert set(MediaAsset.objects.filter(state=State.READY)) == {new}
    ArtWork.objects.update(image=None)
    with CaptureQueriesContext(connection) as ran:
        artwork.refresh_from_db()
        artwork.delete()
    assert not any("media_assets_mediaasset" in query["sql"] for query in ran)


def test_fifty_rows_cost_the_registry_as_many_queries_as_one(make_artwork: Any) -> None:
    def queries(rows: int) -> int:
        for _ in range(rows):
            make_artwork()
        with CaptureQueriesContext(connection) as ran:
            ArtWork.objects.all().delete()
        return sum("media_assets_mediaasset" in query["sql"] for query in ran)

    assert queries(50) == queries(1) > 0
    assert (set(states()), files()) == ({State.TOMBSTONE}, 0)


def test_every_relation_to_the_registry_is_watched() -> None:
    assert {field.model for field in referring_fields()} >= {ArtWork, User}
    for field in referring_fields():
        assert pre_delete.has_listeners(field.model) or post_delete.has_listeners(field.model)


@pytest.mark.parametrize("broken", ["media_assets.references.assets_discard", "media_assets.services.purge_discarded"])
def test_a_failure_after_the_commit_is_logged_and_swept(
    make_artwork: Any, monkeypatch: Any, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    artwork = make_artwork()

    def fail(*args: Any) -> None:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patched:
        patched.setattr(broken, fail)
        artwork.delete()
    assert "the sweeper will" in caplog.text
    assert files() == 1
    sweep(grace=timedelta(0))
    assert (states(), files()) == ([State.TOMBSTONE], 0)
