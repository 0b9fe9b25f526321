"""The front page of the administration, and what its pages are made of."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from config.dashboard import plot
from media_assets.admin.totals import Amount, registry_totals
from media_assets.models import MediaAsset, State
from media_assets.tests.stored import published
from media_assets.tests.uploads import pending_upload

pytestmark = pytest.mark.django_db
INDEX = "admin:index"


@pytest.fixture
def staff(make_user: Any) -> Any:
    """A maker of clients of staff with these permissions; with none, of a superuser."""

    def make(*codenames: str) -> Client:
        user = make_user(f"staff{len(codenames)}", is_staff=True, is_superuser=not codenames)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return make


def front_page(client: Client) -> str:
    answer = client.get(reverse(INDEX))
    assert answer.status_code == 200
    return re.sub(r"\s+", " ", answer.content.decode().replace("\xa0", " "))


def test_the_front_page_says_what_is_stored(staff: Any, photo: Any) -> None:
    one = published(photo(), visibility="public")
    MediaAsset.objects.filter(pk=one.pk).update(size=2048, state=State.FAILED)
    pending_upload(due_at=timezone.now())
    page = front_page(staff())
    for text in ("<b>2.0 KB</b> in 1 file<", "<b>1</b> failed", "<b>0</b> waiting for a worker"):
        assert text in page
    assert "<b>1</b> direct upload pending" in page
    registry = reverse("admin:media_assets_mediaasset_changelist")
    for query in ("state=failed", "work=waiting", "storage=local-public&amp;visibility__exact=public"):
        assert f'href="{registry}?{query}"' in page
    assert "<title>" in page and "local-public: 1 files, 2.0 KB" in page


def test_an_empty_registry_has_a_front_page(staff: Any) -> None:
    page = front_page(staff())
    assert "Nothing was stored in these days." in page
    assert "<rect" not in page


def test_figures_are_for_those_who_may_see_the_rows(staff: Any, photo: Any) -> None:
    published(photo(), visibility="public")
    page = front_page(staff("view_artwork"))
    assert "waiting for a worker" not in page and "direct upload" not in page and "local-public" not in page
    assert "Artworks" in page and "Media assets" not in page
    page = front_page(staff("view_upload", "view_artwork"))
    assert "waiting for a worker" not in page and "direct uploads pending" in page
    assert "waiting for a worker" in front_page(staff("view_mediaasset", "view_artwork", "view_ad"))


def test_the_front_page_costs_the_same_for_any_number(staff: Any, photo: Any, django_assert_num_queries: Any) -> None:
    client = staff()
    for number in range(4):
        published(photo(f"{number}.jpg"))
    front_page(client)
    with django_assert_num_queries(3):  # session, user, recent actions; the figures are kept
        front_page(client)


def test_the_plot_stacks_storages_up_to_its_height(photo: Any) -> None:
    for name, storage, size in (("a", "local-public", 75), ("b", "s3-public", 25)):
        MediaAsset.objects.filter(pk=published(photo(f"{name}.jpg")).pk).update(size=size, storage=storage)
    drawn = plot(registry_totals())
    assert (drawn.highest, drawn.storages) == (100, ["local-public", "s3-public"])
    assert [(bar.place, bar.tone, bar.top, bar.height) for bar in drawn.bars] == [(29, 0, 25, 75), (29, 1, 0, 25)]
    assert drawn.days[-1][1] == Amount(2, 100)


def test_the_side_bar_holds_what_one_may_look_at(staff: Any) -> None:
    page = front_page(staff("view_artwork", "view_ad"))
    assert reverse("admin:artworks_artwork_changelist") in page
    for name in ("users_user", "media_assets_upload", "auth_group"):
        assert reverse(f"admin:{name}_changelist") not in page


@pytest.fixture
def hashed(settings: Any, tmp_path: Path) -> Path:
    """The static files as production has them: with hashed names, and nothing served that is not collected."""
    settings.STATIC_ROOT = str(tmp_path)
    backend = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}
    call_command("collectstatic", interactive=False, verbosity=0)
    return tmp_path


def test_pages_ask_no_other_host_and_only_for_what_is_collected(staff: Any, hashed: Path, photo: Any) -> None:
    asset, client = published(photo()), staff()
    views = [INDEX, "admin:media_assets_mediaasset_changelist", "admin:artworks_artwork_add", "admin:users_user_add"]
    addresses = [*map(reverse, views), reverse("admin:media_assets_mediaasset_change", args=[asset.pk])]
    found: set[str] = set()
    for address in addresses:
        found.update(linked(client.get(address).content.decode()))
    found.update(linked(Client().get(reverse("admin:login")).content.decode()))
    assert len(found) > 10
    for name in found:
        assert (hashed / name).is_file(), name
    sheets = "".join(path.read_text() for path in hashed.rglob("*.css"))
    assert not re.findall(r"url\([\"']?(?:https?:)?//[^)]*\)|@import\s[\"']?http", sheets)


def linked(page: str) -> set[str]:
    """The static files that a page loads; it loads nothing from another host."""
    loads = re.findall(r"<(?:script|link|img)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", page)
    for address in loads:
        assert not re.match(r"(?:https?:)?//(?!testserver)", address), address
    return {address.removeprefix("/static/") for address in loads if address.startswith("/static/")}
