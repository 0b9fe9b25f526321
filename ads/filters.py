"""The named filters of ``GET /api/ads/``."""

from decimal import Decimal
from typing import Any

from django_filters import rest_framework as filters

from ads.models import PRICE_DECIMALS, PRICE_DIGITS, Ad
from api.id_filters import IdFilter


class PriceFilter(filters.NumberFilter):  # type: ignore[misc]
    """An amount that a price could be, or 0; anything finer or larger is malformed."""

    def __init__(self, **kwargs: Any) -> None:
        limits = {"min_value": Decimal(0), "max_digits": PRICE_DIGITS, "decimal_places": PRICE_DECIMALS}
        super().__init__(field_name="price", **limits, **kwargs)


class AdFilter(filters.FilterSet):  # type: ignore[misc]
    owner = IdFilter(field_name="owner", help_text="Id of the owner.")
    is_sold = filters.BooleanFilter(help_text="`true` or `false`.")
    price_min = PriceFilter(lookup_expr="gte", help_text="This price or more.")
    price_max = PriceFilter(lookup_expr="lte", help_text="This price or less.")

    class Meta:
        model = Ad
        fields: list[str] = []
