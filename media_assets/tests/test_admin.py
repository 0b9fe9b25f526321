"""The registry in the admin: looked at, searched, filtered; discarded only where nothing refers to it."""

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.urls import reverse

from artworks.models import ArtWork
from media_assets.admin import counting
from media_assets.admin.filters import NOT_CONFIGURED
from media_assets.admin.previews import LIGHT_BYTES, media_summary, preview_url, thumbnail
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.services import asset_publish, stored_image

LIST = "admin:media_assets_mediaasset_changelist"
pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_page(make_user: Any, client: Client) -> Client:
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def owner(make_user: Any) -> Any:
    return make_user("olga")


@pytest.fixture
def store(owner: Any, photo: Any) -> Any:
    """A published asset, in use by an artwork unless ``used`` is False."""

    def make(name: str = "sea.jpg", *, used: bool = True, **how: Any) -> MediaAsset:
        file = ImageUploadField().run_validation(photo(name))
        with stored_image(file, owner=owner, folder="artworks", **how) as asset, transaction.atomic():
            if used:
                ArtWork.objects.create(author=owner, title=name, image=asset)
            asset_publish(asset)
        return asset

    return make


def page_of(asset: MediaAsset, view: str = "mediaasset_change") -> str:
    return reverse(f"admin:media_assets_{view}", args=[asset.pk])


def test_the_list_searches_and_filters(admin_page: Client, store: Any) -> None:
    sea, hill = store("sea.jpg"), store("hill.jpg", used=False, visibility="private")
    MediaAsset.objects.filter(pk=hill.pk).update(storage="s3-private", state=State.FAILED)

    def found(**query: str) -> set[str]:
        answer = admin_page.get(reverse(LIST), query)
        assert answer.status_code == 200, query
        return {asset.key for asset in answer.context["cl"].result_list}

    both = {sea.key, hill.key}
    assert found(q="olga@example.com") == found() == found(storage="nonsense") == found(state="x") == both
    assert found(q="sea") == found(q="artworks/sea") == {sea.key}
    assert found(storage="local-public") == found(visibility__exact="public") == {sea.key}
    assert found(state="failed") == found(storage=NOT_CONFIGURED) == found(in_use="no") == {hill.key}
    assert found(in_use="yes") == found(state="ready") == {sea.key}


def test_the_list_finds_by_size_owner_copy_and_sha256(admin_page: Client, store: Any, make_user: Any) -> None:
    assets = [store(f"{name}.jpg") for name in "abcd"]
    for asset, size in zip(assets, (102_399, 102_400, 1024**2, 10 * 1024**2), strict=True):
        MediaAsset.objects.filter(pk=asset.pk).update(size=size, sha256=f"{size:064x}")
    MediaAsset.objects.filter(pk=assets[0].pk).update(copy_storage="s3-public", owner=make_user("anna"))

    def found(**query: str) -> list[int]:
        return sorted(assets.index(asset) for asset in admin_page.get(reverse(LIST), query).context["cl"].result_list)

    assert [found(size=name) for name in ("small", "medium", "large", "huge")] == [[0], [1], [2], [3]]
    assert found(size="x") == found(copy="x") == [0, 1, 2, 3]
    assert (found(copy="yes"), found(copy="no")) == ([0], [1, 2, 3])
    anna = str(MediaAsset.objects.get(pk=assets[0].pk).owner_id)
    assert found(owner__id__exact=anna) == found(q="ANNA@example") == [0]
    assert found(q=f" {102_400:064X} ") == [1]
    assert found(q=f"{102_400:063x}") == found(q="nobody@example.com") == []


def test_a_filter_that_was_left_open_is_not_chosen(admin_page: Client, store: Any) -> None:
    store()
    answer = admin_page.get(f"{reverse(LIST)}?state=&size=&work=&q=sea&p=", follow=True)
    assert answer.redirect_chain == [(f"{reverse(LIST)}?q=sea", 302)]
    assert not answer.context["cl"].has_active_filters
    assert admin_page.get(f"{reverse(LIST)}?state=", follow=True).redirect_chain == [(f"{reverse(LIST)}?", 302)]


def test_the_owner_is_filtered_by_autocomplete(admin_page: Client, make_user: Any, store: Any) -> None:
    store()
    assert 'name="owner__id__exact"' in admin_page.get(reverse(LIST)).content.decode()
    clerk, page = make_user("clerk", is_staff=True), Client()
    page.force_login(clerk)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_mediaasset"))
    assert 'name="owner__id__exact"' not in page.get(reverse(LIST)).content.decode()


def test_no_more_rows_are_counted_than_can_be_leafed_through(
    admin_page: Client, store: Any, monkeypatch: Any, django_assert_num_queries: Any
) -> None:
    for number in range(4):
        store(f"{number}.jpg")
    assert "4 results" in admin_page.get(reverse(LIST)).content.decode()
    monkeypatch.setattr(counting, "MAX_COUNTED", 3)
    monkeypatch.setattr(admin.site._registry[MediaAsset], "list_per_page", 2)
    with django_assert_num_queries(4):  # session, user, one count, the rows
        page = admin_page.get(reverse(LIST)).content.decode()
    assert "3+ results" in page and "?p=2" in page and "?p=3" not in page
    assert len(admin_page.get(f"{reverse(LIST)}?p=2").context["cl"].result_list) == 2 - 1
    assert admin_page.get(f"{reverse(LIST)}?p=3", follow=True).redirect_chain[0][0].endswith("?e=1")


def test_the_list_costs_the_same_at_1_and_20_rows(
    admin_page: Client, store: Any, django_assert_num_queries: Any
) -> None:
    store("a0.jpg")
    for numbers in (range(1, 2), range(2, 20)):
        for number in numbers:
            visibility = "private" if number % 3 else "public"
            store(f"a{number}.jpg", used=number % 2 == 0, visibility=visibility)
        with django_assert_num_queries(4):  # session, user, one count, the rows
            assert admin_page.get(reverse(LIST)).status_code == 200


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_previews_can_be_fetched_as_they_stand(admin_page: Client, client_of: Any, store: Any, visibility: str) -> None:
    asset = store(visibility=visibility)
    for address in (reverse(LIST), page_of(asset)):
        answer = admin_page.get(address)
        url = answer.wsgi_request.media_renderer.url(asset)
        assert ("signature=" in url) == (visibility == "private")
        assert f'src="{url.replace("&", "&amp;")}"' in answer.content.decode()
        assert client_of().get(url).headers["Content-Type"] == "image/jpeg"


def test_the_page_says_where_the_file_is_used(admin_page: Client, store: Any) -> None:
    asset = store()
    page = admin_page.get(page_of(asset)).content.decode()
    assert reverse("admin:artworks_artwork_change", args=[asset.artwork.pk]) in page
    assert "artwork: sea.jpg" in page
    assert "Discard…" not in page
    assert "Nothing uses this file" in admin_page.get(page_of(store("b.jpg", used=False))).content.decode()


def test_the_registry_is_read_only(admin_page: Client, store: Any) -> None:
    asset = store(used=False)
    assert admin_page.get(reverse("admin:media_assets_mediaasset_add")).status_code == 403
    assert admin_page.post(page_of(asset), {"key": "stolen"}).status_code == 403
    assert admin_page.post(page_of(asset, "mediaasset_delete"), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [asset.pk], "post": "yes"}
    admin_page.post(reverse(LIST), chosen)
    assert MediaAsset.objects.get().key == asset.key


def test_an_unused_file_is_discarded_and_its_row_stays(
    admin_page: Client, store: Any, django_capture_on_commit_callbacks: Any
) -> None:
    asset = store(used=False)
    path = Path(settings.MEDIA_ROOT, asset.key)
    assert "Discard…" in admin_page.get(page_of(asset)).content.decode()
    assert "Yes, discard it" in admin_page.get(page_of(asset, "discard")).content.decode()
    assert path.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = admin_page.post(page_of(asset, "discard"), follow=True)
    assert "The file was discarded." in answer.content.decode()
    assert not path.exists()
    assert MediaAsset.objects.get().state == State.TOMBSTONE
    assert admin_page.post(page_of(asset, "discard")).status_code == 403


def test_a_used_file_cannot_be_discarded(admin_page: Client, store: Any) -> None:
    asset = store()
    assert admin_page.get(page_of(asset, "discard")).status_code == 403
    assert admin_page.post(page_of(asset, "discard")).status_code == 403
    assert MediaAsset.objects.get().state == State.READY
    assert admin_page.post(reverse("admin:media_assets_discard", args=[10**9])).status_code == 404


def test_staff_needs_permissions(make_user: Any, client: Client, store: Any) -> None:
    asset, clerk = store(used=False), make_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(reverse(LIST)).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_mediaasset"))
    page = client.get(page_of(asset)).content.decode()
    assert "Discard…" not in page
    assert reverse("admin:users_user_change", args=[asset.owner_id]) in page  # a link that asks for itself
    assert client.post(page_of(asset, "discard")).status_code == 403
    assert client.get(reverse(LIST)).status_code == 200


MEDIA = {
    "id": 1,
    "state": "ready",
    "url": "https://x.test/big.jpg",
    "width": 900,
    "height": 600,
    "size": 2048,
    "content_type": "image/jpeg",
    "original_filename": "<sea>.jpg",
    "variants": [],
    "placeholder": "3OcRJYB4d3h/iIeHeEh3eIhw+j2w",
}
VARIANTS = [{"width": w, "height": w * 2 // 3, "url": f"https://x.test/{w}.webp"} for w in (640, 160, 320)]


@pytest.mark.parametrize(
    ("media", "shown"),
    [
        (None, "–"),
        (MEDIA, 'src="https://x.test/big.jpg"'),
        (MEDIA, 'alt="&lt;b&gt;" width="56" height="56" loading="lazy"'),
        (MEDIA | {"size": LIGHT_BYTES + 1}, 'src="data:image/png;base64,'),
        (MEDIA | {"size": LIGHT_BYTES + 1, "placeholder": None}, ">–<"),
        (MEDIA | {"size": LIGHT_BYTES + 1, "placeholder": "x"}, ">–<"),
        (MEDIA | {"size": LIGHT_BYTES + 1, "variants": VARIANTS}, 'src="https://x.test/320.webp"'),
        (MEDIA | {"variants": VARIANTS}, 'src="https://x.test/320.webp"'),
        (MEDIA | {"variants": VARIANTS[1:2]}, 'src="https://x.test/160.webp"'),
        (MEDIA | {"url": None, "state": "processing"}, ">processing<"),
        (MEDIA | {"url": None, "state": "failed", "reason": "<no>"}, 'title="&lt;no&gt;">failed<'),
    ],
)
def test_a_thumbnail_is_a_picture_or_a_state(media: Any, shown: str) -> None:
    assert shown in thumbnail(media, "<b>")


@pytest.mark.parametrize(
    ("wanted", "chosen"), [(160, "160.webp"), (161, "320.webp"), (640, "640.webp"), (641, "big.jpg")]
)
def test_a_preview_is_the_smallest_that_is_sharp(wanted: int, chosen: str) -> None:
    assert preview_url(MEDIA | {"variants": VARIANTS}, wanted) == f"https://x.test/{chosen}"
    assert preview_url(MEDIA, wanted) == MEDIA["url"]
    assert preview_url(None, wanted) is None


def test_a_summary_says_what_is_known() -> None:
    assert media_summary(MEDIA).replace("\xa0", " ") == "<sea>.jpg · 900 × 600 px · image/jpeg · 2.0 KB"
    failed = MEDIA | {"url": None, "state": "failed", "reason": "too odd", "width": None, "original_filename": ""}
    assert media_summary(failed).replace("\xa0", " ") == "image/jpeg · 2.0 KB · failed too odd"


def test_the_site_has_its_name_and_hides_tokens(admin_page: Client) -> None:
    page = admin_page.get(reverse("admin:index")).content.decode()
    assert "Vitrine" in page
    assert not any(model._meta.app_label == "token_blacklist" for model in admin.site._registry)


@pytest.mark.parametrize("query", ["q=%00", "p=999999", "o=99.-x", "state=%00", "created_at__gte=x", "nonsense=1"])
@pytest.mark.parametrize("model", ["media_assets_mediaasset", "artworks_artwork", "users_user", "artworks_review"])
def test_odd_queries_are_no_server_errors(admin_page: Client, model: str, query: str) -> None:
    answer = admin_page.get(f"{reverse(f'admin:{model}_changelist')}?{query}", follow=True)
    assert answer.status_code == 200


@pytest.mark.parametrize("pk", ["0", "x", "9" * 30, "-1", "_00", "1_2F"])
@pytest.mark.parametrize("model", ["media_assets_mediaasset", "artworks_artwork", "users_user", "artworks_like"])
def test_odd_ids_lead_back(admin_page: Client, model: str, pk: str) -> None:
    answer = admin_page.get(reverse(f"admin:{model}_change", args=[pk]))
    assert (answer.status_code, answer.url) == (302, reverse("admin:index"))


def test_a_picture_in_a_form_leads_to_its_file(admin_page: Client, make_user: Any, store: Any) -> None:
    asset = store()
    artwork = reverse("admin:artworks_artwork_change", args=[asset.artwork.pk])
    assert f'href="{page_of(asset)}"' in admin_page.get(artwork).content.decode()
    clerk, page = make_user("clerk", is_staff=True), Client()
    page.force_login(clerk)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_artwork"))
    assert page_of(asset) not in page.get(artwork).content.decode()
