"""``manage.py storage_migrate``: everything is moved, compared, and delivered all the while; a kill loses nothing."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from media_assets.models import MediaAsset, State
from media_assets.operations import moving
from media_assets.operations.auditing.places import LOST
from media_assets.operations.locks import exclusive
from media_assets.processing import asset_process, asset_retry
from media_assets.services import assets_discard
from media_assets.storages import get_storage
from media_assets.storages.local import LocalStorage
from media_assets.sweeping import sweep
from media_assets.tests.stored import process_environment, published
from media_assets.tests.terminal import full_bar, on_a_terminal

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.s3]
REAL = "S3_TEST_ENDPOINT_URL" in os.environ
MANY = 1_000 if REAL else 60
Lines = dict[str, str]


@pytest.fixture
def lines(s3_site: Callable[..., Lines]) -> Lines:
    """A site that writes to local disk and knows a bucket."""
    return s3_site(USE_S3="False")


def run(*arguments: str) -> tuple[int, Any]:
    """Exit code and report."""
    out = io.StringIO()
    try:
        call_command("storage_migrate", "--json", "--grace", "0", *arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def content(alias: str, key: str) -> bytes:
    with get_storage(alias).open(key) as file:
        return bytes(file.read())


def keys(alias: str) -> set[str]:
    return {found.key for found in get_storage(alias).list_objects()}


def test_everything_is_moved_with_its_variants(lines: Lines, photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16, 32]
    public, private = published(photo("a.jpg")), published(photo("b.png", "PNG"), visibility="private")
    before = {(one.visibility, key): content(one.storage, key) for one in (public, private) for key in _keys(one)}
    local_url = f"/media/{public.key}"
    assert Client().get(local_url).status_code == 200

    code, report = run("--to", "s3")

    assert (code, report["moved"], report["left"], report["sources_kept"]) == (0, 2, 0, 2)
    assert report["bytes"] == sum(map(len, before.values()))
    for asset in MediaAsset.objects.all():
        assert (asset.storage, asset.copy_storage) == (f"s3-{asset.visibility}", f"local-{asset.visibility}")
    assert {(seen, key): content(f"s3-{seen}", key) for seen, key in before} == before
    answer = Client().get(local_url)
    assert answer.status_code == 302
    assert public.key in answer.headers["Location"]
    assert len(keys("local-public")) == 3  # the source is kept


def test_objects_are_as_an_upload_would_have_made_them(lines: Lines, photo: Any, s3_client: Any) -> None:
    asset = published(photo("a.jpg"))
    run("--to", "s3")
    head = s3_client.head_object(Bucket=lines["AWS_STORAGE_BUCKET_NAME"], Key=f"media/{asset.key}")
    assert (head["ContentType"], head["CacheControl"]) == ("image/jpeg", "public, max-age=86400")
    assert head["Metadata"] == {"asset-id": str(asset.object_id)}


def test_a_second_run_finds_nothing(lines: Lines, photo: Any) -> None:
    published(photo())
    run("--to", "s3")
    code, report = run("--to", "s3")
    assert (code, report["moved"], report["left"]) == (0, 0, 0)


def test_sources_are_deleted_only_when_asked(lines: Lines, photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    asset = published(photo())
    run("--to", "s3")
    assert run("--to", "s3", "--delete-source")[1]["sources_deleted"] == 1
    assert keys("local-public") == set()
    asset.refresh_from_db()
    assert (asset.storage, asset.copy_storage) == ("s3-public", "")
    assert len(keys("s3-public")) == 2


def test_a_source_is_kept_where_the_target_has_lost_it(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    run("--to", "s3")
    get_storage("s3-public").delete(asset.key)
    code, report = run("--to", "s3", "--delete-source")
    assert (code, report["sources_deleted"], report["missing"]) == (1, 0, 1)
    assert keys("local-public") == {asset.key}


@pytest.mark.parametrize("what", ["original", "variant"])
@pytest.mark.parametrize("target", ["s3", "local"])
def test_a_source_is_kept_where_the_target_holds_other_bytes_by_now(
    lines: Lines, photo: Any, settings: Any, target: str, what: str
) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    if target == "local":
        settings.MEDIA_ACTIVE_STORAGES = {"public": "s3-public", "private": "s3-private"}
    asset = published(photo())
    source = asset.storage
    run("--to", target)
    key, size = _object(asset, what)
    there = get_storage(f"{target}-{asset.visibility}")
    there.delete(key)
    there.create(key, ContentFile(b"x" * size), content_type="image/jpeg", object_id=uuid4())
    code, report = run("--to", target, "--delete-source")
    assert (code, report["sources_deleted"], report["damaged"]) == (1, 0, 1)
    assert keys(source) == set(_keys(asset))


def test_sources_stay_for_requests_under_way(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    run("--to", "s3")
    started = time.monotonic()
    MediaAsset.objects.update(updated_at=timezone.now() - timedelta(seconds=58))
    report = moving.MoveReport()
    moving.delete_sources("s3", report, jobs=1, grace=timedelta(minutes=1), progress=lambda: None)
    assert report.sources_deleted == 1
    assert time.monotonic() - started > 1.5
    assert asset.key not in keys("local-public")


def test_back_again(lines: Lines, photo: Any, settings: Any) -> None:
    """A rollback takes what is still there; what S3 alone has comes with it."""
    settings.MEDIA_VARIANT_WIDTHS = [16]
    kept = published(photo("kept.jpg"))
    run("--to", "s3")
    settings.MEDIA_ACTIVE_STORAGES = {"public": "s3-public", "private": "s3-private"}
    new = published(photo("new.jpg", color="navy"), visibility="private")
    before = content("s3-private", new.key)
    assert run("--to", "local")[1]["moved"] == 2
    assert content("local-private", new.key) == before
    assert Client().get(f"/media/{kept.key}").status_code == 200
    assert run("--to", "local", "--delete-source")[1]["sources_deleted"] == 2
    assert keys("s3-public") == keys("s3-private") == set()


@pytest.mark.parametrize("what", ["original", "variant"])
def test_other_bytes_than_the_registry_knows_stay(lines: Lines, photo: Any, settings: Any, what: str) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    asset = published(photo())
    key, _ = _object(asset, what)
    path = get_storage("local-public").path(key)  # type: ignore[attr-defined]
    with open(path, "r+b") as file:  # noqa: PTH123
        file.write(b"\0")
    code, report = run("--to", "s3")
    assert (code, report["damaged"], report["moved"]) == (1, 1, 0)
    assert report["problems"][0]["key"] == key
    asset.refresh_from_db()
    assert asset.storage == "local-public"


def test_a_missing_object_is_named(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    get_storage("local-public").delete(asset.key)
    code, report = run("--to", "s3")
    assert (code, report["missing"], report["problems"][0]["asset"]) == (1, 1, asset.pk)


def test_another_file_at_the_key_is_not_overwritten(lines: Lines, photo: Any, s3_client: Any) -> None:
    asset = published(photo())
    place = {"Bucket": lines["AWS_STORAGE_BUCKET_NAME"], "Key": f"media/{asset.key}"}
    s3_client.put_object(**place, Body=b"somebody's")
    code, report = run("--to", "s3")
    assert (code, report["taken"]) == (1, 1)
    assets_discard([asset.pk])
    assert s3_client.get_object(**place)["Body"].read() == b"somebody's"


def test_a_strangers_file_that_comes_in_the_middle_is_not_claimed(
    lines: Lines, photo: Any, s3_client: Any, settings: Any, monkeypatch: Any
) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    asset = published(photo())
    place = {"Bucket": lines["AWS_STORAGE_BUCKET_NAME"], "Key": f"media/{asset.key}"}
    _while_copied(monkeypatch, lambda: s3_client.put_object(**place, Body=b"somebody's"))
    assert run("--to", "s3")[1]["taken"] == 1
    asset.refresh_from_db()
    assert asset.copy_storage == ""
    assets_discard([asset.pk])
    assert keys("s3-public") == {asset.key}


def test_a_copy_made_by_other_means_is_replaced_by_a_right_one(lines: Lines, photo: Any, s3_client: Any) -> None:
    """As ``aws s3 sync`` leaves it: the bytes, without type and marks."""
    asset = published(photo())
    place = {"Bucket": lines["AWS_STORAGE_BUCKET_NAME"], "Key": f"media/{asset.key}"}
    s3_client.put_object(**place, Body=content("local-public", asset.key), ContentType="binary/octet-stream")
    assert run("--to", "s3")[1]["moved"] == 1
    assert s3_client.head_object(**place)["ContentType"] == "image/jpeg"


def test_what_is_discarded_while_it_is_copied_leaves_nothing(lines: Lines, photo: Any, monkeypatch: Any) -> None:
    asset = published(photo())
    _while_copied(monkeypatch, lambda: assets_discard([asset.pk]))
    code, report = run("--to", "s3")
    assert (code, report["gone"]) == (0, 1)
    assert keys("s3-public") == keys("local-public") == set()


def test_variants_made_while_it_is_copied_are_moved_too(
    lines: Lines, photo: Any, settings: Any, monkeypatch: Any
) -> None:
    asset = published(photo())
    settings.MEDIA_VARIANT_WIDTHS = [16, 32]

    def make_variants() -> None:
        MediaAsset.objects.filter(pk=asset.pk).update(work_due_at=timezone.now())
        asset_process(asset.pk)

    _while_copied(monkeypatch, make_variants)
    assert run("--to", "s3")[1]["moved"] == 1
    asset.refresh_from_db()
    assert [one["width"] for one in asset.variants] == [16, 32]
    assert keys("s3-public") == set(_keys(asset))


def test_a_worker_whose_asset_is_moved_away_begins_anew(
    lines: Lines, photo: Any, settings: Any, monkeypatch: Any
) -> None:
    asset = published(photo())
    settings.MEDIA_VARIANT_WIDTHS = [16]
    MediaAsset.objects.filter(pk=asset.pk).update(work_due_at=timezone.now())
    create, done = LocalStorage.create, []

    def create_then_move(self: Any, key: str, *args: Any, **how: Any) -> None:
        create(self, key, *args, **how)
        if not done:
            done.append(run("--to", "s3")[1]["moved"])

    monkeypatch.setattr(LocalStorage, "create", create_then_move)
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert (done, asset.storage, asset.variants) == ([1], "s3-public", None)
    MediaAsset.objects.filter(pk=asset.pk).update(work_due_at=timezone.now())  # its lease has run out
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert keys("s3-public") == set(_keys(asset))
    assert len(_keys(asset)) == 2
    run("--to", "s3", "--delete-source")
    assert keys("local-public") == set()


def test_a_discarded_asset_is_deleted_in_both_places(lines: Lines, photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    asset = published(photo())
    run("--to", "s3")
    assets_discard([asset.pk])
    assert keys("local-public") == keys("s3-public") == set()
    asset.refresh_from_db()
    assert asset.state == State.TOMBSTONE


def test_a_copy_that_came_after_its_asset_was_deleted_is_swept(lines: Lines, photo: Any) -> None:
    """A mover that was killed just then."""
    asset = published(photo())
    MediaAsset.objects.filter(pk=asset.pk).update(copy_storage="s3-public")
    assets_discard([asset.pk])
    late = ContentFile(b"late")
    get_storage("s3-public").create(asset.key, late, content_type="image/jpeg", object_id=asset.object_id)
    sweep(now=timezone.now() + timedelta(days=9))
    assert keys("s3-public") == set()
    assert not MediaAsset.objects.filter(pk=asset.pk).exists()


def test_what_comes_meanwhile_is_left_for_the_next_run(lines: Lines, photo: Any, monkeypatch: Any) -> None:
    published(photo("first.jpg"))
    _while_copied(monkeypatch, lambda: published(photo("second.jpg")))
    code, report = run("--to", "s3")
    assert (code, report["moved"], report["left"]) == (0, 1, 1)
    assert run("--to", "s3")[1]["left"] == 0


def test_a_picture_that_is_not_clean_yet_waits(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    MediaAsset.objects.filter(pk=asset.pk).update(state=State.PROCESSING)
    code, report = run("--to", "s3")
    assert (code, report["moved"], report["waiting"]) == (0, 0, 1)


def test_a_failed_one_moves_with_its_raw_original(lines: Lines, photo: Any) -> None:
    asset = _never_clean(published(photo()), b"raw")
    assert run("--to", "s3", "--delete-source")[1]["moved"] == 1
    asset.refresh_from_db()
    assert (asset.storage, asset.raw_storage) == ("s3-public", "s3-private")
    assert content("s3-private", "raw/x") == b"raw"
    assert keys("local-private") == set()


def test_a_failed_one_that_was_moved_leaves_no_raw_original_when_it_is_cleaned(lines: Lines, photo: Any) -> None:
    asset = _never_clean(published(photo()), photo().read())
    run("--to", "s3")
    asset.refresh_from_db()
    assert asset_retry(asset)
    asset_process(asset.pk)
    asset.refresh_from_db()
    assert (asset.state, asset.storage) == (State.READY, "s3-public")
    assert keys("local-private") == keys("s3-private") == set()


def test_what_is_known_to_be_lost_is_not_moved_and_no_failure(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    MediaAsset.objects.filter(pk=asset.pk).update(state=State.FAILED, failure_reason=LOST)
    code, report = run("--to", "s3")
    assert (code, report["left"], report["lost"]) == (0, 0, 1)


def test_an_unreadable_file_holds_up_no_other(lines: Lines, photo: Any) -> None:
    first, second = published(photo("a.jpg")), published(photo("b.jpg"))
    path = Path(get_storage("local-public").path(first.key))  # type: ignore[attr-defined]
    path.unlink()
    path.mkdir()  # opening it fails as a broken disk would
    code, report = run("--to", "s3", "--jobs", "1")
    assert (code, report["moved"], report["unreadable"]) == (1, 1, 1)
    assert keys("s3-public") == {second.key}
    path.rmdir()


def test_a_database_that_is_busy_is_asked_again(lines: Lines, photo: Any, monkeypatch: Any) -> None:
    published(photo())
    move, failed = moving.move, []

    def fail_once(*args: Any) -> Any:
        if not failed:
            failed.append(True)
            raise OperationalError("database is locked")
        return move(*args)

    monkeypatch.setattr(moving, "move", fail_once)
    assert run("--to", "s3")[1]["moved"] == 1


def test_a_discard_waits_for_the_configuration_of_its_copies(lines: Lines, photo: Any, site: Any) -> None:
    asset = published(photo())
    run("--to", "s3")
    run("--to", "local")
    site()
    assets_discard([asset.pk])
    asset.refresh_from_db()
    assert asset.state == State.DISCARDED
    site(**lines)
    sweep()
    assert keys("s3-public") == keys("local-public") == set()


def test_one_storage_that_is_down_holds_up_no_other_discards(lines: Lines, photo: Any, site: Any) -> None:
    copied, plain = published(photo("a.jpg")), published(photo("b.jpg"))
    run("--to", "s3")
    run("--to", "local")
    MediaAsset.objects.filter(pk=plain.pk).update(copy_storage="")
    site(**{**lines, "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"})
    MediaAsset.objects.update(state=State.DISCARDED)
    sweep()
    plain.refresh_from_db()
    copied.refresh_from_db()
    assert (plain.state, copied.state) == (State.TOMBSTONE, State.DISCARDED)


def test_a_worker_that_is_later_than_the_end_of_the_source_leaves_nothing_there(
    lines: Lines, photo: Any, settings: Any, monkeypatch: Any
) -> None:
    asset = published(photo())
    settings.MEDIA_VARIANT_WIDTHS = [16]
    MediaAsset.objects.filter(pk=asset.pk).update(work_due_at=timezone.now())
    create, done = LocalStorage.create, []

    def move_then_create(self: Any, key: str, *args: Any, **how: Any) -> None:
        if not done:
            done.append(run("--to", "s3", "--delete-source")[1]["sources_deleted"])
        create(self, key, *args, **how)

    monkeypatch.setattr(LocalStorage, "create", move_then_create)
    asset_process(asset.pk)
    assert (done, keys("local-public")) == ([1], set())


def test_waiting_for_the_grace_can_be_interrupted(lines: Lines, photo: Any) -> None:
    published(photo())
    run("--to", "s3")
    process = _process(lines, "--delete-source", "--grace", "600", preexec_fn=_take_interrupts)
    _wait_until_idle(process)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out)["sources_deleted"]) == (130, 0)


def test_a_request_that_read_the_row_just_before_is_redirected(lines: Lines, photo: Any, monkeypatch: Any) -> None:
    asset = published(photo())
    open_file = LocalStorage.open

    def move_then_open(self: Any, name: str, mode: str = "rb") -> Any:
        monkeypatch.setattr(LocalStorage, "open", open_file)
        run("--to", "s3", "--delete-source")
        return open_file(self, name, mode)

    monkeypatch.setattr(LocalStorage, "open", move_then_open)
    assert Client().get(f"/media/{asset.key}").status_code == 302


def test_a_dry_run_moves_nothing(lines: Lines, photo: Any) -> None:
    asset = published(photo())
    plan = {"to": "s3", "files": 1, "bytes": asset.size, "waiting": 0, "lost": 0, "sources_kept": 0}
    assert run("--to", "s3", "--dry-run") == (0, plan | {"dry_run": True})
    assert keys("s3-public") == set()


def test_without_a_bucket_it_says_what_to_set(site: Any) -> None:
    site()
    with pytest.raises(CommandError, match="AWS_STORAGE_BUCKET_NAME"):
        run("--to", "s3")


def test_only_one_at_a_time(lines: Lines) -> None:
    found: list[str] = []

    def another() -> None:
        try:
            run("--to", "s3")
        except CommandError as error:
            found.append(str(error))

    with exclusive("storage_migrate"):
        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert "Another storage_migrate" in found[0]
    assert run("--to", "s3")[0] == 0


def test_a_storage_that_is_down_ends_it(lines: Lines, photo: Any, site: Any) -> None:
    for number in range(12):
        published(photo(f"{number}.jpg"))
    site(**{**lines, "AWS_S3_ENDPOINT_URL": "http://127.0.0.1:9"})
    code, report = run("--to", "s3", "--jobs", "2")
    assert (code, report["silent"], report["dry_run"]) == (1, True, False)
    assert moving.SILENT <= report["unavailable"] < 12
    assert report["left"] == 12


def test_the_pace_is_kept() -> None:
    pace, started = moving.Pace(1_000_000), time.monotonic()
    threads = [threading.Thread(target=pace.take, args=(100_000,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - started > 0.28


@pytest.mark.parametrize("text", ["0", "fast", "10MB", "-1"])
def test_a_rate_that_is_none_is_a_usage_error(text: str) -> None:
    with pytest.raises(CommandError, match="is no rate"):
        call_command("storage_migrate", "--to", "s3", f"--rate={text}")


@pytest.mark.parametrize("grace", ["-5", "x"])
def test_odd_seconds_are_a_usage_error(grace: str) -> None:
    with pytest.raises(CommandError, match="--grace"):
        call_command("storage_migrate", "--to", "s3", "--grace", grace)


def test_a_terminal_sees_a_bar_for_each_step(lines: Lines, photo: Any) -> None:
    for number in range(3):
        published(photo(f"{number}.jpg"))
    code, out, shown = on_a_terminal("storage_migrate", "--to", "s3", "--delete-source", "--grace", "0", **lines)
    assert (code, out.startswith("Moved to s3: 3 files"), shown.count(full_bar(3))) == (0, True, 2)
    assert "Moving:" in shown and "Deleting at the source:" in shown
    assert shown.endswith(" \r")


def test_killed_again_and_again_it_goes_on_where_it_was(lines: Lines, photo: Any) -> None:
    assets = [published(photo(f"{number}.jpg", color=f"#{number:06x}")) for number in range(MANY)]
    before = {asset.key: content("local-public", asset.key) for asset in assets}
    total = sum(map(len, before.values()))
    moved_before = 0
    for _ in range(2):
        process = _process(lines, "--rate", str(total // 4))
        while _moved() < moved_before + MANY // 5:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        moved_before = _moved()
    assert MANY // 3 < moved_before < MANY
    process = _process(lines, "--delete-source", "--grace", "0")
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    assert {"moved": MANY - moved_before, "left": 0, "sources_deleted": MANY}.items() <= json.loads(out).items()
    assert {key: content("s3-public", key) for key in keys("s3-public")} == before
    assert keys("local-public") == set()
    assert set(MediaAsset.objects.values_list("storage", "copy_storage")) == {("s3-public", "")}


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_after_the_files_under_way(lines: Lines, photo: Any, sent: int) -> None:
    for number in range(20):
        published(photo(f"{number}.jpg"))
    process = _process(lines, "--rate", "1K", "--jobs", "1", preexec_fn=_take_interrupts)
    while not _moved():
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(sent)
    out, _ = process.communicate(timeout=60)
    report = json.loads(out)
    assert (process.returncode, report["interrupted"]) == (130, True)
    assert report["moved"] == _moved() < 20


def _take_interrupts() -> None:
    """Even where these tests run in the background, whose programs ignore them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _process(lines: Lines, *arguments: str, **how: Any) -> "subprocess.Popen[str]":
    command = [sys.executable, "manage.py", "storage_migrate", "--to", "s3", "--json", *arguments]
    return subprocess.Popen(command, env=process_environment(**lines), stdout=subprocess.PIPE, text=True, **how)


def _wait_until_idle(process: "subprocess.Popen[str]") -> None:
    """Until it has worked, and then used no processor time for three seconds."""
    used = [0.0]
    for _ in range(100):
        time.sleep(0.5)
        used.append(sum(psutil.Process(process.pid).cpu_times()[:2]))
        if used[-1] > 0.3 and len(used) > 6 and used[-1] == used[-7]:
            return
    raise AssertionError(f"It does not wait: {used}")


def _moved() -> int:
    return MediaAsset.objects.filter(storage="s3-public").count()


def _never_clean(asset: MediaAsset, data: bytes) -> MediaAsset:
    """As one whose cleaning failed: its raw original is all that there is."""
    raw = get_storage("local-private")
    raw.create("raw/x", ContentFile(data), content_type="image/jpeg", object_id=asset.object_id)
    get_storage("local-public").delete(asset.key)
    MediaAsset.objects.filter(pk=asset.pk).update(state=State.FAILED, raw_storage="local-private", raw_key="raw/x")
    return asset


def _object(asset: MediaAsset, what: str) -> tuple[str, int]:
    """The key and the bytes of the original or of the first variant."""
    return (asset.key, asset.size) if what == "original" else (asset.variants[0]["key"], asset.variants[0]["size"])


def _keys(asset: MediaAsset) -> list[str]:
    return [asset.key, *(one["key"] for one in asset.variants or ())]


def _while_copied(monkeypatch: Any, act: Callable[[], None]) -> None:
    """Do it once, when the first object is written to the target."""
    write, done = moving._write_verified, []

    def act_then_write(*args: Any) -> None:
        if not done:
            done.append(True)
            act()
        write(*args)

    monkeypatch.setattr(moving, "_write_verified", act_then_write)
