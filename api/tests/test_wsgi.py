import io
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler

from api.wsgi import DRAINED_BYTES, LEFT_BYTES, drained_bodies, readable_headers, whole_bodies

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]


def status_of(application: Any = None, **environ: Any) -> int:
    seen: list[int] = []

    def start_response(status: str, headers: Any, error: Any = None) -> None:
        seen.append(int(status[:3]))

    request = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/api/open-echo/", "SERVER_NAME": "testserver", "SERVER_PORT": "80",
        "wsgi.input": io.BytesIO(b'{"title": "a"}'), "wsgi.url_scheme": "http", "CONTENT_LENGTH": "14",
        "CONTENT_TYPE": "application/json",
    }  # fmt: skip
    readable_headers(application or WSGIHandler())({**request, **environ}, start_response)
    return seen[0]


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, 200),
        ({"CONTENT_TYPE": "application/json; a*=bogus''x"}, 415),
        ({"CONTENT_TYPE": "multipart/form-data; boundary*=bogus''x"}, 415),
        ({"CONTENT_TYPE": "application/json; a*=utf-8''x"}, 200),
        *[
            ({"CONTENT_TYPE": f"application/json; charset={charset}", "QUERY_STRING": "a=%5Cud800&b=+2AA-"}, status)
            for charset, status in [("utf-8", 200), ('"UTF-8"', 200), ("hex", 415), ("rot13", 415), ("utf-7", 415)]
        ],
        ({"CONTENT_TYPE": "application/json; charset=utf-8", "QUERY_STRING": "&".join(["a"] * 1100)}, 400),
        ({"CONTENT_LENGTH": "many"}, 400),
        ({"CONTENT_LENGTH": "-5"}, 400),
        ({"CONTENT_LENGTH": "²"}, 400),
        ({"CONTENT_LENGTH": ""}, 400),
    ],
)
def test_headers_that_cannot_be_read_are_the_clients_fault(environ: dict[str, str], status: int) -> None:
    assert status_of(**environ) == status


FORM = b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\na\r\n--x\r\n' + (
    b'Content-Disposition: form-data; name="image"; filename="a.jpg"\r\n\r\n' + b"data" * 100 + b"\r\n--x--\r\n"
)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", FORM),
        ("application/x-www-form-urlencoded", b"title=abcdefgh"),
        ("application/json", b'{"title": "a"}'),
    ],
)
@pytest.mark.parametrize("missing", [0, 1, 10, 14])
def test_a_body_that_breaks_off_is_not_taken_for_a_shorter_one(kind: str, body: bytes, missing: int) -> None:
    came = io.BytesIO(body[: len(body) - missing])
    environ = {"CONTENT_TYPE": kind, "CONTENT_LENGTH": str(len(body)), "wsgi.input": came}
    status = status_of(whole_bodies(WSGIHandler()), **environ)
    assert status == (400 if missing else 200)


class Trickle(io.BytesIO):
    """A body that comes in small pieces."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(min(3, size or 3))


def test_a_body_is_read_as_a_file_is() -> None:
    seen: list[Any] = []

    def read(environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"]
        seen.extend(
            [body.read(5), body.readline(), body.readline(3), body.read(0), body.read(), body.read(), body.read(9)]
        )
        return []

    whole_bodies(read)({"CONTENT_LENGTH": "20", "wsgi.input": Trickle(b"01234567\nabcdefghijk and more")}, None)
    assert seen == [b"01234", b"567\n", b"abc", b"", b"defghijk", b"", b""]


class File(list):
    """An answer that the server would send as a file."""

    closed = False

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("length", "read", "left"),
    [
        (LEFT_BYTES, 0, LEFT_BYTES),  # gunicorn's own
        (LEFT_BYTES + 1, 0, 0),
        (1_000_000, 0, 0),
        (1_000_000, 1_000_000, 0),
        (DRAINED_BYTES + LEFT_BYTES, 0, LEFT_BYTES),
    ],
)
def test_what_a_view_leaves_of_a_body_is_read_once_the_answer_is_sent(length: int, read: int, left: int) -> None:
    body, answer = io.BytesIO(b"x" * length), File([b"no"])

    def refuse(environ: dict[str, Any], start_response: Any) -> Any:
        environ["wsgi.input"].read(read)
        return answer

    served: Any = readable_headers(drained_bodies(refuse))({"CONTENT_LENGTH": str(length), "wsgi.input": body}, None)
    assert list(served) == [b"no"]
    assert body.tell() == read
    served.close()
    assert answer.closed
    assert len(body.read()) == left


def test_an_answer_to_a_request_without_a_body_stays_what_it_was_and_a_lost_client_is_no_error() -> None:
    answer = File([b"yes"])
    assert drained_bodies(lambda environ, start_response: answer)({}, None) is answer

    class Gone(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    served: Any = drained_bodies(lambda environ, start_response: answer)(
        {"CONTENT_LENGTH": "9" * 5000, "wsgi.input": Gone()}, None
    )
    served.close()
    assert answer.closed
