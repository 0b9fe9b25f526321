import asyncio
import logging
import re

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from api.request_ids import RequestIDFilter, RequestIDMiddleware, current_request_id, enter_task, leave_task

pytestmark = pytest.mark.urls("api.tests.urls")


@pytest.mark.parametrize(
    "path", ["/api/raise/django-404/", "/api/raise/bug/", "/api/nowhere", "/page/bug/", "/static/no"]
)
def test_every_answer_carries_an_id_of_its_own(path: str) -> None:
    client = Client(raise_request_exception=False)
    ids = [client.get(path).headers["X-Request-ID"] for _ in range(2)]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids)
    assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("abcd-EF_0.9", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("short", False),
        ("with space", False),
        ("line\nbreak", False),
        ("linebreak\n", False),
        ("ünïcödé-id", False),
        ("", False),
    ],
)
def test_an_id_that_came_is_kept_if_it_is_plain(given: str, kept: bool) -> None:
    answer = Client().get("/api/nowhere/", HTTP_X_REQUEST_ID=given)
    assert (answer.headers["X-Request-ID"] == given) is kept


def record(**extra: object) -> str:
    made = logging.makeLogRecord(extra)
    assert RequestIDFilter().filter(made)
    return made.request_id


def test_log_lines_name_the_request_inside_and_nothing_outside() -> None:
    seen = []
    request = RequestFactory().get("/", HTTP_X_REQUEST_ID="request-1")

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(record())
        return HttpResponse()

    RequestIDMiddleware(view)(request)
    assert seen == ["request-1"]
    assert (record(), current_request_id()) == ("-", "-")
    assert record(request=request) == "request-1", "Django logs a 404 after the middleware is left"
    assert record(request=object()) == "-"


def test_an_error_in_a_view_leaves_no_id_behind() -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        RequestIDMiddleware(view)(RequestFactory().get("/"))
    assert record() == "-"


def test_requests_served_at_once_keep_their_ids_apart() -> None:
    async def view(request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0.01)
        return HttpResponse(current_request_id())

    async def all_at_once() -> list[HttpResponse]:
        middleware = RequestIDMiddleware(view)
        sent = (RequestFactory().get("/", HTTP_X_REQUEST_ID=f"request-{n}") for n in range(8))
        return await asyncio.gather(*(middleware(request) for request in sent))

    answers = asyncio.run(all_at_once())
    assert [a.content.decode() for a in answers] == [f"request-{n}" for n in range(8)]
    assert [a.headers["X-Request-ID"] for a in answers] == [f"request-{n}" for n in range(8)]


def test_asgi_answers_carry_it_too() -> None:
    answer = asyncio.run(AsyncClient().get("/api/nowhere/"))
    assert answer.status_code == 404
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["X-Request-ID"])


def test_a_workers_lines_name_the_task_and_the_request_that_sent_it() -> None:
    enter_task(request_id="request-1", task_id="task-1", asset_id=7)
    try:
        made = logging.makeLogRecord({})
        RequestIDFilter().filter(made)
        assert (made.request_id, made.task_id, made.asset_id) == ("request-1", "task-1", 7)
        assert made.context == "request-1 task task-1 asset 7"
        enter_task(request_id="line\nbreak", task_id="task-2", asset_id=None)
        assert record() == "-"
    finally:
        leave_task()
    made = logging.makeLogRecord({})
    RequestIDFilter().filter(made)
    assert (made.request_id, made.context, hasattr(made, "task_id")) == ("-", "-", False)
