"""What every command does alike: its help, its JSON, its question, and how it ends."""

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class

from media_assets.management.commandline import ReportingCommand, positive, seconds
from media_assets.tests.stored import process_environment
from media_assets.tests.terminal import Typed

COMMANDS = sorted(name for name, app in get_commands().items() if app == "media_assets")


class Doing(ReportingCommand):
    """A command that does this."""

    requires_system_checks = []

    def __init__(self, act: Callable[["Doing"], None]) -> None:
        super().__init__()
        self.act = act

    def handle(self, *args: Any, **options: Any) -> None:
        self.report["done"] = 3
        self.act(self)
        self.tell({"told": True}, "Told.")


def ended(act: Callable[[Doing], None], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(Doing(act), *arguments, stdout=out, stderr=err)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue(), err.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json_and_says_its_exit_codes(name: str) -> None:
    command = load_command_class("media_assets", name)
    assert isinstance(command, ReportingCommand)
    text = " ".join(command.create_parser("manage.py", name).format_help().split())
    assert "--json" in text
    assert f"Exit codes: {command.outcome}, 2 for a wrong call, 130 where" in text
    assert command.outcome.startswith("0 where ") and ", 1 where " in command.outcome


def test_a_report_is_text_or_one_json_object() -> None:
    assert ended(lambda command: None) == (0, "Told.\n", "")
    assert ended(lambda command: None, "--json") == (0, '{"told": true}\n', "")


@pytest.mark.parametrize("code", [1, 2])
def test_an_error_is_json_too(code: int) -> None:
    def refuse(command: Doing) -> None:
        raise CommandError("No bucket is named.", returncode=code)

    assert ended(refuse) == (code, "", "")
    found, out, _ = ended(refuse, "--json")
    assert (found, json.loads(out)) == (code, {"done": 3, "error": "No bucket is named."})


@pytest.mark.django_db(transaction=True)
def test_an_error_of_a_process_is_told_once_each_way() -> None:
    command = [sys.executable, "manage.py", "storage_audit", "--json", "--yes"]
    where = {"env": process_environment(), "cwd": settings.BASE_DIR}
    done = subprocess.run(command, **where, capture_output=True, text=True, timeout=60)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, f"CommandError: {error}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_report(number: int) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the tests run in the background
    at_term = signal.getsignal(signal.SIGTERM)
    try:
        for arguments, printed in (((), ""), (("--json",), '{"done": 3, "interrupted": true}\n')):
            found = ended(lambda command: os.kill(os.getpid(), number), *arguments)
            assert found == (130, printed, "Interrupted. Run it again.\n")
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is at_term


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("Yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_a_question_goes_to_standard_error(monkeypatch: Any, answer: str, code: int) -> None:
    monkeypatch.setattr("sys.stdin", Typed(answer))
    found = ended(lambda command: command.confirm("Do it?"))
    assert found == (code, "" if code else "Told.\n", "Do it? [y/N] ")


def test_nobody_is_asked_where_nobody_answers(monkeypatch: Any) -> None:
    for stdin, arguments in ((io.StringIO("y\n"), ()), (Typed("y\n"), ("--json",))):
        monkeypatch.setattr("sys.stdin", stdin)
        code, out, err = ended(lambda command: command.confirm("Do it?"), *arguments)
        assert (code, bool(out), err, stdin.tell()) == (1, bool(arguments), "", 0)
        assert not out or "Add --yes" in json.loads(out)["error"]


@pytest.mark.parametrize(("kind", "least"), [(positive, 1), (seconds, 0)])
def test_numbers(kind: Callable[[str], int], least: int) -> None:
    assert kind(str(least)) == least
    for text in (str(least - 1), "x", "1.5", *(["9" * 12] if kind is seconds else [])):
        with pytest.raises(ValueError):
            kind(text)
