"""The variables that the site reads: those of ``.env`` beside ``manage.py``, and of the process, which win."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured
from dotenv.parser import parse_stream

_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class Environment(environ.Env):  # type: ignore[misc]
    """django-environ whose errors name the variable, and to which a dollar sign is a letter like any other."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__()
        self.ENVIRON = _Escaped(variables)
        self.escape_proxy = True

    def get_value(self, var: str, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().get_value(var, *args, **kwargs)
        except ValueError as error:
            raise ImproperlyConfigured(f"{var}: {error}. Correct it, or leave {var} out for its default.") from None

    def list(self, var: str, *args: Any, **kwargs: Any) -> list[str]:
        """Texts that commas part, whatever blanks stand around them."""
        return [text for each in super().list(var, *args, **kwargs) if (text := str(each).strip())]


def read_env_file(base_dir: Path) -> dict[str, str]:
    """The variables of ``.env`` in this folder, or of the file that ``ENV_FILE`` names; none where there is no file.

    Blanks around the equals sign, quotes, ``export`` and comments are those of python-dotenv. Raises
    ImproperlyConfigured for a file, or a line of it, that cannot be read; what stands in the line may be a secret.
    """
    path = Path(os.environ.get("ENV_FILE", base_dir / ".env"))
    try:
        with path.open(encoding="utf-8") as file:
            bindings = list(parse_stream(file))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(f"{path} cannot be read: {error}") from None
    found = {}
    for binding in bindings:
        name, value = binding.key or "", binding.value
        if binding.error or (name and (value is None or not _NAME.fullmatch(name))):
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            raise ImproperlyConfigured(f"{path}: line {line} is not understood. Write NAME=value.")
        if value is not None:
            found[name] = value
    return found


class _Escaped(Mapping[str, str]):
    """Variables whose dollar signs django-environ does not take for names of others."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def __getitem__(self, name: str) -> str:
        return self._variables[name].replace("$", r"\$")

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)
