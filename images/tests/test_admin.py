"""The library in the admin: an image goes in by the form, is replaced, looked at and deleted with its file."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from images.models import LibraryImage
from images.services import library_image_delete
from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage

ADD, LIST = "admin:images_libraryimage_add", "admin:images_libraryimage_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(make_user, client):
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def page_of(image, view="change"):
    return reverse(f"admin:images_libraryimage_{view}", args=[image.pk])


def form(**fields):
    return {"title": "", "description": ""} | fields


def files():
    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return sorted(str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file())


def test_an_image_is_added_once(admin_page, owner, photo):
    key = admin_page.get(reverse(ADD)).context["adminform"].form["form_key"].value()
    for _ in range(2):
        sent = form(user=owner.pk, title="Sea", form_key=key, image=photo("sea.jpg"))
        assert admin_page.post(reverse(ADD), sent).status_code == 302
    image = LibraryImage.objects.get()
    assert (image.user, image.title, image.image.owner, image.image.visibility) == (owner, "Sea", owner, "private")
    assert files() == [image.image.key]
    refused = admin_page.post(reverse(ADD), form(user=owner.pk))
    assert list(refused.context["adminform"].form.errors) == ["image"]


@pytest.mark.django_db(transaction=True)
def test_it_is_shown_changed_and_replaced(admin_page, make_user, store, photo, monkeypatch):
    image, seen, write = store("sea.jpg", title="Sea"), [], LocalStorage.create
    page = admin_page.get(page_of(image)).content.decode()
    assert f"/media/private/{image.image.key}" in page and "sea.jpg · 64 × 48" in page
    assert f"/media/private/{image.image.key}" in admin_page.get(reverse(LIST)).content.decode()
    assert admin_page.post(page_of(image), form(title="Kept", user=make_user("b").pk)).status_code == 302
    before = image.image
    image.refresh_from_db()
    assert (image.title, image.image, image.user.username) == ("Kept", before, "johndoe")

    def create(*args, **kwargs):
        seen.append(connection.in_atomic_block)
        write(*args, **kwargs)

    monkeypatch.setattr(LocalStorage, "create", create)
    assert admin_page.post(page_of(image), form(title="New", image=photo("b.png", "PNG"))).status_code == 302
    image = LibraryImage.objects.get()
    assert (image.title, image.image.content_type, seen) == ("New", "image/png", [False])
    assert files() == [image.image.key] != [before.key]
    bad = admin_page.post(page_of(image), form(image=photo(data=b"<svg/>")))
    assert list(bad.context["adminform"].form.errors) == ["image"]


@pytest.mark.django_db(transaction=True)
def test_what_is_deleted_while_it_is_replaced_leaves_nothing(admin_page, store, photo, monkeypatch):
    image, write = store(), LocalStorage.create

    def create(*args, **kwargs):
        write(*args, **kwargs)
        library_image_delete(image=image)

    monkeypatch.setattr(LocalStorage, "create", create)
    answer = admin_page.post(page_of(image), form(image=photo()), follow=True)
    assert "successfully" not in answer.content.decode()
    assert (LibraryImage.objects.count(), files()) == (0, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bulk", [False, True])
def test_deletes_take_the_objects_along(admin_page, store, bulk):
    gone, kept = [store("a.jpg"), store("b.jpg")], store("kept.jpg")
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [image.pk for image in gone], "post": "yes"}
        admin_page.post(reverse(LIST), chosen)
    else:
        for image in gone:
            admin_page.post(page_of(image, "delete"), {"post": "yes"})
    assert list(LibraryImage.objects.all()) == [kept]
    assert files() == [kept.image.key]
    assert MediaAsset.objects.filter(state=State.TOMBSTONE).count() == 2


def test_the_list_finds_filters_and_costs_the_same(admin_page, store, fill):
    sea, hill = store("sea.jpg", title="Sea"), store("hill.jpg", description="Green")
    for query, expected in {
        "q=Sea": [sea], "q=Green": [hill], "q=hill.jpg": [hill], "q=johndoe@example.com": [hill, sea], "q=none": [],
        "image_state=ready": [hill, sea], "image_state=failed": [], f"user__id__exact={sea.user_id}": [hill, sea],
    }.items():  # fmt: skip
        found = admin_page.get(f"{reverse(LIST)}?{query}").context["cl"].result_list
        assert list(found) == expected, query

    def queries():
        with CaptureQueriesContext(connection) as counted:
            admin_page.get(reverse(LIST))
        return len(counted)

    two = queries()
    fill(20)
    assert queries() == two


def test_who_may_only_look_sees_the_picture(make_user, client, store, photo):
    image, clerk = store(), make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_libraryimage"))
    client.force_login(clerk)
    page = client.get(page_of(image)).content.decode()
    assert f"/media/private/{image.image.key}" in page and 'type="file"' not in page
    assert client.post(page_of(image), form(image=photo())).status_code == 403
