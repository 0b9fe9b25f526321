import io

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]
BODY = b'{"title": "a"}'


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}, "411"),
        ({"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}, "411"),
        ({"CONTENT_LENGTH": str(len(BODY))}, "200"),
        ({"CONTENT_LENGTH": str(len(BODY)), "HTTP_TRANSFER_ENCODING": "chunked"}, "200"),  # the server knows it
        ({"CONTENT_LENGTH": ""}, "400"),  # no body at all: the title is missing
    ],
)
@override_settings(MIDDLEWARE=["api.lengths.LengthMiddleware"])
def test_a_body_of_unknown_length_is_refused_and_never_taken_for_an_empty_one(environ: dict, status: str) -> None:
    seen: list[str] = []
    request = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/open-echo/", "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(BODY), "wsgi.url_scheme": "http", "CONTENT_TYPE": "application/json",
    }  # fmt: skip
    body = b"".join(WSGIHandler()({**request, **environ}, lambda line, headers, error=None: seen.append(line[:3])))
    assert seen == [status]
    assert (b'"code": "length_required"' in body) == (status == "411")
