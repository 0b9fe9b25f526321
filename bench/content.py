"""People, artworks and pictures to measure with."""

import io
import math
import uuid
from typing import Any

from django.utils import timezone
from PIL import Image

from artworks.models import ArtWork, Like
from media_assets.models import MediaAsset, State, Visibility
from users.models import User

NOISE = 64  # standard deviation of the drawn noise
PROBE_EDGE = 512  # pixels


def make_user(name: str) -> User:
    """A user without a usable password: none is ever checked here."""
    return User.objects.create_user(f"{name}@example.com", name, first_name="Anna", last_name="Example")


def access_token(user: User) -> str:
    """A valid access token."""
    from rest_framework_simplejwt.tokens import AccessToken

    return str(AccessToken.for_user(user))


def make_artworks(count: int, viewer: User) -> None:
    """So many artworks of ten authors, each with an image; the viewer likes every third."""
    authors = [make_user(f"author{n}") for n in range(10)]
    now = timezone.now()
    made: dict[str, Any] = {
        "storage": "local-public",
        "visibility": Visibility.PUBLIC,
        "state": State.READY,
        "content_type": "image/jpeg",
        "sha256": "0" * 64,
        "width": 4608,
        "height": 1976,
        "published_at": now,
    }
    assets = MediaAsset.objects.bulk_create(
        MediaAsset(
            object_id=uuid.uuid4(),
            owner=authors[n % 10],
            key=f"artworks/mountain_landscape_{n}.jpg",
            original_filename=f"Mountain landscape {n}.jpg",
            size=2_190_194 + n,
            **made,
        )
        for n in range(count)
    )
    artworks = ArtWork.objects.bulk_create(
        ArtWork(
            author=authors[n % 10],
            title=f"Mountain Landscape {n}",
            description="A mountain landscape in the early morning, painted on the spot. " * 3,
            medium="Oil on canvas",
            dimensions="24x36 inches",
            tags="landscape,mountains,nature",
            image=asset,
            likes_count=n,
        )
        for n, asset in enumerate(assets)
    )
    Like.objects.bulk_create(Like(user=viewer, artwork=artwork) for artwork in artworks[::3])


def noisy_jpeg(size_bytes: int) -> bytes:
    """A JPEG of noise of about this many bytes (within 2 %)."""
    edge, data = PROBE_EDGE, _draw(PROBE_EDGE)
    while not 0.98 <= len(data) / size_bytes <= 1:
        edge = int(edge * math.sqrt(0.99 * size_bytes / len(data)))
        data = _draw(edge)
    return data


def _draw(edge: int) -> bytes:
    picture = Image.merge("RGB", [Image.effect_noise((edge, edge), NOISE) for _ in range(3)])
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=85)
    return out.getvalue()
