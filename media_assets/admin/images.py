"""Uploading an image in an admin form. No database transaction is open while its bytes move to the storage."""

import uuid
from contextlib import AbstractContextManager
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Field, Model
from django.http import HttpRequest, HttpResponse
from django.http.request import HttpHeaders
from django.template.defaultfilters import filesizeformat
from django.utils.text import capfirst
from rest_framework import serializers
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request

from api.fingerprints import request_fingerprint
from api.idempotency import Claim, claim_idempotency_key
from media_assets.admin.previews import media_summary, thumbnail_column
from media_assets.admin.saving import ServiceAdmin
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset
from media_assets.rendering import MediaRenderer
from media_assets.views import ACCEPTED_CONTENT_TYPES

FORM_KEY = "form_key"


class ImageInput(forms.ClearableFileInput):
    """The picture as it is, a box to remove it, and a file to choose instead. In: ``preview``, a ``media`` object."""

    template_name = "media_assets/admin/image_input.html"

    def __init__(self, preview: dict[str, Any] | None, *, read_only: bool) -> None:
        super().__init__({"accept": ",".join(ACCEPTED_CONTENT_TYPES)})
        self.preview = preview
        self.read_only = read_only  # Django's admin shows the widget then in place of the value

    def is_initial(self, value: Any) -> bool:
        return self.preview is not None

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        shown = {"preview": self.preview, "summary": media_summary(self.preview), "read_only": self.read_only}
        context["widget"].update(shown)
        return context


class ImageFormField(forms.FileField):
    """``ImageUploadField`` in a Django form. Cleans to the validated file, False (remove it), or what was there."""

    def __init__(self, **kwargs: Any) -> None:
        limit = filesizeformat(settings.MEDIA_MAX_SIZE_BYTES)
        super().__init__(allow_empty_file=True, help_text=f"JPEG, PNG, WebP or GIF, at most {limit}.", **kwargs)

    def clean(self, data: Any, initial: Any = None) -> Any:
        cleaned = super().clean(data, initial)
        if isinstance(cleaned, UploadedFile):
            try:
                ImageUploadField().run_validation(cleaned)
            except serializers.ValidationError as refusal:
                raise forms.ValidationError([str(message) for message in cast(list[Any], refusal.detail)]) from None
        return cleaned


class ImageUploadAdmin(ServiceAdmin):
    """A change form that takes an image, and a list that shows it.

    Name the foreign key to the registry in ``image_field`` and in ``fieldsets``, and let ``save_model`` hand
    ``changed_values(form)`` to a service that stores and publishes it. A form with a file is not in a transaction.
    """

    image_field: str = "image"
    image_on_add = True  # False: only for rows that exist already, because the key holds their id

    def answer(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        if request.method == "POST" and self._may_store(request, object_id):
            return self.without_transaction(request, object_id, form_url, extra_context)
        return super().answer(request, object_id, form_url, extra_context)

    def _may_store(self, request: HttpRequest, object_id: str | None) -> bool:
        return self.image_on_add if object_id is None else self.image_field in request.FILES

    def get_list_display(self, request: HttpRequest) -> Any:
        column = thumbnail_column(request, lambda row: getattr(row, self.image_field), self.image_field)
        return [column, *super().get_list_display(request)]

    def get_list_display_links(self, request: HttpRequest, list_display: Any) -> Any:
        return list_display[:2]

    def get_exclude(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """The image is not the form's to write."""
        return [*(super().get_exclude(request, obj) or ()), self.image_field]

    def get_form(self, request: Any, obj: Model | None = None, change: bool = False, **kwargs: Any) -> type[Any]:
        if obj is not None or self.image_on_add:
            attributes = {
                self.image_field: self._form_field(request, obj),
                FORM_KEY: forms.CharField(required=False, max_length=36, initial=uuid.uuid4, widget=forms.HiddenInput),
            }
            base = kwargs.get("form", self.form)
            kwargs["form"] = type(base.__name__, (base,), attributes)
        return super().get_form(request, obj, change=change, **kwargs)

    def _form_field(self, request: HttpRequest, obj: Model | None) -> ImageFormField:
        column = cast("Field[Any, Any]", self.opts.get_field(self.image_field))
        asset: MediaAsset | None = getattr(obj, self.image_field) if obj else None
        preview = MediaRenderer.for_request(request).asset(asset)
        widget = ImageInput(preview, read_only=obj is not None and not self.has_change_permission(request, obj))
        return ImageFormField(
            required=not column.blank, label=capfirst(column.verbose_name), initial=asset, widget=widget
        )


class _KeyedRequest(Request):
    """A form's submission as a request with an ``Idempotency-Key``."""

    key = ""

    @property
    def headers(self) -> HttpHeaders:
        return HttpHeaders({"HTTP_IDEMPOTENCY_KEY": self.key})


def form_claim(request: HttpRequest, form: Any) -> AbstractContextManager[Claim]:
    """A claim on this submission of a valid add form of an ImageUploadAdmin: sent twice, it makes one row.

    Entered outside any transaction; ``claim.result_id`` is what the first made. Raises Conflict while that still runs.
    """
    keyed = _KeyedRequest(request, parsers=[FormParser(), MultiPartParser()])
    keyed.user = request.user
    keyed.key = f"{form.cleaned_data[FORM_KEY] or uuid.uuid4()}:{request_fingerprint(keyed)}"
    return claim_idempotency_key(keyed)
