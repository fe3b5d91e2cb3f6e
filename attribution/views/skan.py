"""The page of SKAN: what Apple's postbacks tell, beside what our rules credit on the same phones."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from attribution import links
from attribution.skan import networks, queries
from attribution.skan.queries import DIMENSIONS, Row, Told
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core import charts, countries, formats, sources
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

VIEWS = (
    ("Overview", "skan"),
    ("Postbacks", "skan-postback-list"),
    ("Console", "skan-console"),
    ("Schemas", "skan-schema-list"),
    ("Apps", "skan-app-list"),
)
FILTERS = ("network", "campaign", "country", "app", "source")
SORTS = {
    "name": lambda row: str(row.value),
    "installs": lambda row: row.told.installs,
    "redownloads": lambda row: row.told.redownloads,
    "valued": lambda row: row.told.valued_share or 0,
    "revenue": lambda row: row.told.revenue,
    "second": lambda row: row.told.second,
    "third": lambda row: row.told.third,
    "ours": lambda row: row.ours or 0,
}
CSV_HEAD = (
    "installs", "redownloads", "reengagements", "not_won", "second_window", "third_window", "with_value",
    "revenue_not_authenticated", "ios_installs_by_your_rules",
)  # fmt: skip
SHOWN_NETWORKS = 6
SHOWN_MEANINGS = 12
# Networks that are not one of ours by name take these, in their order.
SPARE = ("purple", "vermilion", "sky", "grey")


def views_of(request: PageRequest, now: str) -> list[dict[str, Any]]:
    """Return the pages of SKAN for the row of tabs on each of them."""
    return [
        {"words": words, "url": reverse(f"attribution:{name}", args=[request.project.slug]), "current": name == now}
        for words, name in VIEWS
    ]


@project_page
@require_safe
def skan(request: PageRequest) -> HttpResponse:
    """Show what Apple's postbacks of the period tell, by network, campaign, country …, beside our own numbers."""
    period, where = period_of(request), where_of(request)
    if not request.project.apple_postbacks.exists():
        return page(
            request, "attribution/skan_empty.html", {**first_steps(request), "views": views_of(request, "skan")}
        )
    by = request.GET.get("by", "")
    by = by if by in DIMENSIONS else "campaign" if "network" in where else "network"
    rows = queries.rows_of(request.project, period.start, period.until, by, where)
    rows = _sorted([row for row in rows if _matches(request, by, row)], request.GET.get("sort", ""))
    if wants_csv(request):
        return csv_file("skan", (by, *CSV_HEAD), (_csv_row(row) for row in rows))
    total = queries.together(queries.told(request.project, period.start, period.until, (), where))
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda row: str(row.value))
    context = {
        "views": views_of(request, "skan"),
        "period": period,
        "by": by,
        "dimension": DIMENSIONS[by],
        "dimensions": [
            {"words": one.label, "url": _with(request, by=name), "current": name == by}
            for name, one in DIMENSIONS.items()
            if name not in where
        ],
        "chips": [
            {"label": DIMENSIONS[name].label, "words": words_of(name, value), "clear": _with(request, **{name: None})}
            for name, value in where.items()
        ],
        "rows": [_shown(request, by, row) for row in shown],
        "number": len(rows),
        "next": cursor,
        "beside": any(row.ours is not None for row in rows),
        "total": total,
        "ours": sum(row.ours or 0 for row in rows),
        "kpis": _kpis(request, period, where, total),
        "figure": _figure(request, period, where),
        "meanings": _meanings(total),
        "states": queries.by_state(request.project, period.start, period.until),
        "schemas": request.project.conversion_schemas.exists(),
    }
    return page(request, "attribution/skan.html", context, partial="rows")


def where_of(request: PageRequest) -> dict[str, str]:
    """Return the filters in the address."""
    return {name: request.GET[name].replace("\x00", "") for name in FILTERS if name in request.GET}


def first_steps(request: PageRequest) -> dict[str, Any]:
    """Return what a page needs to say how postbacks get here."""
    return {"base": links.base_address(request), "host": settings.BASE_URL.partition("://")[2].partition(":")[0]}


def words_of(name: str, value: Any) -> str:
    """Return what a value of a dimension is called on the page."""
    if name == "network":
        return networks.name_of(str(value))
    if isinstance(value, date):
        return formats_day(value)
    if not value:
        return "Not said"
    return countries.name_of(value) if name == "country" else f"id{value}" if name == "app" else str(value)


def formats_day(day: date) -> str:
    """Write a day."""
    return f"{day.day} {day:%b %Y}"


def _matches(request: PageRequest, by: str, row: Row) -> bool:
    return request.GET.get("q", "").strip().lower() in f"{words_of(by, row.value)} {row.value}".lower()


def _sorted(rows: list[Row], sort: str) -> list[Row]:
    key = SORTS.get(sort.lstrip("-"))
    return sorted(rows, key=key, reverse=sort.startswith("-")) if key else rows


def _shown(request: PageRequest, by: str, row: Row) -> dict[str, Any]:
    """Return a row with its words and the way down: into the network's campaigns, or the campaign's days."""
    deeper = {"network": "campaign", "day": ""}.get(by, "day")
    url = _with(request, **{by: row.value, "by": deeper, "sort": None, "q": None}) if deeper else ""
    return {"row": row, "told": row.told, "words": words_of(by, row.value), "url": url}


def _with(request: PageRequest, **changes: str | None) -> str:
    """Return the address of this page with parameters set or, by None, taken out, from its first row on."""
    query = {name: value for name, value in request.GET.items() if name not in {*changes, "cursor"}}
    return f"?{urlencode({**query, **{name: value for name, value in changes.items() if value is not None}})}"


def _csv_row(row: Row) -> tuple[Any, ...]:
    told = row.told
    return (
        row.value, told.installs, told.redownloads, told.reengagements, told.lost, told.second, told.third, told.valued,
        told.revenue, "" if row.ours is None else row.ours,
    )  # fmt: skip


def _kpis(request: PageRequest, period: Period, where: Mapping[str, str], now: Told) -> list[charts.Kpi]:
    project, past = request.project, period.previous
    before = queries.together(queries.told(project, past.start, past.until, (), where)) if past else None

    def kpi(label: str, value: Any, old: Any, help_text: str, write: Any = formats.count) -> charts.Kpi:
        now, past = (None if one is None else float(one) for one in (value, old))
        return charts.Kpi(label, write(value), help_text, now, past, write(old) if old is not None else "")

    def money(value: Any) -> str:
        return formats.money(value, project.currency)

    kpis = [
        kpi("Installs told by Apple", now.installs, before and before.installs,
            "First downloads that an ad won, by the first postback of each, on the day it arrived: one to five days"
            " after the install"),
        kpi("Redownloads", now.redownloads, before and before.redownloads,
            "The same, where the person had the app before"),
        kpi("With a value", now.valued_share, before and before.valued_share,
            "First postbacks that carry a conversion value; Apple leaves it out where few people are behind it",
            formats.share),
        kpi("Revenue by values", now.revenue, before and before.revenue,
            "What your schemas say the values are worth. Apple does not sign values: who forwards a postback can change"
            " them", money),
    ]  # fmt: skip
    if not where:
        ours = queries.ours_together(project, period.start, period.until)
        earlier = queries.ours_together(project, past.start, past.until) if past else None
        means = (
            "Credited to a touch by your rules, on the day of the install. The two count different people in part:"
            " Apple needs no consent, and your rules know sources that Apple does not"
        )
        kpis.insert(2, kpi("iOS installs by your rules", ours, earlier, means))
    return kpis


def _figure(request: PageRequest, period: Period, where: Mapping[str, str]) -> charts.Figure | None:
    """Draw the first postbacks a day by network, and as a dashed line what our rules credit."""
    found = queries.told(request.project, period.start, period.until, ("day", "network"), where)
    if period.bucket != "day" or not any(one.first for one in found.values()):
        return None
    days = {at.date(): place for place, at in enumerate(period.buckets)}
    by_network: dict[str, list[int]] = {}
    for (day, network), one in found.items():
        if day in days:
            by_network.setdefault(network, [0] * len(days))[days[day]] += one.first
    ranked = sorted(by_network.items(), key=lambda pair: (-sum(pair[1]), pair[0]))
    spare = iter(SPARE)
    series: list[charts.Series] = []
    for network, values in ranked[:SHOWN_NETWORKS]:
        colour = sources.look_of(network).colour if networks.ids_of(network) else "grey"
        series.append(
            charts.Series(networks.name_of(network), values, colour if colour != "grey" else next(spare, "grey"))
        )
    if rest := ranked[SHOWN_NETWORKS:]:
        together = [sum(values) for values in zip(*(values for _, values in rest), strict=True)]
        series.append(charts.Series("Other", together, "grey"))
    ours = {} if where else queries.beside(request.project, period.start, period.until, "day")
    return charts.bars(
        "skan",
        "First postbacks of won installs by network, stacked bars",
        x=period.buckets,
        series=series,
        unit="postbacks a day",
        previous=[ours.get(day, 0) for day in days] if ours else [],
        previous_name="iOS installs by your rules, day of install",
        unfinished=period.unfinished,
    )


def _meanings(total: Told) -> list[dict[str, Any]]:
    """Return what the values of all windows said, most frequent first."""
    everything = sum(total.meanings.values())
    ranked = sorted(total.meanings.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        {"words": words, "number": number, "share": number / everything, "none": words == queries.NOTHING_SAID,
         "unknown": words == queries.NOT_DECODED}
        for words, number in ranked[:SHOWN_MEANINGS]
    ]  # fmt: skip
