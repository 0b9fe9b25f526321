import io
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from api.wsgi import readable_headers

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]


def status_of(**environ: str) -> int:
    seen: list[int] = []

    def start_response(status: str, headers: Any, error: Any = None) -> None:
        seen.append(int(status[:3]))

    request = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/open-echo/", "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(b'{"title": "a"}'), "wsgi.url_scheme": "http", "CONTENT_LENGTH": "14",
        "CONTENT_TYPE": "application/json",
    }  # fmt: skip
    readable_headers(WSGIHandler())({**request, **environ}, start_response)
    return seen[0]


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, 200),
        ({"CONTENT_TYPE": "application/json; a*=bogus''x"}, 415),
        ({"CONTENT_TYPE": "multipart/form-data; boundary*=bogus''x"}, 415),
        ({"CONTENT_TYPE": "application/json; a*=utf-8''x"}, 200),
        ({"CONTENT_LENGTH": "many"}, 400),
        ({"CONTENT_LENGTH": "-5"}, 400),
        ({"CONTENT_LENGTH": "²"}, 400),
        ({"CONTENT_LENGTH": ""}, 400),
    ],
)
def test_headers_that_cannot_be_read_are_the_clients_fault(environ: dict[str, str], status: int) -> None:
    assert status_of(**environ) == status
