"""django-prometheus's counts of requests, with labels that no caller can choose."""

from typing import Any

from django.http import HttpRequest
from django_prometheus.middleware import PrometheusAfterMiddleware


class RequestMetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc]
    """Counts by view, method and status. It stands in front of all that can answer, so that refusals count too.

    One of its metrics takes the method as it came, which would be a new time series for each word that a scanner
    thinks of: it is ``<invalid method>`` here, as in the others.
    """

    def label_metric(self, metric: Any, request: HttpRequest, response: Any = None, **labels: Any) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)
        return super().label_metric(metric, request, response, **labels)
