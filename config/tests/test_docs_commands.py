"""What the documents tell people to type and to open is there: commands and their flags, shell, paths, variables."""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from django.core.management import CommandError, get_commands, load_command_class

from config.tests.boot import ROOT
from config.tests.test_env_example import SOURCES, variables_read

BOOKS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [*BOOKS, *sorted((ROOT / "docs/decisions").glob("*.md"))]
SHELL, DATA = {"sh", "bash"}, {"", "json", "yaml"}
FENCE = re.compile(r"^```(\w*).*?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Begins a command of the site's. ``manage`` is the shell function of docs/operations.md.
MANAGE = re.compile(r"(?:^|[\s(])(?:manage|(?:python )?manage\.py)\s+(?=[\w…])")
OPERATORS = re.compile(r"[();<>|&]+")
FOLDERS = r"\.ci|api|bench|browser|clients|config|deploy|docs|drill|media_assets"
NAMED_PATH = re.compile(
    rf"(?<![\w/.:-])(?:(?:{FOLDERS})/[\w./*-]*|(?:ads|artworks|images|properties|users)/[\w/]+\.py)"
)
MADE_BY_THE_READER = {"deploy/tls/fullchain.pem"}
VARIABLE = re.compile(r"(?<![\w/.-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?!\w)")
# Of Django, other programs and the development tools, shell variables of an example, and values to be replaced.
OUTSIDE = {
    *("DEFAULT_FILE_STORAGE", "FORM_URL", "OLD_DATABASE_URL"),
    *("NEW_KEY", "NEW_SECRET", "REQUEST_ID", "YOUR_JWT_TOKEN"),
}
OUTSIDE_PREFIXES = ("RCLONE_CONFIG_", "S3_TEST_")
OUTSIDE_FLAGS = {"--link-dest"}  # rsync's

each_book = pytest.mark.parametrize("page", BOOKS, ids=lambda page: page.name)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


class Fence(NamedTuple):
    language: str
    line: int  # of its first
    body: str


def fences(page: Path) -> list[Fence]:
    text = page.read_text()
    found = FENCE.finditer(text)
    return [Fence(one[1], text.count("\n", 0, one.start()) + 2, one[2]) for one in found]


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def spans(page: Path) -> list[str]:
    """What stands between backticks outside the fences, each on one line."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def words(line: str) -> list[str]:
    """As a shell splits the first command of a line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    found = list(lexer)
    return found[: next((place for place, word in enumerate(found) if OPERATORS.fullmatch(word)), len(found))]


def typed(page: Path) -> Iterator[list[str]]:
    """Each call of a management command in the fences, from its name on."""
    for fence in fences(page):
        for line in fence.body.replace("\\\n", " ").splitlines():
            for call in MANAGE.finditer(line):
                yield words(line[call.end() :])


def named(page: Path) -> Iterator[list[str]]:
    """The same between backticks, where a command of ours may stand without ``manage`` too."""
    for span in spans(page):
        called = MANAGE.match(span)
        if called or span.split(" ")[0] in of_ours():
            call = words(span[called.end() :] if called else span)
            if call != ["…"]:
                yield call


def of_ours() -> set[str]:
    return {name for name, app in get_commands().items() if app in ("config", "media_assets")}


def complaint(call: list[str], *, whole: bool) -> str:
    """What the command's parser says against it; ``whole``: nothing that is required may be missing."""
    name, *arguments = call
    if name not in get_commands():
        return "there is no such command"
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    parser.allow_abbrev = False
    for part in [*parser._actions, *parser._mutually_exclusive_groups]:
        part.required = part.required and whole
    try:
        parser.parse_args(arguments)
    except CommandError as error:
        return str(error)
    return ""


def complaints(calls: Iterator[list[str]], *, whole: bool) -> list[str]:
    return [f"{' '.join(call)}: {said}" for call in calls if (said := complaint(call, whole=whole))]


@pytest.fixture
def both(site: Any) -> None:
    """All storages are configured: their names are arguments."""
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="bucket", AWS_S3_REGION_NAME="eu-central-1")


# --- the reading ------------------------------------------------------------------------------------------------------


def test_the_reading_finds_what_is_there() -> None:
    operations = ROOT / "docs/operations.md"
    assert ["storage_migrate", "--to", "s3", "--delete-source"] in typed(operations)
    assert ["createsuperuser"] in typed(operations)  # after docker compose exec
    assert ["sweep_media"] in named(operations)
    assert ["storage_migrate", "--to", "s3"] in named(ROOT / "README.md")
    adopted = [call for call in typed(ROOT / "docs/migrating-from.md") if call[0] == "storage_adopt"]
    assert len(adopted) > 10


def test_a_wrong_call_is_told(both: None) -> None:
    assert complaint(["storage_audit", "--fix"], whole=True) == ""
    for wrong in (["storage_moves"], ["storage_audit", "--fixx"], ["storage_audit", "--check"], ["storage_migrate"]):
        assert complaint(wrong, whole=True), wrong
    assert complaint(["storage_migrate", "--to", "ftp"], whole=False)
    assert complaint(["storage_migrate"], whole=False) == ""


@each_page
def test_every_fence_is_read(page: Path) -> None:
    assert page.read_text().count("```") == 2 * len(fences(page))
    assert {fence.language for fence in fences(page)} <= SHELL | DATA


# --- commands ---------------------------------------------------------------------------------------------------------


@each_book
def test_what_is_typed_is_understood(page: Path, both: None) -> None:
    assert complaints(typed(page), whole=True) == []


@each_book
def test_what_is_named_is_a_command_with_such_flags(page: Path, both: None) -> None:
    assert complaints(named(page), whole=False) == []


@each_book
def test_a_flag_named_alone_is_one_of_ours(page: Path, both: None) -> None:
    parsers = [load_command_class(get_commands()[name], name).create_parser("manage.py", name) for name in of_ours()]
    known = {flag for parser in parsers for flag in parser._option_string_actions}
    told = {word for span in spans(page) if span.startswith("--") for word in span.split() if word.startswith("--")}
    assert told - known - OUTSIDE_FLAGS == set()


@each_page
def test_the_shell_understands_every_block(page: Path) -> None:
    for fence in fences(page):
        if fence.language in SHELL:
            read = subprocess.run(["bash", "-n"], input=fence.body, capture_output=True, text=True)
            assert (read.returncode, read.stderr) == (0, ""), f"{page.name}:{fence.line}"


# --- paths and links --------------------------------------------------------------------------------------------------


@each_page
def test_every_path_that_is_named_exists(page: Path) -> None:
    text = page.read_text().replace("/srv/vitrine/site/", "")
    paths = {path.rstrip("./") for path in NAMED_PATH.findall(text)}
    missing = {path for path in paths if not any(ROOT.glob(path))}
    assert missing - MADE_BY_THE_READER == set()


@each_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        file = (page.parent / target) if target else page
        assert file.exists(), link
        assert not anchor or anchor in anchors(file), link


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


# --- variables --------------------------------------------------------------------------------------------------------


@each_book
def test_every_variable_is_one_of_the_sites(page: Path) -> None:
    known = set().union(*map(variables_read, SOURCES))
    for example in (ROOT / "deploy").rglob("*.example"):  # of nginx and the compose file
        known |= set(re.findall(r"^(\w+)=", example.read_text(), re.MULTILINE))
    told = {name for name in VARIABLE.findall(page.read_text()) if not name.startswith(OUTSIDE_PREFIXES)}
    assert told - known - OUTSIDE == set()
