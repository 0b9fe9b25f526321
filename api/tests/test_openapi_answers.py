"""The schema of answers after generation."""

from typing import Any

from api.openapi_answers import finish_answers


def test_every_key_of_an_answer_is_required_and_nothing_unused_stays() -> None:
    text: dict[str, Any] = {"type": "string"}
    schemas: dict[str, Any] = {
        "Ad": {"properties": {"title": dict(text), "reason": {**text, "x-sometimes": True}}, "required": []},
        "AdRequest": {"properties": {"title": dict(text)}},
        "Unused": {"properties": {"inner": {"$ref": "#/components/schemas/OnlyUsedByUnused"}}},
        "OnlyUsedByUnused": {"properties": {"a": dict(text)}},
    }
    paths = [{"$ref": f"#/components/schemas/{name}"} for name in ("Ad", "AdRequest")]
    finished = finish_answers({"paths": paths, "components": {"schemas": schemas}}, generator=None)
    assert finished["components"]["schemas"] == {
        "Ad": {"properties": {"title": text, "reason": text}, "required": ["title"]},
        "AdRequest": {"properties": {"title": text}},
    }
