from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile, TemporaryUploadedFile
from django.db import transaction
from django.utils import timezone
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from api.errors import Conflict
from api.fingerprints import file_sha256, request_fingerprint
from api.idempotency import KEPT, LEASE, PURGED_PER_CLAIM, claim_idempotency_key, took_over
from api.models import IdempotencyKey
from api.parsers import JSONParser

pytestmark = [pytest.mark.urls("api.tests.urls"), pytest.mark.django_db]


def picture(name: str = "a.jpg", body: bytes = b"bytes") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, body)


@pytest.fixture
def user(make_user: Any) -> Any:
    return make_user("anna")


@pytest.fixture
def post(user: Any, client_of: Any) -> Any:
    client = client_of(user)

    def send(key: str | None = "key", path: str = "/api/groups/", client: APIClient = client, **data: Any) -> Any:
        kind = "multipart" if any(hasattr(value, "read") for value in data.values()) else "json"
        return client.post(path, data, format=kind, **({} if key is None else {"HTTP_IDEMPOTENCY_KEY": key}))

    return send


def request_with(key: str, user: Any, **data: Any) -> Request:
    sent = APIRequestFactory().post("/api/groups/", data, format="json", HTTP_IDEMPOTENCY_KEY=key)
    force_authenticate(sent, user)
    request = Request(sent, parsers=[JSONParser()])
    request.user = user
    return request


def age(**past: float) -> None:
    """Let time pass for every key."""
    for row in IdempotencyKey.objects.all():
        row.expires_at -= timedelta(**past)
        row.save()


def outlive_lease(user: Any, purged: bool) -> None:
    """The lease of every key ends; what comes next finds the row gone, or (too many older ones) still there."""
    age(seconds=LEASE.total_seconds() + 1)
    older = timezone.now() - timedelta(days=1)
    rows = (IdempotencyKey(user=user, key=f"k{n}", fingerprint="f", expires_at=older) for n in range(PURGED_PER_CLAIM))
    if not purged:
        IdempotencyKey.objects.bulk_create(rows)


def test_the_same_request_makes_nothing_again(post: Any) -> None:
    first, again = post(a=1, b=[2]), post(b=[2], a=1)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert Group.objects.count() == 1
    remaining = IdempotencyKey.objects.get().expires_at - timezone.now()
    assert timedelta(0) < KEPT - remaining < timedelta(minutes=1)


def test_the_same_file_is_the_same_request(post: Any) -> None:
    answers = [post(image=picture(), title="t").json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert Group.objects.count() == 1


@pytest.mark.parametrize(
    "other",
    [{"title": "u", "image": picture()}, {"title": "t"}, {"title": "t", "image": picture("b.jpg")},
     {"title": "t", "image": picture(body=b"other")}, {"title": "t", "picture": picture()},
     {"title": "t", "image": picture(), "path": "/api/other-groups/"}],
)  # fmt: skip
def test_another_request_with_the_same_key_is_422(post: Any, other: dict) -> None:
    assert post(title="t", image=picture()).status_code == 201
    refused = post(**other)
    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert Group.objects.count() == 1


def test_no_key_other_keys_and_other_users_each_make_their_own(post: Any, make_user: Any, client_of: Any) -> None:
    made = [post(None), post(None), post("a"), post("b"), post("a", client=client_of(make_user("bob")))]
    assert len({answer.json()["id"] for answer in made}) == 5
    assert IdempotencyKey.objects.count() == 3


def test_anonymous_callers_claim_nothing() -> None:
    request = Request(APIRequestFactory().post("/", {}, format="json", HTTP_IDEMPOTENCY_KEY="\x00"))
    with claim_idempotency_key(request) as claim:
        claim.complete(7)
    assert (claim.result_id, IdempotencyKey.objects.count()) == (None, 0)


@pytest.mark.parametrize("key", ["", "x" * 256, "tab\there", "ключ", "é", "nul\x00", "\x7f"])
def test_keys_that_are_none(post: Any, key: str) -> None:
    answer = post(key)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


@pytest.mark.parametrize("key", ["x", "x" * 255, '"quoted; key"', "~ !"])
def test_keys_that_are_some(post: Any, key: str) -> None:
    assert post(key).json() == post(key).json()


@pytest.mark.parametrize(("fail", "status", "made"), [("before", 400, 0), ("inside", 409, 0), ("after", 409, 1)])
def test_a_failed_request_frees_its_key_unless_its_result_stands(post: Any, fail: str, status: int, made: int) -> None:
    assert post(fail=fail).status_code == status
    assert IdempotencyKey.objects.count() == Group.objects.count() == made
    again = post(fail=fail)
    assert again.status_code == (201 if made else status)
    assert Group.objects.count() == made


def test_what_is_left_without_a_result_is_free(user: Any) -> None:
    with claim_idempotency_key(request_with("key", user)):
        pass
    assert not IdempotencyKey.objects.exists()


def test_while_the_first_runs_the_second_is_409(post: Any, user: Any) -> None:
    with claim_idempotency_key(request_with("key", user, a=1)) as claim:
        busy, other = post(a=1), post(a=2)
        with transaction.atomic():
            claim.complete(Group.objects.create(name="g").pk)
    assert (busy.status_code, busy.json()["code"], busy.headers["Retry-After"]) == (409, "idempotency_in_progress", "1")
    assert other.status_code == 422
    assert post(a=1).json() == {"id": Group.objects.get().pk}


def test_a_key_is_forgotten_after_its_time(post: Any) -> None:
    first = post(a=1)
    age(hours=23, minutes=59)
    assert post(a=1).json() == first.json()
    age(minutes=2)
    assert post(a=2).json() != first.json()


@pytest.mark.parametrize("purged", [False, True])
def test_a_lease_that_ended_passes_to_the_next_and_the_first_may_not_complete(user: Any, purged: bool) -> None:
    with pytest.raises(Conflict, match="took"), claim_idempotency_key(request_with("key", user)) as slow:
        outlive_lease(user, purged)
        with claim_idempotency_key(request_with("key", user)) as quick:
            assert quick.result_id is None
            with pytest.raises(Conflict, match="took"), transaction.atomic():
                slow.complete(1)
            with transaction.atomic():
                quick.complete(2)
        with transaction.atomic():
            slow.complete(1)
    assert IdempotencyKey.objects.get().result_id == 2, "leaving the first claim frees no key of the second"


@pytest.mark.parametrize("purged", [False, True])
def test_leaving_a_claim_frees_no_key_that_another_runs_with(user: Any, purged: bool) -> None:
    with claim_idempotency_key(request_with("key", user)):
        outlive_lease(user, purged)
        later = claim_idempotency_key(request_with("key", user))
        later.__enter__()
    assert IdempotencyKey.objects.get().expires_at > timezone.now()


def test_one_of_two_that_saw_the_same_expired_key_takes_it_over(user: Any) -> None:
    past = timezone.now() - timedelta(seconds=1)
    made = IdempotencyKey.objects.create(user=user, key="key", fingerprint="f", result_id=1, expires_at=past)
    first, second = (IdempotencyKey.objects.get(pk=made.pk) for _ in range(2))
    until = timezone.now() + LEASE
    assert [took_over(first, "new", until=until), took_over(second, "new", until=until)] == [True, False]


def test_expired_keys_go_in_passing_some_at_a_time(post: Any, user: Any) -> None:
    past = timezone.now() - timedelta(minutes=1)
    rows = [
        IdempotencyKey(user=user, key=f"k{n}", fingerprint="f", result_id=n % 2 or None, expires_at=past)
        for n in range(PURGED_PER_CLAIM + 50)
    ]
    IdempotencyKey.objects.bulk_create(rows)
    for expected in (51, 2, 3):
        assert post(f"new-{expected}").status_code == 201
        assert IdempotencyKey.objects.count() == expected


def fingerprint(form: dict, path: str = "/a/", method: str = "post", kind: str = "multipart") -> str:
    sent = getattr(APIRequestFactory(), method)(path, form, format=kind)
    return request_fingerprint(Request(sent, parsers=[MultiPartParser(), JSONParser()]))


def test_fingerprints_tell_requests_apart() -> None:
    same = [{"a": "1", "b": ["2", "3"], "f": picture()}, {"f": picture(), "b": ["2", "3"], "a": "1"}]
    assert len({fingerprint(form) for form in same}) == 1
    different = [
        fingerprint({"a": "1"}), fingerprint({"a": "1"}, kind="json"), fingerprint({"a": 1}, kind="json"),
        fingerprint({"a": "1"}, path="/b/"), fingerprint({"a": "1"}, method="put"), fingerprint({"a": ["1", "1"]}),
        fingerprint({"b": ["2", "3"]}), fingerprint({"b": ["3", "2"]}), fingerprint({"ab": "1"}), fingerprint({}),
        fingerprint({"f": [picture(), picture("b")]}), fingerprint({"f": [picture("b"), picture()]}),
        fingerprint({"f": picture()}), fingerprint({"g": picture()}), fingerprint({"f": picture(), "g": picture()}),
    ]  # fmt: skip
    assert len(set(different)) == len(different)


@pytest.mark.parametrize("kind", [SimpleUploadedFile, TemporaryUploadedFile])
def test_a_file_is_hashed_once_and_rewound(kind: type) -> None:
    file = picture() if kind is SimpleUploadedFile else TemporaryUploadedFile("a", "image/jpeg", 5, None)
    if kind is TemporaryUploadedFile:
        file.write(b"bytes")
    assert file_sha256(file) == "277089d91c0bdf4f2e6862ba7e4a07605119431f5d13f726dd352b06f1b206a9"
    assert file.read() == b"bytes"
    file.sha256 = "known"
    assert (file_sha256(file), file.tell()) == ("known", 0)
