"""``/metrics``: what the processes of this server have counted, and what the registry and the broker say just now."""

from collections.abc import Iterator

from django.conf import settings
from django.db import connection
from prometheus_client.core import GaugeMetricFamily

from api.metrics import exposition
from config.readiness import OK, Part
from media_assets.registry_metrics import Waiting, families, read_waiting


class SiteCollector:
    """Gauges that are the same whichever process is asked. A part that does not answer in time costs its own figures
    and no others; each is asked once in some seconds at most."""

    def __init__(self) -> None:
        self._waiting: Waiting | None = None
        self._parts = {"registry": Part("registry", self._read_registry), "broker": Part("broker", check_broker)}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """For Prometheus's registry."""
        parts = [part for part in self._parts.values() if part.name != "broker" or settings.CELERY_BROKER_URL]
        for part in parts:
            part.ask()
        up = GaugeMetricFamily("vitrine_part_up", "1 where it answers in time.", labels=["part"])
        verdicts = {part.name: part.verdict() for part in parts}
        for name, verdict in verdicts.items():
            up.add_metric([name], verdict == OK)
        yield up
        if verdicts["registry"] == OK and self._waiting is not None:
            yield from families(self._waiting)

    def _read_registry(self) -> None:
        try:
            self._waiting = read_waiting()
        finally:
            connection.close()


def check_broker() -> None:
    """It takes connections. The site works without it (the sweeper sends later), so readiness does not ask."""
    from config.celery import app  # Celery, which nothing else here needs

    with app.connection_for_write() as broker:
        broker.connect()


_site = SiteCollector()


def all_metrics() -> bytes:
    """Prometheus's text format."""
    return exposition(_site)
