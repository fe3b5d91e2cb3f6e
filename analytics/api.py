"""The numbers of the home page for programs."""

from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import figures
from analytics.queries.overview import DEFINITIONS, Measure, Numbers, Overview, change, overview
from customers.api import ProjectView
from customers.models import Project
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period

MEASURES = ("people", "events", "installs", "clicks", "conversion")


EXAMPLE = {
    "from": "2026-11-19",
    "to": "2026-11-20",
    "timeZone": "Europe/Berlin",
    "bucket": "hour",
    "buckets": ["2026-11-19T00:00+01:00", "…"],
    "unfinished": 9,
    "metrics": {
        "installs": {"value": 412, "points": [12, 9], "previous": {"value": 388, "points": [10, 8]}, "change": 0.062},
    },
    "installsBySource": [{"source": "organic", "value": 201, "points": [6, 4]}],
    "definitions": {"installs": DEFINITIONS["installs"]},
}


class OverviewView(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="metrics_overview",
        summary="Key numbers over time",
        tags=["Metrics"],
        parameters=[
            *PERIOD_PARAMETERS,
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: one row for each hour or day."),
        ],
        responses={
            200: OpenApiResponse(dict, "People, events, installs, clicks and conversion; up to two days by the hour."),
            400: OpenApiResponse(dict, "A parameter can't be read."),
            401: OpenApiResponse(dict, "No key, or not a valid one."),
        },
        examples=[OpenApiExample("Two days", value=EXAMPLE, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return the numbers that the home page shows, counted by the same function."""
        period = get_period(request.GET.dict(), zone=self.project.tz, now=timezone.now())
        counted = overview(self.project, period)
        if request.GET.get("format") == "csv":
            head, rows = figures.table(counted)
            return csv_file(f"{self.project.slug}-{period.first}-{period.last}", head, rows)
        return Response(_plain(counted, self.project))


def _plain(counted: Overview, project: Project) -> dict[str, Any]:
    period = counted.period
    return {
        "from": f"{period.first}",
        "to": f"{period.last}",
        "timeZone": project.time_zone,
        "bucket": period.bucket,
        "buckets": [figures.stamp(at, period) for at in period.buckets],
        "unfinished": period.unfinished,
        "metrics": {name: _metric(counted.now, counted.before, name) for name in MEASURES},
        "installsBySource": [
            {"source": row.key, "value": row.installs, "points": row.points} for row in counted.now.sources
        ],
        "definitions": DEFINITIONS,
    }


def _metric(now: Numbers, before: Numbers | None, name: str) -> dict[str, Any]:
    measure = now.measure(name)
    answer: dict[str, Any] = {"value": measure.value, "points": measure.points}
    if before:
        past: Measure = before.measure(name)
        answer["previous"] = {"value": past.value, "points": past.points}
        answer["change"] = change(measure.done, past.done)
    return answer
