"""People: they upload pictures, look at what they were shown, delete some; and remember every URL they were handed."""

from __future__ import annotations

import hashlib
import io
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from PIL import Image

UPLOADERS, READERS = 3, 4
PICTURES = 12
DELETED = 0.08  # of what is uploaded, a moment later
SECONDS = 60  # that a request may take
PAUSE = 0.5


@dataclass
class Seen:
    """What happened, counted by one lock."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    urls: dict[str, str] = field(default_factory=dict)  # URL -> sha256 of what it shows; "" where nobody looked yet
    failures: list[str] = field(default_factory=list)
    phase: str = "before"

    def count(self, kind: str, status: int, seconds: float) -> None:
        with self.lock:
            self.statuses[kind, status] += 1
            self.seconds[f"{self.phase}: {kind}"].append(seconds)

    def fail(self, text: str) -> None:
        with self.lock:
            self.failures.append(f"{time.strftime('%H:%M:%S')} {self.phase}: {text}")

    def hand_out(self, url: str | None, sha256: str = "") -> None:
        if url:
            with self.lock:
                self.urls.setdefault(url, sha256)

    def forget(self, urls: list[str]) -> None:
        with self.lock:
            for url in urls:
                self.urls.pop(url, None)


def pictures() -> list[bytes]:
    """From some 10 KB to 1 MB, without metadata: they come back bit for bit."""
    made = []
    for number in range(PICTURES):
        width = 300 + 130 * number
        noise = Image.effect_noise((width, width * 3 // 4), 40 + number)
        out = io.BytesIO()
        Image.merge("RGB", [noise, noise.rotate(180), noise]).save(out, "JPEG", quality=80)
        made.append(out.getvalue())
    return made


class Person:
    """Signed in; does one thing after the other until ``stop``."""

    def __init__(self, base: str, name: str, seen: Seen, stop: threading.Event, drawn: list[bytes]) -> None:
        self.base, self.name, self.seen, self.stop, self.drawn = base, name, seen, stop, drawn
        self.random = random.Random(name)
        self.session = requests.Session()
        account = {"email": f"{name}@example.com", "username": name, "password": "Pass-word-1"}
        self.session.post(f"{base}/api/auth/signup/", json={**account, "password2": "Pass-word-1"}).raise_for_status()
        login = self.session.post(f"{base}/api/auth/login/", json=account)
        login.raise_for_status()
        self.bearer = {"Authorization": f"Bearer {login.json()['access']}"}

    def ask(self, kind: str, method: str, url: str, wanted: int, **how: Any) -> requests.Response | None:
        """The answer; None, and a failure noted, where it is not as wanted."""
        started = time.perf_counter()
        try:
            answer = self.session.request(method, url, timeout=SECONDS, **how)
        except requests.RequestException as error:
            self.seen.count(kind, 0, time.perf_counter() - started)
            self.seen.fail(f"{kind}: {type(error).__name__}: {error}")
            return None
        self.seen.count(kind, answer.status_code, time.perf_counter() - started)
        if answer.status_code == wanted:
            return answer
        self.seen.fail(f"{kind}: {answer.status_code} {answer.url.partition('?')[0]} {answer.text[:200]}")
        return None

    def upload_for_ever(self) -> None:
        ways: list[Callable[[bytes], None]] = [self.artwork, self.library_image, self.direct_upload]
        while not self.stop.is_set():
            self.random.choice(ways)(self.random.choice(self.drawn))
            self.stop.wait(PAUSE)

    def artwork(self, data: bytes) -> None:
        files = {"image": ("photo.jpg", data, "image/jpeg")}
        made = self.ask(
            "upload artwork", "POST", f"{self.base}/api/artworks/", 201,
            headers=self.bearer, data={"title": "drill"}, files=files,
        )  # fmt: skip
        self._keep_or_delete(made, data)

    def _keep_or_delete(self, made: requests.Response | None, data: bytes) -> None:
        if made is None:
            return
        body = made.json()
        if self.random.random() > DELETED:
            self.seen.hand_out(body["media"]["url"], hashlib.sha256(data).hexdigest())
            return
        self.ask("delete", "DELETE", f"{self.base}/api/artworks/{body['id']}/", 204, headers=self.bearer)

    def library_image(self, data: bytes) -> None:
        files = {"image": ("private.jpg", data, "image/jpeg")}
        made = self.ask(
            "upload private", "POST", f"{self.base}/api/images/upload/", 201,
            headers=self.bearer, data={"title": "drill"}, files=files,
        )  # fmt: skip
        if made is not None:
            self.seen.hand_out(made.json()["media"]["url"], hashlib.sha256(data).hexdigest())

    def direct_upload(self, data: bytes) -> None:
        wanted = {"original_filename": "direct.jpg", "content_type": "image/jpeg"}
        begun = self.ask("begin direct", "POST", f"{self.base}/api/uploads/", 201, headers=self.bearer, json=wanted)
        if begun is None:
            return
        upload = begun.json()
        where = "form to S3" if not upload["form_url"].startswith(self.base) else "form to the site"
        files = {"file": ("direct.jpg", data, "image/jpeg")}
        if self.ask(where, "POST", upload["form_url"], 201, data=upload["form_fields"], files=files) is None:
            return
        address = f"{self.base}/api/uploads/{upload['upload_id']}/complete/"
        if self.ask("complete direct", "POST", address, 200, headers=self.bearer) is None:
            return
        body = {"title": "direct", "upload_id": upload["upload_id"]}
        made = self.ask("attach", "POST", f"{self.base}/api/artworks/", 201, headers=self.bearer, json=body)
        if made is not None:
            self.seen.hand_out(made.json()["media"]["url"], hashlib.sha256(data).hexdigest())

    def read_for_ever(self) -> None:
        while not self.stop.is_set():
            if self.random.random() < 0.2:
                self.list_pictures()
            else:
                with self.seen.lock:
                    url = self.random.choice(list(self.seen.urls)) if self.seen.urls else None
                if url:
                    self.look("read", url)
            self.stop.wait(PAUSE / 8)

    def list_pictures(self) -> None:
        """A page of the newest: their URLs and those of their variants are handed out too. What is deleted meanwhile
        is nobody's promise, so only what the uploaders keep counts."""
        answer = self.ask("list", "GET", f"{self.base}/api/artworks/?limit=30", 200)
        if answer is None:
            return
        for one in answer.json():
            media = one["media"]
            with self.seen.lock:
                kept = media["url"] in self.seen.urls
            for variant in media["variants"] if kept else ():
                self.seen.hand_out(variant["url"])

    def look(self, kind: str, url: str) -> None:
        """The picture, through redirects; it must show what it has always shown."""
        answer = self.ask(kind, "GET", url, 200)
        if answer is None:
            return
        sha256 = hashlib.sha256(answer.content).hexdigest()
        with self.seen.lock:
            known = self.seen.urls.get(url, sha256)
            if not known:
                self.seen.urls[url] = sha256
        if known and known != sha256:
            self.seen.fail(f"{kind}: other bytes at {url.partition('?')[0]}")


def start(base: str, seen: Seen, stop: threading.Event) -> list[threading.Thread]:
    """All of them, each in a thread."""
    drawn = pictures()
    threads = []
    for number in range(UPLOADERS + READERS):
        person = Person(base, f"person{number}", seen, stop, drawn)
        act = person.upload_for_ever if number < UPLOADERS else person.read_for_ever
        threads.append(threading.Thread(target=act, daemon=True))
    for thread in threads:
        thread.start()
    return threads
