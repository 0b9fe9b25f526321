"""What every admin of the site begins with: the theme, and lists that stay cheap however many rows there are."""

from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from unfold.admin import ModelAdmin as ThemedModelAdmin

from media_assets.admin.counting import BoundedPaginator
from media_assets.admin.links import related_lists

MAX_SEARCH_LENGTH = 200


class _OptionalTransaction(admin.ModelAdmin):  # type: ignore[type-arg]
    """Django's change form, in its transaction unless the request says that its services open their own."""

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        bare: Any = self
        view = bare._changeform_view if getattr(request, "without_transaction", False) else super().changeform_view
        return view(request, object_id, form_url, extra_context)


class RowAdmin(ThemedModelAdmin, _OptionalTransaction):  # type: ignore[misc]
    """A list of 50 rows a page, filters behind a button, and no more rows counted than can be leafed through."""

    list_per_page = 50
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_filter_submit = True
    change_form_before_template = "media_assets/admin/form_key.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Filters that were left open stand in the address of the form, and would count as chosen: they go."""
        chosen = request.GET.copy()
        for name in [name for name, values in request.GET.lists() if not any(values)]:
            del chosen[name]
        if request.method == "GET" and len(chosen) < len(request.GET):
            return HttpResponseRedirect(f"{request.path}?{chosen.urlencode()}")
        return super().changelist_view(request, extra_context)

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, with ``related_lists``: links to the lists of what belongs to it, as far as this user may see."""
        row: Any = super().get_object(request, object_id, from_field)
        if row is not None:
            row.related_lists = related_lists(row, request)
        return row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Only the beginning of a long text is searched for. NUL, which PostgreSQL does not take, is left out (the
        autocomplete view lets it through)."""
        found: tuple[QuerySet[Any], bool]
        found = super().get_search_results(request, queryset, search_term.replace("\0", "")[:MAX_SEARCH_LENGTH])
        return found
