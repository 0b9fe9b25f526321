"""The secret key that a laptop makes for itself."""

from pathlib import Path

import pytest

from config import settings as site


def test_two_processes_at_the_first_start_have_one_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The second begins, and ends, while the first has not written its own yet."""
    keys: list[str] = []

    def make() -> str:
        monkeypatch.setattr(site, "get_random_secret_key", lambda: "second")
        keys.append(site._development_secret_key())
        return "first"

    monkeypatch.setattr(site, "BASE_DIR", tmp_path)
    monkeypatch.setattr(site, "get_random_secret_key", make)
    keys.append(site._development_secret_key())
    assert keys == ["second", "second"]
    assert site._development_secret_key() == "second"
    (file,) = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == (".secret_key", 0o600)
