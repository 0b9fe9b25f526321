"""Uppy on the page: many files, large files, lost connections."""

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Request, expect

from browser.conftest import Account
from browser.network import Network
from browser.site import Site

MEGABYTE = 1_000_000
PART_BYTES = 8 * 1024 * 1024
SOME_ARE_HALF_WAY = """
() => [...document.querySelectorAll("#list progress")].filter((bar) => bar.value > 0 && bar.value < 100).length > 1
"""
ALL_ARE_SEEN = """
() => [...document.querySelectorAll("#list .thumb img")].filter((image) => image.naturalWidth > 0).length === 20
"""
LONG = 60_000  # milliseconds, for 60 MB on a busy machine


def row_of(page: Page, name: str) -> Locator:
    return page.locator("#list .row").filter(has_text=name)


def choose(page: Page, *files: Path) -> None:
    page.locator("#files").set_input_files([str(file) for file in files])


def wait_for_progress(row: Locator, percent: int) -> None:
    """Until the file is on its way, at this percentage at least."""
    bar = row.get_by_role("progressbar").element_handle()
    row.page.wait_for_function("([bar, least]) => bar.value >= least", arg=[bar, percent], timeout=LONG)


class SentParts:
    """The numbers of the parts that the store has taken whole, in order."""

    def __init__(self, page: Page) -> None:
        self.numbers: list[int] = []
        page.on("requestfinished", self._note)

    def _note(self, request: Request) -> None:
        if request.method == "PUT" and (answer := request.response()) and answer.ok:
            self.numbers.append(int(parse_qs(urlsplit(request.url).query)["partNumber"][0]))


def test_twenty_photos_at_once(page: Page, account: Account, photos: list[Path]) -> None:
    Network(page).slow(MEGABYTE)
    choose(page, *photos)
    bars = page.locator("#list").get_by_role("progressbar")
    expect(bars).to_have_count(20)
    page.wait_for_function(SOME_ARE_HALF_WAY)
    expect(page.get_by_text("20 of 20 uploaded")).to_be_visible(timeout=LONG)
    expect(bars).to_have_count(0)  # hidden now
    uploads = account.uploads()
    assert {upload["status"] for upload in uploads} == {"complete"}
    assert sorted(upload["original_filename"] for upload in uploads) == [photo.name for photo in photos]
    assert sorted(upload["size"] for upload in uploads) == sorted(photo.stat().st_size for photo in photos)
    page.wait_for_function(ALL_ARE_SEEN)


def test_a_result_shows_its_json_and_becomes_an_artwork_once(page: Page, account: Account, photos: list[Path]) -> None:
    choose(page, photos[0])
    row = row_of(page, photos[0].name)
    row.get_by_text("JSON", exact=True).click()
    (upload,) = account.uploads()
    assert upload["upload_id"] in row.locator("pre").inner_text()
    expect(row).to_contain_text("1200 × 900")
    row.get_by_role("button", name=f"Use {photos[0].name} as artwork").click()
    link = row.get_by_role("link")
    expect(link).to_be_visible()
    artwork = account.api.get(link.get_attribute("href") or "").json()
    assert (artwork["title"], artwork["media"]["width"]) == ("photo 01", 1200)
    assert account.uploads()[0]["attached"] is True
    again = account.api.post("/api/artworks/", data={"title": "again", "upload_id": upload["upload_id"]})
    assert (again.status, again.json()["code"]) == (409, "upload_attached")


@pytest.mark.engine("s3")
def test_parts_survive_a_cut_connection(page: Page, account: Account, large_photo: Path) -> None:
    network, parts = Network(page), SentParts(page)
    network.slow(6 * MEGABYTE)
    choose(page, large_photo)
    row = row_of(page, large_photo.name)
    wait_for_progress(row, 40)
    network.cut()
    expect(row).to_contain_text("It goes on by itself when you are online again")
    before = list(parts.numbers)
    assert before
    network.restore()
    expect(row).to_contain_text("Uploaded", timeout=LONG)
    total = -(-large_photo.stat().st_size // PART_BYTES)
    assert parts.numbers == list(range(1, total + 1)), "a part that had come was sent again"
    (upload,) = account.uploads()
    assert (upload["status"], upload["size"]) == ("complete", large_photo.stat().st_size)


@pytest.mark.engine("s3")
def test_resume_sends_only_the_missing_parts_after_the_store_was_unreachable(
    page: Page, site: Site, account: Account, large_photo: Path
) -> None:
    parts = SentParts(page)
    store = re.compile(rf"/{site.bucket}/.*partNumber=[4-9]")
    page.route(store, lambda route: route.abort("connectionreset"))
    choose(page, large_photo)
    row = row_of(page, large_photo.name)
    resume = row.get_by_role("button", name=f"Resume {large_photo.name}")
    expect(row).to_contain_text("or press Resume", timeout=LONG)
    assert parts.numbers == [1, 2, 3]
    page.unroute(store)
    resume.click()
    expect(row).to_contain_text("Uploaded", timeout=LONG)
    assert parts.numbers == list(range(1, -(-large_photo.stat().st_size // PART_BYTES) + 1))
    assert [upload["status"] for upload in account.uploads()] == ["complete"]


@pytest.mark.engine("local")
def test_one_form_goes_on_after_a_cut_connection(page: Page, account: Account, large_photo: Path) -> None:
    network = Network(page)
    network.slow(6 * MEGABYTE)
    choose(page, large_photo)
    row = row_of(page, large_photo.name)
    wait_for_progress(row, 30)
    network.cut()
    expect(row).to_contain_text("It goes on by itself when you are online again")
    network.restore()
    expect(row).to_contain_text("Uploaded", timeout=LONG)
    (upload,) = account.uploads("complete")
    assert upload["size"] == large_photo.stat().st_size


def test_pause_and_resume(page: Page, site: Site, account: Account, large_photo: Path) -> None:
    network, parts = Network(page), SentParts(page)
    network.slow(6 * MEGABYTE)
    choose(page, large_photo)
    row = row_of(page, large_photo.name)
    wait_for_progress(row, 30)
    row.get_by_role("button", name=f"Pause {large_photo.name}").click()
    expect(row).to_contain_text("Paused")
    network.restore()
    before = list(parts.numbers)
    page.wait_for_timeout(1500)
    assert parts.numbers == before
    assert not account.uploads("complete")
    row.get_by_role("button", name=f"Resume {large_photo.name}").click()
    expect(row).to_contain_text("Uploaded", timeout=LONG)
    assert len(account.uploads("complete")) == 1
    if site.engine == "s3":
        assert sorted(parts.numbers) == sorted(set(parts.numbers)), "a part that had come was sent again"


def test_cancel_leaves_nothing(page: Page, site: Site, account: Account, large_photo: Path, photos: list[Path]) -> None:
    Network(page).slow(6 * MEGABYTE)
    choose(page, large_photo, photos[0])
    row = row_of(page, large_photo.name)
    wait_for_progress(row, 15)
    row.get_by_role("button", name=f"Cancel {large_photo.name}").click()
    expect(row).to_have_count(0)
    expect(page.get_by_text("1 of 1 uploaded")).to_be_visible(timeout=LONG)
    assert [upload["original_filename"] for upload in account.uploads("complete")] == [photos[0].name]
    if site.engine == "s3":
        expect_no_parts(page, site)
        assert not account.uploads("pending")


def expect_no_parts(page: Page, site: Site) -> None:
    for _ in range(200):
        if not site.s3.list_multipart_uploads(Bucket=site.bucket).get("Uploads"):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the store still holds parts")


def test_what_the_site_does_not_take_is_told_before_anything_is_sent(
    page: Page, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "empty.jpg").touch()
    choose(page, tmp_path / "notes.txt", tmp_path / "empty.jpg")
    expect(page.locator("#refused")).to_contain_text("notes.txt: this site takes image/jpeg")
    expect(page.locator("#refused")).to_contain_text("empty.jpg: an empty file")
    assert not account.uploads()


def test_bytes_that_are_not_what_they_claim_are_refused_at_the_file(
    page: Page, account: Account, tmp_path: Path
) -> None:
    (tmp_path / "fake.jpg").write_bytes(b"<script>alert(1)</script>" * 40)
    choose(page, tmp_path / "fake.jpg")
    row = row_of(page, "fake.jpg")
    expect(row.get_by_role("button", name="Retry fake.jpg")).to_be_visible()
    (upload,) = account.uploads()
    assert upload["status"] == "rejected"
    expect(row.locator(".state")).to_have_text(upload["reason"])


def test_the_list_is_worked_by_the_keyboard(page: Page, account: Account, photos: list[Path]) -> None:
    choose(page, photos[0])
    expect(page.get_by_text("1 of 1 uploaded")).to_be_visible()
    expect(page.locator("#news")).to_have_text(f"{photos[0].name} is uploaded.")
    page.locator("#files").focus()
    for _ in range(3):  # past the buttons that rest
        page.keyboard.press("Tab")
        if "artwork" in (page.evaluate("document.activeElement.ariaLabel") or ""):
            break
    page.keyboard.press("Enter")
    expect(row_of(page, photos[0].name).get_by_role("link")).to_be_visible()
    assert account.uploads()[0]["attached"] is True
