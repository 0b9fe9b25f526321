"""An image in an admin form: a file, or an upload of the signed-in person's own. No database transaction is open while
its bytes move to the storage."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Field, Model
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.text import capfirst
from rest_framework import serializers
from rest_framework.exceptions import APIException
from unfold.widgets import INPUT_CLASSES

from media_assets.admin.links import admin_address
from media_assets.admin.previews import media_summary, preview_url, thumbnail_column
from media_assets.admin.saving import ServiceAdmin
from media_assets.fields import ImageUploadField
from media_assets.imaging.facts import ACCEPTED_CONTENT_TYPES
from media_assets.models import MediaAsset, Upload
from media_assets.rendering import MediaRenderer
from media_assets.sources import ImageSource
from media_assets.uploads.attaching import complete_image, newest_images, uploads_by_id

UPLOAD_SUFFIX = "-upload"
PREVIEW_PIXELS = 320
_CHOOSE_ONE = "Choose only one of these: a file, an upload, or to remove the picture."


@dataclass(frozen=True)
class ChosenUpload:
    """What a form says in the list of uploads; ``alone``: and neither a file nor "Remove" beside it."""

    upload_id: str
    alone: bool


class ImageInput(forms.ClearableFileInput):
    """The picture as it is, a box to remove it, a file to choose instead, or one of the ``uploads``.

    In: ``preview``, a ``media`` object; ``uploads``, read when the widget is shown; ``registry_url``, the page of the
    file in the registry, for those who may see it.
    """

    template_name = "media_assets/admin/image_input.html"

    def __init__(
        self,
        preview: dict[str, Any] | None,
        *,
        read_only: bool,
        uploads: Iterable[Upload] = (),
        chosen: str = "",
        registry_url: str | None = None,
    ) -> None:
        super().__init__({"accept": ",".join(ACCEPTED_CONTENT_TYPES)})
        self.preview = preview
        self.read_only = read_only  # Django's admin shows the widget then in place of the value
        self.uploads = () if read_only else uploads
        self.chosen = chosen
        self.registry_url = registry_url

    def is_initial(self, value: Any) -> bool:
        return self.preview is not None

    def use_required_attribute(self, initial: Any) -> bool:
        """A browser must not ask for a file where an upload may be chosen."""
        return super().use_required_attribute(initial) and not any(self.uploads)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        file = super().value_from_datadict(data, files, name)
        self.chosen = data.get(name + UPLOAD_SUFFIX, "")
        return ChosenUpload(self.chosen, alone=file is None) if self.chosen else file

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return super().value_omitted_from_data(data, files, name) and name + UPLOAD_SUFFIX not in data

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        context["widget"] |= {
            "preview": self.preview,
            "preview_url": preview_url(self.preview, PREVIEW_PIXELS),
            "summary": media_summary(self.preview),
            "read_only": self.read_only,
            "upload_name": name + UPLOAD_SUFFIX,
            "uploads": [(str(upload.upload_id), upload_label(upload)) for upload in self.uploads],
            "chosen": self.chosen,
            "registry_url": self.registry_url,
            "select_class": " ".join(INPUT_CLASSES),
        }
        return context


class ImageFormField(forms.FileField):
    """``ImageUploadField`` in a Django form. Cleans to the validated file, an upload of ``user``'s own, False (remove
    the picture), or what was there."""

    def __init__(self, *, user: Any, **kwargs: Any) -> None:
        self.user = user
        limit = filesizeformat(settings.MEDIA_MAX_SIZE_BYTES)
        super().__init__(
            allow_empty_file=True, help_text=f"JPEG, PNG, WebP, GIF, HEIC or AVIF, at most {limit}.", **kwargs
        )

    def clean(self, data: Any, initial: Any = None) -> Any:
        try:
            if isinstance(data, ChosenUpload):
                return self._upload(data)
            cleaned = super().clean(data, initial)
            return ImageUploadField().run_validation(cleaned) if isinstance(cleaned, UploadedFile) else cleaned
        except serializers.ValidationError as refusal:
            raise forms.ValidationError([str(message) for message in cast(list[Any], refusal.detail)]) from None
        except APIException as refusal:
            raise forms.ValidationError(str(refusal.detail)) from None

    def _upload(self, chosen: ChosenUpload) -> ImageSource:
        """One that was taken already passes: what took it may be this form, sent twice. Storing it is refused else."""
        if not chosen.alone:
            raise forms.ValidationError(_CHOOSE_ONE, code="contradiction")
        found = uploads_by_id([chosen.upload_id], self.user)
        return complete_image(next(iter(found.values()), None))


def upload_label(upload: Upload) -> str:
    """``sea.jpg · 12.3 KB · 2025-01-22 10:30``, in the site's time zone."""
    size = filesizeformat(upload.asset.size) if upload.asset else ""
    sent = f"{timezone.localtime(upload.created_at):%Y-%m-%d %H:%M}"
    return " · ".join(part for part in (upload.original_filename, size, sent) if part)


def stores_image(request: HttpRequest) -> bool:
    """Whether a form was sent with a file or a chosen upload."""
    chosen = (value for name, value in request.POST.items() if name.endswith(UPLOAD_SUFFIX))
    return bool(request.FILES) or any(chosen)


class ImageUploadAdmin(ServiceAdmin):
    """A change form that takes an image, and a list that shows it.

    Name the foreign key to the registry in ``image_field`` and in ``fieldsets``, and let ``save_model`` hand
    ``changed_values(form)`` to a service that stores and publishes it. A form with an image is not in a transaction.
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
        return self.image_on_add if object_id is None else stores_image(request)

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
            base = kwargs.get("form", self.form)
            kwargs["form"] = type(base.__name__, (base,), {self.image_field: self._form_field(request, obj)})
        return super().get_form(request, obj, change=change, **kwargs)

    def _form_field(self, request: HttpRequest, obj: Model | None) -> ImageFormField:
        column = cast("Field[Any, Any]", self.opts.get_field(self.image_field))
        asset: MediaAsset | None = getattr(obj, self.image_field) if obj else None
        preview = MediaRenderer.for_request(request).asset(asset)
        read_only = obj is not None and not self.has_change_permission(request, obj)
        return ImageFormField(
            user=request.user,
            required=not column.blank,
            label=capfirst(column.verbose_name),
            initial=asset,
            widget=ImageInput(
                preview,
                read_only=read_only,
                uploads=newest_images(request.user),
                registry_url=None if asset is None else admin_address(asset, request),
            ),
        )
