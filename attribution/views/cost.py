"""The page of cost: what each source, campaign or ad cost and brought, by day and against the period before."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from attribution import links
from attribution.costs import metrics, unmatched
from attribution.costs.figures import Figures, total
from attribution.costs.measures import BY_BASIS, INSTALLS, MEASURES, PERIOD
from attribution.costs.unmatched import Unmatched
from attribution.counting import DAY, Key
from attribution.views.campaign_rows import chips
from attribution.views.campaigns import dimension_choices, stacked, with_query
from attribution.views.cost_rows import (
    LEVELS,
    Row,
    basis_of,
    days_of,
    filters_of,
    finished,
    label_of,
    rows_of,
    starts_of,
    title_of,
    today_of,
    views_of,
    way_down,
    way_up,
    write,
)
from attribution.views.shared import slice_of, wants_csv
from customers.pages import PageRequest, project_page
from customers.remembered import remembered
from growthplatform.core import charts, formats
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

KPIS = ("spend", "cpi", "ecpi", "revenue", "roas")
DRAWN = ("spend", "cpi", "revenue", "roas")
BASES = {INSTALLS: "these installs", PERIOD: "these days"}
NOTHING = -1
CSV_MEASURES = tuple(MEASURES)


def _sort_by(name: str) -> Callable[[Row], Any]:
    def key(row: Row) -> Any:
        value = MEASURES[name].value(row.now)
        return NOTHING if value is None else value

    return key


@project_page
@require_safe
def cost(request: PageRequest) -> HttpResponse:
    """Show what was spent and what it brought in the period, with the way down to the installs."""
    project, today = request.project, today_of(request)
    period, where, basis = days_of(request), filters_of(request), basis_of(request)
    if not wants_csv(request) and not project.spend.exists():
        return page(request, "attribution/cost_empty.html", empty_context(request))
    names, found = counted_by(request, period, where, today)
    by = names[-1]
    words = request.GET.get("q", "").strip().lower()
    rows = rows_of(names, found, where)
    rows = [row for row in rows if words in f"{row.words} {' '.join(map(str, row.values.values()))}".lower()]
    rows = _sorted(rows, request.GET.get("sort", ""))
    if wants_csv(request):
        return _csv(names, rows)
    for row in rows:
        row.url = way_down(request, {**where, **row.values})
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda row: [str(one) for one in row.values.values()])
    metric = request.GET.get("metric", "")
    metric = metric if metric in DRAWN else "spend"
    context = {
        "period": period,
        "where": where,
        "title": title_of(where),
        "way_up": way_up(request, where),
        "views": views_of(request, where),
        "view": "cost",
        "chips": chips(request, where),
        "source_choices": _source_choices(request, where, names, found),
        "by": by,
        "by_label": label_of(by),
        "levels": dimension_choices(request, by, "by", metrics.NAMES),
        "basis": basis,
        "bases": BASES,
        "basis_words": BASES[basis],
        "rows": shown,
        "number": len(rows),
        "next": cursor,
        "together": Row({by: ""}, total([row.now for row in rows])),
        "top": float(max([row.now.spend for row in rows], default=0)),
        "currency": project.currency,
        "heads": {name: MEASURES[BY_BASIS[basis].get(name, name)].means for name in ("revenue", "roas", "roi")},
        "ages": {one.age: one for one in metrics.ages_of(period, today)},
        "kpis": kpis(request, total(list(found.values())), metric, basis),
        "figure": figure(request, period, where, metric, basis),
        "chart_title": f"{MEASURES[BY_BASIS[basis].get(metric, metric)].label} a day",
        "metric": metric,
        "notices": notices(request, period) if not where else {},
    }
    return page(request, "attribution/cost_list.html", context, partial="rows")


def counted_by(
    request: PageRequest, period: Period, where: Mapping[str, str], today: date
) -> tuple[tuple[str, ...], dict[Key, Figures]]:
    """Count along what the address asks for; without a word along the next level down that says anything."""
    by = request.GET.get("by", "")
    if by in metrics.NAMES:
        # Campaigns of several sources may have one name.
        names = ("source", "campaign") if by == "campaign" and "source" not in where else (by,)
        return names, metrics.counted(request.project, period, names, where, today=today)
    deepest = max((place for place, name in enumerate(LEVELS) if name in where), default=-1)
    below = LEVELS[max(deepest + 1, 1) :]
    for level in below:
        names = ("source", "campaign") if level == "campaign" and "source" not in where else (level,)
        found = metrics.counted(request.project, period, names, where, today=today)
        if level == "campaign" or any(key[-1] for key in found):
            return names, found
    return ("country",), metrics.counted(request.project, period, ("country",), where, today=today)


def empty_context(request: PageRequest) -> dict[str, Any]:
    """Return what the page without any spend shows a working command with."""
    return {"base": links.base_address(request), "day": f"{today_of(request)}", "currency": request.project.currency}


def notices(request: PageRequest, period: Period) -> dict[str, Any]:
    """Return what is wrong with the spend of a period: no rate, a name nobody knows, told twice."""
    version = hashlib.sha256(metrics.version(request.project).encode()).hexdigest()[:16]
    asked = f"cost-unmatched:{period.first}:{period.last}:{request.project.currency}:{version}"
    found: Unmatched = remembered(
        request.project, asked, lambda: unmatched.find(request.project, period.first, period.last)
    )
    return {"unknown": len(found.unknown), "twice": found.twice}


def kpis(request: PageRequest, now: Figures, metric: str, basis: str) -> list[charts.Kpi]:
    """Return the key numbers, with their change over the days that are over."""
    period, where, today = days_of(request), filters_of(request), today_of(request)
    over, past = finished(period, today), period.previous
    then = finished(past, today) if past else None
    if over and then and period.last >= today:
        # As many days as are over in this period.
        then = Period.of_days(
            "custom", "", then.first, then.first + (over.last - over.first), zone=then.zone, now=over.end
        )

    def figures_of(days: Period | None) -> Figures:
        found = metrics.counted(request.project, days, (), where, today=today) if days else {}
        return found.get((), Figures())

    compared, before = (figures_of(over), figures_of(then)) if over and then else (None, None)
    found = []
    for name in KPIS:
        measure_name = BY_BASIS[basis].get(name, name)
        measure, currency = MEASURES[measure_name], request.project.currency
        was = measure.value(before) if before else None
        is_ = measure.value(compared) if compared else None
        found.append(
            charts.Kpi(
                measure.label,
                write(measure_name, measure.value(now), currency),
                measure.means,
                None if is_ is None else float(is_),
                None if was is None else float(was),
                write(measure_name, was, currency) if was is not None else "",
                with_query(request, metric=name) if name in DRAWN else "",
                current=name == metric,
                falling_good=measure.falling_good,
            )
        )
    return found


def figure(
    request: PageRequest, period: Period, where: Mapping[str, str], metric: str, basis: str
) -> charts.Figure | None:
    """Return a measure by day: amounts stacked by source, quotients as one line; None where there is nothing."""
    today, name = today_of(request), BY_BASIS[basis].get(metric, metric)
    measure, starts = MEASURES[name], starts_of(period)
    unfinished = sum(start.date() >= today for start in starts)
    days = [start.date() for start in starts]
    past = period.previous
    if metric in {"spend", "revenue"}:
        found = metrics.counted(request.project, period, ("source", DAY), where, today=today)
        by_source: dict[str, list[float]] = {}
        for (source, day), one in found.items():
            if amount := float(measure.value(one) or 0):
                by_source.setdefault(source, [0.0] * len(days))[days.index(day)] = amount
        if not by_source:
            return None
        series, previous = stacked(by_source), _by_day(request, past, where, name, 0.0)
        draw: Any = charts.bars
        unit, number = f"{request.project.currency} a day", "compact"
    else:
        line = _by_day(request, period, where, name, None)
        if not any(value is not None for value in line):
            return None
        series, previous = [charts.Series(measure.label, line, "blue")], _by_day(request, past, where, name, None)
        draw, number = charts.lines, "percent" if measure.number == "percent" else "decimal"
        unit = "of the spend" if number == "percent" else f"{request.project.currency} an install"
    drawn: charts.Figure = draw(
        "cost",
        f"{measure.label} by day",
        x=starts,
        series=series,
        unit=unit,
        previous=previous,
        previous_name=f"All, {past.label.lower()}" if past else "",
        unfinished=unfinished,
        number=number,
    )
    return drawn


def _by_day(
    request: PageRequest, period: Period | None, where: Mapping[str, str], name: str, nothing: float | None
) -> list[float | None]:
    if period is None:
        return []
    found = metrics.counted(request.project, period, (DAY,), where, today=today_of(request))
    values = [MEASURES[name].value(found.get((start.date(),), Figures())) for start in starts_of(period)]
    return [nothing if value is None else float(value) for value in values]


def _source_choices(
    request: PageRequest, where: Mapping[str, str], names: Sequence[str], found: Mapping[Key, Figures]
) -> list[dict[str, Any]]:
    """Return the sources to filter by, where the rows know them."""
    if "source" in where or "source" not in names:
        return []
    spend: dict[str, Any] = {}
    for key, one in found.items():
        spend[key[0]] = spend.get(key[0], 0) + one.spend
    ranked = sorted((name for name in spend if name), key=lambda name: (-spend[name], name))
    return [
        {
            "source": name,
            "spend": formats.money(spend[name], request.project.currency),
            "url": with_query(request, source=name),
        }
        for name in ranked
    ]


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    name = sort.lstrip("-")
    if name == "name":
        return sorted(
            rows, key=lambda row: (row.by == DAY and str(row.values[DAY])) or row.words.lower(), reverse=sort[0] == "-"
        )
    if name not in MEASURES:
        return sorted(rows, key=lambda row: str(row.values[DAY]), reverse=True) if rows and rows[0].by == DAY else rows
    return sorted(rows, key=_sort_by(name), reverse=sort.startswith("-"))


def _csv(names: Sequence[str], rows: list[Row]) -> HttpResponse:
    lines = (
        (
            *(str(value) for value in row.values.values()),
            *("" if (value := MEASURES[name].value(row.now)) is None else round(value, 6) for name in CSV_MEASURES),
            "; ".join(f"{amount} {currency}" for currency, amount in sorted(row.now.unpriced.items())),
        )
        for row in rows
    )
    return csv_file("cost", (*names, *CSV_MEASURES, "spend_without_rate"), lines)
