"""System checks of the environment: a misconfiguration stops the start and names the variable and the fix."""

import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured

from config.storages import MAX_EXPIRY_SECONDS

POSITIVE = (
    *("MEDIA_MAX_SIZE_BYTES", "MEDIA_MAX_PIXELS", "MEDIA_LEASE_SECONDS", "UPLOAD_MAX_SIZE_BYTES"),
    *("UPLOAD_FORM_SECONDS", "UPLOAD_MULTIPART_SECONDS", "UPLOAD_MAX_OUTSTANDING"),
    *("MEDIA_DECODE_SECONDS", "MEDIA_DECODE_MEMORY_BYTES", "MEDIA_WORK_LEASE_SECONDS"),
)
_CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)|\*/\*", re.IGNORECASE)
MIN_SECRET_KEY_CHARACTERS = 32  # of HMAC-SHA256 (RFC 7518, 3.2)


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
    for name in POSITIVE:
        if getattr(settings, name) <= 0:
            found.append(
                Error(f"{name} must be greater than 0.", hint=f"Remove {name} for its default.", id="vitrine.E002")
            )
    if settings.UPLOAD_QUOTA_BYTES < 0:
        hint = "Write UPLOAD_QUOTA_BYTES=0 for no limit."
        found.append(Error("UPLOAD_QUOTA_BYTES must not be negative.", hint=hint, id="vitrine.E006"))
    for name in ("UPLOAD_FORM_SECONDS", "UPLOAD_MULTIPART_SECONDS"):
        if getattr(settings, name) > MAX_EXPIRY_SECONDS:
            hint = f"Write at most {name}={MAX_EXPIRY_SECONDS}: no signature lives longer."
            found.append(Error(f"{name} is more than seven days.", hint=hint, id="vitrine.E007"))
    shortest = 6 * settings.MEDIA_DECODE_SECONDS  # two decodes, twice as long by the clock, and the bytes to be moved
    if 0 < settings.MEDIA_WORK_LEASE_SECONDS < shortest:
        hint = f"Write at least MEDIA_WORK_LEASE_SECONDS={shortest}, or lower MEDIA_DECODE_SECONDS."
        message = "MEDIA_WORK_LEASE_SECONDS is less than a picture may take: two workers would do the same."
        found.append(Error(message, hint=hint, id="vitrine.E009"))
    if wrong := [kind for kind in settings.UPLOAD_ALLOWED_CONTENT_TYPES if not _CONTENT_TYPE.fullmatch(kind)]:
        hint = "Write for example UPLOAD_ALLOWED_CONTENT_TYPES=application/pdf,video/*"
        message = f"UPLOAD_ALLOWED_CONTENT_TYPES: {', '.join(wrong)} is no content type."
        found.append(Error(message, hint=hint, id="vitrine.E008"))
    base = settings.PUBLIC_BASE_URL
    if base and (urlsplit(base).scheme not in ("http", "https") or not urlsplit(base).netloc):
        hint = "Write PUBLIC_BASE_URL=https://www.example.com"
        found.append(Error(f"PUBLIC_BASE_URL={base!r} is not a URL.", hint=hint, id="vitrine.E003"))
    return found


@register(Tags.security)
def check_production(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """What is harmless on a laptop only."""
    if settings.DEBUG:
        return []
    found: list[CheckMessage] = []
    open_hosts = any(host.startswith((".", "*")) for host in settings.ALLOWED_HOSTS)
    if open_hosts and not settings.PUBLIC_BASE_URL and not settings.PASSWORD_RESET_URL:
        hint = "Set PUBLIC_BASE_URL=https://www.example.com (or PASSWORD_RESET_URL), or name the hosts."
        message = "ALLOWED_HOSTS takes any host, so whoever asks for a password-reset mail chooses where it leads."
        found.append(Error(message, hint=hint, id="vitrine.E004"))
    if len(settings.SECRET_KEY) < MIN_SECRET_KEY_CHARACTERS:
        hint = "Set SECRET_KEY to 50 random characters; keep the old one in SECRET_KEY_FALLBACKS for a week."
        found.append(Warning("SECRET_KEY is short: it signs tokens and private URLs.", hint=hint, id="vitrine.W002"))
    if settings.EMAIL_BACKEND.endswith("console.EmailBackend"):
        hint = "Set EMAIL_URL=smtp+tls://user:password@host:587"
        found.append(Warning("EMAIL_URL is not set: reset mails go into the log.", hint=hint, id="vitrine.W003"))
    return found


@register(Tags.security)
def check_proxies(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Rate limits count per address, which proxies hide."""
    if settings.NUM_PROXIES < 0:
        hint = "Write how many proxies stand before the site: TRUSTED_PROXY_COUNT=1"
        return [Error("TRUSTED_PROXY_COUNT is negative.", hint=hint, id="vitrine.E005")]
    if settings.USE_X_FORWARDED_HOST and settings.NUM_PROXIES == 0:
        hint = "Set TRUSTED_PROXY_COUNT=1 (or how many there are), or all callers share one rate limit."
        message = "TRUSTED_PROXY_HEADERS is on, but TRUSTED_PROXY_COUNT is 0."
        return [Warning(message, hint=hint, id="vitrine.W004")]
    return []


def stop_on_errors() -> None:
    """Run the checks where no management command does (WSGI, ASGI). Raises ImproperlyConfigured."""
    errors: Sequence[CheckMessage] = [
        message for message in run_checks(tags=[Tags.files, Tags.security]) if message.is_serious()
    ]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
