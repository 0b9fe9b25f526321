"""``manage.py sweep_media``: what it says it would do it does, and it tells the timer where a storage is down."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from media_assets import sweeping
from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State
from media_assets.services import purge_discarded
from media_assets.storages import get_storage
from media_assets.storages.local import LocalStorage
from media_assets.tests.stored import published
from media_assets.tests.terminal import full_bar, on_a_terminal
from media_assets.tests.uploads import pending_upload

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = dict.fromkeys(
    ("leases_ended", "unreferenced", "purged", "removed", "leftovers", "uploads", "sent", "waiting"), 0
)


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    out, code = io.StringIO(), 0
    try:
        call_command("sweep_media", "--json", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


@pytest.fixture
def waiting(photo: Any, settings: Any) -> None:
    """One thing for each step."""
    settings.MEDIA_VARIANT_WIDTHS = []
    now = timezone.now()
    assets = [published(photo(f"{number}.jpg")).pk for number in range(6)]
    states: list[dict[str, Any]] = [
        {"state": State.RESERVED, "lease_expires_at": now},
        {"published_at": now - timedelta(hours=2)},  # and nothing uses it
        {"state": State.DISCARDED},
        {"state": State.TOMBSTONE, "purge_after": now},
        {"work_due_at": now - timedelta(hours=1)},
        {},
    ]
    for pk, values in zip(assets, states, strict=True):
        MediaAsset.objects.filter(pk=pk).update(**values)
    pending_upload(due_at=now)
    leftover = Path(get_storage("local-public").location, ".incoming", str(uuid4()))  # type: ignore[attr-defined]
    leftover.parent.mkdir(parents=True, exist_ok=True)
    leftover.write_bytes(b"1")
    settings.MEDIA_LEASE_SECONDS = -1  # a file's change time cannot be set


def test_a_dry_run_says_what_would_be_done_and_does_nothing(waiting: None) -> None:
    before = list(MediaAsset.objects.order_by("pk").values())
    code, planned = run("--dry-run")
    assert (code, planned) == (
        0,
        NOTHING
        | {"dry_run": True, "leases_ended": 1, "unreferenced": 1, "purged": 3, "removed": 1}
        | {"leftovers": 1, "uploads": 1, "sent": 1},
    )
    assert list(MediaAsset.objects.order_by("pk").values()) == before
    assert run() == (0, planned | {"dry_run": False})
    assert run() == (0, NOTHING | {"dry_run": False})


def test_people_read_a_line(waiting: None, capsys: Any) -> None:
    call_command("sweep_media", "--dry-run")
    assert capsys.readouterr().out.startswith("Nothing was done. Would be: Reservations ended: 1. Unreferenced: 1.")
    call_command("sweep_media")
    said = capsys.readouterr()
    assert said.out.startswith("Reservations ended: 1. Unreferenced: 1. Files deleted: 3.")
    assert said.err == ""


@pytest.mark.parametrize("step", ["discarded", "tombstone", "upload", "leftovers"])
def test_a_storage_that_is_down_is_told_by_the_exit_code(photo: Any, monkeypatch: Any, step: str) -> None:
    asset = published(photo())
    MediaAsset.objects.update(published_at=timezone.now())
    match step:
        case "discarded":
            MediaAsset.objects.update(state=State.DISCARDED)
        case "tombstone":
            MediaAsset.objects.update(state=State.TOMBSTONE, purge_after=timezone.now(), published_at=None)
        case "upload":
            pending_upload(due_at=timezone.now(), staged=True)

    def refuse(*args: Any) -> Any:
        raise StorageUnavailable

    for name in ("leftovers",) if step == "leftovers" else ("delete", "owns"):
        monkeypatch.setattr(LocalStorage, name, refuse)
    code, report = run()
    assert (code, report["waiting"]) == (1, 2 if step == "leftovers" else 1)  # both folders
    monkeypatch.undo()
    MediaAsset.objects.filter(pk=asset.pk).update(purge_after=timezone.now())
    assert run()[0] == 0


def test_a_storage_that_is_not_configured_is_waited_for(photo: Any) -> None:
    published(photo())
    MediaAsset.objects.update(state=State.DISCARDED, storage="s3-public")
    code, report = run()
    assert (code, report["waiting"], report["purged"]) == (1, 1, 0)


def test_what_is_discarded_meanwhile_waits_for_nothing(photo: Any, monkeypatch: Any) -> None:
    asset = published(photo())
    remove = sweeping._remove_tombstones

    def discarded_meanwhile(*args: Any) -> None:
        MediaAsset.objects.filter(pk=asset.pk).update(state=State.DISCARDED, updated_at=timezone.now())
        remove(*args)

    monkeypatch.setattr(sweeping, "_remove_tombstones", discarded_meanwhile)
    code, report = run()
    assert (code, report["waiting"], report["purged"]) == (0, 0, 0)
    assert run()[1]["purged"] == 1


def test_more_than_a_batch_that_waits_is_counted_whole(photo: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sweeping, "BATCH_ROWS", 2)
    for number in range(5):
        published(photo(f"{number}.jpg"))
    MediaAsset.objects.update(state=State.DISCARDED, storage="s3-public")
    assert run()[1]["waiting"] == 5


@pytest.fixture
def discarded(photo: Any, settings: Any) -> list[str]:
    """The keys of six discarded files of one storage, in the order of their rows."""
    settings.MEDIA_VARIANT_WIDTHS = []
    keys = [published(photo(f"{number}.jpg")).key for number in range(6)]
    MediaAsset.objects.update(state=State.DISCARDED)
    return keys


@pytest.fixture
def refusing(monkeypatch: Any) -> Callable[..., list[str]]:
    """``refusing(*keys)``: the storage does not delete these; gives the keys that it is asked to, as they come."""
    delete = LocalStorage.delete

    def configure(*keys: str) -> list[str]:
        asked: list[str] = []

        def some(self: Any, key: str) -> None:
            asked.append(key)
            if key in keys:
                raise StorageUnavailable
            delete(self, key)

        monkeypatch.setattr(LocalStorage, "delete", some)
        return asked

    return configure


@pytest.mark.parametrize("batch", [1, 2, 200])
def test_one_that_cannot_be_deleted_holds_up_no_other(
    discarded: list[str], refusing: Any, monkeypatch: Any, batch: int
) -> None:
    monkeypatch.setattr(sweeping, "BATCH_ROWS", batch)
    asked = refusing(discarded[0], discarded[1], discarded[3], discarded[4])
    code, report = run()
    assert (code, report["purged"], report["waiting"]) == (1, 2, 4)
    assert asked == discarded
    left = MediaAsset.objects.filter(state=State.DISCARDED).order_by("pk")
    assert list(left.values_list("key", flat=True)) == [discarded[number] for number in (0, 1, 3, 4)]


@pytest.mark.parametrize("batch", [1, 2, 200])
def test_a_storage_that_fails_three_times_in_a_row_is_left_alone(
    discarded: list[str], refusing: Any, monkeypatch: Any, batch: int
) -> None:
    monkeypatch.setattr(sweeping, "BATCH_ROWS", batch)
    asked = refusing(*discarded[1:4])
    code, report = run()
    assert (code, report["purged"], report["waiting"]) == (1, 1, 5)
    assert asked == discarded[:4]


def test_a_request_asks_a_silent_storage_once(discarded: list[str], refusing: Any) -> None:
    asked = refusing(*discarded)
    assert purge_discarded(MediaAsset.objects.values_list("pk", flat=True)) == 0
    assert len(asked) == 1


@pytest.mark.parametrize("grace", ["-1", "x", "9" * 12])
def test_odd_seconds_are_refused(grace: str) -> None:
    with pytest.raises(CommandError, match="--grace"):
        call_command("sweep_media", "--grace", grace)


def test_a_terminal_sees_a_bar_for_each_step(photo: Any) -> None:
    for number in range(3):
        published(photo(f"{number}.jpg"))
    MediaAsset.objects.update(state=State.DISCARDED)
    code, out, shown = on_a_terminal("sweep_media")
    assert (code, "Files deleted: 3." in out) == (0, True)
    assert "Discarded files:" in shown and full_bar(3) in shown
    assert "Direct uploads:" not in shown  # nothing was due
    assert shown.endswith(" \r")
