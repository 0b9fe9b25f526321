"""System checks of the environment: a misconfiguration stops the start and names the variable and the fix."""

import os
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured


@register(Tags.files)
def check_media_environment(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """One error for every problem that ``config.storages`` found in the environment."""
    return [
        Error(f"{problem.variable}: {problem.message}", hint=problem.hint, id="vitrine.E001")
        for problem in settings.MEDIA.problems
    ]


@register(Tags.files)
def check_obsolete_variables(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """``DEFAULT_FILE_STORAGE`` chose the storage before Django 5.1; now it is ignored without a word."""
    if "DEFAULT_FILE_STORAGE" not in os.environ:
        return []
    hint = "Remove it; USE_S3 chooses the storage."
    return [Warning("DEFAULT_FILE_STORAGE has no effect in Django 5.", hint=hint, id="vitrine.W001")]


@register(Tags.security)
def check_numbers_and_urls(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Limits must be positive; addresses must be addresses."""
    found: list[CheckMessage] = []
    for name in ("MEDIA_MAX_SIZE_BYTES", "MEDIA_MAX_PIXELS", "MEDIA_LEASE_SECONDS"):
        if getattr(settings, name) <= 0:
            found.append(
                Error(f"{name} must be greater than 0.", hint=f"Remove {name} for its default.", id="vitrine.E002")
            )
    base = settings.PUBLIC_BASE_URL
    if base and (urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc):
        hint = "Write PUBLIC_BASE_URL=https://www.example.com"
        found.append(Error(f"PUBLIC_BASE_URL={base!r} is not a URL.", hint=hint, id="vitrine.E003"))
    return found


def stop_on_errors() -> None:
    """Run the checks where no management command does (WSGI, ASGI). Raises ImproperlyConfigured."""
    errors: Sequence[CheckMessage] = [
        message for message in run_checks(tags=[Tags.files, Tags.security]) if message.is_serious()
    ]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
