"""The lists of houses and of images: filters, order, and what a page costs."""

import re
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request

from media_assets.models import MediaAsset, State
from properties.models import HOUSE_MODELS, PropertyImage
from properties.serializers import HouseForRentSerializer, HouseForSaleSerializer, PropertyImageSerializer
from properties.tests.conftest import AMOUNTS, WIRE, url_of

pytestmark = pytest.mark.django_db

IMAGES = "/api/property-images/"
SERIALIZERS = {"house_for_sale": HouseForSaleSerializer, "house_for_rent": HouseForRentSerializer}


def found(client, url, query, key="title"):
    answer = client.get(f"{url}?{query}")
    assert answer.status_code == 200, answer.content
    return [row[key] for row in answer.json()]


def next_url(answer):
    match = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
    return match and match[1]


@pytest.mark.parametrize("kind", HOUSE_MODELS)
def test_houses_are_filtered_searched_and_ordered(clients, people, make_house, kind):
    amount, url, other = AMOUNTS[kind], f"/api/{WIRE[kind]}/", people["other"]
    make_house(kind, title="Attic", **{amount: "900.00"}, bedrooms=1, description="Quiet HARBOUR")
    make_house(kind, title="Barn", **{amount: "1500.00"}, city="Madrid", is_available=False)
    make_house(kind, title="Cabin", **{amount: "1500.00"}, bedrooms=3, owner=other, address="Étang 7")
    for query, titles in {
        "": ["Cabin", "Barn", "Attic"],
        "city=Madrid": ["Barn"],
        "city=madrid": [],
        "is_available=true": ["Cabin", "Attic"],
        "is_available=false": ["Barn"],
        "price_min=1500": ["Cabin", "Barn"],
        "price_min=900.01&price_max=1500.00": ["Cabin", "Barn"],
        "price_max=1499.99": ["Attic"],
        "bedrooms_min=1": ["Cabin", "Attic"],
        "bedrooms_min=4": [],
        f"owner={other.pk}": ["Cabin"],
        "search=harbour": ["Attic"],
        "search=étang": ["Cabin"],
        "search=MADRID barn": ["Barn"],
        "ordering=created_at": ["Attic", "Barn", "Cabin"],
        f"ordering={amount}": ["Attic", "Barn", "Cabin"],
        f"ordering=-{amount}": ["Cabin", "Barn", "Attic"],
        "city=&is_available=&price_min=&bedrooms_min=&owner=&search=": ["Cabin", "Barn", "Attic"],
    }.items():
        assert found(clients["other"], url, query) == titles, query


def test_images_are_filtered_and_ordered(clients, make_house, fill):
    houses = {kind: [make_house(kind) for _ in range(2)] for kind in HOUSE_MODELS}
    rows = {(kind, n): fill(house, 2) for kind, pair in houses.items() for n, house in enumerate(pair)}
    sale, rent = houses["house_for_sale"], houses["house_for_rent"]
    assert [house.pk for house in sale] == [house.pk for house in rent] or connection.vendor == "postgresql"

    def ids(*which):
        return {row.pk for key in which for row in rows[key]}

    client = clients["other"]
    for kind, pair in houses.items():
        assert set(found(client, IMAGES, f"content_type={kind}", "id")) == ids((kind, 0), (kind, 1))
        query = f"content_type={kind}&object_id={pair[1].pk}"
        assert set(found(client, IMAGES, query, "id")) == ids((kind, 1))
        [main] = found(client, IMAGES, f"{query}&is_main=true", "id")
        assert main == rows[kind, 1][0].pk
        assert found(client, IMAGES, f"{query}&is_main=false", "id") == [rows[kind, 1][1].pk]
    of_either = {row.pk for row in PropertyImage.objects.all() if row.object_id == sale[0].pk}
    assert set(found(client, IMAGES, f"object_id={sale[0].pk}", "id")) == of_either
    assert found(client, IMAGES, "object_id=999999", "id") == []
    orders = found(client, IMAGES, "ordering=order", "order")
    assert orders == sorted(orders) and len(orders) == 8
    newest = found(client, IMAGES, "", "id")
    assert newest == list(PropertyImage.objects.order_by("-created_at", "-id").values_list("pk", flat=True))


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "-order", "order"])
def test_pages_of_images_hold_every_row_once(clients, make_house, fill, ordering):
    for kind in HOUSE_MODELS:
        fill(make_house(kind), 12)
    url, seen = f"{IMAGES}?limit=5&ordering={ordering}", []
    while url:
        answer = clients["other"].get(url)
        seen += [row["id"] for row in answer.json()]
        url = next_url(answer)
    sign = ordering[0] if ordering[0] == "-" else ""
    assert seen == list(PropertyImage.objects.order_by(ordering, f"{sign}id").values_list("pk", flat=True))


@pytest.mark.parametrize("kind", HOUSE_MODELS)
def test_pages_of_houses_hold_every_row_once(clients, make_house, kind):
    houses = [make_house(kind, **{AMOUNTS[kind]: f"{n // 3 + 1}.50"}) for n in range(11)]
    url, seen = f"/api/{WIRE[kind]}/?limit=3&ordering={AMOUNTS[kind]}", []
    while url:
        answer = clients["other"].get(url)
        seen += [row["id"] for row in answer.json()]
        url = next_url(answer)
    assert seen == [house.pk for house in houses]


@pytest.fixture
def no_storage(monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a list asked a storage")

    for name in ("open", "exists", "size", "create", "delete", "stat", "get_modified_time"):
        monkeypatch.setattr(type(storages["local-private"]), name, forbidden, raising=False)


@pytest.mark.usefixtures("no_storage")
def test_a_page_costs_the_same_at_1_and_100_rows_and_calls_no_storage(clients, make_house, fill):
    first = make_house()
    fill(first, 50)
    for _ in range(99):
        fill(make_house(), 1)
    for url, rows, queries in (
        (IMAGES, (1, 100), 2),
        ("/api/houses-for-sale/", (1, 100), 3),
        (url_of(first), (50,), 3),
    ):
        for limit in rows:
            with CaptureQueriesContext(connection) as made:
                answer = clients["other"].get(f"{url}?limit={limit}")
            shown = answer.json()
            assert len(shown if isinstance(shown, list) else shown["images"]) == limit
            assert len(made) == queries, [query["sql"] for query in made]
    one = url_of(PropertyImage.objects.first())
    with CaptureQueriesContext(connection) as made:
        assert clients["other"].get(one).status_code == 200
    assert len(made) == 2
    with CaptureQueriesContext(connection) as made:
        assert clients["other"].get("/api/houses-for-rent/").json() == []
    assert len(made) == 2


def test_rows_say_what_the_serializers_say(clients, people, make_house, fill):
    odd = {"original_filename": "ö +%.jpg", "placeholder": "abc", "location_removed": True}
    variants = [{"width": 2, "height": 1, "content_type": "image/webp", "key": "properties/v.webp", "size": 3}]
    states = [
        {},
        {"state": State.PROCESSING},
        {"state": State.FAILED, "failure_reason": "It is damaged."},
        {"storage": "s3-private"},
        {**odd, "variants": variants, "width": 4, "height": 3},
    ]
    request = Request(RequestFactory().get(IMAGES))
    request.user, client = people["other"], clients["other"]
    for kind, model in HOUSE_MODELS.items():
        house = make_house(kind, area_m2="80.00", description="A")
        for state in states:
            fill(house, 1, **state)
        make_house(kind, bedrooms=2, area_m2=None, is_available=False)
        model.objects.filter(pk=house.pk).update(created_at=timezone.now().replace(microsecond=0) - timedelta(days=1))
        rows = client.get(f"/api/{WIRE[kind]}/").json()
        assert rows == [client.get(f"/api/{WIRE[kind]}/{row['id']}/").json() for row in rows]
        assert [len(row["images"]) for row in rows] == [0, len(states)]
        described = SERIALIZERS[kind](model.objects.all(), many=True, context={"request": request}).data
        assert [list(row) for row in rows] == [list(one) for one in described]
    images = client.get(IMAGES).json()
    assert images == [client.get(f"{IMAGES}{row['id']}/").json() for row in images]
    described = PropertyImageSerializer(PropertyImage.objects.all(), many=True, context={"request": request}).data
    assert [list(row) for row in images] == [list(one) for one in described]
    assert [row["secure_url"] is None for row in images].count(True) == 6


def plan_of(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


@pytest.mark.parametrize(
    ("query", "index"), [("", "property_image_by_age"), ("ordering=order&", "property_image_by_order")]
)
def test_a_deep_page_is_read_from_its_index(clients, make_house, fill, query, index):
    fill(make_house(), 3000)
    deep = clients["other"].get(f"{IMAGES}?{query}limit=7")
    for _ in range(3):
        with CaptureQueriesContext(connection) as made:
            deep = clients["other"].get(next_url(deep).replace("limit=7", "limit=100"))
    assert len(deep.json()) == 100
    plan = plan_of(made[-1]["sql"])
    assert index in plan and "SORT" not in plan.upper() and "TEMP B-TREE" not in plan.upper(), plan


def test_urls_repeat_within_their_window(clients, make_house, fill):
    fill(make_house(), 2)
    first, again = (found(clients["other"], IMAGES, "", "secure_url") for _ in range(2))
    assert first == again
    assert MediaAsset.objects.count() == len(set(first)) == 2
