"""Two more tables of cost: any two properties crossed, and what installs had brought by their age."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from attribution.costs import metrics
from attribution.costs.figures import COMPLETE, FUTURE, PARTIAL, Aged, Figures, complete_until, state, total
from attribution.costs.measures import MEASURES
from attribution.costs.metrics import Age
from attribution.counting import DAY
from attribution.views.campaign_rows import chips
from attribution.views.campaigns import dimension_choices, with_query
from attribution.views.cost import empty_context
from attribution.views.cost_rows import Row, days_of, filters_of, label_of, rows_of, today_of, views_of, way_down, write
from attribution.views.pivot import HEATS
from attribution.views.shared import slice_of, wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core import formats
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

MOST_COLUMNS = 12
OTHERS = "All others"
FEW = 30
AGE_MEASURES = {"roas": "ROAS", "each": "Per install"}


@project_page
@require_safe
def cost_pivot(request: PageRequest) -> HttpResponse:
    """Cross any two properties, with one measure in the cells."""
    project, today = request.project, today_of(request)
    if not project.spend.exists():
        return page(request, "attribution/cost_empty.html", empty_context(request))
    period, where = days_of(request), filters_of(request)
    down = _asked(request, "rows", "source", metrics.FILTERS)
    across = _asked(request, "columns", "country", metrics.NAMES)
    if across == down:
        across = "country" if down != "country" else "source"
    measure = _asked(request, "measure", "spend", MEASURES)
    found = metrics.counted(project, period, (down, across), where, today=today)
    table = _Crossed(found, measure, across, None if wants_csv(request) else MOST_COLUMNS)
    if wants_csv(request):
        return table.csv(down, across)
    shown, cursor = slice_of(table.rows, request.GET.get("cursor", ""), lambda name: name)
    currency = project.currency

    def text(one: Figures | None) -> str:
        value = MEASURES[measure].value(one) if one else None
        return write(measure, value, currency) if value else ""

    context = {
        "period": period,
        "where": where,
        "chips": chips(request, where),
        "views": views_of(request, where),
        "view": "cost-pivot",
        "measure": MEASURES[measure],
        "down": label_of(down),
        "across": label_of(across),
        "heads": [_head(across, column) for column in table.columns],
        "lines": [
            {
                "words": Row({down: name}, Figures()).words,
                "source": name if down == "source" else "",
                "url": way_down(request, {**where, down: name}),
                "total": text(table.row_totals[name]),
                "cells": [
                    {"text": text(table.cells.get((name, column))), "shade": table.shade(name, column)}
                    for column in table.columns
                ],
            }
            for name in shown
        ],
        "totals": [text(table.column_totals.get(column)) for column in table.columns],
        "total": text(total(list(found.values()))),
        "number": len(table.rows),
        "next": cursor,
        "choices": [
            {
                "label": "Rows",
                "now": label_of(down),
                "values": dimension_choices(request, down, "rows", metrics.FILTERS),
            },
            {
                "label": "Columns",
                "now": label_of(across),
                "values": dimension_choices(request, across, "columns", metrics.NAMES),
            },
            {
                "label": "Measure",
                "now": MEASURES[measure].label,
                "values": [
                    {"words": one.label, "url": with_query(request, measure=name), "current": name == measure}
                    for name, one in MEASURES.items()
                ],
            },
        ],
    }
    return page(request, "attribution/cost_pivot.html", context, partial="rows")


class _Crossed:
    """Figures by row and column, the largest first, days in their order; columns beyond `most` are added up."""

    def __init__(self, found: Mapping[Any, Figures], measure: str, across: str, most: int | None) -> None:
        self.measure, self._value = measure, MEASURES[measure].value
        self.row_totals: dict[Any, Figures] = {}
        self.column_totals: dict[Any, Figures] = {}
        for (row, column), one in found.items():
            self.row_totals.setdefault(row, Figures()).add(one)
            self.column_totals.setdefault(column, Figures()).add(one)
        self.rows = [name for name in self._largest(self.row_totals) if self._value(self.row_totals[name])]
        columns = sorted(self.column_totals) if across == DAY else self._largest(self.column_totals)
        kept = columns if most is None or across == DAY else columns[:most]
        self.cells: dict[tuple[Any, Any], Figures] = {}
        shown = set(kept)
        for (row, column), one in found.items():
            place = column if column in shown else OTHERS
            self.cells.setdefault((row, place), Figures()).add(one)
        if len(kept) < len(columns):
            self.column_totals[OTHERS] = total([self.column_totals[column] for column in columns[len(kept) :]])
            kept = [*kept, OTHERS]
        self.columns = kept
        amounts = (self._value(one) for (_, column), one in self.cells.items() if column != OTHERS)
        self._most = max((float(amount or 0) for amount in amounts), default=0.0)

    def _largest(self, totals: Mapping[Any, Figures]) -> list[Any]:
        return sorted(totals, key=lambda name: (-float(self._value(totals[name]) or 0), -totals[name].spend, str(name)))

    def shade(self, row: Any, column: Any) -> str:
        one = self.cells.get((row, column))
        amount = float(self._value(one) or 0) if one else 0.0
        if column == OTHERS or amount <= 0 or not self._most:
            return ""
        return HEATS[round((amount / self._most) ** 0.5 * (len(HEATS) - 1))]

    def csv(self, down: str, across: str) -> HttpResponse:
        def cell(one: Figures | None) -> Any:
            value = self._value(one) if one else None
            return "" if value is None else round(value, 6)

        lines = (
            (name, cell(self.row_totals[name]), *(cell(self.cells.get((name, column))) for column in self.columns))
            for name in self.rows
        )
        return csv_file(f"cost-{self.measure}-{down}-{across}", (down, "total", *map(str, self.columns)), lines)


def _asked(request: PageRequest, name: str, usual: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    value = request.GET.get(name, usual)
    return value if value in known else usual


def _head(across: str, column: Any) -> str:
    if across == DAY:
        return f"{column.day} {column:%b}" if column != OTHERS else OTHERS
    return OTHERS if column == OTHERS else Row({across: column}, Figures()).words


@project_page
@require_safe
def cost_ages(request: PageRequest) -> HttpResponse:
    """Show what the installs of the period had brought one day, a week, a month … after they installed."""
    project, today = request.project, today_of(request)
    if not project.spend.exists():
        return page(request, "attribution/cost_empty.html", empty_context(request))
    period, where = days_of(request), filters_of(request)
    by = _asked(request, "by", "source", metrics.NAMES)
    names = ("source", "campaign") if by == "campaign" and "source" not in where else (by,)
    found = metrics.counted(project, period, names, where, today=today)
    rows = rows_of(names, found, where)
    if by == DAY:
        rows.sort(key=lambda row: str(row.values[DAY]), reverse=True)
    ages = metrics.ages_of(period, today)
    if wants_csv(request):
        return _ages_csv(names, rows, ages, today)
    measure = _asked(request, "measure", "roas", AGE_MEASURES)
    if measure == "roas":
        # Without spend there is no return on it.
        rows = [row for row in rows if row.now.spend]
    shown, cursor = slice_of(rows, request.GET.get("cursor", ""), lambda row: [str(one) for one in row.values.values()])
    together = total([row.now for row in rows])
    values = [float(_value(row.now.ages[one.age], measure) or 0) for row in rows for one in ages if _many(row.now, one)]
    top = max(values, default=0.0)
    currency = project.currency
    context = {
        "period": period,
        "where": where,
        "chips": chips(request, where),
        "views": views_of(request, where),
        "view": "cost-ages",
        "by": by,
        "by_label": label_of(by),
        "levels": dimension_choices(request, by, "by", metrics.NAMES),
        "measure": measure,
        "measures": AGE_MEASURES,
        "ages": ages,
        "any_partial": any(one.state == PARTIAL for one in ages) and by != DAY,
        "mean": [_cell(together.ages[one.age], one, measure, top, currency) for one in ages],
        "together": together,
        "lines": [
            {
                "row": row,
                "url": way_down(request, {**where, **row.values}),
                "cells": [_cell(row.now.ages[one.age], _own(one, row, today), measure, top, currency) for one in ages],
            }
            for row in shown
        ],
        "number": len(rows),
        "next": cursor,
        "currency": currency,
        "highest": formats.share(top, 0) if measure == "roas" else formats.money(top, currency),
        "few": FEW,
    }
    return page(request, "attribution/cost_ages.html", context, partial="rows")


def _own(age: Age, row: Row, today: Any) -> Age:
    """Return an age as it is for a row: one day reaches it or not."""
    day = row.values.get(DAY)
    if day is None:
        return age
    return Age(age.age, state(age.age, day, day, today), complete_until(age.age, day, today))


def _many(one: Figures, age: Age) -> bool:
    return one.ages[age.age].installs >= FEW


def _value(one: Aged, measure: str) -> Any:
    return one.roas if measure == "roas" else one.each


def _cell(one: Aged, age: Age, measure: str, top: float, currency: str) -> dict[str, str]:
    """Return what a cell shows: its words, its shade, and the numbers behind it."""
    value = _value(one, measure)
    if age.state == FUTURE or value is None:
        return {"text": "", "css": "is-future", "title": ""}
    heat = min(max(1, round(float(value) / top * 10)), 10) if top and value > 0 else 0
    classes = [HEATS[heat], "is-partial" if age.state == PARTIAL else "", "is-few" if one.installs < FEW else ""]
    revenue = one.paid if measure == "roas" else one.revenue
    title = f"{formats.money(revenue, currency)} of {formats.count(one.installs)} installs"
    title += f" that cost {formats.money(one.spend, currency)}" if one.spend else ""
    if age.state == PARTIAL:
        title += f"; installed up to {age.until.day} {age.until:%b}, the others have not had these days"
    text = formats.share(value, 0) if measure == "roas" else formats.money(value, currency)
    return {"text": text, "css": " ".join(filter(None, classes)), "title": title}


def _ages_csv(names: Sequence[str], rows: Sequence[Row], ages: Sequence[Age], today: Any) -> HttpResponse:
    head = (
        *names, "age", "complete", "installed_until", "installs", "spend", "revenue", "paid_revenue", "roas",
        "revenue_per_install",
    )  # fmt: skip
    lines = []
    for row in rows:
        for age in (_own(age, row, today) for age in ages):
            one = row.now.ages[age.age]
            if age.state == FUTURE:
                continue
            lines.append(
                (
                    *(str(value) for value in row.values.values()), age.age,
                    "yes" if age.state == COMPLETE else "no", age.until.isoformat(), one.installs, one.spend,
                    one.revenue, one.paid, "" if one.roas is None else round(one.roas, 6),
                    "" if one.each is None else round(one.each, 6),
                )
            )  # fmt: skip
    return csv_file("cost-by-age", head, lines)
