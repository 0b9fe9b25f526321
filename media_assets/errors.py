"""What can go wrong between the registry and a storage."""

from api.errors import Conflict, ServiceUnavailable, Unprocessable


class KeyTaken(Exception):
    """Something lies at this key already; nothing was written."""


class ObjectMissing(FileNotFoundError):
    """No object lies at this key."""


class UploadGone(Exception):
    """The storage knows no such upload in parts: it was completed, aborted, or has expired there."""


class PartsRefused(Exception):
    """The storage does not make an object of these parts: one is absent, another than it was, or too small."""


class StorageUnavailable(ServiceUnavailable):
    """The storage does not do its work now (down, hanging, full, wrongly configured): 503, try again later.

    The cause (and, where it is a setting, the fix) is logged where this is raised; clients only learn that it is so.
    """

    default_detail = "The media storage is not available at the moment. Please try again."
    default_code = "storage_unavailable"


class ReservationLost(ServiceUnavailable):
    """Storing took longer than the reservation's lease: nothing was published, the request may be sent again."""

    default_detail = "Storing the file took too long. Please send it again."
    default_code = "reservation_lost"


class UploadRejected(Unprocessable):
    """422: the bytes of a direct upload are not what was declared, or are not accepted; they are gone."""

    default_code = "upload_rejected"


def upload_attached() -> Conflict:
    """409: an upload attaches once."""
    return Conflict("This upload is already used. Upload the file again to use it once more.", "upload_attached")
