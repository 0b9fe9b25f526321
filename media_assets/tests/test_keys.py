"""Names of objects: what a client called its file never decides where it goes."""

import random
import re
from itertools import islice

import pytest

from media_assets.keys import (
    display_filename,
    filename_extension,
    is_safe_key,
    key_candidates,
    object_filename,
    safe_filename,
)

RTL, ZWJ = "\u202e", "\u200d"


@pytest.mark.parametrize(
    ("filename", "shown", "stored"),
    [
        ("Sea View.jpg", "Sea View.jpg", "Sea_View.jpg"),
        ("IMG_1.JPG", "IMG_1.JPG", "IMG_1.jpg"),
        ("photo.jpeg", "photo.jpeg", "photo.jpeg"),
        ("photo", "photo", "photo.jpg"),
        ("photo.png", "photo.png", "photo.jpg"),
        ("a.jpg.php", "a.jpg.php", "a.jpg"),
        ("a.PNG.exe", "a.PNG.exe", "a.jpg"),
        ("v1.2 final.jpg", "v1.2 final.jpg", "v1.2_final.jpg"),
        ("report.2024", "report.2024", "report.2024.jpg"),
        (".htaccess", ".htaccess", "htaccess.jpg"),
        (".jpg", ".jpg", "image.jpg"),
        ("..", "..", "image.jpg"),
        ("", "", "image.jpg"),
        ("   ", "", "image.jpg"),
        ("___---...", "___---...", "image.jpg"),
        ("../../etc/passwd", "passwd", "passwd.jpg"),
        ("C:\\fakepath\\photo.jpg", "photo.jpg", "photo.jpg"),
        ("dir/", "", "image.jpg"),
        ("a\0b.jpg", "ab.jpg", "ab.jpg"),
        ("a\r\nX-Evil: 1.jpg", "aX-Evil: 1.jpg", "aX-Evil_1.jpg"),
        (f"{RTL}gpj.exe", "gpj.exe", "gpj.jpg"),
        ("lone\udcff.jpg", "lone.jpg", "lone.jpg"),
        ("🖼️.jpg", "🖼️.jpg", "image.jpg"),
        (f"👩{ZWJ}🎨 art.jpg", f"👩{ZWJ}🎨 art.jpg", "art.jpg"),
        ("Cafe\u0301.jpg", "Café.jpg", "Café.jpg"),
        ("файл.jpg", "файл.jpg", "файл.jpg"),
        ("a%2e%2e%2fb.jpg", "a%2e%2e%2fb.jpg", "a_2e_2e_2fb.jpg"),
        ("\"<script>&'.jpg", "\"<script>&'.jpg", "script.jpg"),
        ("a" * 300 + ".jpg", "a" * 251 + ".jpg", "a" * 120 + ".jpg"),
        ("é" * 100 + ".jpg", "é" * 100 + ".jpg", "é" * 60 + ".jpg"),
        ("🖼" * 300 + ".jpg", "🖼" * 251 + ".jpg", "image.jpg"),
    ],
)
def test_names(filename: str, shown: str, stored: str) -> None:
    assert display_filename(filename) == shown
    assert object_filename(filename, "jpg") == stored


@pytest.mark.parametrize(
    ("filename", "extension", "stored"),
    [("a.jpg", "png", "a.png"), ("a.JPEG", "jpg", "a.jpeg"), ("a.gif", "webp", "a.webp"), ("a.GIF", "gif", "a.gif")],
)
def test_the_extension_follows_the_bytes(filename: str, extension: str, stored: str) -> None:
    assert object_filename(filename, extension) == stored


def test_no_name_at_all_leads_to_an_unsafe_key() -> None:
    source = random.Random(1)
    odd = [RTL, ZWJ, "é", "ß", "漢", "🖼", "\udcff", "\u2028", "\u0301", "jpg"]
    letters = [*"aZ09._-/\\ \0\n\r\t%:;\"'*?<>|~#&+", *odd]
    for _ in range(3000):
        name = "".join(source.choices(letters, k=source.randrange(60)))
        stored, shown = object_filename(name, "jpg"), display_filename(name)
        other = safe_filename(name, filename_extension(name))
        assert is_safe_key(f"folder/{other}") and re.search(r"[^.]\.[a-z0-9]{1,10}$", other), name
        assert other.isprintable() and not set(other) & set(" /\\\0\n\r\"'%?#&;:<>") and len(other.encode()) < 136, name
        assert is_safe_key(f"folder/{stored}"), name
        assert stored.endswith((".jpg", ".jpeg")) and len(stored.encode()) <= 130, name
        assert not set(stored) & set(" /\\\0\n\r\"'%?#&;:<>") and stored.isprintable(), name
        assert len(shown) <= 255 and not set(shown) & set("/\\\0\n\r" + RTL), name
        shown.encode()


@pytest.mark.parametrize(
    ("filename", "stored"),
    [
        ("Price List.PDF", "Price_List.pdf"),
        ("a.php.pdf", "a_php.pdf"),
        ("a.pdf.php", "a_pdf.php"),
        ("a.html.php5.pdf", "a_html_php5.pdf"),
        ("v1.2 final.pdf", "v1.2_final.pdf"),
        ("report.2024.docx", "report.2024.docx"),
        ("backup.tar.gz", "backup.tar.gz"),
        ("back.php.TAR.xz", "back_php.tar.xz"),
        (".tar.gz", "file.tar.gz"),
        ("clip.jpeg.mp4", "clip_jpeg.mp4"),
        ("photo.jpg", "photo.jpg"),
        ("README", "README.bin"),
        (".htaccess", "file.htaccess"),
        (".env.", "env.bin"),
        ("..", "file.bin"),
        ("", "file.bin"),
        ("../../etc/cron.d", "cron.d"),
        ("C:\\fakepath\\film.mov", "film.mov"),
        ("a\0b\r\n.txt", "ab.txt"),
        (f"{RTL}fdp.exe", "fdp.exe"),
        ("a.verylongextension", "a_verylongextension.bin"),
        ("a.p\u0434f", "a_p\u0434f.bin"),
        ("a" * 300 + ".mp4", "a" * 120 + ".mp4"),
        ("\u00e9" * 100 + ".mp4", "\u00e9" * 60 + ".mp4"),
    ],
)
def test_names_of_any_type(filename: str, stored: str) -> None:
    assert safe_filename(filename, filename_extension(filename)) == stored


def test_an_image_is_named_by_its_bytes() -> None:
    assert safe_filename("a.php.PNG", "jpg") == object_filename("a.php.PNG", "jpg")


@pytest.mark.parametrize("extension", ["", ".", "../x", "a/b", "Php.", "a b", "x" * 11])
def test_an_extension_is_checked_again(extension: str) -> None:
    assert safe_filename("name", extension) == "name.bin"


def test_candidates_begin_with_the_plain_name_and_never_end() -> None:
    first, *others = islice(key_candidates("ads/ad_1", "v1.2.jpg"), 50)
    assert first == "ads/ad_1/v1.2.jpg"
    assert len(set(others)) == 49
    assert all(re.fullmatch(r"ads/ad_1/v1\.2_[A-Za-z0-9]{6}\.jpg", key) for key in others)


@pytest.mark.parametrize("key", ["a", "a/b.jpg", "a b/ü.jpg", "a/b..jpg", "a.b/c", "%2e%2e/a", "~/a"])
def test_safe_keys(key: str) -> None:
    assert is_safe_key(key)


@pytest.mark.parametrize(
    "key", ["", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/..", "a/../b", "a/.b", ".incoming/x", "a\\b", "a\0"]
)
def test_unsafe_keys(key: str) -> None:
    assert not is_safe_key(key)
