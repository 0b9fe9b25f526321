"""Ads in the admin: images go in by the ad's own form, all or nothing; everything goes out with a delete."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ads.image_services import image_delete
from ads.models import MAX_IMAGES, Ad, AdImage
from ads.services import ad_delete
from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage

ADD, LIST = "admin:ads_ad_add", "admin:ads_ad_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(make_user: Any, client: Client) -> Client:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


def change(ad: Ad, view: str = "change") -> str:
    return reverse(f"admin:ads_ad_{view}", args=[ad.pk])


def form(
    ad: Ad | None = None, *new: dict[str, Any], rows: dict[int, dict[str, Any]] | None = None, **fields: Any
) -> Any:
    """What the form of this ad sends: its images as they are but for ``rows`` (by id), then the new ones."""
    sent = {"title": "iPhone 15 Pro", "price": "850.00", "description": "", "is_active": "on", **fields}
    there = list(ad.images.all()) if ad else []
    forms = [
        {"id": row.pk, "ad": row.ad_id, "alt_text": row.alt_text, "order": row.order, **(rows or {}).get(row.pk, {})}
        for row in there
    ]
    for n, one in enumerate([*forms, *new]):
        sent |= {f"images-{n}-{name}": value for name, value in one.items()}
    return sent | {"images-TOTAL_FORMS": len(forms) + len(new), "images-INITIAL_FORMS": len(forms)}


def errors(answer: Any) -> list[str]:
    assert answer.status_code == 200
    return [str(error) for error in answer.context["errors"]]


def files() -> list[str]:
    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return sorted(str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file())


@contextmanager
def just_before(monkeypatch: Any, deed: Any) -> Iterator[None]:
    """Something else happens while a file is written."""
    write = LocalStorage.create

    def create(*args: Any, **kwargs: Any) -> None:
        deed()
        write(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "create", create)
        yield


def test_an_ad_is_added_and_then_takes_images(admin_page: Client, owner: Any, photo: Any) -> None:
    page = admin_page.get(reverse(ADD)).content.decode()
    assert "images-TOTAL_FORMS" not in page
    assert admin_page.post(reverse(ADD), form(owner=owner.pk, description="New")).url == reverse(LIST)
    ad = Ad.objects.get()
    assert (ad.owner, str(ad.price), ad.is_active, ad.is_sold) == (owner, "850.00", True, False)
    page = admin_page.get(change(ad)).content.decode()
    assert 'enctype="multipart/form-data"' in page and 'name="images-0-image"' in page
    new = [{"image": photo("Front View.JPG"), "alt_text": "Front"}, {"image": photo("b.png", "PNG"), "order": "9"}]
    answer = admin_page.post(change(ad), form(ad, *new, {"alt_text": "", "order": ""}, title="Changed"))
    assert answer.url == reverse(LIST)
    ad.refresh_from_db()
    assert ad.title == "Changed"
    assert list(ad.images.values_list("alt_text", "order")) == [("Front", 0), ("", 9)]
    assert files() == [f"ads/ad_{ad.pk}/Front_View.jpg", f"ads/ad_{ad.pk}/b.png"]
    assert set(MediaAsset.objects.values_list("owner", "state")) == {(owner.pk, State.READY)}
    page = admin_page.get(change(ad)).content.decode()
    assert page.count(f"/media/ads/ad_{ad.pk}/") == 4  # each picture and its link
    assert page.count('type="file"') == 2  # for a new image, and in the template of one
    assert [entry.get_change_message() for entry in LogEntry.objects.order_by("pk")] == [
        "Added.",
        f"Changed Title and Description. Added image “Front”. Added image “Image {ad.images.last().pk}”.",
    ]


@pytest.mark.django_db(transaction=True)
def test_images_are_changed_deleted_and_added_at_once(
    admin_page: Client, ad: Ad, add_image: Any, photo: Any, owner: Any
) -> None:
    a, b, c = (add_image(ad, f"{name}.jpg") for name in "abc")
    rows = {a.pk: {"order": 5, "alt_text": "New"}, b.pk: {"DELETE": "on"}, c.pk: {"image": photo("forged.jpg")}}
    answer = admin_page.post(change(ad), form(ad, {"image": photo("d.jpg")}, rows=rows, owner=99, is_sold="on"))
    assert answer.url == reverse(LIST)
    ad.refresh_from_db()
    assert (ad.owner, ad.is_sold) == (owner, True)
    shown = [(image.image.key.rpartition("/")[2], image.order, image.alt_text) for image in ad.images.all()]
    assert shown == [("c.jpg", 2, ""), ("a.jpg", 5, "New"), ("d.jpg", 6, "")]
    assert files() == [f"ads/ad_{ad.pk}/{name}.jpg" for name in "acd"]
    before = ad.updated_at
    admin_page.post(change(ad), form(ad, is_sold="on"))
    ad.refresh_from_db()
    assert ad.updated_at == before  # nothing changed


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ({"alt_text": "No file"}, "This field is required."),
        ({"data": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}, "SVG"),
        ({"data": b""}, "empty"),
        ({"order": "32768"}, "32767"),
        ({"order": "-1"}, "0"),
        ({"alt_text": "x" * 256}, "255"),
    ],
)
def test_a_bad_image_is_an_error_on_its_row(
    admin_page: Client, ad: Ad, add_image: Any, photo: Any, new: dict[str, Any], message: str
) -> None:
    kept = add_image(ad)
    if "data" in new or "order" in new or len(new.get("alt_text", "")) > 9:
        new = {"image": photo(data=new.pop("data", None)), **new}
    good = {"image": photo("good.jpg")}
    answer = admin_page.post(change(ad), form(ad, good, new, rows={kept.pk: {"DELETE": "on"}}, title="Typed"))
    assert any(message in error for error in errors(answer)), errors(answer)
    assert 'value="Typed"' in answer.content.decode()
    assert (Ad.objects.get().title, files()) == ("iPhone 15 Pro", [kept.image.key])


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "1e400", "0.001", ""])
def test_a_bad_price_is_an_error_on_its_field(admin_page: Client, ad: Ad, owner: Any, price: str) -> None:
    assert errors(admin_page.post(change(ad), form(ad, price=price)))
    assert errors(admin_page.post(reverse(ADD), form(owner=owner.pk, price=price)))
    assert str(Ad.objects.get().price) == "850.00"


def test_a_failing_storage_saves_nothing(admin_page: Client, ad: Ad, photo: Any, monkeypatch: Any) -> None:
    """The second of two files cannot be written."""
    write, seen = LocalStorage.create, []

    def create(*args: Any, **kwargs: Any) -> None:
        seen.append(args)
        write(*args, **kwargs)
        if len(seen) == 2:
            raise OSError(28, "No space left on device")

    from media_assets.errors import StorageUnavailable

    def failing(*args: Any, **kwargs: Any) -> None:
        try:
            create(*args, **kwargs)
        except OSError as error:
            raise StorageUnavailable from error

    monkeypatch.setattr(LocalStorage, "create", failing)
    new = [{"image": photo("a.jpg")}, {"image": photo("b.jpg")}]
    answer = admin_page.post(change(ad), form(ad, *new, title="Typed"))
    assert any("not available at the moment" in error for error in errors(answer))
    assert "successfully" not in answer.content.decode()
    assert (Ad.objects.get().title, AdImage.objects.count()) == ("iPhone 15 Pro", 0)
    assert not MediaAsset.objects.live().exists()


def test_the_limit_is_an_error_on_the_form(admin_page: Client, fill: Any, photo: Any) -> None:
    (ad,) = fill(1, MAX_IMAGES)
    answer = admin_page.post(change(ad), form(ad, {"image": photo()}))
    assert any(f"at most {MAX_IMAGES} images" in error for error in errors(answer))
    first = ad.images.first().pk
    assert admin_page.post(change(ad), form(ad, {"image": photo()}, rows={first: {"DELETE": "on"}})).status_code == 302
    assert ad.images.count() == MAX_IMAGES


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_move(admin_page: Client, ad: Ad, photo: Any, monkeypatch: Any) -> None:
    seen: list[bool] = []
    with just_before(monkeypatch, lambda: seen.append(connection.in_atomic_block)):
        admin_page.post(change(ad), form(ad, {"image": photo()}, {"image": photo()}))
    assert (seen, ad.images.count()) == ([False, False], 2)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("what", ["ad", "image"])
def test_what_is_deleted_meanwhile_leaves_nothing(
    admin_page: Client, ad: Ad, add_image: Any, photo: Any, monkeypatch: Any, what: str
) -> None:
    image = add_image(ad)
    deeds = {
        "ad": lambda: ad_delete(ad_id=ad.pk),
        "image": lambda: image_delete(ad_id=ad.pk, image_id=image.pk),
    }
    sent = form(ad, {"image": photo("new.jpg")}, rows={image.pk: {"alt_text": "late"}}, title="Typed")
    with just_before(monkeypatch, deeds[what]):
        answer = admin_page.post(change(ad), sent, follow=True)
    page = answer.content.decode()
    assert ("Perhaps it was deleted?" if what == "ad" else "was deleted meanwhile") in page
    assert "successfully" not in page
    assert (Ad.objects.count(), AdImage.objects.count(), files()) == (what == "image", 0, [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bulk", [False, True])
def test_deletes_take_the_objects_along(admin_page: Client, make_ad: Any, add_image: Any, bulk: bool) -> None:
    gone, kept = [make_ad(), make_ad()], add_image(make_ad())
    for ad in gone:
        add_image(ad), add_image(ad)
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [ad.pk for ad in gone]}
        assert "Are you sure" in admin_page.post(reverse(LIST), chosen).content.decode()
        admin_page.post(reverse(LIST), {**chosen, "post": "yes"})
    else:
        for ad in gone:
            assert "Are you sure" in admin_page.get(change(ad, "delete")).content.decode()
            admin_page.post(change(ad, "delete"), {"post": "yes"})
    assert (list(Ad.objects.all()), files()) == ([kept.ad], [kept.image.key])


def test_many_are_marked_as_sold_at_once(admin_page: Client, make_ad: Any) -> None:
    ads = [make_ad(is_sold=sold) for sold in (False, True, False, False)]
    chosen = {"action": "mark_as_sold", "_selected_action": [ad.pk for ad in ads[:3]]}
    page = admin_page.post(reverse(LIST), chosen, follow=True).content.decode()
    assert "2 ads were marked as sold." in page
    assert list(Ad.objects.order_by("pk").values_list("is_sold", flat=True)) == [True, True, True, False]


def test_who_may_only_look_changes_nothing(make_user: Any, client: Client, ad: Ad, add_image: Any, photo: Any) -> None:
    image, clerk = add_image(ad), make_user("clerk", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=("view_ad", "view_adimage")))
    client.force_login(clerk)
    page = client.get(change(ad)).content.decode()
    assert f"/media/{image.image.key}" in page and 'type="file"' not in page
    assert client.post(change(ad), form(ad, {"image": photo()})).status_code == 403
    client.post(reverse(LIST), {"action": "mark_as_sold", "_selected_action": [ad.pk]})
    assert not Ad.objects.get().is_sold
    clerk.user_permissions.add(Permission.objects.get(codename="change_ad"))
    rows = {image.pk: {"alt_text": "forged", "DELETE": "on"}}
    assert client.post(change(ad), form(ad, {"image": photo()}, rows=rows, title="Changed")).status_code == 302
    assert (Ad.objects.get().title, AdImage.objects.get().alt_text, len(files())) == ("Changed", "", 1)


def test_the_list_costs_the_same_at_1_and_20_ads(admin_page: Client, make_ad: Any, add_image: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            answer = admin_page.get(reverse(LIST))
        shown = answer.content.decode()
        assert shown.count("/media/ads/") == Ad.objects.count() and "second" not in shown
        return len(counted)

    costs = []
    for count in (1, 19):
        for _ in range(count):
            ad = make_ad()
            add_image(ad, "second.jpg", order=2), add_image(ad, "first.jpg", order=1)
        costs.append(queries())
    assert costs[0] == costs[1]


def test_ads_are_found_and_owners_completed(admin_page: Client, make_ad: Any, make_user: Any) -> None:
    make_ad(title="Lamp", owner=make_user("zoe")), make_ad(title="Desk", is_sold=True)
    for query, found in {
        "q=lamp": ["Lamp"],
        "q=zoe": ["Lamp"],
        "q=%00": ["Desk", "Lamp"],
        "is_sold__exact=1": ["Desk"],
    }.items():
        page = admin_page.get(f"{reverse(LIST)}?{query}")
        assert [ad.title for ad in page.context["cl"].result_list] == found, query
    where = {"app_label": "ads", "model_name": "ad", "field_name": "owner", "term": "zoe"}
    assert len(admin_page.get(reverse("admin:autocomplete"), where).json()["results"]) == 1


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_twice_is_done_once(admin_page: Client, owner: Any, photo: Any) -> None:
    """While the first is still being saved, and after that."""
    again = Client()
    again.cookies = admin_page.cookies
    sent = form(owner=owner.pk, form_key=shown_key(admin_page.get(reverse(ADD))))
    assert [admin_page.post(reverse(ADD), sent).url for _ in range(2)] == [reverse(LIST)] * 2
    ad = Ad.objects.get()
    key = shown_key(admin_page.get(change(ad)))

    def save(client: Client) -> Any:
        return client.post(change(ad), form(ad, {"image": photo("a.jpg")}, form_key=key))

    first = form(ad, {"image": photo("a.jpg")}, form_key=key)
    monkeypatch, said = pytest.MonkeyPatch(), []
    with just_before(monkeypatch, lambda: said.extend(errors(save(again)))):
        assert admin_page.post(change(ad), first).url == reverse(LIST)
    assert any("being saved already" in error for error in said)
    assert (ad.images.count(), files()) == (1, [f"ads/ad_{ad.pk}/a.jpg"])


@pytest.mark.django_db(transaction=True)
def test_new_images_of_a_form_sent_again_are_not_added_again(admin_page: Client, ad: Ad, photo: Any) -> None:
    key = shown_key(admin_page.get(change(ad)))
    for _ in range(2):
        sent = form(None, {"image": photo("a.jpg")}, form_key=key)
        assert admin_page.post(change(ad), sent).url == reverse(LIST)
    assert (ad.images.count(), len(files())) == (1, 1)
    admin_page.post(change(ad), form(None, {"image": photo("b.jpg")}, form_key=key))
    assert ad.images.count() == 2  # another picture is another form


def shown_key(answer: Any) -> str:
    """The hidden key of the form that this page shows."""
    key: str = re.findall(r'<input type="hidden" name="form_key" value="([^"]+)"', answer.content.decode())[0]
    return key
