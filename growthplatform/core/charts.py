"""Figures for the pages: an ECharts option with colour tokens, and the table of the same numbers.

charts.js adds axes, grid, tooltip and theme, and turns "$blue" into a colour and "%compact" into a format.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from growthplatform.core import formats

Value = float | int | None
WRITTEN = {
    "integer": formats.count,
    "compact": formats.compact,
    "percent": formats.share,
    "money": lambda value: formats.money(value),  # the currency is said in the unit over the axis
}
GAP = {"borderColor": "$card", "borderWidth": 0.75}
PALE = 0.45


@dataclass(frozen=True)
class Series:
    """One row of values, one for each x; the colour is a token of product.css."""

    name: str
    values: Sequence[Value]
    colour: str = "blue"


@dataclass(frozen=True)
class Mark:
    """Something that happened: a deploy or an experiment at a time, an incident over a span."""

    kind: str
    short: str
    at: datetime
    to: datetime | None = None


@dataclass(frozen=True)
class Figure:
    """What `{% chart %}` shows. Rows of the table are finished texts, newest first."""

    id: str
    label: str
    option: dict[str, Any]
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    annotations: Sequence[dict[str, str]] = ()

    @property
    def spec(self) -> dict[str, Any]:
        return {"option": self.option, "annotations": list(self.annotations)}

    @property
    def spec_id(self) -> str:
        return f"{self.id}-option"


@dataclass(frozen=True)
class Kpi:
    """A key number: a tab of the chart below it. `falling_good` turns the colours of its change."""

    label: str
    value: str
    help: str = ""
    now: Value = None
    before: Value = None
    before_text: str = ""
    url: str = ""
    current: bool = False
    points: Sequence[Value] = ()
    before_points: Sequence[Value] = ()
    falling_good: bool = False
    note: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def bars(
    id: str,  # noqa: A002
    label: str,
    *,
    x: Sequence[datetime],
    series: Sequence[Series],
    unit: str,
    previous: Sequence[Value] = (),
    previous_name: str = "Previous period",
    unfinished: int = 0,
    marks: Sequence[Mark] = (),
    number: str = "integer",
) -> Figure:
    """Return stacked bars over time; the last `unfinished` ones are pale, the previous period is a dashed line."""
    drawn = [
        {
            "name": one.name,
            "type": "bar",
            "stack": "all",
            "colour": f"${one.colour}",
            "barCategoryGap": "22%",
            "emphasis": {"focus": "series"},
            "itemStyle": GAP,
            "tooltip": {"valueFormatter": f"%{number}"},
            "data": _pale(one.values, unfinished),
        }
        for one in series
    ]
    return _over_time(id, label, x, series, drawn, unit, previous, previous_name, marks, number)


def lines(
    id: str,  # noqa: A002
    label: str,
    *,
    x: Sequence[datetime],
    series: Sequence[Series],
    unit: str,
    previous: Sequence[Value] = (),
    previous_name: str = "Previous period",
    unfinished: int = 0,
    marks: Sequence[Mark] = (),
    number: str = "integer",
) -> Figure:
    """Return lines over time; what is not finished is drawn dashed, the previous period as a dashed line in ink."""
    drawn: list[dict[str, Any]] = []
    for one in series:
        done = len(one.values) - unfinished
        look = {
            "type": "line",
            "colour": f"${one.colour}",
            "symbol": "none",
            "tooltip": {"valueFormatter": f"%{number}"},
        }
        drawn.append(
            {**look, "name": one.name, "lineStyle": {"width": 2}, "data": [*one.values[:done], *[None] * unfinished]}
        )
        if unfinished and done > 0:
            tail = [*[None] * (done - 1), *one.values[done - 1 :]]
            drawn.append(
                {
                    **look,
                    "name": f"{one.name} so far",
                    "legend": False,
                    "lineStyle": {"width": 2, "opacity": PALE},
                    "data": tail,
                }
            )
    return _over_time(id, label, x, series, drawn, unit, previous, previous_name, marks, number)


def _pale(values: Sequence[Value], unfinished: int) -> list[Any]:
    done = len(values) - unfinished
    return [*values[:done], *({"value": one, "itemStyle": {**GAP, "opacity": PALE}} for one in values[done:])]


def _over_time(
    id: str,
    label: str,
    x: Sequence[datetime],
    series: Sequence[Series],
    drawn: list[dict[str, Any]],
    unit: str,  # noqa: A002
    previous: Sequence[Value],
    previous_name: str,
    marks: Sequence[Mark],
    number: str,
) -> Figure:
    hourly = len(x) > 1 and (x[1] - x[0]).total_seconds() < 86_400
    stamp = "%Y-%m-%dT%H:%M" if hourly else "%Y-%m-%d"
    keys = [f"{one:{stamp}}" for one in x]
    if previous:
        drawn.append(
            {
                "name": previous_name,
                "type": "line",
                "colour": "$grey",
                "symbol": "none",
                "z": 6,
                "lineStyle": {"type": [4, 4], "width": 1.5, "color": "$ink-2"},
                "tooltip": {"valueFormatter": f"%{number}"},
                "data": list(previous)[: len(x)],
            }
        )
    option = {
        "xAxis": {"type": "category", "data": keys, "axisLabel": {"formatter": "%hour" if hourly else "%day"}},
        "yAxis": {
            "type": "value",
            "name": unit,
            "axisLabel": {"formatter": "%compact" if number == "integer" else f"%{number}"},
        },
        "series": drawn,
    }
    stacked = len(series) > 1 and drawn[0]["type"] == "bar"
    columns = ["Hour" if hourly else "Day", *(one.name for one in series)]
    columns += (["All"] if stacked else []) + ([previous_name] if previous else [])
    return Figure(
        id, label, option, columns, _rows(keys, series, previous, number, stacked=stacked), _annotations(marks, x, keys)
    )


def _rows(
    keys: list[str], series: Sequence[Series], previous: Sequence[Value], number: str, *, stacked: bool
) -> list[list[str]]:
    write = WRITTEN.get(number, formats.compact)
    rows = []
    for index, key in enumerate(keys):
        values = [one.values[index] for one in series]
        row = [key.replace("T", " "), *(write(value) for value in values)]
        row += [write(sum(value or 0 for value in values))] if stacked else []
        row += [write(previous[index] if index < len(previous) else None)] if previous else []
        rows.append(row)
    return rows[::-1]


def _annotations(marks: Sequence[Mark], x: Sequence[datetime], keys: list[str]) -> list[dict[str, str]]:
    """Put each mark on the bucket it happened in; those outside the picture are left out."""
    found = []
    for mark in marks:
        index = sum(one <= mark.at for one in x) - 1
        last = sum(one <= (mark.to or mark.at) for one in x) - 1
        if last < 0 or (index < 0 and mark.to is None):
            continue
        place = {"from": keys[max(index, 0)], "to": keys[last]} if mark.to else {"at": keys[index]}
        found.append({"kind": mark.kind, "short": mark.short, **place})
    return found
