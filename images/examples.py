"""Examples for the API's description."""

from drf_spectacular.utils import OpenApiExample

from media_assets.examples import UPLOAD_ID

MULTIPART, JSON = "multipart/form-data", "application/json"
_PATH = "/media/private/images/1/3f0c8a4e-5f0b-4f4b-9a53-8f1d4a1f2b6c_filename.jpg?expires=1705318500&signature=dGhl"
_URL = f"http://localhost:8000{_PATH}"
_TEXT = {"title": "My Image", "description": "A beautiful landscape"}
_TIME = "2024-01-15T10:35:00Z"
IMAGE = OpenApiExample(
    "An image",
    {
        "id": 1,
        "user": {"id": 1, "email": "user@example.com", "username": "johndoe", "date_joined": "2024-01-15T10:30:00Z"},
        "image": _PATH,
        "image_url": _URL,
        **_TEXT,
        "uploaded_at": _TIME,
        "updated_at": _TIME,
        "media": {
            "id": 7,
            "state": "ready",
            "url": _URL,
            "expires_at": "2024-01-15T11:35:00Z",
            "width": 4608,
            "height": 1976,
            "content_type": "image/jpeg",
            "size": 2190194,
            "original_filename": "filename.jpg",
            "placeholder": None,
            "location_removed": False,
            "variants": [],
        },
    },
    response_only=True,
)
NEW = OpenApiExample(
    "A new image", {"image": "(the bytes of filename.jpg)", **_TEXT}, media_type=MULTIPART, request_only=True
)
NEW_UPLOADED = OpenApiExample(
    "An image that was uploaded before", {"upload_id": UPLOAD_ID, **_TEXT}, media_type=JSON, request_only=True
)
CHANGE = OpenApiExample("Other words", _TEXT, request_only=True)
