"""What the calls that add several images share, from the request to the answer."""

from typing import Any

from django.http import HttpResponse
from rest_framework import status
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from api.rows import json_rows
from media_assets.gallery import IMAGES, UPLOAD_IDS, sent_values
from properties.image_services import NewImage
from properties.printed_errors import NoImages
from properties.rows import image_rows, images_as_rows
from properties.serializers import UploadSerializer


def require_images(request: Request) -> None:
    """Raises NoImages where nothing was sent as images or uploads."""
    if not any(sent_values(request.data, name) for name in (IMAGES, UPLOAD_IDS)):
        raise NoImages


def checked_upload(request: Request) -> list[NewImage]:
    """The images of the request's form. Raises ValidationError, which names each bad file by its number, and
    what ``attachable`` raises."""
    form = UploadSerializer(data=request.data, context={"request": request})
    form.is_valid(raise_exception=True)
    sent: dict[str, Any] = form.validated_data
    caption, order, is_main = sent.get("caption", ""), sent.get("order"), sent.get("is_main", False)
    return [
        NewImage(image, caption, is_main, order=None if order is None else order + place)
        for place, image in enumerate(sent[IMAGES])
    ]


def added_images(batch: int, request: Request) -> HttpResponse:
    """201 with the images of a batch as they are now, in order. Raises NotFound where all of them are gone."""
    rows = images_as_rows().visible_to(request.user).filter(batch=batch).order_by("id")
    if not (answer := image_rows(rows, request)):
        raise NotFound
    response = json_rows(answer)
    response.status_code = status.HTTP_201_CREATED
    return response
