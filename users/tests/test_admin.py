"""Users in the admin: sign-in by e-mail, an avatar by the form, and an erasure that leaves nothing."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from artworks.models import ArtWork
from artworks.services import artwork_create, like_add, review_create
from media_assets.admin.saving import CONFLICT
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.services import asset_publish, stored_image
from media_assets.storages.local import LocalStorage
from users import admin as users_admin
from users.models import User
from users.passwords import password_change
from users.services import user_update
from users.tokens import token_pair

ADD, LIST = "admin:users_user_add", "admin:users_user_changelist"
PASSWORDS = {"usable_password": "true", "password1": "Long-enough-1", "password2": "Long-enough-1"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def root(make_user: Any) -> Any:
    return make_user("root", is_staff=True, is_superuser=True)


@pytest.fixture
def admin_page(root: Any, client: Client) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def clerk_page(make_user: Any) -> Client:
    """Of somebody on the staff who may do everything with users, but is no superuser."""
    clerk, page = make_user("clerk", is_staff=True), Client()
    clerk.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    page.force_login(clerk)
    return page


def change(user: Any, view: str = "change") -> str:
    return reverse(f"admin:users_user_{view}", args=[user.pk])


def form(user: Any, **fields: Any) -> dict[str, Any]:
    known = {name: getattr(user, name) for name in ("email", "username", "first_name", "last_name")}
    return {**known, "is_active": "on"} | fields


def errors(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def files() -> list[str]:
    root = Path(settings.MEDIA_ROOT)
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def image(photo: Any, name: str = "me.jpg") -> Any:
    return ImageUploadField().run_validation(photo(name))


def test_signing_in_takes_the_email_in_any_case(root: Any, client: Client) -> None:
    sent = {"username": "Root@Example.com", "password": "Pass-word-1", "next": "/admin/"}
    assert client.post(reverse("admin:login"), sent).url == "/admin/"


def test_a_user_is_added_by_email(admin_page: Client) -> None:
    page = admin_page.get(reverse(ADD)).content.decode()
    assert 'name="email"' in page
    assert 'type="file"' not in page
    answer = admin_page.post(reverse(ADD), {"email": "Anna@Example.com", "username": "Anna", **PASSWORDS})
    anna = User.objects.get(email="anna@example.com")
    assert answer.url == change(anna)
    assert anna.check_password("Long-enough-1")
    assert not anna.is_staff


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"email": "ROOT@example.com"}, "email"),
        ({"username": "ROOT"}, "username"),
        ({"username": "ｒoot"}, "username"),
        ({"email": "none"}, "email"),
        ({"username": "two words"}, "username"),
        ({"password2": "Other-enough-1"}, "password2"),
    ],
)
def test_a_bad_new_user_is_refused(admin_page: Client, fields: dict[str, str], field: str) -> None:
    sent = {"email": "anna@example.com", "username": "anna", **PASSWORDS} | fields
    assert list(errors(admin_page.post(reverse(ADD), sent))) == [field]
    assert User.objects.count() == 1


def test_a_new_user_that_loses_a_race_is_an_error_on_the_form(
    admin_page: Client, make_user: Any, monkeypatch: Any
) -> None:
    """Another request takes the name after this one was validated; a forged file changes nothing."""
    save = users_admin.DjangoUserAdmin.save_model

    def late(*args: Any) -> None:
        monkeypatch.undo()
        make_user("anna")
        save(*args)

    monkeypatch.setattr(users_admin.DjangoUserAdmin, "save_model", late)
    answer = admin_page.post(reverse(ADD), {"email": "b@example.com", "username": "ANNA", **PASSWORDS, "avatar": ""})
    assert errors(answer)["__all__"] == [CONFLICT]
    assert not User.objects.filter(email="b@example.com").exists()


@pytest.mark.django_db(transaction=True)
def test_an_avatar_is_uploaded_replaced_and_removed(admin_page: Client, make_user: Any, photo: Any) -> None:
    anna, staff = make_user("anna"), Group.objects.create(name="Curators")
    assert 'type="file"' in admin_page.get(change(anna)).content.decode()
    sent = form(anna, first_name="Anna", username="Änna", groups=[staff.pk], avatar=photo("me.jpg"))
    assert admin_page.post(change(anna), sent).url == reverse(LIST)
    anna.refresh_from_db()
    assert (anna.first_name, anna.username_key, list(anna.groups.all())) == ("Anna", "änna", [staff])
    assert (anna.avatar.owner, anna.avatar.state) == (anna, State.READY)
    assert files() == [f"avatars/user_{anna.pk}/me.jpg"]
    assert f"/media/{anna.avatar.key}" in admin_page.get(change(anna)).content.decode()
    assert anna.check_password("Pass-word-1")
    admin_page.post(change(anna), form(anna, avatar=photo("new.jpg")))
    assert files() == [f"avatars/user_{anna.pk}/new.jpg"]
    admin_page.post(change(anna), form(anna, **{"avatar-clear": "on"}))
    anna.refresh_from_db()
    assert (anna.avatar, files()) == (None, [])


def test_a_bad_avatar_is_an_error_on_its_field(admin_page: Client, make_user: Any, photo: Any) -> None:
    anna = make_user("anna")
    answer = admin_page.post(change(anna), form(anna, last_name="Typed", avatar=photo(data=b"<svg/>")))
    assert "SVG" in errors(answer)["avatar"][0]
    assert 'value="Typed"' in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_what_changes_while_bytes_move(admin_page: Client, make_user: Any, photo: Any, monkeypatch: Any) -> None:
    """No transaction is open; a password changed meanwhile stays changed, a name taken meanwhile is refused."""
    anna, write, deeds = make_user("anna"), LocalStorage.create, []

    def create(*args: Any, **kwargs: Any) -> None:
        assert not connection.in_atomic_block
        deeds.pop()()
        write(*args, **kwargs)

    monkeypatch.setattr(LocalStorage, "create", create)
    deeds.append(lambda: password_change(user=anna, new_password="Changed-word-1"))
    admin_page.post(change(anna), form(anna, last_name="New", avatar=photo()))
    anna.refresh_from_db()
    assert (anna.last_name, anna.check_password("Changed-word-1")) == ("New", True)
    deeds.append(lambda: make_user("taken"))
    answer = admin_page.post(change(anna), form(anna, username="Taken", avatar=photo()))
    assert errors(answer)["username"] == ["A user with that username already exists."]
    deeds.append(lambda: User.objects.filter(pk=anna.pk).delete())
    answer = admin_page.post(change(anna), form(anna, avatar=photo()), follow=True)
    assert "Perhaps it was deleted?" in answer.content.decode()
    assert files() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("bulk", [False, True])
def test_a_delete_takes_everything_along(admin_page: Client, root: Any, make_user: Any, photo: Any, bulk: bool) -> None:
    anna, mine = make_user("anna"), artwork_create(author=root, title="Mine", image=image(photo, "mine.jpg"))
    user_update(user=anna, changes={"avatar": image(photo)})
    artwork = artwork_create(author=anna, title="Hers", image=image(photo, "hers.jpg"))
    with stored_image(image(photo, "stray.jpg"), owner=anna, folder="images") as stray, transaction.atomic():
        asset_publish(stray)
    like_add(user=anna, artwork_id=mine.pk)
    review_create(author=anna, artwork_id=mine.pk, rating=5)
    review_create(author=root, artwork_id=artwork.pk, rating=5)
    token_pair(anna)
    assert len(files()) == 4
    confirm = admin_page.get(change(anna, "delete")).content.decode()
    assert "Are you sure" in confirm
    if bulk:
        chosen = {"action": "delete_selected", "_selected_action": [anna.pk], "post": "yes"}
        admin_page.post(reverse(LIST), chosen)
    else:
        admin_page.post(change(anna, "delete"), {"post": "yes"})
    mine.refresh_from_db()
    assert not User.objects.filter(pk=anna.pk).exists()
    assert (list(ArtWork.objects.all()), mine.likes_count, mine.reviews_count) == ([mine], 0, 0)
    assert files() == ["artworks/mine.jpg"]
    assert MediaAsset.objects.filter(state=State.TOMBSTONE, owner=None).count() == 3
    assert not OutstandingToken.objects.exists()


def test_erasing_oneself_is_no_server_error(admin_page: Client, root: Any) -> None:
    assert admin_page.post(change(root, "delete"), {"post": "yes"}).status_code == 302
    assert not User.objects.exists()


def test_only_superusers_give_rank_and_touch_superusers(clerk_page: Client, root: Any, make_user: Any) -> None:
    anna = make_user("anna")
    sent = form(anna, last_name="New", is_staff="on", is_superuser="on")
    assert clerk_page.post(change(anna), sent).status_code == 302
    anna.refresh_from_db()
    assert (anna.last_name, anna.is_staff, anna.is_superuser) == ("New", False, False)
    assert clerk_page.get(change(root)).status_code == 200
    assert clerk_page.post(change(root), form(root, email="mine@example.com")).status_code == 403
    for address in (change(root, "delete"), reverse("admin:auth_user_password_change", args=[root.pk])):
        assert clerk_page.post(address, {"post": "yes", **PASSWORDS}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [root.pk], "post": "yes"}
    clerk_page.post(reverse(LIST), chosen)
    root.refresh_from_db()
    assert root.check_password("Pass-word-1")
    colleague = make_user("colleague", is_staff=True)
    assert (
        clerk_page.post(reverse("admin:auth_user_password_change", args=[colleague.pk]), PASSWORDS).status_code == 403
    )
    assert clerk_page.post(change(anna, "delete"), {"post": "yes"}).status_code == 302


def test_a_password_is_reset(admin_page: Client, make_user: Any) -> None:
    anna = make_user("anna")
    address = reverse("admin:auth_user_password_change", args=[anna.pk])
    assert admin_page.post(address, PASSWORDS | {"set-password": "1"}).url == change(anna)
    anna.refresh_from_db()
    assert anna.check_password("Long-enough-1")


def test_the_list_costs_the_same_at_1_and_20_rows(admin_page: Client, make_user: Any, photo: Any) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as counted:
            assert "/media/avatars/" in admin_page.get(reverse(LIST)).content.decode()
        return len(counted)

    user_update(user=make_user("u0"), changes={"avatar": image(photo)})
    one = queries()
    for number in range(1, 20):
        user_update(user=make_user(f"u{number}"), changes={"avatar": image(photo)})
    assert queries() == one


def test_the_list_finds_people_and_leads_to_what_is_theirs(admin_page: Client, make_user: Any, root: Any) -> None:
    anna = make_user("anna", last_name="Larsen", is_active=False)
    for query, expected in {
        "q=ANNA@example": [anna], "q=larsen": [anna], "is_active__exact=0": [anna], "is_staff__exact=1": [root],
        "image_state=none": [anna, root], "image_state=ready": [], "q=nobody": [],
    }.items():  # fmt: skip
        assert list(admin_page.get(f"{reverse(LIST)}?{query}").context["cl"].result_list) == expected, query
    page = admin_page.get(change(anna)).content.decode()
    for model, field in {"artworks_artwork": "author", "media_assets_mediaasset": "owner"}.items():
        address = f"{reverse(f'admin:{model}_changelist')}?{field}__id__exact={anna.pk}"
        assert f'href="{address}"' in page
        assert admin_page.get(address).status_code == 200


def test_autocomplete_takes_any_text(admin_page: Client) -> None:
    where = {"app_label": "artworks", "model_name": "artwork", "field_name": "author", "term": "\0ROOT"}
    found = admin_page.get(reverse("admin:autocomplete"), where).json()["results"]
    assert [one["text"] for one in found] == ["root@example.com"]


def chosen(action: str, *users: Any) -> dict[str, Any]:
    return {"action": action, "_selected_action": [user.pk for user in users]}


def test_accounts_are_deactivated_and_activated(admin_page: Client, root: Any, make_user: Any) -> None:
    anna, ben = make_user("anna"), make_user("ben", is_active=False)
    hers = Client()
    hers.force_login(anna)
    page = admin_page.post(reverse(LIST), chosen("deactivate", anna, ben, root), follow=True).content.decode()
    assert "1 user deactivated. 1 left as before" in page  # nobody locks themselves out
    states = dict(User.objects.values_list("username", "is_active"))
    assert states == {"root": True, "anna": False, "ben": False}
    assert LogEntry.objects.get().get_change_message() == "Deactivated."
    assert "_auth_user_id" in hers.session and not get_user(request_of(hers)).is_authenticated
    page = admin_page.post(reverse(LIST), chosen("activate", anna, ben), follow=True).content.decode()
    assert "2 users activated." in page
    assert not User.objects.filter(is_active=False).exists()


def request_of(client: Client) -> HttpRequest:
    request = HttpRequest()
    request.session = client.session
    return request


def test_only_superusers_deactivate_staff(clerk_page: Client, root: Any, make_user: Any) -> None:
    colleague, anna = make_user("colleague", is_staff=True), make_user("anna")
    page = clerk_page.post(reverse(LIST), chosen("deactivate", root, colleague, anna), follow=True).content.decode()
    assert "1 user deactivated. 2 left as before" in page
    assert set(User.objects.filter(is_active=False)) == {anna}
    page = clerk_page.post(reverse(LIST), chosen("deactivate", root), follow=True).content.decode()
    assert "0 users deactivated" in page


def test_who_may_only_look_deactivates_nobody(make_user: Any) -> None:
    clerk, page, anna = make_user("clerk", is_staff=True), Client(), make_user("anna")
    clerk.user_permissions.set(Permission.objects.filter(codename="view_user"))
    page.force_login(clerk)
    page.post(reverse(LIST), chosen("deactivate", anna))
    assert User.objects.get(pk=anna.pk).is_active


def test_the_page_says_how_much_of_the_quota_is_used(
    admin_page: Client, clerk_page: Client, make_user: Any, photo: Any, settings: Any
) -> None:
    anna = make_user("anna")
    artwork = artwork_create(author=anna, title="Hers", image=image(photo))
    MediaAsset.objects.filter(pk=artwork.image_id).update(size=3 * 1024**2)
    settings.UPLOAD_QUOTA_BYTES = 12 * 1024**2
    assert "3.0\xa0MB of 12.0\xa0MB<meter" in admin_page.get(change(anna)).content.decode()
    assert "3.0\xa0MB" not in clerk_page.get(change(anna)).content.decode()  # who may not see the files
    settings.UPLOAD_QUOTA_BYTES = 0
    page = admin_page.get(change(anna)).content.decode()
    assert "3.0\xa0MB" in page and "<meter" not in page


def test_links_lead_only_to_what_one_may_see(clerk_page: Client, make_user: Any) -> None:
    page = clerk_page.get(change(make_user("anna"))).content.decode()
    assert "author__id__exact" not in page and "owner__id__exact" not in page


def test_groups_are_completed_and_have_the_theme(admin_page: Client, make_user: Any) -> None:
    group = Group.objects.create(name="Curators")
    page = admin_page.get(change(make_user("anna"))).content.decode()
    assert 'data-field-name="groups"' in page
    where = {"app_label": "users", "model_name": "user", "field_name": "groups", "term": "cur"}
    found = admin_page.get(reverse("admin:autocomplete"), where).json()["results"]
    assert found == [{"id": str(group.pk), "text": "Curators"}]
    assert "Curators" in admin_page.get(reverse("admin:auth_group_changelist")).content.decode()
    assert admin_page.get(reverse("admin:auth_group_change", args=[group.pk])).status_code == 200
