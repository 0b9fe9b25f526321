import pytest
from django.urls import reverse
from rest_framework.test import APIClient

from api.converters import MAX_ID, register

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]


@pytest.mark.parametrize("pk", [1, 42, MAX_ID])
def test_ids_reach_the_view_as_numbers(pk: int) -> None:
    assert APIClient().get(reverse("items-detail", args=[pk])).json() == {"id": pk}


@pytest.mark.parametrize(
    "pk",
    [
        "0",
        "-1",
        "01",
        "1.5",
        "abc",
        "1e3",
        "١",
        "²",
        "%31%00",
        str(MAX_ID + 1),
        "9" * 19,
        "9" * 5000,
        "1%0a",
        " 1",
        "1/",
    ],
)
def test_what_is_no_id_is_not_found(pk: str) -> None:
    answer = APIClient().get(f"/api/items/{pk}/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found.", "code": "not_found"})


def test_registering_again_does_nothing(recwarn: pytest.WarningsRecorder) -> None:
    register()
    assert not recwarn.list
