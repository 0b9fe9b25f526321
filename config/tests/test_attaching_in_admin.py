"""Forms of the admin that take an image offer the uploads of whoever fills them in."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from ads.models import Ad
from artworks.models import ArtWork
from images.models import LibraryImage
from media_assets.models import MediaAsset, State, Upload
from media_assets.storages import get_storage
from media_assets.storages.local import LocalStorage
from media_assets.tests.uploads import complete_upload, pending_upload, rows_like
from properties.models import HouseForSale, PropertyImage

ARTWORK = dict.fromkeys(("description", "medium", "dimensions", "tags", "image_url"), "") | {"title": "Sea"}
UPLOAD = "image-upload"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root(make_user: Any) -> Any:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def page(root: Any, client: Client) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def upload(root: Any, photo: Any) -> Upload:
    return complete_upload(photo("sea.jpg", size=(30, 20)), owner=root)


def add(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_add")


def change(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def offered(answer: Any, name: str = UPLOAD) -> list[str]:
    """The labels of the list of uploads of this name."""
    found = re.search(rf'<select name="{name}".*?</select>', answer.content.decode(), re.DOTALL)
    return re.findall(r'<option value="[^"]+"(?: selected)?>([^<]*)', found.group()) if found else []


def taken(upload: Upload) -> MediaAsset | None:
    return Upload.objects.get(pk=upload.pk).attached_asset


def test_own_complete_images_are_offered_newest_first(page: Client, root: Any, anna: Any, photo: Any) -> None:
    assert offered(page.get(add(ArtWork))) == []
    uploads = [complete_upload(photo(f"{n}.jpg"), owner=root) for n in range(3)]
    MediaAsset.objects.filter(pk=uploads[1].asset_id).update(width=None, height=None)
    complete_upload(photo("foreign.jpg"), owner=anna)
    pending_upload(owner=root)
    labels = offered(page.get(add(ArtWork)))
    assert [label.partition(" · ")[0] for label in labels] == ["2.jpg", "0.jpg"]
    assert re.fullmatch(r"2\.jpg · [\d.]+\xa0(KB|bytes) · \d{4}-\d\d-\d\d \d\d:\d\d", labels[0])


def test_fifty_are_offered_by_one_query(page: Client, anna: Any, upload: Upload) -> None:
    ad = Ad.objects.create(owner=anna, title="Bike", price=9)

    def queries() -> int:
        with CaptureQueriesContext(connection) as ran:
            page.get(change(ad))
        return sum("media_assets_upload" in query["sql"] for query in ran)

    assert queries() == 1
    rows_like(upload, 60)
    assert queries() == 1
    assert len(offered(page.get(add(ArtWork)))) == 50


def test_an_artwork_is_added_with_an_upload_whose_bytes_are_not_read(
    page: Client, anna: Any, upload: Upload, monkeypatch: Any
) -> None:
    def read(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("bytes were read")

    for name in ("open", "create"):
        monkeypatch.setattr(LocalStorage, name, read)
    answer = page.post(add(ArtWork), {**ARTWORK, "author": anna.pk, UPLOAD: str(upload.upload_id)})
    assert answer.status_code == 302, errors(answer)
    artwork = ArtWork.objects.get()
    assert artwork.image == taken(upload)
    assert (artwork.image.owner, artwork.image.key, artwork.image.width) == (anna, "artworks/sea.jpg", 30)
    assert MediaAsset.objects.get(pk=upload.asset_id).state == State.TOMBSTONE
    assert offered(page.get(add(ArtWork))) == []


def test_a_picture_is_replaced_by_an_upload(page: Client, anna: Any, photo: Any, upload: Upload) -> None:
    page.post(add(ArtWork), {**ARTWORK, "author": anna.pk, "image": photo("first.jpg")})
    artwork = ArtWork.objects.get()
    assert page.post(change(artwork), {**ARTWORK, UPLOAD: str(upload.upload_id)}).status_code == 302
    artwork.refresh_from_db()
    assert artwork.image == taken(upload) == MediaAsset.objects.live().get()
    assert [item.key for item in get_storage("local-public").list_objects()] == [artwork.image.key]
    assert page.post(change(artwork), {**ARTWORK, "title": "Other", UPLOAD: ""}).status_code == 302
    artwork.refresh_from_db()
    assert (artwork.title, artwork.image) == ("Other", taken(upload))


def test_only_one_of_file_upload_and_removal(page: Client, anna: Any, photo: Any, upload: Upload) -> None:
    chosen = {**ARTWORK, UPLOAD: str(upload.upload_id)}
    answer = page.post(add(ArtWork), {**chosen, "author": anna.pk, "image": photo()})
    assert errors(answer) == {"image": ["Choose only one of these: a file, an upload, or to remove the picture."]}
    assert len(offered(answer)) == 1 and f'value="{upload.upload_id}" selected' in answer.content.decode()
    page.post(add(ArtWork), {**ARTWORK, "author": anna.pk, "image": photo("first.jpg")})
    answer = page.post(change(ArtWork.objects.get()), {**chosen, "image-clear": "on"})
    assert list(errors(answer)) == ["image"]
    assert taken(upload) is None


def test_what_may_not_be_attached_is_refused_on_the_form(page: Client, root: Any, anna: Any, photo: Any) -> None:
    foreign, pending = complete_upload(photo(), owner=anna), pending_upload(owner=root)
    for named, message in (
        (str(foreign.upload_id), "There is no upload with this id."),
        ("nonsense", "There is no upload with this id."),
        (
            str(pending.upload_id),
            f"This upload is not complete: POST /api/uploads/{pending.upload_id}/complete/ first.",
        ),
    ):
        answer = page.post(add(ArtWork), {**ARTWORK, "author": anna.pk, UPLOAD: named})
        assert errors(answer) == {"image": [message]}
    assert not ArtWork.objects.exists() and taken(foreign) is None


def test_a_form_sent_twice_attaches_once_and_succeeds_twice(page: Client, anna: Any, upload: Upload) -> None:
    key = page.get(add(ArtWork)).context["adminform"].form["form_key"].value()
    sent = {**ARTWORK, "author": anna.pk, "form_key": key, UPLOAD: str(upload.upload_id)}
    assert [page.post(add(ArtWork), sent).status_code for _ in range(2)] == [302, 302]
    assert (ArtWork.objects.count(), MediaAsset.objects.live().count()) == (1, 1)
    answer = page.post(add(ArtWork), {**sent, "form_key": "another"})
    assert "already used" in errors(answer)["__all__"][0]
    artwork = ArtWork.objects.get()
    assert "already used" in errors(page.post(change(artwork), {**ARTWORK, UPLOAD: sent[UPLOAD]}))["__all__"][0]


def test_a_required_image_may_be_an_upload(page: Client, anna: Any, upload: Upload) -> None:
    answer = page.get(add(LibraryImage))
    assert not re.search(r'<input type="file" name="image"[^>]* required', answer.content.decode())
    form = {"user": anna.pk, "title": "", "description": ""}
    assert errors(page.post(add(LibraryImage), form)) == {"image": ["This field is required."]}
    assert page.post(add(LibraryImage), {**form, UPLOAD: str(upload.upload_id)}).status_code == 302
    image = LibraryImage.objects.get().image
    assert (image, image.visibility, image.owner) == (taken(upload), "private", anna)
    assert re.search(r'<input type="file" name="image"[^>]* required', page.get(add(LibraryImage)).content.decode())


def test_an_avatar(page: Client, anna: Any, upload: Upload) -> None:
    form = {"email": anna.email, "username": "anna", "first_name": "", "last_name": "", "is_active": "on"}
    answer = page.post(change(anna), {**form, "avatar-upload": str(upload.upload_id)})
    assert answer.status_code == 302, errors(answer)
    anna.refresh_from_db()
    assert anna.avatar == taken(upload)
    assert anna.avatar.key == f"avatars/user_{anna.pk}/sea.jpg"


def rows(*new: dict[str, Any]) -> dict[str, Any]:
    sent = {f"images-{n}-{name}": value for n, one in enumerate(new) for name, value in one.items()}
    return sent | {"images-TOTAL_FORMS": len(new), "images-INITIAL_FORMS": 0}


def test_files_and_uploads_go_into_a_gallery_together(
    page: Client, root: Any, anna: Any, photo: Any, upload: Upload
) -> None:
    ad = Ad.objects.create(owner=anna, title="Bike", price=9)
    form = {"title": "Bike", "price": "9", "description": ""}
    assert len(offered(page.get(change(ad)), "images-0-image-upload")) == 1
    chosen = {"image-upload": str(upload.upload_id), "alt_text": "Side"}
    answer = page.post(change(ad), {**form, **rows(chosen, {"image": photo("b.jpg")}, {"image-upload": ""})})
    assert answer.status_code == 302, answer.context["errors"]
    first, second = ad.images.order_by("order")
    assert (first.image, first.alt_text, second.image.key) == (taken(upload), "Side", f"ads/ad_{ad.pk}/b.jpg")
    answer = page.post(change(ad), {**form, "title": "Changed", **rows({"image-upload": str(upload.upload_id)})})
    assert "already used" in str(answer.context["errors"])
    ad.refresh_from_db()
    assert (ad.title, ad.images.count()) == ("Bike", 2)


def test_one_upload_in_two_rows_of_a_gallery_is_refused_whole(page: Client, anna: Any, upload: Upload) -> None:
    house = HouseForSale.objects.create(owner=anna, title="House", address="Calle", city="Alcalá", price=9)
    form = {"title": "House", "address": "Calle", "city": "Alcalá", "price": "9", "bedrooms": "0", "bathrooms": "0"}
    chosen = {"image-upload": str(upload.upload_id)}
    answer = page.post(change(house), {**form, "title": "Changed", **rows(chosen, chosen)})
    assert "already used" in str(answer.context["errors"])
    assert taken(upload) is None and HouseForSale.objects.get().title == "House"
    answer = page.post(change(house), {**form, **rows(chosen)})
    assert answer.status_code == 302
    image = PropertyImage.objects.get()
    assert (image.image, image.is_main, image.image.visibility) == (taken(upload), True, "private")


def test_who_may_only_look_is_offered_nothing(client: Client, make_user: Any, anna: Any, photo: Any) -> None:
    viewer = make_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_artwork"))
    complete_upload(photo(), owner=viewer)
    artwork = ArtWork.objects.create(author=anna, title="Sea")
    client.force_login(viewer)
    answer = client.get(change(artwork))
    assert answer.status_code == 200 and UPLOAD not in answer.content.decode()


def test_the_registry_shows_what_an_upload_keeps(page: Client, anna: Any, upload: Upload) -> None:
    assert upload.asset is not None
    kept = page.get(change(upload.asset)).content.decode()
    assert "upload: sea.jpg" in kept and "/discard/" not in kept
    page.post(add(ArtWork), {**ARTWORK, "author": anna.pk, UPLOAD: str(upload.upload_id)})
    shown = page.get(change(taken(upload))).content.decode()
    assert "artwork: Sea" in shown and "upload: sea.jpg" not in shown
