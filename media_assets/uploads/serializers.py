"""What direct uploads take and answer on the wire. ``media_assets.uploads.rendering`` makes the answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request

from api.openapi_answers import SOMETIMES
from api.serializers import SEND_ONCE, StrictFieldsMixin
from media_assets.keys import display_filename
from media_assets.models import Upload
from media_assets.serializers import MediaSerializer
from media_assets.signing.sigv4 import EXPIRY_MAX_SECONDS
from media_assets.uploads.multipart import MAX_PART_NUMBER
from media_assets.uploads.rendering import METHOD
from media_assets.uploads.services import DEFAULT_PREFIX

MAX_FILENAME = 1_024  # characters, before it is cleaned
STATUSES = [status for status in Upload.STATUSES if status != Upload.STATUS_DISCARDED]
_NAME_IT = "Write the name of the file, such as photo.jpg."


def require_filename(text: str) -> None:
    """Raise ValidationError where nothing of the text can be shown as a file's name."""
    if not display_filename(text):
        raise ValidationError(_NAME_IT)


class NewUploadSerializer(StrictFieldsMixin, serializers.Serializer[Any]):
    """A file that is to be sent. What is null or blank was not declared."""

    original_filename = serializers.CharField(
        max_length=MAX_FILENAME, validators=[require_filename], help_text="The last part of a path counts."
    )
    content_type = serializers.CharField(max_length=100, help_text="One of `upload_content_types` of the media config.")
    size = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        error_messages={"min_value": "An empty file is not accepted."},
        help_text="Bytes. Where it is given, the store takes exactly that.",
    )
    sha256 = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=64,
        help_text="Hexadecimal. Where it is given, the store takes only these bytes.",
    )
    prefix = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=100,
        help_text=f"The folder of the file that becomes of it; `{DEFAULT_PREFIX}` unless told.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """What was declared."""
        return {name: value for name, value in attrs.items() if value not in (None, "")}


@extend_schema_field({"type": "string", SOMETIMES: True})
class ReasonField(serializers.CharField):
    """Left out of most answers."""


class DirectUploadSerializer(serializers.Serializer[Any]):
    """An upload, wherever it stands."""

    upload_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)
    original_filename = serializers.CharField()
    content_type = serializers.CharField(help_text="As declared; of a complete one, what the file is.")
    size = serializers.IntegerField(allow_null=True, help_text="Bytes, as declared; of a complete one, its file's.")
    expires_at = serializers.DateTimeField(help_text="When its form (or its time for parts) ends.")
    max_file_size = serializers.IntegerField(help_text="Bytes.")
    attached = serializers.BooleanField(help_text="Whether a resource has taken it; none can again.")
    media = MediaSerializer(allow_null=True, help_text="Its file, also after a resource took it, while that lives.")
    reason = ReasonField(required=False, help_text="A sentence; only where status is `rejected`.")
    reason_code = ReasonField(required=False, help_text="For programs; only where status is `rejected`.")


class UploadWithFormSerializer(DirectUploadSerializer):
    """An upload and how to send its file: post `form_fields` in their order, then `file`, to `form_url`."""

    method = serializers.ChoiceField(choices=[METHOD])
    form_url = serializers.URLField(allow_null=True, help_text="Null unless the upload is pending.")
    form_fields = serializers.DictField(child=serializers.CharField(), allow_null=True)
    url = serializers.URLField(allow_null=True, help_text="`form_url` again.")
    fields_ = serializers.DictField(child=serializers.CharField(), allow_null=True, help_text="`form_fields` again.")
    headers = serializers.DictField(child=serializers.CharField(), help_text="Empty: a form needs none.")

    def get_fields(self) -> dict[str, Any]:
        """``fields`` is an attribute of serializers themselves."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class UrlQuerySerializer(serializers.Serializer[Any]):
    """The query of an upload's URL."""

    expiration = serializers.IntegerField(
        min_value=1,
        max_value=EXPIRY_MAX_SECONDS,
        required=False,
        help_text="Seconds that the URL shall work, from now. Left out: the site's lifetime of private URLs.",
    )
    presigned = serializers.BooleanField(
        default=True,
        help_text="False: the URL that other answers have too, which repeats for a while; `expiration` plays no part. "
        "Of a private file that is a signed one as well: it has no other.",
    )


class UploadUrlSerializer(serializers.Serializer[Any]):
    """Where the file is read."""

    url = serializers.URLField()
    content_type = serializers.CharField()
    name = serializers.CharField(help_text="The client's name for it.")
    expires_in = serializers.IntegerField(allow_null=True, help_text="Seconds; null: never, the file is public.")


class PartSerializer(serializers.Serializer[Any]):
    """A part that has come."""

    PartNumber = serializers.IntegerField(min_value=1, max_value=MAX_PART_NUMBER)
    ETag = serializers.CharField(help_text="In quotes, as S3 sends it.")
    Size = serializers.IntegerField(help_text="Bytes.")


class NamedPartSerializer(serializers.Serializer[Any]):
    """A part that belongs to the file."""

    PartNumber = serializers.IntegerField(min_value=1, max_value=MAX_PART_NUMBER)
    ETag = serializers.CharField(help_text="As the store sent it, with or without its quotes.")


class NamedPartsSerializer(serializers.Serializer[Any]):
    """The parts of the file, in the order of their numbers."""

    parts = NamedPartSerializer(many=True)


class UppyParamsSerializer(serializers.Serializer[Any]):
    """The form of a new upload."""

    method = serializers.ChoiceField(choices=[METHOD])
    url = serializers.URLField()
    fields_ = serializers.DictField(child=serializers.CharField(), help_text="Post them in their order, then `file`.")
    headers = serializers.DictField(child=serializers.CharField(), help_text="Empty.")
    expires = serializers.IntegerField(help_text="Seconds.")
    upload_id = serializers.UUIDField()
    key = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        """``fields`` is an attribute of serializers themselves."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class UppyMultipartNewSerializer(serializers.Serializer[Any]):
    """A file that is to be sent in parts."""

    filename = serializers.CharField(max_length=MAX_FILENAME)
    type = serializers.CharField(max_length=100, help_text="Its content type.")
    metadata = serializers.DictField(
        required=False,
        help_text="`name` stands for `filename`; `size` (bytes), `sha256`, `prefix` as for any upload. All else of it "
        "is ignored.",
    )


class UppyMultipartSerializer(serializers.Serializer[Any]):
    """A new upload in parts."""

    key = serializers.CharField()
    uploadId = serializers.UUIDField(help_text="The upload's id here; the store's own is nobody's business.")
    bucket = serializers.CharField()
    upload_id = serializers.UUIDField(help_text="`uploadId` again.")


class PartUrlSerializer(serializers.Serializer[Any]):
    """Where one part is PUT."""

    url = serializers.URLField()
    expires = serializers.IntegerField(help_text="Seconds.")


class PartUrlsSerializer(serializers.Serializer[Any]):
    """Where parts are PUT."""

    presignedUrls = serializers.DictField(child=serializers.URLField(), help_text="By part number.")


class UppyCompletedSerializer(serializers.Serializer[Any]):
    """A file made of its parts, checked and complete."""

    location = serializers.URLField(help_text="Where its parts were joined, unsigned. The file itself is `media.url`.")
    key = serializers.CharField()
    bucket = serializers.CharField()
    upload_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=STATUSES)
    media = MediaSerializer(allow_null=True)


def query_values(request: Request, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """The validated query. Raises ValidationError, also on a parameter that is there twice."""
    given = {str(name): request.query_params.getlist(str(name)) for name in serializer().fields}
    if repeated := {name: [SEND_ONCE] for name, values in given.items() if len(values) > 1}:
        raise ValidationError(repeated)
    query = serializer(data={name: values[0] for name, values in given.items() if values})
    query.is_valid(raise_exception=True)
    return dict(query.validated_data)
