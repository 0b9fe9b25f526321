"""Admin forms that write through services: what a service refuses stands on the form, with all that was typed."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.utils.decorators import method_decorator
from django.views.decorators.csrf import csrf_protect
from rest_framework.exceptions import APIException, NotAuthenticated, NotFound, ValidationError
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from api.errors import ServiceUnavailable
from api.fingerprints import request_fingerprint
from api.idempotency import Claim, claim_idempotency_key
from media_assets.admin.base import RowAdmin

logger = logging.getLogger(__name__)

CONFLICT = "Somebody else changed this at the same time. Check the values and save again."
GONE = "Something that this refers to was deleted meanwhile. Check the values and save again."
STILL_SAVING = "This form is being saved already. Wait a moment, then save again to see the result."
CHOOSE_AGAIN = "Nothing was saved. Choose the file again."
FORM_KEY = "form_key"


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


class FormKeyField(forms.CharField):
    """The name of one showing of a form, hidden in it: by it, what is sent twice is known."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=36, initial=uuid.uuid4, widget=forms.HiddenInput)

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False  # nothing of the row's


class ServiceAdmin(RowAdmin):
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
        """The theme's change form, all of it in one transaction where it writes."""
        return cast(HttpResponse, super().changeform_view(request, object_id, form_url, extra_context))

    def without_transaction(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        """The theme's change form; whatever ``save_model`` calls opens the transactions."""
        cast(Any, request).without_transaction = True
        return cast(HttpResponse, super().changeform_view(request, object_id, form_url, extra_context))

    def get_form(self, request: Any, obj: Model | None = None, change: bool = False, **kwargs: Any) -> type[Any]:
        base: Any = kwargs.get("form") or (getattr(self, "add_form", self.form) if obj is None else self.form)
        kwargs["form"] = type(base.__name__, (base,), {FORM_KEY: FormKeyField()})
        form: Any = super().get_form(request, obj, change=change, **kwargs)  # a class made for this request
        form.refusal, form.image_field = getattr(request, "admin_refusal", None), self.image_field
        return cast(type[Any], form)


class _KeyedRequest(Request):
    """A form's submission as a request with an ``Idempotency-Key``."""

    key = ""

    @property
    def headers(self) -> HttpHeaders:
        return HttpHeaders({"HTTP_IDEMPOTENCY_KEY": self.key})


def form_claim(request: HttpRequest, form: Any) -> AbstractContextManager[Claim]:
    """A claim on this submission of a valid form of a ServiceAdmin: sent twice, it makes one row.

    Entered outside any transaction; ``claim.result_id`` is what the first made. Raises Conflict while that still runs.
    """
    keyed = _KeyedRequest(request, parsers=[FormParser(), MultiPartParser()])
    keyed.user = request.user
    keyed.key = f"{form.cleaned_data[FORM_KEY] or uuid.uuid4()}:{request_fingerprint(keyed)}"
    return claim_idempotency_key(keyed)


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
