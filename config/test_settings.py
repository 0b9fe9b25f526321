"""The settings under test: those of the site, with an environment that no developer's machine decides."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_KEPT = ("DATABASE_URL", "REDIS_URL", "LOG_LEVEL", "TEST_DATABASE_FILE")
_PREFIXES = ("AWS_", "DJANGO_AWS_", "MEDIA_", "DB_", "PRIVATE_MEDIA_")
for _name in [name for name in os.environ if name.startswith(_PREFIXES) and name not in _KEPT]:
    del os.environ[_name]

_media = tempfile.mkdtemp(prefix="vitrine-tests-")  # of this run alone: runs beside each other do not meet
atexit.register(shutil.rmtree, _media, ignore_errors=True)
os.environ |= {
    "ENV_FILE": os.devnull,
    "SECRET_KEY": "only-for-tests-" + "0123456789" * 5,
    "DEBUG": "False",
    "USE_S3": "False",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
    "MEDIA_ROOT": f"{_media}/public",
    "PRIVATE_MEDIA_ROOT": f"{_media}/private",
    "TEST_DATABASE_FILE": os.environ.get("TEST_DATABASE_FILE", f"{_media}/test.sqlite3"),
    "THROTTLES_ENABLED": "False",
    "CELERY_BROKER_URL": "",
    "MEDIA_VARIANT_WIDTHS": "",  # the tests of variants say what they make
    "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
}

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
STATIC_ROOT = f"{_media}/static"
Path(STATIC_ROOT).mkdir()
