"""Direct uploads over HTTP: a form, the completion, the file's URL. Everybody sees only their own."""

from typing import Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import extend_schema_view
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from api.filters import StrictFilterBackend
from api.idempotency import claim_idempotency_key
from api.paging import KeysetPagination
from api.rows import json_row, json_rows
from api.throttles import UserThrottle
from media_assets.models import Upload
from media_assets.uploads import examples, services
from media_assets.uploads.filters import UploadFilter
from media_assets.uploads.models import UploadQuerySet
from media_assets.uploads.rendering import (
    shown_uploads,
    upload_renderer,
    upload_row,
    upload_row_with_form,
    upload_url,
)
from media_assets.uploads.serializers import (
    DirectUploadSerializer,
    NewUploadSerializer,
    UrlQuerySerializer,
    query_values,
)

THROTTLE_SCOPE = "uploads"


@extend_schema_view(**examples.UPLOAD_OPERATIONS)
class UploadViewSet(viewsets.GenericViewSet[Upload]):
    """Uploads of the caller's; those of others are not there (404), for staff too."""

    serializer_class = DirectUploadSerializer
    lookup_field = "upload_id"
    lookup_value_converter = "uuid"
    filter_backends: list[Any] = [StrictFilterBackend]
    filterset_class = UploadFilter
    pagination_class = KeysetPagination
    ordering_fields = ("created_at",)
    ordering = "-created_at"
    throttle_scope = THROTTLE_SCOPE

    def get_queryset(self) -> UploadQuerySet:
        return shown_uploads(self.request.user)

    def get_throttles(self) -> list[BaseThrottle]:
        """What hands out permission to write is counted."""
        return [UserThrottle()] if self.action in ("create", "renew") else []

    def list(self, request: Request) -> HttpResponse:
        """The caller's uploads, newest first; the next page's address is in the `Link` header."""
        paginator = cast(KeysetPagination, self.paginator)
        uploads = paginator.paginate_queryset(self.filter_queryset(self.get_queryset()), request, view=self)
        render = upload_renderer(request)
        return json_rows([render(upload) for upload in uploads], paginator)

    def create(self, request: Request) -> HttpResponse:
        """Begin an upload. Post `form_fields` in their order, then the file as `file`, to `form_url`; then complete it.

        Sent again with its `Idempotency-Key`: the same upload with a fresh form, while it can still be sent.
        """
        with claim_idempotency_key(request) as claim:
            if claim.result_id is None:
                form = NewUploadSerializer(data=request.data)
                form.is_valid(raise_exception=True)
                upload = services.upload_create(owner=request.user, claim=claim, **form.validated_data)
            else:
                upload = _open_again(self._upload(pk=claim.result_id))
        return json_row(upload_row_with_form(upload, request), status.HTTP_201_CREATED)

    def retrieve(self, request: Request, upload_id: UUID) -> HttpResponse:
        """One upload."""
        return json_row(upload_row(self._upload(upload_id=upload_id), request))

    def destroy(self, request: Request, upload_id: UUID) -> Response:
        """Delete an upload with its file. 409 where a resource has taken it: delete that."""
        services.upload_delete(self._upload(upload_id=upload_id))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @action(detail=True, methods=["post"], pagination_class=None, filter_backends=[])
    def complete(self, request: Request, upload_id: UUID) -> HttpResponse:
        """Have the file checked that was sent: its size, type, checksum and bytes. Again: the same answer.

        409 while it is not there or its time is over; 422, with the reason, where it is refused and deleted.
        """
        return json_row(upload_row(services.upload_complete(self._upload(upload_id=upload_id)), request))

    @action(detail=True, methods=["post"], pagination_class=None, filter_backends=[])
    def renew(self, request: Request, upload_id: UUID) -> HttpResponse:
        """A fresh form for an upload that is pending or expired. One in parts goes on with a single form."""
        return json_row(upload_row_with_form(services.upload_renew(self._upload(upload_id=upload_id)), request))

    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def url(self, request: Request, upload_id: UUID) -> Response:
        """Where the file of a complete upload is read, also after a resource has taken it.

        `presigned=false` asks for the URL that other answers have. A private file has signed URLs only, so that one is
        signed too; a public file has its plain URL, either way.
        """
        upload = self._upload(upload_id=upload_id)
        query = query_values(request, UrlQuerySerializer)
        exactly = query.get("expiration", settings.MEDIA_URL_EXPIRY_SECONDS) if query["presigned"] else None
        return Response(upload_url(upload, request, exactly))

    def _upload(self, **which: Any) -> Upload:
        """Raises NotFound, for other people's uploads too."""
        upload = self.get_queryset().filter(**which).first()
        if upload is None:
            raise NotFound
        return upload


def _open_again(upload: Upload) -> Upload:
    """The upload, with a new time where it has only run out of it."""
    return services.upload_renew(upload) if upload.status_at(timezone.now()) == Upload.STATUS_EXPIRED else upload
