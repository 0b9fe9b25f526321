"""Facts from a few parts of an object: those of the whole walk, from few requests."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from media_assets.imaging import ImageFacts, InvalidImage, inspect_image, ranged
from media_assets.imaging.ranged import RangedObject, inspect_ranged
from media_assets.tests.pictures import MAX_PIXELS, PHOTOS, animated, drawn, encoded, exif_block
from media_assets.tests.test_png import _chunk as png_chunk
from media_assets.tests.test_webp import _chunk as webp_chunk

LARGE = (720, 480)
METADATA = {"icc_profile": random.Random(5).randbytes(180_000)}


def _with_png_end(data: bytes, *chunks: bytes) -> bytes:
    return data[:-12] + b"".join(chunks) + data[-12:]


def _with_webp_end(data: bytes, *chunks: bytes) -> bytes:
    body = data[8:] + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def _one_data_chunk(data: bytes) -> bytes:
    """The PNG as encoders write it that put all picture data into one chunk."""
    position, before, inside = 8, b"", b""
    while data[position + 4 : position + 8] != b"IEND":
        end = position + 12 + int.from_bytes(data[position : position + 4], "big")
        if data[position + 4 : position + 8] == b"IDAT":
            inside += data[position + 8 : end - 4]
        else:
            before += data[position:end]
        position = end
    return data[:8] + before + png_chunk(b"IDAT", inside) + data[position:]


LARGE_PNG = encoded(drawn(size=LARGE), "PNG")
LARGE_WEBP = encoded(drawn(size=LARGE), "WEBP", quality=99, exif=exif_block(6))

# Each with the most requests that it may take.
STILL = {
    "jpeg": (encoded(drawn(size=LARGE), "JPEG", quality=97), 2),
    "turned jpeg": (encoded(drawn(size=LARGE), "JPEG", quality=97, exif=exif_block(6)), 2),
    "progressive jpeg": (encoded(drawn(size=LARGE), "JPEG", quality=97, progressive=True), 2),
    "jpeg with restart marks": (encoded(drawn(size=LARGE), "JPEG", quality=97, restart_marker_blocks=1), 2),
    "grey jpeg": (encoded(drawn("L", size=(1_100, 700)), "JPEG", quality=97), 2),
    "jpeg with metadata": (encoded(drawn(size=LARGE), "JPEG", quality=97, exif=exif_block(8), **METADATA), 3),
    "jpeg with a trailer": (encoded(drawn(size=LARGE), "JPEG", quality=97) + bytes(100_000), 3),
    "several pictures": (
        encoded(drawn(size=LARGE), "MPO", save_all=True, quality=97, append_images=[drawn()], exif=exif_block(3)),
        2,
    ),
    "png": (LARGE_PNG, 2),
    "turned png": (encoded(drawn("RGBA", size=LARGE), "PNG", exif=exif_block(5)), 2),
    "palette png": (encoded(drawn("P", size=(900, 700)), "PNG", transparency=4), 2),
    "png with metadata": (encoded(drawn(size=LARGE), "PNG", exif=exif_block(7), **METADATA), 3),
    "png of one data chunk": (_one_data_chunk(LARGE_PNG), 2),
    "png turned at its end": (_with_png_end(LARGE_PNG, png_chunk(b"eXIf", exif_block(6)[6:])), 2),
    "one data chunk, turned at its end": (
        _with_png_end(_one_data_chunk(LARGE_PNG), png_chunk(b"eXIf", exif_block(6)), png_chunk(b"tEXt", bytes(90_000))),
        3,
    ),
    "webp": (encoded(drawn(size=LARGE), "WEBP", quality=99), 1),
    "lossless webp": (encoded(drawn("RGBA", size=LARGE), "WEBP", lossless=True), 1),
    "turned webp": (LARGE_WEBP, 2),
    "turned lossless webp": (encoded(drawn(size=LARGE), "WEBP", lossless=True, exif=exif_block(8)), 2),
    "webp with metadata": (
        encoded(drawn("RGBA", size=LARGE), "WEBP", quality=99, exif=exif_block(5), **METADATA, xmp=bytes(90_000)),
        5,
    ),
    "webp of some chunks": (_with_webp_end(LARGE_WEBP, *[webp_chunk(b"ABCD", bytes(9))] * 40), 2),
}  # fmt: skip
WALKED = {
    "gif": encoded(drawn("P", size=(800, 600)), "GIF"),
    "animated gif": encoded(
        drawn("P", size=(500, 400)), "GIF", save_all=True, append_images=[drawn("P", (500, 400), seed=2)]
    ),
    "animated png": encoded(
        drawn(size=(400, 300)), "PNG", save_all=True, append_images=[drawn(size=(400, 300), seed=2)]
    ),
    "animated webp": encoded(
        drawn(size=(400, 400)), "WEBP", save_all=True, lossless=True, append_images=[drawn(size=(400, 400), seed=2)]
    ),
    "webp of many chunks": _with_webp_end(LARGE_WEBP, *[webp_chunk(b"ABCD", bytes(9))] * 100),
    "jpeg with a long trailer": STILL["jpeg"][0] + bytes(1_100_000),
    "png of a giant last chunk": _with_png_end(LARGE_PNG, png_chunk(b"tEXt", bytes(1_100_000))),
    "jpeg whose head is long": STILL["jpeg"][0][:2]
    + b"".join(b"\xff\xe2\xff\xff" + bytes(65_533) for _ in range(17))
    + STILL["jpeg"][0][2:],
}


class Counted:
    """An object in memory that counts what is read of it."""

    def __init__(self, data: bytes) -> None:
        self.data, self.requests, self.bytes_read = data, 0, 0

    def __call__(self, start: int, length: int) -> bytes:
        assert 0 <= start < len(self.data) and length > 0
        self.requests += 1
        self.bytes_read += length
        return self.data[start : start + length]

    def inspect(self, max_pixels: int = MAX_PIXELS) -> ImageFacts:
        return inspect_ranged(RangedObject(self, len(self.data)), max_pixels=max_pixels)


def _verdict(data: bytes, *, whole: bool = False, max_pixels: int = MAX_PIXELS) -> ImageFacts | str:
    try:
        return inspect_image(data, max_pixels=max_pixels) if whole else Counted(data).inspect(max_pixels)
    except InvalidImage as refusal:
        return refusal.code


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pages so small that small pictures are read in parts too."""
    monkeypatch.setattr(ranged, "WHOLE_BYTES", 0)
    monkeypatch.setattr(ranged, "HEAD_BYTES", (256, 1_024, 4_096))
    monkeypatch.setattr(ranged, "TAIL_BYTES", (256, 2_048))


@pytest.mark.parametrize("kind", STILL)
def test_a_large_still_picture_takes_a_few_requests(kind: str) -> None:
    data, most = STILL[kind]
    assert len(data) > ranged.WHOLE_BYTES
    source = Counted(data)

    assert source.inspect() == inspect_image(data, max_pixels=MAX_PIXELS)
    assert source.requests <= most
    assert source.bytes_read < len(data) or most > 2


@pytest.mark.parametrize("kind", WALKED)
def test_what_the_ends_do_not_settle_is_walked(kind: str) -> None:
    data = WALKED[kind]
    assert len(data) > ranged.WHOLE_BYTES
    source = Counted(data)

    assert source.inspect() == inspect_image(data, max_pixels=MAX_PIXELS)
    assert source.bytes_read >= len(data)


@pytest.mark.parametrize("kind", [*STILL, *WALKED])
def test_no_cut_of_a_large_picture_is_accepted(kind: str) -> None:
    data = STILL[kind][0] if kind in STILL else WALKED[kind]
    if "trailer" in kind or "several" in kind:
        data = STILL["jpeg"][0] if "trailer" in kind else data[:200_000]
    size = len(data)

    for length in (2, 40, 70_000, size // 3, size // 2, size * 3 // 4, size - 66_000, size - 300, size - 12, size - 1):
        assert _verdict(data[:length]) in ("truncated", "not_an_image"), length


def test_a_small_object_is_read_once() -> None:
    for file_format in ("JPEG", "PNG", "WEBP", "GIF"):
        source = Counted(encoded(drawn(), file_format))
        source.inspect()
        assert (source.requests, source.bytes_read) == (1, len(source.data))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.usefixtures("small_pages")
def test_every_orientation_and_size_as_the_whole_walk(file_format: str, orientation: int) -> None:
    for size in ((1, 1), (48, 32), (33, 190)):
        for mode in ("L", "RGB") if file_format == "JPEG" else ("P", "RGB", "RGBA"):
            picture = drawn(mode, size) if file_format != "WEBP" or mode != "P" else drawn("RGB", size)
            for extra in ({}, {"icc_profile": bytes(3_000)}, {"icc_profile": bytes(9_000)}):
                data = encoded(picture, file_format, exif=exif_block(orientation), **extra)
                assert _verdict(data) == _verdict(data, whole=True) != "truncated"


SMALL = {
    "jpeg": encoded(drawn(size=(90, 60)), "JPEG", exif=exif_block(6)),
    "progressive jpeg": encoded(drawn(size=(90, 60)), "JPEG", progressive=True),
    "png": encoded(drawn(size=(90, 60)), "PNG", exif=exif_block(3)),
    "png in pieces": b"\x89PNG\r\n\x1a\n" + encoded(drawn(), "PNG")[8:33]
    + b"".join(png_chunk(b"IDAT", bytes([number]) * 50) for number in range(100))
    + png_chunk(b"eXIf", exif_block(6)) + png_chunk(b"IEND"),
    "animated png": animated("PNG"),
    "webp": encoded(drawn(size=(90, 60)), "WEBP", quality=95, exif=exif_block(8)),
    "simple webp": encoded(drawn(size=(90, 60)), "WEBP", quality=95),
    "animated webp": animated("WEBP"),
    "gif": animated("GIF"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.usefixtures("small_pages")
def test_no_cut_at_any_byte_is_accepted(kind: str) -> None:
    data = SMALL[kind]

    assert _verdict(data) == inspect_image(data, max_pixels=MAX_PIXELS)
    for length in range(1, len(data)):
        assert _verdict(data[:length]) in ("truncated", "not_an_image"), length


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.usefixtures("small_pages")
def test_damage_is_judged_as_by_the_whole_walk_or_not_seen(kind: str) -> None:
    """Whatever the whole walk accepts gives the same facts; whatever is refused from parts, it refuses too."""
    chance, data, seen = random.Random(kind), SMALL[kind], set()
    for _ in range(1_000):
        damaged = bytearray(data)
        start = chance.choice((chance.randrange(len(data)), chance.randrange(300), len(data) - chance.randrange(1, 60)))
        damaged[start : start + chance.randrange(1, 4)] = chance.randbytes(chance.randrange(4))
        whole, parts = _verdict(bytes(damaged), whole=True), _verdict(bytes(damaged))
        seen.add(type(parts))
        if isinstance(whole, ImageFacts):
            assert parts == whole
        if isinstance(parts, str):
            assert isinstance(whole, str)
    assert str in seen


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kind", SMALL)
def test_the_pixel_limit_holds(kind: str) -> None:
    facts = inspect_image(SMALL[kind], max_pixels=MAX_PIXELS)
    pixels = facts.width * facts.height * facts.frames

    assert _verdict(SMALL[kind], max_pixels=pixels) == facts
    assert _verdict(SMALL[kind], max_pixels=pixels - 1) == "too_many_pixels"


def test_the_pixel_limit_is_told_from_the_first_page() -> None:
    for kind in ("jpeg", "png", "webp", "turned webp"):
        source = Counted(STILL[kind][0])
        with pytest.raises(InvalidImage, match="720 by 480 pixels"):
            source.inspect(max_pixels=345_599)
        assert source.requests == 1


def test_an_end_mark_before_the_picture_data_is_no_end() -> None:
    """A cut photo whose last page is all metadata, with the thumbnail's end mark in it."""
    metadata = [b"\xff\xe2\xea\x62" + b"\xff\xd9" * 30_000] * 5
    jpeg = STILL["jpeg"][0]
    head = jpeg[:2] + b"".join(metadata) + jpeg[2:700]

    assert len(head) > ranged.WHOLE_BYTES
    assert _verdict(head) == "truncated"


def test_a_name_of_a_chunk_within_a_chunk_costs_little() -> None:
    decoys = png_chunk(b"tEXt", b"\x00\x00\xff\x00IDAT" * 8_000)
    data = _with_png_end(LARGE_PNG, decoys)

    assert _verdict(data) == inspect_image(data, max_pixels=MAX_PIXELS)


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"%PDF-1.7" + bytes(300_000), "unsupported_type"), (bytes(300_000), "not_an_image")],
)
def test_a_large_file_of_another_kind_is_refused_from_its_first_page(data: bytes, code: str) -> None:
    source = Counted(data)
    with pytest.raises(InvalidImage) as caught:
        source.inspect()

    assert caught.value.code == code
    assert source.requests == 1


def test_an_object_that_became_shorter_is_truncated() -> None:
    for kind in ("jpeg", "png", "turned webp"):
        data = STILL[kind][0]
        source = RangedObject(lambda start, length, cut=data[:100_000]: cut[start : start + length], len(data))
        with pytest.raises(InvalidImage) as caught:
            inspect_ranged(source, max_pixels=MAX_PIXELS)
        assert caught.value.code == "truncated"


@pytest.mark.parametrize("path", sorted(PHOTOS.glob("*")), ids=lambda path: path.name)
@pytest.mark.parametrize("pages", ["normal", "small"])
def test_photos_are_judged_as_by_the_whole_walk(path: Path, pages: str, request: pytest.FixtureRequest) -> None:
    if pages == "small":
        request.getfixturevalue("small_pages")
    data = path.read_bytes()
    whole, parts = (_verdict(data, whole=whole, max_pixels=50_000_000) for whole in (True, False))

    assert parts == whole or (path.name == "corrupted.jpg" and isinstance(parts, ImageFacts))
    if isinstance(whole, ImageFacts):
        assert isinstance(_verdict(data[: len(data) * 2 // 3], max_pixels=50_000_000), str)
        with Image.open(path) as picture:
            assert isinstance(parts, ImageFacts)
            assert {parts.width, parts.height} == set(picture.size)
