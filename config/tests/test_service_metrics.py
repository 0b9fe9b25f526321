"""``/metrics``: bounded labels, one set of gauges, and parts that do not answer."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from config import metrics, readiness
from config.tests.boot import ROOT
from media_assets.tests.celery_worker import BROKERS

TOKEN = {"authorization": "Bearer token-of-test"}


@pytest.fixture(autouse=True)
def _own_collector(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """One that has asked nothing yet, on a machine that may be busy."""
    monkeypatch.setattr(readiness, "TIME_LIMIT_SECONDS", 20.0)
    monkeypatch.setattr(readiness, "KEPT_SECONDS", 60.0)
    monkeypatch.setattr(metrics, "_site", metrics.SiteCollector())
    settings.METRICS_TOKEN = "token-of-test"


def scraped(client: Client) -> dict[tuple[str, ...], float]:
    """Name and label values to value."""
    answer = client.get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return {(sample.name, *sample.labels.values()): sample.value for each in families for sample in each.samples}


@pytest.mark.django_db(transaction=True)
def test_the_registry_is_read_when_it_is_asked_and_not_too_often(client: Client, monkeypatch: Any) -> None:
    asked: list[int] = []
    read = metrics.read_waiting
    monkeypatch.setattr(metrics, "read_waiting", lambda: asked.append(1) or read())
    for _ in range(3):
        found = scraped(client)
        assert found[("vitrine_part_up", "registry")] == 1
        assert found[("vitrine_work_due",)] == found[("vitrine_assets", "failed")] == 0
        assert ("vitrine_part_up", "broker") not in found  # there is none
    assert len(asked) == 1


def test_without_its_database_a_site_still_tells_what_it_counted(client: Client) -> None:
    found = scraped(client)  # pytest-django forbids the database here
    assert found[("vitrine_part_up", "registry")] == 0
    assert ("vitrine_work_due",) not in found
    assert ("django_http_requests_before_middlewares_total",) in found


@pytest.mark.parametrize(
    ("broker", "up"),
    [
        *(("redis://127.0.0.1:9/0", 0), ("amqp://guest:guest@127.0.0.1:9//", 0)),
        *((url, 1) for url in BROKERS.values()),
    ],
)
def test_a_broker_is_seen_up_or_down(client: Client, settings: Any, monkeypatch: Any, broker: str, up: int) -> None:
    from celery import Celery

    settings.CELERY_BROKER_URL = broker
    app = Celery("vitrine")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    monkeypatch.setattr("config.celery.app", app)
    assert scraped(client)[("vitrine_part_up", "broker")] == up


def views_and_methods() -> set[tuple[str, ...]]:
    names = ("view", "method")
    return {
        tuple(sample.labels[name] for name in names if name in sample.labels)
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name.startswith("django_http") and set(names) & set(sample.labels)
    }


@pytest.mark.django_db
def test_no_caller_can_make_a_new_time_series(client: Client) -> None:
    client.get("/api/artworks/")
    client.generic("WORD", "/api/artworks/")
    client.get("/nowhere/0")
    before = views_and_methods()
    for number in range(5):
        client.generic(f"WORD{number}", "/api/artworks/")
        client.get(f"/nowhere/{number}")
        client.get(f"/api/artworks/{number}999/", headers={"host": f"h{number}"})
        client.get("/api/artworks/", headers={"accept": f"text/{number}", "content-type": f"a/{number}"})
    new = views_and_methods() - before
    assert {view_and_method for view_and_method in new if "WORD" in str(view_and_method)} == set()
    assert len(new) <= 2, new  # the detail's view, once


def test_what_middleware_answers_is_counted_by_status(client: Client, settings: Any) -> None:
    def counted(status: int) -> float:
        name = "django_http_responses_total_by_status_total"
        return REGISTRY.get_sample_value(name, {"status": str(status)}) or 0

    before = counted(301), counted(400)
    settings.SECURE_SSL_REDIRECT = True
    client = Client()
    assert client.get("/").status_code == 301
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert (counted(301), counted(400)) == (before[0] + 1, before[1] + 1)


PROCESSES = """
import os, signal, sys, time
from pathlib import Path
from api.metrics import exposition, share_counts
folder = share_counts()
assert share_counts() == folder
from prometheus_client import Counter
counter = Counter("things", "Things.", ["kind"])

def child(count):
    pid = os.fork()
    if not pid:
        counter.labels("a").inc(count)
        os.kill(os.getpid(), signal.SIGKILL) if count % 2 else os._exit(0)
    return pid

counter.labels("a").inc(100)
for round in range(30):
    os.waitpid(child(round), 0)
files = sorted(path.name for path in folder.glob("*.db"))
together = [child(1) for _ in range(3)]
for pid in together:
    os.waitpid(pid, 0)
total = [line for line in exposition().decode().splitlines() if line.startswith("things_total")]
print(total, files, folder)
"""


def test_processes_count_together_and_dead_ones_leave_their_place(tmp_path: Path) -> None:
    """30 processes, one after the other, half of them killed, need no more files than two living ones."""
    done = subprocess.run([sys.executable, "-c", PROCESSES], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told, folder = done.stdout.rsplit(" ", 1)
    assert told == f"['things_total{{kind=\"a\"}} {100.0 + sum(range(30)) + 3}'] ['counter_0.db', 'counter_1.db']"
    assert not Path(folder.strip()).exists()


KILLED = """
import os, signal
from api.metrics import share_counts
print(share_counts(), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
ALIVE = """
from api.metrics import share_counts
print(share_counts(), flush=True)
input()
"""


def test_what_a_killed_server_left_goes_at_the_next_start_and_nothing_else() -> None:
    def folder_of(process: subprocess.Popen[str]) -> Path:
        return Path(process.stdout.readline().strip())

    def run(code: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=pipe, stdout=pipe, text=True)

    with run(ALIVE) as alive:
        kept = folder_of(alive)
        with run(KILLED) as killed:
            left = folder_of(killed)
        with run(ALIVE) as following:
            own = folder_of(following)
            assert (kept.is_dir(), left.is_dir(), own.is_dir()) == (True, False, True)
            following.communicate("\n", timeout=20)
        alive.communicate("\n", timeout=20)
    assert not kept.exists() and not own.exists()
