"""System checks of the environment: a misconfiguration stops the start and names the variable and the fix."""

import os
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.checks import CheckMessage, Error, Tags, Warning, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host

from config.storages import MAX_EXPIRY_SECONDS

POSITIVE = (
    *("MEDIA_MAX_SIZE_BYTES", "MEDIA_MAX_PIXELS", "MEDIA_LEASE_SECONDS", "UPLOAD_MAX_SIZE_BYTES"),
    *("UPLOAD_FORM_SECONDS", "UPLOAD_MULTIPART_SECONDS", "UPLOAD_MAX_OUTSTANDING"),
    *("MEDIA_DECODE_SECONDS", "MEDIA_DECODE_MEMORY_BYTES", "MEDIA_WORK_LEASE_SECONDS"),
)
_CONTENT_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/([a-z0-9!#$&^_.+-]+|\*)|\*/\*", re.IGNORECASE)
MIN_SECRET_KEY_CHARACTERS = 32  # of HMAC-SHA256 (RFC 7518, 3.2)
MIN_TOKEN_CHARACTERS = 16


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


@register(Tags.security)
def check_x_accel_prefix(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """nginx takes the path of a location, not an address."""
    prefix = settings.MEDIA_X_ACCEL_PREFIX
    if not prefix or re.fullmatch(r"/[\w./-]+", prefix):
        return []
    hint = "Write the path of nginx's internal location: MEDIA_X_ACCEL_PREFIX=/protected"
    return [Error(f"MEDIA_X_ACCEL_PREFIX={prefix!r} is no path.", hint=hint, id="vitrine.E010")]


@register(Tags.security, deploy=True)
def check_addresses(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """``check --deploy``: the site's own address, and what a proxy says of it."""
    found: list[CheckMessage] = []
    base = urlsplit(settings.PUBLIC_BASE_URL)
    if base.scheme != "https":
        hint = "Set PUBLIC_BASE_URL=https://www.example.com"
        found.append(Warning("PUBLIC_BASE_URL is no https address.", hint=hint, id="vitrine.W005"))
    elif not validate_host(base.hostname or "", settings.ALLOWED_HOSTS):
        message = "ALLOWED_HOSTS lacks the host of PUBLIC_BASE_URL: its own links would be refused."
        hint = f"Set ALLOWED_HOSTS={base.hostname}"
        found.append(Warning(message, hint=hint, id="vitrine.W006"))
    if settings.SECURE_SSL_REDIRECT and not settings.USE_X_FORWARDED_HOST:
        message = "SECURE_SSL_REDIRECT without TRUSTED_PROXY_HEADERS: behind a proxy every page redirects to itself."
        hint = "Set TRUSTED_PROXY_HEADERS=True where a proxy sets X-Forwarded-Proto, else SECURE_SSL_REDIRECT=False."
        found.append(Warning(message, hint=hint, id="vitrine.W007"))
    if settings.CORS_ALLOW_ALL_ORIGINS:
        hint = "Name them: CORS_ALLOWED_ORIGINS=https://app.example.com"
        message = "CORS_ALLOW_ALL_ORIGINS lets pages of any site call the API."
        found.append(Warning(message, hint=hint, id="vitrine.W008"))
    if settings.DEFAULT_FROM_EMAIL.rstrip(">").endswith("@localhost"):
        hint = "Set DEFAULT_FROM_EMAIL=Vitrine <noreply@example.com>"
        found.append(Warning("DEFAULT_FROM_EMAIL is nobody's address.", hint=hint, id="vitrine.W009"))
    return found


@register(Tags.security, deploy=True)
def check_services(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """``check --deploy``: what several processes share, and what a site in public needs."""
    found: list[CheckMessage] = []
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        hint = "Set DATABASE_URL=postgres://user:password@host:5432/vitrine"
        found.append(Warning("The database is SQLite: one writer at a time.", hint=hint, id="vitrine.W010"))
    if not settings.REDIS_URL:
        hint = "Set REDIS_URL=redis://127.0.0.1:6379/0"
        message = "REDIS_URL is not set: each process counts rate limits for itself."
        found.append(Warning(message, hint=hint, id="vitrine.W011"))
    if not settings.THROTTLES_ENABLED:
        hint = "Remove THROTTLES_ENABLED, or set it to True."
        found.append(Warning("THROTTLES_ENABLED is off: passwords can be guessed.", hint=hint, id="vitrine.W012"))
    if 0 < len(settings.METRICS_TOKEN) < MIN_TOKEN_CHARACTERS:
        hint = "Set METRICS_TOKEN to 32 random characters, or leave it out: then staff alone sees /metrics."
        found.append(Warning("METRICS_TOKEN is short enough to guess.", hint=hint, id="vitrine.W013"))
    if not getattr(staticfiles_storage, "hashed_files", {"": ""}):
        message = f"{settings.STATIC_ROOT} holds no manifest: the pages of the admin would be errors (500)."
        hint = "Run: manage.py collectstatic --no-input"
        found.append(Warning(message, hint=hint, id="vitrine.W014"))
    return found


def stop_on_errors() -> None:
    """Run the checks where no management command does (WSGI, ASGI). Raises ImproperlyConfigured."""
    errors: Sequence[CheckMessage] = [
        message for message in run_checks(tags=[Tags.files, Tags.security]) if message.is_serious()
    ]
    if errors:
        raise ImproperlyConfigured("\n".join(str(error) for error in errors))
