"""The named filters of ``GET /api/ads/``."""

from django_filters import rest_framework as filters

from ads.models import Ad
from api.named_filters import AmountFilter, FlagFilter, IdFilter


class AdFilter(filters.FilterSet):  # type: ignore[misc]
    owner = IdFilter(field_name="owner", help_text="Id of the owner.")
    is_sold = FlagFilter(help_text="`true` or `false`.")
    price_min = AmountFilter(field_name="price", lookup_expr="gte", help_text="This price or more.")
    price_max = AmountFilter(field_name="price", lookup_expr="lte", help_text="This price or less.")

    class Meta:
        model = Ad
        fields: list[str] = []
