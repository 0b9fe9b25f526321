"""Fixtures: a browser, a site on each engine, an account, files to upload."""

import io
import os
import random
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import APIRequestContext, Browser, Page, Playwright, expect, sync_playwright

from browser.site import Site, prepare, running

CHROMIUM_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PASSWORD = "Pass-word-1"
HASTY_FORM_SECONDS = 6
TIMEOUT = 20_000  # milliseconds: the machine may be busy


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "engine(name): runs on this engine alone")
    config.addinivalue_line("markers", "hasty: on a site whose forms expire after HASTY_FORM_SECONDS")
    expect.set_options(timeout=TIMEOUT)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that uses a site runs on local disk and on S3, unless it is of one engine."""
    if "site" in metafunc.fixturenames:
        only = metafunc.definition.get_closest_marker("engine")
        hasty = "-hasty" if metafunc.definition.get_closest_marker("hasty") else ""
        names = [engine + hasty for engine in (only.args if only else ("local", "s3"))]
        metafunc.parametrize("site", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without an S3 server (``S3_TEST_ENDPOINT_URL``) its tests are not of this run."""
    if os.environ.get("S3_TEST_ENDPOINT_URL"):
        return
    of_s3 = [
        item for item in items if (spec := getattr(item, "callspec", None)) and "s3" in str(spec.params.get("site"))
    ]
    config.hook.pytest_deselected(items=of_s3)
    items[:] = [item for item in items if item not in of_s3]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return prepare(tmp_path_factory.mktemp("prepared"))


@pytest.fixture(scope="session")
def site(
    request: pytest.FixtureRequest, prepared: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    engine, _, hasty = request.param.partition("-")
    lines = {"UPLOAD_FORM_SECONDS": str(HASTY_FORM_SECONDS)} if hasty else {}
    with running(engine, prepared, tmp_path_factory.mktemp(engine), **lines) as site:
        yield site


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not executable:
        pytest.exit("No Chromium: install it (apt-get install chromium), or name its program in CHROMIUM.", 2)
    browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_FLAGS)
    yield browser
    browser.close()


@dataclass(frozen=True)
class Account:
    email: str
    api: APIRequestContext  # signed in

    def uploads(self, status: str = "") -> list[Any]:
        """What ``GET /api/uploads/`` says, of one status or of all."""
        answer = self.api.get("/api/uploads/?limit=100")
        assert answer.ok, answer.text()
        return [upload for upload in answer.json() if status in ("", upload["status"])]


@pytest.fixture
def account(site: Site, playwright: Playwright) -> Iterator[Account]:
    name = f"user{uuid.uuid4().hex[:10]}"
    api = playwright.request.new_context(base_url=site.url)
    given = {"email": f"{name}@example.com", "username": name, "password": PASSWORD, "password2": PASSWORD}
    answer = api.post("/api/auth/signup/", data=given)
    assert answer.status == 201, answer.text()
    token = answer.json()["tokens"]["access"]
    api.dispose()
    api = playwright.request.new_context(base_url=site.url, extra_http_headers={"Authorization": f"Bearer {token}"})
    yield Account(given["email"], api)
    api.dispose()


@pytest.fixture
def visitor(browser: Browser, site: Site) -> Iterator[Page]:
    """The page, opened by somebody who has not signed in. No script may fail on it, and its policy must hold."""
    page = browser.new_page(base_url=site.url, viewport={"width": 1100, "height": 900})
    page.set_default_timeout(TIMEOUT)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto("/docs/uploads/")
    yield page
    page.close()
    assert not complaints


@pytest.fixture
def page(visitor: Page, account: Account) -> Page:
    """The page, signed in by its form."""
    visitor.get_by_label("E-mail").fill(account.email)
    visitor.get_by_label("Password").fill(PASSWORD)
    visitor.get_by_role("button", name="Sign in").click()
    visitor.get_by_text(f"Signed in as {account.email}").wait_for()
    return visitor


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty photos that differ, of half a megabyte and more."""
    folder = tmp_path_factory.mktemp("photos")
    size = (1200, 900)
    for number in range(20):
        light = Image.blend(Image.linear_gradient("L").resize(size), Image.effect_noise(size, 90), 0.3)
        hue, saturation = Image.new("L", size, number * 12), Image.new("L", size, 150)
        picture = Image.merge("HSV", (hue, saturation, light.rotate(number * 18))).convert("RGB")
        picture.save(folder / f"photo {number + 1:02}.jpg", quality=95)
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def large_photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo of at least 60 MB: noise, which JPEG cannot make smaller."""
    path = tmp_path_factory.mktemp("large") / "panorama.jpg"
    size = (6000, 4500)
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", size, noise).save(out, "JPEG", quality=95, subsampling=0)
    path.write_bytes(out.getvalue())
    assert path.stat().st_size > 60_000_000, path.stat().st_size
    return path
