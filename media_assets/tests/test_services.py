"""The life of an asset through the services, on local disk."""

import hashlib
from typing import Any

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from artworks.models import ArtWork
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage


def validated(file: Any) -> Any:
    return ImageUploadField().run_validation(file)


def add_artwork(user: Any, file: Any, **how: Any) -> ArtWork:
    with stored_image(validated(file), owner=user, folder="artworks", **how) as asset, transaction.atomic():
        artwork = ArtWork.objects.create(author=user, title="Sea", image=asset)
        asset_publish(asset)
    return artwork


def test_a_photo_is_stored_published_and_described(make_user: Any, photo: Any) -> None:
    file = photo("Sea View.JPG", size=(30, 20))
    asset = add_artwork(make_user(), file).image
    asset.refresh_from_db()
    data = get_storage(asset.storage).open(asset.key).read()
    assert (asset.key, asset.state, asset.width, asset.height) == ("artworks/Sea_View.jpg", State.READY, 30, 20)
    assert (asset.size, asset.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert not list(get_storage("local-public").list_objects(".incoming"))


def test_publishing_outside_a_transaction_is_refused(transactional_db: None, make_user: Any, photo: Any) -> None:
    with (
        pytest.raises(TransactionManagementError),
        stored_image(validated(photo()), owner=make_user(), folder="artworks") as asset,
    ):
        asset_publish(asset)
    assert MediaAsset.objects.get().state == State.TOMBSTONE


def test_storing_inside_a_transaction_is_refused(transactional_db: None, make_user: Any, photo: Any) -> None:
    user = make_user()
    with (
        transaction.atomic(),
        pytest.raises(RuntimeError, match="durable"),
        stored_image(validated(photo()), owner=user, folder="artworks"),
    ):
        pass
    assert not MediaAsset.objects.exists()


def test_what_never_had_variants_has_none_to_delete(transactional_db: None, make_user: Any, photo: Any) -> None:
    artwork = add_artwork(make_user(), photo())
    assert artwork.image.variants is None
    artwork.delete()
    assert MediaAsset.objects.get().state == State.TOMBSTONE
    assert not list(get_storage("local-public").list_objects())
