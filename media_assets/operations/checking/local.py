"""The steps of local disk: the folders, an object's life, and what the application itself answers."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import transaction
from django.http.request import validate_host
from django.template.defaultfilters import filesizeformat
from django.test import Client
from django.utils import timezone

from media_assets.errors import KeyTaken, ObjectMissing
from media_assets.models import MediaAsset, State
from media_assets.operations.checking.findings import Step, Verdict, failed, ok, warning
from media_assets.operations.checking.written import BODY, CONTENT_TYPE, WrittenToDisk, violations
from media_assets.signing.urls import url_maker
from media_assets.storages.disk import INCOMING

FREE_WARNS_BYTES = 1024**3
_PERMISSIONS = "Let the user that the application runs as write there: chown, chmod."
_PRIVATE_PREFIX = "private"


class DiskSteps:
    """The steps of one alias. ``visibility``: public or private."""

    def __init__(self, written: WrittenToDisk) -> None:
        self.written = written
        self.visibility = written.alias.partition("-")[2]
        self.variable = "PRIVATE_MEDIA_ROOT" if self.visibility == _PRIVATE_PREFIX else "MEDIA_ROOT"
        self.root = Path(settings.STORAGES[written.alias]["OPTIONS"]["location"])
        self.folder = Step(written.alias, "folder", f"write to {self.root}", self._folder)
        self.put = self._step("put", f"a file at {self._key}", self._put, self.folder)
        self.host = Step(written.alias, "host", f"ALLOWED_HOSTS, asked for {_host()}", _host_allowed)

    def steps(self) -> Iterator[Step]:
        """All of them but the last."""
        yield self.folder
        yield self._step("separate folders", "MEDIA_ROOT and PRIVATE_MEDIA_ROOT", self._separate, self.folder)
        yield self._step("free space", f"statvfs of {self.root}", self._space, self.folder)
        yield self._step("hard links", "link(2) of a file", self._links, self.folder)
        yield self.put
        yield self._step("atomic create", "a second file of that name", self._create_again)
        yield self._step("read", "its bytes", self._read)
        yield self._step("copy", "a copy within the storage", lambda: self._copy_to(self, "copy.png"))
        yield self.host
        yield from self._public() if self.visibility == "public" else self._private()

    def last_step(self) -> Step:
        return self._step("delete", "delete it, then look", self._delete)

    def copied_to(self, target: DiskSteps) -> Step:
        """The step that copies this one's object into another storage."""
        alias = target.written.alias
        return self._step(
            f"copy to {alias}",
            "a copy between the folders",
            lambda: self._copy_to(target, "other.png"),
            self.put,
            target.put,
        )

    def _public(self) -> Iterator[Step]:
        yield self._asked("delivery", "GET of its URL through the application", self._delivered)

    def _private(self) -> Iterator[Step]:
        yield self._asked("signed get", "GET of the URL that the site hands out", self._delivered)
        yield self._asked(
            "get without a signature", "GET of that URL without its query", lambda: self._hidden(self._bare())
        )
        yield self._asked("signed get, forged", "GET with another signature", lambda: self._hidden(self._forged()))
        yield self._asked(
            "signed get, expired", "GET of a URL whose time is over", lambda: self._hidden(self._expired())
        )
        form = self._asked("upload form", "POST of a signed form to the application", self._form)
        yield form
        for name, changed, body in violations(self.written.key("elsewhere.png", staging=True)):
            run = partial(self._refused_form, changed, body)
            yield self._asked(f"upload form, {name}", f"the form with {name}", run, form)

    def _asked(self, name: str, tried: str, run: Callable[[], Verdict], *needs: Step) -> Step:
        """A step that asks the application."""
        return self._step(name, tried, run, self.put, self.host, *needs)

    def _step(self, name: str, tried: str, run: Callable[[], Verdict], *needs: Step) -> Step:
        return Step(self.written.alias, name, tried, run, needs or (self.put,))

    @property
    def _key(self) -> str:
        return self.written.key("object.png")

    # --- the folder ---

    def _folder(self) -> Verdict:
        probe = self.root / INCOMING / str(uuid4())
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            probe.touch()
            probe.unlink()
        except OSError as error:
            return failed(str(error), f"{self.variable}={self.root}: {_PERMISSIONS}")
        return ok("It can be written to.")

    def _separate(self) -> Verdict:
        public, private = (
            Path(settings.STORAGES[alias]["OPTIONS"]["location"]).resolve()
            for alias in ("local-public", "local-private")
        )
        if public == private or public in private.parents or private in public.parents:
            fix = f"Set MEDIA_ROOT and PRIVATE_MEDIA_ROOT={public.parent / 'private_media'}: neither inside the other."
            return failed(f"{private} and {public} are not apart: what serves one would serve the other.", fix)
        return ok("Neither lies inside the other.")

    def _space(self) -> Verdict:
        free = shutil.disk_usage(self.root).free
        fix = f"Make room on the disk of {self.variable}={self.root}, or move the folder."
        answer = f"{filesizeformat(free)} are free."
        if free < settings.UPLOAD_MAX_SIZE_BYTES:
            return failed(f"{answer} One upload may have {filesizeformat(settings.UPLOAD_MAX_SIZE_BYTES)}.", fix)
        return warning(answer, fix) if free < FREE_WARNS_BYTES else ok(answer)

    def _links(self) -> Verdict:
        first, second = (self.root / INCOMING / str(uuid4()) for _ in range(2))
        try:
            first.touch()
            os.link(first, second)
        except OSError as error:
            fix = f"Put {self.variable} on a file system that has hard links: a name is taken atomically by them."
            return failed(str(error), fix)
        finally:
            for path in (first, second):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        return ok("The file system has them.")

    # --- an object's life ---

    def _put(self) -> Verdict:
        self.written.create(self._key)
        return ok(f"{len(BODY)} bytes written.")

    def _create_again(self) -> Verdict:
        try:
            self.written.create(self._key, self.written.new_id(), b"somebody else's")
        except KeyTaken:
            if self.written.storage.owns(self._key, self.written.object_id):
                return ok("Refused, and the file is still the first one.")
        return failed("The second file took the name: files could overwrite each other.", "Use another file system.")

    def _read(self) -> Verdict:
        with self.written.storage.open(self._key) as file:
            same = file.read() == BODY
        return ok("The same bytes came back.") if same else failed("Other bytes came back.", "Look into the disk.")

    def _copy_to(self, target: DiskSteps, name: str) -> Verdict:
        source, key = self.written.storage, target.written.claim(target.written.key(name))
        object_id, etag = target.written.new_id(), source.stat(self._key).etag
        target.written.storage.copy(
            key, source=source, source_key=self._key, content_type=CONTENT_TYPE, object_id=object_id, if_etag=etag
        )
        return ok(f"{target.written.storage.stat(key).size} bytes.")

    def _delete(self) -> Verdict:
        storage = self.written.storage
        storage.delete(self._key)
        try:
            storage.stat(self._key)
        except ObjectMissing:
            return ok("It is gone.")
        return failed("It is still there.", "Look into the disk.")

    # --- what the application answers ---

    def _delivered(self) -> Verdict:
        answer = self._get(self.written.storage.url(self._key))
        caching = answer.headers.get("Cache-Control", "")
        if answer.status_code != 200:
            return failed(_said(answer), "Check MIDDLEWARE and the addresses of media.")
        right = (
            answer.headers.get("Content-Type") == CONTENT_TYPE
            and answer.headers.get("X-Content-Type-Options") == "nosniff"
            and caching.startswith(self.visibility)
        )
        if not right:
            return failed(
                f"HTTP 200 with {dict(answer.headers)}.", "Check MIDDLEWARE: something changes media headers."
            )
        prefix = settings.MEDIA_X_ACCEL_PREFIX.rstrip("/")
        if not prefix:
            same = _body(answer) == BODY
            return (
                ok(f"HTTP 200, {CONTENT_TYPE}, {caching}.")
                if same
                else failed("Other bytes came.", "Look into the disk.")
            )
        location = f"location {prefix}/{self.visibility}/ {{ internal; alias {self.root}/; }}"
        return ok(f"HTTP 200, {caching}; MEDIA_X_ACCEL_PREFIX leaves the bytes to nginx, which needs: {location}")

    def _hidden(self, url: str) -> Verdict:
        answer = self._get(url)
        if answer.status_code == 403:
            return ok(f"Refused: {_said(answer)}.")
        return failed(f"{_said(answer)}: private files can be read.", "Check MIDDLEWARE and the addresses of media.")

    def _bare(self) -> str:
        return str(self.written.storage.url(self._key)).partition("?")[0]

    def _forged(self) -> str:
        return f"{self._bare()}?expires={int(time.time()) + 300}&signature={'A' * 32}"

    def _expired(self) -> str:
        return url_maker(self.written.alias).exact(self._key, now=time.time() - 600, expires_in=300)[0]

    def _get(self, url: str) -> Any:
        """What the application answers while the registry has this file; nobody else ever sees the row."""
        with transaction.atomic():
            try:
                self._register()
                answer: Any = _client().get(url, secure=settings.SECURE_SSL_REDIRECT)
                answer.checked_body = _body(answer)  # read while the file is delivered
                return answer
            finally:
                transaction.set_rollback(True)

    def _register(self) -> None:
        MediaAsset.objects.create(
            object_id=self.written.object_id,
            storage=self.written.alias,
            key=self._key,
            visibility=self.visibility,
            state=State.READY,
            content_type=CONTENT_TYPE,
            size=len(BODY),
            original_filename="object.png",
            width=1,
            height=1,
            published_at=timezone.now(),
        )

    # --- direct uploads ---

    def _post(self, name: str, changed: Mapping[str, str], body: bytes) -> Any:
        key = self.written.claim(self.written.key(name, staging=True))
        form = self.written.form(key)
        fields = {**form.fields, **changed}
        self.written.claim(fields["key"])
        file = ContentFile(body, name="check.png")
        return _client().post(form.url, {**fields, "file": file}, secure=settings.SECURE_SSL_REDIRECT)

    def _form(self) -> Verdict:
        answer = self._post("form.png", {}, BODY)
        if answer.status_code != 201:
            return failed(f"{_said(answer)}: browsers cannot upload.", "Check MIDDLEWARE and the disk.")
        return ok("HTTP 201; the file is there.")

    def _refused_form(self, changed: Mapping[str, str], body: bytes) -> Verdict:
        answer = self._post("refused.png", changed, body)
        if 400 <= answer.status_code < 500:
            return ok(f"Refused: {_said(answer)}.")
        return failed(f"{_said(answer)}: what the form does not allow is taken.", "Check SECRET_KEY and MIDDLEWARE.")


def _host() -> str:
    """The host that the site is asked by."""
    named = [urlsplit(settings.PUBLIC_BASE_URL).hostname, *settings.ALLOWED_HOSTS]
    return next((name.lstrip(".") for name in named if name and name != "*"), "localhost")


def _host_allowed() -> Verdict:
    if validate_host(_host(), settings.ALLOWED_HOSTS):
        return ok(f"{_host()} is answered to.")
    allowed = ",".join([*settings.ALLOWED_HOSTS, _host()])
    return failed(
        f"PUBLIC_BASE_URL names {_host()}, which the site does not answer to.", f"Set ALLOWED_HOSTS={allowed}"
    )


def _client() -> Client:
    return Client(raise_request_exception=False, SERVER_NAME=_host())


def _body(answer: Any) -> bytes:
    if "checked_body" in answer.__dict__:
        return bytes(answer.checked_body)
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


def _said(answer: Any) -> str:
    text = _body(answer).decode(errors="replace").strip().replace("\n", " ")
    return f"HTTP {answer.status_code} {text[:200]}".strip()
