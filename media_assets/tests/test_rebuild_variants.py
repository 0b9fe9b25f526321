"""``manage.py rebuild_variants``: what differs is made, once, in parallel, and its exit code says how it went."""

import io
import json
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone

from media_assets import processing, rebuilding
from media_assets.errors import StorageUnavailable
from media_assets.imaging.isolation import DecodeFailed
from media_assets.models import MediaAsset, State
from media_assets.progress import ProgressBar
from media_assets.storages import get_storage
from media_assets.tests.stored import process_environment, published
from media_assets.tests.terminal import full_bar, on_a_terminal

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [16, 32]


@pytest.fixture
def old(photo: Any, settings: Any) -> list[MediaAsset]:
    """Four pictures from the time before there were variants."""
    assets = [published(photo(f"{number}.jpg")) for number in range(4)]
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    return assets


def run(*arguments: str) -> tuple[int, Any]:
    """Exit code and report."""
    out = io.StringIO()
    try:
        call_command("rebuild_variants", "--json", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def made() -> int:
    return MediaAsset.objects.filter(variants_of="v1:16,32").count()


def test_pictures_without_variants_are_given_them_once(old: list[MediaAsset]) -> None:
    assert run("--dry-run") == (0, {"outdated": 4})
    assert made() == 0
    assert run() == (0, {"made": 4, "failed": 0, "taken": 0, "interrupted": False})
    for asset in MediaAsset.objects.all():
        assert [one["width"] for one in asset.variants] == WIDTHS
        assert asset.placeholder
        assert asset.work_due_at is None
    assert run() == (0, {"made": 0, "failed": 0, "taken": 0, "interrupted": False})


def test_other_presets_leave_nothing_of_the_old_ones(old: list[MediaAsset], settings: Any) -> None:
    run()
    settings.MEDIA_VARIANT_WIDTHS = [32, 48]
    assert run("--jobs", "3")[1]["made"] == 4
    for asset in MediaAsset.objects.all():
        assert [one["width"] for one in asset.variants] == [32, 48]
    assert len(list(get_storage("local-public").list_objects("variants/"))) == 8


def test_a_limited_run_is_continued_by_the_next(old: list[MediaAsset]) -> None:
    assert [run("--limit", "3")[1]["made"], made()] == [3, 3]
    assert run("--limit", "3")[1]["made"] == 1


def test_batches_cover_all(old: list[MediaAsset], monkeypatch: Any) -> None:
    monkeypatch.setattr(rebuilding, "BATCH", 3)
    assert list(rebuilding.outdated_ids()) == [asset.pk for asset in old]
    assert list(rebuilding.outdated_ids(2)) == [asset.pk for asset in old[:2]]


def test_only_delivered_pictures_are_worked_on(old: list[MediaAsset]) -> None:
    for asset, state in zip(old, (State.PROCESSING, State.FAILED, State.DISCARDED), strict=False):
        MediaAsset.objects.filter(pk=asset.pk).update(state=state)
    MediaAsset.objects.filter(pk=old[3].pk).update(width=None)  # no picture
    assert run("--dry-run") == (0, {"outdated": 0})


def test_without_widths_nothing_is_to_be_made(old: list[MediaAsset], settings: Any, capsys: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = []
    call_command("rebuild_variants")
    assert capsys.readouterr().out == "MEDIA_VARIANT_WIDTHS is empty: nothing is to be made.\n"
    assert not MediaAsset.objects.exclude(variants_of="").exists()


def test_what_failed_is_counted_and_said(old: list[MediaAsset], monkeypatch: Any, capsys: Any) -> None:
    make = processing.make_variants
    bad = str(get_storage(old[1].storage).path(old[1].key))  # type: ignore[attr-defined]

    def refuse_one(path: Any, widths: Any) -> Any:
        if str(path) == bad:
            raise DecodeFailed("It crashed the decoder.")
        return make(path, widths)

    monkeypatch.setattr(processing, "make_variants", refuse_one)
    with pytest.raises(SystemExit) as end:
        call_command("rebuild_variants")
    assert end.value.code == 1
    printed = capsys.readouterr()
    assert "3 pictures made. 1 picture failed" in printed.out
    assert printed.err == ""  # no bar where there is no terminal
    assert MediaAsset.objects.get(pk=old[1].pk).failure_reason == "It crashed the decoder."


def test_a_silent_storage_fails_and_a_worker_comes_back_for_it(old: list[MediaAsset], monkeypatch: Any) -> None:
    def silent(*args: Any) -> Any:
        raise StorageUnavailable

    monkeypatch.setattr(processing, "local_copy", silent)
    assert run() == (1, {"made": 0, "failed": 4, "taken": 0, "interrupted": False})
    assert MediaAsset.objects.filter(state=State.READY, work_due_at__gt=timezone.now()).count() == 4
    monkeypatch.undo()
    MediaAsset.objects.update(work_due_at=timezone.now())
    assert run()[0] == 0
    assert made() == 4


def test_what_was_given_up_is_tried_again(old: list[MediaAsset]) -> None:
    MediaAsset.objects.update(failure_reason="Given up.", work_tries=5)
    assert run()[0] == 0
    assert not MediaAsset.objects.exclude(failure_reason="").exists()


def test_what_a_worker_has_is_left_to_it(old: list[MediaAsset]) -> None:
    lease = timezone.now() + timedelta(minutes=5)
    MediaAsset.objects.filter(pk=old[0].pk).update(work_due_at=lease, work_tries=1)
    assert run() == (1, {"made": 3, "failed": 0, "taken": 1, "interrupted": False})
    untouched = MediaAsset.objects.get(pk=old[0].pk)
    assert (untouched.work_due_at, untouched.work_tries, untouched.variants) == (lease, 1, None)


def test_two_runs_at_once_make_each_picture_once(old: list[MediaAsset], monkeypatch: Any) -> None:
    calls: list[str] = []
    make = processing.make_variants
    monkeypatch.setattr(processing, "make_variants", lambda path, widths: calls.append(str(path)) or make(path, widths))
    reports = []

    def other() -> None:
        reports.append(rebuilding.rebuild_all(rebuilding.outdated_ids(), jobs=2, progress=lambda: None))

    threads = [threading.Thread(target=other) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == len(set(calls)) == made() == 4
    assert len(reports) == 2
    assert not any(report.counts[rebuilding.Outcome.FAILED] for report in reports)


def test_a_discarded_picture_is_no_failure(old: list[MediaAsset], monkeypatch: Any) -> None:
    make = processing.make_variants

    def discarded(*args: Any) -> Any:
        MediaAsset.objects.update(state=State.DISCARDED)
        return make(*args)

    monkeypatch.setattr(processing, "make_variants", discarded)
    assert run("--jobs", "1")[0] == 0


def test_queue_hands_over_and_does_not_wait(old: list[MediaAsset], settings: Any, monkeypatch: Any) -> None:
    sent: list[int] = []
    monkeypatch.setattr("media_assets.management.commands.rebuild_variants.send", lambda pk: sent.append(pk) or True)
    with pytest.raises(CommandError, match="CELERY_BROKER_URL"):
        run("--queue")
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    assert run("--queue", "--limit", "3") == (0, {"sent": 3})
    assert sent == [asset.pk for asset in old[:3]]
    assert MediaAsset.objects.filter(work_due_at__lte=timezone.now()).count() == 3
    assert made() == 0
    assert run("--queue") == (0, {"sent": 1})  # what was handed over is not handed over again


def test_a_broker_that_refuses_ends_it(old: list[MediaAsset], settings: Any, monkeypatch: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr("media_assets.management.commands.rebuild_variants.send", lambda pk: False)
    with pytest.raises(CommandError, match="0 pictures handed over"):
        run("--queue")


@pytest.mark.parametrize("arguments", [("--jobs", "0"), ("--limit", "0"), ("--limit", "x")])
def test_odd_numbers_are_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("rebuild_variants", *arguments)


@pytest.fixture
def command(old: list[MediaAsset]) -> Any:
    """Starts ``manage.py rebuild_variants`` as a process, on this test's database and folders."""

    def start(*arguments: str, **how: Any) -> subprocess.Popen[str]:
        words = [sys.executable, "manage.py", "rebuild_variants", *arguments]
        where = {"env": process_environment(), "cwd": django_settings.BASE_DIR}
        return subprocess.Popen(words, **where, text=True, preexec_fn=_heed_interrupts, **how)

    return start


def _heed_interrupts() -> None:
    """Where the tests themselves run in the background they ignore SIGINT, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_run_is_taken_up_by_the_next(
    old: list[MediaAsset], photo: Any, settings: Any, command: Any, sent: int
) -> None:
    settings.MEDIA_VARIANT_WIDTHS = []
    for number in range(60):  # more than a second of work
        published(photo(f"more-{number}.jpg", size=(1600, 1200)))
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    process = command("--jobs", "2", stdout=subprocess.PIPE)
    wait_for(lambda: made() >= 2)
    process.send_signal(sent)
    out = process.communicate(timeout=60)[0]
    done = made()
    assert 2 <= done < 64
    if sent == signal.SIGINT:  # the pictures under way are finished first
        assert (process.returncode, f"{done} pictures made. Interrupted" in out) == (130, True)
        assert not MediaAsset.objects.exclude(work_due_at=None).exists()
    else:
        assert process.returncode == -signal.SIGKILL
        MediaAsset.objects.update(work_due_at=None)  # as when the leases of those under way are over
    before = {asset.pk: asset.updated_at for asset in MediaAsset.objects.filter(variants_of="v1:16,32")}
    assert run() == (0, {"made": 64 - done, "failed": 0, "taken": 0, "interrupted": False})
    assert made() == 64
    assert before == {pk: MediaAsset.objects.get(pk=pk).updated_at for pk in before}
    assert len(list(get_storage("local-public").list_objects("variants/"))) == 128


def test_a_terminal_sees_a_bar(old: list[MediaAsset]) -> None:
    code, out, shown = on_a_terminal("rebuild_variants")
    assert (code, out) == (0, "4 pictures made.\n")
    assert full_bar(4) in shown
    assert shown.endswith(" \r")


def test_the_bar_says_how_far_how_fast_and_how_long() -> None:
    bar = ProgressBar(400, None)
    assert bar.text(0).endswith("0/400  0.0/s  ? left")
    for _ in range(100):
        bar.advance()
    assert bar.text(50) == f"[{'#' * 7}{'.' * 23}]  100/400  2.0/s  2:30 left"
    assert bar.text(3600) == f"[{'#' * 7}{'.' * 23}]  100/400  0.0/s  3:00:00 left"
    bar.close()
