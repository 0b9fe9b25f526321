"""What every serializer of forms shares."""

from typing import Any

from django.utils.datastructures import MultiValueDict
from rest_framework import serializers

SEND_ONCE = "Send it once."
_MANY_VALUED = (
    serializers.ListField,
    serializers.ListSerializer,
    serializers.ManyRelatedField,
    serializers.MultipleChoiceField,
)


class StrictFieldsMixin:
    """For serializers: a form that carries a single-valued field or file twice is refused, not read in part.

    Without it the last value wins in silence. Unknown fields stay ignored. It stands before the serializer class.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Validated values. Raises ValidationError ``{"field": ["Send it once."]}``."""
        if isinstance(data, MultiValueDict):
            fields: dict[str, serializers.Field[Any, Any, Any, Any]] = self.fields  # type: ignore[attr-defined]
            repeated = {
                name: [SEND_ONCE]
                for name, field in fields.items()
                if not field.read_only and not isinstance(field, _MANY_VALUED) and len(data.getlist(name)) > 1
            }
            if repeated:
                raise serializers.ValidationError(repeated, code="repeated")
        return super().to_internal_value(data)  # type: ignore[misc]
