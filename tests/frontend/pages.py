"""One page with every part on it, inside the real frame, for the browser tests."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from customers.pages import PageRequest, project_page
from growthplatform.core import charts
from growthplatform.core.periods import Period
from growthplatform.urls import urlpatterns as all_urls

PAGE = Path(__file__).with_name("parts.html").read_text()


@project_page
def parts(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    period = Period.from_query(request.GET, zone=request.project.tz, now=now)
    x = period.buckets
    figure = charts.bars(
        "installs",
        "Installs a day by source",
        x=x,
        series=[charts.Series("Organic", [5] * len(x), "sky"), charts.Series("TikTok", [7] * len(x), "blue")],
        unit="installs a day",
        previous=[11] * len(x),
        unfinished=period.unfinished,
        marks=[charts.Mark("deploy", "4.12.0", now - timedelta(days=3)), charts.Mark("incident", "INC-31", x[2], x[3])],
    )
    kpis = [
        charts.Kpi("Installs", "48,552", "First opens", 48552, 41864, "41,864", "?m=i", current=True, points=[1, 2, 3]),
        charts.Kpi("Events", "1.2M", "All events", 12, 13, "1.3M", "?m=e", points=[3, 2, 1], before_points=[1, 1, 1]),
    ]
    if "message" in request.GET:
        messages.success(request, "Link archived.", extra_tags="undo:toast/")
    if request.htmx:
        part = engines["django"].from_string('<section class="card">{% chart figure title="Again" %}</section>')
        return HttpResponse(part.render({"figure": replace(figure, id="again")}, request))
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"period": period, "figure": figure, "kpis": kpis}, request))


@require_POST
def toast(_request: HttpRequest, project_slug: str) -> HttpResponse:
    return trigger_client_event(HttpResponse(), "toast", {"text": f"Saved in {project_slug}."})


def broken(_request: HttpRequest, project_slug: str) -> HttpResponse:
    return HttpResponse(f"{project_slug} is not there", status=503)


urlpatterns = [
    path("dashboard/<slug:project_slug>/parts/", parts),
    path("dashboard/<slug:project_slug>/parts/toast/", toast),
    path("dashboard/<slug:project_slug>/parts/broken/", broken),
    *all_urls,
]
