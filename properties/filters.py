"""The named filters of houses and of their images."""

from typing import Any

from django import forms
from django.db.models import Q
from django_filters import rest_framework as filters

from api.named_filters import AmountFilter, FlagFilter, IdFilter
from properties.models import HOUSE_MODELS, MAX_ROOMS, HouseForRent, HouseForSale, PropertyImageQuerySet


class RoomsFilter(filters.Filter):  # type: ignore[misc]
    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=MAX_ROOMS, **kwargs)


class HouseFilter(filters.FilterSet):  # type: ignore[misc]
    owner = IdFilter(field_name="owner", help_text="Id of the owner.")
    city = filters.CharFilter(max_length=100, help_text="Exactly this city.")
    is_available = FlagFilter(help_text="Whether it is available.")
    bedrooms_min = RoomsFilter(field_name="bedrooms", lookup_expr="gte", help_text="At least so many bedrooms.")

    class Meta:
        fields: list[str] = []


class HouseForSaleFilter(HouseFilter):
    price_min = AmountFilter(field_name="price", lookup_expr="gte", help_text="Lowest price.")
    price_max = AmountFilter(field_name="price", lookup_expr="lte", help_text="Highest price.")

    class Meta(HouseFilter.Meta):
        model = HouseForSale


class HouseForRentFilter(HouseFilter):
    price_min = AmountFilter(field_name="monthly_rent", lookup_expr="gte", help_text="Lowest monthly rent.")
    price_max = AmountFilter(field_name="monthly_rent", lookup_expr="lte", help_text="Highest monthly rent.")

    class Meta(HouseFilter.Meta):
        model = HouseForRent


class PropertyImageFilter(filters.FilterSet):  # type: ignore[misc]
    content_type = filters.ChoiceFilter(
        method="filter_content_type", choices=[(name, name) for name in HOUSE_MODELS], help_text="Kind of the house."
    )
    object_id = IdFilter(method="filter_object_id", help_text="Id of the house; of either kind, unless that is named.")
    is_main = FlagFilter(help_text="Whether it is its house's main image.")

    def filter_content_type(self, queryset: PropertyImageQuerySet, name: str, value: str) -> PropertyImageQuerySet:
        return queryset.filter(**{f"{value}__isnull": False})

    def filter_object_id(self, queryset: PropertyImageQuerySet, name: str, value: int) -> PropertyImageQuerySet:
        named = self.form.cleaned_data["content_type"]
        of_either = (Q(**{content_type: value}) for content_type in ([named] if named else HOUSE_MODELS))
        return queryset.filter(next(of_either) if named else next(of_either) | next(of_either))
