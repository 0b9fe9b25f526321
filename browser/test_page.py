"""The page itself: signing in, what it says, and that it needs nothing from elsewhere."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from browser.conftest import PASSWORD, Account
from browser.site import PROJECT, Site

SOURCES = PROJECT / "media_assets/static/media_assets/uploads"


def test_a_wrong_password_is_told_and_nothing_can_be_chosen(visitor: Page, account: Account) -> None:
    visitor.get_by_label("E-mail").fill(account.email)
    visitor.get_by_label("Password").fill("wrong")
    visitor.get_by_role("button", name="Sign in").click()
    expect(visitor.get_by_role("alert").filter(visible=True)).to_have_text(
        "No active account found with the given credentials"
    )
    expect(visitor.locator("#files")).to_be_disabled()


def test_signing_in_lasts_for_the_tab_and_ends_by_signing_out(page: Page, account: Account) -> None:
    page.reload()
    expect(page.get_by_text(f"Signed in as {account.email}")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.reload()
    expect(page.get_by_label("E-mail")).to_be_visible()
    assert PASSWORD not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")


def test_an_ended_session_is_told_at_the_file(page: Page, photos: list[Path]) -> None:
    page.evaluate("sessionStorage.setItem('vitrine-uploads', JSON.stringify({email: 'a@example.com', access: 'old'}))")
    page.reload()
    page.locator("#files").set_input_files(str(photos[0]))
    expect(page.locator("#list .state")).to_have_text("Your sign-in has ended. Sign in again, then press Retry.")


@pytest.mark.parametrize("name", ["uppy-with-token.js", "uppy-uploads.js", "html-form.js", "plain-words.js"])
def test_the_code_that_is_shown_is_the_code_that_runs(visitor: Page, site: Site, name: str) -> None:
    snippet = visitor.locator(f"[data-snippet='{name}']")
    snippet.locator("summary").click()
    expect(snippet.locator("code")).not_to_be_empty()
    assert snippet.locator("code").text_content() == (SOURCES / name).read_text()


def test_everything_comes_from_the_site(visitor: Page, site: Site) -> None:
    hosts: set[str] = set()
    visitor.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    visitor.reload(wait_until="networkidle")
    assert hosts == {urlsplit(site.url).netloc}


def test_the_policy_allows_this_site_and_the_store_alone(visitor: Page, site: Site) -> None:
    answer = visitor.request.get("/docs/uploads/")
    policy = answer.headers["content-security-policy"]
    allowed = ["'self'"] if site.engine == "local" else ["'self'", site.environment["AWS_S3_ENDPOINT_URL"]]
    assert f"connect-src {' '.join(allowed)};" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("width", [320, 390, 768])
def test_nothing_is_wider_than_a_phone(page: Page, photos: list[Path], width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.locator("#files").set_input_files(str(photos[0]))
    expect(page.get_by_text("1 of 1 uploaded")).to_be_visible()
    page.locator("[data-snippet]").first.locator("summary").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
