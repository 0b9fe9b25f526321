"""Ways from a row in the admin to the rows that belong to it."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import quote
from django.db.models import ManyToOneRel, Model, OneToOneRel
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst


def related_lists(row: Model, request: HttpRequest) -> SafeString:
    """Links to the lists of whatever points at the row, as far as the admin has them and this user may see them."""
    found = []
    for relation in row._meta.related_objects:
        model: Any = relation.related_model
        row_admin = admin.site._registry.get(model)
        if (
            isinstance(relation, ManyToOneRel)
            and not isinstance(relation, OneToOneRel)
            and row_admin is not None
            and row_admin.has_view_permission(request)
        ):
            opts = model._meta
            url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
            found.append((f"{url}?{relation.field.name}__id__exact={row.pk}", capfirst(opts.verbose_name_plural)))
    return format_html_join(" · ", '<a href="{}">{}</a>', found)


def admin_address(row: Model, request: HttpRequest) -> str | None:
    """Where this user sees the row in the admin; None where it is not there, or not for them."""
    row_admin = admin.site._registry.get(type(row))
    if row_admin is None or not row_admin.has_view_permission(request, row):
        return None
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(str(row.pk))])
