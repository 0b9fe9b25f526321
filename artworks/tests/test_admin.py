"""Artworks, likes and reviews in the admin: an image goes in by the form, everything goes out with a delete."""

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

from artworks import admin as admin_module
from artworks.models import ArtWork, ArtWorkTag, Like, Review
from artworks.services import artwork_create, artwork_delete, like_add, review_create
from media_assets.admin.saving import CONFLICT
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.storages.local import LocalStorage
from users.models import User
from users.services import user_delete

ADD, LIST = "admin:artworks_artwork_add", "admin:artworks_artwork_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(make_user: Any, client: Client) -> Client:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def anna(make_user: Any) -> Any:
    return make_user("anna")


@pytest.fixture
def make_artwork(anna: Any, photo: Any) -> Any:
    def make(title: str = "Sea", *, name: str | None = "sea.jpg", **fields: Any) -> ArtWork:
        image = name and ImageUploadField().run_validation(photo(name))
        return artwork_create(author=anna, title=title, image=image or None, **fields)

    return make


def change(artwork: ArtWork | Review, view: str = "change") -> str:
    return reverse(f"admin:artworks_{artwork._meta.model_name}_{view}", args=[artwork.pk])


def form(**fields: Any) -> dict[str, Any]:
    return {**dict.fromkeys(("description", "medium", "dimensions", "tags", "image_url"), ""), "title": "Sea"} | fields


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def files() -> list[str]:
    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return sorted(str(path.relative_to(root)) for root in roots for path in root.rglob("*") if path.is_file())


@contextmanager
def just_before(monkeypatch: Any, deed: Any) -> Iterator[None]:
    """Something else happens while the file is written."""
    write = LocalStorage.create

    def create(*args: Any, **kwargs: Any) -> None:
        deed()
        write(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "create", create)
        yield


def test_an_artwork_is_added_with_its_image(admin_page: Client, anna: Any, photo: Any) -> None:
    page = admin_page.get(reverse(ADD)).content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert 'accept="image/jpeg,image/png,image/webp,image/gif,image/heic,image/heif,image/avif"' in page
    sent = form(author=anna.pk, tags=" Sea, oil,sea", image=photo("Sea View.JPG"))
    answer = admin_page.post(reverse(ADD), sent)
    artwork = ArtWork.objects.get()
    assert answer.url == reverse(LIST)
    assert (artwork.author, artwork.image.owner, artwork.image.state) == (anna, anna, State.READY)
    assert artwork.tags == "Sea,oil"
    assert set(artwork.tag_rows.values_list("tag", flat=True)) == {"sea", "oil"}
    assert files() == ["artworks/Sea_View.jpg"]
    assert LogEntry.objects.get().object_id == str(artwork.pk)


def test_a_form_sent_twice_makes_one_artwork(admin_page: Client, anna: Any, photo: Any) -> None:
    key = admin_page.get(reverse(ADD)).context["adminform"].form["form_key"].value()
    for _ in range(2):
        answer = admin_page.post(reverse(ADD), form(author=anna.pk, form_key=key, image=photo()))
        assert answer.url == reverse(LIST)
    assert (ArtWork.objects.count(), MediaAsset.objects.count(), len(files())) == (1, 1, 1)
    admin_page.post(reverse(ADD), form(author=anna.pk, form_key=key, title="Another", image=photo()))
    assert ArtWork.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_again_while_it_is_being_saved(admin_page: Client, anna: Any, photo: Any, monkeypatch: Any) -> None:
    key = admin_page.get(reverse(ADD)).context["adminform"].form["form_key"].value()
    again = Client()
    again.cookies = admin_page.cookies

    def send_again() -> None:
        answer = again.post(reverse(ADD), form(author=anna.pk, form_key=key, image=photo()))
        assert "being saved already" in errors(answer)["__all__"][0]

    with just_before(monkeypatch, send_again):
        answer = admin_page.post(reverse(ADD), form(author=anna.pk, form_key=key, image=photo()))
    assert answer.url == reverse(LIST)
    assert (ArtWork.objects.count(), len(files())) == (1, 1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("twice", [False, True])
def test_replacing_discards_what_was_there(admin_page: Client, make_artwork: Any, photo: Any, twice: bool) -> None:
    artwork = make_artwork(tags="old")
    page = admin_page.get(change(artwork)).content.decode()
    assert f"/media/{artwork.image.key}" in page
    assert "sea.jpg · 64 × 48" in page
    for _ in range(1 + twice):
        answer = admin_page.post(change(artwork), form(tags="new", image=photo("b.png", fmt="PNG")))
        assert answer.url == reverse(LIST)
    artwork.refresh_from_db()
    assert files() == [artwork.image.key]
    assert artwork.image.content_type == "image/png"
    assert list(artwork.tag_rows.values_list("tag", flat=True)) == ["new"]
    assert MediaAsset.objects.filter(state=State.TOMBSTONE).count() == 1 + twice


@pytest.mark.django_db(transaction=True)
def test_removing_and_keeping(admin_page: Client, make_artwork: Any, photo: Any) -> None:
    artwork = make_artwork()
    admin_page.post(change(artwork), form(title="Kept"))
    artwork.refresh_from_db()
    assert (artwork.title, files()) == ("Kept", ["artworks/sea.jpg"])
    both = admin_page.post(change(artwork), form(**{"image": photo(), "image-clear": "on"}))
    assert errors(both)["image"] == ["Please either submit a file or check the clear checkbox, not both."]
    admin_page.post(change(artwork), form(**{"image-clear": "on"}))
    artwork.refresh_from_db()
    assert (artwork.image, files()) == (None, [])
    admin_page.post(change(artwork), form(**{"image-clear": "on"}))
    assert MediaAsset.objects.get().state == State.TOMBSTONE


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"MZ" + b"\0" * 200, "JPEG, PNG, WebP, GIF, HEIC or AVIF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 40, "JPEG"),
        (b"\xff" * 2048, "at most 1024"),
    ],
)
@pytest.mark.parametrize("add", [True, False])
def test_a_bad_image_is_an_error_on_its_field(
    admin_page: Client, make_artwork: Any, photo: Any, settings: Any, data: bytes, message: str, add: bool
) -> None:
    artwork = make_artwork()
    settings.MEDIA_MAX_SIZE_BYTES = 1024
    sent = form(title="Typed", author=artwork.author_id, image=photo(data=data))
    answer = admin_page.post(reverse(ADD) if add else change(artwork), sent)
    found = errors(answer)
    assert list(found) == ["image"]
    assert message in found["image"][0]
    assert 'value="Typed"' in answer.content.decode()
    assert (ArtWork.objects.get().title, files()) == ("Sea", ["artworks/sea.jpg"])


@pytest.mark.parametrize("add", [True, False])
def test_a_failing_storage_is_an_error_on_the_form(
    admin_page: Client, make_artwork: Any, photo: Any, settings: Any, add: bool
) -> None:
    artwork = make_artwork(name=None)
    Path(settings.MEDIA_ROOT).parent.mkdir(exist_ok=True)
    Path(settings.MEDIA_ROOT).write_text("a file where the folder should be")
    try:
        sent = form(title="Typed", author=artwork.author_id, image=photo())
        answer = admin_page.post(reverse(ADD) if add else change(artwork), sent)
        assert "not available at the moment" in errors(answer)["image"][0]
        assert 'value="Typed"' in answer.content.decode()
        assert "successfully" not in answer.content.decode()
        assert ArtWork.objects.get().title == "Sea"
        assert not MediaAsset.objects.live().exists()
        removed = admin_page.post(change(artwork), form(title="Without a file"))
        assert removed.url == reverse(LIST)
    finally:
        Path(settings.MEDIA_ROOT).unlink()


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_bytes_move(
    admin_page: Client, make_artwork: Any, photo: Any, monkeypatch: Any
) -> None:
    artwork, seen = make_artwork(), []

    def look() -> None:
        seen.append((connection.in_atomic_block, list(MediaAsset.objects.filter(state=State.RESERVED))))

    with just_before(monkeypatch, look):
        admin_page.post(change(artwork), form(image=photo()))
        admin_page.post(reverse(ADD), form(author=artwork.author_id, image=photo()))
    assert [(atomic, len(reserved)) for atomic, reserved in seen] == [(False, 1), (False, 1)]


@pytest.mark.django_db(transaction=True)
def test_an_artwork_deleted_meanwhile_leaves_nothing(
    admin_page: Client, make_artwork: Any, photo: Any, monkeypatch: Any
) -> None:
    artwork = make_artwork()
    with just_before(monkeypatch, lambda: artwork_delete(artwork_id=artwork.pk)):
        answer = admin_page.post(change(artwork), form(image=photo("new.jpg")), follow=True)
    page = answer.content.decode()
    assert "Perhaps it was deleted?" in page
    assert "successfully" not in page
    assert (ArtWork.objects.count(), files()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_an_author_erased_meanwhile_leaves_nothing(admin_page: Client, anna: Any, photo: Any, monkeypatch: Any) -> None:
    with just_before(monkeypatch, lambda: user_delete(user=anna)):
        answer = admin_page.post(reverse(ADD), form(author=anna.pk, image=photo()))
    assert "author" in errors(answer)
    assert "successfully" not in answer.content.decode()
    assert (ArtWork.objects.count(), files()) == (0, [])


@pytest.mark.django_db(transaction=True)
def test_counts_that_move_while_bytes_move_are_kept(
    admin_page: Client, make_artwork: Any, make_user: Any, photo: Any, monkeypatch: Any
) -> None:
    artwork, fan = make_artwork(), make_user("fan")
    with just_before(monkeypatch, lambda: like_add(user=fan, artwork_id=artwork.pk)):
        sent = form(title="New", image=photo(), likes_count=99, author=fan.pk)
        assert admin_page.post(change(artwork), sent).status_code == 302
    artwork.refresh_from_db()
    assert (artwork.title, artwork.likes_count, artwork.author.username) == ("New", 1, "anna")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bulk", [False, True])
def test_deletes_take_the_objects_along(
    admin_page: Client, make_artwork: Any, make_user: Any, bulk: bool, settings: Any
) -> None:
    settings.MEDIA_DEFAULT_VISIBILITY = "private"
    gone, kept = [make_artwork(name=f"{n}.jpg", tags="x") for n in "ab"], make_artwork("Kept", name="kept.jpg")
    for artwork in gone:
        review_create(author=make_user(f"r{artwork.pk}"), artwork_id=artwork.pk, rating=3)
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [artwork.pk for artwork in gone]}
        assert "Are you sure" in admin_page.post(reverse(LIST), chosen).content.decode()
        admin_page.post(reverse(LIST), {**chosen, "post": "yes"})
    else:
        for artwork in gone:
            assert "Are you sure" in admin_page.get(change(artwork, "delete")).content.decode()
            admin_page.post(change(artwork, "delete"), {"post": "yes"})
    assert list(ArtWork.objects.all()) == [kept]
    assert files() == [kept.image.key]
    assert not (Review.objects.exists() or ArtWorkTag.objects.exists())


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize(("model", "count"), [(Like, "likes_count"), (Review, "reviews_count")])
def test_deleting_likes_and_reviews_keeps_the_counts(
    admin_page: Client, make_artwork: Any, make_user: Any, model: Any, count: str, bulk: bool
) -> None:
    artwork = make_artwork(name=None)
    for name in ("ben", "cleo", "dora"):
        like_add(user=make_user(name), artwork_id=artwork.pk)
        review_create(author=make_user(f"{name}2"), artwork_id=artwork.pk, rating=4)
    rows = list(model.objects.all()[:2])
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"}
        admin_page.post(reverse(f"admin:artworks_{model._meta.model_name}_changelist"), chosen)
    else:
        for row in rows:
            admin_page.post(change(row, "delete"), {"post": "yes"})
    artwork.refresh_from_db()
    assert model.objects.count() == getattr(artwork, count) == 1
    assert {artwork.likes_count, artwork.reviews_count} == {1, 3}


def test_reviews_are_written_once_and_changed(admin_page: Client, make_artwork: Any, make_user: Any) -> None:
    artwork, ben = make_artwork(name=None), make_user("ben")
    add, sent = reverse("admin:artworks_review_add"), {"artwork": artwork.pk, "author": ben.pk, "rating": 5, "text": ""}
    assert admin_page.post(add, sent | {"rating": 6}).context["errors"]
    assert admin_page.post(add, sent).status_code == 302
    assert "already exists" in str(errors(admin_page.post(add, sent)))
    review = Review.objects.get()
    changes = {"rating": 2, "text": "Hm", "author": artwork.author_id}
    assert admin_page.post(change(review), changes).status_code == 302
    review.refresh_from_db()
    artwork.refresh_from_db()
    assert (review.rating, review.text, review.author, artwork.reviews_count) == (2, "Hm", ben, 1)


def test_a_review_that_loses_a_race_is_an_error_on_the_form(
    admin_page: Client, make_artwork: Any, make_user: Any, monkeypatch: Any
) -> None:
    """Another request writes the same review after this one was validated."""
    artwork, ben = make_artwork(name=None), make_user("ben")

    def late(**fields: Any) -> Review:
        monkeypatch.undo()
        review_create(**fields)
        return review_create(**fields)

    monkeypatch.setattr(admin_module, "review_create", late)
    sent = {"artwork": artwork.pk, "author": ben.pk, "rating": 5, "text": "kept"}
    answer = admin_page.post(reverse("admin:artworks_review_add"), sent)
    assert errors(answer)["__all__"] == ["You have already reviewed this artwork."]
    assert "kept" in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_called_saved_when_the_commit_fails(
    admin_page: Client, make_artwork: Any, make_user: Any, monkeypatch: Any
) -> None:
    artwork, ben = make_artwork(name=None), make_user("ben")

    def orphaned(**fields: Any) -> Review:
        review = review_create(**fields)
        User.objects.filter(pk=ben.pk)._raw_delete("default")
        return review

    monkeypatch.setattr(admin_module, "review_create", orphaned)
    sent = {"artwork": artwork.pk, "author": ben.pk, "rating": 5, "text": "kept"}
    answer = admin_page.post(reverse("admin:artworks_review_add"), sent)
    assert errors(answer)["__all__"] == [CONFLICT]
    assert "successfully" not in answer.content.decode()
    assert not Review.objects.exists()


def test_likes_are_only_looked_at(admin_page: Client, make_artwork: Any, anna: Any) -> None:
    artwork = make_artwork(name=None)
    like_add(user=anna, artwork_id=artwork.pk)
    assert admin_page.get(reverse("admin:artworks_like_add")).status_code == 403
    assert admin_page.post(change(Like.objects.get()), {"user": 1}).status_code == 403
    assert "anna@example.com" in admin_page.get(change(Like.objects.get())).content.decode()


@pytest.mark.parametrize("model", ["artwork", "review", "like"])
def test_a_list_costs_the_same_at_1_and_20_rows(
    admin_page: Client, make_artwork: Any, make_user: Any, model: str
) -> None:
    def fill(number: int) -> None:
        artwork, fan = make_artwork(f"Work {number}"), make_user(f"fan{number}")
        like_add(user=fan, artwork_id=artwork.pk)
        review_create(author=fan, artwork_id=artwork.pk, rating=3, text="x" * 200)

    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            answer = admin_page.get(reverse(f"admin:artworks_{model}_changelist"))
        assert "Work 0" in answer.content.decode()
        return len(counted)

    fill(0)
    one = queries()
    for number in range(1, 20):
        fill(number)
    assert queries() == one


def test_the_list_shows_pictures_and_finds_artworks(admin_page: Client, make_artwork: Any) -> None:
    sea, bare = make_artwork("Sea", tags="blue,oil", medium="Ink"), make_artwork("Bare", name=None)
    page = admin_page.get(reverse(LIST)).content.decode()
    assert f'/media/{sea.image.key}" alt="Sea"' in page
    for query, expected in {
        "q=blue": [sea], "q=Ink": [sea], "q=anna@example.com": [bare, sea], "q=Bar": [bare],
        "image_state=none": [bare], "image_state=ready": [sea], "image_state=failed": [], "image_state=?": [bare, sea],
        f"author__id__exact={sea.author_id}": [bare, sea], "created_at__year=1999": [],
    }.items():  # fmt: skip
        found = admin_page.get(f"{reverse(LIST)}?{query}").context["cl"].result_list
        assert list(found) == expected, query


def test_the_page_leads_to_what_belongs_to_the_artwork(admin_page: Client, make_artwork: Any, anna: Any) -> None:
    artwork = make_artwork()
    like_add(user=anna, artwork_id=artwork.pk)
    page = admin_page.get(change(artwork)).content.decode()
    likes = f"{reverse('admin:artworks_like_changelist')}?artwork__id__exact={artwork.pk}"
    assert f'href="{likes}"' in page
    assert len(admin_page.get(likes).context["cl"].result_list) == 1


def test_who_may_only_look_sees_the_picture(make_user: Any, client: Client, make_artwork: Any, photo: Any) -> None:
    artwork, clerk = make_artwork(), make_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_artwork"))
    client.force_login(clerk)
    page = client.get(change(artwork)).content.decode()
    assert f"/media/{artwork.image.key}" in page
    assert 'type="file"' not in page
    assert "image-clear" not in page
    assert client.post(change(artwork), form(image=photo())).status_code == 403
    assert client.post(reverse(ADD), form(image=photo())).status_code == 403


def test_forged_forms_are_refused(make_user: Any, make_artwork: Any, photo: Any) -> None:
    strict, artwork = Client(enforce_csrf_checks=True), make_artwork()
    strict.force_login(make_user("root", is_staff=True, is_superuser=True))
    assert strict.post(change(artwork), form(image=photo())).status_code == 403
    assert strict.post(reverse(ADD), form(author=artwork.author_id)).status_code == 403


def test_autocomplete_takes_any_text(admin_page: Client, make_artwork: Any) -> None:
    make_artwork(name=None)
    where = {"app_label": "artworks", "model_name": "review", "field_name": "artwork"}
    for term, expected in (("Se", ["Sea"]), ("\0Se", ["Sea"]), ("\0other", [])):
        found = admin_page.get(reverse("admin:autocomplete"), {**where, "term": term}).json()["results"]
        assert [one["text"] for one in found] == expected
