"""The page for developers, and what its Content-Security-Policy allows."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from media_assets import docs_views
from media_assets.errors import StorageUnavailable

ADDRESS = "/docs/uploads/"


def policy(client: Client) -> dict[str, list[str]]:
    directives = (part.split() for part in client.get(ADDRESS)["Content-Security-Policy"].split("; "))
    return {name: allowed for name, *allowed in directives}


def test_the_page_is_for_everyone_and_only_read(client: Client) -> None:
    page = client.get(ADDRESS)
    assert (page.status_code, page["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert client.head(ADDRESS).status_code == 200
    assert client.post(ADDRESS).status_code == 405


def test_scripts_and_styles_are_files_of_ours(client: Client) -> None:
    body = client.get(ADDRESS).content.decode()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", body)
    served = re.findall(r'<(?:script|link)[^>]* (?:src|href)="(/static/[^"]+)"', body)
    assert len(served) == 2
    assert all(finders.find(address.removeprefix("/static/")) for address in served)
    assert "http:" not in body and "https:" not in body


def test_on_disk_the_page_reaches_this_site_alone(client: Client) -> None:
    allowed = policy(client)
    assert allowed["default-src"] == allowed["connect-src"] == allowed["form-action"] == ["'self'"]
    assert allowed["img-src"] == ["'self'", "data:"]
    assert allowed["frame-ancestors"] == allowed["base-uri"] == allowed["object-src"] == ["'none'"]


@pytest.mark.s3
def test_on_s3_it_reaches_the_store_as_browsers_do(client: Client, s3_site: Callable[..., dict[str, str]]) -> None:
    s3_site(AWS_S3_PUBLIC_ENDPOINT_URL="https://store.example.com")
    allowed = policy(client)
    assert allowed["connect-src"] == allowed["form-action"] == ["'self'", "https://store.example.com"]
    assert allowed["img-src"] == ["'self'", "https://store.example.com", "data:"]
    assert allowed["default-src"] == ["'self'"]


def test_a_store_that_cannot_sign_now_does_not_take_the_page_down(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Unsigning:
        def direct_form(self, *args: Any, **kwargs: Any) -> Any:
            raise StorageUnavailable

    monkeypatch.setattr(docs_views, "get_storage", lambda alias: Unsigning())
    assert policy(client)["connect-src"] == ["'self'"]
