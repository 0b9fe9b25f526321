import json
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

pytestmark = pytest.mark.urls("api.tests.urls")


@pytest.fixture
def schema() -> Any:
    GENERATOR_STATS.reset()
    answer = Client().get("/api/schema/", HTTP_ACCEPT="application/vnd.oai.openapi+json")
    return json.loads(answer.content)


def statuses(operation: dict) -> set[str]:
    return set(operation["responses"])


def test_the_schema_is_openapi_3_1_without_complaints(schema: Any) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)
    assert (GENERATOR_STATS._warn_cache, GENERATOR_STATS._error_cache) == ({}, {})


def test_operations_say_which_errors_they_answer(schema: Any) -> None:
    paths = schema["paths"]
    assert statuses(paths["/api/items/"]["get"]) == {"200", "400", "401", "429", "503"}
    assert statuses(paths["/api/items/{id}/"]["get"]) == {"200", "401", "404", "429", "503"}
    assert statuses(paths["/api/groups/"]["post"]) == {
        *("201", "400", "401", "403", "404", "409", "411", "413", "415", "422", "503"),
    }
    assert statuses(paths["/api/groups/{id}/"]["delete"]) == {"204", "401", "403", "404", "503"}


def test_lists_are_plain_arrays_with_links_and_their_parameters(schema: Any) -> None:
    operation = schema["paths"]["/api/items/"]["get"]
    answer = operation["responses"]["200"]
    assert set(answer["headers"]) == {"X-Request-ID", "Link"}
    body = answer["content"]["application/json"]["schema"]
    name = body.get("$ref", "").rpartition("/")[2]
    assert (schema["components"]["schemas"][name] if name else body)["type"] == "array"
    parameters = {parameter["name"]: parameter["schema"] for parameter in operation["parameters"]}
    assert {"limit", "cursor", "ordering", "search", "likes", "is_sold", "name", "some"} == set(parameters)
    assert parameters["limit"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert "-price" in parameters["ordering"]["enum"]


def test_every_answer_names_its_request(schema: Any) -> None:
    components = schema["components"]["responses"]
    for path in schema["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                found = components[answer["$ref"].rpartition("/")[2]] if "$ref" in answer else answer
                assert "X-Request-ID" in found["headers"]


def test_errors_have_a_shape(schema: Any) -> None:
    assert schema["components"]["schemas"]["Error"]["required"] == ["detail", "code"]
    assert "Retry-After" in schema["components"]["responses"]["Unavailable"]["headers"]
