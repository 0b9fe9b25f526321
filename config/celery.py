"""The task queue: Celery on Redis or RabbitMQ, where ``CELERY_BROKER_URL`` names one.

A worker: ``make worker``. Without a broker nothing here is imported: what is due is done at once, in the process that
published it. Late acknowledgement; a message that is lost, late or sent twice does no harm, since the registry says
what is due (``media_assets.processing``).
"""

import os

import django
from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

app = Celery("vitrine")
app.config_from_object("django.conf:settings", namespace="CELERY")


@app.task(name="media_assets.process_asset")  # type: ignore[untyped-decorator]
def process_asset(asset_id: int) -> None:
    """Do what is due for this asset; where that failed and may go better later, come back for it."""
    from media_assets.processing import asset_process

    wait = asset_process(asset_id)
    if wait is not None:
        process_asset.apply_async((asset_id,), countdown=wait)
