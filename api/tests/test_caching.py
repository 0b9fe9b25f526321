"""What caches may keep of the API's answers."""

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/artworks/", "private, no-store"),
        ("/api/images/", "private, no-store"),
        ("/api/nothing/", "private, no-store"),
        ("/api/media/config/", "public, max-age=60"),
    ],
)
def test_answers_are_nobody_elses_unless_the_view_says_so(client: Client, path: str, expected: str) -> None:
    assert client.get(path).headers["Cache-Control"] == expected
