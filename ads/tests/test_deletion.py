"""An ad takes its images along, however it goes, and at one price."""

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models.signals import pre_delete
from django.test.utils import CaptureQueriesContext

from ads.models import Ad, AdImage
from ads.services import ad_delete
from media_assets.models import MediaAsset, State
from users.services import user_delete

pytestmark = pytest.mark.django_db(transaction=True)


def ways(ad):
    return {
        "service": lambda: ad_delete(ad_id=ad.pk),
        "row": lambda: Ad.objects.get(pk=ad.pk).delete(),
        "queryset": lambda: Ad.objects.filter(pk=ad.pk).delete(),
        "owner": lambda: user_delete(user=ad.owner),
    }


@pytest.mark.parametrize("way", ["service", "row", "queryset", "owner"])
def test_a_delete_costs_the_same_with_1_and_50_images(fill, make_user, way):
    costs = []
    for count in (1, 50):
        (ad,) = fill(1, count, owner=make_user(f"seller{count}"))
        with CaptureQueriesContext(connection) as made:
            ways(ad)[way]()
        costs.append([query["sql"].split()[0] for query in made])
        assert not AdImage.objects.exists()
        assert set(MediaAsset.objects.values_list("state", flat=True)) == {State.TOMBSTONE}
    assert costs[0] == costs[1]


@pytest.mark.parametrize("way", ["service", "row", "queryset", "owner"])
def test_files_go_after_the_commit_and_not_before(make_ad, add_image, make_user, way):
    ad, kept = make_ad(), add_image(make_ad(owner=make_user("neighbour")))
    assets = [add_image(ad).image for _ in range(3)]
    with transaction.atomic():
        ways(ad)[way]()
        assert all(storages[asset.storage].exists(asset.key) for asset in assets)
    assert not any(storages[asset.storage].exists(asset.key) for asset in assets)
    assert [asset.pk for asset in MediaAsset.objects.live()] == [kept.image.pk]
    assert storages[kept.image.storage].exists(kept.image.key)


def test_a_delete_that_is_rolled_back_leaves_everything(ad, add_image):
    image = add_image(ad)
    with pytest.raises(RuntimeError), transaction.atomic():
        ad_delete(ad_id=ad.pk)
        raise RuntimeError
    assert AdImage.objects.get() == image and storages[image.image.storage].exists(image.image.key)
    assert MediaAsset.objects.live().count() == 1


@pytest.mark.parametrize("way", ["row", "queryset", "owner"])
def test_images_that_come_after_the_cascade_was_collected_go_too(ad, make_asset, way):
    """A delete that takes no lock first (the admin, a script): its foreign keys must still hold at commit."""

    def late(**kwargs):
        if not AdImage.objects.exists():
            asset = make_asset("late", storage="local-public")
            asset.save()
            AdImage.objects.create(ad=ad, image=asset, order=0)

    receivers = pre_delete.receivers
    pre_delete.receivers = []
    pre_delete.connect(late)  # before ours
    pre_delete.receivers += receivers
    pre_delete.sender_receivers_cache.clear()
    try:
        ways(ad)[way]()
    finally:
        pre_delete.receivers = receivers
        pre_delete.sender_receivers_cache.clear()
    assert not Ad.objects.exists() and not AdImage.objects.exists()
    assert MediaAsset.objects.get().state == State.TOMBSTONE
