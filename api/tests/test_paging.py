import base64
import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from api.cursors import MAX_CURSOR_LENGTH, Cursor
from api.tests.items import Item, create_table

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]
ROWS = 25


@pytest.fixture
def items() -> list[Item]:
    return create_table(ROWS)


BAD_VALUES: dict[str, list[Any]] = {
    "likes": [None, True, 1.5, "1", 2**63, -(2**63) - 1, [], {}],
    "price": [None, 1, 1.5, "", "NaN", "Infinity", "1e9", "1e999999", "1.234", "9" * 11, "9" * 99, "١"],
    "created_at": [None, True, 1.5, "2025-05-15T12:30:45Z", 10**18, -(10**18), 10**400],
    "name": [None, 1, "a\0b", "a" * 301, ["a"]],
}
COLUMNS = ("created_at", "likes", "price", "name", "id")


def get(path: str) -> Any:
    answer = APIClient().get(path)
    assert answer.status_code == 200, answer.content
    return answer


def links(answer: Any) -> dict[str, str]:
    """The Link header by relation."""
    found = [part.split("; ") for part in answer.headers.get("Link", "").split(", ") if part]
    return {rel.removeprefix('rel="').removesuffix('"'): url.strip("<>") for url, rel in found}


def walk(path: str, rel: str) -> list[list[int]]:
    """Every page's ids from here on in one direction; the last answer's URL leads back."""
    pages = []
    while path:
        answer = get(path)
        pages.append([row["id"] for row in answer.json()])
        path = links(answer).get(rel, "")
    return pages


def cursor_of(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts, ensure_ascii=False).encode()).decode().rstrip("=")


@pytest.mark.parametrize("limit", [1, 4, 24, 25, 26, 100])
@pytest.mark.parametrize("ordering", [sign + name for name in COLUMNS for sign in ("", "-")])
def test_pages_forth_and_back_give_every_row_once(items: list[Item], ordering: str, limit: int) -> None:
    first = f"/api/items/?limit={limit}&ordering={ordering}"
    forth = walk(first, "next")
    sign = "-" if ordering.startswith("-") else ""
    expected = list(Item.objects.order_by(ordering, f"{sign}id").values_list("id", flat=True))
    assert [pk for page in forth for pk in page] == expected
    assert [len(page) for page in forth[:-1]] == [limit] * (len(forth) - 1)
    last = first
    while following := links(get(last)).get("next"):
        last = following
    back = walk(last, "prev")[::-1]
    assert back == forth


def test_default_ordering_limit_and_links(items: list[Item]) -> None:
    answer = get("/api/items/?search=%&unknown=a%20b&unknown=c")
    assert answer.json()[0]["id"] == ROWS
    assert len(get("/api/items/").json()) == 20
    following = links(get("/api/items/?limit=3&name=&unknown=a%20%3E%22&unknown=c"))
    assert set(following) == {"next"}
    assert following["next"].startswith("http://testserver/api/items/?limit=3&name=&unknown=a+%3E%22&unknown=c&cursor=")
    assert links(get(following["next"]))["prev"].count("cursor=") == 1


def test_links_take_the_public_address_where_there_is_one(items: list[Item], settings: Any) -> None:
    settings.PUBLIC_BASE_URL = "https://art.example.com"
    assert links(get("/api/items/?limit=3"))["next"].startswith("https://art.example.com/api/items/?limit=3&cursor=")


def test_rows_page_like_instances_within_the_views_own_limits(items: list[Item]) -> None:
    assert len(get("/api/rows/").json()) == ROWS
    assert [pk for page in walk("/api/rows/?limit=4", "next") for pk in page] == [item.pk for item in items]
    assert APIClient().get("/api/rows/?limit=6").json() == {"limit": ["Enter a whole number from 1 to 5."]}
    assert get("/api/rows/?limit=1").json()[0]["price"] == "0.00"


def test_rows_that_come_and_go_between_pages_shift_nothing(items: list[Item]) -> None:
    following = links(get("/api/items/?limit=5"))["next"]
    Item.objects.filter(id__gt=18).delete()
    assert [row["id"] for row in get(following).json()] == [18, 17, 16, 15, 14]
    Item.objects.filter(id__lte=20).delete()
    assert (get(following).json(), links(get(following))) == ([], {})


@pytest.mark.parametrize(
    ("ordering", "limit", "expected"),
    [
        ("-created_at", 5, [1, 1, 1, 1, 1]),
        (
            "created_at",
            2,
            [1, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2],
        ),  # after a page of one value, of which there are three
        ("likes", 2, [1, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2]),
        ("id", 1, [1] + 24 * [2]),
    ],
)
def test_one_query_a_page_at_most_two_and_no_count(
    items: list[Item], ordering: str, limit: int, expected: list[int]
) -> None:
    page, made = f"/api/items/?limit={limit}&ordering={ordering}", []
    while page:
        with CaptureQueriesContext(connection) as queries:
            page = links(get(page)).get("next", "")
        assert not any("COUNT" in query["sql"].upper() for query in queries)
        made.append(len(queries))
    assert made == (expected if connection.vendor == "sqlite" else [1] * len(expected))


@pytest.mark.parametrize("ordering", ["likes", "-likes", "created_at", "-created_at"])
def test_a_cursor_knows_whether_its_page_held_one_value(items: list[Item], ordering: str) -> None:
    page = f"/api/items/?limit=2&ordering={ordering}"
    while page:
        answer = get(page)
        rows = Item.objects.filter(id__in=[row["id"] for row in answer.json()])
        values = set(rows.values_list(ordering.lstrip("-"), flat=True))
        for url in links(answer).values():
            text = url.partition("cursor=")[2].partition("&")[0]
            assert Cursor.decode(text, Item, ordering).among_equals == (len(values) == 1)
        page = links(answer).get("next", "")


@pytest.mark.parametrize(
    "value", ["0", "-1", "101", "a", "", "1.0", "١", "²", "1e1", " 1", "+1", "9" * 5000, "1&limit=1", "%00"]
)
def test_limits_that_are_none(value: str) -> None:
    answer = APIClient().get(f"/api/items/?limit={value}")
    assert (answer.status_code, set(answer.json())) == (400, {"limit"})


@pytest.mark.parametrize(
    "value", ["", "price_", "--likes", "-", "is_sold", "pk", "likes,price", "name%00", "likes&ordering=likes", "id__gt"]
)
def test_unknown_orderings_are_refused_with_the_choices(value: str) -> None:
    answer = APIClient().get(f"/api/items/?ordering={value}")
    assert (answer.status_code, set(answer.json())) == (400, {"ordering"})


@pytest.mark.parametrize(
    ("ordering", "cursor"),
    [
        *[("likes", text) for text in ("", "a", "====", "%00", "ü", "W10", "e30", "bnVsbA", "A" * 9999, "WzFd")],
        ("likes", cursor_of("-likes", "next", 1, 1, False)),
        ("likes", cursor_of("likes", "up", 1, 1, False)),
        ("likes", cursor_of("likes", "next", 1, 1)),
        ("likes", cursor_of("likes", "next", 1, 1, False, False)),
        ("likes", cursor_of(["likes"], "next", 1, 1, False)),
        *[("likes", cursor_of("likes", "next", 1, 1, equal)) for equal in (None, 0, 1, "true", [], {})],
        *[("likes", cursor_of("likes", "next", 1, pk, True)) for pk in (None, True, 1.5, "1", 2**63, 10**400, [1], {})],
        *[(name, cursor_of(name, "next", value, 1, True)) for name, values in BAD_VALUES.items() for value in values],
        ("name", base64.urlsafe_b64encode(b'["name","next","\\ud800",1,true]').decode()),
        ("name", base64.urlsafe_b64encode(b'["name","next","\xff",1,true]').decode()),
    ],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(items: list[Item], ordering: str, cursor: str) -> None:
    assert len(cursor_of("name", "next", "a" * 300, 2**63 - 1, False)) < MAX_CURSOR_LENGTH
    answer = APIClient().get(f"/api/items/?ordering={ordering}&cursor={cursor}")
    assert (answer.status_code, set(answer.json())) == (400, {"cursor"})


@pytest.mark.parametrize(
    ("ordering", "value"),
    [
        ("likes", 2**63 - 1),
        ("likes", -(2**63)),
        ("created_at", -62135596800 * 10**6),
        ("created_at", 253402300799999999),
        ("price", "-9999999999.99"),
        ("name", "😀" * 300),
    ],
)
@pytest.mark.parametrize("direction", ["next", "prev"])
@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("pk", [0, -1, -(2**63), 2**63 - 1])
def test_the_largest_values_are_places(
    items: list[Item], ordering: str, value: Any, direction: str, equal: bool, pk: int
) -> None:
    cursor = cursor_of(ordering, direction, value, pk, equal)
    assert get(f"/api/items/?ordering={ordering}&cursor={cursor}").json() is not None


def test_cursors_come_back_exactly(items: list[Item]) -> None:
    for item in Item.objects.all():
        for ordering in ("created_at", "-likes", "price", "name", "id"):
            for equal in (True, False):
                cursor = Cursor.at(item, Item, ordering, "prev", equal)
                assert Cursor.decode(cursor.encode(), Item, ordering) == cursor


@pytest.mark.parametrize("equal", [True, False])
@pytest.mark.parametrize("direction", ["next", "prev"])
@pytest.mark.parametrize("ordering", ["-created_at", "created_at"])
def test_the_index_finds_the_place_at_any_depth(ordering: str, direction: str, equal: bool) -> None:
    items = create_table(20_000)
    with connection.cursor() as database:
        database.execute("ANALYZE" if connection.vendor == "sqlite" else "ANALYZE api_tests_item")
    cursor = Cursor.at(items[10_000], Item, ordering, direction, equal).encode()
    with CaptureQueriesContext(connection) as queries:
        ids = [row["id"] for row in get(f"/api/items/?ordering={ordering}&cursor={cursor}").json()]
    step = -1 if ordering == "-created_at" else 1
    expected = [10_001 + step * n for n in range(1, 21)]
    assert ids == (expected if direction == "next" else [10_001 - step * n for n in range(20, 0, -1)])
    plans = [_plan(query["sql"]) for query in queries]
    if connection.vendor == "sqlite":
        found_by = ["(created_at=? AND id", "(created_at"] if equal else ["(created_at"]
    else:
        found_by = ["Index Cond: (ROW(created_at, id)"]
    for plan, condition in zip(plans, found_by, strict=True):
        assert "items_by_age" in plan
        assert condition in plan
        assert "TEMP B-TREE" not in plan
        assert "Sort" not in plan


def _plan(sql: str) -> str:
    with connection.cursor() as database:
        database.execute(("EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN ") + sql)
        return " ".join(str(line) for line in database.fetchall())
