"""The list of one's own images: all of them at once, or pages; what it costs; what it says."""

import re

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request

from images.models import LibraryImage
from images.serializers import LibraryImageSerializer
from media_assets.models import State

pytestmark = pytest.mark.django_db

URL = "/api/images/"


def test_all_images_up_to_1000_come_at_once(clients, fill, make_user):
    fill(5, user=make_user("somebody"))
    fill(1003)
    answer = clients["owner"].get(URL)
    assert len(answer.json()) == 1000
    rest = clients["owner"].get(re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])[1])
    seen = [row["id"] for row in [*answer.json(), *rest.json()]]
    mine = LibraryImage.objects.filter(user__username="johndoe")
    assert seen == list(mine.order_by("-uploaded_at", "-id").values_list("pk", flat=True))
    assert "next" not in rest.headers.get("Link", "")


@pytest.mark.parametrize("ordering", ["-uploaded_at", "uploaded_at"])
def test_pages_hold_every_row_once(clients, fill, ordering):
    fill(11)
    url, seen = f"{URL}?limit=4&ordering={ordering}", []
    while url:
        answer = clients["owner"].get(url)
        seen += [row["id"] for row in answer.json()]
        found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        url = found and found[1]
    sign = ordering[0] if ordering[0] == "-" else ""
    assert seen == list(LibraryImage.objects.order_by(ordering, f"{sign}id").values_list("pk", flat=True))


def test_a_page_costs_the_same_at_1_and_100_rows_and_calls_no_storage(clients, fill, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a list asked a storage")

    for name in ("open", "exists", "size", "create", "delete", "stat", "get_modified_time"):
        monkeypatch.setattr(type(storages["local-private"]), name, forbidden, raising=False)
    fill(100)
    for limit in (1, 100):
        with CaptureQueriesContext(connection) as made:
            answer = clients["owner"].get(f"{URL}?limit={limit}")
        assert (len(answer.json()), len(made)) == (limit, 2)


def test_rows_say_what_the_serializer_says(clients, owner, fill):
    variants = [{"width": 2, "height": 1, "content_type": "image/webp", "key": "images/v.webp", "size": 3}]
    fill(1)
    fill(1, state=State.PROCESSING)
    fill(1, state=State.FAILED, failure_reason="It is damaged.")
    fill(1, storage="s3-private")
    fill(1, variants=variants, original_filename="ö +%.jpg", placeholder="abc", width=4, height=3)
    rows = clients["owner"].get(URL).json()
    assert rows == [clients["owner"].get(f"{URL}{row['id']}/").json() for row in rows]
    request = Request(RequestFactory().get(URL))
    request.user = owner
    described = LibraryImageSerializer(LibraryImage.objects.all(), many=True, context={"request": request}).data
    assert [(list(row), list(row["user"])) for row in rows] == [(list(one), list(one["user"])) for one in described]
    assert [(row["image"] is None, row["image_url"] is None) for row in rows].count((True, True)) == 3


def test_a_deep_page_is_read_from_its_index(clients, fill, make_user):
    fill(2000)
    fill(500, user=make_user("somebody"))
    answer = clients["owner"].get(URL)
    with CaptureQueriesContext(connection) as made:
        clients["owner"].get(re.search(r'<([^>]+)>; rel="next"', answer.headers["Link"])[1] + "&limit=50")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
        cursor.execute(f"{explain} {made[-1]['sql']}")
        plan = "\n".join(str(line[-1]) for line in cursor.fetchall())
    assert "library_image_by_user" in plan and "SORT" not in plan.upper() and "TEMP B-TREE" not in plan.upper(), plan
