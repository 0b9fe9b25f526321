"""The demo: made by the services, made once, never by mistake on a real site."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from PIL import Image

from artworks.models import ArtWork, Like, Review
from config import demo
from config.demo_content import ADMIN_EMAIL, ARTWORKS, DEMO_EMAIL, PEOPLE
from media_assets.models import MediaAsset, State
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def laptop(settings: Any) -> Any:
    settings.DEBUG = True
    return settings


def counts() -> list[int]:
    return [model.objects.count() for model in (User, ArtWork, Like, Review, MediaAsset)]


def test_it_is_refused_where_debug_is_off(settings: Any) -> None:
    settings.DEBUG = False
    with pytest.raises(CommandError, match="--force"):
        run()
    assert counts() == [0, 0, 0, 0, 0]


def test_the_printed_accounts_sign_in(laptop: Any, client: Client) -> None:
    printed = run("--site", "http://127.0.0.1:8123/")
    for address in ("http://127.0.0.1:8123/", "http://127.0.0.1:8123/api/docs/", "http://127.0.0.1:8123/admin/"):
        assert f" {address}\n" in printed
    for email in (ADMIN_EMAIL, DEMO_EMAIL):
        line = next(line for line in printed.splitlines() if email in line)
        form = {"email": email, "password": line.split()[-1]}
        assert client.post("/api/auth/login/", form, "application/json").status_code == 200
    admin, user = User.objects.get(email=ADMIN_EMAIL), User.objects.get(email=DEMO_EMAIL)
    assert (admin.is_staff, admin.is_superuser, user.is_staff, user.is_superuser) == (True, True, False, False)


def test_every_picture_is_delivered_as_what_it_says(laptop: Any, client: Client) -> None:
    run()
    listed = client.get("/api/artworks/").json()
    assert [item["title"] for item in listed] == [item.title for item in reversed(ARTWORKS)]
    for item, made in zip(listed, reversed(ARTWORKS), strict=True):
        answer = client.get(item["image_display_url"].removeprefix("http://testserver"))
        picture = Image.open(io.BytesIO(b"".join(answer.streaming_content)))
        assert picture.size == made.size == (item["media"]["width"], item["media"]["height"])
        assert answer["Content-Type"] == item["media"]["content_type"] == Image.MIME[picture.format or ""]
        assert item["image"] == f"artworks/{made.filename}"
        assert (item["likes_count"], item["reviews_count"]) == (len(made.likers), len(made.reviews))
    assert client.get(f"/api/users/{User.objects.get(email=DEMO_EMAIL).pk}/").json()["avatar_url"]


def test_a_second_run_adds_nothing_and_a_later_one_what_is_missing(laptop: Any) -> None:
    first = run()
    before = counts()
    assert before[:2] == [len(PEOPLE) + 1, len(ARTWORKS)]
    assert run() == first
    assert counts() == before
    ArtWork.objects.get(title=ARTWORKS[0].title).delete()
    run()
    assert counts()[:4] == before[:4]
    assert MediaAsset.objects.filter(state=State.READY).count() == len(ARTWORKS) + 1


def test_a_changed_password_is_kept_and_not_shown(laptop: Any) -> None:
    run()
    user = User.objects.get(email=DEMO_EMAIL)
    user.set_password("Something-else-7")
    user.save()
    assert f"{DEMO_EMAIL}  (password changed)" in run()
    assert User.objects.get(email=DEMO_EMAIL).check_password("Something-else-7")


def test_forced_onto_a_site_its_passwords_are_random(settings: Any) -> None:
    settings.DEBUG = False
    printed = run("--force")
    assert not any(password in printed for password in demo.LAPTOP_PASSWORDS.values())
    admin = next(line for line in printed.splitlines() if ADMIN_EMAIL in line)
    assert User.objects.get(email=ADMIN_EMAIL).check_password(admin.split()[-1])
    for user in User.objects.all():
        assert not any(user.check_password(password) for password in demo.LAPTOP_PASSWORDS.values())


def test_pictures_are_drawn_the_same_every_time() -> None:
    item = ARTWORKS[0]
    drawn = [demo.drawn(item.filename, item.scene, (160, 100), number=1).read() for _ in range(2)]
    assert drawn[0] == drawn[1]
    assert drawn[0] != demo.drawn(item.filename, item.scene, (160, 100), number=2).read()
