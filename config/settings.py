"""Settings: one file, driven by the environment (``.env`` beside ``manage.py``; the process environment wins)."""

import os
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.utils import get_random_secret_key

from api.logs import FORMATS as LOG_FORMATS
from api.logs import logging_config, secrets_of
from config.admin_theme import ADMIN_THEME
from config.environment import Environment, read_env_file
from config.storages import read_media_environment

BASE_DIR = Path(__file__).resolve().parent.parent


for _name, _value in read_env_file(BASE_DIR).items():
    os.environ.setdefault(_name, _value)
env = Environment(os.environ)


def _development_secret_key() -> str:
    """A key made once into a file that git ignores; only with DEBUG. Processes that start together have the same."""
    path = BASE_DIR / ".secret_key"
    if not path.exists():
        with NamedTemporaryFile("w", dir=BASE_DIR, prefix=".secret_key.") as made:
            made.write(get_random_secret_key())
            made.flush()
            with suppress(FileExistsError):  # another process was first
                os.link(made.name, path)
    return path.read_text()


# --- Security ---------------------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("SECRET_KEY is not set. Set it to a long random text (or DEBUG=True on a laptop).")
    SECRET_KEY = _development_secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="").rstrip("/")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_BASE_URL] if "://" in PUBLIC_BASE_URL else [])
if env.bool("TRUSTED_PROXY_HEADERS", default=False):
    USE_X_FORWARDED_HOST = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
NUM_PROXIES = env.int("TRUSTED_PROXY_COUNT", default=0)
_https = env.bool("HTTPS_ONLY", default=PUBLIC_BASE_URL.startswith("https://"))
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=_https)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if _https else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=False)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=False)
# HSTS for subdomains and the browsers' preload lists bind more than this site: whoever has the domain decides.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
SESSION_ENGINE = "users.sessions"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
X_FRAME_OPTIONS = "DENY"

# --- Applications -----------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the theme of the admin, before what it dresses
    "unfold.contrib.filters",
    "config.admin_app.AdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "corsheaders",
    "django_filters",
    "django_prometheus",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "api",
    "media_assets",
    "users",
    "artworks",
    "ads",
    "properties",
    "images",
    "config",
]
MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "api.request_ids.RequestIDMiddleware",
    "api.request_log.RequestLogMiddleware",
    "api.request_metrics.RequestMetricsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "api.caching.CachingMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "api.lengths.LengthMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "api.slashes.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
UNFOLD = ADMIN_THEME
FORMAT_MODULE_PATH = "config.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

# --- Database: SQLite, or PostgreSQL by DATABASE_URL or DB_* ----------------------------------------------------------
if env.str("DATABASE_URL", default=""):
    try:
        _database: dict[str, Any] = env.db_url("DATABASE_URL")
    except (ValueError, ImproperlyConfigured):  # whose message may hold a part of the password
        _database = {}
    if not _database.get("ENGINE"):
        hint = "postgres://user:password@host:5432/name, with special characters of the password as %XX"
        raise ImproperlyConfigured(f"DATABASE_URL is no database. Write {hint}")
elif env.str("DB_NAME", default=""):
    _database = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": env.str("DB_NAME"),
        "USER": env.str("DB_USER", default="postgres"),
        "PASSWORD": env.str("DB_PASSWORD", default=""),
        "HOST": env.str("DB_HOST", default="localhost"),
        "PORT": env.str("DB_PORT", default="5432"),
    }
else:
    _database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(BASE_DIR / "db.sqlite3")}
if _database["ENGINE"].endswith("sqlite3"):
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",  # a writer waits for the lock instead of failing half-way
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    # A file, not memory: tests with threads and processes need it.
    _database["TEST"] = {"NAME": str(BASE_DIR / env.str("TEST_DATABASE_FILE", default="test_db.sqlite3"))}
else:
    _database |= {"CONN_HEALTH_CHECKS": True}
    _database.setdefault("OPTIONS", {}).setdefault("connect_timeout", 5)
_database["CONN_MAX_AGE"] = env.int("DB_CONN_MAX_AGE", default=60)  # seconds
DATABASES = {"default": _database}

# --- Media: see config/storages.py ------------------------------------------------------------------------------------
MEDIA = read_media_environment(os.environ, BASE_DIR)
USE_S3 = MEDIA.use_s3
MEDIA_URL = MEDIA.media_url
MEDIA_ROOT = str(MEDIA.media_root)
PRIVATE_MEDIA_ROOT = str(MEDIA.private_media_root)
MEDIA_DEFAULT_VISIBILITY = MEDIA.default_visibility
MEDIA_ACTIVE_STORAGES = MEDIA.active
MEDIA_URL_EXPIRY_SECONDS = MEDIA.expiry_seconds
MEDIA_CACHE_MAX_AGE_SECONDS = MEDIA.cache_max_age_seconds
MEDIA_MAX_SIZE_BYTES = env.int("MEDIA_MAX_SIZE_BYTES", default=10 * 1024 * 1024)
MEDIA_MAX_PIXELS = env.int("MEDIA_MAX_PIXELS", default=50_000_000)
MEDIA_LEASE_SECONDS = env.int("MEDIA_LEASE_SECONDS", default=900)
MEDIA_X_ACCEL_PREFIX = env.str("MEDIA_X_ACCEL_PREFIX", default="")
# Direct uploads: from a browser or a phone straight to the storage.
UPLOAD_MAX_SIZE_BYTES = env.int("UPLOAD_MAX_SIZE_BYTES", default=100 * 1024 * 1024)
UPLOAD_ALLOWED_CONTENT_TYPES = env.list("UPLOAD_ALLOWED_CONTENT_TYPES", default=[])  # besides images
UPLOAD_FORM_SECONDS = env.int("UPLOAD_FORM_SECONDS", default=900)
UPLOAD_MULTIPART_SECONDS = env.int("UPLOAD_MULTIPART_SECONDS", default=86_400)
UPLOAD_MAX_OUTSTANDING = env.int("UPLOAD_MAX_OUTSTANDING", default=100)  # per user
UPLOAD_QUOTA_BYTES = env.int("UPLOAD_QUOTA_BYTES", default=10 * 1024**3)  # of everything that a user stores; 0: none
# Pictures: what is made of them beside the original, and within which limits they are decoded.
MEDIA_VARIANT_WIDTHS = sorted({int(width) for width in env.list("MEDIA_VARIANT_WIDTHS", default=[320, 800, 1600])})
MEDIA_DECODE_SECONDS = env.int("MEDIA_DECODE_SECONDS", default=60)
MEDIA_DECODE_MEMORY_BYTES = env.int("MEDIA_DECODE_MEMORY_BYTES", default=1024**3)
MEDIA_WORK_LEASE_SECONDS = env.int("MEDIA_WORK_LEASE_SECONDS", default=600)
STATIC_URL = "/static/"
STATIC_ROOT = str(BASE_DIR / "staticfiles")
STORAGES = {
    **MEDIA.storages,
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG
FILE_UPLOAD_HANDLERS = [
    f"api.uploads.{name}" for name in ("LimitedUploads", "MemoryUploadHandler", "SpoolingUploadHandler")
]
FILE_UPLOAD_PERMISSIONS = 0o644
DATA_UPLOAD_MAX_MEMORY_SIZE = 1_048_576  # bytes of a request without its files
UPLOAD_REQUEST_MAX_BYTES = env.int("UPLOAD_REQUEST_MAX_BYTES", default=51 * MEDIA_MAX_SIZE_BYTES)  # 50 files and more

# --- Users and sign-in ------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "users.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(hours=24),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "AUTH_TOKEN_CLASSES": ["users.token_keys.AccessToken"],  # SECRET_KEY_FALLBACKS count for tokens too
    "CHECK_REVOKE_TOKEN": True,  # a change of the password ends every session
    "UPDATE_LAST_LOGIN": False,
}
try:
    EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
except (ValueError, ImproperlyConfigured):  # whose message may hold a part of the password
    raise ImproperlyConfigured("EMAIL_URL is no mail server. Write smtp+tls://user:password@host:587") from None
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "localhost")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER") or ""
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Vitrine <noreply@localhost>")
# Where the link of a password-reset mail leads; {uid} and {token} are filled in.
PASSWORD_RESET_URL = env.str("PASSWORD_RESET_URL", default="")

# --- Cache and throttles: in this process, or shared by REDIS_URL -----------------------------------------------------
REDIS_URL = env.str("REDIS_URL", default="")
CACHES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "OPTIONS": {"MAX_ENTRIES": 10_000}}
}
THROTTLES_ENABLED = env.bool("THROTTLES_ENABLED", default=True)

# --- Tasks: at once and in this process, or by workers that a broker feeds --------------------------------------------
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="")
CELERY_APP = "config.celery.app"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 1800,  # seconds, like the next two
    "socket_connect_timeout": 3,
    "socket_timeout": 10,
    "max_retries": 0,  # no request waits for a broker that is down: the sweeper sends later
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- REST -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "api.parsers.JSONParser",
        "api.parsers.MultiPartParser",
        "api.parsers.FormParser",
    ],
    "DEFAULT_SCHEMA_CLASS": "api.openapi.Schema",
    "DEFAULT_THROTTLE_RATES": {
        "login": env.str("THROTTLE_LOGIN", default="10/min"),
        "login_address": env.str("THROTTLE_LOGIN_ADDRESS", default="60/min"),
        "login_account": env.str("THROTTLE_LOGIN_ACCOUNT", default="100/hour"),
        "signup": env.str("THROTTLE_SIGNUP", default="20/hour"),
        "password_reset": env.str("THROTTLE_PASSWORD_RESET", default="5/hour"),
        "uploads": env.str("THROTTLE_UPLOADS", default="1200/hour"),
    },
    "NUM_PROXIES": NUM_PROXIES,
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "DATETIME_FORMAT": "%Y-%m-%dT%H:%M:%SZ",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Vitrine",
    "DESCRIPTION": "A media-first backend: artworks, profiles and the images behind them.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "api.openapi_answers.finish_answers",
    ],
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "minimum": 1, "maximum": 2**63 - 1}},
}
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_ALL_ORIGINS = env.bool("CORS_ALLOW_ALL_ORIGINS", default=False)
CORS_URLS_REGEX = r"^/(api|media)/.*$"
CORS_EXPOSE_HEADERS = ["Link", "ETag", "Location", "X-Request-ID", "Retry-After"]
CORS_ALLOW_HEADERS = [
    *("accept", "authorization", "content-type", "user-agent", "x-csrftoken", "x-requested-with"),
    *("idempotency-key", "x-request-id", "range"),
]
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
WORKER_METRICS_ADDRESS = env.str("WORKER_METRICS_ADDRESS", default="")  # host:port

# --- Logs -------------------------------------------------------------------------------------------------------------
LOG_FORMAT = env.str("LOG_FORMAT", default="") or ("plain" if DEBUG else "json")
if LOG_FORMAT not in LOG_FORMATS:
    raise ImproperlyConfigured(f"LOG_FORMAT={LOG_FORMAT!r} is not known. Write one of: {', '.join(LOG_FORMATS)}.")
LOGGING = logging_config(LOG_FORMAT, env.str("LOG_LEVEL", default="INFO"), {SECRET_KEY, *secrets_of(os.environ)})
