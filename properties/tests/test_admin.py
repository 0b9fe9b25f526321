"""Houses in the admin: images go in by the form, one is the main one, everything goes out with a delete."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage
from properties.models import HOUSE_MODELS, PropertyImage
from properties.services import house_delete
from properties.tests.conftest import house_form, mains

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(make_user, client):
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def page_of(house, view="change"):
    return reverse(f"admin:properties_{house._meta.model_name}_{view}", args=[house.pk])


def list_of(house):
    return reverse(f"admin:properties_{house._meta.model_name}_changelist")


def form_of(house, rows=(), new=(), **fields):
    """The house's form with its images: ``rows`` are (image, fields), ``new`` fields of new ones."""
    plain = {"description": "", "bedrooms": "0", "bathrooms": "0", "area_m2": "", "is_available": "on"}
    sent = {**plain, **house_form(house.CONTENT_TYPE), **fields}
    shown = [
        {"id": row.pk, "caption": row.caption, "order": row.order, **({"is_main": "on"} if row.is_main else {}), **said}
        for row, said in rows
    ]
    for n, one in enumerate([*shown, *({"caption": "", "order": "", **said} for said in new)]):
        sent |= {f"images-{n}-{name}": value for name, value in one.items() if value is not None}
    return sent | {"images-TOTAL_FORMS": len(shown) + len(new), "images-INITIAL_FORMS": len(shown)}


def files():
    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return sorted(path for root in roots for path in root.rglob("*") if path.is_file())


@pytest.mark.parametrize("kind", HOUSE_MODELS)
def test_a_house_is_added(admin_page, owner, kind):
    model = HOUSE_MODELS[kind]
    add = reverse(f"admin:properties_{model._meta.model_name}_add")
    assert "images-TOTAL_FORMS" not in admin_page.get(add).content.decode()  # their keys hold the house's id
    plain = {"bedrooms": "2", "bathrooms": "0", "description": "", "area_m2": ""}
    assert admin_page.post(add, {**house_form(kind), **plain, "owner": owner.pk}).status_code == 302
    house = model.objects.get()
    assert (house.owner, house.bedrooms, house.is_available, house.area_m2) == (owner, 2, False, None)
    refused = admin_page.post(add, {**house_form(kind), house.AMOUNT: "0", **plain, "owner": owner.pk})
    assert list(refused.context["adminform"].form.errors) == [house.AMOUNT]


@pytest.mark.django_db(transaction=True)
def test_images_are_added_shown_changed_and_removed(admin_page, house, owner, photo):
    sent = form_of(house, new=[{"image": photo("a.jpg"), "caption": "First"}, {"image": photo("b.png", "PNG")}, {}])
    assert admin_page.post(page_of(house), sent | {"title": "Changed"}).status_code == 302
    first, second = PropertyImage.objects.of(house)
    house.refresh_from_db()
    assert (house.title, first.caption, mains(house)) == ("Changed", "First", [first.pk])
    assert [(row.order, row.image.owner, row.image.visibility) for row in (first, second)] == [
        (0, owner, "private"),
        (1, owner, "private"),
    ]
    page = admin_page.get(page_of(house)).content.decode()
    assert page.count(f"/media/private/{first.image.key}") == 2 and f"/media/private/{second.image.key}" in page
    assert "a.jpg · 64 × 48" in page
    listed = admin_page.get(list_of(house)).content.decode()
    assert f"/media/private/{first.image.key}" in listed and second.image.key not in listed
    change = form_of(house, rows=[(first, {"caption": "Hall", "order": 9}), (second, {"image": photo()})])
    assert admin_page.post(page_of(house), change).status_code == 302
    first.refresh_from_db()
    assert (first.caption, first.order, len(files())) == ("Hall", 9, 2)
    gone = form_of(house, rows=[(second, {}), (first, {"DELETE": "on"})])
    assert admin_page.post(page_of(house), gone).status_code == 302
    assert mains(house) == [second.pk]
    assert [path.name for path in files()] == [second.image.key.rpartition("/")[2]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("ticked", "main"), [("100", 0), ("010", 1), ("110", 1), ("000", 1), ("011", None), ("new", 3), ("new 010", 3)]
)
def test_whoever_is_ticked_there_is_one_main_image(admin_page, make_house, add, photo, ticked, main):
    house = make_house()
    rows = add(house, 3)
    flags = {"new": "100", "new 010": "010"}.get(ticked, ticked)
    said = [(row, {"is_main": "on" if flag == "1" else None}) for row, flag in zip(rows, flags, strict=True)]
    new = [{"image": photo(), "is_main": "on"}] if ticked.startswith("new") else []
    answer = admin_page.post(page_of(house), form_of(house, rows=said, new=new))
    assert answer.status_code == 302, answer.context["errors"]
    [found] = mains(house)
    chosen = list(PropertyImage.objects.of(house).values_list("pk", flat=True)).index(found)
    assert chosen == main if main is not None else chosen in (1, 2)


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_move(admin_page, house, photo, monkeypatch):
    seen, write = [], LocalStorage.create

    def create(*args, **kwargs):
        seen.append(connection.in_atomic_block)
        write(*args, **kwargs)

    monkeypatch.setattr(LocalStorage, "create", create)
    assert admin_page.post(page_of(house), form_of(house, new=[{"image": photo()}])).status_code == 302
    assert seen == [False]


@pytest.mark.django_db(transaction=True)
def test_what_is_refused_leaves_everything_as_it_was(admin_page, house, add, photo, monkeypatch):
    [kept] = add(house)
    before = files()
    bad = form_of(house, rows=[(kept, {"caption": "New"})], new=[{"image": photo(data=b"<svg/>")}], title="New")
    assert "images-1-image" in admin_page.post(page_of(house), bad).content.decode()
    missing = form_of(house, rows=[(kept, {})], new=[{"caption": "No file"}])
    assert "This field is required." in admin_page.post(page_of(house), missing).content.decode()
    write = LocalStorage.create

    def create(*args, **kwargs):
        write(*args, **kwargs)
        house_delete(house=house)

    house.refresh_from_db()
    assert (house.title, files()) == ("House with a garden", before)
    kept.refresh_from_db()
    assert kept.caption == ""
    monkeypatch.setattr(LocalStorage, "create", create)
    answer = admin_page.post(page_of(house), form_of(house, rows=[(kept, {})], new=[{"image": photo()}]), follow=True)
    assert "successfully" not in answer.content.decode()
    assert files() == [] and not MediaAsset.objects.live().exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bulk", [False, True])
def test_deletes_take_images_and_objects_along(admin_page, make_house, add, bulk):
    gone, kept = [make_house(), make_house()], make_house("house_for_rent")
    for house in (*gone, kept):
        add(house, 2)
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [house.pk for house in gone]}
        assert "Are you sure" in admin_page.post(list_of(gone[0]), chosen).content.decode()
        admin_page.post(list_of(gone[0]), {**chosen, "post": "yes"})
    else:
        for house in gone:
            assert "Are you sure" in admin_page.get(page_of(house, "delete")).content.decode()
            admin_page.post(page_of(house, "delete"), {"post": "yes"})
    assert len(files()) == PropertyImage.objects.of(kept).count() == PropertyImage.objects.count() == 2
    assert MediaAsset.objects.filter(state=State.TOMBSTONE).count() == 4


def test_pages_cost_the_same_however_many_there_are(admin_page, make_house, fill):
    def queries(url):
        with CaptureQueriesContext(connection) as counted:
            assert admin_page.get(url).status_code == 200
        return len(counted)

    house = make_house()
    fill(house, 1)
    admin_page.get(page_of(house))  # content types are read once
    one = queries(list_of(house)), queries(page_of(house))
    fill(house, 20)
    for _ in range(20):
        fill(make_house(), 2)
    assert (queries(list_of(house)), queries(page_of(house))) == one


def test_the_list_finds_and_filters(admin_page, make_house, people):
    attic = make_house(title="Attic", description="by the harbour", is_available=False)
    barn = make_house(title="Barn", city="Madrid", owner=people["other"])
    for query, expected in {
        "q=harbour": [attic], "q=Madrid": [barn], "q=other@example.com": [barn],
        "is_available__exact=1": [barn], "created_at__year=1999": [],
    }.items():  # fmt: skip
        found = admin_page.get(f"{list_of(attic)}?{query}").context["cl"].result_list
        assert list(found) == expected, query


def test_who_may_only_look_sees_the_pictures(make_user, client, make_house, fill, photo):
    house, clerk = make_house(), make_user("clerk", is_staff=True)
    [image] = fill(house, 1)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=("view_houseforsale", "view_propertyimage")))
    client.force_login(clerk)
    page = client.get(page_of(house)).content.decode()
    assert f"/media/private/{image.image.key}" in page and 'type="file"' not in page
    assert client.post(page_of(house), form_of(house, new=[{"image": photo()}])).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert strict.post(page_of(house), form_of(house)).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_is_done_once(admin_page, owner, photo):
    model = next(iter(HOUSE_MODELS.values()))
    plain = {"bedrooms": "2", "bathrooms": "0", "description": "", "area_m2": ""}
    add = reverse(f"admin:properties_{model._meta.model_name}_add")
    key = admin_page.get(add).context["adminform"].form["form_key"].value()
    sent = {**house_form(model.CONTENT_TYPE), **plain, "owner": owner.pk, "form_key": str(key)}
    assert [admin_page.post(add, sent).status_code for _ in range(2)] == [302, 302]
    house = model.objects.get()
    for _ in range(2):
        new = [{"image": photo("a.jpg")}]
        assert admin_page.post(page_of(house), form_of(house, new=new, form_key=str(key))).status_code == 302
    assert (PropertyImage.objects.of(house).count(), len(files())) == (1, 1)
