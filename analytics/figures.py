"""From counted numbers to what is shown of them: key numbers, the chart, the table of a CSV file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from analytics.queries.overview import DEFINITIONS, Measure, Overview, Point, Source
from growthplatform.core import charts, formats, sources
from growthplatform.core.charts import Figure, Kpi, Series
from growthplatform.core.periods import Period

LABELS = {"people": "People", "events": "Events", "installs": "Installs", "conversion": "Conversion"}
COLOURS = {"people": "blue", "events": "green", "conversion": "purple"}


def address(query: Mapping[str, str], **changes: str | None) -> str:
    """Return the present query string with some parameters changed; None takes one out."""
    kept = {**dict(query.items()), **changes}
    return "?" + urlencode({name: value for name, value in kept.items() if value is not None})


def written(metric: str, value: Point) -> str:
    return formats.share(value, 2) if metric == "conversion" else formats.count(value)


COUNTED_BY_DAY = {"people", "events"}


def kpis(overview: Overview, chosen: str, query: Mapping[str, str]) -> list[Kpi]:
    """Return the key numbers, each a tab of the chart."""
    return [_kpi(overview, metric, chosen, query) for metric in LABELS]


def _kpi(overview: Overview, metric: str, chosen: str, query: Mapping[str, str]) -> Kpi:
    now = overview.now.measure(metric)
    before = overview.before.measure(metric) if overview.before else None
    over = len(overview.period.buckets) - overview.period.unfinished
    return Kpi(
        LABELS[metric],
        written(metric, now.value),
        help=f"{DEFINITIONS[metric]} {_compared(overview.period, metric)}".strip(),
        now=now.done if before else None,
        before=before.done if before else None,
        before_text=written(metric, before.done) if before and before.done else "",
        note=_note(overview.period, metric) if before and before.done else "",
        url=address(query, metric=metric),
        current=metric == chosen,
        points=now.points[:over],
        before_points=before.points[:over] if before else (),
    )


def _note(period: Period, metric: str) -> str:
    if not period.unfinished:
        return ""
    if metric not in COUNTED_BY_DAY:
        return "by this time"
    return "without this hour" if period.bucket == "hour" else "without today"


def _compared(period: Period, metric: str) -> str:
    if not period.previous or not period.unfinished:
        return ""
    if metric not in COUNTED_BY_DAY:
        return "The change is against the period before up to the same time of the day."
    unit = "hour" if period.bucket == "hour" else "day"
    return f"The change leaves out the {unit} that is not over, in both periods."


def title(period: Period, metric: str) -> str:
    each = "an hour" if period.bucket == "hour" else "a day"
    return f"{LABELS[metric]} {each}{', by source' if metric == 'installs' else ''}"


def figure(overview: Overview, metric: str) -> Figure:
    """Return the chart of one metric: installs stacked by source, the others as a line."""
    period, now = overview.period, overview.now.measure(metric)
    each = "an hour" if period.bucket == "hour" else "a day"
    before = overview.before.measure(metric) if overview.before else None
    shared: dict[str, Any] = {
        "x": period.buckets,
        "unfinished": period.unfinished,
        "previous": list(before.points) if before else (),
        "previous_name": _previous_name(period, metric),
    }
    if metric == "installs":
        series = _by_source(overview.now.sources) or [Series("Installs", [0] * len(period.buckets), "sky")]
        label = f"Installs {each} by source, stacked bars"
        return charts.bars(metric, label, series=series, unit=f"installs {each}", **shared)
    number = "percent" if metric == "conversion" else "integer"
    unit = "installs for each click" if metric == "conversion" else f"{metric} {each}"
    series = [Series(LABELS[metric], now.points, COLOURS[metric])]
    return charts.lines(metric, f"{LABELS[metric]} {each}", series=series, unit=unit, number=number, **shared)


def _previous_name(period: Period, metric: str) -> str:
    if not period.previous:
        return ""
    label = period.previous.label
    return f"All, {label[0].lower()}{label[1:]}" if metric == "installs" else label


def _by_source(rows: Sequence[Source]) -> list[Series]:
    """Give each source its colour; when several have none of their own, they are one grey series."""
    known = [row for row in rows if sources.look_of(row.key).colour != "grey"]
    grey = [row for row in rows if sources.look_of(row.key).colour == "grey"]
    series = [Series(sources.look_of(row.key).name, row.points, sources.look_of(row.key).colour) for row in known]
    if len(grey) == 1:
        series.append(Series(sources.look_of(grey[0].key).name, grey[0].points, "grey"))
    elif grey:
        series.append(
            Series("Other", [sum(values) for values in zip(*(row.points for row in grey), strict=True)], "grey")
        )
    return series


def table(overview: Overview) -> tuple[list[str], list[list[Any]]]:
    """Return the head and the rows of all numbers, one row for each hour or day, oldest first."""
    now, before = overview.now, overview.before
    names = [row.key for row in now.sources]
    head = ["from", "people", "events", "installs", "clicks", "conversion", *(f"installs_{name}" for name in names)]
    measures: list[Measure] = [now.people, now.events, now.installs, now.clicks, now.conversion]
    columns: list[Sequence[Point]] = [measure.points for measure in measures] + [row.points for row in now.sources]
    if before:
        head += [f"previous_{name}" for name in ("people", "events", "installs", "clicks", "conversion")]
        past = (before.people, before.events, before.installs, before.clicks, before.conversion)
        columns += [measure.points for measure in past]
    rows = [
        [stamp(at, overview.period), *(_at(column, index) for column in columns)]
        for index, at in enumerate(overview.period.buckets)
    ]
    return head, rows


def stamp(at: datetime, period: Period) -> str:
    """Write the start of a bucket: a date for days, a time with its offset for hours."""
    return at.isoformat(timespec="minutes") if period.bucket == "hour" else f"{at:%Y-%m-%d}"


def _at(column: Sequence[Point], index: int) -> Point:
    return column[index] if index < len(column) else None
