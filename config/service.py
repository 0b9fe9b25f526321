"""The service's own addresses: a front page for people; health, readiness and metrics for machines."""

from typing import cast

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from config.metrics import all_metrics
from config.readiness import KEPT_SECONDS, OK, verdicts
from users.models import User


@require_safe
def front_page(request: HttpRequest) -> HttpResponse:
    """``GET /``: what this is, and where its documentation and its administration are."""
    return render(request, "config/front_page.html")


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """``GET /healthz``: this process answers. Nothing else is looked at."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """``GET /readyz``: 200 where database and storage work, else 503 that names the part (the log, the cause)."""
    parts = verdicts()
    failing = [name for name, verdict in parts.items() if verdict != OK]
    if not failing:
        return JsonResponse({"status": "ok", "parts": parts})
    body = {"detail": f"Not ready: {', '.join(failing)}.", "code": "not_ready", "status": "unavailable", "parts": parts}
    return JsonResponse(body, status=503, headers={"Retry-After": str(int(KEPT_SECONDS))})


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """``GET /metrics``: Prometheus's text format, for ``Authorization: Bearer <METRICS_TOKEN>`` or signed-in staff;
    404 for everybody else."""
    if not (_has_token(request) or cast(User, request.user).is_staff):
        raise Http404
    return HttpResponse(all_metrics(), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "")
    return bool(token) and constant_time_compare(given, f"Bearer {token}")
