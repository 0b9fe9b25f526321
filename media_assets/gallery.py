"""Several images of one resource: files and ids that repeat in a request, rows that stand in an order.

Whoever writes such rows holds a lock on the resource's own row: then orders and limits hold under concurrency.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max, QuerySet
from django.utils.datastructures import MultiValueDict
from rest_framework import serializers
from rest_framework.fields import empty

from api.converters import MAX_ID
from media_assets.fields import ImageUploadField, UploadFormMixin, UploadIdField, is_blank
from media_assets.keys import display_filename
from media_assets.models import Upload
from media_assets.sources import ImageSource

MAX_ORDER = 32_767  # of a PositiveSmallIntegerField
IMAGES, UPLOAD_IDS = "images", "upload_ids"


class StoredImageField(ImageUploadField):
    """A file in, the storage key of the asset out."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"use_url": False, **kwargs})

    def to_representation(self, value: Any) -> str:
        return str(value.key)


class OrderField(serializers.IntegerField):
    """A place among the images, 0 to ``MAX_ORDER``; of equal ones the older image comes first."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": 0, "max_value": MAX_ORDER, **kwargs})


class NumberedListField(serializers.ListField):
    """A list whose errors are plain messages that name the item, counted from 1."""

    item_name = "Item"

    def run_child_validation(self, data: Any) -> list[Any]:
        """Raises ValidationError: before it looks at any item where there are more than ``max_length``."""
        items = list(data)
        if self.max_length is not None and len(items) > self.max_length:
            self.fail("max_length", max_length=self.max_length)
        try:
            valid: list[Any] = super().run_child_validation(items)
        except serializers.ValidationError as error:
            by_index: Any = error.detail
            messages = [f"{self.label_of(n, items[n])}: {text}" for n, found in by_index.items() for text in found]
            raise serializers.ValidationError(messages) from None
        return valid

    def label_of(self, index: int, item: Any) -> str:
        """How an error names this item."""
        return f"{self.item_name} {index + 1}"


class ImageFilesField(NumberedListField):
    """One file or more under one name; the validated value is a list for ``stored_images``."""

    item_name = "File"
    child = ImageUploadField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_empty": False, **kwargs})

    def label_of(self, index: int, item: Any) -> str:
        name = display_filename(item.name or "") if isinstance(item, UploadedFile) else ""
        return super().label_of(index, item) + (f" ({name})" if name else "")


class UploadIdsField(NumberedListField):
    """Ids of complete uploads of the caller's own, under one name; the validated value is a list of Upload.

    Needs ``request`` in the serializer's context. Raises what ``attachable`` raises.
    """

    item_name = "Id"
    child = UploadIdField(write_only=False)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"write_only": True, "required": False, **kwargs})

    def get_value(self, dictionary: Any) -> Any:
        sent = sent_values(dictionary, self.field_name or "")
        return empty if is_blank(sent) else sent

    def run_child_validation(self, data: Any) -> list[Any]:
        items = list(data)
        self.child.look_up(items[: self.max_length])
        return super().run_child_validation(items)


class UploadIdsMixin(UploadFormMixin):
    """For serializers of forms with ``images`` (ImageFilesField): ``upload_ids`` may stand beside the files, or in
    their place.

    It stands before the serializer class. The validated ``images`` hold the files, then the Uploads; the field's
    ``max_length`` counts both. Needs ``request`` in its context.
    """

    image_field = IMAGES

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        help_text = f"Complete uploads of yours, after the files of `{IMAGES}` or in their place."
        return {**fields, UPLOAD_IDS: UploadIdsField(max_length=fields[IMAGES].max_length, help_text=help_text)}

    def to_internal_value(self, data: Any) -> Any:
        """Validated values. Raises ValidationError, and what ``attachable`` raises."""
        images: Any = self.fields[IMAGES]  # type: ignore[attr-defined]
        named = isinstance(data, Mapping) and not is_blank(sent_values(data, UPLOAD_IDS))
        images.read_only = named and is_blank(sent_values(data, IMAGES))  # the uploads stand for them
        values = super().to_internal_value(data)  # type: ignore[misc]
        values[IMAGES] = [*values.get(IMAGES, ()), *values.pop(UPLOAD_IDS, ())]
        _require_few_and_once(values[IMAGES], images.max_length, UPLOAD_IDS if named else IMAGES)
        return values


def sent_values(data: Any, name: str) -> Any:
    """What a form or JSON says under a name that may repeat; a form's empty values are left out."""
    if isinstance(data, MultiValueDict):
        return [value for value in data.getlist(name) if value != ""]
    return data.get(name)


def _require_few_and_once(images: list[ImageSource], limit: int, field: str) -> None:
    """Raises ValidationError on ``field``."""
    if len(images) > limit:
        message = f"There are {len(images)} images, files and uploads together; at most {limit} are taken at once."
        raise serializers.ValidationError({field: [message]})
    named = Counter(str(image.upload_id) for image in images if isinstance(image, Upload))
    if repeated := [upload_id for upload_id, times in named.items() if times > 1]:
        raise serializers.ValidationError({field: [f"Named more than once: {', '.join(repeated)}."]})


class ImageIdsField(NumberedListField):
    """Ids of images in an order; whether they are the right ones is for ``require_each_once`` to say."""

    item_name = "Id"
    child = serializers.IntegerField(min_value=1, max_value=MAX_ID)


def require_each_once(ids: Iterable[int], present: Iterable[int]) -> None:
    """Raise ValidationError on ``ids`` unless they are exactly those present, each once."""
    given, there = Counter(ids), set(present)
    wrong = {
        "Not among the images here": sorted(given.keys() - there),
        "Named more than once": sorted(pk for pk, times in given.items() if times > 1),
        "Not named": sorted(there - given.keys()),
    }
    if messages := [f"{reason}: {', '.join(map(str, found))}." for reason, found in wrong.items() if found]:
        raise serializers.ValidationError({"ids": messages})


def require_room(rows: QuerySet[Any], *, adding: int, limit: int, field: str = "image") -> None:
    """Raise ValidationError on ``field`` where these rows and as many more would be over the limit."""
    if rows.count() + adding > limit:
        raise serializers.ValidationError({field: [f"There can be at most {limit} images here. Delete some first."]})


def next_order(rows: QuerySet[Any]) -> int:
    """The ``order`` after the last of these rows, 0 for the first; at ``MAX_ORDER`` it stays, and ids decide."""
    last: int | None = rows.aggregate(last=Max("order"))["last"]
    return 0 if last is None else min(last + 1, MAX_ORDER)
