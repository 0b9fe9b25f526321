"""Wherever an image goes in, an upload goes in by its id: each call, each way to name it, each refusal."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from media_assets.models import MediaAsset, State, Upload
from media_assets.storages import get_storage
from media_assets.tests.uploads import complete_upload, pending_upload, rows_like

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = "There is no upload with this id."
BOTH = "Send a file or an upload_id, not both."
HOUSE = {"title": "House", "address": "Calle Mayor 5", "city": "Alcalá", "price": "1.00"}


@dataclass
class Call:
    """A way to send an image. ``prepare`` makes what it is sent to and gives its address and other fields."""

    verb: str
    prepare: Callable[[APIClient, Any, Any], tuple[str, dict[str, Any]]]
    folder: str  # of the key that an attached image gets
    field: str = "image"
    many: bool = False
    required: bool = True
    private: bool = False

    def send(self, client: APIClient, user: Any, file: Any, sent: dict[str, Any], **how: Any) -> Any:
        """In: ``file``, for what has an image already; ``sent``, beside what the call needs."""
        address, fields = self.prepare(client, user, file)
        return getattr(client, self.verb)(address, {**fields, **sent}, **how)

    def named(self, *uploads: Any) -> dict[str, Any]:
        ids = [str(getattr(upload, "upload_id", upload)) for upload in uploads]
        return {"upload_ids": ids} if self.many else {"upload_id": ids[0]}

    @property
    def id_field(self) -> str:
        return "upload_ids" if self.many else "upload_id"


def made(client: APIClient, address: str, fields: dict[str, Any]) -> Any:
    answer = client.post(address, fields, format="multipart")
    assert answer.status_code == 201, answer.json()
    return answer.json()["id"]


def artwork(client: APIClient, user: Any, file: Any) -> tuple[str, dict[str, Any]]:
    return f"/api/artworks/{made(client, '/api/artworks/', {'title': 'Sea', 'image': file})}/", {"title": "Sea"}


def ad(client: APIClient, user: Any, file: Any) -> tuple[str, dict[str, Any]]:
    return f"/api/ads/{made(client, '/api/ads/', {'title': 'Bike', 'price': '9'})}/upload_image/", {}


def house(client: APIClient) -> dict[str, Any]:
    return {"content_type": "house_for_sale", "object_id": made(client, "/api/houses-for-sale/", HOUSE)}


def property_image(client: APIClient, user: Any, file: Any) -> tuple[str, dict[str, Any]]:
    return f"/api/property-images/{made(client, '/api/property-images/', {**house(client), 'image': file})}/", {}


CALLS = {
    "artworks_create": Call("post", lambda *_: ("/api/artworks/", {"title": "Sea"}), "artworks/", required=False),
    "artworks_update": Call("put", artwork, "artworks/", required=False),
    "artworks_partial_update": Call("patch", artwork, "artworks/", required=False),
    "ads_upload_image": Call("post", ad, "ads/ad_"),
    "users_me_update": Call(
        "patch", lambda *_: ("/api/users/me/", {}), "avatars/user_", field="avatar", required=False
    ),
    "users_update": Call(
        "patch", lambda c, user, _: (f"/api/users/{user.pk}/", {}), "avatars/user_", field="avatar", required=False
    ),
    "property_images_create": Call(
        "post", lambda c, *_: ("/api/property-images/", house(c)), "properties/houseforsale/", private=True
    ),
    "property_images_update": Call("put", property_image, "properties/houseforsale/", required=False, private=True),
    "property_images_partial_update": Call(
        "patch", property_image, "properties/houseforsale/", required=False, private=True
    ),
    "houses_upload_images": Call(
        "post",
        lambda c, *_: (f"/api/houses-for-sale/{house(c)['object_id']}/upload_images/", {}),
        "properties/houseforsale/",
        field="images",
        many=True,
        private=True,
    ),
    "property_images_bulk_upload": Call(
        "post",
        lambda c, *_: ("/api/property-images/bulk_upload/", house(c)),
        "properties/houseforsale/",
        field="images",
        many=True,
        private=True,
    ),
    "images_upload": Call("post", lambda *_: ("/api/images/upload/", {}), "images/", private=True),
}
WAYS = ["json", "multipart", "in the image's own field"]


@pytest.fixture(params=CALLS.values(), ids=CALLS)
def call(request: Any) -> Call:
    found: Call = request.param
    return found


@pytest.fixture
def client(anna: Any, client_of: Any) -> Any:
    return client_of(anna)


@pytest.fixture
def upload(anna: Any, photo: Any) -> Upload:
    return complete_upload(photo("Sea View.png", "PNG", size=(30, 20)), owner=anna)


def refused(answer: Any, field: str) -> list[str]:
    assert (answer.status_code, list(answer.json())) == (400, [field]), answer.json()
    found: list[str] = answer.json()[field]
    return found


@pytest.mark.parametrize("way", WAYS)
def test_every_call_takes_an_upload(client: Any, anna: Any, photo: Any, call: Call, upload: Upload, way: str) -> None:
    sent, how = call.named(upload), "json" if way == WAYS[2] else way
    if way == WAYS[2]:
        sent = {call.field: [str(upload.upload_id)] if call.many else str(upload.upload_id)}
    answer = call.send(client, anna, photo("first.jpg"), sent, format=how)
    assert answer.status_code in (200, 201), answer.json()
    body = answer.json()[0] if call.many else answer.json()
    assert (body["media"]["width"], body["media"]["state"]) == (30, "ready")
    assert body["media"]["original_filename"] == "Sea View.png"

    before, upload = upload.asset, Upload.objects.get(pk=upload.pk)
    attached = upload.attached_asset
    assert (upload.asset, upload.status, attached.pk) == (None, Upload.STATUS_COMPLETE, body["media"]["id"])
    assert upload.attached_at is not None
    assert (attached.owner, attached.visibility) == (anna, "private" if call.private else "public")
    assert attached.key.startswith(call.folder) and attached.key.endswith(".png")
    assert (attached.content_type, attached.size, attached.sha256) == ("image/png", before.size, before.sha256)
    before.refresh_from_db()
    assert before.state == State.TOMBSTONE
    assert not list(get_storage("local-private").list_objects("uploads/"))
    delivered = client.get(body["media"]["url"])
    assert b"".join(delivered.streaming_content)[:4] == b"\x89PNG"
    assert [one.pk for one in MediaAsset.objects.live()] == [attached.pk]  # the first picture is gone where one was

    again = call.send(client, anna, photo("first.jpg"), call.named(upload), format="json")
    assert (again.status_code, again.json()["code"]) == (409, "upload_attached")


def test_the_upload_is_looked_for_among_the_callers_own(
    client: Any, anna: Any, make_user: Any, photo: Any, call: Call
) -> None:
    strangers = [complete_upload(photo(), owner=owner) for owner in (make_user("ben"), None)]
    for name in [*strangers, uuid.uuid4(), "not-an-id", "0" * 40, "\N{SNOWMAN}"]:
        for how in ("json", "multipart"):
            [message] = refused(call.send(client, anna, photo(), call.named(name), format=how), call.id_field)
            assert message == (f"Id 1: {UNKNOWN}" if call.many else UNKNOWN)
    assert {one.state for one in MediaAsset.objects.filter(key__startswith="uploads/")} == {State.READY}


def test_an_image_is_asked_for_where_nothing_is_named(client: Any, anna: Any, photo: Any, call: Call) -> None:
    nothing: dict[str, Any] = {"upload_ids": []} if call.many else {"upload_id": None}
    for sent in ({}, nothing, {call.id_field: ""}):
        answer = call.send(client, anna, photo(), sent, format="json")
        if not call.required:
            assert answer.status_code in (200, 201)
        elif call.many:
            assert (answer.status_code, answer.json()["error"]) == (400, "No images provided")
        else:
            assert refused(answer, call.field) == ["No file was submitted."]
    blank = call.send(client, anna, photo(), {call.field: photo("b.jpg"), call.id_field: ""}, format="multipart")
    assert blank.status_code in (200, 201), blank.json()  # as a browser sends a form's empty field


def test_a_file_and_an_upload_for_one_image(
    client: Any, anna: Any, photo: Any, call: Call, upload: Upload, make_user: Any
) -> None:
    sent = {call.field: photo("b.jpg"), **call.named(upload)}
    answer = call.send(client, anna, photo(), sent, format="multipart")
    if call.many:
        assert [one["media"]["width"] for one in answer.json()] == [64, 30]  # files first
        return
    assert refused(answer, "upload_id") == [BOTH]
    assert Upload.objects.get(pk=upload.pk).asset == upload.asset


def test_an_empty_file_field_beside_an_upload_is_nothing(
    client: Any, anna: Any, photo: Any, call: Call, upload: Upload
) -> None:
    answer = call.send(client, anna, photo(), {call.field: "", **call.named(upload)}, format="multipart")
    assert answer.status_code in (200, 201), answer.json()
    assert Upload.objects.get(pk=upload.pk).attached_asset is not None


@pytest.mark.parametrize("value", [7, ["x"], {"a": 1}, True])
def test_what_is_no_id_is_refused(client: Any, anna: Any, photo: Any, call: Call, value: Any) -> None:
    sent = {call.id_field: [value] if call.many else value}
    [message] = refused(call.send(client, anna, photo(), sent, format="json"), call.id_field)
    assert message == (f"Id 1: {UNKNOWN}" if call.many else UNKNOWN)


def test_ids_that_are_no_list_are_refused(client: Any) -> None:
    for value in ("text", 7, True, {"a": 1}):
        sent = {**house(client), "upload_ids": value}
        [message] = refused(client.post("/api/property-images/bulk_upload/", sent), "upload_ids")
        assert message.startswith("Expected a list")


def as_not_ready(owner: Any, kind: str, photo: Any) -> tuple[Upload, str]:
    """An upload that cannot be attached, and what is said of it."""
    past = timezone.now() - timedelta(seconds=1)
    if kind == "pending":
        upload = pending_upload(owner=owner)
        return upload, f"This upload is not complete: POST /api/uploads/{upload.upload_id}/complete/ first."
    if kind == "rejected":
        reason = "The file is empty. Choose it again and send it."
        return pending_upload(owner=owner, status=Upload.STATUS_REJECTED, reason=reason, reason_code="empty"), reason
    if kind == "not an image":
        upload = complete_upload(photo(), owner=owner)
        MediaAsset.objects.filter(pk=upload.asset_id).update(content_type="application/pdf", width=None, height=None)
        return upload, "This upload is not an image."
    if kind == "deleted":
        return pending_upload(owner=owner, status=Upload.STATUS_DISCARDED), UNKNOWN
    status = Upload.STATUS_EXPIRED if kind == "expired and swept" else Upload.STATUS_PENDING
    upload = pending_upload(owner=owner, status=status, expires_at=past)
    return upload, (
        f"The time for this upload is over: POST /api/uploads/{upload.upload_id}/renew/ for a new form, send the file, "
        "complete it."
    )


NOT_READY = ["pending", "rejected", "expired", "expired and swept", "not an image", "deleted"]


@pytest.mark.parametrize("kind", NOT_READY)
def test_only_a_complete_image_is_attached(client: Any, anna: Any, photo: Any, kind: str) -> None:
    upload, message = as_not_ready(anna, kind, photo)
    named = str(upload.upload_id)
    assert refused(client.post("/api/artworks/", {"title": "A", "upload_id": named}), "upload_id") == [message]
    assert refused(client.post("/api/artworks/", {"title": "A", "image": named}), "image") == [message]
    assert refused(client.patch("/api/users/me/", {"avatar": named}), "avatar") == [message]


def test_bad_ones_among_several_are_numbered(client: Any, anna: Any, photo: Any, upload: Upload) -> None:
    bad = [as_not_ready(anna, kind, photo) for kind in NOT_READY]
    sent = {**house(client), "upload_ids": [str(one.upload_id) for one in (upload, *(one for one, _ in bad))]}
    answer = client.post("/api/property-images/bulk_upload/", sent)
    expected = [f"Id {number}: {message}" for number, (_, message) in enumerate(bad, 2)]
    assert refused(answer, "upload_ids") == expected
    assert not client.get("/api/property-images/").json()
    assert Upload.objects.get(pk=upload.pk).asset == upload.asset


def test_several_at_once_stand_after_the_files_in_their_order(client: Any, anna: Any, photo: Any) -> None:
    uploads = [complete_upload(photo(f"{n}.jpg", size=(10 + n, 10)), owner=anna) for n in range(3)]
    ids = [str(upload.upload_id) for upload in uploads]
    sent = {**house(client), "images": [photo("a.jpg"), photo("b.jpg")], "upload_ids": ids, "order": 3}
    answer = client.post("/api/property-images/bulk_upload/", sent, format="multipart").json()
    assert [(one["media"]["width"], one["order"]) for one in answer] == [(64, 3), (64, 4), (10, 5), (11, 6), (12, 7)]
    assert [one["is_main"] for one in answer] == [True, False, False, False, False]
    assert MediaAsset.objects.live().count() == 5


def test_an_upload_counts_once_among_several(client: Any, anna: Any, photo: Any, upload: Upload) -> None:
    named = str(upload.upload_id)
    for sent in (
        {"upload_ids": [named, named]},
        {"upload_ids": [named, named.upper(), named.replace("-", "")]},
        {"images": [named], "upload_ids": [named]},
    ):
        answer = client.post("/api/property-images/bulk_upload/", {**house(client), **sent})
        assert refused(answer, "upload_ids") == [f"Named more than once: {named}."]
    answer = client.post("/api/property-images/bulk_upload/", {**house(client), "images": [named, named]})
    assert refused(answer, "images") == [f"Named more than once: {named}."]


def test_files_and_uploads_are_counted_together(client: Any, photo: Any, upload: Upload) -> None:
    ids = [str(one.upload_id) for one in rows_like(upload, 51)]
    sent = {**house(client), "upload_ids": ids}
    said = refused(client.post("/api/property-images/bulk_upload/", sent), "upload_ids")
    assert said == ["Ensure this field has no more than 50 elements."]
    sent |= {"upload_ids": ids[:50], "images": photo()}
    [message] = refused(client.post("/api/property-images/bulk_upload/", sent, format="multipart"), "upload_ids")
    assert message.startswith("There are 51 images") and "at most 50" in message


def test_many_ids_are_looked_up_at_once(client: Any, upload: Upload) -> None:
    ids = [str(one.upload_id) for one in rows_like(upload, 40)]
    address, fields = "/api/property-images/bulk_upload/", house(client)

    def queries(count: int) -> int:
        with CaptureQueriesContext(connection) as ran:
            assert client.post(address, {**fields, "upload_ids": [*ids[:count], "bad"]}).status_code == 400
        return sum("media_assets_upload" in query["sql"] for query in ran)

    assert queries(2) == queries(40) == 1


def test_staff_edit_anothers_artwork_with_an_upload_of_their_own(
    client: Any, client_of: Any, anna: Any, make_user: Any, photo: Any, upload: Upload
) -> None:
    staff = make_user("staff", is_staff=True)
    address, _ = artwork(client, anna, photo())
    theirs = client_of(staff).patch(address, {"upload_id": str(upload.upload_id)})
    assert refused(theirs, "upload_id") == [UNKNOWN]
    own = complete_upload(photo("own.jpg"), owner=staff)
    answer = client_of(staff).patch(address, {"upload_id": str(own.upload_id)}).json()
    assert answer["image"] == "artworks/own.jpg"
    assert MediaAsset.objects.get(pk=answer["media"]["id"]).owner == anna


def test_an_id_that_is_sent_twice_in_a_form(client: Any, upload: Upload) -> None:
    ids = [str(upload.upload_id)] * 2
    answer = client.post("/api/artworks/", {"title": "A", "upload_id": ids}, format="multipart")
    assert refused(answer, "upload_id") == ["Send it once."]


def test_other_fields_errors_come_along(client: Any) -> None:
    answer = client.post("/api/artworks/", {"title": "", "upload_id": str(uuid.uuid4())})
    assert (answer.status_code, sorted(answer.json())) == (400, ["title", "upload_id"])


def test_removing_an_image_stays_as_it_was(client: Any, anna: Any, photo: Any, upload: Upload) -> None:
    address, _ = artwork(client, anna, photo())
    answer = client.patch(address, {"upload_id": str(upload.upload_id)}).json()
    assert client.patch(address, {"upload_id": None}).json()["image"] == answer["image"]
    assert client.patch(address, {"image": None}).json()["image"] is None
    assert not MediaAsset.objects.live().exists()


def test_a_key_answers_the_first_result_again(client: Any, anna: Any, photo: Any, call: Call, upload: Upload) -> None:
    if call.verb != "post":
        return
    address, fields = call.prepare(client, anna, photo())
    sent, key = {**fields, **call.named(upload)}, {"HTTP_IDEMPOTENCY_KEY": "attach-1"}
    first, again = (client.post(address, sent, **key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    ids = [[one["id"] for one in (answer.json() if call.many else [answer.json()])] for answer in (first, again)]
    assert ids[0] == ids[1]
    assert client.post(address, sent).json()["code"] == "upload_attached"
    assert MediaAsset.objects.live().count() == 1
