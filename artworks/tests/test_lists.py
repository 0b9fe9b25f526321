"""The list of artworks: filters, order, and what a page costs."""

import re
from datetime import timedelta

import pytest
from django.core.files.storage import storages
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.request import Request

from artworks import services
from artworks.models import ArtWork
from artworks.serializers import ArtWorkSerializer
from media_assets.models import MediaAsset, State

pytestmark = pytest.mark.django_db

URL = "/api/artworks/"


@pytest.fixture
def make_asset(db):
    """A maker of registry rows without objects: a list never looks at those."""

    def make(n, visibility="public", state=State.READY, **fields):
        published = None if state == State.RESERVED else timezone.now()
        base = {"content_type": "image/jpeg", "size": 9, "width": 4, "height": 3, "published_at": published}
        return MediaAsset(
            **{"storage": f"local-{visibility}", "key": f"artworks/{n}.jpg", "visibility": visibility, "state": state}
            | base
            | fields
        )

    return make


@pytest.fixture
def fill(author, make_asset):
    """A maker of ``count`` artworks with pictures, an hour apart, in few statements."""

    def make(count, visibility="public"):
        assets = MediaAsset.objects.bulk_create([make_asset(f"{visibility}{n}", visibility) for n in range(count)])
        made = ArtWork.objects.bulk_create(
            [ArtWork(author=author, title=f"{n}", image=a) for n, a in enumerate(assets)]
        )
        for n, artwork in enumerate(made):
            artwork.created_at = timezone.now() - timedelta(hours=n)
        ArtWork.objects.bulk_update(made, ["created_at"], batch_size=500)
        return made

    return make


def titles(client, query=""):
    answer = client.get(f"{URL}?{query}")
    assert answer.status_code == 200, answer.content
    return [artwork["title"] for artwork in answer.json()]


def next_url(answer):
    found = re.search(r'<([^>]+)>; rel="next"', answer.headers.get("Link", ""))
    return found and found[1]


def test_filters_search_and_order(clients, people, make_artwork):
    make_artwork(title="Dawn", medium="Oil on canvas", tags="Sea, Light", description="A quiet HARBOUR")
    make_artwork(title="Noon", medium="Oil", tags="sea")
    make_artwork(title="Dusk", medium="Étching", author=people["other"], tags="seaside")
    services.like_add(user=people["other"], artwork_id=ArtWork.objects.get(title="Noon").pk)
    other, anonymous = clients["other"], clients["anonymous"]
    assert titles(anonymous) == ["Dusk", "Noon", "Dawn"]
    for query, found in {
        "tag=SEA": ["Noon", "Dawn"],
        "tag=light": ["Dawn"],
        "medium=Oil": ["Noon"],
        "medium=oil": [],
        f"author={people['other'].pk}": ["Dusk"],
        "author=999999": [],
        "search=harbour": ["Dawn"],
        "search=étching": ["Dusk"],
        "search=oil&ordering=created_at": ["Dawn", "Noon"],
        "search=noon&tag=light": [],
        "ordering=created_at": ["Dawn", "Noon", "Dusk"],
        "ordering=-likes_count": ["Noon", "Dusk", "Dawn"],
        "ordering=likes_count": ["Dawn", "Dusk", "Noon"],
        "author=&tag=&medium=&liked_by_me=&search=": ["Dusk", "Noon", "Dawn"],
    }.items():
        assert titles(anonymous, query) == found, query
    assert titles(other, "liked_by_me=true") == ["Noon"]
    assert titles(other, "liked_by_me=false") == ["Dusk", "Dawn"]
    assert titles(clients["staff"], "liked_by_me=true") == []
    assert anonymous.get(f"{URL}?liked_by_me=true").status_code == 401
    assert titles(anonymous, "liked_by_me=false") == ["Dusk", "Noon", "Dawn"]
    assert [artwork["is_liked"] for artwork in other.get(URL).json()] == [False, True, False]


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "-likes_count", "likes_count"])
def test_pages_hold_every_row_once(clients, fill, ordering):
    made = fill(23)
    ArtWork.objects.filter(pk__in=[artwork.pk for artwork in made[:5]]).update(likes_count=3)
    url, seen = f"{URL}?limit=5&ordering={ordering}", []
    while url:
        answer = clients["anonymous"].get(url)
        seen += [row["id"] for row in answer.json()]
        url = next_url(answer)
    sign = ordering[0] if ordering[0] == "-" else ""
    assert seen == list(ArtWork.objects.order_by(ordering, f"{sign}id").values_list("pk", flat=True))
    assert len(clients["anonymous"].get(URL).json()) == 20


def test_page_costs_the_same_at_1_and_100_rows_and_calls_no_storage(clients, fill, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a list asked a storage")

    for alias in ("local-public", "local-private"):
        for name in ("open", "exists", "size", "create", "delete", "stat", "get_modified_time"):
            monkeypatch.setattr(type(storages[alias]), name, forbidden, raising=False)
    fill(50), fill(50, "private")
    for who, queries in (("anonymous", 1), ("other", 3)):
        for limit in (1, 100):
            with CaptureQueriesContext(connection) as made:
                answer = clients[who].get(f"{URL}?limit={limit}")
            assert len(answer.json()) == limit
            assert len(made) == queries, [query["sql"] for query in made]
    media = [row["media"] for row in answer.json()]
    assert all(one["url"].startswith("http://testserver/media/") for one in media)
    assert [bool(one["expires_at"]) for one in media].count(True) == 50


@pytest.mark.parametrize("signed_in", [False, True])
def test_rows_say_what_the_serializer_says(clients, people, make_artwork, make_asset, signed_in):
    variants = [{"width": 2, "height": 1, "content_type": "image/webp", "key": "artworks/v.webp", "size": 3}]
    assets = MediaAsset.objects.bulk_create(
        [
            make_asset(0),
            make_asset(1, "private", placeholder="abc", location_removed=True),
            make_asset(2, state=State.PROCESSING),
            make_asset(3, state=State.FAILED, failure_reason="It is damaged."),
            make_asset(4, storage="s3-public"),
            make_asset(5, variants=variants, original_filename="ö +%.jpg"),
            make_asset(6, state=State.PROCESSING),
        ]
    )
    made = [make_artwork(title=f"{n}", tags="a,b") for n in range(len(assets) + 3)]
    for artwork, asset in zip(made, assets, strict=False):
        ArtWork.objects.filter(pk=artwork.pk).update(image=asset)
    ArtWork.objects.filter(pk__in=[made[-1].pk, made[6].pk]).update(image_url="https://example.com/a.jpg?b=1")
    ArtWork.objects.filter(pk=made[0].pk).update(created_at=timezone.now().replace(microsecond=0))
    for artwork in (made[0], made[-1]):
        services.like_add(user=people["other"], artwork_id=artwork.pk)
    who = "other" if signed_in else "anonymous"
    rows = clients[who].get(f"{URL}?limit=100").json()
    assert len(rows) == len(made)
    assert rows == [clients[who].get(f"{URL}{row['id']}/").json() for row in rows]
    request = Request(RequestFactory().get(URL))
    if signed_in:
        request.user = people["other"]
    instances = ArtWork.objects.with_is_liked(request.user).select_related("author", "image")
    described = ArtWorkSerializer(instances, many=True, context={"request": request}).data
    assert [(list(row), list(row["author"])) for row in rows] == [(list(one), list(one["author"])) for one in described]
    assert [row["image_display_url"] is None for row in rows].count(True) == 5


def plan_of(sql):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return "\n".join(str(line[-1]) for line in cursor.fetchall())


@pytest.mark.parametrize(
    ("query", "index"),
    [
        ("", "artwork_by_age"),
        ("ordering=created_at&", "artwork_by_age"),
        ("ordering=-likes_count&", "artwork_by_likes"),
    ],
)
def test_deep_page_is_read_from_its_index(clients, fill, query, index):
    fill(3000)
    deep = clients["anonymous"].get(f"{URL}?{query}limit=7")
    for _ in range(3):
        with CaptureQueriesContext(connection) as made:
            deep = clients["anonymous"].get(next_url(deep).replace("limit=7", "limit=100"))
    assert len(deep.json()) == 100
    plan = plan_of(made[-1]["sql"])
    assert index in plan and "SORT" not in plan.upper() and "TEMP B-TREE" not in plan.upper(), plan
