"""The images of one row, in its admin form: each shows its picture, new ones take a file or an upload, and all is
saved at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import TabularInline

from api.idempotency import Claim
from media_assets.admin.images import ImageFormField, ImageInput, stores_image
from media_assets.admin.links import admin_address
from media_assets.admin.saving import ServiceAdmin, changed_values, form_claim
from media_assets.models import Upload
from media_assets.rendering import MediaRenderer
from media_assets.uploads.attaching import newest_images

FORMS_BEYOND = 50  # of what a request says there are: so many more than may be saved are shown again


class ShownImage(ImageInput):
    """The picture of a row that is there already: it is not replaced, and what a request holds in its place ignored."""

    def __init__(self, preview: dict[str, Any] | None, registry_url: str | None) -> None:
        super().__init__(preview, read_only=True, registry_url=registry_url)

    def value_from_datadict(self, data: Any, files: Any, name: str) -> None:
        return None


class GalleryImageForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new image takes a file or an upload of the signed-in person's own and, where ``order`` is left empty, stands
    after the last."""

    request: HttpRequest
    uploads: Iterable[Upload]  # to choose from; one query for all rows of the form

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            widget, asset = ImageInput(None, read_only=False, uploads=self.uploads), None
            if "order" in self.fields:
                self.fields["order"].required = False
        else:
            asset = self.instance.image
            widget = ShownImage(
                MediaRenderer.for_request(self.request).asset(asset), admin_address(asset, self.request)
            )
        self.fields["image"] = ImageFormField(user=self.request.user, label="Image", initial=asset, widget=widget)


class GalleryInline(TabularInline):  # type: ignore[misc]
    """For a model whose foreign key to the registry is ``image``; name it first in ``fields``, and give ``max_num``."""

    form = GalleryImageForm
    exclude = ("image",)  # not the form's to write
    extra = 1

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.select_related("image")

    def get_formset(self, request: HttpRequest, obj: Model | None = None, **kwargs: Any) -> Any:
        attributes = {"request": request, "uploads": newest_images(request.user)}
        kwargs["form"] = type(self.form.__name__, (self.form,), attributes)
        kwargs["absolute_max"] = self.max_num + FORMS_BEYOND
        return super().get_formset(request, obj, **kwargs)


@dataclass(frozen=True)
class GalleryWrites:
    """What a valid formset says: fields of new images (with ``image``, a file or an upload), changes and deletions by
    id."""

    added: list[Any]
    changed: dict[int, Any]
    removed: list[int]


class GalleryAdmin(ServiceAdmin):
    """A form with a GalleryInline, for rows that exist already, because the keys of their images hold their id.

    ``create`` makes a new row; ``save_gallery`` hands all else to one service, which stores and publishes. Neither runs
    in a transaction, and a form that is sent twice is done once.
    """

    def answer(
        self, request: HttpRequest, object_id: str | None, form_url: str, extra_context: dict[str, Any] | None
    ) -> HttpResponse:
        if request.method == "POST" and (object_id is None or stores_image(request)):
            return self.without_transaction(request, object_id, form_url, extra_context)
        return super().answer(request, object_id, form_url, extra_context)

    def get_inline_instances(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        return super().get_inline_instances(request, obj) if obj else []

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            with form_claim(request, form) as claim:
                obj.pk = claim.result_id or self.create(changed_values(form), claim)

    def create(self, values: dict[str, Any], claim: Claim) -> int:
        """Make the row and complete the claim with its id; the id."""
        raise ImproperlyConfigured(f"{type(self).__name__} must define create")

    def save_related(self, request: Any, form: Any, formsets: Any, change: bool) -> None:
        if not change:
            return
        writes = [_writes(formset) for formset in formsets]  # none where this user may not see the images
        made = self._save(request, form, writes[0] if writes else GalleryWrites([], {}, []))
        for formset in formsets:
            formset.new_objects = made  # for the log

    def _save(self, request: HttpRequest, form: Any, writes: GalleryWrites) -> list[Any]:
        """Without new images the same form may be sent any number of times."""
        if not writes.added:
            return self.save_gallery(form, writes, Claim())
        with form_claim(request, form) as claim:
            return [] if claim.result_id else self.save_gallery(form, writes, claim)

    def save_gallery(self, form: Any, writes: GalleryWrites, claim: Claim) -> list[Any]:
        """Write what the form and the formset change and complete the claim, all or nothing; the new rows."""
        raise ImproperlyConfigured(f"{type(self).__name__} must define save_gallery")


def _writes(formset: Any) -> GalleryWrites:
    formset.save(commit=False)  # writes nothing; notes for the log what has changed
    model = formset.model._meta
    columns = {field.name for field in model.concrete_fields} - {model.pk.name, formset.fk.name}

    def values(form: Any, names: Iterable[str]) -> dict[str, Any]:
        return {name: form.cleaned_data[name] for name in names if name in columns}

    kept = [form for form in formset.forms if form.has_changed() and form not in formset.deleted_forms]
    return GalleryWrites(
        added=[values(form, form.cleaned_data) for form in kept if form.instance.pk is None],
        changed={form.instance.pk: values(form, form.changed_data) for form in kept if form.instance.pk is not None},
        removed=[row.pk for row in formset.deleted_objects],
    )
