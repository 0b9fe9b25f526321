"""Several at once: threads with connections of their own, on the real database."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.files.storage import storages
from django.db import connection, transaction
from django.db.models.signals import pre_delete

from artworks import services
from artworks.models import ArtWork, Like, Review
from artworks.services import artwork_create, like_add, review_create
from media_assets.models import MediaAsset, State
from users.services import user_delete

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls):
    """Run these on threads that start together; their results, or exceptions, in order."""
    gate = threading.Barrier(len(calls))

    def run(call):
        gate.wait()
        try:
            return call()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_16_likes_of_one_user_are_one(artwork, people, client_of, counts):
    url = f"/api/artworks/{artwork.pk}/like/"
    answers = at_once(*[lambda: client_of(people["other"]).post(url)] * 16)
    assert {(answer.status_code, answer.content) for answer in answers} == {(200, b'{"is_liked":true,"likes_count":1}')}
    assert counts(artwork).likes == 1
    at_once(*[lambda: client_of(people["other"]).delete(url)] * 16)
    assert counts(artwork).likes == 0


def test_likes_of_8_users_and_reviews_of_one(artwork, make_user, client_of, counts):
    users = [make_user(f"u{n}") for n in range(8)]
    likes = [lambda user=user: services.like_add(user=user, artwork_id=artwork.pk) for user in users]
    assert sorted(at_once(*likes)) == list(range(1, 9))
    post = [lambda: client_of(users[0]).post(f"/api/artworks/{artwork.pk}/reviews/", {"rating": 3})] * 8
    assert sorted(answer.status_code for answer in at_once(*post)) == [201] + [409] * 7
    assert (counts(artwork).likes, counts(artwork).reviews) == (8, 1)


def test_pictures_that_race_leave_one_and_lose_none(make_artwork, author, client_of, photo):
    artwork = make_artwork(with_image=True)

    def patch():
        form = {"image": photo("same.jpg")}
        return client_of(author).patch(f"/api/artworks/{artwork.pk}/", form, format="multipart")

    assert {answer.status_code for answer in at_once(*[patch] * 6)} == {200}
    kept = ArtWork.objects.get(pk=artwork.pk).image
    assert (kept.state, MediaAsset.objects.live().count()) == (State.READY, 1)
    assert storages[kept.storage].exists(kept.key)
    assert MediaAsset.objects.filter(state=State.TOMBSTONE).count() == 6


@pytest.mark.parametrize("attempt", range(3))
def test_what_races_with_a_delete_is_done_or_not_found(make_artwork, people, client_of, photo, attempt):
    artwork = make_artwork(with_image=True)
    url = f"/api/artworks/{artwork.pk}/"
    author, other = (lambda: client_of(people["author"])), (lambda: client_of(people["other"]))
    answers = at_once(
        lambda: other().post(f"{url}like/"),
        lambda: author().patch(url, {"image": photo("b.jpg")}, format="multipart"),
        lambda: author().patch(url, {"tags": "a,b"}),
        lambda: author().delete(url),
        lambda: other().post(f"{url}reviews/", {"rating": 3}),
        lambda: other().delete(f"{url}like/"),
        lambda: client_of(people["staff"]).delete(url),
    )
    assert {answer.status_code for answer in answers} <= {200, 201, 204, 404}, answers
    assert sorted([answers[3].status_code, answers[6].status_code]) == [204, 404]
    assert not ArtWork.objects.exists() and not MediaAsset.objects.live().exists()


@pytest.mark.parametrize("erase_whom", ["author", "other"])
def test_what_races_with_an_erasure_is_done_or_refused(make_artwork, people, client_of, photo, erase_whom):
    artwork = make_artwork(with_image=True)
    url = f"/api/artworks/{artwork.pk}/"
    clients = {name: client_of(people[name]) for name in ("author", "other", "staff")}
    other_again = client_of(people["other"])
    answers = at_once(
        lambda: user_delete(user=people[erase_whom]),
        lambda: clients["other"].post(f"{url}like/"),
        lambda: other_again.post(f"{url}reviews/", {"rating": 3}),
        lambda: clients["staff"].patch(url, {"tags": "c"}),
        lambda: clients["author"].post("/api/artworks/", {"title": "B", "image": photo()}, format="multipart"),
    )
    assert answers[0] is None or "deadlock" in str(answers[0])
    assert {answer.status_code for answer in answers[1:]} <= {200, 201, 401, 404, 503}, answers
    for row in ArtWork.objects.all():
        assert (row.likes_count, row.reviews_count) == (row.likes.count(), row.reviews.count())


@pytest.mark.parametrize("path", ["artwork", "author"])
def test_rows_that_come_after_the_cascade_was_collected_go_too(artwork, people, path):
    """A delete that takes no lock first (the admin, a script): its foreign keys must still hold at commit."""

    def late(**kwargs):
        if not Like.objects.exists():
            Like.objects.bulk_create([Like(user=people["other"], artwork=artwork)])
            Review.objects.bulk_create([Review(author=people["other"], artwork=artwork, rating=3)])
            artwork.tag_rows.create(tag="late")

    receivers = pre_delete.receivers
    pre_delete.receivers = []
    pre_delete.connect(late)  # before ours
    pre_delete.receivers += receivers
    pre_delete.sender_receivers_cache.clear()
    try:
        with transaction.atomic():
            (artwork if path == "artwork" else people["author"]).delete()
    finally:
        pre_delete.receivers = receivers
        pre_delete.sender_receivers_cache.clear()
    assert not ArtWork.objects.exists() and not Like.objects.exists() and not Review.objects.exists()


def test_two_who_like_and_review_each_other_are_erased_at_once(make_user, client_of):
    for number in range(3):
        people = [make_user(f"{name}{number}") for name in ("ada", "ben")]
        works = [artwork_create(author=person, title="Sea") for person in people]
        for person, work in zip(people, reversed(works), strict=True):
            like_add(user=person, artwork_id=work.pk)
            review_create(author=person, artwork_id=work.pk, rating=5)
        clients = [client_of(person) for person in people]
        answers = at_once(*[lambda client=client: client.delete("/api/users/me/") for client in clients])
        assert [answer.status_code for answer in answers] == [204, 204]
    assert not ArtWork.objects.exists()
