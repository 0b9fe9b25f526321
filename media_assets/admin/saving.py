"""Admin forms that write through services: what a service refuses stands on the form, with all that was typed."""

import logging
from collections.abc import Iterator
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.db import IntegrityError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound, ValidationError

from api.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

CONFLICT = "Somebody else changed this at the same time. Check the values and save again."
GONE = "Something that this refers to was deleted meanwhile. Check the values and save again."
STILL_SAVING = "This form is being saved already. Wait a moment, then save again to see the result."
CHOOSE_AGAIN = "Nothing was saved. Choose the file again."


class RefusableForm(forms.ModelForm):  # type: ignore[type-arg]
    """The form of a ServiceAdmin: it carries what a service said to the same input a moment ago."""

    refusal: Exception | None = None
    image_field: str | None = None  # the one that a failing storage is reported on

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.refusal is not None:
            for name, found in _refusal_messages(self.refusal, self.image_field):
                self.add_error(name if name in self.fields else None, found)
        return cleaned


class ServiceAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Saves through services: ``save_model`` may raise any APIException or an IntegrityError.

    The form is then shown again with the reason, and never a 500. Mix it in before Django's own admin classes;
    ``form`` is a RefusableForm.
    """

    form = RefusableForm
    image_field: str | None = None

    @method_decorator(csrf_protect)
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            return self.answer(request, object_id, form_url, extra_context)
        except (APIException, IntegrityError) as refusal:
            logger.warning("The admin could not save: %s", refusal, exc_info=isinstance(refusal, IntegrityError))
            _forget_messages(request)
            cast(Any, request).admin_refusal = refusal
            return self.without_transaction(request, object_id, form_url, extra_context)

    def answer(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        """Django's own change form, all of it in one transaction where it writes."""
        view: Any = super().changeform_view
        return cast(HttpResponse, view(request, object_id, form_url, extra_context))

    def without_transaction(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        """Django's own change form; whatever ``save_model`` calls opens the transactions."""
        return cast(HttpResponse, cast(Any, self)._changeform_view(request, object_id, form_url, extra_context))

    def get_form(self, request: Any, obj: Model | None = None, change: bool = False, **kwargs: Any) -> type[Any]:
        form: Any = super().get_form(request, obj, change=change, **kwargs)  # a class made for this request
        form.refusal, form.image_field = getattr(request, "admin_refusal", None), self.image_field
        return cast(type[Any], form)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """NUL, which PostgreSQL does not take in a text, is left out (the autocomplete view lets it through)."""
        return super().get_search_results(request, queryset, search_term.replace("\0", ""))


def changed_values(form: Any) -> dict[str, Any]:
    """What a valid form changes of its row's own columns, by field; an image that was removed is None."""
    columns = {field.name for field in form._meta.model._meta.concrete_fields}
    values = {name: form.cleaned_data[name] for name in form.changed_data if name in columns}
    image_field = getattr(form, "image_field", None)
    if values.get(image_field) is False:
        values[image_field] = None
    return values


def _refusal_messages(refusal: Exception, image_field: str | None) -> Iterator[tuple[str | None, list[str]]]:
    """Field (None: the whole form) and messages."""
    match refusal:
        case ValidationError(detail=dict() as by_field):
            yield from ((name, [str(message) for message in found]) for name, found in by_field.items())
        case NotFound() | NotAuthenticated():
            yield None, [GONE]
        case ServiceUnavailable():
            yield image_field, [f"{refusal.detail} {CHOOSE_AGAIN}"]
        case APIException() if "idempotency_in_progress" in str(refusal.get_codes()):
            yield None, [STILL_SAVING]
        case APIException():
            yield None, [str(refusal.detail)]
        case _:
            yield None, [CONFLICT]


def _forget_messages(request: HttpRequest) -> None:
    """Drop "was saved successfully" where the commit failed after it had been said."""
    cast(Any, messages.get_messages(request))._queued_messages.clear()
