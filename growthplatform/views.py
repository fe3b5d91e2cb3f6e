"""Answers for operators: is it alive, is it ready, what does it count. And the page of the API."""

import os

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views import defaults
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from attribution import services as attribution
from events import services as events
from growthplatform.api_docs import describe
from growthplatform.core.errors import NotFound, Problem, shape
from growthplatform.core.http import page


class NotReady(Problem):
    status = 503
    code = "not_ready"


class Fault(Problem):
    status = 500
    code = "server_error"
    message = "The product failed, not the request; send it again later."


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that does not exist: the API's shape to machines, a page to people."""
    if request.path_info.startswith("/v1/"):
        return JsonResponse(shape(NotFound()), status=404)
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer when a view failed: the API's shape to machines, a page to people."""
    if request.path_info.startswith("/v1/"):
        return JsonResponse(shape(Fault()), status=500)
    return defaults.server_error(request)


@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show the API to people."""
    return page(request, "api_docs.html", {"groups": describe(), "base_url": settings.BASE_URL})


def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while this process can answer at all."""
    return JsonResponse({"status": "ok"})


def _state_of_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return "ok"


def _state_of_redis() -> str:
    try:
        redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2).ping()
    except (redis.RedisError, OSError) as error:
        return str(error)
    return "ok"


def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when PostgreSQL and Redis answer, else 503 with the part that does not."""
    parts = {"database": _state_of_database(), "redis": _state_of_redis()}
    if set(parts.values()) == {"ok"}:
        return JsonResponse({"status": "ok", "parts": parts})
    return JsonResponse(shape(NotReady("A part does not answer.", detail=parts)), status=503)


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the counters of all web processes, and how far the jobs are behind, in Prometheus' text format."""
    counted: CollectorRegistry = REGISTRY
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        counted = CollectorRegistry()
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]
    return HttpResponse(generate_latest(counted) + generate_latest(_behind()), content_type=CONTENT_TYPE_LATEST)


def _behind() -> CollectorRegistry:
    registry = CollectorRegistry()
    lag = Gauge("growth_reader_lag_seconds", "Since a reader had read all of the log.", ["reader"], registry=registry)
    for reader, at in events.readers().items():
        lag.labels(reader).set((timezone.now() - at).total_seconds() if at else float("inf"))
    pending = Gauge("growth_installs_pending", "Installs that wait for their decision.", registry=registry)
    pending.set(attribution.installs_waiting())
    _store(registry)
    return registry


def _store(registry: CollectorRegistry) -> None:
    held = events.held()
    waited = Gauge("growth_sealing_lag_seconds", "Since the oldest unsealed event had come in.", registry=registry)
    waited.set((timezone.now() - held.waits_since).total_seconds() if held.waits_since else 0)
    for name, help_text, value in (
        ("growth_segments", "Sealed files that are read.", held.segments),
        ("growth_segments_replaced", "Sealed files that are not read any more and not yet removed.", held.replaced),
        ("growth_segment_bytes", "Bytes of the sealed files that are read.", held.bytes),
        ("growth_sealed_events", "Events in sealed files.", held.rows),
    ):
        Gauge(name, help_text, registry=registry).set(value)
