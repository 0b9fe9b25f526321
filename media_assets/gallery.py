"""Several images of one resource: files and ids that repeat in a request, rows that stand in an order.

Whoever writes such rows holds a lock on the resource's own row: then orders and limits hold under concurrency.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Max, QuerySet
from rest_framework import serializers

from api.converters import MAX_ID
from media_assets.fields import ImageUploadField
from media_assets.keys import display_filename

MAX_ORDER = 32_767  # of a PositiveSmallIntegerField


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
