"""The router of every viewset here."""

from typing import Any

from rest_framework.routers import SimpleRouter

from api.converters import register

register()


class Router(SimpleRouter):
    """A SimpleRouter over ``path()`` whose detail routes take ``<id:pk>``, unless the viewset names a converter."""

    def __init__(self, trailing_slash: bool = True) -> None:
        super().__init__(trailing_slash=trailing_slash, use_regex_path=False)

    def get_lookup_regex(self, viewset: Any, lookup_prefix: str = "") -> str:
        """The path() fragment of one object, ``<id:pk>``."""
        converter = getattr(viewset, "lookup_value_converter", "id")
        name = viewset.lookup_url_kwarg or viewset.lookup_field
        return f"<{converter}:{lookup_prefix}{name}>"
