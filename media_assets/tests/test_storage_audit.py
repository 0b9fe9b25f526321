"""``manage.py storage_audit``: a healthy site is clean, each difference is found, and fixed without harm."""

import contextlib
import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from conftest import draw
from media_assets import processing
from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.operations import auditing
from media_assets.operations.auditing import findings as looking
from media_assets.operations.auditing import fixing
from media_assets.operations.auditing.places import LOST
from media_assets.operations.locks import exclusive
from media_assets.services import purge_discarded
from media_assets.storages import get_storage, lies_in_another
from media_assets.tests.stored import published
from media_assets.tests.terminal import Typed, full_bar, on_a_terminal
from media_assets.tests.uploads import complete_upload, pending_upload

pytestmark = pytest.mark.django_db(transaction=True)
WIDTHS = [16, 32]


@pytest.fixture(params=["local", "s3"])
def engine(request: Any, site: Any, s3_server: Any, s3_bucket: str, settings: Any) -> str:
    """S3 is configured in both; new files go to this engine, with variants."""
    use_s3 = str(request.param == "s3")
    site(USE_S3=use_s3, AWS_STORAGE_BUCKET_NAME=s3_bucket, **s3_server)
    settings.MEDIA_VARIANT_WIDTHS = WIDTHS
    return str(request.param)


@pytest.fixture
def picture(engine: str, photo: Any) -> MediaAsset:
    return published(photo("sea.jpg"))


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    out, code = io.StringIO(), 0
    try:
        call_command("storage_audit", "--json", "--grace", "0", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


def found(*arguments: str) -> list[tuple[str, str, str]]:
    """Kind, storage and key of every finding."""
    code, report = run(*arguments)
    assert code == bool(report["examples"])
    return sorted((one["kind"], one["storage"], one["key"]) for one in report["examples"])


def fixed(*arguments: str) -> dict[str, int]:
    """What ``--fix`` did, without what it did not do."""
    done = run("--fix", "--yes", *arguments)[1]["fixed"] or {}
    return {name: count for name, count in done.items() if count and name not in ("dry_run", "reasons")}


def put(alias: str, key: str, data: bytes = b"a stray") -> None:
    get_storage(alias).create(key, ContentFile(data), content_type="image/jpeg", object_id=uuid4())


def replace(alias: str, key: str, data: bytes) -> None:
    get_storage(alias).delete(key)
    put(alias, key, data)


def lies(alias: str, key: str) -> bool:
    return key in {one.key for one in get_storage(alias).list_objects()}


def copy_to(asset: MediaAsset, alias: str, *keys: str) -> None:
    for key in keys or [asset.key, *(asset.variant_keys or ())]:
        with get_storage(asset.storage).open(key) as file:
            put(alias, key, file.read())


def other(engine: str, visibility: str = "public") -> str:
    return f"{'local' if engine == 's3' else 's3'}-{visibility}"


# --- a healthy site ---------------------------------------------------------------------------------------------------


def test_a_healthy_site_is_clean(engine: str, photo: Any, settings: Any, make_user: Any) -> None:
    published(photo("a.jpg"))
    published(photo("b.jpg"), visibility="private")
    complete_upload(photo("c.jpg"))
    anna = make_user()
    for status in (Upload.STATUS_PENDING, Upload.STATUS_EXPIRED, Upload.STATUS_REJECTED, Upload.STATUS_DISCARDED):
        due = timezone.now() + timedelta(hours=1)
        upload = pending_upload(owner=anna, status=status, staged=True, due_at=due)
        put(upload.storage, upload.staging_key)
    pending_upload(owner=anna)  # nothing has come
    code, report = run("--checksums")
    assert (code, report["examples"], report["clean"]) == (0, [], True)
    assert report["storages"][f"{engine}-public"]["objects"] == 3
    assert report["storages"][f"{engine}-private"]["objects"] == 10


@pytest.mark.parametrize("state", [State.RESERVED, State.DISCARDED, State.TOMBSTONE])
def test_what_is_coming_or_going_may_be_there_or_not(picture: MediaAsset, state: str) -> None:
    lease = timezone.now() + timedelta(hours=1)
    MediaAsset.objects.update(state=state, lease_expires_at=lease, purge_after=lease)
    assert found() == []
    for key in (picture.key, *picture.variant_keys):
        get_storage(picture.storage).delete(key)
    assert found() == []


def test_a_moved_asset_with_its_kept_source_is_clean(engine: str, picture: MediaAsset) -> None:
    target = other(engine)
    MediaAsset.objects.update(copy_storage=target)
    copy_to(picture, target, picture.key)  # under way
    assert found() == []
    copy_to(picture, target, *picture.variant_keys)
    MediaAsset.objects.update(storage=target, copy_storage=picture.storage)
    assert found("--checksums") == []
    MediaAsset.objects.update(copy_storage="")  # nobody knows the source any more
    assert found() == [("stray", picture.storage, key) for key in sorted([picture.key, *picture.variant_keys])]


def test_raw_originals_are_required_until_they_are_clean(engine: str, picture: MediaAsset) -> None:
    private = f"{engine}-private"
    put(private, "raw/one", b"x" * 5)
    MediaAsset.objects.update(
        state=State.PROCESSING, raw_storage=private, raw_key="raw/one", size=5, sha256="", copy_storage=other(engine)
    )
    put(other(engine, "private"), "raw/one")  # its copy, of a move
    get_storage(picture.storage).delete(picture.key)
    assert found() == []
    get_storage(private).delete("raw/one")
    assert found() == [("missing_raw", private, "raw/one")]
    MediaAsset.objects.update(state=State.FAILED)
    assert found() == [("missing_raw", private, "raw/one")]


def test_a_worker_that_died_after_the_raw_original_was_removed_is_no_finding(engine: str, picture: MediaAsset) -> None:
    replaced = draw(size=(20, 20))
    get_storage(picture.storage).delete(picture.key)
    content = ContentFile(replaced)
    get_storage(picture.storage).create(
        picture.key, content, content_type="image/jpeg", object_id=picture.object_id
    )  # clean, not yet settled
    MediaAsset.objects.update(state=State.PROCESSING, raw_storage=f"{engine}-private", raw_key="raw/one")
    assert found() == []


# --- findings ---------------------------------------------------------------------------------------------------------


def test_every_difference_is_found(picture: MediaAsset, photo: Any, engine: str) -> None:
    small, large = [one["key"] for one in picture.variants]
    second, third = published(photo("second.jpg")), published(photo("third.jpg", size=(10, 10)))
    storage = get_storage(picture.storage)
    for key in (picture.key, small):
        storage.delete(key)
    replace(picture.storage, large, b"short")
    replace(second.storage, second.key, b"short too")
    same_length = b"x" * third.size
    replace(third.storage, third.key, same_length)
    put(picture.storage, "strays/a b.jpg")
    put(f"{engine}-private", "staging/no-upload/x.jpg")
    alias = picture.storage
    expected = [
        ("missing_original", alias, picture.key),
        ("missing_variant", alias, small),
        ("other_size_original", alias, second.key),
        ("other_size_variant", alias, large),
        ("stray", alias, "strays/a b.jpg"),
        ("stray", f"{engine}-private", "staging/no-upload/x.jpg"),
    ]
    assert found() == sorted(expected)
    assert found("--checksums") == sorted([*expected, ("other_checksum_original", alias, third.key)])
    assert found("--storage", f"{engine}-private") == [expected[-1]]
    report = run()[1]["storages"][alias]
    assert report["findings"]["other_size_original"] == {"count": 1, "bytes": second.size}


def test_failed_assets_keep_their_originals(picture: MediaAsset) -> None:
    MediaAsset.objects.update(state=State.FAILED, failure_reason="It crashed the decoder.")
    assert found() == []
    get_storage(picture.storage).delete(picture.key)
    assert found() == [("missing_original", picture.storage, picture.key)]


def test_young_objects_are_no_strays(picture: MediaAsset) -> None:
    put(picture.storage, "strays/a.jpg")
    assert found("--grace", "600") == []
    assert found() == [("stray", picture.storage, "strays/a.jpg")]


def test_objects_of_young_rows_are_not_missing(picture: MediaAsset) -> None:
    """A store may not show yet what was just written."""
    small = picture.variants[0]["key"]
    for key in (picture.key, small):
        get_storage(picture.storage).delete(key)
    assert found("--grace", "600") == []
    assert fixed("--grace", "600") == {}
    assert MediaAsset.objects.get().state == State.READY
    expected = [("missing_original", picture.storage, picture.key), ("missing_variant", picture.storage, small)]
    assert found() == expected
    MediaAsset.objects.update(published_at=timezone.now() - timedelta(seconds=601))
    assert found("--grace", "600") == expected
    assert fixed("--grace", "600") == {"marked_failed": 1}


def test_a_young_row_that_became_missing_after_the_look_is_left(picture: MediaAsset) -> None:
    replace(picture.storage, picture.key, b"short")
    with auditing.Audit(None, grace=600, checksums=False, jobs=1) as audit:
        audit.run()
        get_storage(picture.storage).delete(picture.key)
        how = {"dry_run": False, "keep_strays": False, "accept_loss": False}
        done = fixing.fix(audit, **how, advance=lambda: None)
    assert done.outcomes[fixing.Outcome.SETTLED] == 1
    assert MediaAsset.objects.get().state == State.READY


@pytest.mark.parametrize("data", [b"short", None])
def test_what_lies_there_is_compared_at_any_age(picture: MediaAsset, data: bytes | None) -> None:
    replace(picture.storage, picture.key, data or b"x" * picture.size)
    kind = "other_size_original" if data else "other_checksum_original"
    assert found("--grace", "600", "--checksums") == [(kind, picture.storage, picture.key)]


def test_a_private_storage_at_the_buckets_root_does_not_own_the_public_folder(
    s3_site: Any, photo: Any, settings: Any
) -> None:
    s3_site(AWS_PRIVATE_LOCATION="")
    published(photo("a.jpg"))
    published(photo("b.jpg"), visibility="private")
    assert found() == []
    assert any(lies_in_another("s3-private", one.key) for one in get_storage("s3-private").list_objects())


def test_a_storage_that_is_not_configured_is_said(site: Any, s3_site: Any, photo: Any, capsys: Any) -> None:
    s3_site()
    published(photo("a.jpg"))
    site()
    code, report = run()
    assert (code, report["unavailable"]) == (1, {"s3-public": 1})
    assert run("--storage", "local-public")[0] == 0
    with pytest.raises(SystemExit):
        call_command("storage_audit")
    assert "s3-public: not configured here, and 1 file of the registry there: set AWS_STORAGE_BUCKET_NAME" in (
        capsys.readouterr().out
    )


# --- beside a service that writes -------------------------------------------------------------------------------------


def test_what_is_published_or_deleted_meanwhile_is_no_finding(
    picture: MediaAsset, photo: Any, monkeypatch: Any, client_of: Any
) -> None:
    listing = auditing._own_objects

    def late(alias: str, advance: Any) -> Any:
        """Between the rows and the objects one picture comes, and before the objects are read one goes."""
        if alias == picture.storage:
            published(photo("late.jpg"))
            MediaAsset.objects.filter(pk=picture.pk).update(state=State.DISCARDED, updated_at=timezone.now())
            purge_discarded([picture.pk])
        return listing(alias, advance)

    monkeypatch.setattr(auditing, "_own_objects", late)
    assert found() == []


def test_a_row_that_changes_under_the_look_is_looked_at_again(picture: MediaAsset, monkeypatch: Any) -> None:
    get_storage(picture.storage).delete(picture.key)
    looks: list[int] = []
    examine = looking.examine

    def discarded_meanwhile(asset: MediaAsset, *how: Any) -> Any:
        looks.append(asset.pk)
        return examine(asset, *how)

    class Rows:
        """The row is discarded after it was read."""

        def __getattr__(self, name: str) -> Any:
            return getattr(MediaAsset._default_manager, name)

        def in_bulk(self, ids: Any) -> Any:
            rows = MediaAsset._default_manager.in_bulk(ids)
            MediaAsset._default_manager.update(state=State.DISCARDED, updated_at=timezone.now())
            return rows

    class Model:
        objects = Rows()

    monkeypatch.setattr(looking, "examine", discarded_meanwhile)
    monkeypatch.setattr(looking, "MediaAsset", Model)
    assert found() == []
    assert len(looks) == 2


def test_a_listing_that_fails_half_way_finds_nothing_and_fixes_nothing(picture: MediaAsset, monkeypatch: Any) -> None:
    get_storage(picture.storage).delete(picture.key)
    listing = auditing._own_objects

    def half(alias: str, advance: Any) -> Any:
        for found in listing(alias, advance):
            yield found
            if alias == picture.storage:
                raise StorageUnavailable

    monkeypatch.setattr(auditing, "_own_objects", half)
    code, report = run("--fix", "--yes")
    assert (code, report["examples"], report["fixed"]) == (1, [], None)
    assert report["storages"][picture.storage]["complete"] is False
    assert MediaAsset.objects.get().state == State.READY


def test_what_cannot_be_looked_at_once_more_is_unconfirmed_and_stays(picture: MediaAsset, monkeypatch: Any) -> None:
    storage = get_storage(picture.storage)
    storage.delete(picture.key)

    def silent(key: str) -> Any:
        raise StorageUnavailable

    monkeypatch.setattr(storage, "stat", silent)
    code, report = run("--fix", "--yes")
    assert (code, report["examples"], report["fixed"]) == (1, [], None)
    assert report["storages"][picture.storage]["unconfirmed"] > 0
    assert MediaAsset.objects.get().state == State.READY


# --- fixes ------------------------------------------------------------------------------------------------------------


def test_strays_are_deleted(picture: MediaAsset) -> None:
    put(picture.storage, "strays/a.jpg")
    assert run("--fix", "--dry-run")[0] == 1
    assert fixed("--dry-run") == {"deleted": 1}
    assert fixed("--keep-strays") == {"left": 1}
    assert fixed("--storage", picture.storage.replace("public", "private")) == {}
    assert lies(picture.storage, "strays/a.jpg")
    assert fixed() == {"deleted": 1}
    assert not lies(picture.storage, "strays/a.jpg")
    assert found() == []


def test_a_stray_that_a_row_knows_by_then_is_not_deleted(picture: MediaAsset, monkeypatch: Any) -> None:
    put(picture.storage, "strays/a.jpg")
    repair = fixing.fix

    def later(*args: Any, **how: Any) -> Any:
        MediaAsset.objects.update(copy_storage=picture.storage, storage=picture.storage, key="strays/a.jpg")
        return repair(*args, **how)

    monkeypatch.setattr("media_assets.management.commands.storage_audit.fix", later)
    assert fixed() == {"settled_meanwhile": 1}
    assert lies(picture.storage, "strays/a.jpg")


@pytest.mark.parametrize("how", ["copy_storage", "other engine"])
@pytest.mark.parametrize("wrong", ["missing", "other size", "other checksum"])
def test_a_row_is_pointed_to_where_its_bytes_are(engine: str, picture: MediaAsset, how: str, wrong: str) -> None:
    target = other(engine)
    copy_to(picture, target)
    if how == "copy_storage":
        MediaAsset.objects.update(copy_storage=target)
    get_storage(picture.storage).delete(picture.key)
    if wrong != "missing":
        put(picture.storage, picture.key, b"short" if wrong == "other size" else b"x" * picture.size)
    arguments = ["--keep-strays", *(["--checksums"] if wrong == "other checksum" else [])]
    assert fixed(*arguments, "--dry-run")["pointed_to_copy"] == 1
    assert MediaAsset.objects.get().storage == picture.storage
    assert fixed(*arguments)["pointed_to_copy"] == 1
    asset = MediaAsset.objects.get()
    assert (asset.storage, asset.copy_storage, asset.state) == (target, picture.storage, State.READY)
    assert asset.variants == picture.variants
    assert found("--checksums") == []


def test_variants_that_the_copy_lacks_are_made_there(engine: str, picture: MediaAsset) -> None:
    copy_to(picture, other(engine), picture.key, picture.variants[0]["key"])
    get_storage(picture.storage).delete(picture.key)
    assert fixed("--keep-strays")["pointed_to_copy"] == 1
    asset = MediaAsset.objects.get()
    assert [one["width"] for one in asset.variants] == WIDTHS
    assert lies(other(engine), picture.variants[1]["key"])
    assert found() == []


@pytest.mark.parametrize("data", [b"short", None])
def test_a_copy_of_other_bytes_is_not_taken(engine: str, picture: MediaAsset, data: bytes | None) -> None:
    MediaAsset.objects.update(copy_storage=other(engine))
    put(other(engine), picture.key, data or b"y" * picture.size)
    get_storage(picture.storage).delete(picture.key)
    assert fixed() == {"marked_failed": 1}
    asset = MediaAsset.objects.get()
    assert (asset.state, asset.failure_reason, asset.storage) == (State.FAILED, LOST, picture.storage)
    code, report = run()
    assert (code, report["known_losses"], report["examples"]) == (0, 1, [])


def test_a_different_original_without_a_copy_fails(picture: MediaAsset) -> None:
    replace(picture.storage, picture.key, b"x" * picture.size)
    assert fixed("--checksums") == {"marked_failed": 1}
    assert MediaAsset.objects.get().failure_reason == "Its bytes are not those that were stored."
    assert found("--checksums") == []


def test_a_raw_original_is_found_in_its_copy(engine: str, picture: MediaAsset) -> None:
    aliases = {"raw_storage": f"{engine}-private", "copy_storage": other(engine)}
    MediaAsset.objects.update(state=State.PROCESSING, raw_key="raw/one", size=5, sha256="", **aliases)
    get_storage(picture.storage).delete(picture.key)
    put(other(engine, "private"), "raw/one", b"right")
    assert fixed() == {"pointed_to_copy": 1}
    assert MediaAsset.objects.get().raw_storage == other(engine, "private")
    assert found() == []
    get_storage(other(engine, "private")).delete("raw/one")
    assert fixed() == {"marked_failed": 1}
    assert MediaAsset.objects.get().failure_reason == LOST


def test_the_reason_is_the_one_that_workers_give(picture: MediaAsset, engine: str) -> None:
    """A raw original that a worker has not found at the last try either is a known loss, and no finding."""
    put(f"{engine}-private", "raw/another")
    where = {"raw_storage": f"{engine}-private", "raw_key": "raw/gone"}
    last = {"work_due_at": timezone.now(), "work_tries": processing.MAX_TRIES - 1}
    get_storage(picture.storage).delete(picture.key)
    MediaAsset.objects.update(state=State.PROCESSING, object_id=uuid4(), variants=None, **where, **last)
    processing.asset_process(picture.pk)
    assert MediaAsset.objects.get().failure_reason == LOST
    assert run()[1]["known_losses"] == 1


def test_a_copy_on_a_storage_that_is_not_configured_is_waited_for(photo: Any, site: Any) -> None:
    asset = published(photo("a.jpg"))
    MediaAsset.objects.update(copy_storage="s3-public")
    get_storage(asset.storage).delete(asset.key)
    code, report = run("--fix", "--yes")
    assert (code, report["fixed"]["left"]) == (1, 1)
    assert "AWS_STORAGE_BUCKET_NAME" in next(iter(report["fixed"]["reasons"]))
    assert MediaAsset.objects.get().state == State.READY


@pytest.mark.parametrize("wrong", ["missing", "other size", "other checksum"])
def test_wrong_variants_are_made_again(picture: MediaAsset, wrong: str) -> None:
    small, large = picture.variants
    get_storage(picture.storage).delete(small["key"])
    if wrong != "missing":
        put(picture.storage, small["key"], b"short" if wrong == "other size" else b"x" * small["size"])
    deep = ["--checksums"] if wrong == "other checksum" else []
    assert fixed("--dry-run", *deep) == {"variants_remade": 1}
    assert MediaAsset.objects.get().variants == picture.variants
    assert fixed(*deep) == {"variants_remade": 1}
    asset = MediaAsset.objects.get()
    assert [one["key"] for one in asset.variants] == [small["key"], large["key"]]
    assert get_storage(asset.storage).stat(small["key"]).size == asset.variants[0]["size"]
    assert (asset.work_due_at, found("--checksums")) == (None, [])


def test_variants_without_a_checksum_are_compared_by_size(picture: MediaAsset) -> None:
    replace(picture.storage, picture.variants[0]["key"], b"x" * picture.variants[0]["size"])
    for one in picture.variants:  # as earlier versions made them
        del one["sha256"]
    picture.save()
    assert found("--checksums") == []


def test_with_workers_the_variants_are_due(picture: MediaAsset, settings: Any, monkeypatch: Any) -> None:
    sent: list[int] = []
    monkeypatch.setattr(fixing, "send", lambda pk: sent.append(pk) or True)
    get_storage(picture.storage).delete(picture.variants[0]["key"])
    assert fixed() == {"variants_remade": 1}
    asset = MediaAsset.objects.get()
    assert sent == [asset.pk]
    assert asset.variants == [picture.variants[1]]
    assert (asset.variants_of, asset.variant_keys) == ("", picture.variant_keys)
    assert asset.work_due_at <= timezone.now()


def test_variants_that_a_worker_is_at_are_left_to_it(picture: MediaAsset) -> None:
    get_storage(picture.storage).delete(picture.variants[0]["key"])
    lease = timezone.now() + timedelta(minutes=5)
    MediaAsset.objects.update(work_due_at=lease)
    code, report = run("--fix", "--yes")
    assert (code, report["fixed"]["left"]) == (1, 1)
    assert MediaAsset.objects.get().variants == picture.variants


def test_a_row_that_changes_meanwhile_is_not_overwritten(picture: MediaAsset, monkeypatch: Any) -> None:
    get_storage(picture.storage).delete(picture.key)

    def discarded(asset: MediaAsset, original: Any) -> None:
        MediaAsset.objects.update(state=State.DISCARDED, updated_at=timezone.now())

    monkeypatch.setattr(fixing, "_copy_alias", discarded)
    assert fixed() == {"settled_meanwhile": 1}
    assert MediaAsset.objects.get().state == State.DISCARDED


def test_a_row_that_was_touched_meanwhile_is_looked_at_again(picture: MediaAsset, monkeypatch: Any) -> None:
    get_storage(picture.storage).delete(picture.key)
    looks: list[int] = []

    def touched(asset: MediaAsset, original: Any) -> None:
        looks.append(asset.pk)
        if len(looks) == 1:
            MediaAsset.objects.update(updated_at=timezone.now())

    monkeypatch.setattr(fixing, "_copy_alias", touched)
    assert fixed() == {"marked_failed": 1}
    assert len(looks) == 2


def test_a_disk_that_is_not_mounted_loses_nothing(photo: Any, settings: Any) -> None:
    for number in range(11):
        published(photo(f"{number}.jpg"))
    Path(settings.MEDIA_ROOT).rename(f"{settings.MEDIA_ROOT}-away")
    code, report = run("--fix", "--yes")
    assert (code, report["fixed"]["left"], report["fixed"]["marked_failed"]) == (1, 11, 0)
    assert "is the disk mounted" in next(iter(report["fixed"]["reasons"]))
    assert MediaAsset.objects.filter(state=State.READY).count() == 11
    assert fixed("--accept-loss") == {"marked_failed": 11}
    Path(f"{settings.MEDIA_ROOT}-away").rename(settings.MEDIA_ROOT)


def test_the_wrong_database_deletes_nothing(photo: Any) -> None:
    for number in range(11):
        published(photo(f"{number}.jpg"))
    MediaAsset.objects.all().delete()
    code, report = run("--fix", "--yes")
    assert (code, report["fixed"]["left"], report["fixed"]["deleted"]) == (1, 11, 0)
    assert "DATABASE_URL" in next(iter(report["fixed"]["reasons"]))
    assert fixed("--accept-loss") == {"deleted": 11}


@pytest.mark.parametrize("other", ["storage_migrate", "storage_adopt"])
def test_what_moves_or_adopts_is_not_disturbed(picture: MediaAsset, other: str) -> None:
    put(picture.storage, "strays/a.jpg")
    with contextlib.ExitStack() as stack:
        worker = stack.enter_context(ThreadPoolExecutor(1))  # with a database connection of its own
        held = exclusive(other)
        worker.submit(held.__enter__).result()
        stack.callback(lambda: worker.submit(lambda: connection.close()).result())
        stack.callback(lambda: worker.submit(held.__exit__, None, None, None).result())
        with pytest.raises(CommandError, match="is at work"):
            run("--fix", "--yes")
        assert fixed("--dry-run") == {"deleted": 1}
    assert lies(picture.storage, "strays/a.jpg")
    assert fixed() == {"deleted": 1}


# --- the command ------------------------------------------------------------------------------------------------------


def test_fix_asks_or_wants_a_yes(photo: Any, monkeypatch: Any, capsys: Any) -> None:
    put("local-public", "strays/a.jpg")
    with pytest.raises(CommandError, match="Add --yes"):
        call_command("storage_audit", "--fix", "--grace", "0")
    for answer, there in (("", True), ("n\n", True), ("y\n", False)):
        monkeypatch.setattr("sys.stdin", Typed(answer))
        with pytest.raises(CommandError, match="Nothing was changed") if there else contextlib.nullcontext():
            call_command("storage_audit", "--fix", "--grace", "0")
        assert lies("local-public", "strays/a.jpg") is there
    printed = capsys.readouterr()
    assert printed.out.count("Objects without a row: 1 (7 bytes)\n    strays/a.jpg, 7 bytes") == 3
    assert printed.out.endswith("Done:\n  objects without a row deleted: 1\n")
    assert printed.err == 3 * "Put these right? [y/N] "


def test_with_json_nobody_is_asked(monkeypatch: Any, capsys: Any) -> None:
    put("local-public", "strays/a.jpg")
    monkeypatch.setattr("sys.stdin", Typed("y\n"))
    with pytest.raises(CommandError, match="Add --yes") as error:
        call_command("storage_audit", "--fix", "--grace", "0", "--json")
    printed = capsys.readouterr()
    assert (json.loads(printed.out), printed.err) == ({"error": str(error.value)}, "")
    assert lies("local-public", "strays/a.jpg")


@pytest.mark.parametrize("flag", ["--yes", "--dry-run", "--keep-strays", "--accept-loss"])
def test_what_belongs_to_fix_is_refused_without_it(flag: str) -> None:
    with pytest.raises(CommandError, match="belong to --fix") as error:
        call_command("storage_audit", flag)
    assert error.value.returncode == 2


def test_a_terminal_sees_a_bar_for_each_step(photo: Any) -> None:
    for number in range(3):
        published(photo(f"{number}.jpg"))
        put("local-public", f"strays/{number}.jpg")
    code, out, shown = on_a_terminal("storage_audit", "--grace", "0", "--checksums", "--fix", "--yes")
    assert (code, "objects without a row deleted: 3" in out) == (0, True)
    for step in ("Rows", "Objects", "Looking once more", "Checksums", "Fixing"):
        assert f"{step}:" in shown
    assert full_bar(3) in shown
    assert shown.endswith(" \r")


def test_examples_are_limited_and_the_file_has_all(tmp_path: Path) -> None:
    for number in range(5):
        put("local-public", f"strays/{number}.jpg")
    out = tmp_path / "all.jsonl"
    report = run("--limit", "2", "--output", str(out))[1]
    assert len(report["examples"]) == 2
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["key"] for line in lines] == [f"strays/{number}.jpg" for number in range(5)]
    with pytest.raises(CommandError, match="--output"):
        run("--output", str(tmp_path / "no" / "folder"))


def test_names_that_no_key_can_have_are_told(settings: Any, capsys: Any) -> None:
    folder = Path(settings.MEDIA_ROOT)
    folder.mkdir(parents=True)
    (folder / "back\\slash").write_bytes(b"1")
    (folder / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"2")
    code, report = run("--fix", "--yes")
    assert (code, report["fixed"]["deleted"], report["fixed"]["left"]) == (1, 1, 1)
    assert next(iter(report["fixed"]["reasons"])) == "Its name cannot be a key here. Delete it by hand."
    (folder / os.fsdecode(b"not-utf8-\xff")).write_bytes(b"2")
    with pytest.raises(SystemExit):
        call_command("storage_audit", "--grace", "0")
    assert "not-utf8-\\udcff" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [("--storage", "s3-public"), ("--jobs", "0"), ("--limit", "x"), ("--grace", "-1"), ("--grace", "x")]
)
def test_odd_arguments_are_refused(arguments: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("storage_audit", *arguments)


def test_ctrl_c_is_130(monkeypatch: Any, capsys: Any) -> None:
    def interrupted(alias: str, advance: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(auditing, "_own_objects", interrupted)
    with pytest.raises(SystemExit) as end:
        call_command("storage_audit")
    assert end.value.code == 130
    assert "Interrupted" in capsys.readouterr().err


def test_batches_cover_all(photo: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("media_assets.operations.auditing.places.BATCH_ROWS", 2)
    monkeypatch.setattr(auditing, "BATCH", 2)
    assets = [published(photo(f"{number}.jpg")) for number in range(5)]
    for asset in assets:
        get_storage(asset.storage).delete(asset.key)
    for number in range(5):
        due = timezone.now()
        upload = pending_upload(staged=True, due_at=due)
        put(upload.storage, upload.staging_key)
        put("local-public", f"strays/{number}.jpg")
    assert len(found()) == 10


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    put("local-public", "strays/a.jpg")
    run("--fix", "--yes")
    assert list(tmp_path.iterdir()) == []
