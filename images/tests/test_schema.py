"""What the API's description says of the library."""

import pytest
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from images.urls import urlpatterns


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
        (verb, path.removeprefix("/")): call
        for path, item in schema["paths"].items()
        for verb, call in item.items()
        if verb != "parameters"
    }
    assert {key: call["operationId"] for key, call in calls.items()} == {
        ("get", "images/"): "images_list",
        ("post", "images/upload/"): "images_upload",
        ("get", "images/{id}/"): "images_retrieve",
        ("patch", "images/{id}/"): "images_partial_update",
        ("delete", "images/{id}/"): "images_destroy",
        ("delete", "images/{id}/delete/"): "images_delete",
    }
    assert all(call["description"] and call["tags"] == ["images"] for call in calls.values())
    for verb, path in (("post", "images/upload/"), ("patch", "images/{id}/")):
        assert all(content["examples"] for content in calls[verb, path]["requestBody"]["content"].values())
    assert calls["post", "images/upload/"]["requestBody"]["required"]
    assert "204" in calls["delete", "images/{id}/delete/"]["responses"]
    assert "Idempotency-Key" in str(calls["post", "images/upload/"]["parameters"])


def test_a_list_is_an_array_and_limit_says_what_it_means(schema):
    call = schema["paths"]["/images/"]["get"]
    listed = call["responses"]["200"]["content"]["application/json"]
    array = schema["components"]["schemas"][listed["schema"]["$ref"].rpartition("/")[2]]
    assert array == {"type": "array", "items": {"$ref": "#/components/schemas/LibraryImage"}}
    example = next(iter(listed["examples"].values()))["value"]
    assert list(example[0] if isinstance(example, list) else example) == list(
        schema["components"]["schemas"]["LibraryImage"]["properties"]
    )
    image = schema["components"]["schemas"]["LibraryImage"]["properties"]["image"]
    assert (image["type"], image.get("format")) == ("string", None)  # on disk a path
    sent = schema["components"]["schemas"]["LibraryImageRequest"]
    assert [sent["properties"][name]["format"] for name in ("image", "upload_id")] == ["binary", "uuid"]
    assert "image" not in sent.get("required", [])
    assert "upload_id" not in schema["components"]["schemas"]["LibraryImage"]["properties"]
    [limit] = [one for one in call["parameters"] if one["name"] == "limit"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100}
    assert "1000" in limit["description"]
