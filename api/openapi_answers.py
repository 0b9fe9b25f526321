"""The schema of answers, finished after generation (``POSTPROCESSING_HOOKS``)."""

import json
import re
from typing import Any

SOMETIMES = "x-sometimes"  # marks a property that an answer may leave out
_REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def finish_answers(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Every key of an answer is required, because it is always there; components that nothing refers to are dropped.

    Without the first a generated client would have to expect ``undefined`` everywhere. Requests stay as they are:
    their components are split off by name (``COMPONENT_SPLIT_REQUEST``).
    """
    schemas: dict[str, dict[str, Any]] = result.get("components", {}).get("schemas", {})
    for name, schema in schemas.items():
        if not name.endswith("Request") and "properties" in schema:
            properties = schema["properties"]
            schema["required"] = [key for key, value in properties.items() if not value.pop(SOMETIMES, False)]
    while unused := schemas.keys() - set(_REFERENCE.findall(json.dumps(result, default=str))):
        for name in unused:
            del schemas[name]
    return result
