"""How a trend is said and drawn: words of its definition, curves, key numbers, tables."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.time import Buckets
from analytics.expressions.base import OTHER, Property, Step
from analytics.expressions.trend import OF_PROPERTY, Series
from growthplatform.core import charts, formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.trend import Line, Measured, Result, TrendQuestion

COLOURS = ("blue", "orange", "green", "purple", "vermilion", "sky")
# So many curves can be told apart; the table has all.
MOST_LINES = 12
WHOLE = {"*": "any event", "Page: *": "any page", "Screen: *": "any screen"}
SAID = {
    "events": "how often {event} happened",
    "people": "different people who did {event}",
    "per_person": "how often {event} happened, divided by the different people who did it",
    "sum": "sum of “{of}” over {event}",
    "avg": "mean of “{of}” over {event}",
    "min": "smallest “{of}” of {event}",
    "max": "largest “{of}” of {event}",
    "p50": "median of “{of}” over {event}",
    "p90": "90th percentile of “{of}” over {event}",
}
SHORT = {
    "events": "",
    "people": "people",
    "per_person": "times per person",
    "sum": "sum of {of}",
    "avg": "average {of}",
    "min": "smallest {of}",
    "max": "largest {of}",
    "p50": "median {of}",
    "p90": "90th percentile of {of}",
}
UNITS = {"events": "events", "people": "people", "per_person": "times per person"}


@dataclass(frozen=True)
class Cell:
    """One number of the table, its past one, and where the people behind it are; "" where there is no such place."""

    text: str
    now: float | None
    before: float | None
    place: str = ""


@dataclass(frozen=True)
class Row:
    label: str
    colour: str
    cells: Sequence[Cell]


def event_of(step: Step) -> str:
    """Write a step as part of a sentence: “Signed Up” (plan is pro)."""
    name = WHOLE.get(step.event, f"“{step.event}”")
    where = ", ".join(f"{one.property} {one.operator} {' or '.join(one.values)}".strip() for one in step.where)
    return f"{name} ({where})" if where else name


def definition(question: "TrendQuestion") -> str:
    """Say exactly what is counted."""
    said = [f"{letter}: {_said(series)}." for letter, series in _lettered(question)]
    if question.formula:
        said.append(f"Formula: {question.formula.text}, without a value where something is divided by zero.")
    if any(series.measure == "people" for series in question.series):
        said.append("A person counts once in each point and once in the total, whatever ids the events carried.")
    if question.by:
        said.append(
            f"By “{question.by}” of each event; the {question.top} most frequent values, all others as {OTHER}."
        )
    return " ".join(said)


def _said(series: Series) -> str:
    return SAID[series.measure].format(event=event_of(series.step), of=series.of or "")


def _lettered(question: "TrendQuestion") -> list[tuple[str, Series]]:
    return list(zip("ABCDEF", question.series, strict=False))


def notes(question: "TrendQuestion", now: "Measured") -> list[str]:
    """Say what must be read with the numbers."""
    found = []
    for letter, series in _lettered(question):
        if number := now.numberless.get(letter):
            found.append(
                f"{number:,} events of {event_of(series.step)} have no number in “{series.of}”; they are left out of"
                f" {letter}."
            )
    if now.values is not None and now.values > question.top:
        found.append(
            f"“{question.by}” has {now.values:,} values in this period: the {question.top} most frequent are shown,"
            f" the other {now.values - question.top:,} together as {OTHER}."
        )
    unit = now.buckets.unit
    if now.buckets.starts and now.buckets.starts[0] < question.period.start:
        found.append(f"The first {unit} begins before the period: only its days inside are counted.")
    return found


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    question, now = result.question, result.now
    lines = _drawn_lines(result)
    columns, rows = table(result)
    return Shown(
        definition(question),
        now.answer.sql,
        columns,
        rows,
        figures=[_figure(result, lines)],
        kpis=[] if question.by else [_kpi(result, line) for line in [*now.formulas, *now.lines]][:6],
        notes=result.notes,
        empty=not now.answer.rows or all(not line.total for line in now.lines),
        answer=now.answer,
    )


def title(result: "Result") -> str:
    """Return what the chart shows, as its heading: "Signed Up, people, each day, by plan"."""
    question = result.question
    letters = [""] if question.formula else list("ABCDEF"[: len(question.series)])
    said = [_series_name(question, one, brackets=True) for one in letters]
    names = " and ".join(said) if len(said) < 3 else f"{said[0]}, {said[1]} and {len(said) - 2} more"
    by = f", by {question.by}" if question.by else ""
    return f"{names}, each {result.now.buckets.unit}{by}"


def table(result: "Result") -> tuple[list[str], list[list[object]]]:
    """Return the numbers behind the chart: a row a bucket, a column a curve."""
    now = result.now
    lines = [*now.lines, *now.formulas]
    columns = [now.buckets.unit, *(name_of(result.question, line) for line in lines)]
    rows: list[list[object]] = [
        [now.buckets.names(start)[0], *(_plain(line.points[place]) for line in lines)]
        for place, start in enumerate(now.buckets.starts)
    ]
    return columns, rows


def _plain(value: float | None) -> float | int | None:
    return int(value) if value is not None and value == int(value) else value


def name_of(question: "TrendQuestion", line: "Line") -> str:
    """Return what a curve is called: its value where it is the only series, with the series where there are more."""
    whole = _series_name(question, line.letter)
    several = len(question.series) > 1
    if line.value is None:
        return f"{line.letter} {whole}" if several and line.letter else whole
    return f"{line.letter or 'Formula'} {line.value}" if several else line.value


def _series_name(question: "TrendQuestion", letter: str, *, brackets: bool = False) -> str:
    if not letter:
        return question.formula.text if question.formula else ""
    series = question.series["ABCDEF".index(letter)]
    short = SHORT[series.measure].format(of=series.of or "")
    name = WHOLE.get(series.step.event, series.step.event)
    where = ", ".join(f"{one.property} {one.operator} {' or '.join(one.values)}".strip() for one in series.step.where)
    name, more = name[:1].upper() + name[1:], ", ".join(filter(None, [short, where]))
    return f"{name} ({more})" if brackets and more else ", ".join(filter(None, [name, more]))


def _drawn_lines(result: "Result") -> Sequence["Line"]:
    """Return the curves of the chart: those of the formula where there is one."""
    return (result.now.formulas or result.now.lines)[:MOST_LINES]


def colour_of(place: int, value: str | None) -> str:
    if value == OTHER:
        return "grey"
    return COLOURS[place % len(COLOURS)] + ("/0.5" if place >= len(COLOURS) else "")


def _figure(result: "Result", lines: Sequence["Line"]) -> Figure:
    question, now = result.question, result.now
    before = result.previous.line(lines[0].letter, lines[0].value) if result.previous and len(lines) == 1 else None
    figure = charts.lines(
        "trend",
        f"{', '.join(name_of(question, line) for line in lines)}: one line each, by {now.buckets.unit}",
        x=now.buckets.starts,
        series=[
            charts.Series(name_of(question, line), _points(line), colour_of(place, line.value))
            for place, line in enumerate(lines)
        ],
        unit=_unit(question, lines),
        previous=[_plain(point) for point in before.points] if before else (),
        previous_name=question.period.previous.label if question.period.previous else "",
        unfinished=now.buckets.unfinished,
        number=_number(question, lines),
    )
    return replace(figure, columns=[now.buckets.unit.capitalize(), *figure.columns[1:]])


def _points(line: "Line") -> list[float | int | None]:
    return [_plain(point) for point in line.points]


def _unit(question: "TrendQuestion", lines: Sequence["Line"]) -> str:
    """Return what stands over the axis."""
    if lines and not lines[0].letter:
        return "formula"
    measures = {series.measure for series in question.series}
    if len(measures) > 1:
        return ""
    (measure,) = measures
    first = question.series[0]
    return UNITS.get(measure) or SHORT[measure].format(of=first.of or "")


def _number(question: "TrendQuestion", lines: Sequence["Line"]) -> str:
    whole = all(series.measure in {"events", "people"} for series in question.series)
    return "integer" if whole and lines and lines[0].letter else "decimal"


def _kpi(result: "Result", line: "Line") -> Kpi:
    question = result.question
    before = result.previous.line(line.letter, line.value) if result.previous else None
    total = before.total if before else None
    series = question.series["ABCDEF".index(line.letter)] if line.letter else None
    over = len(line.points) - result.now.buckets.unfinished
    return Kpi(
        name_of(question, line),
        formats.decimal(line.total),
        help=f"{_said(series)[:1].upper()}{_said(series)[1:]}, in the whole period." if series else "Of the totals.",
        now=line.total if total is not None else None,
        before=total,
        before_text=formats.decimal(total) if total else "",
        note="by this time" if total and result.now.buckets.unfinished else "",
        points=line.points[:over],
        before_points=before.points[:over] if before else (),
    )


def totals(result: "Result") -> tuple[list[str], list[Row]]:
    """Return the table of totals: a row for each value of the breakdown, a column a series; links to its people."""
    question, now = result.question, result.now
    letters = [*("ABCDEF"[: len(question.series)]), *([""] if now.formulas else [])]
    names = [_series_name(question, letter) for letter in letters]
    values = list(dict.fromkeys(line.value for line in [*_drawn_lines(result), *now.lines]))
    rows = [
        Row(
            value if value is not None else "All",
            colour_of(place, value).replace("/0.5", " is-soft") if place < MOST_LINES else "",
            [_total(result, letter, value) for letter in letters],
        )
        for place, value in enumerate(values)
    ]
    return names, rows


def _total(result: "Result", letter: str, value: str | None) -> Cell:
    line = result.now.line(letter, value)
    before = result.previous.line(letter, value) if result.previous else None
    if line is None:
        return Cell(formats.NONE, None, None)
    named = {"series": letter} | ({"value": value} if value is not None else {})
    return Cell(
        formats.decimal(line.total),
        line.total,
        before.total if before else None,
        urlencode(named) if letter and line.total else "",
    )


def points(result: "Result") -> tuple[list[str], list[Row]]:
    """Return the table of points under their totals, newest first, each leading to its people."""
    now = result.now
    lines = now.lines[:MOST_LINES]
    rows = [
        Row(
            now.buckets.title(start),
            "",
            [_point(line, place, now.buckets.names(start)[0]) for line in lines],
        )
        for place, start in enumerate(now.buckets.starts)
    ]
    whole = Row("Whole period", "", [_total(result, line.letter, line.value) for line in lines])
    return [name_of(result.question, line) for line in lines], [whole, *rows[::-1]]


def _point(line: "Line", place: int, bucket: str) -> Cell:
    value = line.points[place]
    named = {"series": line.letter, "bucket": bucket} | ({"value": line.value} if line.value is not None else {})
    return Cell(formats.decimal(value), value, None, urlencode(named) if value else "")


def title_of_people(
    series: Series, buckets: Buckets, bucket: datetime | None, by: Property | None, value: str | None
) -> str:
    """Say who is behind a point: "People who did “Signed Up” on 3 Nov 2026, plan: pro"."""
    title = f"People who did {event_of(series.step)}"
    if series.measure in OF_PROPERTY:
        title += f" with a number in “{series.of}”"
    if bucket is not None:
        title += f" {buckets.said(buckets.starts[buckets.keys.index(bucket)])}"
    return f"{title}, {by}: {value}" if by and value is not None else title
