"""Examples for the API's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse
from rest_framework import status

from api.openapi import IDEMPOTENCY_KEY
from artworks.serializers import ArtWorkSerializer
from media_assets.examples import UPLOAD_ID

MULTIPART, JSON = "multipart/form-data", "application/json"
_NEW = {
    "title": "Mountain Landscape",
    "description": "A beautiful mountain landscape painting",
    "medium": "Oil on canvas",
    "dimensions": "24x36 inches",
    "tags": "landscape,mountains,nature",
}
_URL = "https://your-bucket.s3.amazonaws.com/media/artworks/mountain_landscape.jpg"
_AUTHOR = {
    "id": 1,
    "username": "artist1",
    "email": "artist1@example.com",
    "first_name": "John",
    "last_name": "Doe",
}
_TIME = "2025-05-15T12:30:45Z"
_MEDIA = {
    "id": 7,
    "state": "ready",
    "url": _URL,
    "expires_at": None,
    "width": 4608,
    "height": 1976,
    "content_type": "image/jpeg",
    "size": 2190194,
    "original_filename": "mountain_landscape.jpg",
    "placeholder": None,
    "location_removed": False,
    "variants": [],
}
ARTWORK = OpenApiExample(
    "An artwork",
    {
        "id": 123,
        "title": _NEW["title"],
        "description": _NEW["description"],
        "image": "artworks/mountain_landscape.jpg",
        "image_url": "",
        "image_display_url": _URL,
        "created_at": _TIME,
        "updated_at": _TIME,
        "author": _AUTHOR,
        "medium": _NEW["medium"],
        "dimensions": _NEW["dimensions"],
        "tags": _NEW["tags"],
        "likes_count": 0,
        "reviews_count": 0,
        "is_liked": False,
        "media": _MEDIA,
    },
    response_only=True,
)
_FORM = OpenApiExample(
    "With a picture",
    {**_NEW, "image": "(the bytes of mountain_landscape.jpg)"},
    media_type=MULTIPART,
    request_only=True,
)
_OBJECT = OpenApiExample(
    "With an external picture",
    {**_NEW, "image_url": "https://example.com/mountain_landscape.jpg"},
    media_type=JSON,
    request_only=True,
)
_UPLOADED = OpenApiExample(
    "With a picture that was uploaded before",
    {**_NEW, "upload_id": UPLOAD_ID},
    media_type=JSON,
    request_only=True,
)
LIKED = OpenApiExample("Liked", {"is_liked": True, "likes_count": 1}, response_only=True)
NOT_LIKED = OpenApiExample("Not liked", {"is_liked": False, "likes_count": 0}, response_only=True)
_NEW_REVIEW = {"rating": 5, "text": "The light on the ridge is very well seen."}
ALREADY_REVIEWED = OpenApiResponse(
    {"$ref": "#/components/schemas/Error"},
    "The caller has reviewed this artwork before.",
    [OpenApiExample("Error", {"detail": "You have already reviewed this artwork.", "code": "already_reviewed"})],
)
NEW_REVIEW = OpenApiExample("A new review", _NEW_REVIEW, request_only=True)
REVIEW = OpenApiExample(
    "A review",
    {"id": 9, "artwork": 123, "author": _AUTHOR, **_NEW_REVIEW, "created_at": _TIME, "updated_at": _TIME},
    response_only=True,
)


def written(operation_id: str, status_code: int = status.HTTP_200_OK) -> dict[str, Any]:
    """``extend_schema`` arguments of what takes an artwork, as form or JSON, and answers it."""
    return {
        "operation_id": operation_id,
        "parameters": [IDEMPOTENCY_KEY] if status_code == status.HTTP_201_CREATED else [],
        "request": {MULTIPART: ArtWorkSerializer, JSON: ArtWorkSerializer},
        "responses": {status_code: ArtWorkSerializer},
        "examples": [_FORM, _OBJECT, _UPLOADED, ARTWORK],
    }
