"""The list of ads: filters, order, and what a page costs."""

import re
from decimal import Decimal

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.request import Request

from ads.models import Ad, AdImage
from ads.serializers import AdSerializer
from media_assets.models import MediaAsset, State

pytestmark = pytest.mark.django_db

URL = "/api/ads/"


def titles(client, query=""):
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.content
    return [ad["title"] for ad in answer.json()]


def next_url(answer):
    found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
    return found and found[1]


def test_filters_search_and_order(clients, people, make_ad):
    make_ad(title="Phone", price="850.00", description="Excellent CONDITION")
    make_ad(title="Лампа", price="9.50", is_sold=True)
    make_ad(title="Desk", price="9999999999.99", owner=people["other"])
    make_ad(title="Hidden", price="850.00", is_active=False)
    for query, found in {
        "": ["Desk", "Лампа", "Phone"],
        f"owner={people['other'].pk}": ["Desk"],
        "owner=999999": [],
        "is_sold=true": ["Лампа"],
        "is_sold=false": ["Desk", "Phone"],
        "price_min=850": ["Desk", "Phone"],
        "price_min=850.01": ["Desk"],
        "price_max=850.00": ["Лампа", "Phone"],
        "price_max=9.49": [],
        "price_min=9.5&price_max=850&is_sold=false": ["Phone"],
        "price_min=10&price_max=9": [],
        "price_min=0": ["Desk", "Лампа", "Phone"],
        "search=condition": ["Phone"],
        "search=лампа": ["Лампа"],
        "search=excellent%20phone": ["Phone"],
        "search=hidden": [],
        "ordering=price": ["Лампа", "Phone", "Desk"],
        "ordering=-price": ["Desk", "Phone", "Лампа"],
        "ordering=created_at": ["Phone", "Лампа", "Desk"],
        "owner=&is_sold=&price_min=&price_max=&search=": ["Desk", "Лампа", "Phone"],
    }.items():
        assert titles(clients["anonymous"], query) == found, query
    for who, found in (("other", []), ("owner", ["Hidden"]), ("staff", ["Hidden"])):
        assert titles(clients[who], "search=hidden&price_min=850") == found


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "-price", "price"])
def test_pages_hold_every_row_once(clients, fill, ordering):
    fill(23, 1)
    url, seen = f"{URL}?limit=5&ordering={ordering}", []
    while url:
        answer = clients["anonymous"].get(url)
        seen += [row["id"] for row in answer.json()]
        url = next_url(answer)
    sign = ordering[0] if ordering[0] == "-" else ""
    assert seen == list(Ad.objects.order_by(ordering, f"{sign}id").values_list("pk", flat=True))
    assert len(clients["anonymous"].get(URL).json()) == 20


def test_page_costs_the_same_at_1_and_100_ads_and_calls_no_storage(clients, fill, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a list asked a storage")

    for alias in ("local-public", "local-private"):
        for name in ("open", "exists", "size", "create", "delete", "stat", "get_modified_time"):
            monkeypatch.setattr(type(storages[alias]), name, forbidden, raising=False)
    fill(100, 3)
    for who, queries in (("anonymous", 2), ("other", 3), ("owner", 3), ("staff", 3)):
        for limit in (1, 100):
            with CaptureQueriesContext(connection) as made:
                answer = clients[who].get(f"{URL}?limit={limit}")
            assert (len(answer.json()), sum(len(ad["images"]) for ad in answer.json())) == (limit, 3 * limit)
            assert len(made) == queries, [query["sql"] for query in made]
    expires = [bool(image["media"]["expires_at"]) for ad in answer.json() for image in ad["images"]]
    assert expires.count(True) == 100
    assert all(ad["main_image_url"] == ad["images"][0]["media"]["url"] for ad in answer.json())


@pytest.mark.parametrize("who", ["anonymous", "other", "staff"])
def test_rows_say_what_the_serializer_says(clients, people, make_user, make_ad, make_asset, fill, who):
    fill(2, 3)
    odd = make_ad(title="odd", price="0.01", owner=make_user("nameless"), is_sold=True, description="ö\n")
    make_ad(title="hidden", price="9999999999.99", is_active=False)
    unready = make_ad(title="unready", price="1000000", owner=make_user("half", first_name="Half"))
    variants = [{"width": 2, "height": 1, "content_type": "image/webp", "key": "ads/v.webp", "size": 3}]
    assets = MediaAsset.objects.bulk_create(
        [
            make_asset("odd0", variants=variants, original_filename="ö +%.jpg", placeholder="abc"),
            make_asset("odd1", state=State.FAILED, failure_reason="It is damaged."),
            make_asset("odd2", storage="s3-public"),
            make_asset("odd3", state=State.PROCESSING),
        ]
    )
    for n, asset in enumerate(assets[:3]):
        AdImage.objects.create(ad=odd, image=asset, order=7 - n % 2, alt_text=f"a {n}")
    AdImage.objects.create(ad=unready, image=assets[3], order=0)
    rows = clients[who].get(f"{URL}?limit=100").json()
    assert len(rows) == (5 if who == "staff" else 4)
    assert rows == [clients[who].get(f"{URL}{row['id']}/").json() for row in rows]
    request = Request(RequestFactory().get(URL))
    request.user = people[who] or request.user
    described = AdSerializer(
        Ad.objects.with_images().visible_to(request.user), many=True, context={"request": request}
    ).data
    keys = [(list(row), list(row["owner_info"]), [list(image) for image in row["images"]]) for row in rows]
    assert keys == [(list(one), list(one["owner_info"]), [list(image) for image in one["images"]]) for one in described]
    by_title = {row["title"]: row for row in rows}
    assert [image["alt_text"] for image in by_title["odd"]["images"]] == ["a 1", "a 0", "a 2"]
    assert (by_title["odd"]["owner_info"]["name"], by_title["unready"]["owner_info"]["name"]) == ("nameless", "Half")
    assert by_title["odd"]["main_image_url"] is by_title["unready"]["main_image_url"] is None  # not delivered yet
    assert (by_title["odd"]["price"], by_title["unready"]["price"]) == ("0.01", "1000000.00")


def plan_of(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


@pytest.mark.parametrize("who", ["anonymous", "other", "staff"])
@pytest.mark.parametrize(
    ("query", "index"),
    [("", "ad_by_age"), ("ordering=price&", "ad_by_price"), ("ordering=-price&is_sold=false&", "ad_by_price")],
)
def test_deep_page_is_read_from_its_index(clients, fill, who, query, index):
    fill(3000, 0)
    Ad.objects.filter(pk__lt=Ad.objects.latest("pk").pk - 1500).update(price=Decimal("77.00"))
    deep = clients[who].get(f"{URL}?{query}limit=7")
    for _ in range(3):
        with CaptureQueriesContext(connection) as made:
            deep = clients[who].get(next_url(deep).replace("limit=7", "limit=100"))
    assert len(deep.json()) == 100
    plan = plan_of(made[-2]["sql"])
    assert index in plan and "SORT" not in plan.upper() and "TEMP B-TREE" not in plan.upper(), plan
