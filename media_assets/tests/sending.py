"""What a browser does with the answer of an upload: posts its form, reads what the URL gives."""

from typing import Any
from urllib.parse import urlsplit

import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from media_assets.models import Upload
from media_assets.storages import get_storage
from media_assets.tests.uploads import put_in_staging

LOCAL = "http://testserver"


def send_form(url: str, fields: dict[str, str], data: bytes, name: str = "photo.jpg") -> int:
    """The status of posting the fields in their order, then the file, to the store (or to the application)."""
    if url.startswith(LOCAL):
        file = SimpleUploadedFile(name, data, fields["Content-Type"])
        return Client().post(urlsplit(url).path, {**fields, "file": file}).status_code
    return requests.post(url, data=fields, files={"file": (name, data)}, timeout=20).status_code


def read_url(url: str) -> tuple[int, bytes]:
    """Status and bytes of what anybody gets there."""
    if url.startswith(LOCAL):
        answer: Any = Client().get(url.removeprefix(LOCAL))
        return answer.status_code, b"".join(answer.streaming_content) if answer.streaming else answer.content
    found = requests.get(url, timeout=20)
    return found.status_code, found.content


def stage(upload_id: str, data: bytes) -> None:
    """Put bytes into staging behind the application's back."""
    put_in_staging(Upload.objects.get(upload_id=upload_id), data)


def code_of(answer: Any, status: int) -> str:
    """The code of a refusal with this status; its detail is a sentence."""
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"detail", "code"}
    assert body["detail"].endswith(".")
    return str(body["code"])


def stored_keys() -> list[str]:
    """Of everything in the private storage."""
    alias = Upload.everything.values_list("storage", flat=True).first() or "local-private"
    return [item.key for item in get_storage(alias).list_objects()]
