"""The overview of attribution: what brought the installs of a period, from where, and how surely it is known."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from attribution import campaigns, counting, network_claims, queries
from attribution.campaigns import MEASURES
from attribution.counting import Counts, Key
from attribution.models import FraudFlag
from attribution.verdict import TIER_MEANS, TIER_NAMES
from attribution.views.campaign_rows import installs_url, rows_of, way_down
from attribution.views.campaigns import METRICS, example, figure, has_history, kpis
from attribution.views.shared import period_of, wants_csv
from customers.pages import PageRequest, project_page
from customers.remembered import remembered
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.templatetags.frame import address

COUNTRIES = 10
SOURCES = 20


@project_page
@require_safe
def overview(request: PageRequest) -> HttpResponse:
    """Show the installs of the period by source, match and country, and what is counted beside them."""
    period, project = period_of(request), request.project
    if not has_history(request):
        return page(request, "attribution/campaign_empty.html", {**example(request), "title": "Attribution"})
    # One walk for both tables: the revenue of each takes as long as all its installs.
    crossed = campaigns.counted(project, period, ("source", "country"), only=("decisions", "revenue"))
    now = counting.fold(crossed, 0)
    for key, touched in campaigns.counted(project, period, ("source",), only=("touches",)).items():
        now.setdefault(key, Counts()).add(touched)
    before = campaigns.before(project, period, ("source",))
    rows = rows_of(("source",), now, before)
    for row in rows:
        row.url = way_down(request, row.values)
    if wants_csv(request):
        return _csv(now)
    total, past = counting.total(now), counting.total(before) if before is not None else None
    metric = request.GET.get("metric", "")
    metric = metric if metric in METRICS else "installs"
    countries = rows_of(("country",), counting.fold(crossed, 1), None)
    for row in countries:
        row.url = way_down(request, row.values)
    context = {
        "period": period,
        "currency": project.currency,
        "kpis": kpis(request, total, past, metric),
        "figure": figure(request, period, {}, metric),
        "metric": metric,
        "chart_title": f"{MEASURES[metric].label} by source",
        "rows": rows[:SOURCES],
        "sources_number": len(rows),
        "total": total,
        "past": past,
        "top": max((row.now.installs for row in rows), default=0),
        "tiers": _tiers(request, total),
        "countries": countries[:COUNTRIES],
        "countries_number": len(countries),
        "countries_top": max((row.now.installs for row in countries), default=0),
        "beside": _beside(request, total, past),
        "means": {name: measure.means for name, measure in MEASURES.items()},
    }
    return page(request, "attribution/overview.html", context)


def _tiers(request: PageRequest, total: Counts) -> list[dict[str, Any]]:
    """Return how the installs were matched, surest first."""
    return [
        {
            "words": words,
            "means": TIER_MEANS[tier],
            "number": total.tiers[tier],
            "share": total.tiers[tier] / total.installs,
            "url": installs_url(request, {"tier": tier}),
        }
        for tier, words in TIER_NAMES.items()
        if total.tiers.get(tier)
    ]


def _beside(request: PageRequest, total: Counts, past: Counts | None) -> list[dict[str, Any]]:
    """Return what is counted beside the installs, each with where it leads."""
    flags = FraudFlag.objects.filter(project=request.project, dismissed_at=None).count()
    kinds = (("reinstalls", "reinstall"), ("reattributions", "reattribution"))
    found: list[dict[str, Any]] = [
        {
            "words": MEASURES[name].label,
            "means": MEASURES[name].means,
            "now": getattr(total, name),
            "before": getattr(past, name) if past else None,
            "url": installs_url(request, {"kind": kind}),
        }
        for name, kind in kinds
    ]
    unread = remembered(
        request.project,
        "meta-unread",
        lambda: network_claims.unread(request.project, now=timezone.now()),
        least_s=60.0,
    )
    if unread:
        found.append(
            {
                "words": "Messages of Meta unread",
                "means": "Installs of the last 24 hours with a message of Meta that no key of this project opens.",
                "now": unread,
                "url": address("attribution:secret-list", request.project.slug),
            }
        )
    fraud = address("attribution:fraud", request.project.slug)
    return [
        *found,
        {
            "words": "Rejected as fraud",
            "means": MEASURES["rejected"].means,
            "now": total.rejected,
            "before": past.rejected if past else None,
            "share": total.rejected_share,
            "bad": True,
            "url": fraud,
        },
        {
            "words": "Sources flagged",
            "means": "Sources or publishers whose clicks as a whole look wrong, not dismissed.",
            "now": flags,
            "bad": True,
            "url": fraud,
        },
        {
            "words": "Waiting for a decision",
            "means": "Installs that arrived and have no decision yet. Usually it takes two seconds.",
            "now": queries.pending_installs(request.project),
            "url": installs_url(request, {}),
        },
    ]


def _csv(now: Mapping[Key, Counts]) -> HttpResponse:
    head = (
        "source",
        "clicks",
        "impressions",
        "installs",
        "credited",
        "reinstalls",
        "reattributions",
        "rejected",
        "revenue",
    )
    lines = (
        (
            row.source,
            *(getattr(row.now, name) for name in head[1:]),
            *(row.now.tiers.get(tier, 0) for tier in TIER_NAMES),
        )
        for row in rows_of(("source",), now, None)
    )
    return csv_file("attribution", (*head, *TIER_NAMES), lines)
