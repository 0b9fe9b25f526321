"""The plain HTML form, and forms that were changed or have expired."""

import base64
from pathlib import Path
from typing import Any

import pytest
from django.template import Context, Engine
from playwright.sync_api import Browser, Page, Route, expect

from browser.conftest import HASTY_FORM_SECONDS, Account
from browser.site import Site

# As seed documentation prints it.
DOCUMENTED_FORM = """
<form action="{{ form_url }}" method="post" enctype="multipart/form-data">
    {% for name, value in form_fields.items %}
    <input type="hidden" name="{{ name }}" value="{{ value }}">
    {% endfor %}
    <input type="file" name="file">
    <button type="submit">Upload</button>
</form>
"""
ANYTHING_GOES = base64.b64encode(b'{"expiration": "2099-01-01T00:00:00Z", "conditions": []}').decode()
NO_NEW_FORM = """
document.querySelector("#plain input[type=file]")
  .addEventListener("change", (event) => event.stopImmediatePropagation(), true)
"""


def prepare(page: Page, photo: Path) -> None:
    """Choose a file in the plain form and wait for its fields."""
    page.locator("#plain input[type=file]").set_input_files(str(photo))
    expect(page.locator("#plain-status")).to_contain_text("Ready")


def set_field(page: Page, name: str, value: str) -> None:
    page.locator(f"#plain input[name='{name}']").evaluate("(input, value) => { input.value = value }", value)


def send(page: Page) -> None:
    page.locator("#plain-send").click()


def test_the_documented_form_uploads_from_a_page_without_any_script(
    browser: Browser, site: Site, account: Account, photos: list[Path]
) -> None:
    given = {"original_filename": photos[0].name, "content_type": "image/jpeg"}
    answer = account.api.post("/api/uploads/", data=given)
    assert answer.status == 201, answer.text()
    created = answer.json()
    html = Engine().from_string(DOCUMENTED_FORM).render(Context(created))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.set_content(html)
    page.locator("input[type=file]").set_input_files(str(photos[0]))
    with page.expect_response(lambda response: response.request.method == "POST") as posted:
        page.get_by_role("button", name="Upload").click()
    assert posted.value.status in (201, 204)
    context.close()
    done = account.api.post(f"/api/uploads/{created['upload_id']}/complete/")
    assert (done.status, done.json()["status"]) == (200, "complete")
    assert done.json()["size"] == photos[0].stat().st_size


def test_the_plain_form_without_leaving_the_page(page: Page, account: Account, photos: list[Path]) -> None:
    prepare(page, photos[1])
    send(page)
    expect(page.locator("#plain-status")).to_have_text(f"{photos[1].name} is uploaded.")
    expect(page.locator("#plain-list")).to_contain_text("1200 × 900")
    assert [upload["status"] for upload in account.uploads()] == ["complete"]


def test_the_plain_form_submitted_by_the_browser(page: Page, account: Account, photos: list[Path]) -> None:
    prepare(page, photos[2])
    with page.expect_popup() as opened:
        page.get_by_role("button", name="Submit as a browser does").click()
    opened.value.wait_for_load_state()
    expect(opened.value.locator("body")).to_contain_text("PostResponse")
    page.get_by_role("button", name="Complete").click()
    expect(page.locator("#plain-status")).to_have_text(f"{photos[2].name} is uploaded.")
    assert [upload["status"] for upload in account.uploads()] == ["complete"]


def test_complete_before_the_bytes_is_told(page: Page, photos: list[Path]) -> None:
    prepare(page, photos[0])
    page.locator("#plain-complete").evaluate("(button) => { button.hidden = false }")
    page.get_by_role("button", name="Complete").click()
    expect(page.locator("#plain-status.problem")).to_contain_text("The file has not arrived")


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("key", "staging/elsewhere/evil.jpg", "stored under another name than permitted"),
        ("Content-Type", "text/html", "sent as another type than permitted"),
        (
            "policy",
            "eyJleHBpcmF0aW9uIjogIjIwOTktMDEtMDFUMDA6MDA6MDBaIiwgImNvbmRpdGlvbnMiOiBbXX0=",
            "not what was permitted",
        ),
        ("x-amz-signature", "0" * 64, "not what was permitted"),
    ],
)
def test_a_changed_form_is_refused_in_plain_words(
    page: Page, account: Account, photos: list[Path], field: str, value: str, sentence: str
) -> None:
    prepare(page, photos[0])
    set_field(page, field, value)
    send(page)
    expect(page.locator("#plain-status.problem")).to_contain_text(sentence)
    assert not account.uploads("complete")


@pytest.mark.parametrize(
    ("extra", "sentence"), [(1, "larger than permitted"), (-1, "smaller than was declared")], ids=["larger", "smaller"]
)
def test_a_file_of_another_size_is_refused_in_plain_words(
    page: Page, account: Account, photos: list[Path], tmp_path: Path, extra: int, sentence: str
) -> None:
    whole = photos[0].read_bytes()
    changed = tmp_path / "changed.jpg"
    changed.write_bytes(whole + b"\0" if extra > 0 else whole[:-1])
    prepare(page, photos[0])
    page.evaluate(NO_NEW_FORM)
    page.locator("#plain input[type=file]").set_input_files(str(changed))
    send(page)
    expect(page.locator("#plain-status.problem")).to_contain_text(sentence)
    assert not account.uploads("complete")


def test_a_form_changed_under_uppy_is_refused_at_the_file(page: Page, account: Account, photos: list[Path]) -> None:
    def tamper(route: Route) -> None:
        answer = route.fetch()
        body: dict[str, Any] = answer.json()
        body["fields"]["key"] += ".html"
        route.fulfill(response=answer, json=body)

    page.route("**/api/uploads/s3/params**", tamper)
    page.locator("#files").set_input_files(str(photos[0]))
    row = page.locator("#list .row")
    expect(row).to_contain_text("stored under another name than permitted")
    page.unroute("**/api/uploads/s3/params**")
    row.get_by_role("button", name="Retry").click()
    expect(row).to_contain_text("Uploaded")
    assert len(account.uploads("complete")) == 1


@pytest.mark.hasty
def test_an_expired_form_is_told(page: Page, account: Account, photos: list[Path]) -> None:
    prepare(page, photos[0])
    page.wait_for_timeout(1000 * HASTY_FORM_SECONDS + 1500)
    send(page)
    expect(page.locator("#plain-status.problem")).to_contain_text("The permission to send this file has expired")
    assert [upload["status"] for upload in account.uploads()] == ["expired"]


@pytest.mark.hasty
def test_uppy_tells_that_its_form_expired_and_a_retry_gets_a_fresh_one(
    page: Page, account: Account, photos: list[Path]
) -> None:
    def linger(route: Route) -> None:
        answer = route.fetch()
        page.wait_for_timeout(1000 * HASTY_FORM_SECONDS + 1500)
        route.fulfill(response=answer)

    page.route("**/api/uploads/s3/params**", linger)
    page.locator("#files").set_input_files(str(photos[0]))
    row = page.locator("#list .row")
    expect(row).to_contain_text("The permission to send this file has expired", timeout=30_000)
    page.unroute("**/api/uploads/s3/params**")
    row.get_by_role("button", name="Retry").click()
    expect(row).to_contain_text("Uploaded")
    assert len(account.uploads("complete")) == 1
