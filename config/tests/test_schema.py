"""The API's description: OpenAPI 3.1, complete, the one that is committed, and served with its own assets."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from config.tests.boot import ROOT, boot

COMMITTED = ROOT / "docs" / "openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(COMMITTED.read_text())
    return loaded


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, verb, item[verb]) for path, item in schema["paths"].items() for verb in METHODS if verb in item]


def test_the_committed_file_is_what_the_code_says(tmp_path: Path) -> None:
    made = tmp_path / "openapi.json"
    call_command("spectacular", format="openapi-json", validate=True, fail_on_warn=True, file=str(made))
    assert made.read_text() == COMMITTED.read_text(), "Run: make schema"


def test_it_is_made_without_warnings() -> None:
    GENERATOR_STATS.reset()
    with GENERATOR_STATS.silence():
        SchemaGenerator().get_schema(request=None, public=True)
    assert not GENERATOR_STATS


def test_it_is_openapi_3_1_and_names_every_operation_once(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1.")
    ids = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(ids) == len(set(ids))
    assert all(path.startswith("/api/") for path in schema["paths"])


def test_every_operation_says_what_it_does(schema: dict[str, Any]) -> None:
    silent = [
        (path, verb)
        for path, verb, operation in operations(schema)
        if not (operation.get("summary") or operation.get("description")) or not operation.get("tags")
    ]
    assert silent == []


def test_every_body_that_is_sent_has_an_example(schema: dict[str, Any]) -> None:
    without = [
        (path, verb)
        for path, verb, operation in operations(schema)
        if "requestBody" in operation
        and not any("examples" in content for content in operation["requestBody"]["content"].values())
    ]
    assert without == []


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ("", "*/*", "application/vnd.oai.openapi"),
        ("?format=json", "*/*", "application/vnd.oai.openapi+json"),
        ("", "application/json", "application/json"),
        ("?lang=xx", "*/*", "application/vnd.oai.openapi"),
    ],
)
def test_the_site_serves_it_to_anybody(query: str, accept: str, content_type: str, client: Client) -> None:
    answer = client.get(f"/api/schema/{query}", headers={"accept": accept})
    assert answer.status_code == 200
    assert answer["Content-Type"].split(";")[0] == content_type


def test_the_served_one_is_the_committed_one(client: Client, schema: dict[str, Any]) -> None:
    assert client.get("/api/schema/?format=json").json() == schema


def test_the_docs_page_takes_every_asset_from_the_site(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(assets) == 4
    assert all(asset.startswith("/static/drf_spectacular_sidecar/") for asset in assets)
    assert "http:" not in page and "https:" not in page.replace("https://validator.swagger.io", "")


DEPLOYED = """
import json, re, shutil
from django.conf import settings
settings.STATIC_ROOT = {root!r}
import django; django.setup()
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
from config.wsgi import application
from django.test import Client
site = Client(headers={{"host": "localhost"}})
page = site.get("/api/docs/").content.decode()
assets = re.findall(r'(?:src|href)="([^"]+)"', page)
print(json.dumps([[asset, site.get(asset).status_code, len(site.get(asset).getvalue())] for asset in assets]))
"""


@pytest.mark.parametrize("debug", ["True", "False"])
def test_the_assets_are_delivered_on_a_laptop_and_when_deployed(debug: str, tmp_path: Path) -> None:
    lines = f"SECRET_KEY=s\nDEBUG={debug}\nMEDIA_ROOT={tmp_path}/a\nPRIVATE_MEDIA_ROOT={tmp_path}/b\n"
    done = boot(DEPLOYED.format(root=str(tmp_path / "static")), tmp_path / "env", lines)
    assert done.returncode == 0, done.stderr
    assets = json.loads(done.stdout)
    assert len(assets) == 4
    for asset, status, size in assets:
        assert (status, size > 500) == (200, True), asset
