"""The page of campaigns: what each source and campaign brought, against the period before."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from attribution import links, queries, rules
from attribution.queries import CampaignTotal, Timeline
from attribution.verdict import TIER_NAMES
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core import charts, formats, sources
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

SHOWN_SOURCES = 6
BY_ID = (rules.INSTALL_REFERRER, rules.CLICK_ID, rules.DEVICE_ID)
SHADES = {"by an id": "1", "by network and device": ".5", "by a view": ".22"}
CSV_HEAD = ("source", "campaign", "clicks", "impressions", "installs", "installs_before", "conversion", *TIER_NAMES)


@dataclass
class Row:
    """A row of the table: a campaign or a source, now and in the period before."""

    now: CampaignTotal
    before: CampaignTotal | None = None
    url: str = ""

    @property
    def change(self) -> float:
        """Installs more or fewer than before, as a share; what is new comes first."""
        past = self.before.installs if self.before else 0
        return (self.now.installs - past) / past if past else float(self.now.installs > 0) * 1e9

    @property
    def mix(self) -> list[tuple[str, int, float]]:
        """Return how the installs were matched, surest first: words, number, share."""
        tiers, all_of_it = self.now.tiers, self.now.credited or 1
        kinds = (
            ("by an id", sum(tiers.get(tier, 0) for tier in BY_ID)),
            ("by network and device", tiers.get(rules.PROBABILISTIC, 0)),
            ("by a view", tiers.get(rules.VIEW, 0)),
        )
        return [(words, number, number / all_of_it) for words, number in kinds if number]

    @property
    def bars(self) -> list[dict[str, str]]:
        """Return the mix as parts of one bar, surest first and darkest."""
        parts, x = [], 0.0
        for words, _, part in self.mix:
            parts.append({"x": f"{x * 100:.1f}%", "width": f"{part * 100:.1f}%", "opacity": SHADES[words]})
            x += part
        return parts


SORTS: dict[str, Callable[[Row], Any]] = {
    "campaign": lambda row: (row.now.campaign.lower(), row.now.source),
    "source": lambda row: (row.now.source, row.now.campaign.lower()),
    "clicks": lambda row: row.now.clicks,
    "impressions": lambda row: row.now.impressions,
    "installs": lambda row: row.now.installs,
    "change": lambda row: row.change,
    "conversion": lambda row: -1.0 if row.now.conversion is None else row.now.conversion,
}


@dataclass
class Table:
    """The rows of the page in their order, and what they add up to."""

    rows: list[Row]
    now: CampaignTotal
    before: CampaignTotal | None
    sources: dict[str, int] = field(default_factory=dict)


def _read(request: PageRequest, period: Period, source: str, *, grouped: bool) -> Table:
    """Count both periods, one query of touches and one of installs each."""
    everything = queries.campaign_totals(request.project, period.start, period.until)
    past = period.previous
    previous = queries.campaign_totals(request.project, past.start, past.until) if past else []
    all_sources = {one.source: one.installs for one in queries.by_source(everything)}
    now = [one for one in everything if source in {"", one.source}]
    before = [one for one in previous if source in {"", one.source}]
    known = {(one.source, one.campaign): one for one in (queries.by_source(before) if grouped else before)}
    rows = [
        Row(one, known.get((one.source, one.campaign)), _address(request, one, grouped=grouped))
        for one in (queries.by_source(now) if grouped else now)
    ]
    return Table(rows, queries.sum_of(now), queries.sum_of(before) if past else None, all_sources)


def _address(request: PageRequest, total: CampaignTotal, *, grouped: bool) -> str:
    """Return where a row leads: a source to its campaigns, a campaign to its installs; the days stay the same."""
    days = {name: request.GET[name] for name in ("range", "from", "to", "compare") if name in request.GET}
    if grouped and total.source != queries.ORGANIC:
        return "?" + urlencode({**days, "source": total.source})
    chosen = {"source": total.source}
    if not grouped and total.source != queries.ORGANIC:
        chosen["campaign"] = total.campaign or queries.WITHOUT
    return f"{reverse('attribution:install-list', args=[request.project.slug])}?{urlencode({**days, **chosen})}"


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    rows = sorted(rows, key=lambda row: (row.now.source, row.now.campaign))
    return sorted(rows, key=SORTS[sort.lstrip("-")], reverse=sort.startswith("-"))


@project_page
@require_safe
def campaign_list(request: PageRequest) -> HttpResponse:
    """Show what each source or campaign brought in the period, with the way down to its installs."""
    period, source = period_of(request), request.GET.get("source", "")
    grouped = request.GET.get("by") == "source" and not source
    table = _read(request, period, source, grouped=grouped)
    words = request.GET.get("q", "").strip().lower()
    rows = [row for row in table.rows if words in f"{row.now.campaign} {row.now.source}".lower()]
    sort = request.GET.get("sort", "")
    sort = sort if sort.lstrip("-") in SORTS else "-installs"
    rows = _sorted(rows, sort)
    if wants_csv(request):
        return _csv(rows)
    if not table.rows and not source and not _has_history(request):
        return page(request, "attribution/campaign_empty.html", _example(request))
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda row: [row.now.source, row.now.campaign])
    together = queries.sum_of(row.now for row in rows)
    metric = "clicks" if request.GET.get("metric") == "clicks" else "installs"
    context = {
        "period": period,
        "source": source,
        "by": "source" if grouped else "campaign",
        "rows": shown,
        "number": len(rows),
        "next": cursor,
        "together": Row(together, queries.sum_of(row.before for row in rows if row.before) if table.before else None),
        "top": max([row.now.installs for row in rows], default=0),
        "sources": table.sources,
        "kpis": _kpis(request, table, metric),
        "figure": _figure(request, period, source, metric),
        "metric": metric,
    }
    return page(request, "attribution/campaign_list.html", context, partial="rows")


def _example(request: PageRequest) -> dict[str, Any]:
    return {"base": links.base_address(request), "now": timezone.now().replace(microsecond=0)}


def _has_history(request: PageRequest) -> bool:
    return request.project.touches.exists() or request.project.installs.exists()


def _csv(rows: list[Row]) -> HttpResponse:
    lines = (
        (
            row.now.source,
            row.now.campaign,
            row.now.clicks,
            row.now.impressions,
            row.now.installs,
            row.before.installs if row.before else 0,
            "" if row.now.conversion is None else round(row.now.conversion, 6),
            *(row.now.tiers.get(tier, 0) for tier in TIER_NAMES),
        )
        for row in rows
    )
    return csv_file("campaigns", CSV_HEAD, lines)


def _kpis(request: PageRequest, table: Table, metric: str) -> list[charts.Kpi]:
    now, before = table.now, table.before

    def kpi(label: str, name: str, help_text: str, write: Any, *, chart: bool = False) -> charts.Kpi:
        value, past = getattr(now, name), getattr(before, name) if before else None
        query = request.GET.copy()
        query.pop("cursor", None)
        query["metric"] = name
        url = f"?{query.urlencode()}" if chart else ""
        shown = write(past) if past is not None else ""
        return charts.Kpi(label, write(value), help_text, value, past, shown, url, current=chart and name == metric)

    return [
        kpi("Installs", "installs", "First opens of the app, credited or organic", formats.count, chart=True),
        kpi("Clicks", "clicks", "Taps on links and clicks that networks sent, without bots", formats.count, chart=True),
        kpi("Impressions", "impressions", "Views of ads that were reported, without bots", formats.compact),
        kpi(
            "Conversion",
            "conversion",
            "Credited installs divided by clicks; organic installs are left out",
            formats.share,
        ),
    ]


def _figure(request: PageRequest, period: Period, source: str, metric: str) -> charts.Figure | None:
    read = queries.clicks_by_source if metric == "clicks" else queries.installs_by_source
    found = read(request.project, period.start, period.until, bucket=period.bucket, source=source)
    if not found:
        return None
    buckets, past = period.buckets, period.previous
    before: list[int] = []
    if past:
        earlier = read(request.project, past.start, past.until, bucket=past.bucket, source=source)
        before = [sum(day) for day in zip(*(one.along(past.buckets) for one in earlier), strict=True)]
    return charts.bars(
        "campaigns",
        f"{metric.capitalize()} by source, stacked bars",
        x=buckets,
        series=_series(found, buckets),
        unit=f"{metric} {'an hour' if period.bucket == 'hour' else 'a day'}",
        previous=before,
        previous_name=f"All, {past.label.lower()}" if past else "",
        unfinished=period.unfinished,
    )


def _series(found: list[Timeline], buckets: Any) -> list[charts.Series]:
    """Return the largest sources one by one, and the others together."""
    series = [
        charts.Series(sources.look_of(one.source).name, one.along(buckets), sources.look_of(one.source).colour)
        for one in found[:SHOWN_SOURCES]
    ]
    if rest := found[SHOWN_SOURCES:]:
        along = [sum(values) for values in zip(*(one.along(buckets) for one in rest), strict=True)]
        series.append(charts.Series("Other", along, "grey"))
    return series
