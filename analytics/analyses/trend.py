"""Trend: what happened how often, by how many people and how much, over time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, trend_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.time import UNITS, Buckets, buckets_of
from analytics.expressions import trend as expression
from analytics.expressions.base import OTHER, Property
from analytics.expressions.formula import Formula, FormulaError
from analytics.expressions.formula import parse as parse_formula
from analytics.expressions.trend import MEASURES, NUMBERLESS, OF_PROPERTY, VALUES, Series
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period

KIND = "trend"
TITLE = "Trend"
LEAD = "How often something happens, how many people do it, and how much it adds up to, over time."
ICON = "chart-line"
LETTERS = "ABCDEF"
MEASURE_WORDS = (
    ("events", "how often"),
    ("people", "how many people"),
    ("per_person", "times per person"),
    ("sum", "sum of"),
    ("avg", "average of"),
    ("min", "smallest"),
    ("max", "largest"),
    ("p50", "median of"),
    ("p90", "90th percentile of"),
)
INTERVAL_WORDS = (("auto", "Automatic"), ("hour", "Hour"), ("day", "Day"), ("week", "Week"), ("month", "Month"))
PARTS = [
    Part(
        "event",
        "Show",
        "events",
        help="Up to six events; each is a curve of its own, called A, B, C … in a formula.",
        extra={
            "letters": True,
            "least": 1,
            "most": len(LETTERS),
            "choices": MEASURE_WORDS,
            "usual": "events",
            "choice": "measure",
            "needs_property": OF_PROPERTY,
            "property": "of",
        },
    ),
    Part("interval", "Each", "choice", choices=INTERVAL_WORDS, usual="auto"),
    Part(
        "formula",
        "Formula",
        "text",
        help="Numbers, + - * / ( ) and the letters of the curves, like A/B*100.",
        extra={"optional": True, "more": True},
    ),
]
PARAMETERS = [
    OpenApiParameter("event", str, many=True, required=True, description="An event's name; repeat it for up to six."),
    OpenApiParameter(
        "event1.measure", str, enum=list(MEASURES), description="What is measured of the first event; event2.measure …"
    ),
    OpenApiParameter("event1.of", str, description="The property for sum, avg, min, max, p50 and p90; event2.of …"),
    OpenApiParameter("event1.where", str, many=True, description=f"A filter on the first event: {FILTER_WORDS}."),
    OpenApiParameter("interval", str, enum=["auto", *UNITS], description="Length of a bucket; weeks begin on Monday."),
    OpenApiParameter("formula", str, description="Combines the events as A, B, C …: A/B*100."),
]
EXAMPLE = {
    "kind": "trend",
    "from": "2026-11-19",
    "to": "2026-11-20",
    "interval": "day",
    "buckets": ["2026-11-19T00:00:00+01:00", "2026-11-20T00:00:00+01:00"],
    "series": [
        {
            "series": "A",
            "event": "Signed Up",
            "measure": "people",
            "of": None,
            "value": None,
            "points": [41, 38],
            "total": 78,
            "previous": {"points": [37, 39], "total": 75},
        }
    ],
    "formula": None,
    "values": None,
    "definition": "A: different people who did “Signed Up”.",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class TrendQuestion(Question):
    """Curves over time, and a formula of them."""

    series: tuple[Series, ...]
    interval: str
    formula: Formula | None = None


@dataclass(frozen=True)
class Line:
    """One curve: a series, under one value of the breakdown; a point for each bucket, None where there is no number.

    The total is over the whole time: of people it is less than the sum of the points, as many come on several days.
    """

    letter: str
    value: str | None
    points: Sequence[float | None]
    total: float | None


@dataclass(frozen=True)
class Measured:
    """What one stretch of time holds. `values` is how many values the breakdown has in all, None without one."""

    buckets: Buckets
    lines: Sequence[Line]
    formulas: Sequence[Line]
    values: int | None
    numberless: Mapping[str, int]
    answer: Answer

    def line(self, letter: str, value: str | None) -> Line | None:
        """Return the curve of a series or, as "", of the formula, under a value."""
        found = self.lines if letter else self.formulas
        return next((one for one in found if (one.letter, one.value) == (letter, value)), None)


@dataclass(frozen=True)
class Result:
    question: TrendQuestion
    now: Measured
    previous: Measured | None
    notes: Sequence[str]

    @property
    def title(self) -> str:
        return trend_shown.title(self)

    @property
    def totals(self) -> tuple[list[str], list[trend_shown.Row]]:
        return trend_shown.totals(self)

    @property
    def points(self) -> tuple[list[str], list[trend_shown.Row]]:
        return trend_shown.points(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> TrendQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    steps = base.steps(query, "event", least=1, most=len(LETTERS))
    series = tuple(Series(step, *_measure(query, f"event{place}")) for place, step in enumerate(steps, start=1))
    interval = base.choice(query, "interval", ("auto", *UNITS))
    formula = _formula(query.get("formula", "").strip(), LETTERS[: len(series)])
    question = TrendQuestion(**common, series=series, interval=interval, formula=formula)
    buckets_of(question.period, interval)  # too many buckets are refused at once
    return question


def _measure(query: QueryDict, name: str) -> tuple[str, Property | None]:
    measure = base.choice(query, f"{name}.measure", MEASURES)
    of = query.get(f"{name}.of", "").strip()
    if measure not in OF_PROPERTY:
        return measure, None
    if not of:
        raise InvalidField.named(f"{name}.of", f"name the property whose {measure} is wanted.")
    return measure, Property.parse(of)


def _formula(text: str, letters: str) -> Formula | None:
    try:
        return parse_formula(text, letters) if text else None
    except FormulaError as wrong:
        raise InvalidField.named("formula", str(wrong)) from None


def answer(project: Project, question: TrendQuestion) -> Result:
    """Answer the question, and the same one about the period before where that is to be compared with."""
    period, before = question.period, question.period.previous
    now = _measured(project, question, period, period.end)
    begun = before and period.until > period.start
    previous = _measured(project, question, before, _up_to(before)) if before and begun else None
    steps = [one.step for one in question.series]
    notes = [
        *base.future_notes(question.period),
        *catalogue.unknown(project, [step.event for step in steps]),
        *trend_shown.notes(question, now),
        *base.missing_notes(now.answer, previous.answer if previous else None),
    ]
    return Result(question, now, previous, notes)


def _measured(project: Project, question: TrendQuestion, period: Period, until: datetime) -> Measured:
    buckets = buckets_of(period, question.interval)
    steps = [one.step for one in question.series]
    relation = base.relation_of(project, question, steps, since=period.start, until=until)

    def build(tables: Tables) -> ir.Table:
        return expression.trend(tables, question.series, buckets.cut, **_narrowed(question))

    found = relation.run(build)
    cells: dict[tuple[int, str, datetime | None], float | None] = {}
    for place, value, bucket, number in found.rows:
        cells[int(place), str(value), buckets.moment(bucket)] = None if number is None else float(number)
    lines = _lines(question, buckets, cells)
    return Measured(
        buckets,
        lines,
        _combined(question, lines) if question.formula else (),
        int(cells.get((VALUES, "", None)) or 0) if question.by else None,
        {LETTERS[place]: int(cells.get((NUMBERLESS - place, "", None)) or 0) for place in range(len(question.series))},
        found,
    )


def _narrowed(question: TrendQuestion) -> dict[str, Any]:
    return {
        "where": question.where,
        "by": question.by,
        "top": question.top,
        "cohort": question.cohort is not None,
    }


def _up_to(before: Period) -> datetime:
    """Return where counting ends in a period to compare with: as far in it as now is in the present one.

    To the minute, so that who asks again asks the same question.
    """
    return before.until.replace(second=0, microsecond=0)


def _lines(
    question: TrendQuestion, buckets: Buckets, cells: Mapping[tuple[int, str, datetime | None], float | None]
) -> list[Line]:
    """Return the curves: by series, of each the largest value first and what is left over last."""
    found: list[Line] = []
    for place, series in enumerate(question.series):
        nothing = 0.0 if series.measure in {"events", "people", "sum"} else None
        values = {value for number, value, _ in cells if number == place} or ({""} if not question.by else set())
        mine = [
            Line(
                LETTERS[place],
                value if question.by else None,
                [cells.get((place, value, key), nothing) for key in buckets.keys],
                cells.get((place, value, None), nothing),
            )
            for value in values
        ]
        found += sorted(mine, key=lambda line: (line.value == OTHER, -(line.total or 0), line.value or ""))
    return found


def _combined(question: TrendQuestion, lines: Sequence[Line]) -> list[Line]:
    """Return the formula's curve for each value of the breakdown."""
    assert question.formula
    values = list(dict.fromkeys(line.value for line in lines))
    found = []
    for value in values:
        mine = {line.letter: line for line in lines if line.value == value}
        length = len(next(iter(mine.values())).points)
        points = [
            question.formula.value({letter: line.points[place] for letter, line in mine.items()})
            for place in range(length)
        ]
        total = question.formula.value({letter: line.total for letter, line in mine.items()})
        found.append(Line("", value, points, total))
    return found


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question, now = result.question, result.now
    return {
        "kind": KIND,
        "from": f"{question.period.first}",
        "to": f"{question.period.last}",
        "interval": now.buckets.unit,
        "buckets": [one.isoformat() for one in now.buckets.starts],
        "series": [_series_json(result, line) for line in now.lines],
        "formula": {"text": question.formula.text, "series": [_line_json(result, line) for line in now.formulas]}
        if question.formula
        else None,
        "values": now.values,
        "definition": trend_shown.definition(question),
        "watermark": now.answer.watermark,
        "missing": base.missing_json(now.answer, result.previous.answer if result.previous else None),
        "notes": list(result.notes),
    }


def _series_json(result: Result, line: Line) -> dict[str, Any]:
    series = result.question.series[LETTERS.index(line.letter)]
    return {
        "series": line.letter,
        "event": series.step.event,
        "measure": series.measure,
        "of": str(series.of) if series.of else None,
        **_line_json(result, line),
    }


def _line_json(result: Result, line: Line) -> dict[str, Any]:
    before = result.previous.line(line.letter, line.value) if result.previous else None
    found: dict[str, Any] = {"value": line.value, "points": list(line.points), "total": line.total}
    return found | ({"previous": {"points": list(before.points), "total": before.total}} if before else {})


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return trend_shown.shown(result)


def people(project: Project, question: TrendQuestion, place: Mapping[str, str]) -> People:
    """Return the people behind a point: place is {"series": "A", "bucket": "2026-11-03", "value": "pro"}, each part
    but the series may be left out. Raises InvalidField for a place that can't be.
    """
    letter = place.get("series", "A")
    if not letter or letter not in LETTERS[: len(question.series)]:
        raise InvalidField.named("series", f"{letter!r} is no series of this question.")
    series = question.series[LETTERS.index(letter)]
    buckets = buckets_of(question.period, question.interval)
    bucket = buckets.named(place["bucket"]) if place.get("bucket") else None
    value = place.get("value") if question.by else None
    steps, period = [one.step for one in question.series], question.period
    relation = base.relation_of(project, question, steps, since=period.start, until=period.end)

    def build(tables: Tables) -> ir.Table:
        return expression.behind(
            tables,
            series,
            buckets.cut,
            bucket=bucket,
            value=value,
            together=question.series,
            **_narrowed(question),
        )

    return People(trend_shown.title_of_people(series, buckets, bucket, question.by, value), relation, build)
