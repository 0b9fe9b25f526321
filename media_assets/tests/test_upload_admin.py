"""Direct uploads in the admin."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from conftest import draw
from media_assets.models import MediaAsset, Upload
from media_assets.services import asset_publish, stored_image
from media_assets.storages import get_storage
from media_assets.uploads.services import upload_complete, upload_create

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:media_assets_upload_changelist"


@pytest.fixture
def staff(make_user: Any) -> Client:
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def done(make_user: Any) -> Upload:
    """Complete, of anna."""
    upload = upload_create(owner=make_user(), original_filename="house.jpg", content_type="image/jpeg")
    storage: Any = get_storage(upload.storage)
    storage.create(upload.staging_key, ContentFile(draw()), content_type="image/jpeg", object_id=uuid4())
    return upload_complete(upload)


def attach(upload: Upload) -> None:
    with stored_image(upload, owner=upload.owner, folder="avatars") as asset, transaction.atomic():
        type(upload.owner).objects.filter(pk=upload.owner_id).update(avatar=asset)
        asset_publish(asset)


def test_the_list_shows_pictures_and_filters_by_status(staff: Client, done: Upload) -> None:
    upload_create(owner=None, original_filename="waiting.jpg", content_type="image/jpeg")
    page = staff.get(reverse(LIST)).content.decode()
    assert "house.jpg" in page
    assert "waiting.jpg" in page
    assert "<img" in page
    for status, shown in (
        ("pending", "waiting.jpg"),
        ("complete", "house.jpg"),
        ("expired", ""),
        ("nonsense", "house.jpg"),
    ):
        found = staff.get(reverse(LIST), {"status": status}).content.decode()
        assert shown in found
        assert ("house.jpg" in found) == (shown == "house.jpg")
    attach(done)
    assert "house.jpg" in staff.get(reverse(LIST), {"status": "attached"}).content.decode()


def test_the_list_costs_the_same_for_any_number(staff: Client, django_assert_max_num_queries: Any) -> None:
    for number in range(8):
        upload_create(owner=None, original_filename=f"{number}.jpg", content_type="image/jpeg")
    with django_assert_max_num_queries(8):
        staff.get(reverse(LIST))


def test_the_page_is_for_reading(staff: Client, done: Upload) -> None:
    page = staff.get(reverse("admin:media_assets_upload_change", args=[done.pk]))
    assert page.status_code == 200
    assert str(done.upload_id) in page.content.decode()
    assert 'alt="house.jpg" width="160"' in page.content.decode()
    assert "100.0\xa0MB" in page.content.decode()  # what it might have had
    assert 'name="_save"' not in page.content.decode()


def test_deleting_goes_through_the_service(staff: Client, done: Upload) -> None:
    key = MediaAsset.objects.get().key
    answer = staff.post(reverse("admin:media_assets_upload_delete", args=[done.pk]), {"post": "yes"})
    assert answer.status_code == 302
    assert not Upload.objects.exists()
    assert not MediaAsset.objects.live().exists()
    assert key not in {item.key for item in get_storage("local-private").list_objects()}


def test_an_attached_upload_cannot_be_deleted(staff: Client, done: Upload) -> None:
    attach(done)
    assert staff.post(reverse("admin:media_assets_upload_delete", args=[done.pk]), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [done.pk], "post": "yes"}
    assert staff.post(reverse(LIST), chosen).status_code == 403
    assert Upload.objects.exists()


def test_those_without_the_permission_see_nothing(make_user: Any, done: Upload) -> None:
    client = Client()
    client.force_login(make_user("clerk", is_staff=True))
    assert client.get(reverse(LIST)).status_code == 403
