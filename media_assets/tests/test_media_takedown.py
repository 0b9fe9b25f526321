"""``manage.py media_takedown``: off everything, gone everywhere, and told."""

import io
import json
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.utils import timezone

from media_assets.errors import StorageUnavailable
from media_assets.models import MediaAsset, State, Upload
from media_assets.operations import taking_down
from media_assets.processing import asset_process
from media_assets.storages import get_storage
from media_assets.storages.local import LocalStorage
from media_assets.sweeping import sweep
from media_assets.tests.stored import published
from media_assets.tests.terminal import Typed
from media_assets.tests.uploads import complete_upload, put_in_staging

pytestmark = pytest.mark.django_db(transaction=True)
ArtWork: Any = apps.get_model("artworks", "ArtWork")
ALIASES = ("local-public", "local-private")


def run(*arguments: str) -> tuple[int, str]:
    """Its exit code and what it prints."""
    out = io.StringIO()
    try:
        call_command("media_takedown", *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue() + str(error)
    return 0, out.getvalue()


def report(*arguments: str) -> tuple[int, dict[str, Any]]:
    code, text = run(*arguments, "--json")
    found: dict[str, Any] = json.loads(text)
    return code, found


def objects(*aliases: str) -> list[str]:
    return sorted(item.key for alias in aliases or ALIASES for item in get_storage(alias).list_objects())


@pytest.fixture
def asset(photo: Any, settings: Any) -> MediaAsset:
    """With two variants."""
    settings.MEDIA_VARIANT_WIDTHS = [20, 40]
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    made = published(photo(size=(80, 60)))
    assert len(made.variants or ()) == 2
    return made


def test_all_of_it_goes_whatever_names_it(photo: Any, settings: Any) -> None:
    settings.MEDIA_VARIANT_WIDTHS = [20]
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    for number, name in enumerate(("number", "key", "url", "path", "variant")):
        made = published(photo(f"{name}.jpg", size=(80, 60)))
        variant = (made.variants or ())[0]["key"]
        url = f"https://www.example.com/media/{made.key}"
        named = [str(made.pk), made.key, url, f"/media/{made.key}", f"/media/{variant}"][number]
        code, told = report(named, "--yes")
        assert (code, told["done"], told["asset"], told["uses"]) == (0, True, made.pk, [])
        assert [(one["storage"], one["key"]) for one in told["objects"]] == [
            ("local-public", key) for key in (made.key, variant)
        ]
        assert all(one["deleted"] for one in told["objects"])
        assert told["purge"] == [f"https://www.example.com/media/{key}" for key in (made.key, variant)]
        assert objects() == []
        made.refresh_from_db()
        assert made.state == State.TOMBSTONE and told["key_taken_until"] == made.purge_after.isoformat()


def test_rows_that_can_be_without_a_picture_stay(asset: MediaAsset, make_user: Any) -> None:
    anna = make_user(avatar=asset)
    before = timezone.now()
    artwork = ArtWork.objects.create(author=anna, title="Sea", image=asset)
    code, told = report(asset.key, "--yes")
    assert (code, objects()) == (0, [])
    assert sorted((use["model"], use["id"], use["deleted"]) for use in told["uses"]) == [
        ("artworks.artwork", artwork.pk, False),
        ("users.user", anna.pk, False),
    ]
    anna.refresh_from_db()
    artwork.refresh_from_db()
    assert (anna.avatar, artwork.image, artwork.title) == (None, None, "Sea")
    assert artwork.updated_at > before


def test_rows_that_are_nothing_without_it_go(photo: Any, anna: Any) -> None:
    from django.utils.module_loading import import_string

    create = import_string("images.services.library_image_create")
    checked = import_string("media_assets.fields.ImageUploadField")().run_validation(photo())
    row = create(user=anna, image=checked)
    code, told = report(str(row.image_id), "--yes")
    assert (code, objects(), told["purge"]) == (0, [], [])
    assert told["uses"] == [{"model": "images.libraryimage", "id": row.pk, "deleted": True}]
    assert not type(row).objects.exists()


def test_an_ad_keeps_its_other_images_and_a_house_gets_another_main_one(photo: Any, anna: Any) -> None:
    ad = apps.get_model("ads", "Ad").objects.create(owner=anna, title="Bike", price=9)
    images = apps.get_model("ads", "AdImage").objects
    first, second = (images.create(ad=ad, image=published(photo(f"{name}.jpg")), order=0) for name in "ab")
    assert run(str(first.image_id), "--yes")[0] == 0
    assert list(ad.images.all()) == [second]
    house = apps.get_model("properties", "HouseForRent").objects.create(
        owner=anna, title="Cabin", monthly_rent=9, **_house()
    )
    of_house = apps.get_model("properties", "PropertyImage").objects
    main, other = (
        of_house.create(house_for_rent=house, image=published(photo(f"{name}.jpg")), order=0, is_main=is_main, batch=1)
        for name, is_main in (("c", True), ("d", False))
    )
    assert run(str(main.image_id), "--yes")[0] == 0
    other.refresh_from_db()
    assert other.is_main and of_house.count() == 1


def _house() -> dict[str, Any]:
    """Values of the fields of a house that must have one."""
    model = apps.get_model("properties", "HouseForRent")
    known = {"owner", "title", "monthly_rent"}
    needed = [one for one in model._meta.concrete_fields if not (one.has_default() or one.blank or one.name in known)]
    return {one.name: (one.choices[0][0] if one.choices else 1) for one in needed if not one.primary_key}


def test_a_complete_upload_that_nothing_has_taken(photo: Any, anna: Any) -> None:
    upload = complete_upload(photo(), owner=anna)
    Upload.objects.filter(pk=upload.pk).update(staged=True, due_at=timezone.now())
    put_in_staging(upload, b"as it was sent")
    code, told = report(str(upload.asset_id), "--yes")
    assert (code, told["done"], objects()) == (0, True, [])
    assert told["uses"] == [{"model": "media_assets.upload", "id": upload.pk, "deleted": True}]
    assert {"storage": "local-private", "key": upload.staging_key, "deleted": True} in told["objects"]
    assert Upload.everything.get().status == Upload.STATUS_DISCARDED


def test_a_kept_copy_goes_too(asset: MediaAsset, s3_site: Any) -> None:
    s3_site(USE_S3="False")
    call_command("storage_migrate", "--to", "s3", stdout=io.StringIO())
    asset.refresh_from_db()
    assert (asset.storage, asset.copy_storage) == ("s3-public", "local-public")
    assert objects("local-public") == objects("s3-public") != []
    code, told = report(asset.key, "--yes")
    assert (code, objects("local-public", "s3-public")) == (0, [])
    assert {one["storage"] for one in told["objects"]} == {"local-public", "s3-public"}
    assert {url.partition(asset.key)[0] for url in told["purge"] if asset.key in url} >= {
        "https://www.example.com/media/"
    }
    assert sum(url.endswith(asset.key) for url in told["purge"]) == 2  # in either place
    assert not any("?" in url for url in told["purge"])


def test_a_copy_in_a_storage_that_the_site_does_not_have_is_told(asset: MediaAsset) -> None:
    MediaAsset.objects.update(copy_storage="s3-public")
    code, text = run(asset.key, "--yes")
    assert code == 1 and objects() == []
    assert f"NOT DELETED: s3-public: {asset.key}" in text
    assert f"deleted: local-public: {asset.key}" in text and "does not have s3-public" in text


def test_a_storage_that_does_not_answer_is_told_and_swept(asset: MediaAsset, make_user: Any, monkeypatch: Any) -> None:
    anna = make_user(avatar=asset)

    def refuse(*args: Any) -> None:
        raise StorageUnavailable

    with monkeypatch.context() as patched:
        patched.setattr(LocalStorage, "delete", refuse)
        code, text = run(str(asset.pk), "--yes")
        assert code == 1 and "NOT DELETED" in text and "The sweeper tries again" in text
        assert report(str(asset.pk), "--yes")[0] == 1  # as often as it is run
    anna.refresh_from_db()
    assert anna.avatar is None
    assert len(objects()) == 3
    sweep()
    assert objects() == []
    code, told = report(str(asset.pk), "--yes")
    assert (code, told["done"], told["state"]) == (0, True, State.TOMBSTONE)


@pytest.mark.parametrize("answer", ["dry-run", "no", "no terminal", "json"])
def test_nothing_is_done_unasked(asset: MediaAsset, make_user: Any, monkeypatch: Any, answer: str) -> None:
    make_user(avatar=asset)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n") if answer == "no terminal" else Typed("n\n"))
    arguments = {"dry-run": ["--dry-run"], "json": ["--json"]}.get(answer, [])
    code, text = run(asset.key, *arguments)
    assert code == (0 if answer == "dry-run" else 1)
    assert ("would be taken off" in text) == (answer in ("dry-run", "no"))
    assert ("Add --yes" in text) == (answer in ("no terminal", "json"))
    asset.refresh_from_db()
    assert asset.state == State.READY and len(objects()) == 3


def test_it_is_done_when_agreed(asset: MediaAsset, monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.stdin", Typed("y\n"))
    assert run(asset.key)[0] == 0 and objects() == []


@pytest.mark.parametrize("text", ["17", "9" * 40, "nowhere/a.jpg", "https://other.example.org/a.jpg", "/media/no.jpg"])
def test_what_names_no_asset_is_told(text: str) -> None:
    assert run(text, "--yes")[0] == 1


def test_one_that_is_being_stored_is_waited_for(asset: MediaAsset) -> None:
    MediaAsset.objects.update(state=State.RESERVED, lease_expires_at=timezone.now())
    code, text = run(asset.key, "--yes")
    assert code == 1 and "being stored" in text and len(objects()) == 3


def test_variants_made_while_somebody_is_asked_are_told_of_too(photo: Any, settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://www.example.com"
    made = published(photo(size=(80, 60)))
    wanted = taking_down.plan(made)
    settings.MEDIA_VARIANT_WIDTHS = [20]
    MediaAsset.objects.update(work_due_at=timezone.now())
    asset_process(made.pk)
    made.refresh_from_db()
    late = (made.variants or ())[0]["key"]
    taking_down.take_down(wanted)
    assert wanted.is_done
    assert [(place.key, place.is_deleted) for place in wanted.places] == [(made.key, True), (late, True)]
    assert wanted.purge == [f"https://www.example.com/media/{key}" for key in (made.key, late)]
