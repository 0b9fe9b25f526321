"""``.env.example`` names every variable that the site reads, and no other; as it stands it starts the site."""

import ast
import re
from pathlib import Path

import pytest

from config.tests.boot import ROOT, boot

EXAMPLE = ROOT / ".env.example"
SOURCES = [ROOT / "config" / name for name in ("settings.py", "storages.py", "gunicorn.py", "environment.py")]
READERS = {"env", "read", "environ"}  # `env.str("NAME")`, `read.first("NAME", "OTHER")`, `os.environ.get("NAME")`
NAME = re.compile(r"[A-Z][A-Z0-9_]+")


def variables_read(source: Path) -> set[str]:
    """Every name handed to a reader of the environment, and every one in a tuple called ``…_NAMES``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.Call(func=ast.Attribute(value=owner), args=arguments) if READERS & set(parts(owner)):
                found |= {text for argument in arguments if (text := literal(argument))}
            case ast.Assign(targets=[ast.Name(id=target)], value=ast.Tuple(elts=items)) if target.endswith("_NAMES"):
                found |= {text for item in items if (text := literal(item))}
    return found


def parts(node: ast.expr) -> list[str]:
    """``read.env`` as ``["read", "env"]``."""
    return re.findall(r"\w+", ast.unparse(node))


def literal(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and NAME.fullmatch(str(node.value)) else ""


def variables_shown() -> list[str]:
    return re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", EXAMPLE.read_text(), re.MULTILINE)


def test_the_reading_of_the_sources_finds_what_is_there() -> None:
    assert {"DEBUG", "DB_NAME", "METRICS_TOKEN"} <= variables_read(SOURCES[0])
    assert {"USE_S3", "AWS_LOCATION", "DJANGO_AWS_ACCESS_KEY_ID", "MEDIA_ROOT"} <= variables_read(SOURCES[1])


def test_every_variable_is_shown_once_and_no_other() -> None:
    shown = variables_shown()
    assert len(shown) == len(set(shown))
    assert set(shown) == set().union(*map(variables_read, SOURCES)) - {"ENV_FILE"}


def test_every_variable_is_explained() -> None:
    """A line of words stands above each, or above the group of its other names."""
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"#? ?[A-Z][A-Z0-9_]+=", line):
            above = next(text for text in reversed(lines[:number]) if not re.match(r"#? ?[A-Z][A-Z0-9_]+=", text))
            assert re.match(r"# [A-Z`]", above), line


def test_copied_as_it_stands_it_starts_a_laptop(tmp_path: Path) -> None:
    code = (
        "from config.wsgi import application; from django.conf import settings; print(settings.DEBUG, settings.USE_S3)"
    )
    done = boot(code, tmp_path / "env", EXAMPLE.read_text())
    assert (done.returncode, done.stdout.strip()) == (0, "True False"), done.stderr


DEFAULTS = """
import json
from django.conf import settings
names = [name for name in dir(settings) if name.isupper() and name not in ("SECRET_KEY", "DEBUG")]
print(json.dumps({name: repr(getattr(settings, name)) for name in names}))
"""


@pytest.mark.parametrize("debug", ["True", "False"])
def test_the_values_shown_as_defaults_are_the_defaults(debug: str, tmp_path: Path) -> None:
    """Uncommenting every ``# NAME=value`` line changes no setting."""
    text = EXAMPLE.read_text()
    defaults = re.sub(r"^# ?([A-Z][A-Z0-9_]+=)", r"\1", text, flags=re.MULTILINE)
    secret = {"SECRET_KEY": "s", "DEBUG": debug}
    bare = boot(DEFAULTS, tmp_path / "env", "", **secret)
    full = boot(DEFAULTS, tmp_path / "env", defaults, **secret)
    assert bare.returncode == 0, bare.stderr
    assert full.stdout == bare.stdout, full.stderr
