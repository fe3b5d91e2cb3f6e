"""Figures for the pages: an ECharts option with colour tokens, and the table of the same numbers.

charts.js adds axes, grid, tooltip and theme, and turns "$blue" into a colour and "%compact" into a format.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from growthplatform.core import formats

Value = float | int | None
WRITTEN: dict[str, Callable[[Value], str]] = {
    "integer": formats.count,
    "compact": formats.compact,
    "decimal": formats.decimal,
    "percent": formats.share,
    "money": formats.money,  # the currency is said in the unit over the axis
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


@dataclass(frozen=True)
class _Plan:
    """What bars and lines over time have in common."""

    name: str
    label: str
    x: Sequence[datetime]
    series: Sequence[Series]
    unit: str
    previous: Sequence[Value]
    previous_name: str
    unfinished: int
    marks: Sequence[Mark]
    number: str

    @property
    def hourly(self) -> bool:
        return len(self.x) > 1 and (self.x[1] - self.x[0]).total_seconds() < 23 * 3_600

    @property
    def keys(self) -> list[str]:
        stamp = "%Y-%m-%dT%H:%M" if self.hourly else "%Y-%m-%d"
        return [f"{one:{stamp}}" for one in self.x]


def bars(
    name: str,
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
    plan = _Plan(name, label, x, series, unit, previous, previous_name, unfinished, marks, number)
    look = {
        "type": "bar",
        "stack": "all",
        "barCategoryGap": "22%",
        "emphasis": {"focus": "series"},
        "itemStyle": GAP,
        "tooltip": {"valueFormatter": f"%{number}"},
    }
    drawn = [
        {"name": one.name, "colour": f"${one.colour}", **look, "data": _pale(one.values, unfinished)} for one in series
    ]
    return _figure(plan, drawn, stacked=len(series) > 1)


def lines(
    name: str,
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
    """Return lines over time; what is not finished is pale, the previous period is a dashed line in ink."""
    plan = _Plan(name, label, x, series, unit, previous, previous_name, unfinished, marks, number)
    look = {"type": "line", "symbol": "none", "tooltip": {"valueFormatter": f"%{number}"}}
    drawn: list[dict[str, Any]] = []
    for one in series:
        done = len(one.values) - unfinished
        solid = {**look, "name": one.name, "colour": f"${one.colour}", "lineStyle": {"width": 2}}
        drawn.append({**solid, "data": [*one.values[:done], *[None] * unfinished]})
        if unfinished and done > 0:
            pale = {"legend": False, "lineStyle": {"width": 2, "opacity": PALE}}
            tail = [*[None] * (done - 1), *one.values[done - 1 :]]
            drawn.append({**solid, **pale, "name": f"{one.name} so far", "data": tail})
    return _figure(plan, drawn, stacked=False)


def _pale(values: Sequence[Value], unfinished: int) -> list[Any]:
    done = len(values) - unfinished
    return [*values[:done], *({"value": one, "itemStyle": {**GAP, "opacity": PALE}} for one in values[done:])]


def _figure(plan: _Plan, drawn: list[dict[str, Any]], *, stacked: bool) -> Figure:
    format_of_axis = "%compact" if plan.number == "integer" else f"%{plan.number}"
    past = [_past(plan)] if plan.previous else []
    option = {
        "xAxis": {
            "type": "category",
            "data": plan.keys,
            "axisLabel": {"formatter": "%hour" if plan.hourly else "%day"},
        },
        "yAxis": {"type": "value", "name": plan.unit, "axisLabel": {"formatter": format_of_axis}},
        "series": [*drawn, *past],
    }
    columns = ["Hour" if plan.hourly else "Day", *(one.name for one in plan.series)]
    columns += (["All"] if stacked else []) + ([plan.previous_name] if plan.previous else [])
    return Figure(plan.name, plan.label, option, columns, _rows(plan, stacked=stacked), _annotations(plan))


def _past(plan: _Plan) -> dict[str, Any]:
    return {
        "name": plan.previous_name,
        "type": "line",
        "colour": "$grey",
        "symbol": "none",
        "z": 6,
        "lineStyle": {"type": [4, 4], "width": 1.5, "color": "$ink-2"},
        "tooltip": {"valueFormatter": f"%{plan.number}"},
        "data": list(plan.previous)[: len(plan.x)],
    }


def _rows(plan: _Plan, *, stacked: bool) -> list[list[str]]:
    write = WRITTEN.get(plan.number, formats.compact)
    rows = []
    for index, key in enumerate(plan.keys):
        values = [one.values[index] for one in plan.series]
        row = [key.replace("T", " "), *(write(value) for value in values)]
        row += [write(sum(value or 0 for value in values))] if stacked else []
        row += [write(plan.previous[index] if index < len(plan.previous) else None)] if plan.previous else []
        rows.append(row)
    return rows[::-1]


def _annotations(plan: _Plan) -> list[dict[str, str]]:
    """Put each mark on the bucket it happened in; those outside the picture are left out."""
    found = []
    for mark in plan.marks:
        first = sum(one <= mark.at for one in plan.x) - 1
        last = sum(one <= (mark.to or mark.at) for one in plan.x) - 1
        found += _placed(mark, plan.keys, first, last)
    return found


def _placed(mark: Mark, keys: Sequence[str], first: int, last: int) -> list[dict[str, str]]:
    """Return a mark at its bucket or from one to another; nothing for what was over before the picture begins."""
    if last < 0 or (first < 0 and mark.to is None):
        return []
    place = {"from": keys[max(first, 0)], "to": keys[last]} if mark.to else {"at": keys[first]}
    return [{"kind": mark.kind, "short": mark.short, **place}]


def marked(figure: Figure, marks: Sequence[Mark]) -> Figure:
    """Return a figure over time with marks on it; any other figure, and one that has marks, as it is.

    The times of its x axis are local ones of the current time zone, like 2026-11-05 or 2026-11-05T14:00.
    """
    keys = _times(figure.option)
    if not keys or figure.annotations:
        return figure
    found: list[dict[str, str]] = []
    for mark in marks:
        found += _placed(mark, keys, _bucket(keys, mark.at), _bucket(keys, mark.to or mark.at))
    return replace(figure, annotations=found)


def _times(option: dict[str, Any]) -> list[str]:
    """Return the x axis of an option where it is one of times, else nothing."""
    axis = option.get("xAxis")
    keys = axis.get("data") if isinstance(axis, dict) else None
    try:
        return [key for key in keys or () if datetime.fromisoformat(key)]
    except (TypeError, ValueError):
        return []


def _bucket(keys: Sequence[str], at: datetime) -> int:
    here = timezone.make_naive(at)
    return sum(datetime.fromisoformat(key) <= here for key in keys) - 1
