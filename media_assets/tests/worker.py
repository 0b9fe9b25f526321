"""A process of its own for the tests of crashes and races: ``python -m media_assets.tests.worker JOB ARGUMENT``.

It takes database and media settings from its environment and prints what it did as JSON.
"""

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.files.uploadedfile import SimpleUploadedFile  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from api.fingerprints import file_sha256  # noqa: E402
from conftest import draw  # noqa: E402
from media_assets import services  # noqa: E402
from media_assets.fields import ImageUploadField  # noqa: E402
from media_assets.models import MediaAsset  # noqa: E402
from media_assets.storages import active_alias, get_storage  # noqa: E402
from users.models import User  # noqa: E402


def die(*args: Any, **kwargs: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(function: Callable[..., Any], *, first: bool) -> Callable[..., Any]:
    """``function``, with death before it (``first``) or right after it."""

    def called(*args: Any, **kwargs: Any) -> Any:
        if not first:
            function(*args, **kwargs)
        die()

    return called


class DyingFile(SimpleUploadedFile):
    """A file whose second half cannot be read any more."""

    armed = False

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        if not self.armed:
            yield from super().chunks(chunk_size)
            return
        yield super().read()[: self.size // 2]
        die()

    def read(self, size: int = -1) -> bytes:
        if self.armed and self.tell():
            die()
        return super().read(min(size, 512) if self.armed and size > 0 else size)


def upload(name: str = "photo.jpg", color: str = "teal", step: str = "") -> MediaAsset:
    """Store a drawn photo as the avatar of a new user, dying at ``step``."""
    user = User.objects.create_user(f"{os.urandom(6).hex()}@example.com", os.urandom(6).hex())
    file = ImageUploadField().run_validation(DyingFile(name, draw(color=color), "image/jpeg"))
    storage: Any = get_storage(active_alias("public"))
    if step == "before-write":
        storage.create = dying(storage.create, first=True)
    elif step == "after-write":
        storage.create = dying(storage.create, first=False)
    elif step == "half-written":
        file_sha256(file)
        file.armed = True
    with services.stored_image(file, owner=user, folder="avatars") as asset:
        assert asset is not None
        with transaction.atomic():
            User.objects.filter(pk=user.pk).update(avatar=asset)
            services.asset_publish(asset)
            if step == "before-commit":
                die()
        if step == "after-commit":
            die()
    return asset


def crash(step: str) -> None:
    """Die at a step of an upload, or of a discard."""
    if step.startswith("discard"):
        asset = upload()
        if step == "discard-before-delete":
            services.delete_objects = dying(services.delete_objects, first=True)
        elif step == "discard-after-delete":
            services.delete_objects = dying(services.delete_objects, first=False)
        User.objects.filter(avatar=asset).delete()
    else:
        upload(step=step)


def race(count: str) -> None:
    """Upload the same name from ``count`` threads at once; print keys, digests and the storage's requests."""
    sent: list[str] = []
    storage: Any = get_storage(active_alias("public"))
    if hasattr(storage, "client"):
        storage.client.meta.events.register("before-send.s3", lambda request, **_: sent.append(request.method))

    def one(number: int) -> list[str]:
        try:
            asset = upload(color=f"hsl({(os.getpid() + number * 7) % 360}, 80%, {20 + number}%)")
            return [asset.key, asset.sha256]
        finally:
            connection.close()

    with ThreadPoolExecutor(int(count)) as pool:
        made = list(pool.map(one, range(int(count))))
    print(json.dumps({"made": made, "methods": sorted(set(sent))}))


if __name__ == "__main__":
    {"crash": crash, "race": race}[sys.argv[1]](sys.argv[2])
