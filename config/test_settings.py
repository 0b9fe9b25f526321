"""The settings under test: those of the site, with an environment that no developer's machine decides."""

import atexit
import os
import re
import shutil
import tempfile
import uuid
from pathlib import Path

_KEPT = ("DATABASE_URL", "LOG_LEVEL", "TEST_DATABASE_FILE")
_example = (Path(__file__).resolve().parent.parent / ".env.example").read_text(encoding="utf-8")
_SHOWN = re.findall(r"^#? ?([A-Z][A-Z0-9_]+)=", _example, re.MULTILINE)  # every variable that the site reads
for _name in list(os.environ):
    if _name.startswith("AWS_") or (_name in _SHOWN and _name not in _KEPT):
        del os.environ[_name]

_media = tempfile.mkdtemp(prefix="vitrine-tests-")  # of this run alone: runs beside each other do not meet
atexit.register(shutil.rmtree, _media, ignore_errors=True)
_direct = [os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost,::1"]
os.environ |= dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(filter(None, _direct)))  # servers that tests start
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
_database = DATABASES["default"]  # noqa: F405
if "TEST" not in _database:  # on a server that other runs may use too; the workers of one run share the name
    _run = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)[:12]
    _database["TEST"] = {"NAME": f"test_{_database['NAME']}_{_run}"}
