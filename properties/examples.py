"""Examples and names for the API's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from api.openapi import IDEMPOTENCY_KEY
from media_assets.examples import UPLOAD_ID, UPLOAD_IDS
from properties.serializers import (
    BulkUploadSerializer,
    ExpirationSerializer,
    HouseSerializer,
    PrintedErrorSerializer,
    PropertyImageSerializer,
    PropertyImageUpdateSerializer,
    SecureUrlSerializer,
    UploadSerializer,
)

MULTIPART, JSON = "multipart/form-data", "application/json"
_TIME = "2025-01-12T14:30:22Z"
_KEY = "properties/houseforsale/1/20250112_143022_a1b2c3d4.jpg"
_URL = f"https://alca-inmo.s3.us-east-1.amazonaws.com/{_KEY}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=3600"
_CAPTION = "Beautiful living room"
_FILES = ["(the bytes of image1.jpg)", "(the bytes of image2.jpg)"]
_IMAGE = {
    "id": 1,
    "content_type": "house_for_sale",
    "object_id": 1,
    "image": _KEY,
    "image_url": _URL,
    "secure_url": _URL,
    "caption": _CAPTION,
    "is_main": True,
    "order": 0,
    "created_at": _TIME,
    "media": {
        "id": 7,
        "state": "ready",
        "url": _URL,
        "expires_at": "2025-01-12T15:30:00Z",
        "width": 4608,
        "height": 1976,
        "content_type": "image/jpeg",
        "size": 2190194,
        "original_filename": "image1.jpg",
        "placeholder": None,
        "location_removed": False,
        "variants": [],
    },
}
_HOUSE = {
    "title": "House with a garden",
    "description": "Three floors, a garden to the south.",
    "address": "Calle Mayor 5",
    "city": "Alcalá",
}
_ROOMS = {"bedrooms": 3, "bathrooms": 2, "area_m2": "142.50", "is_available": True}
FOR_SALE = {**_HOUSE, "price": "250000.00", **_ROOMS}
FOR_RENT = {**_HOUSE, "monthly_rent": "1250.00", **_ROOMS}


def house_operations(name: str, serializer: type[HouseSerializer], new: dict[str, Any]) -> dict[str, Any]:
    """``extend_schema_view`` arguments of a viewset of houses. In: ``name``, the front of its operation ids; ``new``,
    what a client sends to offer one."""
    house = {"id": 1, **new, "owner": 1, "images": [], "created_at": _TIME, "updated_at": _TIME}
    answer = OpenApiExample("A house", house, response_only=True)
    sent = {"request": {JSON: serializer}, "examples": [OpenApiExample("A new house", new, request_only=True), answer]}
    return {
        "list": _named(f"{name}_list", examples=[answer]),
        "retrieve": _named(f"{name}_retrieve", examples=[answer]),
        "create": _named(f"{name}_create", parameters=[IDEMPOTENCY_KEY], responses={201: serializer}, **sent),
        "update": _named(f"{name}_update", **sent),
        "partial_update": _named(f"{name}_partial_update", **sent),
        "destroy": _named(f"{name}_destroy"),
        "upload_images": _named(f"{name}_upload_images", **_several(UploadSerializer, {})),
    }


def _named(operation_id: str, **about: Any) -> Any:
    return extend_schema(operation_id=operation_id, tags=["properties"], **about)


def _form(title: str, fields: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(title, fields, media_type=MULTIPART, request_only=True)


def _body(title: str, fields: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(title, fields, media_type=JSON, request_only=True)


def _several(serializer: type[UploadSerializer], more: dict[str, Any]) -> dict[str, Any]:
    fields = {**more, "caption": _CAPTION, "is_main": True}
    return {
        "parameters": [IDEMPOTENCY_KEY],
        "request": {MULTIPART: serializer, JSON: serializer},
        "responses": {201: PropertyImageSerializer(many=True), 400: _NO_IMAGES},
        "examples": [
            _form("Two images", {"images": _FILES, **fields}),
            _body("Two images that were uploaded before", {"upload_ids": UPLOAD_IDS, **fields}),
            _ANSWER,
        ],
    }


_ANSWER = OpenApiExample("An image", _IMAGE, response_only=True, status_codes=["200", "201"])
_NEW = {"content_type": "house_for_sale", "object_id": 1, "caption": _CAPTION, "is_main": True, "order": 0}
_CHANGE = {"caption": _CAPTION, "order": 2}
_CHANGED: dict[str, Any] = {
    "request": {MULTIPART: PropertyImageUpdateSerializer, JSON: PropertyImageUpdateSerializer},
    "responses": {200: PropertyImageSerializer},
    "examples": [
        _form("Another picture", {**_CHANGE, "image": "(the bytes of image2.jpg)"}),
        _body("Words only", _CHANGE),
        _body("Another picture that was uploaded before", {"upload_id": UPLOAD_ID}),
        _ANSWER,
    ],
}
_CANNOT_SIGN = OpenApiResponse(
    PrintedErrorSerializer,
    "The storage cannot sign.",
    [OpenApiExample("Error", {"error": "Could not generate secure URL", "code": "cannot_sign"})],
)
_NO_IMAGES = OpenApiResponse(
    {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in ("ValidationErrors", "Error", "PrintedError")]},
    "A field or the whole request is not valid; `error` where nothing was sent as `images` or `upload_ids`.",
    [
        OpenApiExample("A field", {"object_id": ["This field is required."]}),
        OpenApiExample("No file", {"error": "No images provided", "code": "no_images"}),
    ],
)
_SIGNED = OpenApiExample(
    "A secure URL", {"secure_url": _URL, "expires_in": 7200, "image_id": 1}, response_only=True, status_codes=["200"]
)
IMAGE_OPERATIONS: dict[str, Any] = {
    "list": _named("property_images_list", examples=[_ANSWER]),
    "retrieve": _named("property_images_retrieve", examples=[_ANSWER]),
    "create": _named(
        "property_images_create",
        parameters=[IDEMPOTENCY_KEY],
        request={MULTIPART: PropertyImageSerializer, JSON: PropertyImageSerializer},
        responses={201: PropertyImageSerializer},
        examples=[
            _form("A new image", {"image": "(the bytes of image1.jpg)", **_NEW}),
            _body("An image that was uploaded before", {"upload_id": UPLOAD_ID, **_NEW}),
            _ANSWER,
        ],
    ),
    "update": _named("property_images_update", **_CHANGED),
    "partial_update": _named("property_images_partial_update", **_CHANGED),
    "destroy": _named("property_images_destroy"),
    "secure_url": _named(
        "property_images_secure_url",
        parameters=[ExpirationSerializer],
        responses={200: SecureUrlSerializer, 500: _CANNOT_SIGN},
        examples=[_SIGNED],
    ),
    "redirect_to_image": _named(
        "property_images_redirect_to_image",
        responses={302: OpenApiResponse(description="`Location` is the image."), 500: _CANNOT_SIGN},
    ),
    "bulk_upload": _named(
        "property_images_bulk_upload",
        **_several(BulkUploadSerializer, {"content_type": "house_for_sale", "object_id": 1}),
    ),
    "set_as_main": _named(
        "property_images_set_as_main", request=None, responses={200: PropertyImageSerializer}, examples=[_ANSWER]
    ),
}
