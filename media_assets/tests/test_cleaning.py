"""What holds for every format: no metadata left, the same pixels, and nothing to do a second time."""

import io
import mmap
import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, ImageOps, UnidentifiedImageError

from media_assets.imaging import ImageFacts, InvalidImage, inspect_image
from media_assets.imaging.cleaning import Cleaned, clean_image
from media_assets.imaging.exif import orientation_block
from media_assets.tests import dirty
from media_assets.tests.dirty import DIRTY, PROFILE, SECRET, mutated, oriented, pixels, signed_anew
from media_assets.tests.pictures import MAX_PIXELS, refusal

FORMATS_WITH_EXIF = ("JPEG", "PNG", "WEBP")
MUTATIONS = 250


def cleaned(data: bytes) -> tuple[Cleaned, bytes]:
    """The result, and its pieces joined; what the result says about itself is checked."""
    result = clean_image(data, max_pixels=MAX_PIXELS)
    joined = b"".join(result.pieces)
    assert len(joined) == result.size
    assert (joined != data) == result.changed
    assert inspect_image(joined, max_pixels=MAX_PIXELS) == inspect_image(data, max_pixels=MAX_PIXELS) == result.facts
    return result, joined


def upright(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return ImageOps.exif_transpose(picture).tobytes()


@pytest.mark.parametrize("kind", DIRTY)
def test_no_metadata_is_left_and_every_pixel_is(kind: str) -> None:
    assert SECRET in DIRTY[kind]
    result, clean = cleaned(DIRTY[kind])

    assert result.changed
    assert SECRET not in clean
    assert b"adobe:ns:meta" not in clean
    assert pixels(clean) == pixels(DIRTY[kind])


@pytest.mark.parametrize("kind", DIRTY)
def test_the_second_cleaning_changes_nothing(kind: str) -> None:
    _, once = cleaned(DIRTY[kind])
    again, twice = cleaned(once)

    assert (again.changed, twice) == (False, once)
    assert len(again.pieces) == 1


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "CMYK JPEG", "PNG", "WebP"])
def test_the_colour_profile_stays(kind: str) -> None:
    _, clean = cleaned(DIRTY[kind])

    with Image.open(io.BytesIO(clean)) as picture:
        assert picture.info["icc_profile"] == PROFILE


@pytest.mark.parametrize("data", [dirty.JPEG, dirty.PNG, dirty.WEBP, dirty.GIF, dirty.PNG_MOVING])
def test_a_clean_file_comes_back_as_it_is(data: bytes) -> None:
    result, clean = cleaned(data)

    assert not result.changed
    assert not result.had_location
    assert clean == data


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", FORMATS_WITH_EXIF)
def test_the_orientation_stays_alone(file_format: str, orientation: int, order: str) -> None:
    data = oriented(file_format, orientation, order)
    result, clean = cleaned(data)

    assert result.facts.orientation == orientation
    assert (result.facts.width, result.facts.height) == ((32, 48) if orientation >= 5 else (48, 32))
    assert upright(clean) == upright(data)
    assert SECRET not in clean
    assert (orientation_block(orientation) in clean) == (orientation != 1)
    with Image.open(io.BytesIO(clean)) as picture:
        assert dict(picture.getexif()) == ({} if orientation == 1 else {0x0112: orientation})
    assert not cleaned(clean)[0].changed


@pytest.mark.parametrize("file_format", FORMATS_WITH_EXIF)
def test_damaged_exif_leaves_nothing_behind(file_format: str) -> None:
    whole = dirty.tiff_block(6, gps={2: b"1234"})
    for length in range(len(whole)):
        block = whole[:length]
        data = {
            "JPEG": dirty.with_segments(dirty.exif_segment(block)),
            "PNG": dirty.with_chunks(dirty.png_chunk(b"eXIf", block)),
            "WEBP": dirty.extended_webp(0x08, dirty.webp_chunk(b"EXIF", block)),
        }[file_format]
        result, clean = cleaned(data)
        kept = {1: b"", 6: orientation_block(6)}[result.facts.orientation]
        assert clean.count(b"MM\x00*") == (1 if kept else 0)
        assert b"II*" not in clean


@pytest.mark.parametrize("kind", DIRTY)
def test_it_refuses_what_the_inspection_refuses(kind: str) -> None:
    data = DIRTY[kind]
    for cut in (data[:0], data[: len(data) // 3], b"%PDF-1.7", data[:2], data[::-1]):
        with pytest.raises(InvalidImage) as caught:
            clean_image(cut, max_pixels=MAX_PIXELS)
        assert caught.value.code == refusal(cut)
    with pytest.raises(InvalidImage) as caught:
        clean_image(data, max_pixels=100)
    assert caught.value.code == "too_many_pixels"


def test_the_pieces_are_slices_of_the_data() -> None:
    data = bytearray(DIRTY["JPEG"])
    result = clean_image(data, max_pixels=MAX_PIXELS)
    slices = [piece for piece in result.pieces if isinstance(piece, memoryview)]

    assert sum(len(piece) for piece in slices) == result.size
    assert all(piece.obj is data for piece in slices)


@pytest.mark.parametrize("content", [DIRTY["JPEG"], DIRTY["JPEG"][:900], b"nothing"])
def test_a_mapped_file_can_be_closed_once_the_pieces_are_gone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        try:
            result = clean_image(mapped, max_pixels=MAX_PIXELS)
        except InvalidImage:
            pass
        else:
            assert b"".join(result.pieces) == cleaned(content)[1]
            del result
        mapped.close()


@pytest.mark.parametrize("kind", [*DIRTY, *(f"turned {name}" for name in FORMATS_WITH_EXIF)])
def test_changed_files_are_refused_or_cleaned(kind: str) -> None:
    source = DIRTY.get(kind) or oriented(kind.removeprefix("turned "), 6, gps={2: b"1234"})
    chance = random.Random(kind)
    outcomes: Counter[str] = Counter()
    for _ in range(MUTATIONS):
        data = mutated(source, chance)
        if "PNG" in kind:
            data = signed_anew(data)
        outcomes[_outcome(data)] += 1
    assert set(outcomes) <= {"refused", "same pixels", "no decoder reads it"}
    assert outcomes["refused"] > 5
    assert outcomes["refused"] < MUTATIONS


def _outcome(data: bytes) -> str:
    code = refusal(data)
    if code != "accepted":
        with pytest.raises(InvalidImage) as caught:
            clean_image(data, max_pixels=MAX_PIXELS)
        return "refused" if caught.value.code == code else "refused for another reason"
    _, once = cleaned(data)
    again, _ = cleaned(once)
    if again.changed or again.had_location:
        return "not clean"
    try:
        before = pixels(data)
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, IndexError, EOFError):
        return "no decoder reads it"
    return "same pixels" if pixels(once) == before else "other pixels"


def test_facts_are_those_of_both_files() -> None:
    result, clean = cleaned(oriented("JPEG", 6))

    assert result.facts == ImageFacts("image/jpeg", "jpg", 32, 48, orientation=6)
    assert inspect_image(clean, max_pixels=MAX_PIXELS) == result.facts
