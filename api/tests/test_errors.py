import logging
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from api import errors
from api.tests.databases import connection_only_reads, database_away
from api.tests.urls import RAISED

pytestmark = pytest.mark.urls("api.tests.urls")

ANSWERS = {
    "django-404": (404, {"detail": "Not found.", "code": "not_found"}),
    "drf-404": (404, {"detail": "Not found.", "code": "not_found"}),
    "django-403": (403, {"detail": "You do not have permission to perform this action.", "code": "permission_denied"}),
    "drf-403": (403, {"detail": "Not yours.", "code": "not_yours"}),
    "conflict": (409, {"detail": "Taken.", "code": "taken"}),
    "unprocessable": (422, {"detail": "No.", "code": "no_picture"}),
    "unavailable": (503, {"detail": "Later.", "code": "storage_unavailable"}),
    "throttled": (
        429,
        {"detail": "Request was throttled. Expected available in 4 seconds.", "code": "throttled"},
    ),
    "sign-in": (401, {"detail": "Wrong.", "code": "no_active_account"}),
    "invalid-list": (400, {"non_field_errors": ["one", "two"]}),
    "invalid-text": (400, {"a": ["one"], "b": {"c": ["two"]}, "d": [{}, {"e": ["three"]}]}),
    "too-big": (413, {"detail": "The request is too large.", "code": "request_too_large"}),
    "fields": (400, {"detail": "The request has too many fields.", "code": "too_many_fields"}),
    "files": (400, {"detail": "The request has too many files.", "code": "too_many_files"}),
    "suspicious": (400, {"detail": "Bad request.", "code": "bad_request"}),
    "cut": (400, {"detail": "The request ended early.", "code": "incomplete_request"}),
    "database": (503, {"detail": "The database is unavailable.", "code": "database_unavailable"}),
    "connection": (503, {"detail": "The database is unavailable.", "code": "database_unavailable"}),
}
HEADERS = {
    "sign-in": ("WWW-Authenticate", 'Bearer realm="api"'),
    "throttled": ("Retry-After", "4"),
    "unavailable": ("Retry-After", "7"),
    "database": ("Retry-After", "5"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_a_view_raises_is_answered_as_the_contract_prints_it(name: str) -> None:
    answer = APIClient().get(f"/api/raise/{name}/")
    assert (answer.status_code, answer.json()) == ANSWERS[name]
    if name in HEADERS:
        header, value = HEADERS[name]
        assert answer.headers[header] == value
    assert ("Retry-After" in answer.headers) == (answer.status_code in (429, 503))


@pytest.mark.parametrize("name", sorted(set(RAISED) - set(ANSWERS)))
def test_our_own_faults_propagate_and_tell_the_client_nothing(name: str) -> None:
    with pytest.raises(type(RAISED[name])):
        APIClient().get(f"/api/raise/{name}/")
    answer = Client(raise_request_exception=False).get(f"/api/raise/{name}/")
    assert answer.status_code == 500
    assert answer.json() == {"detail": "The server made an error.", "code": "server_error"}


def test_a_lost_database_is_logged_with_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "api.errors"):
        APIClient().get("/api/raise/database/")
    assert "password of the database" in caplog.text


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer x", "Bearer a b c", "Bearer \xff.\xff.\xff", "bearer " + "x." * 999]
)
def test_every_refused_token_is_401_with_a_flat_body(header: str | None) -> None:
    answer = APIClient().post("/api/echo/", {}, **({"HTTP_AUTHORIZATION": header} if header else {}))
    assert answer.status_code == 401
    assert set(answer.json()) == {"detail", "code"}
    assert "{" not in answer.json()["detail"]
    assert answer.json()["code"] in {"not_authenticated", "bad_authorization_header", "token_not_valid"}
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "extra", "status", "code"),
    [
        ("PUT", "/api/open-echo/", {}, 405, "method_not_allowed"),
        ("POST", "/api/open-echo/", {"content_type": "image/png", "data": b"x"}, 415, "unsupported_media_type"),
        ("POST", "/api/open-echo/", {"content_type": "application/json", "data": b"{"}, 400, "parse_error"),
        ("GET", "/api/raise/drf-404/", {"HTTP_ACCEPT": "text/html"}, 406, "not_acceptable"),
        ("GET", "/api/raise/drf-404/?format=xml", {}, 404, "not_found"),
        ("GET", "/api/nowhere/", {}, 404, "not_found"),
        ("GET", "/api/%00%ff/", {}, 404, "not_found"),
        ("GET", "/readyz-not/", {}, 404, "not_found"),
        ("GET", "/api/nowhere/", {"HTTP_HOST": "a b"}, 400, "bad_request"),
        ("GET", "/api/items/?" + "&".join(f"a{n}" for n in range(1100)), {}, 400, "too_many_fields"),
    ],
)
def test_requests_that_no_view_serves(method: str, path: str, extra: dict, status: int, code: str) -> None:
    answer = Client().generic(method, path, **extra)
    assert (answer.status_code, answer.json()["code"], set(answer.json())) == (status, code, {"detail", "code"})


@pytest.mark.parametrize(("path", "status"), [("/nowhere/", 404), ("/page/bug/", 500), ("/page/", 400)])
def test_outside_of_the_api_people_get_pages(path: str, status: int) -> None:
    host = {"HTTP_HOST": "a b"} if status == 400 else {}
    answer = Client(raise_request_exception=False).get(path, **host)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (status, "text/html")


def request_to(path: str) -> HttpRequest:
    return RequestFactory().get(path)


def test_handlers_below_the_api_and_elsewhere() -> None:
    refused = errors.permission_denied(request_to("/api/x/"), Exception())
    assert (refused.status_code, b"permission_denied" in refused.content) == (403, True)
    assert errors.permission_denied(request_to("/x/"), Exception()).headers["Content-Type"].startswith("text/html")
    large = errors.bad_request(request_to("/api/x/"), RAISED["too-big"])
    assert large.status_code == 413


def test_a_lost_database_outside_of_views_is_503_too() -> None:
    try:
        raise RAISED["database"]
    except Exception:
        answer = errors.server_error(request_to("/readyz"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")


@pytest.mark.parametrize(
    ("name", "seconds", "said"), [("database", "5", b"The database"), ("unavailable", "7", b"Later.")]
)
def test_people_read_that_something_is_down(name: str, seconds: str, said: bytes) -> None:
    answer = Client(raise_request_exception=False).get(f"/page/raise/{name}/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, seconds)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert said in answer.content and b"password" not in answer.content


@pytest.mark.parametrize("name", ["bug", "conflict"])
def test_people_read_nothing_of_what_a_page_does_wrong(name: str) -> None:
    assert Client(raise_request_exception=False).get(f"/page/raise/{name}/").status_code == 500


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_be_reached_is_503() -> None:
    with database_away():
        answer = APIClient().get("/api/items/")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")


@pytest.mark.django_db(transaction=True)
def test_a_database_that_only_reads_is_503_and_asked_no_more(make_user: Any, client_of: Any) -> None:
    client = client_of(make_user("anna"))
    with connection_only_reads():
        refused, again = (client.post("/api/groups/", {}, format="json") for _ in range(2))
    assert (refused.status_code, refused.json()["code"]) == (503, "database_unavailable")
    assert refused.headers["Retry-After"] == "5"
    assert again.status_code == 201


@pytest.mark.django_db
def test_a_transaction_under_way_keeps_its_connection(anna: Any) -> None:
    """Whoever began it ends it."""
    APIClient().get("/api/raise/database/")
    anna.refresh_from_db()
