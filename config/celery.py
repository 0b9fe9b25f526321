"""The task queue: Celery on Redis or RabbitMQ, where ``CELERY_BROKER_URL`` names one.

A worker: ``make worker``. Without a broker nothing here is imported: what is due is done at once, in the process that
published it. Late acknowledgement; a message that is lost, late or sent twice does no harm, since the registry says
what is due (``media_assets.processing``). SIGTERM lets a worker finish the pictures that it has in hand.
"""

import logging
import os
from typing import Any

import django
from celery import Celery, signals
from django.apps import apps
from django.conf import settings

from api import metrics
from api.request_ids import current_request_id, enter_task, leave_task

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if settings.WORKER_METRICS_ADDRESS and not apps.ready:  # Celery starts here; a site that sends has begun long ago
    metrics.share_counts()
django.setup(set_prefix=False)

REQUEST_ID = "vitrine_request_id"  # header of a message: the request that published the asset
logger = logging.getLogger(__name__)

app = Celery("vitrine")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="media_assets.process_asset")  # type: ignore[untyped-decorator]
def process_asset(asset_id: int) -> None:
    """Do what is due for this asset; where that failed and may go better later, come back for it."""
    from media_assets.processing import asset_process

    wait = asset_process(asset_id)
    if wait is not None:
        process_asset.apply_async((asset_id,), countdown=wait)


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def keep_logging(**kwargs: Any) -> None:
    """Celery sets up no logging of its own: ``settings.LOGGING`` is in force."""


@signals.before_task_publish.connect  # type: ignore[untyped-decorator]
def name_request(headers: dict[str, Any], **kwargs: Any) -> None:
    """A worker's lines name the request that sent it the work."""
    headers[REQUEST_ID] = current_request_id()


@signals.task_prerun.connect  # type: ignore[untyped-decorator]
def enter(task_id: str, task: Any, args: Any, **kwargs: Any) -> None:
    """From now on this process's lines belong to the task."""
    enter_task(request_id=str(task.request.get(REQUEST_ID, "")), task_id=task_id, asset_id=next(iter(args), None))


@signals.task_postrun.connect  # type: ignore[untyped-decorator]
def leave(**kwargs: Any) -> None:
    """The task is over."""
    leave_task()


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def serve_metrics(**kwargs: Any) -> None:
    """Answer Prometheus on ``WORKER_METRICS_ADDRESS`` for all processes of this worker."""
    if not settings.WORKER_METRICS_ADDRESS:
        return
    from prometheus_client import start_http_server

    host, _, port = settings.WORKER_METRICS_ADDRESS.rpartition(":")
    try:
        start_http_server(int(port), host.strip("[]"), metrics.registry())
    except (OSError, ValueError, OverflowError) as error:
        logger.error("WORKER_METRICS_ADDRESS=%s: %s. The worker works without.", settings.WORKER_METRICS_ADDRESS, error)
