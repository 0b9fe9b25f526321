"""With S3 off boto3 is never imported: it costs 150 ms and 30 MB."""

from pathlib import Path

from config.tests.boot import boot

SERVE = """
import io, sys
from config.wsgi import application
from config import readiness
from django.core.management import call_command
from django.test import Client
from PIL import Image

readiness.TIME_LIMIT_SECONDS = 20.0
call_command("migrate", verbosity=0)
site = Client(headers={"host": "localhost"})
person = {"email": "a@example.com", "username": "a", "password": "Pass-word-1", "password2": "Pass-word-1"}
token = site.post("/api/auth/signup/", person, "application/json").json()["tokens"]["access"]
picture = io.BytesIO()
Image.new("RGB", (8, 8), "teal").save(picture, "PNG")
picture.seek(0)
picture.name = "a.png"
signed_in = {"authorization": f"Bearer {token}"}
made = site.post("/api/artworks/", {"title": "t", "image": picture}, headers=signed_in)
assert made.status_code == 201, made.content
assert site.get(made.json()["image_display_url"].removeprefix("http://localhost")).status_code == 200
for address in ("/", "/healthz", "/readyz", "/api/artworks/", "/api/users/1/", "/api/media/config/", "/api/schema/"):
    answer = site.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
assert site.delete(f"/api/artworks/{made.json()['id']}/", headers=signed_in).status_code == 204
call_command("sweep_media")
print([name for name in ("boto3", "botocore", "s3transfer", "storages.backends.s3") if name in sys.modules])
"""


def lines(folder: Path) -> str:
    return (
        f"SECRET_KEY=only-here\nDATABASE_URL=sqlite:///{folder}/db.sqlite3\nTHROTTLES_ENABLED=False\n"
        f"MEDIA_ROOT={folder}/media\nPRIVATE_MEDIA_ROOT={folder}/private\n"
    )


def test_a_site_on_local_disk_never_imports_boto3(tmp_path: Path) -> None:
    done = boot(SERVE, tmp_path / "env", lines(tmp_path))
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


def test_neither_does_one_whose_bucket_is_only_configured(tmp_path: Path) -> None:
    bucket = "USE_S3=False\nAWS_STORAGE_BUCKET_NAME=b\nAWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=s\n"
    done = boot(SERVE, tmp_path / "env", lines(tmp_path) + bucket)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
