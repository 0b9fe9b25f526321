"""What stays of a GIF: its head and frames, with their timing, how often they repeat, and a colour profile."""

from media_assets.imaging.facts import ImageFacts, Part

from .location import trailer_has_location, xmp_has_location
from .pieces import Pieces
from .profiles import MAX_PROFILE_BYTES, is_profile

_CONTROL, _APPLICATION = b"\x21\xf9", b"\x21\xff"
_PICTURE = frozenset((b"GIF", b",", b";"))
# Mark, label, length of the sub-block, four bytes of control (GIF89a, 23).
_CONTROL_BYTES = 7
_NAME_START, _NAME_END = 3, 14
_REPEATS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_REPEAT_BYTES = 4
_PROFILE = b"ICCRGBG1012"
_XMP = b"XMP DataXMP"


def clean_gif(view: memoryview, _facts: ImageFacts, parts: list[Part]) -> tuple[Pieces, bool]:
    """What is kept, and whether what is dropped says where the picture was taken."""
    kept = Pieces(view)
    for part in parts:
        if part.kind in _PICTURE:
            kept.keep(part.start, part.end)
        elif part.kind == _CONTROL and view[part.start + 2] >= 4:
            control = bytearray(view[part.start : part.start + _CONTROL_BYTES]) + b"\x00"
            control[2] = 4
            kept.write(bytes(control), part.start, part.end)
        elif part.kind == _APPLICATION:
            _keep_application(kept, view, part)
    texts = (part for part in parts if _application(view, part) == _XMP)
    has_location = any(xmp_has_location(bytes(view[part.start + _NAME_END : part.end])) for part in texts)
    return kept, has_location or trailer_has_location(view, parts[-1].end)


def _keep_application(kept: Pieces, view: memoryview, part: Part) -> None:
    name, content = _application(view, part), part.start + _NAME_END
    if name == _PROFILE and part.end - content <= 2 * MAX_PROFILE_BYTES:
        if is_profile(_joined(view, content)):
            kept.keep(part.start, part.end)
    elif name in _REPEATS and bytes(view[content : content + 2]) == b"\x03\x01":
        # Three bytes, the first of them 1: the others are the number of repeats.
        kept.write(bytes(view[part.start : content + _REPEAT_BYTES]) + b"\x00", part.start, part.end)


def _application(view: memoryview, part: Part) -> bytes:
    """Name and code of an application extension (26); nothing of any other block."""
    if part.kind != _APPLICATION or view[part.start + 2] != _NAME_END - _NAME_START:
        return b""
    return bytes(view[part.start + _NAME_START : part.start + _NAME_END])


def _joined(view: memoryview, position: int) -> bytes:
    """The data of the sub-blocks from `position` to their end."""
    data = bytearray()
    while size := view[position]:
        data += view[position + 1 : position + 1 + size]
        position += 1 + size
    return bytes(data)
