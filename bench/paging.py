"""A page in the middle of a million artworks against the first page, through the API, by cursor."""

import json
import os
import time
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from api.cursors import NEXT, Cursor
from artworks.models import ArtWork
from bench.content import make_user
from bench.million import fill
from bench.table import Row
from bench.timing import interleaved, rounds
from bench.wsgi_requests import Answer, request

ROWS = 1_000_000
TURNS = 150
# What a deep page may cost, by ordering. Half of the artworks have no likes, and the page at half depth is where they
# begin or end: on SQLite, of all pages, the one that takes two queries.
DEEP_TO_FIRST = {"-created_at": 1.2, "-likes_count": 1.6, "likes_count": 1.6}
LIMIT = 20


def measure() -> list[Row]:
    """The cost of one page. What the database does counts: it happens in this process, or is waited for."""
    clock, meaning = (time.process_time, "CPU") if connection.vendor == "sqlite" else (time.perf_counter, "elapsed")
    total = int(os.environ.get("BENCH_ROWS") or ROWS)
    depth = total // 2
    group = f"Paging through {total} artworks on {connection.vendor}, {LIMIT} per page: {meaning}"
    fill(total, make_user("author"))
    rows = []
    for ordering, bound in DEEP_TO_FIRST.items():
        descending = ordering.startswith("-")
        queryset = ArtWork.objects.order_by(ordering, "-pk" if descending else "pk")
        first = f"/api/artworks/?limit={LIMIT}&ordering={ordering}"
        before = Cursor.at(queryset[depth - LIMIT - 1], ArtWork, ordering, NEXT).encode()
        calls = {"first": request(first), "deep": request(_next_page(request(f"{first}&cursor={before}")()))}
        _require_page(calls["first"](), queryset, 0)
        _require_page(calls["deep"](), queryset, depth)
        cost = interleaved(calls, turns=rounds(TURNS), clock=clock)
        ratio = cost["deep"] / cost["first"]
        rows.append(Row(group, f"{ordering}: first page", cost["first"]))
        rows.append(Row(group, f"{ordering}: page at depth {depth}", cost["deep"], "ms", ratio, "first", bound))
    return rows


def _next_page(answer: Answer) -> str:
    """Path and query of the page that the answer links to."""
    url = answer.headers["Link"].partition('>; rel="next"')[0].rpartition("<")[2]
    return url.removeprefix("http://localhost:8000")


def _require_page(answer: Answer, queryset: QuerySet[Any], offset: int) -> None:
    """The answer is what OFFSET would give."""
    expected = list(queryset.values_list("pk", flat=True)[offset : offset + LIMIT])
    if answer.status != 200 or [artwork["id"] for artwork in json.loads(answer.body)] != expected:
        raise SystemExit(f"The page at {offset} is not the right one: {answer.body[:300]!r}")
