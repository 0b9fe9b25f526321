"""The page of an asset in the admin: its variants and placeholder, its state, and what failed tried again."""

import base64
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from media_assets import processing
from media_assets.admin.placeholders import decoded, placeholder_address
from media_assets.errors import StorageUnavailable
from media_assets.imaging.isolation import DecodeFailed
from media_assets.imaging.thumbhash import thumbhash
from media_assets.models import MediaAsset, State
from media_assets.processing import MAX_TRIES
from media_assets.tests.stored import published

pytestmark = pytest.mark.django_db(transaction=True)
LIST = "admin:media_assets_mediaasset_changelist"
REFUSAL = "It crashed the decoder."


@pytest.fixture
def staff(make_user: Any, settings: Any) -> Client:
    settings.MEDIA_VARIANT_WIDTHS = [32, 64]
    client = Client()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def asset(staff: Client, photo: Any) -> MediaAsset:
    return published(photo("sea.jpg", size=(80, 60)), visibility="public")


@pytest.fixture
def failed(staff: Client, photo: Any) -> MediaAsset:
    """One that its decoder refused; it would not do so again."""

    def refuse(*args: Any) -> Any:
        raise DecodeFailed(REFUSAL)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processing, "make_variants", refuse)
        return published(photo("bad.jpg", size=(80, 60)), visibility="public")


def address(asset: MediaAsset, view: str = "mediaasset_change") -> str:
    return reverse(f"admin:media_assets_{view}", args=[asset.pk])


def page(client: Client, asset: MediaAsset) -> str:
    return client.get(address(asset)).content.decode()


def fresh(asset: MediaAsset) -> MediaAsset:
    return MediaAsset.objects.get(pk=asset.pk)


def found(client: Client, **query: str) -> set[str]:
    return {asset.key for asset in client.get(reverse(LIST), query).context["cl"].result_list}


def test_the_page_shows_the_variants_with_sizes_and_links(staff: Client, asset: MediaAsset) -> None:
    shown = page(staff, asset)
    for one in asset.variants:
        assert one["key"] in shown
        assert f"{one['width']}&nbsp;×&nbsp;{one['height']}" in shown
        assert f"{one['size']}\xa0bytes" in shown
        assert f'href="http://testserver/media/{one["key"]}"' in shown
    assert 'href="http://testserver/media/pictures/sea.jpg"' in shown  # the original
    assert placeholder_address(asset.placeholder) in shown
    assert "local-public" in shown
    assert "Try again" not in shown


def test_variants_of_a_private_picture_have_signed_links(staff: Client, photo: Any) -> None:
    private = published(photo("key.jpg", size=(80, 60)), visibility="private")
    links = re.findall(r'href="([^"]*variants[^"]*)"', page(staff, private))
    assert len(links) == 4
    assert all("signature=" in link for link in links)


def test_the_page_of_a_failed_file_gives_the_reason_and_no_link(staff: Client, failed: MediaAsset) -> None:
    shown = page(staff, failed)
    assert REFUSAL in shown
    assert "Try again" in shown
    assert "/media/pictures" not in shown


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"work_due_at": timedelta(seconds=-1)}, "waiting for a worker"),
        ({"work_due_at": timedelta(hours=1), "work_tries": 2}, f"(try 2 of {MAX_TRIES})"),
        ({"state": State.PROCESSING, "work_due_at": timedelta(seconds=-1)}, "waiting for a worker"),
        ({"state": State.PROCESSING, "storage": "gone"}, "unavailable"),
        ({"placeholder": "x"}, "sea.jpg"),
        ({"placeholder": "AAAA"}, "sea.jpg"),
        ({"variants": None, "work_due_at": timedelta(0)}, "a worker has still to make them"),
    ],
)
def test_every_state_has_its_page(staff: Client, asset: MediaAsset, values: dict[str, Any], expected: str) -> None:
    due = values.get("work_due_at")
    if due is not None:
        values = values | {"work_due_at": timezone.now() + due}
    MediaAsset.objects.update(**values)
    assert expected in page(staff, asset)
    assert staff.get(reverse(LIST)).status_code == 200


def test_try_again_does_what_failed(staff: Client, failed: MediaAsset) -> None:
    answer = staff.post(address(failed, "retry"), follow=True)
    assert answer.redirect_chain == [(address(failed), 302)]
    assert "Done." in answer.content.decode()
    row = fresh(failed)
    assert (row.state, row.failure_reason, len(row.variants)) == (State.READY, "", 2)
    assert LogEntry.objects.get().get_change_message() == "Tried again."
    again = staff.post(address(failed, "retry"), follow=True)
    assert "nothing to be tried again" in again.content.decode()


def test_try_again_says_when_it_fails_again(staff: Client, failed: MediaAsset, monkeypatch: Any) -> None:
    def refuse(*args: Any) -> Any:
        raise DecodeFailed("It hangs.")

    monkeypatch.setattr(processing, "make_variants", refuse)
    answer = staff.post(address(failed, "retry"), follow=True).content.decode()
    assert "It failed again: It hangs." in answer
    assert fresh(failed).state == State.FAILED


def test_try_again_with_a_silent_storage_waits(staff: Client, failed: MediaAsset, monkeypatch: Any) -> None:
    def silent(*args: Any) -> Any:
        raise StorageUnavailable

    monkeypatch.setattr(processing, "local_copy", silent)
    assert "It waits for a worker." in staff.post(address(failed, "retry"), follow=True).content.decode()
    assert found(staff, work="waiting") == {failed.key}


def test_a_picture_of_old_presets_may_be_tried_again_too(staff: Client, asset: MediaAsset, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [48]
    assert found(staff, work="failed") == {asset.key}
    assert "Try again" in page(staff, asset)
    staff.post(address(asset, "retry"))
    assert [one["width"] for one in fresh(asset).variants] == [48]
    assert found(staff, work="failed") == set()


def test_try_again_is_for_those_who_may(make_user: Any, failed: MediaAsset) -> None:
    clerk, client = make_user("clerk", is_staff=True), Client()
    client.force_login(clerk)
    clerk.user_permissions.add(Permission.objects.get(codename="view_mediaasset"))
    assert "Try again" not in page(client, failed)
    assert client.post(address(failed, "retry")).status_code == 403
    chosen = {"action": "try_again", "_selected_action": [failed.pk]}
    client.post(reverse(LIST), chosen)
    assert fresh(failed).state == State.FAILED
    clerk.user_permissions.add(Permission.objects.get(codename="change_mediaasset"))
    assert "Try again" in page(client, failed)
    assert client.get(address(failed, "retry")).status_code == 405
    assert client.post(address(failed, "retry")).status_code == 302
    assert client.post(reverse("admin:media_assets_retry", args=[10**9])).status_code == 404
    assert fresh(failed).state == State.READY


def test_the_list_filters_by_work(staff: Client, asset: MediaAsset, failed: MediaAsset, photo: Any) -> None:
    waiting = published(photo("wait.jpg", size=(80, 60)), visibility="public")
    MediaAsset.objects.filter(pk=waiting.pk).update(work_due_at=timezone.now(), variants_of="")
    assert found(staff, work="waiting") == {waiting.key}
    assert found(staff, work="failed") == {failed.key}
    assert found(staff, work="x") == found(staff) == {asset.key, failed.key, waiting.key}


def test_without_presets_only_failures_count_as_failed(
    staff: Client, asset: MediaAsset, failed: MediaAsset, settings: Any
) -> None:
    settings.MEDIA_VARIANT_WIDTHS = []
    assert found(staff, work="failed") == {failed.key}


def test_the_list_action_tries_all_chosen_that_failed(staff: Client, asset: MediaAsset, failed: MediaAsset) -> None:
    before = fresh(asset).updated_at
    chosen = {"action": "try_again", "_selected_action": [asset.pk, failed.pk]}
    answer = staff.post(reverse(LIST), chosen, follow=True).content.decode()
    assert "1 file was tried again or handed to a worker." in answer
    assert (fresh(failed).state, fresh(asset).updated_at) == (State.READY, before)
    assert "Nothing of what you selected has failed." in staff.post(reverse(LIST), chosen, follow=True).content.decode()


def test_the_list_action_leaves_much_work_to_the_sweeper(
    staff: Client, photo: Any, settings: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("media_assets.admin.assets.AT_ONCE", 2)
    settings.MEDIA_VARIANT_WIDTHS = []
    assets = [published(photo(f"{number}.jpg", size=(80, 60))) for number in range(3)]
    settings.MEDIA_VARIANT_WIDTHS = [32]
    staff.post(reverse(LIST), {"action": "try_again", "_selected_action": [asset.pk for asset in assets]})
    assert MediaAsset.objects.filter(variants__isnull=False).count() == 2
    assert MediaAsset.objects.get(variants__isnull=True).work_due_at <= timezone.now()


def test_lists_show_the_smallest_variant_that_is_sharp(staff: Client, photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [100, 200, 300]
    asset = published(photo(size=(400, 300)), visibility="public")
    shown = staff.get(reverse(LIST)).content.decode()
    assert f'src="http://testserver/media/{asset.variants[1]["key"]}"' in shown
    assert f'src="http://testserver/media/{asset.key}"' not in shown


@pytest.mark.parametrize("size", [(32, 24), (24, 32), (30, 30), (32, 4)])
@pytest.mark.parametrize("colour", [(200, 40, 40, 255), (20, 90, 200, 255), (250, 250, 250, 255), (0, 200, 0, 0)])
def test_a_placeholder_looks_like_its_picture(size: tuple[int, int], colour: tuple[int, ...]) -> None:
    """Left half black, right half of a colour."""
    width, height = size
    row = bytes((0, 0, 0, 255)) * (width // 2) + bytes(colour) * (width - width // 2)
    across, down, pixels = decoded(thumbhash(width, height, row * height))
    assert (across > down, across == down) == (width > height, width == height)
    middle = down // 2 * across * 4
    left, right = (pixels[start : start + 4] for start in (middle + 4, middle + 4 * (across - 2)))
    assert sum(left[:3]) < 150
    assert abs(right[3] - colour[3]) < 60
    if colour[3]:
        assert max(abs(one - other) for one, other in zip(right[:3], colour, strict=False)) < 70


@pytest.mark.parametrize("data", [b"", b"1234", b"\xff" * 6, b"\0" * 5, b"\xff" * 12])
def test_what_is_no_placeholder_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        placeholder_address(base64.b64encode(data).decode())
