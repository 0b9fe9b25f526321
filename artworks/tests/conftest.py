"""Fixtures of the artworks' tests: who calls, and what there is to call on."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rest_framework.test import APIClient

from artworks import services
from artworks.models import ArtWork, Review
from media_assets.fields import clean_upload
from users.models import User

MakeArtWork = Callable[..., ArtWork]


@pytest.fixture
def author(make_user: Callable[..., User]) -> User:
    return make_user("artist1", first_name="John", last_name="Doe")


@pytest.fixture
def people(author: User, make_user: Callable[..., User]) -> dict[str, User | None]:
    """Each kind of caller by name."""
    staff = make_user("staff", is_staff=True)
    return {"anonymous": None, "other": make_user("other"), "author": author, "staff": staff}


@pytest.fixture
def clients(people: dict[str, User | None], client_of: Callable[..., APIClient]) -> dict[str, APIClient]:
    return {name: client_of(user) for name, user in people.items()}


@pytest.fixture
def make_artwork(author: User, photo: Callable[..., Any]) -> MakeArtWork:
    """A maker of artworks: ``make_artwork(title="A", with_image=True)``."""

    def make(*, with_image: bool = False, **fields: Any) -> ArtWork:
        if with_image:
            fields["image"] = photo()
            fields["image"].cleaned = clean_upload(fields["image"])
        return services.artwork_create(**{"author": author, "title": "Mountain Landscape", **fields})

    return make


@pytest.fixture
def artwork(make_artwork: MakeArtWork) -> ArtWork:
    return make_artwork()


@pytest.fixture
def review(artwork: ArtWork, author: User) -> Review:
    return services.review_create(author=author, artwork_id=artwork.pk, rating=4, text="Well seen.")


@pytest.fixture
def counts() -> Callable[[ArtWork], SimpleNamespace]:
    """What the artwork's row says, and how many rows there are."""

    def read(artwork: ArtWork) -> SimpleNamespace:
        row = ArtWork.objects.get(pk=artwork.pk)
        assert (row.likes_count, row.reviews_count) == (row.likes.count(), row.reviews.count())
        return SimpleNamespace(likes=row.likes_count, reviews=row.reviews_count)

    return read
