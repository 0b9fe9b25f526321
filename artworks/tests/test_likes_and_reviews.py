"""Likes and reviews over HTTP, and the counts that follow them."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from artworks import services
from artworks.models import ArtWork, Like, Review

pytestmark = pytest.mark.django_db


def like_url(artwork):
    return f"/api/artworks/{artwork.pk}/like/"


def reviews_url(artwork):
    return f"/api/artworks/{artwork.pk}/reviews/"


@pytest.mark.parametrize("who", ["other", "author", "staff"])
def test_like_and_unlike_repeat_without_effect(clients, artwork, counts, who):
    client = clients[who]
    for verb, liked in (("delete", False), ("post", True), ("post", True), ("delete", False), ("delete", False)):
        answer = getattr(client, verb)(like_url(artwork))
        assert (answer.status_code, answer.json()) == (200, {"is_liked": liked, "likes_count": int(liked)})
        assert counts(artwork).likes == int(liked)
        assert client.get(f"/api/artworks/{artwork.pk}/").json()["is_liked"] is liked


def test_anonymous_callers_and_other_verbs_do_not_like(clients, artwork):
    assert {getattr(clients["anonymous"], verb)(like_url(artwork)).status_code for verb in ("post", "delete")} == {401}
    assert {getattr(clients["other"], verb)(like_url(artwork)).status_code for verb in ("get", "put", "patch")} == {405}
    assert not Like.objects.exists()


def test_review_is_answered_as_documented(clients, artwork, author, counts):
    answer = clients["author"].post(reviews_url(artwork), {"rating": 5, "text": " Well seen. ", "artwork": 7})
    review = answer.json()
    assert answer.status_code == 201
    assert list(review) == ["id", "artwork", "author", "rating", "text", "created_at", "updated_at"]
    assert review == review | {"artwork": artwork.pk, "rating": 5, "text": "Well seen."}
    assert (review["author"]["id"], review["author"]["email"]) == (author.pk, author.email)
    assert clients["author"].get(reviews_url(artwork)).json() == [review]
    assert clients["author"].get(f"/api/reviews/{review['id']}/").json() == review
    assert counts(artwork).reviews == 1
    again = clients["author"].post(reviews_url(artwork), {"rating": 1})
    assert (again.status_code, again.json()["code"]) == (409, "already_reviewed")
    assert clients["other"].post(reviews_url(artwork), {"rating": 1}).status_code == 201
    assert [row["rating"] for row in clients["anonymous"].get(reviews_url(artwork)).json()] == [1, 5]
    assert counts(artwork).reviews == 2


@pytest.mark.parametrize(
    ("who", "make", "write"), [("anonymous", 401, 401), ("other", 201, 403), ("author", 409, 200), ("staff", 201, 200)]
)
def test_who_may_do_what_with_reviews(clients, review, counts, who, make, write):
    client, url = clients[who], f"/api/reviews/{review.pk}/"
    assert client.get(url).status_code == client.get(reviews_url(review.artwork)).status_code == 200
    assert client.post(reviews_url(review.artwork), {"rating": 3}).status_code == make
    assert client.put(url, {"rating": 1}).status_code == (401 if who == "anonymous" else 405)
    answer = client.patch(url, {"rating": 2})
    assert answer.status_code == write
    if write == 200:
        assert answer.json() == client.get(url).json()
        assert (answer.json()["rating"], answer.json()["text"]) == (2, "Well seen.")
        assert client.patch(url, {}).status_code == 200
        assert client.patch(url, {"rating": 9}).status_code == 400
    before = counts(review.artwork).reviews
    assert client.delete(url).status_code == (204 if write == 200 else write)
    assert counts(review.artwork).reviews == before - (write == 200)
    assert client.get(url).status_code == (404 if write == 200 else 200)


def test_reviews_of_no_artwork(clients):
    for who, made in (("anonymous", 401), ("other", 404)):
        assert clients[who].get("/api/artworks/4711/reviews/").status_code == 404
        assert clients[who].post("/api/artworks/4711/reviews/", {"rating": 3}).status_code == made
        assert clients[who].post("/api/artworks/4711/like/").status_code == made
        assert clients[who].delete("/api/artworks/4711/like/").status_code == made


def test_reviews_cost_the_same_at_1_and_100_rows(clients, artwork, make_user):
    Review.objects.bulk_create(Review(author=make_user(f"u{n}"), artwork=artwork, rating=3) for n in range(100))
    for limit in (1, 100):
        with CaptureQueriesContext(connection) as made:
            answer = clients["anonymous"].get(f"{reviews_url(artwork)}?limit={limit}")
        assert (len(answer.json()), len(made)) == (limit, 2)
    assert clients["anonymous"].get(f"{reviews_url(artwork)}?ordering=rating").status_code == 400


@pytest.fixture
def busy(people, make_artwork):
    """Two artworks of the author's and one of staff's, each liked by all three and reviewed by two."""
    made = [make_artwork(), make_artwork(), make_artwork(author=people["staff"])]
    for artwork in made:
        for name in ("other", "author", "staff"):
            services.like_add(user=people[name], artwork_id=artwork.pk)
        for name in ("other", "author"):
            services.review_create(author=people[name], artwork_id=artwork.pk, rating=3)
    return made


def test_counts_follow_an_erased_user_in_a_fixed_number_of_queries(people, busy, counts):
    needed = []
    for name, left in (("other", (2, 1)), ("author", (1, 0))):
        with CaptureQueriesContext(connection) as made:
            people[name].delete()
        needed.append(sum("artworks_artwork" in query["sql"] and "UPDATE" in query["sql"] for query in made))
        assert {(counts(row).likes, counts(row).reviews) for row in ArtWork.objects.all()} == {left}
    assert ArtWork.objects.count() == 1 and Like.objects.count() == 1
    assert max(needed) <= 3  # the lock (FOR UPDATE) and one for each count


def test_counts_follow_deletes_of_rows_one_by_one_and_by_queryset(busy, people, counts):
    first, second, third = busy
    like = first.likes.first()
    for seen_twice in (Like.objects.get(pk=like.pk), like):  # by two people at once
        seen_twice.delete()
    first.reviews.first().delete()
    Like.objects.filter(artwork=second).delete()
    Review.objects.filter(artwork__in=[second, third]).delete()
    assert [(counts(row).likes, counts(row).reviews) for row in busy] == [(2, 1), (0, 0), (3, 0)]
    ArtWork.objects.filter(pk__in=[first.pk, second.pk]).delete()
    assert counts(third).likes == Like.objects.count() == 3
    ArtWork.objects.update(likes_count=0)  # whatever made it wrong, it is never negative
    Like.objects.all().delete()
    assert counts(third).likes == 0


def test_deleting_an_artwork_costs_no_query_per_like(busy, make_user, make_artwork):
    needed = []
    for number in (1, 30):
        artwork = make_artwork()
        Like.objects.bulk_create(Like(user=make_user(f"u{number}_{n}"), artwork=artwork) for n in range(number))
        with CaptureQueriesContext(connection) as made:
            services.artwork_delete(artwork_id=artwork.pk)
        needed.append(len(made))
    assert needed[0] == needed[1]
