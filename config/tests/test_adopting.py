"""Files of earlier systems become avatars, artworks, images of ads, houses and libraries, by the apps' own rules."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from ads.models import Ad, AdImage
from artworks.models import ArtWork
from images.models import LibraryImage
from media_assets.models import MediaAsset, State
from media_assets.storages import get_storage
from media_assets.tests.test_storage_adopt import lie, picture, read
from properties.models import HouseForRent, HouseForSale, PropertyImage
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
HOUSE = {"title": "House", "address": "Calle Mayor 5", "city": "Alcalá"}


@pytest.fixture(params=["local", pytest.param("s3", marks=pytest.mark.s3)])
def engine(request: Any) -> str:
    if request.param == "s3":
        request.getfixturevalue("s3_site")()
    return str(request.param)


@pytest.fixture
def anna(make_user: Any) -> User:
    return make_user("anna")


@pytest.fixture
def adopt(tmp_path: Path, capsys: Any) -> Any:
    """``adopt("key,owner,target", "a.jpg,anna,avatar", storage="local-public")``: exit code, reasons by key."""

    def run(*lines: str, storage: str, options: tuple[str, ...] = ()) -> tuple[int, dict[str, str]]:
        path = tmp_path / "files.csv"
        path.write_text("\n".join(lines))
        out, code = io.StringIO(), 0
        try:
            call_command("storage_adopt", "--csv", str(path), "--storage", storage, "--json", *options, stdout=out)
        except SystemExit as end:
            code = int(str(end.code))
        return code, {one["key"]: one["reason"] for one in json.loads(out.getvalue())["refusals"]}

    return run


def ad_of(user: User) -> Ad:
    return Ad.objects.create(owner=user, title="Phone", price=Decimal("850"))


def test_an_avatar(engine: str, anna: User, adopt: Any, client_of: Any) -> None:
    lie(f"{engine}-public", "avatars/user_7/me.jpg", picture())
    where = {"storage": f"{engine}-public"}
    assert adopt("key,owner,target", "avatars/user_7/me.jpg,anna@example.com,avatar", **where) == (0, {})
    row = client_of(anna).get("/api/users/me/").json()
    assert (row["avatar"], row["media"]["state"]) == ("avatars/user_7/me.jpg", "ready")


def test_an_image_is_replaced_only_where_that_is_wanted(engine: str, anna: User, adopt: Any) -> None:
    alias = f"{engine}-public"
    for name in "abc":
        lie(alias, f"{name}.jpg", picture())
    artwork = ArtWork.objects.create(author=anna, title="Sea")
    assert adopt("key,owner,target", "a.jpg,anna,avatar", f"b.jpg,,artwork:{artwork.pk}", storage=alias) == (0, {})
    again = ("key,owner,target", "c.jpg,anna,avatar")
    code, found = adopt(*again, storage=alias)
    assert (code, "--replace" in found["c.jpg"], User.objects.get().avatar.key) == (1, True, "a.jpg")
    assert adopt(*again, storage=alias, options=("--replace",)) == (0, {})
    assert User.objects.get().avatar.key == "c.jpg"
    assert MediaAsset.objects.get(key="a.jpg").state == State.TOMBSTONE
    lie(alias, "d.jpg", picture())
    again = ("key,owner,target", f"d.jpg,,artwork:{artwork.pk}")
    assert adopt(*again, storage=alias)[0] == 1
    assert adopt(*again, storage=alias, options=("--replace",)) == (0, {})
    artwork.refresh_from_db()
    assert (artwork.image.key, artwork.image.owner) == ("d.jpg", anna)
    assert MediaAsset.objects.get(key="b.jpg").state == State.TOMBSTONE


def test_new_artworks(engine: str, anna: User, adopt: Any, client_of: Any) -> None:
    for name in ("mountain_landscape", "b", "c", "d"):
        lie(f"{engine}-public", f"artworks/{name}.jpg", picture())
    code, found = adopt(
        "key,owner,target,title,description,medium,dimensions,tags,image_url,created_at",
        "artworks/mountain_landscape.jpg,anna,artwork,,,,,,,",
        'artworks/b.jpg,anna,artwork,"Sea, at night",Dark,Oil,24x36,"sea, night,Sea",https://example.com/b.jpg,2025-05-15T12:30:45Z',
        f"artworks/c.jpg,anna,artwork,{'x' * 256},,,,,,",
        "artworks/d.jpg,,artwork,,,,,,,",
        storage=f"{engine}-public",
    )
    assert (code, sorted(found)) == (1, ["artworks/c.jpg", "artworks/d.jpg"])
    assert "title: Ensure this value has at most 255 characters" in found["artworks/c.jpg"]
    assert found["artworks/d.jpg"] == "The target artwork needs an owner."
    first, second = APIClient().get("/api/artworks/?ordering=created_at").json()
    assert (first["title"], first["tags"], first["created_at"]) == (
        "Sea, at night",
        "sea,night",
        "2025-05-15T12:30:45Z",
    )
    assert (first["image_url"], first["medium"]) == ("https://example.com/b.jpg", "Oil")
    assert (second["title"], second["image"]) == ("mountain landscape", "artworks/mountain_landscape.jpg")
    assert [row["id"] for row in APIClient().get("/api/artworks/?tag=NIGHT").json()] == [first["id"]]


def test_the_image_and_texts_of_an_artwork_that_exists(engine: str, anna: User, make_user: Any, adopt: Any) -> None:
    make_user("ben")
    for name in "abc":
        lie(f"{engine}-public", f"{name}.jpg", picture())
    artwork = ArtWork.objects.create(author=anna, title="Sea", description="Dark")
    code, found = adopt(
        "key,owner,target,title,tags",
        f"a.jpg,ben,artwork:{artwork.pk},,",
        "b.jpg,,artwork:999999,,",
        f'c.jpg,anna,artwork:{artwork.pk},,"a,b"',
        storage=f"{engine}-public",
    )
    assert code == 1
    assert found["a.jpg"].startswith("It belongs to anna@example.com, not to ben@example.com.")
    assert found["b.jpg"] == "There is no artwork 999999."
    artwork.refresh_from_db()
    assert (artwork.title, artwork.description, artwork.tags, artwork.image.key) == ("Sea", "Dark", "a,b", "c.jpg")
    assert artwork.tag_rows.count() == 2


def test_images_of_an_ad(engine: str, anna: User, adopt: Any) -> None:
    ad = ad_of(anna)
    for name in ("side", "main", "back", "odd"):
        lie(f"{engine}-public", f"ads/ad_{ad.pk}/{name}.jpg", picture())
    code, found = adopt(
        "key,target,alt_text,order,created_at",
        f"ads/ad_{ad.pk}/side.jpg,ad:{ad.pk},Side,2,",
        f"ads/ad_{ad.pk}/main.jpg,ad:{ad.pk},Front,1,2025-01-22T10:30:00Z",
        f"ads/ad_{ad.pk}/back.jpg,ad:{ad.pk},,,",
        f"ads/ad_{ad.pk}/odd.jpg,ad:{ad.pk},,-1,",
        f"ads/ad_{ad.pk}/side.jpg,ad:{ad.pk},,,",
        f"ads/ad_{ad.pk}/gone.jpg,ad:999999,,,",
        storage=f"{engine}-public",
        options=("--jobs", "1"),
    )
    assert (code, found[f"ads/ad_{ad.pk}/odd.jpg"]) == (1, "order: '-1' is not a whole number.")
    row = APIClient().get(f"/api/ads/{ad.pk}/").json()
    names = [(image["image"].rpartition("/")[2], image["alt_text"], image["order"]) for image in row["images"]]
    assert names == [("main.jpg", "Front", 1), ("side.jpg", "Side", 2), ("back.jpg", "", 3)]
    assert row["images"][0]["created_at"] == "2025-01-22T10:30:00Z"
    assert row["main_image_url"].endswith(f"/ads/ad_{ad.pk}/main.jpg")
    assert {image.image.owner for image in AdImage.objects.all()} == {anna}


def test_a_folder_becomes_the_images_of_one_ad_in_its_order(anna: User, monkeypatch: Any, capsys: Any) -> None:
    ad = ad_of(anna)
    for number in range(9):
        lie("local-public", f"ads/{number}.jpg", picture())
    call_command("storage_adopt", "--prefix", "ads/", "--as", f"ad:{ad.pk}")
    assert [image.image.key for image in ad.images.all()] == [f"ads/{number}.jpg" for number in range(9)]
    lie("local-public", "ads/9.jpg", picture())
    monkeypatch.setattr("ads.adoption.MAX_IMAGES", 9)
    with pytest.raises(SystemExit):
        call_command("storage_adopt", "--prefix", "ads/", "--as", f"ad:{ad.pk}")
    assert "ads/9.jpg: image: There can be at most 9 images here." in capsys.readouterr().out
    assert MediaAsset.objects.count() == 9


@pytest.mark.parametrize(("model", "amount"), [(HouseForSale, "price"), (HouseForRent, "monthly_rent")])
def test_images_of_a_house(engine: str, model: Any, amount: str, anna: User, adopt: Any, client_of: Any) -> None:
    house = model.objects.create(owner=anna, **HOUSE, **{amount: Decimal("1")})
    folder = f"properties/{model.__name__.lower()}/{house.pk}"
    for name in "abcd":
        lie(f"{engine}-private", f"{folder}/{name}.jpg", picture())
    lines = [
        "key,target,caption,is_main,order,created_at",
        f"{folder}/a.jpg,{model.CONTENT_TYPE}:{house.pk},Door,f,3,",
        f"{folder}/b.jpg,{model.CONTENT_TYPE}:{house.pk},Room,t,1,2025-01-12T14:30:22+00:00",
        f"{folder}/c.jpg,{model.CONTENT_TYPE}:{house.pk},,maybe,,",
        f"{folder}/d.jpg,{model.CONTENT_TYPE}:999999,,,,",
    ]
    code, found = adopt(*lines, storage=f"{engine}-private")
    assert (code, found[f"{folder}/c.jpg"]) == (1, "is_main: 'maybe' is neither true nor false.")
    assert found[f"{folder}/d.jpg"].startswith("There is no house for ")
    rows = client_of(anna).get("/api/property-images/?ordering=order").json()
    shown = [(row["image"], row["caption"], row["is_main"], row["order"]) for row in rows]
    assert shown == [(f"{folder}/b.jpg", "Room", True, 1), (f"{folder}/a.jpg", "Door", False, 3)]
    assert rows[0]["created_at"] == "2025-01-12T14:30:22Z"
    assert PropertyImage.objects.filter(is_main=True).count() == 1
    # A copy in the public storage is not what the house may show.
    lie(f"{engine}-public", f"{folder}/e.jpg", picture())
    public = [lines[0], f"{folder}/e.jpg,{model.CONTENT_TYPE}:{house.pk},,,,"]
    assert "is private" in adopt(*public, storage=f"{engine}-public")[1][f"{folder}/e.jpg"]


def test_the_private_library(engine: str, anna: User, adopt: Any, client_of: Any, make_user: Any) -> None:
    uuid = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
    lie(f"{engine}-private", f"images/1/{uuid}_cat.jpg", picture())
    lines = (
        "key,owner,target,title,description,created_at",
        f"images/1/{uuid}_cat.jpg,anna,library,Cat,Mine,15 January",
    )
    assert adopt(*lines, storage=f"{engine}-private")[1] == {
        f"images/1/{uuid}_cat.jpg": "created_at: '15 January' is no time. Write it like 2025-05-15T12:30:45Z."
    }
    lines = (lines[0], lines[1].replace("15 January", "2024-01-15T10:30:00Z"))
    assert adopt(*lines, storage=f"{engine}-private") == (0, {})
    [row] = client_of(anna).get("/api/images/").json()
    assert (row["title"], row["description"], row["uploaded_at"]) == ("Cat", "Mine", "2024-01-15T10:30:00Z")
    assert row["media"]["original_filename"] == "cat.jpg"
    assert client_of(make_user("ben")).get("/api/images/").json() == []
    LibraryImage.objects.get().delete()
    assert not list(get_storage(f"{engine}-private").list_objects("images/"))


def test_a_refused_file_leaves_no_row_behind(anna: User, adopt: Any) -> None:
    """What a target did before it found a fault is undone."""
    for name in "ab":
        lie("local-public", f"{name}.jpg", picture())
    lines = ["key,owner,target,created_at", "a.jpg,anna,artwork,yesterday", "b.jpg,anna,upload,yesterday"]
    assert sorted(adopt(*lines, storage="local-public")[1]) == ["a.jpg", "b.jpg"]
    assert (ArtWork.objects.count(), MediaAsset.objects.count()) == (0, 0)
    assert read("local-public", "a.jpg") == picture()
