"""What a ``.env`` file may look like, and what becomes of one that cannot be read."""

import json
from pathlib import Path

import pytest

from config.tests.boot import boot

READ = """
import json, os
from config import settings
print(json.dumps([os.environ.get("USE_S3"), settings.SECRET_KEY, settings.DEFAULT_FROM_EMAIL]))
"""


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("USE_S3=False", "False"),
        ("USE_S3 = False", "False"),
        ("   USE_S3=False", "False"),
        ("\tUSE_S3 =False  ", "False"),
        ("export USE_S3=False", "False"),
        ("USE_S3=False  # not yet", "False"),
        ("USE_S3='False'", "False"),
        ('USE_S3 = "False"', "False"),
        ("USE_S3=False\r", "False"),
        ("   \n  # USE_S3=True", None),
        ("USE_S3=", ""),
    ],
)
def test_a_line_may_be_written_in_many_ways(tmp_path: Path, line: str, value: str | None) -> None:
    done = boot(READ, tmp_path / "env", f"SECRET_KEY=s\n{line}\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] == value


@pytest.mark.parametrize("key", ["$begins-so", "a$b${c}", r"a\$b\\n", "a#b", "#ab", "ab=#=", "%s{x}"])
def test_a_secret_is_taken_as_it_stands(tmp_path: Path, key: str) -> None:
    done = boot(READ, tmp_path / "env", f"SECRET_KEY={key}\nDEFAULT_FROM_EMAIL=Shop & Co <a@b.example>")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[1:] == [key, "Shop & Co <a@b.example>"]
    assert json.loads(boot(READ, tmp_path / "env", "", SECRET_KEY=key).stdout)[1] == key


@pytest.mark.parametrize("line", ["AWS_SECRET-KEY=verysecret", "verysecret", "AWS KEY=verysecret", 'KEY="verysecret'])
def test_a_line_that_says_nothing_stops_the_start(tmp_path: Path, line: str) -> None:
    done = boot("import config.wsgi", tmp_path / "env", f"SECRET_KEY=s\n\n# a comment\n\n{line}\nDEBUG=True\n")
    assert done.returncode != 0
    assert f"{tmp_path / 'env'}: line 5 is not understood. Write NAME=value." in done.stderr
    assert "verysecret" not in done.stderr


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"SECRET_KEY=\xff")
    done = boot("import config.wsgi", tmp_path / "env", "", ENV_FILE=str(tmp_path / "binary"))
    assert done.returncode != 0
    assert f"{tmp_path / 'binary'} cannot be read" in done.stderr


def test_the_process_wins(tmp_path: Path) -> None:
    done = boot(READ, tmp_path / "env", "SECRET_KEY=file", SECRET_KEY="process")
    assert json.loads(done.stdout)[1] == "process"
