"""What the API's description says of artworks."""

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from artworks.urls import urlpatterns


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
    assert {(verb, path.removeprefix("/")): call["operationId"] for (verb, path), call in calls.items()} == {
        ("get", "artworks/"): "artworks_list",
        ("post", "artworks/"): "artworks_create",
        ("get", "artworks/{id}/"): "artworks_retrieve",
        ("put", "artworks/{id}/"): "artworks_update",
        ("patch", "artworks/{id}/"): "artworks_partial_update",
        ("delete", "artworks/{id}/"): "artworks_destroy",
        ("post", "artworks/{id}/like/"): "artworks_like",
        ("delete", "artworks/{id}/like/"): "artworks_unlike",
        ("get", "artworks/{artwork_id}/reviews/"): "artworks_reviews_list",
        ("post", "artworks/{artwork_id}/reviews/"): "artworks_reviews_create",
        ("get", "reviews/{id}/"): "reviews_retrieve",
        ("patch", "reviews/{id}/"): "reviews_partial_update",
        ("delete", "reviews/{id}/"): "reviews_destroy",
    }
    assert all(call["description"] and call["tags"] in (["artworks"], ["reviews"]) for call in calls.values())


def test_create_takes_a_form_or_json_with_examples(schema):
    create = schema["paths"]["/artworks/"]["post"]
    content = create["requestBody"]["content"]
    assert set(content) == {"multipart/form-data", "application/json"}
    assert all(one["examples"] for one in content.values())
    assert [status for status in create["responses"] if status < "400"] == ["201"]
    assert {"404", "409", "422"} <= create["responses"].keys()
    assert [one["name"] for one in create["parameters"]] == ["Idempotency-Key"]
    parameters = {one["name"]: one["schema"] for one in schema["paths"]["/artworks/"]["get"]["parameters"]}
    assert parameters["liked_by_me"] == {"type": "boolean"}
    assert parameters.keys() == {"author", "cursor", "liked_by_me", "limit", "medium", "ordering", "search", "tag"}


def test_an_answer_is_an_array_of_artworks_and_null_is_said(schema):
    listed = schema["paths"]["/artworks/"]["get"]["responses"]["200"]["content"]["application/json"]
    array = schema["components"]["schemas"][listed["schema"]["$ref"].rpartition("/")[2]]
    assert array == {"type": "array", "items": {"$ref": "#/components/schemas/ArtWork"}}
    example = next(iter(listed["examples"].values()))["value"]
    properties = schema["components"]["schemas"]["ArtWork"]["properties"]
    assert list(example[0] if isinstance(example, list) else example) == list(properties)
    assert schema["components"]["schemas"]["ArtWorkRequest"]["properties"]["image"]["format"] == "binary"
    for name in ("image", "image_display_url"):
        assert "null" in properties[name]["type"], properties[name]
