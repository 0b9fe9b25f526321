import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

pytestmark = pytest.mark.urls("api.tests.urls")
ONCE = ["Send it once."]


def upload(name: str = "a.txt") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, b"text")


@pytest.mark.parametrize(
    ("form", "status", "answer"),
    [
        ({"title": "a", "tags": ["b", "c"]}, 200, {"title": "a", "tags": "['b', 'c']"}),
        ({"title": "a", "unknown": ["b", "c"], "id": ["1", "2"]}, 200, {"title": "a"}),
        ({"title": ["a", "b"]}, 400, {"title": ONCE}),
        ({"title": ["a", "a"], "image": ["", upload()]}, 400, {"title": ONCE, "image": ONCE}),
        ({"title": "a", "image": [upload(), upload("b.txt")]}, 400, {"image": ONCE}),
    ],
)
def test_a_single_value_is_sent_once(form: dict, status: int, answer: dict) -> None:
    sent = APIClient().post("/api/open-echo/", form, format="multipart")
    assert (sent.status_code, sent.json()) == (status, answer)


def test_json_is_left_to_its_fields() -> None:
    assert APIClient().post("/api/open-echo/", {"title": ["a"]}).json() == {"title": ["Not a valid string."]}
