"""What a staged object is, against what was declared."""

import gzip
import io
import zipfile

import pytest

from media_assets.imaging import inspect_image
from media_assets.tests.pictures import MAX_PIXELS, animated, drawn, encoded, exif_block
from media_assets.tests.test_png import DATA, END, SIGNATURE
from media_assets.tests.test_png import _chunk as png_chunk
from media_assets.tests.test_png import _header as png_header
from media_assets.uploads.content import Content, ContentRefused, check_content, is_allowed_type, is_image_type

IMAGES = {
    "image/jpeg": encoded(drawn(), "JPEG", exif=exif_block(6)),
    "image/png": encoded(drawn("RGBA"), "PNG"),
    "image/webp": encoded(drawn(), "WEBP"),
    "image/gif": animated("GIF"),
}


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", "<x/>")
    return file.getvalue()


def _box(brand: bytes) -> bytes:
    return b"\x00\x00\x00\x18ftyp" + brand + b"\x00\x00\x00\x00" + brand + b"isom" + bytes(40)


OTHERS = {
    "application/pdf": b"\n%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
    "application/zip": _zip(),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": _zip(),
    "application/vnd.oasis.opendocument.text": _zip(),
    "application/epub+zip": _zip(),
    "application/gzip": gzip.compress(b"data"),
    "video/mp4": _box(b"mp42"),
    "video/quicktime": b"\x00\x00\x00\x08wide\x00\x00\x01\x00mdat",
    "audio/x-m4a": _box(b"M4A "),
    "video/webm": b"\x1a\x45\xdf\xa3" + bytes(30),
    "audio/ogg": b"OggS" + bytes(30),
    "audio/wav": b"RIFF\x24\x00\x00\x00WAVEfmt ",
    "video/x-msvideo": b"RIFF\x24\x00\x00\x00AVI LIST",
    "audio/mpeg": b"\x00\x00\xff\xfb\x90\x64" + bytes(30),
    "audio/flac": b"fLaC" + bytes(30),
    "image/tiff": encoded(drawn(), "TIFF"),
    "image/bmp": encoded(drawn(), "BMP"),
    "text/csv": "ID3,name\n1,Zo\u00eb\n".encode(),
    "application/json": b'{"a": 1}',
    "image/svg+xml": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "application/ld+json": b"{}",
}


def _check(data: bytes, declared: str, filename: str = "name", max_pixels: int = MAX_PIXELS) -> Content:
    return check_content(
        lambda start, length: data[start : start + length],
        len(data),
        declared_type=declared,
        filename=filename,
        max_pixels=max_pixels,
    )


def _refusal(data: bytes, declared: str, max_pixels: int = MAX_PIXELS) -> str:
    try:
        _check(data, declared, max_pixels=max_pixels)
    except ContentRefused as refusal:
        assert refusal.message.endswith("."), refusal.message
        assert str(refusal) == refusal.message
        return refusal.code
    return "accepted"


@pytest.mark.parametrize("declared", IMAGES)
def test_an_image_is_what_its_bytes_say(declared: str) -> None:
    facts = inspect_image(IMAGES[declared], max_pixels=MAX_PIXELS)

    content = _check(IMAGES[declared], declared.upper(), "evil.php")

    assert content == Content(declared, facts.extension, facts)


def test_other_names_of_jpeg_mean_jpeg() -> None:
    assert _check(IMAGES["image/jpeg"], "image/jpg").content_type == "image/jpeg"
    assert _check(IMAGES["image/jpeg"], "image/pjpeg").content_type == "image/jpeg"
    assert _refusal(IMAGES["image/png"], "image/jpg") == "type_mismatch"


@pytest.mark.parametrize("declared", [*IMAGES, *OTHERS, "application/octet-stream", "model/gltf-binary"])
def test_an_image_declared_as_something_else_is_refused(declared: str) -> None:
    for actual, data in IMAGES.items():
        assert _refusal(data, declared) == ("accepted" if actual == declared else "type_mismatch")


@pytest.mark.parametrize("declared", IMAGES)
def test_a_broken_image_is_refused_with_its_own_code(declared: str) -> None:
    data = IMAGES[declared]

    assert _refusal(data[: len(data) // 2], declared) == "truncated"
    assert _refusal(data, declared, max_pixels=100) == "too_many_pixels"
    assert _refusal(b"%PDF-1.7", declared) == "unsupported_type"
    assert _refusal(b"no picture", declared) == "not_an_image"
    assert _refusal(b"", declared) == "empty"


def test_a_broken_checksum_is_corrupt() -> None:
    data = SIGNATURE + png_header() + DATA + END
    assert _refusal(data, "image/png") == "accepted"
    assert _refusal(data[:20] + b"\x01" + data[21:], "image/png") == "corrupt"


def test_the_refusal_names_both_types() -> None:
    with pytest.raises(ContentRefused, match=r"declared as image/png but is: image/jpeg\. Send"):
        _check(IMAGES["image/jpeg"], "image/png")
    with pytest.raises(ContentRefused, match=r"declared as application/pdf but is: ZIP archive"):
        _check(_zip(), "application/pdf")
    with pytest.raises(ContentRefused, match=r"declared as video/mp4, but its bytes are something else\."):
        _check(b"what", "video/mp4")


@pytest.mark.parametrize("declared", OTHERS)
def test_other_types_are_accepted_when_they_look_like_it(declared: str) -> None:
    assert _check(OTHERS[declared], declared.upper(), "A.b.EXT") == Content(declared, "ext", None)


@pytest.mark.parametrize("declared", OTHERS)
def test_other_types_are_refused_when_they_do_not(declared: str) -> None:
    program = b"\x7fELF\x02\x01\x01" + bytes(100)

    assert _refusal(program, declared) == "type_mismatch"
    assert _refusal(b"", declared) == "empty"


@pytest.mark.parametrize(
    ("declared", "data", "code"),
    [
        ("application/octet-stream", OTHERS["application/pdf"], "accepted"),
        ("application/x-own-format", bytes(100), "accepted"),
        ("application/vnd.ms-excel", b"a;b\n1;2\n", "accepted"),
        ("video/x-flv", b"FLV\x01" + bytes(10), "accepted"),
        ("video/x-flv", b"%PDF-1.7", "type_mismatch"),
        ("font/woff2", _zip(), "type_mismatch"),
        ("audio/mpeg", OTHERS["audio/flac"], "type_mismatch"),
        ("audio/mpeg", b"\xff\xf1\x50\x80", "type_mismatch"),
        ("video/mp4", _box(b"heic"), "type_mismatch"),
        ("image/heic", _box(b"isom"), "unsupported_type"),
        ("image/heic", _box(b"heic"), "corrupt"),
        ("application/zip", b"PK\x05\x06" + bytes(18), "accepted"),
        (
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100),
            "accepted",
        ),
        ("text/plain", "na\u00efve".encode("latin-1"), "accepted"),
        ("text/plain", "na\u00efve".encode("utf-16"), "accepted"),
        ("text/plain", "na\u00efve".encode("utf-32"), "accepted"),
        ("text/plain", "\U0001f600".encode("utf-16") * 3_000, "accepted"),
        ("text/plain", b"\xff\xfe\x00\xdc\x00\xdc", "type_mismatch"),
        ("text/plain", b"a" * 4_095 + b"\x00", "type_mismatch"),
        ("text/plain", b"a" * 4_096 + b"\x00", "accepted"),
        ("text/plain", b"%PDF-1.7", "type_mismatch"),
    ],
)
def test_contradictions(declared: str, data: bytes, code: str) -> None:
    assert _refusal(data, declared) == code


@pytest.mark.parametrize(
    ("filename", "extension"), [("a.PDF", "pdf"), ("a", "bin"), ("", "bin"), ("a.p/f", "bin"), ("a." + "x" * 11, "bin")]
)
def test_the_extension_is_the_file_names(filename: str, extension: str) -> None:
    assert _check(b"anything", "application/x-thing", filename).extension == extension


@pytest.mark.parametrize(
    ("content_type", "allowed", "answer"),
    [
        ("image/jpeg", ["image/jpeg"], True),
        (" IMAGE/JPEG ", ["image/Jpeg"], True),
        ("image/jpg", ["image/jpeg"], True),
        ("image/jpeg", ["image/jpg"], True),
        ("image/jpegx", ["image/jpeg"], False),
        ("video/mp4", ["image/jpeg", "VIDEO/*"], True),
        ("videos/mp4", ["video/*"], False),
        ("application/pdf", ["*/*"], True),
        ("application/pdf", [], False),
        ("text/plain; charset=utf-8", ["text/*", "*/*"], False),
        ("text/plain;charset=utf-8", ["text/plain;charset=utf-8"], False),
        ("video/*", ["video/*", "*/*"], False),
        ("*/*", ["*/*"], False),
        ("pdf", ["*/*"], False),
        ("", ["*/*"], False),
        ("a/b/c", ["*/*"], False),
        ("text/x\n", ["text/x"], True),
        ("text/x\ny", ["*/*"], False),
        ("image/svg+xml", ["image/*"], True),
    ],
)
def test_allowed_types(content_type: str, allowed: list[str], answer: bool) -> None:
    assert is_allowed_type(content_type, allowed) is answer


def test_image_types_are_the_accepted_ones() -> None:
    assert all(is_image_type(name) for name in (*IMAGES, "IMAGE/JPEG", "image/jpg", "image/pjpeg", "image/heic"))
    assert not any(is_image_type(name) for name in ("image/tiff", "image/svg+xml", "image/*", "video/mp4", ""))


def _heavy(content_type: str, size: int) -> bytes:
    """A picture of about `size` bytes: real structure around picture data that nobody decodes."""
    if content_type == "image/jpeg":
        data = encoded(drawn(), "JPEG")
        return data[:-2] + b"\x11\x22\x33\x44" * (size // 4) + data[-2:]
    piece = png_chunk(b"IDAT", b"\x11" * 8_192)
    return SIGNATURE + png_header() + piece * (size // len(piece)) + END


@pytest.mark.parametrize("content_type", ["image/jpeg", "image/png"])
def test_the_work_does_not_grow_with_a_still_picture(content_type: str) -> None:
    lengths: dict[int, list[int]] = {}
    for size in (1_000_000, 20_000_000):
        data = _heavy(content_type, size)

        def read(start: int, length: int, data: bytes = data, size: int = size) -> bytes:
            lengths.setdefault(size, []).append(length)
            return data[start : start + length]

        check_content(read, len(data), declared_type=content_type, filename="", max_pixels=MAX_PIXELS)

    assert lengths == {1_000_000: [65_536, 65_536], 20_000_000: [65_536, 65_536]}
