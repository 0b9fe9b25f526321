"""Examples for the API's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from ads.serializers import AdImageSerializer, AdSerializer
from media_assets.examples import UPLOAD_ID

MULTIPART, JSON = "multipart/form-data", "application/json"
_NEW = {
    "title": "iPhone 15 Pro for Sale",
    "description": "Excellent condition, used for 6 months",
    "price": "850.00",
    "is_active": True,
}
_URL = "https://your-bucket.s3.amazonaws.com/media/ads/ad_1/main.jpg"
_TIME = "2025-01-22T10:30:00Z"
_MEDIA = {
    "id": 7,
    "state": "ready",
    "url": _URL,
    "expires_at": None,
    "width": 4608,
    "height": 1976,
    "content_type": "image/jpeg",
    "size": 2190194,
    "original_filename": "main.jpg",
    "placeholder": None,
    "location_removed": False,
    "variants": [],
}
_IMAGE = {
    "id": 1,
    "image": "ads/ad_1/main.jpg",
    "image_url": _URL,
    "alt_text": "iPhone front view",
    "order": 1,
    "created_at": _TIME,
    "media": _MEDIA,
}
_AD = {
    "id": 1,
    **_NEW,
    "is_sold": False,
    "owner": 1,
    "owner_info": {"id": 1, "email": "seller@example.com", "name": "John Seller"},
    "main_image_url": _URL,
    "images": [_IMAGE],
    "created_at": "2025-01-22T10:00:00Z",
    "updated_at": _TIME,
}
AD = OpenApiExample("An ad", _AD, response_only=True)
SOLD = OpenApiExample("A sold ad", {**_AD, "is_sold": True}, response_only=True)
IMAGE = OpenApiExample("An image of an ad", _IMAGE, response_only=True)
NEW_ORDER = OpenApiExample("The third image first", {"ids": [3, 1, 2]}, request_only=True)
IMAGE_CHANGES = OpenApiExample(
    "New text and place", {"alt_text": "iPhone front view", "order": 1}, media_type=JSON, request_only=True
)
_JSON = OpenApiExample("An ad to publish", _NEW, media_type=JSON, request_only=True)
_FILE = OpenApiExample(
    "A picture",
    {"image": "(the bytes of phone_photo.jpg)", "alt_text": "iPhone front view", "order": 1},
    media_type=MULTIPART,
    request_only=True,
)
_UPLOADED = OpenApiExample(
    "A picture that was uploaded before",
    {"upload_id": UPLOAD_ID, "alt_text": "iPhone front view"},
    media_type=JSON,
    request_only=True,
)


def written(operation_id: str, status_code: int = 200, **more: Any) -> dict[str, Any]:
    """``extend_schema`` arguments of what takes an ad and answers it."""
    answer = {"responses": {status_code: AdSerializer}, "examples": [_JSON, AD]}
    return {"operation_id": operation_id, "request": AdSerializer, **answer, **more}


def uploaded(operation_id: str, **more: Any) -> dict[str, Any]:
    """``extend_schema`` arguments of what takes a picture and answers the image."""
    answer = {"responses": {201: AdImageSerializer}, "examples": [_FILE, _UPLOADED, IMAGE]}
    sent = {MULTIPART: AdImageSerializer, JSON: AdImageSerializer}
    return {"operation_id": operation_id, "request": sent, **answer, **more}
