"""The image field and what becomes of hostile names: bytes decide, the name is only shown."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile

from conftest import draw
from media_assets.fields import ImageUploadField
from media_assets.models import MediaAsset, State
from media_assets.storages import get_storage
from media_assets.tests.receiving import refusal_of_field
from media_assets.tests.stored import published

JPEG = draw()


def png(width: int, height: int) -> bytes:
    """A PNG that declares this size and holds nearly nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def gif(frames: int) -> bytes:
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * frames + b";"


@pytest.mark.parametrize(("fmt", "kind"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("GIF", "gif")])
def test_accepted_formats_keep_their_bytes_and_gain_their_facts(received: Any, fmt: str, kind: str) -> None:
    data = draw(fmt, size=(30, 20))
    file = ImageUploadField().run_validation(received("whatever.txt", data))
    assert (file.cleaned.facts.content_type, file.cleaned.facts.extension) == (f"image/{fmt.lower()}", kind)
    assert (file.cleaned.facts.width, file.cleaned.facts.height) == (30, 20)
    file.seek(0)
    assert file.read() == data


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("notes.jpg", b"just some words, and then some more of them", "not_an_image"),
        ("setup.jpg", b"MZ\x90\0" + b"\0" * 500, "unsupported_type"),
        ("tool.png", b"\x7fELF\x02\x01\x01" + b"\0" * 500, "unsupported_type"),
        ("shell.gif", b"#!/bin/sh\nrm -rf /\n", "unsupported_type"),
        ("page.jpg", b"<!doctype html><script>alert(1)</script>", "unsupported_type"),
        ("drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', "unsupported_type"),
        ("drawing.jpg", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_type"),
        ("phone.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100, "corrupt"),
        ("phone.avif", b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + b"\0" * 100, "corrupt"),
        ("scan.tif", draw("TIFF"), "unsupported_type"),
        ("old.bmp", draw("BMP"), "unsupported_type"),
        ("empty.jpg", b"", "empty"),
        ("half.jpg", JPEG[: len(JPEG) // 2], "truncated"),
        ("nearly.jpg", JPEG[:-2], "truncated"),
        ("start.jpg", b"\xff\xd8\xff", "truncated"),
        ("bomb.png", png(100_000, 100_000), "too_many_pixels"),
        ("bomb.png", png(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        ("bomb.gif", gif(10_000), "too_many_frames"),
    ],
)
def test_everything_else_is_refused_with_its_reason(received: Any, name: str, data: bytes, code: str) -> None:
    found, message = refusal_of_field(received(name, data))
    assert found == code, message
    assert message.endswith(".")


def test_a_file_that_was_read_already_is_read_from_its_start(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(JPEG)
    with (tmp_path / "a").open("rb") as file:
        file.read()
        assert ImageUploadField().run_validation(UploadedFile(file, "a.jpg", size=len(JPEG))).cleaned.facts.width == 64


@pytest.mark.parametrize("value", ["text", b"bytes", 7, ["a"], {"a": 1}, JPEG])
def test_what_is_no_file_is_refused(value: Any) -> None:
    assert refusal_of_field(value)[0] == "not_a_file"


def test_null_and_nothing_are_refused_unless_allowed() -> None:
    assert refusal_of_field(None)[0] == "null"
    assert ImageUploadField(allow_null=True).run_validation(None) is None


def test_the_size_limit_itself_is_accepted(received: Any, settings: Any) -> None:
    settings.MEDIA_MAX_SIZE_BYTES = len(JPEG)
    assert ImageUploadField().run_validation(received("a.jpg", JPEG)).size == len(JPEG)
    settings.MEDIA_MAX_SIZE_BYTES = len(JPEG) - 1
    code, message = refusal_of_field(received("a.jpg", JPEG))
    assert code == "too_large"
    assert f"{len(JPEG)} bytes" in message and f"{len(JPEG) - 1} are accepted" in message


def test_the_pixel_limit_itself_is_accepted(received: Any, settings: Any) -> None:
    settings.MEDIA_MAX_PIXELS = 64 * 48
    assert ImageUploadField().run_validation(received("a.jpg", JPEG)).cleaned.facts.width == 64
    settings.MEDIA_MAX_PIXELS -= 1
    assert refusal_of_field(received("a.jpg", JPEG))[0] == "too_many_pixels"


def test_ten_megabytes_are_the_limit_and_one_byte_more_is_not_read(settings: Any) -> None:
    assert settings.MEDIA_MAX_SIZE_BYTES == 10 * 1024 * 1024

    class Unread(io.BytesIO):
        def read(self, *args: Any) -> bytes:
            raise AssertionError("read")

        getvalue = read  # type: ignore[assignment]

    size = settings.MEDIA_MAX_SIZE_BYTES + 1
    assert refusal_of_field(InMemoryUploadedFile(Unread(), None, "a.jpg", None, size, None))[0] == "too_large"


@pytest.mark.parametrize("visibility", ["public", "private"])
@pytest.mark.parametrize(
    ("name", "key", "shown"),
    [
        ("../../../evil.jpg", "pictures/evil.jpg", "evil.jpg"),
        ("..\\..\\evil.jpg", "pictures/evil.jpg", "evil.jpg"),
        ("a\0b.jpg", "pictures/ab.jpg", "ab.jpg"),
        ("x" * 300 + ".jpg", f"pictures/{'x' * 120}.jpg", None),
        ("🖼️🎨.jpg", "pictures/image.jpg", "🖼️🎨.jpg"),
        ("\u202egpj.exe", "pictures/gpj.jpg", "gpj.exe"),
        ("a.jpg.php", "pictures/a.jpg", "a.jpg.php"),
        (".htaccess", "pictures/htaccess.jpg", ".htaccess"),
        ("\u202e\u200f", "pictures/image.jpg", ""),
        ("Ünïcødé файл.jpg", "pictures/Ünïcødé_файл.jpg", "Ünïcødé файл.jpg"),
    ],
)
def test_hostile_names_end_in_safe_keys(
    db: None, received: Any, visibility: str, name: str, key: str, shown: str | None
) -> None:
    file = received("plain.jpg", JPEG)
    file._name = name  # past Django's own cleaning, which only looks at the last segment
    asset = published(file, visibility=visibility)
    assert (asset.key, asset.state) == (key, State.READY)
    assert asset.original_filename == (name[-255:] if shown is None else shown)
    storage = get_storage(asset.storage)
    assert [item.key for item in storage.list_objects()] == [key]
    assert storage.open(key).read() == JPEG


def test_the_same_name_twice_gives_two_files(db: None, photo: Any) -> None:
    first, second = published(photo("a.jpg")), published(photo("a.jpg", color="red"))
    assert first.key == "pictures/a.jpg" and second.key.startswith("pictures/a_")
    assert MediaAsset.objects.values("sha256").distinct().count() == 2
