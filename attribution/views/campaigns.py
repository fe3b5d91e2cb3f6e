"""The page of campaigns: what each source, campaign or ad brought, against the period before."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from attribution import campaigns, counting, links
from attribution.campaigns import FILTERS, MEASURES
from attribution.counting import DAY, DIMENSIONS, Counts, Key
from attribution.verdict import TIER_NAMES
from attribution.views.campaign_rows import Row, chips, installs_url, rows_of, way_down, words_of, written
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core import charts, formats, sources
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

SHOWN_SOURCES = 6
METRICS = ("installs", "clicks", "revenue")
OF_TOUCHES = ("clicks", "impressions")
COUNTED = ("clicks", "impressions", "installs", "reinstalls", "reattributions", "rejected")

SORTS: dict[str, Callable[[Row], Any]] = {
    "name": lambda row: row.words.lower(),
    "source": lambda row: (row.source, row.words.lower()),
    "clicks": lambda row: row.now.clicks,
    "impressions": lambda row: row.now.impressions,
    "installs": lambda row: row.now.installs,
    "change": lambda row: row.change,
    "conversion": lambda row: -1.0 if row.now.conversion is None else row.now.conversion,
    "revenue": lambda row: row.now.revenue,
    "reinstalls": lambda row: row.now.reinstalls,
    "rejected": lambda row: row.now.rejected,
}


@project_page
@require_safe
def campaign_list(request: PageRequest) -> HttpResponse:
    """Show what each source, campaign, ad set … brought in the period, with the way down to its installs."""
    period, where = period_of(request), campaigns.filters_of(request.GET.dict())
    by = request.GET.get("by", "")
    by = by if by in FILTERS else campaigns.next_level(request.project, period, where)
    # Campaigns of several sources may have one name.
    names = ("source", "campaign") if by == "campaign" and "source" not in where else (by,)
    now = campaigns.counted(request.project, period, names, where)
    before = campaigns.before(request.project, period, names, where)
    everything = rows_of(names, now, before, where)
    if not everything and not where and not has_history(request):
        return page(request, "attribution/campaign_empty.html", example(request))
    words = request.GET.get("q", "").strip().lower()
    rows = [row for row in everything if words in f"{row.words} {' '.join(row.values.values())}".lower()]
    rows = _sorted(rows, request.GET.get("sort", ""))
    if wants_csv(request):
        return _csv(names, rows, touches=counting.has_touches(by, *where))
    for row in rows:
        row.url = way_down(request, {**where, **row.values})
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda row: list(row.values.values()))
    metric = request.GET.get("metric", "")
    metric = metric if metric in METRICS else "installs"
    total, past = counting.total(now), counting.total(before) if before is not None else None
    if not counting.has_touches(by):
        # The rows have no clicks of their own, the page has.
        total.add(counting.total(campaigns.counted(request.project, period, (), where, only=("touches",))))
    if past and period.previous and not counting.has_touches(by):
        earlier = campaigns.counted(request.project, period.previous, (), where, past=True, only=("touches",))
        past.add(counting.total(earlier))
    context = {
        "period": period,
        "where": where,
        "by": by,
        "by_label": DIMENSIONS[by].label,
        "levels": dimension_choices(request, by, "by", FILTERS),
        "has_touches": counting.has_touches(by, *where),
        "rows": shown,
        "number": len(rows),
        "next": cursor,
        "together": Row({by: ""}, sum_of(rows), past_of(rows) if before is not None else None),
        "top": max([row.now.installs for row in rows], default=0),
        "currency": request.project.currency,
        "kpis": kpis(request, total, past, metric, touches=counting.has_touches(*where)),
        "figure": figure(request, period, where, metric),
        "metric": metric,
        "chart_title": f"{MEASURES[metric].label} by source",
        **around(request, where, now if names[0] == "source" else None),
    }
    return page(request, "attribution/campaign_list.html", context, partial="rows")


def has_history(request: PageRequest) -> bool:
    """Say whether a touch or an install ever came."""
    return request.project.touches.exists() or request.project.installs.exists()


def example(request: PageRequest) -> dict[str, Any]:
    """Return what the empty state shows a working command with."""
    return {"base": links.base_address(request), "now": timezone.now().replace(microsecond=0)}


def sum_of(rows: Sequence[Row]) -> Counts:
    """Add up what rows have now."""
    return counting.total({(place,): row.now for place, row in enumerate(rows)})


def past_of(rows: Sequence[Row]) -> Counts:
    """Add up what rows had before."""
    return counting.total({(place,): row.before for place, row in enumerate(rows) if row.before})


def kpis(
    request: PageRequest, now: Counts, past: Counts | None, metric: str, *, touches: bool = True
) -> list[charts.Kpi]:
    """Return the key numbers of a page; those that can be drawn over time are tabs of the chart.

    Without `touches` clicks are not known: the page is about something that touches don't have.
    """

    def kpi(name: str) -> charts.Kpi:
        measure = MEASURES[name]
        known = touches or not measure.of_touches
        value, before = measure.value(now) if known else None, measure.value(past) if past and known else None
        shown = number(request, name, before) if before is not None else ""
        url = with_query(request, metric=name) if name in METRICS else ""
        return charts.Kpi(
            measure.label,
            number(request, name, value),
            measure.means,
            _plain(value),
            _plain(before),
            shown,
            url,
            current=name == metric,
        )

    return [kpi(name) for name in ("installs", "clicks", "revenue", "conversion")]


def figure(request: PageRequest, period: Period, where: Mapping[str, str], metric: str) -> charts.Figure | None:
    """Return a measure over time by source; None where there is nothing to draw."""
    if MEASURES[metric].of_touches and not counting.has_touches(*where):
        return None
    value = MEASURES[metric].value
    parts = MEASURES[metric].parts
    found = campaigns.counted(request.project, period, ("source", DAY), where, only=parts)
    buckets = period.buckets
    places = {start: place for place, start in enumerate(buckets)}
    by_source: dict[str, list[Any]] = {}
    for (source, start), counts in found.items():
        amount = _plain(value(counts))
        if amount:
            by_source.setdefault(source, [0] * len(buckets))[places[start]] = amount
    if not by_source:
        return None
    past = period.previous
    before: list[Any] = []
    if past:
        earlier = campaigns.counted(request.project, past, (DAY,), where, past=True, only=parts)
        before = [_plain(value(earlier.get((start,), Counts()))) for start in past.buckets]
    each = "an hour" if period.bucket == "hour" else "a day"
    unit = f"{request.project.currency} {each}" if metric == "revenue" else f"{metric} {each}"
    return charts.bars(
        "campaigns",
        f"{MEASURES[metric].label} by source, stacked bars",
        x=buckets,
        series=stacked(by_source),
        unit=unit,
        previous=before,
        previous_name=f"All, {past.label.lower()}" if past else "",
        unfinished=period.unfinished,
        # The currency is said over the axis.
        number="compact" if metric == "revenue" else "integer",
    )


def with_query(request: PageRequest, **changes: str) -> str:
    """Return the address of this page with parameters set, from its first row on."""
    query = {name: value for name, value in request.GET.items() if name != "cursor"}
    return f"?{urlencode({**query, **changes})}"


def dimension_choices(request: PageRequest, now: str, parameter: str, names: Sequence[str] | Mapping[str, Any]) -> Any:
    """Return the properties that a page can be cut by, each with its address."""
    return [
        {"words": DIMENSIONS[name].label, "url": with_query(request, **{parameter: name}), "current": name == now}
        for name in names
    ]


def stacked(found: Mapping[str, Sequence[Any]]) -> list[charts.Series]:
    """Return the largest sources one by one, and the others together."""
    ranked = sorted(found.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    series = [
        charts.Series(sources.look_of(name).name, values, sources.look_of(name).colour)
        for name, values in ranked[:SHOWN_SOURCES]
    ]
    if rest := ranked[SHOWN_SOURCES:]:
        together = [sum(values) for values in zip(*(values for _, values in rest), strict=True)]
        series.append(charts.Series("Other", together, "grey"))
    return series


def around(
    request: PageRequest, where: Mapping[str, str], by_source: Mapping[Key, Counts] | None = None
) -> dict[str, Any]:
    """Return what both pages have around their table: filters, the way up, the other page, the installs.

    `by_source` are counts whose keys begin with the source, where the page has them anyway.
    """
    kept = {name: request.GET[name] for name in ("range", "from", "to", "compare") if name in request.GET}
    query = urlencode({**kept, **written(where)})
    pages = (("Table", "campaign-list"), ("Pivot", "campaign-pivot"))
    views = [
        {"words": words, "name": name, "url": f"{reverse(f'attribution:{name}', args=[request.project.slug])}?{query}"}
        for words, name in pages
    ]
    return {
        "chips": chips(request, where),
        "way_up": _way_up(request, where),
        "views": views,
        "installs_url": installs_url(request, where),
        "source_choices": [] if "source" in where else _source_choices(request, where, by_source),
        "title": _title(where),
    }


def _title(where: Mapping[str, str]) -> str:
    named = [words_of(name, where[name]) for name in reversed(campaigns.LEVELS) if name in where]
    return named[0] if named else "Campaigns"


def _way_up(request: PageRequest, where: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the levels above, from all campaigns down."""
    levels = [name for name in campaigns.LEVELS if name in where]
    kept = {name: request.GET[name] for name in ("range", "from", "to", "compare") if name in request.GET}
    found = [{"words": "Campaigns", "url": f"?{urlencode(kept)}"}] if where else []
    for place, name in enumerate(levels):
        above = written({one: where[one] for one in levels[: place + 1]})
        found.append({"words": words_of(name, where[name]), "url": f"?{urlencode({**kept, **above})}"})
    return found


def _source_choices(
    request: PageRequest, where: Mapping[str, str], by_source: Mapping[Key, Counts] | None
) -> list[dict[str, Any]]:
    if by_source is None:
        by_source = campaigns.counted(request.project, period_of(request), ("source",), where, only=("decisions",))
    installs: dict[str, int] = {}
    for (source, *_), counts in by_source.items():
        installs[source] = installs.get(source, 0) + counts.installs
    query = {name: value for name, value in request.GET.items() if name not in {"cursor", "by", "source"}}
    return [
        {"source": source, "installs": number, "url": f"?{urlencode({**query, 'source': source})}"}
        for source, number in sorted(installs.items(), key=lambda pair: (-pair[1], pair[0]))
        if source
    ]


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    sort = sort if sort.lstrip("-") in SORTS else "-installs"
    rows = sorted(rows, key=lambda row: tuple(row.values.values()))
    return sorted(rows, key=SORTS[sort.lstrip("-")], reverse=sort.startswith("-"))


def _csv(names: Sequence[str], rows: list[Row], *, touches: bool) -> HttpResponse:
    head = (*names, *COUNTED, "installs_before", "credited", "conversion", "revenue", *TIER_NAMES)
    lines = (
        (
            *row.values.values(),
            *(getattr(row.now, name) if touches or name not in OF_TOUCHES else "" for name in COUNTED),
            row.before.installs if row.before else 0,
            row.now.credited,
            "" if row.now.conversion is None else round(row.now.conversion, 6),
            row.now.revenue,
            *(row.now.tiers.get(tier, 0) for tier in TIER_NAMES),
        )
        for row in rows
    )
    return csv_file("campaigns", head, lines)


def number(request: PageRequest, measure: str, value: float | Decimal | None) -> str:
    """Write a value of a measure."""
    number = MEASURES[measure].number
    if number == "money":
        return formats.money(value, request.project.currency)
    return formats.share(value, 2) if number == "percent" else formats.count(value)


def _plain(value: float | Decimal | None) -> float | int | None:
    return float(value) if isinstance(value, Decimal) else value
