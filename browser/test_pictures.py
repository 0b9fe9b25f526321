"""Photos as cameras and phones store them: original and variants are shown upright, and say nothing else."""

import html
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
from PIL import Image
from playwright.sync_api import APIRequestContext, Browser, Playwright, Response

from browser.conftest import Account
from media_assets.tests.heif import STORED, phone_exif
from media_assets.tests.pictures import PHOTOS

ORIENTATION, GPS = 0x0112, 0x8825  # Exif tags
SIZE, WIDTHS = (1240, 930), [320, 800]  # upright, and the site's widths below it
QUADRANTS = [(200, 30, 30), (30, 160, 30), (30, 30, 200), (220, 200, 40)]  # the upper two first, from left to right
TOLERANCE = 20  # of 255: a phone's colours are wider than the screen's
MEASURE = """
async () => {
  const images = [...document.images];
  await Promise.all(images.map((image) => image.decode()));
  return images.map((image) => {
    const {left, top, right, bottom} = image.getBoundingClientRect();
    const size = [image.naturalWidth, image.naturalHeight];
    return {url: image.currentSrc, size, box: [left, top, right, bottom]};
  });
}
"""
Colours = list[tuple[int, ...]]
Send = Callable[[Account, APIRequestContext, bytes, str], tuple[str, Any]]


@dataclass(frozen=True)
class Shown:
    url: str  # which the browser chose
    size: tuple[int, int]  # as the browser has it
    colours: Colours  # on the screen
    tags: set[int]  # of the Exif block that came


@pytest.fixture
def stranger(playwright: Playwright) -> Iterator[APIRequestContext]:
    """Requests of somebody who is not signed in."""
    api = playwright.request.new_context()
    yield api
    api.dispose()


def drawn(orientation: int, file_format: str) -> bytes:
    """Four quadrants as a camera held that way stores them, with the place where it was."""
    picture = Image.new("RGB", (2, 2))
    picture.putdata(QUADRANTS)
    picture = picture.resize(SIZE, Image.Resampling.NEAREST)
    if orientation in STORED:
        picture = picture.transpose(STORED[orientation])
    exif, out = phone_exif(orientation), io.BytesIO()
    if file_format == "HEIF":
        pillow_heif.encode("RGB", picture.size, picture.tobytes(), out, quality=90, exif=exif)
    else:
        picture.save(out, file_format, exif=exif)
    return out.getvalue()


def as_artwork(account: Account, stranger: APIRequestContext, data: bytes, content_type: str) -> tuple[str, Any]:
    """Through the API, public: URL of the original, and ``media``."""
    file = {"name": "photo", "mimeType": content_type, "buffer": data}
    answer = account.api.post("/api/artworks/", multipart={"title": "a photo", "image": file})
    assert answer.ok, answer.text()
    artwork = account.api.get(f"/api/artworks/{answer.json()['id']}/").json()
    return artwork["image_display_url"], artwork["media"]


def as_direct_upload(account: Account, stranger: APIRequestContext, data: bytes, content_type: str) -> tuple[str, Any]:
    """Straight to the storage, private: URL of the original, and ``media``."""
    upload = account.api.post("/api/uploads/", data={"original_filename": "photo", "content_type": content_type}).json()
    file = {"name": "photo", "mimeType": content_type, "buffer": data}
    sent = stranger.post(upload["form_url"], multipart={**upload["form_fields"], "file": file})
    assert sent.ok, sent.text()
    done = account.api.post(f"/api/uploads/{upload['upload_id']}/complete/")
    assert done.ok, done.text()
    answer = account.api.post("/api/images/upload/", data={"title": "a photo", "upload_id": upload["upload_id"]})
    assert answer.ok, answer.text()
    image = account.api.get(f"/api/images/{answer.json()['id']}/").json()
    return image["image_url"], image["media"]


def show(browser: Browser, pictures: list[tuple[str, Any]]) -> list[Shown]:
    """On a page of another site: each original, followed by its variants as the browser chooses them."""
    images = []
    for url, media in pictures:
        srcset = html.escape(", ".join(f"{one['url']} {one['width']}w" for one in media["variants"]))
        images.append(f'<img src="{html.escape(url)}">')
        images += [f'<img srcset="{srcset}" sizes="{one["width"]}px">' for one in media["variants"]]
    came: dict[str, Response] = {}
    with browser.new_page() as page:
        page.on("response", lambda response: came.update({response.url: response}))
        page.set_content("<style>img {width: 200px; height: auto}</style>" + "".join(images))
        found = page.evaluate(MEASURE)
        screen = Image.open(io.BytesIO(page.screenshot(full_page=True)))
        return [
            Shown(
                one["url"],
                tuple(one["size"]),
                colours(screen.crop([round(edge) for edge in one["box"]])),
                tags(came[one["url"]].body()),
            )
            for one in found
        ]


def colours(picture: Image.Image) -> Colours:
    """Of the four quadrants, each on average."""
    small = picture.convert("RGB").resize((2, 2), Image.Resampling.BOX)
    return [small.getpixel((x, y)) for y in (0, 1) for x in (0, 1)]


def tags(data: bytes) -> set[int]:
    with Image.open(io.BytesIO(data)) as picture:
        return set(picture.getexif())


def assert_upright(browser: Browser, pictures: list[tuple[str, Any]], size: tuple[int, int], wanted: Colours) -> None:
    """Originals and variants, as seen; none says more than how it lies."""
    expected = []
    for url, media in pictures:
        expected += [(url, size), *((one["url"], (one["width"], one["height"])) for one in media["variants"])]
    shown = show(browser, pictures)
    assert [(one.url, one.size) for one in shown] == expected
    for one in shown:
        off = [
            abs(a - b) for seen, was in zip(one.colours, wanted, strict=True) for a, b in zip(seen, was, strict=True)
        ]
        assert max(off) <= TOLERANCE, one
        assert one.tags <= {ORIENTATION}, one


@pytest.mark.parametrize(
    ("send", "file_format"),
    [
        (as_artwork, "JPEG"),
        (as_direct_upload, "JPEG"),
        (as_artwork, "PNG"),
        (as_artwork, "WEBP"),
        (as_direct_upload, "WEBP"),
    ],
)
def test_each_orientation_is_shown_upright(
    browser: Browser, account: Account, stranger: APIRequestContext, send: Send, file_format: str
) -> None:
    photos = [drawn(orientation, file_format) for orientation in (1, *STORED)]
    assert all({ORIENTATION, GPS} <= tags(photo) for photo in photos)
    sent = [send(account, stranger, photo, f"image/{file_format.lower()}") for photo in photos]
    assert all([one["width"] for one in media["variants"]] == WIDTHS for _, media in sent)
    assert_upright(browser, sent, SIZE, QUADRANTS)


@pytest.mark.parametrize(
    ("send", "path"),
    [(as_artwork, None), (as_direct_upload, None), *((as_direct_upload, path) for path in PHOTOS.glob("*.heic"))],
    ids=lambda value: getattr(value, "stem", None),
)
def test_heic_is_shown_upright(
    browser: Browser, account: Account, stranger: APIRequestContext, send: Send, path: Path | None
) -> None:
    """One drawn here and, where a folder of them is at hand, a phone's own."""
    photo = path.read_bytes() if path else drawn(6, "HEIF")
    upright = pillow_heif.open_heif(photo).to_pillow()
    assert path or GPS in upright.getexif()
    url, media = send(account, stranger, photo, "image/heic")
    assert media["variants"]
    assert_upright(browser, [(url, media)], upright.size, colours(upright))
