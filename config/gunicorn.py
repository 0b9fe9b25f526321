"""gunicorn's configuration: ``gunicorn -c config/gunicorn.py``, in the folder of ``manage.py``.

It reads the environment and the ``.env`` file as the site does, but leaves both as they are: a reload (SIGHUP) finds
what the file says by then. Every setting of gunicorn's can be given on the command line or in ``GUNICORN_CMD_ARGS``
too, which win over this file.
"""

import logging
import os
import select
import sys
from pathlib import Path
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

_BASE_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(_BASE_DIR))

from api.logs import logging_config, secrets_of  # noqa: E402
from api.metrics import share_counts  # noqa: E402
from config.environment import Environment, read_env_file  # noqa: E402

env = Environment({**read_env_file(_BASE_DIR), **os.environ})


def _processors() -> int:
    """How many this process may use: those of the machine, or of its container."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, min(available, round(int(quota) / int(period))))
    except (OSError, ValueError):  # no container, or one without a limit ("max")
        return available


class Worker(ThreadWorker):  # type: ignore[misc]
    """gunicorn's own worker with threads, but one that ends takes what waits for it already and hangs up at once: new
    connections are refused then (or taken by another worker) instead of waiting for a process that never answers."""

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if self.alive:
            return
        for listener in self.sockets:
            for _ in range(self.cfg.backlog):
                if listener.fileno() < 0 or not select.select([listener], [], [], 0)[0]:
                    break
                self.accept(listener)
            listener.close()


wsgi_app = "config.wsgi"
bind = f"0.0.0.0:{env.int('PORT')}" if env.str("PORT", default="") else "127.0.0.1:8000"
worker_class = Worker
# Processes for the processors, threads for what waits on the database, on storages and on clients. Each thread has a
# database connection of its own.
workers = int(env.str("WEB_CONCURRENCY", default="") or max(2, _processors()))
threads = env.int("WEB_THREADS", default=8)
# Each worker loads the site itself: a reload brings new code, and no connection is shared with the parent.
preload_app = False

# A worker that does not turn its loop for so long is hung and killed; slow requests and uploads do not count.
timeout = 60
# On SIGTERM, a reload and a worker's end, requests under way have so long. What stops this process (systemd, a
# container's runtime) must wait longer before it kills.
graceful_timeout = env.int("WEB_GRACEFUL_SECONDS", default=60)
keepalive = 75  # longer than nginx (60 s) keeps its connections: the proxy closes first, and no request meets the end
# A leak in a library ends with its process; the jitter keeps workers from ending together.
max_requests = env.int("WEB_MAX_REQUESTS", default=10_000)
max_requests_jitter = max_requests // 10
# The sign of life is a file's time: on a disk under load writing it may take long enough to be killed for.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108

# Whether a proxy is to be believed is the site's to say (TRUSTED_PROXY_HEADERS). gunicorn would believe any from
# 127.0.0.1: X-Forwarded-Proto, and SCRIPT_NAME and PATH_INFO as headers. Other names with underscores are dropped.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
header_map = "drop"
control_socket_disable = True  # signals do what is needed

_debug = env.bool("DEBUG", default=False)
logconfig_dict = logging_config(
    env.str("LOG_FORMAT", default="") or ("plain" if _debug else "json"),
    env.str("LOG_LEVEL", default="INFO"),
    secrets_of(env.ENVIRON),
)
logging.captureWarnings(True)
share_counts()  # of metrics: a new folder at the start, the same after a reload


def post_fork(server: Any, worker: Any) -> None:
    """With ``--preload`` a connection that the checks at the start have opened is the parent's."""
    if server.cfg.preload_app:
        from django.db import connections

        connections.close_all()
