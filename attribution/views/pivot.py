"""The pivot of campaigns: any two properties crossed, with one measure in the cells."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from attribution import campaigns, counting
from attribution.campaigns import FILTERS, MEASURES, OTHERS, Pivot
from attribution.counting import DAY, DIMENSIONS, Counts
from attribution.views.campaign_rows import way_down, words_of
from attribution.views.campaigns import around, dimension_choices, number, with_query
from attribution.views.shared import period_of, slice_of, wants_csv
from customers.pages import PageRequest, project_page
from growthplatform.core.download import csv_file
from growthplatform.core.http import page
from growthplatform.core.periods import Period

HEAT_STEPS = 10


@project_page
@require_safe
def campaign_pivot(request: PageRequest) -> HttpResponse:
    """Cross any two properties; each cell leads to what lies behind it."""
    period, where = period_of(request), campaigns.filters_of(request.GET.dict())
    down, across = _asked(request, "rows", "source", FILTERS), _asked(request, "columns", "country", DIMENSIONS)
    if across == down:
        across = "country" if down != "country" else "source"
    measure = _asked(request, "measure", "installs", MEASURES)
    whole = wants_csv(request)
    table = campaigns.pivot(
        request.project, period, down, across, where, measure=measure, most=None if whole else campaigns.MOST_COLUMNS
    )
    if whole:
        return _pivot_csv(table, down, across, measure)
    countable = not MEASURES[measure].of_touches or counting.has_touches(down, across, *where)
    shown, cursor = slice_of(table.rows, request.GET.get("cursor", ""), lambda name: name)
    context = {
        "period": period,
        "where": where,
        "measure": MEASURES[measure],
        "measure_words": MEASURES[measure].label.lower(),
        "countable": countable,
        "down": DIMENSIONS[down].label,
        "across": DIMENSIONS[across].label,
        "heads": [_head(across, column, period) for column in table.columns],
        "lines": _lines(request, table, shown, (down, across), measure=measure, where=where) if countable else [],
        "totals": [_written(request, measure, table.column_totals.get(name)) for name in table.columns],
        "total": _written(request, measure, table.total),
        "number": len(table.rows),
        "next": cursor,
        "choices": [
            {
                "label": "Rows",
                "now": DIMENSIONS[down].label,
                "values": dimension_choices(request, down, "rows", FILTERS),
            },
            {
                "label": "Columns",
                "now": DIMENSIONS[across].label,
                "values": dimension_choices(request, across, "columns", DIMENSIONS),
            },
            {"label": "Measure", "now": MEASURES[measure].label, "values": _measure_choices(request, measure)},
        ],
        **around(request, where),
    }
    return page(request, "attribution/campaign_pivot.html", context, partial="rows")


def _pivot_csv(table: Pivot, down: str, across: str, measure: str) -> HttpResponse:
    value = MEASURES[measure].value
    head = [down, "total", *(str(column)[:16] if across == DAY else str(column) for column in table.columns)]

    def cell(counts: Counts | None) -> Any:
        found = value(counts) if counts else None
        return "" if found is None else found

    lines = (
        (name, cell(table.row_totals[name]), *(cell(table.cells.get((name, column))) for column in table.columns))
        for name in table.rows
    )
    return csv_file(f"campaigns-{measure}-{down}-{across}", head, lines)


def _asked(request: PageRequest, name: str, usual: str, known: Sequence[str] | Mapping[str, Any]) -> str:
    value = request.GET.get(name, usual)
    return value if value in known else usual


def _measure_choices(request: PageRequest, now: str) -> list[dict[str, Any]]:
    return [
        {"words": measure.label, "url": with_query(request, measure=name), "current": name == now}
        for name, measure in MEASURES.items()
    ]


def _head(across: str, column: Any, period: Period) -> str:
    if across != DAY:
        return words_of(across, column)
    return f"{column:%H:%M}" if period.bucket == "hour" else f"{column.day} {column:%b}"


def _lines(
    request: PageRequest,
    table: Pivot,
    names: Sequence[str],
    dimensions: tuple[str, str],
    *,
    measure: str,
    where: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Return the rows of a pivot as they are shown: cells with their shade and where they lead."""
    value, (down, across) = MEASURES[measure].value, dimensions
    amounts = [float(value(counts) or 0) for (_, column), counts in table.cells.items() if column != OTHERS]
    most = max(amounts, default=0.0)
    lines = []
    for name in names:
        cells = []
        for column in table.columns:
            counts = table.cells.get((name, column))
            amount = value(counts) if counts else None
            behind = {} if column == OTHERS or across == DAY else {across: str(column)}
            cells.append(
                {
                    "text": number(request, measure, amount) if amount else "",
                    "shade": _shade(float(amount or 0), most) if column != OTHERS else "",
                    "url": way_down(request, {**where, down: name, **behind}) if amount and column != OTHERS else "",
                }
            )
        lines.append(
            {
                "words": words_of(down, name),
                "source": name if down == "source" else "",
                "url": way_down(request, {**where, down: name}),
                "total": _written(request, measure, table.row_totals[name]),
                "cells": cells,
            }
        )
    return lines


def _shade(amount: float, most: float) -> str:
    # By the root, so that one large cell does not make all others white.
    step = round((amount / most) ** 0.5 * HEAT_STEPS) if most and amount > 0 else 0
    return HEATS[step]


# Written out, as the style sheet keeps only classes that stand somewhere as a whole.
HEATS = ("", "heat-1", "heat-2", "heat-3", "heat-4", "heat-5", "heat-6", "heat-7", "heat-8", "heat-9", "heat-10")


def _written(request: PageRequest, measure: str, counts: Counts | None) -> str:
    return number(request, measure, MEASURES[measure].value(counts)) if counts else ""
