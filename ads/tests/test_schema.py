"""What the API's description says of ads."""

import re

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from ads.urls import urlpatterns


@pytest.fixture(scope="module")
def schema():
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        described = SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)
        said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert not said, said
    return described


def test_every_call_has_a_name_and_a_description(schema):
    calls = {
        (verb, path): call
        for path, item in schema["paths"].items()
        for verb, call in item.items()
        if verb != "parameters"
    }
    assert {(verb, path): call["operationId"] for (verb, path), call in calls.items()} == {
        ("get", "/ads/"): "ads_list",
        ("post", "/ads/"): "ads_create",
        ("get", "/ads/{id}/"): "ads_retrieve",
        ("put", "/ads/{id}/"): "ads_update",
        ("patch", "/ads/{id}/"): "ads_partial_update",
        ("delete", "/ads/{id}/"): "ads_destroy",
        ("post", "/ads/{id}/upload_image/"): "ads_upload_image",
        ("post", "/ads/{id}/reorder_images/"): "ads_reorder_images",
        ("post", "/ads/{id}/mark_sold/"): "ads_mark_sold",
        ("patch", "/ads/{id}/images/{image_id}/"): "ads_images_partial_update",
        ("delete", "/ads/{id}/images/{image_id}/"): "ads_images_destroy",
    }
    assert all(call["description"] and call["tags"] == ["ads"] for call in calls.values())
    bodies = [content for call in calls.values() for content in call.get("requestBody", {}).get("content", {}).items()]
    assert bodies and all(any("examples" in one for one in call["requestBody"]["content"].values())
                          for call in calls.values() if "requestBody" in call)  # fmt: skip


def test_parameters_and_answers(schema):
    def named(verb, path):
        return {one["name"] for one in schema["paths"][path][verb]["parameters"]}

    listed = {"owner", "is_sold", "price_min", "price_max", "search", "ordering", "limit", "cursor"}
    assert named("get", "/ads/") == listed
    assert "Idempotency-Key" in named("post", "/ads/") & named("post", "/ads/{id}/upload_image/")
    assert named("patch", "/ads/{id}/images/{image_id}/") == {"id", "image_id"}
    for path, verb, status in (
        ("/ads/", "post", "201"),
        ("/ads/{id}/upload_image/", "post", "201"),
        ("/ads/{id}/mark_sold/", "post", "200"),
        ("/ads/{id}/images/{image_id}/", "delete", "204"),
    ):
        assert [code for code in schema["paths"][path][verb]["responses"] if code < "400"] == [status]


def test_filters_and_amounts_say_what_they_take(schema):
    given = {one["name"]: one for one in schema["paths"]["/ads/"]["get"]["parameters"]}
    assert given["owner"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}
    assert given["is_sold"]["schema"] == {"type": "boolean"}
    assert (given["owner"]["description"], given["is_sold"]["description"]) == (
        "Id of the owner.",
        "`true` or `false`.",
    )
    sent = schema["components"]["schemas"]["AdRequest"]["properties"]["price"]
    for amount in (given["price_min"]["schema"], given["price_max"]["schema"], sent):
        assert amount["type"] == "string"
        for text in ("850.00", "0.5", "9999999999.99", "7"):
            assert re.search(amount["pattern"], text)
        for text in ("", "-1", ".5", "1.234", "10000000000", "1e3"):
            assert not re.search(amount["pattern"], text)


def test_reading_needs_no_sign_in_and_writing_does(schema):
    for path, verb, anonymous in (("/ads/", "get", True), ("/ads/{id}/", "get", True), ("/ads/", "post", False)):
        ways = schema["paths"][path][verb]["security"]
        assert ({"jwtAuth": []} in ways, {} in ways) == (True, anonymous)


def test_types_and_what_can_be_null(schema):
    found = schema["components"]["schemas"]
    ad, image = found["Ad"]["properties"], found["AdImage"]["properties"]
    examples = schema["paths"]["/ads/{id}/"]["get"]["responses"]["200"]["content"]["application/json"]["examples"]
    example = next(iter(examples.values()))["value"]
    assert (list(example), list(example["images"][0])) == (list(ad), list(image))
    assert (ad["price"]["type"], ad["owner"]["type"]) == ("string", "integer")
    assert "null" in ad["main_image_url"]["type"] and "null" in image["image_url"]["type"]
    assert "null" in found["AdOwner"]["properties"]["email"]["type"]
    assert set(found["AdRequest"]["properties"]) == {"title", "description", "price", "is_active"}
    assert found["AdImageRequest"]["properties"]["image"]["format"] == "binary"
    assert set(found["PatchedAdImageChangeRequest"]["properties"]) == {"alt_text", "order"}
