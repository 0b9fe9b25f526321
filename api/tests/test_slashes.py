"""Addresses without their final slash."""

import pytest
from django.test import Client


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
def test_reads_are_redirected_and_writes_are_not_found(settings: object, debug: bool) -> None:
    settings.DEBUG = debug  # type: ignore[attr-defined]
    answer = Client().get("/api/artworks?limit=3")
    assert (answer.status_code, answer.headers["Location"]) == (301, "/api/artworks/?limit=3")
    for method in ("post", "put", "patch", "delete"):
        assert getattr(Client(), method)("/api/artworks").status_code == 404
