"""The home page of a project: key numbers, what happens now, campaigns, first steps."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from analytics import figures
from analytics.queries import home as queries
from analytics.queries.overview import overview
from analytics.queries.strip import strip
from customers import services as customers
from customers.pages import PageRequest, project_page
from events import services as events
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

METRICS = ("people", "events", "installs", "conversion")
PLATFORMS = {"multi": "iOS, Android and web", "ios": "iOS", "android": "Android", "web": "the web"}


@project_page
@require_safe
def home(request: PageRequest) -> HttpResponse:
    """Show how a project is doing in a period, or how to begin when nothing has arrived yet."""
    now = timezone.now()
    period = Period.from_query(request.GET.dict(), zone=request.project.tz, now=now)
    metric = request.GET.get("metric", "installs")
    metric = metric if metric in METRICS else "installs"
    if request.GET.get("format") == "csv":
        return _csv(request, period)
    if queries.is_new(request.project):
        return page(
            request, "analytics/home.html", {**_frame(request), "new": True, "steps": queries.steps(request.project)}
        )
    counted = overview(request.project, period)
    rows = queries.campaigns(request.project, period)
    around = strip(request.project, now=now)
    context = {
        **_frame(request),
        "period": period,
        "kpis": figures.kpis(counted, metric, request.GET),
        "figure": figures.figure(counted, metric),
        "title": figures.title(period, metric),
        "csv": figures.address(request.GET, format="csv", table=None),
        "campaigns_csv": figures.address(request.GET, format="csv", table="campaigns"),
        "strip": around,
        "rows": rows[: queries.TOP],
        "total": queries.sum_of(rows[: queries.TOP]),
        "campaign_count": len(rows),
        "top": max((row.installs for row in rows), default=0),
        "findings": queries.findings(request.project, rows, around.last_at, now=now),
        "steps": queries.steps(request.project),
        "counted_at": _counted_at(period, counted.now.counted_at),
    }
    context["steps_done"] = sum(step.done for step in context["steps"])
    return page(request, "analytics/home.html", context)


def _counted_at(period: Period, asked_at: datetime) -> datetime | None:
    """Return how fresh the numbers are: of days as old as the counts by day, of hours as the asking for them."""
    if period.bucket == "hour":
        return asked_at
    at = events.caught_up_at(queries.COUNTS)
    return min(at, asked_at) if at else None


def _frame(request: PageRequest) -> dict[str, Any]:
    project = request.project
    return {
        "write_key": customers.write_key(project),
        "host": request.build_absolute_uri("/").rstrip("/"),
        "platforms": PLATFORMS.get(project.platform, ""),
        "zone": project.time_zone.rsplit("/", 1)[-1].replace("_", " "),
    }


def _csv(request: PageRequest, period: Period) -> HttpResponse:
    name = f"{request.project.slug}-{period.first}-{period.last}"
    if request.GET.get("table") == "campaigns":
        rows = queries.campaigns(request.project, period)
        head = ("source", "campaign", "installs", "installs_before", "clicks", "conversion")
        lines = [(r.source, r.campaign, r.installs, r.installs_before, r.clicks, r.conversion) for r in rows]
        return csv_file(f"{name}-campaigns", head, lines)
    columns, table = figures.table(overview(request.project, period))
    return csv_file(name, columns, table)


@project_page
@require_safe
def live_strip(request: PageRequest) -> HttpResponse:
    """Answer the strip of what happens now, which the home page asks for every few seconds."""
    if request.GET.get("waiting"):  # the page of a new project listens: with the first event it becomes the home page
        return HttpResponse(status=204, headers={} if queries.is_new(request.project) else {"HX-Refresh": "true"})
    return page(request, "analytics/strip.html", {"strip": strip(request.project, now=timezone.now())})
