"""Fixtures of the library's tests: who calls, and what there is to call on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from images.models import LibraryImage
from images.services import library_image_create
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from users.models import User


@pytest.fixture
def owner(make_user: Callable[..., User]) -> User:
    return make_user("johndoe")


@pytest.fixture
def clients(owner: User, make_user: Callable[..., User], client_of: Callable[..., APIClient]) -> dict[str, APIClient]:
    """Each kind of caller by name."""
    staff = make_user("staff", is_staff=True, is_superuser=True)
    people = {"anonymous": None, "other": make_user("other"), "owner": owner, "staff": staff}
    return {name: client_of(user) for name, user in people.items()}


@pytest.fixture
def store(owner: User, photo: Callable[..., Any]) -> Callable[..., LibraryImage]:
    """Puts an image into the owner's library: ``store("a.jpg", title="A")``."""

    def make(name: str = "sea.jpg", **fields: Any) -> LibraryImage:
        file = ImageUploadField().run_validation(photo(name))
        return library_image_create(**{"user": owner, "image": file, **fields})

    return make


@pytest.fixture
def fill(owner: User) -> Callable[..., list[LibraryImage]]:
    """Gives the owner's library rows without objects, in few statements: a list never looks at those."""

    def make(count: int, user: User | None = None, **asset: Any) -> list[LibraryImage]:
        user = user or owner
        known = {"storage": "local-private", "visibility": "private", "content_type": "image/jpeg", "size": 9}
        known |= {"state": State.READY, "published_at": timezone.now(), "owner": user} | asset
        first = LibraryImage.objects.count()
        keys = [f"images/{user.pk}/{first + n}.jpg" for n in range(count)]
        assets = MediaAsset.objects.bulk_create([MediaAsset(**{"key": key, **known}) for key in keys])
        return LibraryImage.objects.bulk_create(
            LibraryImage(user=user, image=one, title=f"{first + n}") for n, one in enumerate(assets)
        )

    return make
