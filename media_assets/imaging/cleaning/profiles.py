"""Whether bytes are a colour profile (ICC.1:2022), so that nothing else is kept under that name."""

MAX_PROFILE_BYTES = 4 * 1024 * 1024

_HEADER_BYTES = 128
_TAG_COUNT_BYTES = 4
# Profiles are padded to a multiple of four bytes (7.2.1), which some writers do not count.
_MAX_PADDING_BYTES = 3


def is_profile(data: bytes) -> bool:
    """Whether `data` begins with the header of a profile as long as it is itself (7.2.2, 7.2.9)."""
    if not _HEADER_BYTES + _TAG_COUNT_BYTES <= len(data) <= MAX_PROFILE_BYTES or data[36:40] != b"acsp":
        return False
    size = int.from_bytes(data[:4], "big")
    return size <= len(data) <= size + _MAX_PADDING_BYTES
