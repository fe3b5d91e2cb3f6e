"""Answers for operators: is it alive, is it ready, what does it count."""

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_prometheus.exports import ExportToDjangoView

from growthplatform.core.errors import Problem, shape


class NotReady(Problem):
    status = 503
    code = "not_ready"


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
    """Answer the counters of this web process in Prometheus' text format."""
    answer: HttpResponse = ExportToDjangoView(request)
    return answer
