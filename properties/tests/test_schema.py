"""What the API's description says of houses and their images."""

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from properties.urls import urlpatterns

CRUD = {
    ("get", ""): "list",
    ("post", ""): "create",
    ("get", "{id}/"): "retrieve",
    ("put", "{id}/"): "update",
    ("patch", "{id}/"): "partial_update",
    ("delete", "{id}/"): "destroy",
}
HOUSES = {**CRUD, ("post", "{id}/upload_images/"): "upload_images"}
IMAGES = {
    **CRUD,
    ("get", "{id}/secure_url/"): "secure_url",
    ("get", "{id}/redirect_to_image/"): "redirect_to_image",
    ("post", "bulk_upload/"): "bulk_upload",
    ("patch", "{id}/set_as_main/"): "set_as_main",
}
ALL = {"houses-for-sale": HOUSES, "houses-for-rent": HOUSES, "property-images": IMAGES}


@pytest.fixture(scope="module")
def schema():
    with GENERATOR_STATS.silence():
        GENERATOR_STATS.reset()
        described = SchemaGenerator(patterns=urlpatterns).get_schema(request=None, public=True)
        said = [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    assert not said, said
    return described


@pytest.fixture(scope="module")
def calls(schema):
    return {
        (verb, path.removeprefix("/")): call
        for path, item in schema["paths"].items()
        for verb, call in item.items()
        if verb != "parameters"
    }


def test_every_call_has_a_name_and_a_description(calls):
    assert {key: call["operationId"] for key, call in calls.items()} == {
        (verb, f"{name}/{path}"): f"{name.replace('-', '_')}_{call}"
        for name, operations in ALL.items()
        for (verb, path), call in operations.items()
    }
    assert all(call["description"] and call["tags"] == ["properties"] for call in calls.values())


def test_whatever_takes_a_file_or_makes_a_house_takes_a_key(calls):
    keyed = {key for key, call in calls.items() if "Idempotency-Key" in str(call.get("parameters"))}
    assert keyed == {key for key in calls if key[0] == "post"}
    assert all({"404", "409", "422"} <= calls[key]["responses"].keys() for key in keyed)


def test_an_upload_without_images_is_described_and_nothing_here_is_read_without_sign_in(calls):
    uploads = {key for key in calls if key[1].endswith(("upload_images/", "bulk_upload/"))}
    assert len(uploads) == 3
    for key in uploads:
        body = calls[key]["responses"]["400"]["content"]["application/json"]
        names = [one["$ref"].rpartition("/")[2] for one in body["schema"]["oneOf"]]
        assert names == ["ValidationErrors", "Error", "PrintedError"]
        assert {"error": "No images provided", "code": "no_images"} in [
            one["value"] for one in body["examples"].values()
        ]
    assert all(call["security"] == [{"jwtAuth": []}] for call in calls.values())


def test_every_body_has_an_example_and_files_are_binary(schema, calls):
    for call in calls.values():
        for content in call.get("requestBody", {"content": {}})["content"].values():
            assert content["examples"]
    for name, field in (("Upload", "images"), ("BulkUpload", "images"), ("PropertyImage", "image")):
        sent = schema["components"]["schemas"][f"{name}Request"]
        file = sent["properties"][field]
        assert file.get("items", file)["format"] == "binary"
        assert field not in sent.get("required", [])  # an upload may stand for it
        named = sent["properties"]["upload_ids" if field == "images" else "upload_id"]
        assert named.get("items", named)["format"] == "uuid"
    update = schema["components"]["schemas"]["PatchedPropertyImageUpdateRequest"]["properties"]
    assert list(update) == ["image", "caption", "is_main", "order", "upload_id"]


def test_answers_show_what_they_hold(schema, calls):
    for path, name in (
        ("houses-for-sale/", "HouseForSale"),
        ("houses-for-rent/", "HouseForRent"),
        ("property-images/", "PropertyImage"),
    ):
        listed = calls["get", path]["responses"]["200"]["content"]["application/json"]
        array = schema["components"]["schemas"][listed["schema"]["$ref"].rpartition("/")[2]]
        assert array == {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
        example = next(iter(listed["examples"].values()))["value"]
        shown = schema["components"]["schemas"][name]["properties"]
        assert list(example[0] if isinstance(example, list) else example) == list(shown)
    assert "302" in calls["get", "property-images/{id}/redirect_to_image/"]["responses"]
    for call in ("secure_url", "redirect_to_image"):
        error = calls["get", f"property-images/{{id}}/{call}/"]["responses"]["500"]
        assert "Could not generate secure URL" in str(error)


def test_lists_name_their_parameters(calls):
    paging = {"cursor", "limit", "ordering"}
    houses = {"bedrooms_min", "city", "is_available", "owner", "price_max", "price_min", "search"}
    for path, named in (
        ("houses-for-sale/", houses),
        ("houses-for-rent/", houses),
        ("property-images/", {"content_type", "is_main", "object_id"}),
    ):
        assert {one["name"] for one in calls["get", path]["parameters"]} == paging | named
    [expiration] = [
        one for one in calls["get", "property-images/{id}/secure_url/"]["parameters"] if one["name"] == "expiration"
    ]
    assert (expiration["schema"]["minimum"], expiration["schema"]["maximum"]) == (1, 604800)
