"""``manage.py storage_check`` on local disk, and the command: what it prints, asks, clears away, and exits with."""

import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from media_assets.models import MediaAsset
from media_assets.operations.checking import local
from media_assets.operations.checking.findings import Status, Step, failed, ok, run_steps
from media_assets.tests.stored import process_environment, published

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> tuple[int, Any]:
    """Exit code and report."""
    out = io.StringIO()
    try:
        call_command("storage_check", "--json", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), json.loads(out.getvalue())
    return 0, json.loads(out.getvalue())


def bad(report: Any) -> dict[str, Any]:
    """The steps that failed or warn, by storage and name."""
    return {
        f"{one['storage']}: {one['name']}": one for one in report["steps"] if one["status"] in ("failed", "warning")
    }


def files() -> list[str]:
    from django.conf import settings

    roots = (Path(settings.MEDIA_ROOT), Path(settings.PRIVATE_MEDIA_ROOT))
    return [str(path) for root in roots for path in root.rglob("*") if path.name not in (".incoming", "staging")]


def test_local_disk_is_proved_and_left_as_it_was() -> None:
    code, report = run()
    assert (code, report["ok"], bad(report)) == (0, True, {})
    names = {(one["storage"], one["name"]) for one in report["steps"] if one["status"] == "ok"}
    assert {
        ("local-public", "atomic create"),
        ("local-public", "delivery"),
        ("local-public", "copy to local-private"),
        ("local-private", "separate folders"),
        ("local-private", "signed get"),
        ("local-private", "signed get, expired"),
        ("local-private", "upload form, more bytes than allowed"),
        ("local-private", "delete"),
    } <= names
    assert files() == []
    assert not MediaAsset.objects.exists()


@pytest.mark.django_db(transaction=True)  # the other process writes to the same file
def test_no_boto_is_imported_for_local_disk() -> None:
    code = (
        "import sys, django; django.setup(); from django.core.management import call_command\n"
        "call_command('storage_check', '--storage', 'local', '--json')\n"
        "assert not [name for name in sys.modules if name.startswith(('boto3', 'botocore'))]"
    )
    environment = process_environment(DJANGO_SETTINGS_MODULE="config.settings", PYTHONPATH=str(Path.cwd()))
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    assert json.loads(done.stdout)["ok"] in (True, False)


def test_the_human_report_has_one_line_a_step(capsys: Any) -> None:
    call_command("storage_check")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "✓ all: environment: The variables about media fit together."
    assert lines[1].startswith("✓ local-public: folder: ")
    assert all(re.match(r"[✓-] local-(public|private): |✓ s3-(public|private): ", line) for line in lines[1:-1])
    assert re.fullmatch(r"\d+ ok, 2 skipped", lines[-1])


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path, site: Any, capsys: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    site(MEDIA_ROOT=str(tmp_path / "file"), PRIVATE_MEDIA_ROOT=str(tmp_path / "private"))
    with pytest.raises(SystemExit) as end:
        call_command("storage_check")
    assert end.value.code == 1
    printed = capsys.readouterr().out
    assert f"✗ local-public: folder\n    tried: write to {tmp_path}/file\n    came back: " in printed
    assert f"    fix: MEDIA_ROOT={tmp_path}/file: Let the user" in printed
    assert "- local-public: put: “folder” of local-public did not succeed." in printed
    assert "✓ local-private: put" in printed


def test_a_private_folder_below_the_public_one_is_refused(tmp_path: Path, site: Any) -> None:
    site(MEDIA_ROOT=str(tmp_path), PRIVATE_MEDIA_ROOT=str(tmp_path / "private"))
    code, report = run()
    assert code == 1
    assert set(bad(report)) == {
        "all: environment",
        "local-public: separate folders",
        "local-private: separate folders",
    }


def test_a_disk_without_hard_links_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    code, report = run()
    found = bad(report)["local-public: hard links"]
    assert code == 1
    assert "Operation not permitted" in found["answer"]
    assert "MEDIA_ROOT" in found["fix"]
    assert "local-public: put" in bad(report)
    monkeypatch.undo()
    assert files() == []


def test_a_disk_that_is_nearly_full_warns_and_a_full_one_fails(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    def free(size: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 0, size))

    free(local.FREE_WARNS_BYTES - 1)
    code, report = run()
    assert (code, {one["status"] for one in bad(report).values()}) == (0, {"warning"})
    free(settings.UPLOAD_MAX_SIZE_BYTES - 1)
    code, report = run()
    assert (code, set(bad(report))) == (1, {"local-public: free space", "local-private: free space"})


def test_what_nginx_is_to_serve_is_said(settings: Any) -> None:
    settings.MEDIA_X_ACCEL_PREFIX = "/protected"
    code, report = run()
    answers = [one["answer"] for one in report["steps"] if one["name"] in ("delivery", "signed get")]
    assert code == 0
    assert f"location /protected/public/ {{ internal; alias {settings.MEDIA_ROOT}/; }}" in answers[0]
    assert f"location /protected/private/ {{ internal; alias {settings.PRIVATE_MEDIA_ROOT}/; }}" in answers[1]


def test_a_middleware_that_spoils_headers_is_found(settings: Any) -> None:
    settings.MIDDLEWARE = [f"{__name__}.without_nosniff", *settings.MIDDLEWARE]
    code, report = run()
    assert code == 1
    assert set(bad(report)) == {"local-public: delivery", "local-private: signed get"}


def without_nosniff(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def answer(request: Any) -> Any:
        response = get_response(request)
        del response.headers["X-Content-Type-Options"]
        return response

    return answer


def test_the_application_is_asked_by_a_host_it_answers_to(settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".example.com"]
    settings.SECURE_SSL_REDIRECT = True
    assert run()[0] == 0
    settings.PUBLIC_BASE_URL = "https://media.example.org"
    code, report = run()
    assert (code, set(bad(report))) == (1, {"local-public: host", "local-private: host"})
    assert bad(report)["local-public: host"]["fix"] == "Set ALLOWED_HOSTS=.example.com,media.example.org"


# --- the registry ---


def test_files_that_are_not_where_the_settings_look_are_found(photo: Any, tmp_path: Path, site: Any) -> None:
    assets = [published(photo(f"{number}.jpg")) for number in range(6)]
    assert run()[0] == 0
    site(MEDIA_ROOT=str(tmp_path / "elsewhere"))
    code, report = run()
    found = bad(report)["local-public: registry"]
    assert code == 1
    assert found["answer"].startswith("5 of the newest 5 are not there: " + assets[-1].key)
    assert found["fix"].startswith(f"MEDIA_ROOT={tmp_path}/elsewhere")


def test_files_in_a_storage_that_is_not_configured_are_found(photo: Any) -> None:
    asset = published(photo())
    MediaAsset.objects.filter(pk=asset.pk).update(storage="s3-private")
    code, report = run()
    assert (code, set(bad(report))) == (1, {"s3-private: registry"})
    assert "AWS_STORAGE_BUCKET_NAME" in bad(report)["s3-private: registry"]["fix"]


# --- the command ---


class Interrupted(io.StringIO):
    """A terminal on which somebody interrupts as soon as ``text`` is shown."""

    def __init__(self, text: str, act: Callable[[], None]) -> None:
        super().__init__()
        self._text, self._act = text, act

    def write(self, text: str) -> int:
        written = super().write(text)
        if self._text in text:
            self._act()
        return written


def press_ctrl_c() -> None:
    raise KeyboardInterrupt


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize("act", [press_ctrl_c, terminate])
def test_an_interrupted_check_clears_away_what_it_wrote(act: Callable[[], None]) -> None:
    seen = []

    def look_and_act() -> None:
        seen.extend(files())
        act()

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as end:
        call_command("storage_check", stdout=Interrupted("local-private: upload form: HTTP 201", look_and_act))
    assert end.value.code == 130
    assert any(name.endswith("form.png") for name in seen)
    assert files() == []
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("argument", ["--yes", "--dry-run"])
def test_what_belongs_to_fix_is_refused_without_it(argument: str) -> None:
    with pytest.raises(CommandError) as error:
        call_command("storage_check", argument)
    assert error.value.returncode == 2


NESTED = {
    "USE_S3": "True",
    "AWS_STORAGE_BUCKET_NAME": "shop",
    "AWS_LOCATION": "files",
    "AWS_PRIVATE_LOCATION": "files/private",
    "AWS_QUERYSTRING_EXPIRE": "soon",
}


@pytest.mark.parametrize("arguments", [["--dry-run"], ["--yes"], ["--yes", "--storage", "local"]])
@pytest.mark.parametrize("lines", [NESTED, {"USE_S3": "True", "AWS_QUERYSTRING_EXPIRE": "soon"}])
def test_fix_is_refused_where_the_site_would_not_start(
    site: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, arguments: list[str], lines: dict[str, str]
) -> None:
    from media_assets.operations.checking import setting_up

    def looked_at(uses: Any) -> None:
        raise AssertionError("a bucket was looked at")

    monkeypatch.setattr(setting_up, "plan", looked_at)
    site(**lines)
    assert len(settings.MEDIA.problems) == 2
    code, report = run("--fix", *arguments)
    assert (code, report["ok"], set(report)) == (1, False, {"ok", "error"})
    with pytest.raises(SystemExit) as end:
        call_command("storage_check", "--fix", *arguments)
    printed = capsys.readouterr().out
    assert end.value.code == 1
    for problem in settings.MEDIA.problems:
        assert problem.message in report["error"]["answer"]
        assert problem.hint in report["error"]["fix"]
        assert problem.message in printed
        assert problem.hint in printed


def test_settings_that_the_site_refuses_to_start_with_fail_first(site: Any, settings: Any) -> None:
    site(USE_S3="True", AWS_QUERYSTRING_EXPIRE="soon")
    code, report = run()
    first = report["steps"][0]
    assert (code, first["name"], first["status"]) == (1, "environment", "failed")
    assert first["answer"].splitlines() == [one.message for one in settings.MEDIA.problems]
    assert first["fix"].splitlines() == [one.hint for one in settings.MEDIA.problems]
    assert set(bad(report)) == {"all: environment"}  # the other steps are asked all the same


@pytest.mark.parametrize("arguments", [["--storage", "s3"], ["--fix"], ["--iam"]])
def test_s3_that_is_not_configured_is_said(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match="AWS_STORAGE_BUCKET_NAME") as error:
        call_command("storage_check", *arguments)
    assert error.value.returncode == 1


def test_the_iam_policy_is_printed_ready_to_paste(site: Any, capsys: Any) -> None:
    site(USE_S3="True", AWS_STORAGE_BUCKET_NAME="shop")
    call_command("storage_check", "--iam")
    policy = json.loads(capsys.readouterr().out)
    assert policy["Statement"][0]["Resource"] == ["arn:aws:s3:::shop"]
    assert "VitrineSetUp" not in [one["Sid"] for one in policy["Statement"]]
    call_command("storage_check", "--iam", "--fix")
    assert "VitrineSetUp" in [one["Sid"] for one in json.loads(capsys.readouterr().out)["Statement"]]


# --- steps ---


def test_a_step_waits_for_what_it_needs_and_every_error_is_a_failure() -> None:
    def broken() -> Any:
        raise OSError(28, "No space left on device")

    first = Step("local-public", "first", "", broken)
    second = Step("local-public", "second", "", lambda: ok(""), (first,))
    third = Step("local-public", "third", "", lambda: failed("", ""), (second,))
    found = list(run_steps([first, second, third]))
    assert [one.status for one in found] == [Status.FAILED, Status.SKIPPED, Status.SKIPPED]
    assert "No space left on device" in found[0].answer
    assert "MEDIA_ROOT" in found[0].fix
    assert found[1].answer == "“first” of local-public did not succeed."
