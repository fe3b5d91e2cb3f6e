"""The page of cohorts: those who installed in one week or month, how many came back, and what they brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from attribution import cohorts, links
from attribution.cohorts import FUTURE, PARTIAL, Cell, Cohorts
from attribution.views.shared import wants_csv
from customers.pages import PageRequest, project_page
from customers.remembered import remembered
from growthplatform.core import charts, formats, sources
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

SHARE, PEOPLE, REVENUE = "share", "people", "revenue"
MEASURES = {SHARE: "Came back", PEOPLE: "People", REVENUE: "Revenue"}
UNITS = {cohorts.WEEK: "By week", cohorts.MONTH: "By month"}
HEATS = 10
# Of fewer people a share says little.
FEW = 30
CHART_SOURCES = 6
# Of sources that share a colour, the second and further ones.
DASHES: tuple[dict[str, Any], ...] = ({}, {"type": [6, 3]}, {"type": [2, 3]})
SHOWN_SOURCES = 50
CSV_HEAD = (
    "source", "installed_from", "people", "installs", "age", "complete", "active", "share", "revenue",
    "revenue_per_install",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How the cells are written: the measure, its largest value, the currency of money."""

    measure: str
    top: float
    currency: str

    def write(self, value: float) -> str:
        if self.measure == REVENUE:
            return formats.money(value, self.currency)
        return formats.count(value) if self.measure == PEOPLE else formats.share(value)


@project_page
@require_safe
def cohort_list(request: PageRequest) -> HttpResponse:
    """Show the cohorts of the last twelve weeks or months, of one source or all, or the sources beside each other."""
    project, now = request.project, timezone.now()
    unit = _chosen(request, "unit", (cohorts.WEEK, cohorts.MONTH))
    if not wants_csv(request) and not project.decisions.exists():
        return page(request, "attribution/cohort_empty.html", {"base": links.base_address(request)})
    found = remembered(project, f"cohorts:{unit}:{now:%Y%m%d%H%M}", lambda: cohorts.read(project, unit, now=now))
    source = request.GET.get("source", "")
    measure = _chosen(request, "measure", tuple(MEASURES))
    by_source = request.GET.get("rows") == "source" and not source
    if wants_csv(request):
        return _csv(found, source)
    rows: list[tuple[Any, int, list[Cell]]] = _source_rows(found) if by_source else _start_rows(found, source)
    mean = found.complete(found.of(source=source))
    top = _top([cell for _, _, cells in rows for cell in cells if cell.state != FUTURE], measure)
    look = Look(measure, top, project.currency)
    context = {
        "found": found,
        "unit": unit,
        "units": UNITS,
        "measure": measure,
        "measures": MEASURES,
        "source": source,
        "by_source": by_source,
        "rows": [_line(name, people, cells, look) for name, people, cells in rows],
        "mean": [_shown(cell, look) for cell in mean],
        "people": sum(one.people for one in found.of(source=source)),
        "installs": sum(one.installs for one in found.of(source=source)),
        "highest": look.write(top),
        "figure": _figure(found, source, measure, project.currency),
        "glance": _glance(found, source, measure, project.currency),
        "few": FEW,
    }
    return page(request, "attribution/cohort_list.html", context)


def _chosen(request: PageRequest, name: str, allowed: Sequence[str]) -> str:
    value = request.GET.get(name, "")
    return value if value in allowed else allowed[0]


def _start_rows(found: Cohorts, source: str) -> list[tuple[Any, int, list[Cell]]]:
    rows: list[tuple[Any, int, list[Cell]]] = []
    for start in found.starts:
        mine = found.of(source=source, start=start)
        rows.append((start, sum(one.people for one in mine), found.row(start, mine)))
    return rows


def _source_rows(found: Cohorts) -> list[tuple[Any, int, list[Cell]]]:
    rows: list[tuple[Any, int, list[Cell]]] = []
    for source in list(found.sources)[:SHOWN_SOURCES]:
        mine = found.of(source=source)
        rows.append((source, sum(one.people for one in mine), found.complete(mine)))
    return rows


def _value(cell: Cell, measure: str) -> float | None:
    if measure == PEOPLE:
        return cell.active if cell.people else None
    if measure == REVENUE:
        return None if cell.each is None else float(cell.each)
    return cell.share


def _top(cells: Sequence[Cell], measure: str) -> float:
    """Return the largest value, of enough people where there are any: one rich person must not pale all others."""
    many = [cell for cell in cells if cell.people >= FEW]
    return max([_value(cell, measure) or 0 for cell in many or cells], default=0)


def _line(name: Any, people: int, cells: Sequence[Cell], look: Look) -> dict[str, Any]:
    """Return a row of the table: its cells, and where nothing has begun yet when it will."""
    waits = isinstance(name, date) and cells[0].state == FUTURE
    return {
        "name": name,
        "people": people,
        "cells": [_shown(cell, look) for cell in cells],
        "waits": name + timedelta(days=1) if waits else None,
    }


def _shown(cell: Cell, look: Look) -> dict[str, str]:
    """Return what a cell shows: its words, its shade, and the numbers behind it."""
    value = _value(cell, look.measure)
    if cell.state == FUTURE or value is None:
        return {"text": "", "css": "is-future", "title": ""}
    heat = min(max(1, round(value / look.top * HEATS)), HEATS) if look.top and value > 0 else 0
    classes = [f"heat-{heat}" if heat else "", "is-partial" if cell.state == PARTIAL else ""]
    classes.append("is-few" if cell.people < FEW else "")
    if look.measure == REVENUE:
        title = f"{formats.money(cell.revenue, look.currency)} of {formats.count(cell.installs)} installs"
    else:
        title = f"{formats.count(cell.active)} of {formats.count(cell.people)} people"
    if cell.state == PARTIAL:
        title += ", not over yet"
    return {"text": look.write(value).removesuffix("%"), "css": " ".join(filter(None, classes)), "title": title}


def _figure(found: Cohorts, source: str, measure: str, currency: str) -> charts.Figure | None:
    """Draw the largest sources along the ages, complete cohorts only."""
    shown = [source] if source else list(found.sources)[:CHART_SOURCES]
    kind = SHARE if measure == PEOPLE else measure
    number = "compact" if kind == REVENUE else "percent"
    lines: list[tuple[str, str, list[float | None]]] = []
    dashes: list[Any] = []
    for name in shown:
        cells = found.complete(found.of(source=name))
        # A curve over few people jumps about and says nothing.
        values = [_value(cell, kind) if cell.people >= FEW else None for cell in cells]
        if sum(value is not None for value in values) > 1:
            look = sources.look_of(name)
            alike = sum(colour == look.colour for _, colour, _ in lines)
            lines.append((look.name, look.colour, values))
            dashes.append(DASHES[min(alike, len(DASHES) - 1)])
    if not lines:
        return None
    ages = [f"{found.unit.capitalize()} {age}" for age in found.ages]
    option = {
        "xAxis": {"type": "category", "boundaryGap": False, "data": ages},
        "yAxis": {
            "type": "value",
            "min": 0,
            "name": f"{currency} per install" if kind == REVENUE else f"came back in that {found.unit}",
            "axisLabel": {"formatter": f"%{number}"},
        },
        "series": [
            {
                "name": name, "type": "line", "colour": f"${colour}", "symbol": "circle", "symbolSize": 5,
                "lineStyle": {"width": 2, **dash}, "tooltip": {"valueFormatter": f"%{number}"},
                "data": [None if value is None else round(value, 6) for value in values],
            }
            for (name, colour, values), dash in zip(lines, dashes, strict=True)
        ],
    }  # fmt: skip
    rows = [[age, *(_written(values[at], kind, currency) for _, _, values in lines)] for at, age in enumerate(ages)]
    label = f"{'Revenue per install' if kind == REVENUE else 'Share that came back'} by age and source, lines"
    return charts.Figure("cohorts", label, option, ["Age", *(name for name, _, _ in lines)], rows)


def _written(value: float | None, measure: str, currency: str) -> str:
    return formats.money(value, currency) if measure == REVENUE else formats.share(value)


def _glance(found: Cohorts, source: str, measure: str, currency: str) -> list[dict[str, Any]]:
    """Compare the newer half of the cohorts with the older at a few ages, each half where it is complete."""
    half = len(found.starts) // 2
    mine = found.of(source=source)
    older = found.complete([one for one in mine if one.start < found.starts[half]])
    newer = found.complete([one for one in mine if one.start >= found.starts[half]])
    kind = SHARE if measure == PEOPLE else measure
    lines = []
    for age in (1, 2, 4):
        if age not in found.ages or newer[age - 1].people < FEW:
            continue
        now = _value(newer[age - 1], kind)
        before = _value(older[age - 1], kind) if older[age - 1].people >= FEW else None
        text = _written(now, kind, currency)
        lines.append({"name": f"{found.unit.capitalize()} {age}", "text": text, "now": now, "before": before})
    return lines


def _csv(found: Cohorts, source: str) -> HttpResponse:
    """Answer each cohort of each source at each age that has begun."""
    lines = []
    for one in found.of(source=source):
        for cell in found.row(one.start, [one]):
            if cell.state == FUTURE:
                continue
            share, each = cell.share, cell.each
            lines.append(
                (
                    one.source, one.start.isoformat(), one.people, one.installs, cell.age,
                    "yes" if cell.state == cohorts.COMPLETE else "no", cell.active,
                    "" if share is None else round(share, 6), cell.revenue, "" if each is None else round(each, 6),
                )
            )  # fmt: skip
    return csv_file(f"cohorts-{found.unit}", CSV_HEAD, lines)
