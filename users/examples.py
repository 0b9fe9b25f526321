"""Examples for the schema: those that the API was first described with."""

from drf_spectacular.utils import OpenApiExample

from media_assets.examples import UPLOAD_ID

REFRESH = "eyJ0eXAiOiJKV1QiLCJhbGc..."
TOKENS = {"refresh": REFRESH, "access": "eyJ0eXAiOiJKV1QiLCJhbGc..."}
CREDENTIALS = {"email": "user@example.com", "password": "SecurePassword123"}
PASSWORDS = {"new_password": "SecurePassword456", "new_password2": "SecurePassword456"}
AVATAR_URL = "https://your-bucket.s3.amazonaws.com/media/avatars/user_1/profile.jpg"
PROFILE = {
    "id": 1,
    "email": "user@example.com",
    "username": "johndoe",
    "first_name": "John",
    "last_name": "Doe",
    "name": "John Doe",
    "date_joined": "2024-01-15T10:30:00Z",
    "avatar": "avatars/user_1/profile.jpg",
    "avatar_url": AVATAR_URL,
    "media": {
        "id": 7,
        "state": "ready",
        "url": AVATAR_URL,
        "expires_at": None,
        "width": 512,
        "height": 512,
        "content_type": "image/jpeg",
        "size": 48213,
        "original_filename": "profile.jpg",
        "placeholder": None,
        "location_removed": False,
        "variants": [],
    },
}


def sent(value: object, name: str = "Request", *, media_type: str = "application/json") -> OpenApiExample:
    """An example of a request body."""
    return OpenApiExample(name, value=value, request_only=True, media_type=media_type)


def answered(value: object, name: str = "Answer", *, status: str = "200") -> OpenApiExample:
    """An example of a response body."""
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status])


SIGN_UP = [
    sent({**CREDENTIALS, "username": "johndoe", "password2": "SecurePassword123"}),
    answered(
        {"user": {name: PROFILE[name] for name in ("id", "email", "username", "date_joined")}, "tokens": TOKENS},
        status="201",
    ),
]
LOGIN = [sent(CREDENTIALS), answered(TOKENS)]
REFRESH_TOKEN = [sent({"refresh": REFRESH}), answered({"access": TOKENS["access"]})]
LOGOUT = [sent({"refresh": REFRESH})]
PASSWORD_CHANGE = [sent({"old_password": "SecurePassword123", **PASSWORDS}), answered(TOKENS)]
PASSWORD_RESET = [sent({"email": "user@example.com"})]
PASSWORD_RESET_CONFIRM = [sent({"uid": "MQ", "token": "cz1x2y-0123456789abcdef0123456789abcdef", **PASSWORDS})]
READ_PROFILE = [answered(PROFILE)]
UPDATE_PROFILE = [
    sent({"first_name": "John", "last_name": "Doe"}, "Names"),
    sent({"avatar": None}, "Remove the avatar"),
    sent({"upload_id": UPLOAD_ID}, "An avatar that was uploaded before"),
    answered(PROFILE),
]
