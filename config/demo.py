"""Puts the demo's people and artworks in place, by the services that requests use; what is there already stays."""

import secrets
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePath
from typing import NamedTuple

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from artworks.models import ArtWork
from artworks.services import artwork_create, like_add, review_create
from config.demo_content import ADMIN_EMAIL, ARTWORKS, AVATARS, PEOPLE, DemoArtwork
from config.demo_pictures import Scene, draw_scene
from media_assets.fields import ImageUploadField
from users.models import User
from users.services import user_signup, user_update

# Known to everyone who reads this: given on a laptop (DEBUG) only; elsewhere each account gets one of its own.
LAPTOP_PASSWORDS = {ADMIN_EMAIL: "Vitrine-Admin-1", **{email: "Vitrine-Demo-1" for email, _, _ in PEOPLE.values()}}
_FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}
Progress = Callable[[str], None]


class Account(NamedTuple):
    """``password`` is None where the account was there already and has another one."""

    email: str
    password: str | None


def seed(progress: Progress = lambda step: None) -> list[Account]:
    """Make what is missing; the accounts, the admin first. ``progress`` is called with each step's name.

    Raises ValidationError or IntegrityError where somebody else has one of the usernames, StorageUnavailable.
    """
    accounts = list(_accounts(progress))
    people = {name: User.objects.get(email=email) for name, (email, _, _) in PEOPLE.items()}
    for name, scene in AVATARS.items():
        if people[name].avatar_id is None:
            progress(f"avatar of {name}")
            user_update(user=people[name], changes={"avatar": drawn("avatar.png", scene, (512, 512), number=0)})
    for number, item in enumerate(ARTWORKS, start=1):
        progress(item.title)
        _artwork(item, people, number)
    return accounts


def drawn(filename: str, scene: Scene, size: tuple[int, int], *, number: int) -> SimpleUploadedFile:
    """A drawn picture, validated as an upload is."""
    image_format = _FORMATS[PurePath(filename).suffix]
    picture = draw_scene(scene, size, seed=number, image_format=image_format)
    file = SimpleUploadedFile(filename, picture, f"image/{image_format.lower()}")
    ImageUploadField().run_validation(file)
    return file


def _accounts(progress: Progress) -> Iterator[Account]:
    progress("accounts")
    yield _account(ADMIN_EMAIL, partial(User.objects.create_superuser, username="admin"))
    for username, (email, first_name, last_name) in PEOPLE.items():
        yield _account(email, partial(user_signup, username=username, first_name=first_name, last_name=last_name))


def _account(email: str, create: Callable[..., User]) -> Account:
    password = LAPTOP_PASSWORDS[email] if settings.DEBUG else secrets.token_urlsafe(12)
    known = User.objects.filter(email=email).first()
    if known is None:
        create(email=email, password=password)
    elif not known.check_password(password):
        return Account(email, None)
    return Account(email, password)


def _artwork(item: DemoArtwork, people: dict[str, User], number: int) -> None:
    """The artwork, with its likes and reviews; one with this title by this author is left as it is."""
    author = people[item.author]
    if ArtWork.objects.filter(author=author, title=item.title).exists():
        return
    artwork = artwork_create(
        author=author,
        title=item.title,
        description=item.description,
        medium=item.medium,
        dimensions=item.dimensions,
        tags=item.tags,
        image=drawn(item.filename, item.scene, item.size, number=number),
    )
    for username in item.likers:
        like_add(user=people[username], artwork_id=artwork.pk)
    for username, rating, text in item.reviews:
        review_create(author=people[username], artwork_id=artwork.pk, rating=rating, text=text)
