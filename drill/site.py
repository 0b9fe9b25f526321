"""The processes of the site: started, stopped, reloaded one after the other with other lines in the ``.env`` file."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg2

from config.tests.boot import ROOT
from config.tests.production import (
    X_ACCEL_PREFIX,
    Server,
    answering,
    environment,
    start_nginx,
    write_nginx,
)
from conftest import free_port

DATABASE_SERVER = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")
REDIS = os.environ.get("REDIS_TEST_URL", "redis://127.0.0.1:6379/0")
GUNICORNS = 2
WORKERS = 2
RELOAD_SECONDS = 120


class Site:
    """``env`` is what every process is started with; ``base`` is the address that people use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = f"vitrine_drill_{uuid.uuid4().hex[:8]}"
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.env = self._environment()
        self.ports = [free_port() for _ in range(GUNICORNS)]
        self.gunicorns: list[Server] = []
        self.workers: list[subprocess.Popen[bytes]] = []
        self.nginx: Server | None = None

    def start(self) -> None:
        self._in_database(f"CREATE DATABASE {self.database}")
        self._write_env(USE_S3="False")
        (self.folder / "static").mkdir()
        self.manage("migrate", "--verbosity", "0")
        self.manage("collectstatic", "--no-input", "--verbosity", "0")
        self.gunicorns = [self._gunicorn(port) for port in self.ports]
        self.workers = [self._worker(number) for number in range(WORKERS)]
        conf = write_nginx(
            self.folder,
            NGINX_HTTP_PORT=str(self.port),
            NGINX_UPSTREAM="".join(f"server 127.0.0.1:{port};" for port in self.ports),
        )
        self.nginx = start_nginx(conf, self.port)

    def switch(self, **lines: str) -> None:
        """Write these lines into the ``.env`` file; reload every gunicorn and restart every worker, one at a time: the
        other of each kind serves meanwhile."""
        self._write_env(**lines)
        for server in self.gunicorns:
            self._reload(server.process.pid)
        for number in range(WORKERS):
            self._stop(self.workers[number])
            self.workers[number] = self._worker(number)

    def _write_env(self, **lines: str) -> None:
        (self.folder / "site.env").write_text("".join(f"{name}={value}\n" for name, value in lines.items()))

    @staticmethod
    def _reload(pid: int) -> None:
        """SIGHUP: new workers take over, the old ones end what they are at."""
        old = set(psutil.Process(pid).children())
        os.kill(pid, signal.SIGHUP)
        psutil.wait_procs(old, RELOAD_SECONDS)

    def stop(self) -> None:
        for server in [*([self.nginx] if self.nginx else []), *self.gunicorns]:
            server.stop()
        for worker in self.workers:
            self._stop(worker)
        self._in_database(f"DROP DATABASE IF EXISTS {self.database} WITH (FORCE)")
        self._delete_bucket()

    def manage(self, *command: str) -> tuple[int, str]:
        """Run a management command; its exit code and what it printed."""
        run = subprocess.run(
            [sys.executable, "manage.py", *command], cwd=ROOT, env=self.env, capture_output=True, text=True
        )
        with (self.folder / "manage.log").open("a") as log:
            log.write(f"$ manage.py {' '.join(command)}\n{run.stdout}{run.stderr}\n")
        return run.returncode, run.stdout if run.returncode == 0 else run.stdout + run.stderr

    def report(self, *command: str) -> tuple[int, Any]:
        """The same for a command with ``--json``."""
        code, printed = self.manage(*command, "--json")
        try:
            return code, json.loads(printed.splitlines()[0])
        except (ValueError, IndexError):
            return code, {"printed": printed}

    def _environment(self) -> dict[str, str]:
        parts = urlsplit(DATABASE_SERVER)
        redis = REDIS.rpartition("/")[0]
        lines = environment(
            self.folder,
            ENV_FILE=str(self.folder / "site.env"),
            DATABASE_URL=urlunsplit(parts._replace(path=f"/{self.database}")),
            REDIS_URL=f"{redis}/14",
            CELERY_BROKER_URL=f"{redis}/15",
            AWS_STORAGE_BUCKET_NAME=self.database.replace("_", "-"),
            AWS_S3_ENDPOINT_URL=os.environ["S3_TEST_ENDPOINT_URL"],
            AWS_ACCESS_KEY_ID=os.environ["S3_TEST_ACCESS_KEY"],
            AWS_SECRET_ACCESS_KEY=os.environ["S3_TEST_SECRET_KEY"],
            AWS_DEFAULT_ACL="",  # public by the bucket's policy
            PUBLIC_BASE_URL=self.base,
            CORS_ALLOWED_ORIGINS=self.base,
            MEDIA_X_ACCEL_PREFIX=X_ACCEL_PREFIX,
            MEDIA_VARIANT_WIDTHS="160,480",
            LOG_LEVEL="INFO",
        )
        del lines["USE_S3"]  # the file says it
        return lines

    def _gunicorn(self, port: int) -> Server:
        log = self.folder / f"gunicorn-{port}.log"
        command = ["gunicorn", "--config", "config/gunicorn.py", "--bind", f"127.0.0.1:{port}", "--workers", "1"]
        return answering(Server(port, self._process([*command, "config.wsgi"], log)), log)

    def _worker(self, number: int) -> subprocess.Popen[bytes]:
        command = ["celery", "-A", "config", "worker", "--concurrency", "1", "--hostname", f"drill{number}@%h"]
        return self._process(command, self.folder / f"worker-{number}.log")

    def _process(self, command: list[str], log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as out:
            return subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=self.env, stdout=out, stderr=out)

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        process.terminate()
        process.wait(120)

    def _delete_bucket(self) -> None:
        import boto3

        keys = {
            "aws_access_key_id": self.env["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": self.env["AWS_SECRET_ACCESS_KEY"],
        }
        store = boto3.resource("s3", endpoint_url=self.env["AWS_S3_ENDPOINT_URL"], region_name="us-east-1", **keys)
        bucket = store.Bucket(self.env["AWS_STORAGE_BUCKET_NAME"])
        with contextlib.suppress(store.meta.client.exceptions.NoSuchBucket):
            bucket.objects.delete()
            bucket.delete()

    @staticmethod
    def _in_database(statement: str) -> None:
        connection = psycopg2.connect(DATABASE_SERVER)
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
        connection.close()


def server_errors(folder: Path) -> Iterator[str]:
    """Lines of the processes' logs that tell of a failure, with the file's name."""
    for log in sorted(folder.glob("*.log")):
        for line in log.open(errors="replace"):
            if '"level": "ERROR"' in line or line.startswith("Traceback"):
                yield f"{log.name}: {line.strip()}"
