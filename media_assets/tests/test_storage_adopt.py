"""``manage.py storage_adopt``: files of earlier systems are taken over as they lie, once; what is not is told why."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from media_assets import services
from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.operations.adopting import running
from media_assets.storages import ObjectStat, get_storage
from media_assets.sweeping import sweep
from media_assets.tests.dirty import PNG, oriented, segment, with_segments
from media_assets.tests.heif import avif, heic
from media_assets.tests.pictures import drawn, encoded
from media_assets.tests.stored import process_environment, published
from media_assets.tests.terminal import full_bar, on_a_terminal
from media_assets.tests.test_rebuild_variants import _heed_interrupts, wait_for

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING = {"adopted": 0, "already": 0, "refused": 0, "cleaned": 0, "with_location": 0}


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def engine(request: Any) -> str:
    if request.param == "s3":
        request.getfixturevalue("s3_site")()
    return str(request.param)


def lie(alias: str, key: str, data: bytes) -> None:
    """Put a file there as another system left it."""
    storage: Any = get_storage(alias)
    if alias.startswith("local-"):
        path = Path(storage.location, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return
    acl = {"ACL": "public-read"} if alias == "s3-public" else {}
    storage.client.put_object(Bucket=storage.bucket_name, Key=storage.object_key(key), Body=data, **acl)


def read(alias: str, key: str) -> bytes:
    with get_storage(alias).open(key) as file:
        return bytes(file.read())


def picture(seed: int = 1, file_format: str = "JPEG") -> bytes:
    return encoded(drawn(seed=seed), file_format)


def located(orientation: int = 6) -> bytes:
    """A photo that says where it was taken."""
    return oriented("JPEG", orientation, gps={2: b"1234"})


def run(*arguments: str) -> tuple[int, dict[str, Any]]:
    """Exit code and report."""
    out = io.StringIO()
    code = 0
    try:
        call_command("storage_adopt", "--json", *arguments, stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


def adopt(prefix: str = "old/", *arguments: str) -> tuple[int, dict[str, Any]]:
    return run("--prefix", prefix, "--as", "upload", *arguments)


def counts(report: dict[str, Any]) -> dict[str, int]:
    return {name: report[name] for name in NOTHING if report[name]}


def reasons(report: dict[str, Any]) -> dict[str, str]:
    return {one["key"]: one["reason"] for one in report["refusals"]}


@pytest.fixture
def csv_file(tmp_path: Path) -> Any:
    def write(text: str | bytes) -> str:
        path = tmp_path / "files.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


# --- what becomes of a file -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_a_file_stays_where_it_is_and_has_a_row(engine: str, visibility: str, make_user: Any) -> None:
    alias, user = f"{engine}-{visibility}", make_user()
    data = oriented("JPEG", 6)
    name = "0b5d5c3e-6d0b-4c53-9a0e-2f6f5f3f8f11_My cat.png"  # the bytes decide, not the name
    lie(alias, f"old/{name}", data)
    before = get_storage(alias).stat(f"old/{name}")
    code, report = adopt("old/", "--storage", alias, "--owner", user.email)
    assert (code, counts(report)) == (0, {"adopted": 1})
    asset = MediaAsset.objects.get()
    assert (asset.storage, asset.key, asset.visibility, asset.owner) == (alias, f"old/{name}", visibility, user)
    assert (asset.state, asset.lease_expires_at, asset.raw_key) == (State.READY, None, "")
    assert asset.published_at is not None
    assert (asset.content_type, asset.size, asset.sha256) == (
        "image/jpeg",
        len(data),
        hashlib.sha256(data).hexdigest(),
    )
    assert (asset.width, asset.height) == (32, 48)  # upright
    assert asset.original_filename == "My cat.png"
    assert Upload.objects.get().asset == asset
    assert get_storage(alias).stat(f"old/{name}") == before  # neither moved nor written
    url = get_storage(alias).url(asset.key)
    if engine == "s3":
        with urllib.request.urlopen(url) as answer:
            assert answer.read() == data
    else:
        answer = Client().get(url)
        assert (answer.status_code, b"".join(answer)) == (200, data)


def test_what_is_used_survives_the_sweeper_and_goes_with_its_row(engine: str) -> None:
    lie(f"{engine}-public", "old/a.jpg", picture())
    adopt()
    MediaAsset.objects.update(published_at=timezone.now() - timedelta(days=3))
    sweep()
    assert MediaAsset.objects.get().state == State.READY
    Upload.objects.get().delete()
    assert MediaAsset.objects.get().state == State.TOMBSTONE
    assert not list(get_storage(f"{engine}-public").list_objects("old/"))


def test_a_second_run_passes_over_what_is_there(engine: str) -> None:
    for number in range(3):
        lie(f"{engine}-public", f"old/{number}.jpg", picture(number))
    assert counts(adopt()[1]) == {"adopted": 3}
    lie(f"{engine}-public", "old/new.jpg", picture())
    assert adopt()[0] == 0
    assert counts(adopt()[1]) == {"already": 4}
    assert Upload.objects.count() == 4


def test_variants_are_made_as_of_any_other(engine: str, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    lie(f"{engine}-public", "old/a.jpg", picture())
    adopt()
    asset = MediaAsset.objects.get()
    assert ([one["width"] for one in asset.variants], asset.work_due_at) == ([16], None)
    assert asset.placeholder


def test_all_keys_of_a_storage_but_its_own(engine: str, photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    alias = f"{engine}-private"
    published(photo(), visibility="private")
    for key in ("raw/x.jpg", "staging/x/a.jpg", "a.jpg"):
        lie(alias, key, picture())
    assert counts(adopt("", "--storage", alias)[1]) == {"adopted": 1, "already": 1}


@pytest.mark.s3
def test_markers_of_empty_folders_are_no_files(s3_site: Any) -> None:
    s3_site()
    lie("s3-public", "old/", b"")
    lie("s3-public", "old/a.jpg", picture())
    assert (adopt()[0], MediaAsset.objects.count()) == (0, 1)


@pytest.mark.s3
def test_the_folder_of_the_other_storage_is_left_to_it(s3_site: Any, csv_file: Any) -> None:
    s3_site(AWS_PRIVATE_LOCATION="")
    lie("s3-public", "a.jpg", picture())
    code, report = adopt("media/", "--storage", "s3-private")
    assert (code, MediaAsset.objects.exists()) == (1, False)
    assert "other storage" in reasons(report)["media/a.jpg"]


# --- what is refused --------------------------------------------------------------------------------------------------

ODD_BYTES = {
    "empty.jpg": (b"", "empty"),
    "text.jpg": (b"just words", "not a picture that we can read. Only JPEG, PNG, WebP and GIF can be adopted"),
    "cut.jpg": (picture()[:-20], "ends in the middle"),
    "photo.heic": (heic(), "Convert it to JPEG, or upload it"),
    "photo.avif": (avif(), "Convert it to JPEG, or upload it"),
    "drawing.jpg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG file is not accepted. Only JPEG"),
    "paper.jpeg": (b"%PDF-1.7", "PDF document is not accepted"),
    "page.html": (PNG, "ends in .html"),
    "a.jpg.php": (PNG, "ends in .php"),
}


def test_what_is_no_picture_is_refused_and_named(engine: str) -> None:
    for name, (data, _) in ODD_BYTES.items():
        lie(f"{engine}-public", f"old/{name}", data)
    lie(f"{engine}-public", "old/good.jpg", picture())
    lie(f"{engine}-public", "old/good without extension", picture())
    code, report = adopt()
    assert (code, counts(report)) == (1, {"adopted": 2, "refused": len(ODD_BYTES)})
    for name, (_, reason) in ODD_BYTES.items():
        assert reason in reasons(report)[f"old/{name}"], name


def test_limits_of_pixels_and_bytes(engine: str, settings: Any) -> None:
    lie(f"{engine}-public", "old/a.jpg", picture())
    settings.MEDIA_MAX_PIXELS = 48 * 32 - 1
    assert "pixels" in reasons(adopt()[1])["old/a.jpg"]
    settings.MEDIA_MAX_PIXELS = 48 * 32
    settings.UPLOAD_MAX_SIZE_BYTES = 100
    assert "UPLOAD_MAX_SIZE_BYTES" in reasons(adopt()[1])["old/a.jpg"]
    settings.UPLOAD_MAX_SIZE_BYTES = 10_000
    assert adopt()[0] == 0


@pytest.mark.parametrize(
    "key", [".hidden.jpg", "a/.b/c.jpg", "../a.jpg", "a/../b.jpg", "/a.jpg", "a//b.jpg", "a\\b.jpg"]
)
def test_unsafe_keys_are_refused_and_named(key: str, csv_file: Any) -> None:
    code, report = run("--csv", csv_file(f"key,target\n{key},upload\n"))
    assert (code, "not safe" in reasons(report)[key]) == (1, True)


@pytest.mark.s3
def test_odd_keys_of_a_bucket(s3_site: Any) -> None:
    s3_site()
    lie("s3-public", "old/.hidden.jpg", picture())
    lie("s3-public", f"old/{'x' * 510}.jpg", picture())
    lie("s3-public", "old/été +%20&?.jpg", picture())
    code, report = adopt()
    assert (code, counts(report)) == (1, {"adopted": 1, "refused": 2})
    assert "not safe" in reasons(report)["old/.hidden.jpg"]
    assert "at most 512" in reasons(report)[f"old/{'x' * 510}.jpg"]
    with urllib.request.urlopen(get_storage("s3-public").url("old/été +%20&?.jpg")) as answer:
        assert answer.read() == picture()


def test_a_name_that_is_not_utf8(settings: Any, capsys: Any) -> None:
    folder = Path(settings.MEDIA_ROOT, "old")
    folder.mkdir(parents=True)
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.jpg"))).write_bytes(picture())
    assert "not safe" in adopt()[1]["refusals"][0]["reason"]
    with pytest.raises(SystemExit):
        call_command("storage_adopt", "--prefix", "old/", "--as", "upload")
    assert "caf\\udce9.jpg: Its key" in capsys.readouterr().out


def test_keys_that_the_registry_knows_otherwise(photo: Any) -> None:
    assets = [published(photo(f"{name}.jpg"), folder="old") for name in ("elsewhere", "deleted", "reserved")]
    elsewhere, deleted, reserved = (MediaAsset.objects.filter(pk=asset.pk) for asset in assets)
    elsewhere.update(storage="local-private")
    deleted.update(state=State.TOMBSTONE, purge_after=timezone.now() + timedelta(days=3))
    reserved.update(state=State.RESERVED, lease_expires_at=timezone.now())
    code, report = adopt()
    assert (code, counts(report)) == (1, {"refused": 3})
    found = reasons(report)
    assert "another file of this key, in local-private" in found["old/elsewhere.jpg"]
    assert "was deleted here; the key is free again on 20" in found["old/deleted.jpg"]
    assert "just being stored" in found["old/reserved.jpg"]
    elsewhere.update(copy_storage="local-public")  # it was moved, and its source kept
    assert counts(adopt()[1]) == {"already": 1, "refused": 2}


def test_a_file_that_changes_while_it_is_read(monkeypatch: Any) -> None:
    lie("local-public", "old/a.jpg", picture())
    stat = get_storage("local-public").stat("old/a.jpg")
    older = ObjectStat(stat.key, stat.size - 1, stat.etag, stat.modified_at)
    monkeypatch.setattr(type(get_storage("local-public")), "list_objects", lambda *_: iter([older]))
    assert "changed while it was read" in reasons(adopt()[1])["old/a.jpg"]


# --- owners, CSV, usage -----------------------------------------------------------------------------------------------


def test_owners_by_email_username_and_id(make_user: Any, csv_file: Any) -> None:
    anna, ben = make_user("anna"), make_user("ben")
    rows = [("a", "ANNA@example.com"), ("b", "ben"), ("c", str(anna.pk)), ("d", ""), ("e", "nobody@example.com")]
    rows += [("f", "nobody"), ("g", "999999"), ("h", "9" * 30)]
    for name, _ in rows:
        lie("local-public", f"{name}.jpg", picture())
    text = "\n".join(["key,owner,target", *(f"{name}.jpg,{owner},upload" for name, owner in rows)])
    code, report = run("--csv", csv_file(text), "--owner", "ben@example.com")
    assert (code, counts(report)) == (1, {"adopted": 4, "refused": 4})
    owners = dict(MediaAsset.objects.values_list("key", "owner"))
    assert owners == {"a.jpg": anna.pk, "b.jpg": ben.pk, "c.jpg": anna.pk, "d.jpg": ben.pk}
    found = {one["line"]: one["reason"] for one in report["refusals"]}
    assert found[6] == "No user has the e-mail 'nobody@example.com'. Create the account first, or correct the owner."
    assert ("username 'nobody'" in found[7], "id '999999'" in found[8], 9 in found) == (True, True, True)


def test_a_csv_as_a_spreadsheet_writes_it(csv_file: Any) -> None:
    lie("local-public", "with, comma.jpg", picture())
    lie("local-public", "b.jpg", picture())
    text = (
        "\ufeffKey;x\r\n".replace(";x", ",Target,Created_At")
        + '"with, comma.jpg",upload,2025-05-15 12:30:45\r\n\r\nb.jpg,,\r\n'
    )
    assert counts(run("--csv", csv_file(text), "--as", "upload")[1]) == {"adopted": 2}
    created = Upload.objects.get(asset__key="with, comma.jpg").created_at
    assert created.isoformat() == "2025-05-15T12:30:45+00:00"


def test_lines_that_are_wrong_are_named_and_the_others_adopted(csv_file: Any, make_user: Any) -> None:
    make_user()
    lie("local-public", "a.jpg", picture())
    text = (
        "key,owner,target,created_at,alt_text\n"
        "gone.jpg,anna,upload,,\n"
        ",anna,upload,,\n"
        "a.jpg,anna,upload\n"
        "a.jpg,anna,,,\n"
        "a.jpg,anna,sculpture,,\n"
        "a.jpg,anna,ad:x,,\n"
        "a.jpg,anna,upload,yesterday,\n"
        '"a.jpg",anna,upload,,"two\nlines"\n'
        "a.jpg,an\0na,upload,,\n"
        "a.jpg,anna,upload,,\n"
    )
    code, report = run("--csv", csv_file(text), "--jobs", "1")
    found = {one["line"]: one["reason"] for one in report["refusals"]}
    assert (code, sorted(found)) == (1, [2, 3, 4, 5, 6, 7, 8, 9, 11])
    assert found[2] == "No file lies at this key in local-public."
    assert found[3] == "It names no key."
    assert found[4] == "It has 3 cells, but line 1 names 5 columns."
    assert found[5] == "It names no target, and there is no --as."
    assert found[6].startswith("'sculpture' is no target. Targets are: ad:ID, artwork, artwork:ID, avatar,")
    assert "the id of a row" in found[7]
    assert "created_at: 'yesterday' is no time" in found[8]
    assert found[9] == "The target upload takes no alt_text. Leave that cell empty."
    assert "NUL" in found[11]
    assert counts(report) == {"adopted": 1, "refused": 9}  # line 12


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Line 1: it names the columns"),
        (b"owner,target\nx,y\n", "Line 1: it names the columns, and one is 'key'; here it is 'owner,target'."),
        (b"key,colour\n", "unknown column 'colour'"),
        (b"key,owner,owner\n", "a column stands there twice"),
        (b'key,target\na.jpg,upload\n"b.jpg"x,upload\n', "line 3: "),
        (b"key,target\na.jpg,upload\n" + b"\xff\xfe,upload\n", "not UTF-8"),
    ],
)
def test_a_csv_that_cannot_be_read_stops_the_run(csv_file: Any, content: bytes, said: str) -> None:
    code, report = run("--csv", csv_file(content))
    assert (code, said in report["stopped"]) == (1, True), report["stopped"]


def test_a_csv_that_is_not_there() -> None:
    code, report = run("--csv", "/nowhere/files.csv")
    assert (code, "/nowhere/files.csv: No such file" in report["stopped"]) == (1, True)


def test_two_lines_of_one_file_make_one_row(csv_file: Any) -> None:
    lie("local-public", "a.jpg", picture())
    report = run("--csv", csv_file("key,target\na.jpg,upload\na.jpg,upload\n"))[1]
    assert (counts(report), Upload.objects.count()) == ({"adopted": 1, "already": 1}, 1)


def test_upload_ids_are_kept(csv_file: Any) -> None:
    for name in "abc":
        lie("local-public", f"{name}.jpg", picture())
    upload_id = "0b5d5c3e-6d0b-4c53-9a0e-2f6f5f3f8f11"
    text = f"key,upload_id\na.jpg,{upload_id}\nb.jpg,{upload_id}\nc.jpg,17\n"
    report = run("--csv", csv_file(text), "--as", "upload", "--jobs", "1")[1]
    assert str(Upload.objects.get().upload_id) == upload_id
    assert "Another upload" in reasons(report)["b.jpg"]
    assert "no UUID" in reasons(report)["c.jpg"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--prefix --csv"),
        (("--prefix", "a", "--csv", "b"), "not allowed"),
        (("--prefix", "a"), "--prefix needs --as"),
        (("--prefix", "a", "--as", "statue"), "'statue' is no target"),
        (("--prefix", "a", "--as", "artwork"), "--as artwork needs --owner"),
        (("--prefix", "a", "--as", "artwork", "--owner", "nobody"), "No user has the username"),
        (("--prefix", "a", "--as", "house_for_sale:1"), "--storage local-private"),
        (("--prefix", "a", "--as", "upload", "--storage", "s3-public"), "AWS_STORAGE_BUCKET_NAME"),
        (("--prefix", "a", "--as", "upload", "--storage", "tape"), "invalid choice"),
        (("--prefix", "a", "--as", "upload", "--jobs", "0"), "--jobs"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], said: str) -> None:
    with pytest.raises(CommandError, match=said) as error:
        call_command("storage_adopt", *arguments)
    assert error.value.returncode in (1, 2)  # argparse's own become 1 within a program


# --- dry run, location ------------------------------------------------------------------------------------------------


def test_a_dry_run_keeps_nothing(engine: str, settings: Any, capsys: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    lie(f"{engine}-public", "old/a.jpg", picture())
    lie(f"{engine}-public", "old/b.jpg", located())
    lie(f"{engine}-public", "old/c.jpg", b"words")
    code, report = adopt("old/", "--dry-run", "--clean")
    assert (code, report["dry_run"], counts(report)) == (1, True, {"adopted": 2, "refused": 1, "cleaned": 1})
    assert not MediaAsset.objects.exists()
    assert not Upload.objects.exists()
    assert read(f"{engine}-public", "old/b.jpg") == located()
    assert not list(get_storage(f"{engine}-private").list_objects())
    with pytest.raises(SystemExit):
        call_command("storage_adopt", "--prefix", "old/", "--as", "upload", "--dry-run")
    assert "2 pictures can be adopted; nothing was written." in capsys.readouterr().out


def test_pictures_that_tell_where_they_were_taken_are_named(engine: str, capsys: Any) -> None:
    lie(f"{engine}-public", "old/a.jpg", picture())
    lie(f"{engine}-public", "old/b.jpg", located())
    call_command("storage_adopt", "--prefix", "old/", "--as", "upload")
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "old/b.jpg: tells where it was taken.",
        "2 pictures adopted. 1 picture tell where they were taken (named above); --clean removes that.",
    ]
    assert said.err == ""  # no bar where there is no terminal
    assert read(f"{engine}-public", "old/b.jpg") == located()
    assert MediaAsset.objects.get(key="old/b.jpg").location_removed is False


def cleaned(alias: str, key: str = "old/b.jpg") -> MediaAsset:
    """The asset of a located picture that was cleaned at its own key."""
    asset = MediaAsset.objects.get(key=key)
    data = read(alias, key)
    assert (asset.state, asset.raw_key, asset.location_removed) == (State.READY, "", True)
    assert (asset.size, asset.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert (asset.width, asset.height) == (32, 48)
    assert (data != located(), b"SECRET" in data) == (True, False)
    return asset


@pytest.mark.parametrize("visibility", ["public", "private"])
def test_they_are_cleaned_at_their_own_key(engine: str, visibility: str) -> None:
    alias = f"{engine}-{visibility}"
    lie(alias, "old/a.jpg", with_segments(segment(0xFE, b"a comment")))
    lie(alias, "old/b.jpg", located())
    assert counts(adopt("old/", "--clean", "--storage", alias)[1]) == {"adopted": 2, "cleaned": 1}
    cleaned(alias)
    assert read(alias, "old/a.jpg") == with_segments(segment(0xFE, b"a comment"))  # it tells no place
    assert not list(get_storage(f"{engine}-private").list_objects("raw/"))
    assert len(list(get_storage(alias).list_objects())) == 2


def test_one_that_cannot_be_cleaned_now_is_cleaned_later(engine: str, monkeypatch: Any) -> None:
    lie(f"{engine}-public", "old/b.jpg", located())
    storage = type(get_storage(f"{engine}-public"))
    delete = storage.delete

    def refuse(self: Any, name: str) -> None:
        if name == "old/b.jpg":
            raise StorageUnavailable
        delete(self, name)

    monkeypatch.setattr(storage, "delete", refuse)
    adopt("old/", "--clean")
    asset = MediaAsset.objects.get()
    assert (asset.state, asset.key) == (State.PROCESSING, "old/b.jpg")  # not delivered until it is clean
    assert read(f"{engine}-public", "old/b.jpg") == located()
    assert counts(adopt("old/", "--clean")[1]) == {"already": 1}
    monkeypatch.undo()
    MediaAsset.objects.update(work_due_at=timezone.now())
    sweep(now=timezone.now() + timedelta(minutes=2))
    cleaned(f"{engine}-public")
    assert counts(adopt("old/", "--clean")[1]) == {"already": 1}
    assert (MediaAsset.objects.count(), Upload.objects.count()) == (1, 1)


def test_a_run_that_died_before_its_transaction_leaves_what_the_next_one_uses(engine: str, monkeypatch: Any) -> None:
    lie(f"{engine}-public", "old/b.jpg", located())

    class Dead(BaseException):
        pass

    def die(*args: Any, **how: Any) -> None:
        raise Dead

    monkeypatch.setattr(running, "_publish", die)
    with pytest.raises(Dead):
        adopt("old/", "--clean", "--jobs", "1")
    monkeypatch.undo()
    assert not MediaAsset.objects.exists()
    assert read(f"{engine}-public", "old/b.jpg") == located()
    assert counts(adopt("old/", "--clean")[1]) == {"adopted": 1, "cleaned": 1}
    cleaned(f"{engine}-public")
    assert not list(get_storage(f"{engine}-private").list_objects("raw/"))


def test_a_worker_that_comes_later_cleans_it(engine: str, monkeypatch: Any) -> None:
    lie(f"{engine}-public", "old/b.jpg", located())
    monkeypatch.setattr(services, "send_after_commit", lambda asset_id: None)
    adopt("old/", "--clean")
    asset = MediaAsset.objects.get()
    assert (asset.state, asset.key) == (State.PROCESSING, "old/b.jpg")
    sweep(now=timezone.now() + timedelta(minutes=2))
    cleaned(f"{engine}-public")


# --- storages and databases that fail ---------------------------------------------------------------------------------


def test_one_file_that_is_not_given_holds_up_no_other(csv_file: Any) -> None:
    for number in range(12):
        lie("local-public", f"{number}.jpg", picture(number))
    Path(django_settings.MEDIA_ROOT, "3.jpg").unlink()
    Path(django_settings.MEDIA_ROOT, "3.jpg").mkdir()  # it is there, and cannot be read
    lines = "\n".join(["key", *(f"{number}.jpg" for number in range(12))])
    code, report = run("--csv", csv_file(lines), "--as", "upload", "--jobs", "1")
    assert (code, counts(report), report["stopped"]) == (1, {"adopted": 11, "refused": 1}, "")
    assert "does not give it" in reasons(report)["3.jpg"]


def test_a_storage_that_goes_down_stops_the_run(monkeypatch: Any, capsys: Any) -> None:
    for number in range(30):
        lie("local-public", f"old/{number:02}.jpg", picture(number))
    look = running.look

    def down(storage: Any, stat: Any) -> Any:
        if stat.key >= "old/10":
            raise StorageUnavailable
        return look(storage, stat)

    monkeypatch.setattr(running, "look", down)
    code, report = adopt("old/", "--jobs", "1")
    assert (code, counts(report)) == (1, {"adopted": 10, "refused": running.MAX_SILENCES})
    assert report["stopped"] == "The storage does not answer; the log has the cause."
    with pytest.raises(SystemExit):
        call_command("storage_adopt", "--prefix", "old/", "--as", "upload", "--jobs", "1")
    assert "Stopped: The storage does not answer; the log has the cause. Run it again" in capsys.readouterr().out
    monkeypatch.undo()
    assert counts(adopt()[1]) == {"adopted": 20, "already": 10}


@pytest.mark.s3
def test_a_bucket_that_is_not_there(s3_site: Any) -> None:
    s3_site(AWS_STORAGE_BUCKET_NAME="no-such-bucket-of-ours")
    code, report = adopt()
    assert (code, counts(report), bool(report["stopped"])) == (1, {}, True)


def test_a_transaction_that_the_database_gives_up_is_tried_again(monkeypatch: Any) -> None:
    lie("local-public", "old/a.jpg", picture())
    publish, left = running._publish, [1, 1]

    def deadlocked(*args: Any, **how: Any) -> None:
        if left:
            left.pop()
            raise OperationalError("deadlock detected")
        publish(*args, **how)

    monkeypatch.setattr(running, "_publish", deadlocked)
    assert counts(adopt()[1]) == {"adopted": 1}


# --- many, at once, killed --------------------------------------------------------------------------------------------


def test_a_long_listing_is_streamed(monkeypatch: Any, settings: Any) -> None:
    settings.UPLOAD_MAX_SIZE_BYTES = 1

    def listing(count: int) -> Any:
        stats = (ObjectStat(f"old/{number}.jpg", 5, "e", timezone.now()) for number in range(count))
        return lambda self, prefix="": stats

    def peak(count: int) -> int:
        monkeypatch.setattr(type(get_storage("local-public")), "list_objects", listing(count))
        tracemalloc.start()
        assert adopt()[1]["refused"] == count
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    small = peak(2_000)
    assert peak(12_000) < small + 500_000  # bytes: no row of the listing is kept


def test_two_runs_at_once_adopt_every_file_once(make_user: Any) -> None:
    for number in range(40):
        lie("local-public", f"old/{number}.jpg", picture(number))
    gate = threading.Barrier(2)

    def one(_: int) -> dict[str, Any]:
        gate.wait()
        try:
            return adopt()[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(one, range(2)))
    assert sum(report["adopted"] for report in reports) == 40
    assert sum(report["already"] for report in reports) == 40
    assert (MediaAsset.objects.count(), Upload.objects.count()) == (40, 40)


def test_two_cleaning_runs_at_once_lose_nothing(engine: str) -> None:
    for number in range(8):
        lie(f"{engine}-public", f"old/{number}.jpg", located())
    gate = threading.Barrier(2)

    def one(_: int) -> dict[str, Any]:
        gate.wait()
        try:
            return adopt("old/", "--clean")[1]
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(one, range(2)))
    assert sum(report["cleaned"] for report in reports) == 8
    for number in range(8):
        cleaned(f"{engine}-public", f"old/{number}.jpg")


@pytest.fixture
def command() -> Any:
    """Starts ``manage.py storage_adopt`` as a process, on this test's database and folders."""

    def start(*arguments: str, **how: Any) -> subprocess.Popen[str]:
        words = [sys.executable, "manage.py", "storage_adopt", "--prefix", "old/", "--as", "upload", *arguments]
        where = {"env": process_environment(), "cwd": django_settings.BASE_DIR}
        return subprocess.Popen(words, **where, text=True, preexec_fn=_heed_interrupts, **how)

    return start


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("clean", [(), ("--clean",)])
def test_an_ended_run_is_taken_up_by_the_next(command: Any, sent: int, clean: tuple[str, ...], settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [16]
    total = 60
    for number in range(total):
        lie("local-public", f"old/{number}.jpg", located())
    process = command("--jobs", "1", *clean, stdout=subprocess.PIPE)
    wait_for(lambda: MediaAsset.objects.count() >= 3)
    process.send_signal(sent)
    out = process.communicate(timeout=60)[0]
    done = MediaAsset.objects.count()
    assert 3 <= done < total
    assert set(MediaAsset.objects.values_list("pk")) == set(Upload.objects.values_list("asset"))  # none without its use
    assert not MediaAsset.objects.filter(state=State.RESERVED).exists()
    if sent == signal.SIGINT:
        assert (process.returncode, f"{done} pictures adopted." in out, "Interrupted" in out) == (130, True, True)
    code, report = adopt("old/", *clean)
    being_cleaned = MediaAsset.objects.filter(state=State.PROCESSING).count()  # perhaps nothing is at its key
    assert (code, counts(report)["adopted"]) == (0, total - done)
    assert (being_cleaned <= 1, done - 1 <= counts(report)["already"] <= done) == (True, True)
    assert (MediaAsset.objects.count(), Upload.objects.count()) == (total, total)
    MediaAsset.objects.exclude(work_due_at=None).update(work_due_at=timezone.now() - timedelta(hours=1))
    sweep()  # the work of those that were under way
    assert MediaAsset.objects.filter(state=State.READY, variants_of="v1:16").count() == total
    assert MediaAsset.objects.filter(location_removed=bool(clean)).count() == total
    for asset in MediaAsset.objects.all():
        assert (read(asset.storage, asset.key) == located()) is not bool(clean)


def test_a_terminal_sees_a_bar_and_no_refusal_is_hidden_by_it() -> None:
    for number in range(4):
        lie("local-public", f"old/{number}.jpg", picture(number))
    lie("local-public", "old/z.jpg", b"words")
    code, out, shown = on_a_terminal("storage_adopt", "--prefix", "old/", "--as", "upload", "--jobs", "1")
    refusal, summary = out.splitlines()
    assert (code, refusal.startswith("old/z.jpg: This file is not")) == (1, True)
    assert summary == "4 pictures adopted. 1 refused (named above)."
    assert full_bar(5) in shown
    assert shown.endswith(" \r")


def test_a_wrong_argument_ends_a_process_with_2(command: Any) -> None:
    process = command("--owner", "nobody", stderr=subprocess.PIPE)
    assert "No user has the username 'nobody'" in process.communicate(timeout=60)[1]
    assert process.returncode == 2


def test_one_that_is_discarded_before_it_is_clean_leaves_nothing(engine: str, monkeypatch: Any) -> None:
    lie(f"{engine}-public", "old/b.jpg", located())
    monkeypatch.setattr(services, "send_after_commit", lambda asset_id: None)
    adopt("old/", "--clean")
    MediaAsset.objects.update(state=State.DISCARDED)
    sweep()
    for visibility in ("public", "private"):
        assert not list(get_storage(f"{engine}-{visibility}").list_objects())
