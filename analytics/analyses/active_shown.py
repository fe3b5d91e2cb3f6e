"""How active people are said and drawn: curves of three windows, key numbers of the last day that is over."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from analytics.analyses.base import Shown
from analytics.analyses.trend_shown import MOST_LINES, colour_of, event_of
from analytics.expressions.base import OTHER
from growthplatform.core import charts, formats
from growthplatform.core.charts import Figure, Kpi

if TYPE_CHECKING:
    from analytics.analyses.active import ActiveQuestion, Result

NAMES = {"dau": "Daily", "wau": "In 7 days", "mau": "In 30 days"}
COLOURS = {"dau": "blue", "wau": "orange", "mau": "green"}
SPANS = {"dau": "on", "wau": "in the 7 days up to", "mau": "in the 30 days up to"}
# Days of the table on the page; the file has all.
MOST_DAYS = 31


@dataclass(frozen=True)
class Cell:
    """A number and where its people are, "" where there are none."""

    text: str
    place: str = ""


@dataclass(frozen=True)
class Table:
    heads: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    left: int


def definition(question: "ActiveQuestion") -> str:
    """Say exactly what is counted."""
    said = [
        (
            f"Daily: different people who did {event_of(question.step)} on the day, by the clocks of"
            f" {question.period.zone}. In 7 and in 30 days: different people who did so on the day or the 6 or 29 days"
            " before it. A person counts once in each, whatever ids the events carried."
        )
    ]
    if question.by:
        said.append(
            f"By “{question.by}” of each event; the {question.top} values with the most events, all others as {OTHER}."
        )
    return " ".join(said)


def shown(result: "Result") -> Shown:
    """Return the result for the page."""
    question = result.question
    columns, rows = table(result)
    return Shown(
        definition(question),
        result.answer.sql,
        columns,
        rows,
        figures=[_figure(result)],
        kpis=[] if question.by else _kpis(result),
        notes=result.notes,
        empty=not any(any(line.people["mau"]) for line in result.lines),
        answer=result.answer,
    )


def table(result: "Result") -> tuple[list[str], list[list[object]]]:
    """Return the numbers behind the chart: a row a day, with a breakdown a column a value."""
    question = result.question
    if question.by:
        (measure,) = question.measures
        columns = ["day", *(line.value or "" for line in result.lines)]
        return columns, [
            [f"{day}", *(line.people[measure][place] for line in result.lines)]
            for place, day in enumerate(result.dates)
        ]
    line = result.lines[0]
    shares = [None if share is None else round(share, 6) for share in line.shares]
    return ["day", "daily", "7 days", "30 days", "daily / 30 days"], [
        [f"{day}", *(line.people[name][place] for name in NAMES), shares[place]]
        for place, day in enumerate(result.dates)
    ]


def page_table(result: "Result") -> Table:
    """Return the newest days, each number leading to its people."""
    question = result.question
    rows: list[tuple[str, list[Cell]]] = []
    for place, day in reversed(list(enumerate(result.dates))[-MOST_DAYS:]):
        cells = []
        for line in result.lines[:MOST_LINES]:
            named = {"day": f"{day}"} | ({"value": line.value} if line.value is not None else {})
            for measure in question.measures:
                number = line.people[measure][place]
                cells.append(Cell(formats.count(number), urlencode({"measure": measure, **named}) if number else ""))
        if len(question.measures) > 1:
            cells.append(Cell(formats.share(result.lines[0].shares[place])))
        rows.append((f"{day.day} {day:%b %Y}", cells))
    heads = [line.value or "" for line in result.lines[:MOST_LINES]] if question.by else []
    heads = heads or [NAMES[measure] for measure in question.measures]
    heads += ["Daily of 30 days"] if len(question.measures) > 1 else []
    return Table(heads, rows, max(0, len(result.dates) - MOST_DAYS))


def _figure(result: "Result") -> Figure:
    question = result.question
    if question.by:
        (measure,) = question.measures
        series = [
            charts.Series(line.value or "", line.people[measure], colour_of(place, line.value))
            for place, line in enumerate(result.lines[:MOST_LINES])
        ]
    else:
        line = result.lines[0]
        series = [charts.Series(NAMES[name], line.people[name], COLOURS[name]) for name in question.measures]
    alone = result.previous if len(question.measures) == 1 else None
    figure = charts.lines(
        "active",
        "Active people by day" + (f", {NAMES[question.measures[0]].lower()}" if len(question.measures) == 1 else ""),
        x=result.starts,
        series=series,
        unit="people",
        previous=alone.people[question.measures[0]] if alone else (),
        previous_name=question.period.previous.label if question.period.previous else "",
        unfinished=result.unfinished,
    )
    return replace(figure, columns=["Day", *figure.columns[1:]])


def _kpis(result: "Result") -> list[Kpi]:
    """Return the numbers of the last day that is over, against the day as far into the period before."""
    line, before = result.lines[0], result.previous
    at = len(result.dates) - 1 - min(result.unfinished, len(result.dates) - 1)
    day = result.dates[at]
    found = []
    for name, title in NAMES.items():
        past = before.people[name][at] if before else None
        found.append(
            Kpi(
                title,
                formats.count(line.people[name][at]),
                help=f"Different people active {SPANS[name]} {day.day} {day:%b %Y}.",
                now=line.people[name][at] if past is not None else None,
                before=past,
                before_text=formats.count(past) if past is not None else "",
                points=line.people[name][: at + 1],
            )
        )
    shares, pasts = line.shares, before.shares if before else []
    help_text = "Daily active people as a share of those active in 30 days: on how many days of a month people come."
    past_share = pasts[at] if pasts else None
    found.append(
        Kpi(
            "Daily of 30 days",
            formats.share(shares[at]),
            help=help_text,
            now=shares[at] if past_share is not None else None,
            before=past_share,
            before_text=formats.share(past_share) if past_share is not None else "",
        )
    )
    return found


def title_of_people(question: "ActiveQuestion", measure: str, day: int, value: str | None) -> str:
    """Say who is behind a point: "People who did any event in the 7 days up to 3 Nov 2026"."""
    title = f"People who did {event_of(question.step)} {SPANS[measure]} {question.days.title(day)}"
    return f"{title}, {question.by}: {value}" if value is not None else title
