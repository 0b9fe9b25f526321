"""What every operation has in common, told once: errors, request ids, links (``DEFAULT_SCHEMA_CLASS``)."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework import permissions, serializers

from api.idempotency import HEADER, KEPT

# For @extend_schema(parameters=[...]) on what claims a key; brings the answers 409 and 422 along.
IDEMPOTENCY_KEY = OpenApiParameter(
    name=HEADER,
    location=OpenApiParameter.HEADER,
    type={"type": "string", "minLength": 1, "maxLength": 255},
    description=f"Sent again within {KEPT.total_seconds() / 3600:.0f} hours with the same content, "
    "the request makes nothing again and answers with the first result.",
)
_TEXT = {"type": "string"}
_SCHEMAS: dict[str, dict[str, Any]] = {
    "Error": {
        "type": "object",
        "description": "Any error but those of validation.",
        "properties": {"detail": _TEXT, "code": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"}},
        "required": ["detail", "code"],
        "examples": [{"detail": "Not found.", "code": "not_found"}],
    },
    "ValidationErrors": {
        "type": "object",
        "description": "Messages by field; nested where the field is. `non_field_errors` concern several.",
        "additionalProperties": {"type": ["array", "object"]},
        "examples": [{"title": ["This field is required."]}],
    },
}
_HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "Names this request in the log.", "schema": _TEXT},
    "Link": {"description": 'Other pages (RFC 8288): `rel="next"`, `rel="prev"`.', "schema": _TEXT},
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {"description": "How to sign in.", "schema": _TEXT},
}
_ERRORS: dict[str, tuple[str, str, tuple[str, ...]]] = {  # status: name, description, headers
    "400": ("Invalid", "A field, a parameter or the whole request is not valid.", ()),
    "401": ("Unauthenticated", "Sign-in is due, or the token is not valid.", ("WWW-Authenticate",)),
    "403": ("Forbidden", "Visible, but not yours to change.", ()),
    "404": ("NotFound", "Not there, or not visible to you.", ()),
    "409": ("Conflict", "It contradicts what there is, or the first request with this key still runs.", ()),
    "411": ("LengthRequired", "The body comes in chunks, without `Content-Length`.", ()),
    "413": ("TooLarge", "The request is too large.", ()),
    "415": ("UnsupportedMediaType", "The body has a content type that is not read here.", ()),
    "422": ("Unprocessable", "It cannot be done as it stands, or this key was used with other content.", ()),
    "429": ("Throttled", "Too many requests.", ("Retry-After",)),
    "503": ("Unavailable", "Something that the answer needs is down.", ("Retry-After",)),
}


def amount_pattern(digits: int, decimals: int) -> str:
    """A regular expression of decimal numbers from 0 on. In: most digits before and after the point."""
    return rf"^\d{{1,{digits}}}(\.\d{{1,{decimals}}})?$"


class Schema(AutoSchema):
    """drf-spectacular's, with the errors that an operation of this shape can answer, and the common headers.

    What a view documents itself (``extend_schema``) stays as it is.
    """

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """The OpenAPI operation; None where it is excluded."""
        operation: dict[str, Any] | None = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        if method == "POST" and "requestBody" in operation:
            operation["requestBody"]["required"] = True  # also where one of two fields is enough
        answers = operation["responses"]
        for status, answer in answers.items():
            links = ("Link",) if status == "200" and method == "GET" and self._is_paged() else ()
            answer.setdefault("headers", {}).update(_headers(registry, "X-Request-ID", *links))
        for status in self._error_statuses(path, method, operation):
            answers.setdefault(status, _error(registry, status))
        operation["responses"] = dict(sorted(answers.items()))
        return operation

    def get_auth(self) -> list[dict[str, Any]]:
        """Ways to sign in; an empty one among them where nobody has to."""
        ways: list[dict[str, Any]] = super().get_auth()  # which looks for REST framework's own classes alone
        public = self.method in permissions.SAFE_METHODS and any(
            isinstance(permission, permissions.IsAuthenticatedOrReadOnly) for permission in self.view.get_permissions()
        )
        return [*ways, {}] if public and {} not in ways else ways

    def _map_serializer_field(self, field: Any, direction: Direction, bypass_extensions: bool = False) -> Any:
        """The field's schema; an amount that is never below zero has no sign and at least one digit."""
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        lowest = field.min_value if isinstance(field, serializers.DecimalField) else None
        if lowest is not None and lowest >= 0 and "pattern" in schema:
            schema["pattern"] = amount_pattern(field.max_digits - field.decimal_places, field.decimal_places)
        return schema

    def _is_paged(self) -> bool:
        return bool(self._is_list_view() and getattr(self.view, "pagination_class", None))

    def _error_statuses(self, path: str, method: str, operation: dict[str, Any]) -> set[str]:
        named = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] != "path"}
        found = {"503"}
        if operation.get("requestBody"):
            found |= {"400", "411", "413", "415"}
        if named:
            found.add("400")
        if operation.get("security"):
            found |= {"401"} if method == "GET" else {"401", "403"}
        if "{" in path:
            found.add("404")
        if HEADER in named:
            found |= {"404", "409", "422"}  # 404: what the first request made is gone
        if self.view.get_throttles():
            found.add("429")
        return found


def _error(registry: ComponentRegistry, status: str) -> dict[str, Any]:
    name, description, headers = _ERRORS[status]
    schemas = ("ValidationErrors", "Error") if status == "400" else ("Error",)
    refs = [_registered(registry, schema, ResolvedComponent.SCHEMA, _SCHEMAS[schema]) for schema in schemas]
    body = {"oneOf": refs} if len(refs) > 1 else refs[0]
    answer = {
        "description": description,
        "headers": _headers(registry, "X-Request-ID", *headers),
        "content": {"application/json": {"schema": body}},
    }
    return _registered(registry, name, ResolvedComponent.RESPONSE, answer)


def _headers(registry: ComponentRegistry, *names: str) -> dict[str, Any]:
    return {name: _registered(registry, name, ResolvedComponent.HEADER, _HEADERS[name]) for name in names}


def _registered(registry: ComponentRegistry, name: str, kind: str, content: dict[str, Any]) -> dict[str, Any]:
    component = ResolvedComponent(name=name, type=kind, schema=content, object=name)  # type: ignore[no-untyped-call]
    registry.register_on_missing(component)
    reference: dict[str, Any] = component.ref
    return reference
