"""Retention: of the people who started in a time, how many come back later, and when."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, retention_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.cycles import Cycles, cycles_of
from analytics.expressions import retention as expression
from analytics.expressions.base import OTHER, Property
from analytics.expressions.calendar import UNITS
from analytics.expressions.retention import DAYS, SIZE, Retention
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField

KIND = "retention"
TITLE = "Retention"
LEAD = "Of the people who started in a week, how many came back in the weeks after."
ICON = "repeat"  # icon="repeat"
PERIOD_USUAL = "90d"
MODES = ("classic", "unbounded", "bracket")
CLOCKS = ("calendar", "window")
WHO = ("first", "recurring")
MEANS = ("weighted", "simple")
MOST_CELLS = {"day": 90, "week": 53, "month": 12}
USUAL_CELLS = {"day": 14, "week": 12, "month": 12}
USUAL_BRACKETS = {"day": "0,1-3,4-7,8-14,15-30", "week": "0,1-4,5-8,9-12", "month": "0,1-3,4-6,7-12"}
MOST_BRACKETS = 20

PARTS = [
    Part("start", "Started with", "event", help="The event that makes somebody part of a cohort.", usual="*"),
    Part("return", "Came back with", "event", help="The event that counts as coming back.", usual="*"),
    Part("period", "By", "choice", choices=(("week", "Week"), ("day", "Day"), ("month", "Month")), usual="week"),
    Part(
        "mode",
        "Counts as retained",
        "choice",
        help="In exactly that week, in that week or any later one, or in a span of several weeks.",
        choices=(("classic", "In exactly that period"), ("unbounded", "Then or later"), ("bracket", "In brackets")),
        usual="classic",
    ),
    Part(
        "brackets",
        "Brackets",
        "text",
        help="Periods put together, like 0,1-3,4-7.",
        extra={"only_if": ("mode", ("bracket",)), "optional": True, "placeholder": "0,1-3,4-7"},
    ),
    Part(
        "who",
        "Cohorts",
        "choice",
        help="New: each person once, by the first such event ever. All: each person in every period with the event.",
        choices=(("first", "New people"), ("recurring", "All people")),
        usual="first",
    ),
    Part(
        "clock",
        "Clock",
        "choice",
        help="By calendar, 23:45 and 00:01 are two days. Since the start, day 1 begins 24 hours after it.",
        choices=(("calendar", "Calendar"), ("window", "24 hours since the start")),
        usual="calendar",
        extra={"more": True},
    ),
    Part("times", "At least this often", "number", usual="1", extra={"least": 1, "most": 1_000, "more": True}),
    Part("cells", "Periods shown", "number", extra={"least": 1, "most": 90, "optional": True, "more": True}),
    Part(
        "of",
        "Sum of a property",
        "property",
        help="Adds up this number over what came back, instead of counting people: revenue by cohort.",
        extra={"of": "return", "optional": True, "more": True},
    ),
    Part(
        "mean",
        "Mean of the cohorts",
        "choice",
        help="Weighted: each person counts the same. Simple: each cohort does.",
        choices=(("weighted", "Weighted by people"), ("simple", "Simple")),
        usual="weighted",
        extra={"more": True},
    ),
]
PARAMETERS = [
    OpenApiParameter("start", str, description="The event that people start with; any event when absent."),
    OpenApiParameter("start.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
    OpenApiParameter("return", str, description="The event that is coming back; any event when absent."),
    OpenApiParameter("return.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
    OpenApiParameter("period", str, enum=list(UNITS), description="week when absent. Months begin on their first day."),
    OpenApiParameter("mode", str, enum=list(MODES), description="classic when absent: in exactly that period."),
    OpenApiParameter("brackets", str, description="For mode=bracket: `0,1-3,4-7`."),
    OpenApiParameter("who", str, enum=list(WHO), description="first: by their first start ever. recurring: by each."),
    OpenApiParameter("clock", str, enum=list(CLOCKS), description="window: 24 hours (7 or 30 times) from the start."),
    OpenApiParameter("times", int, description="How often somebody must come back in a period to count; once."),
    OpenApiParameter("cells", int, description="The last period: up to 90 days, 53 weeks or 12 months."),
    OpenApiParameter("of", str, description="A property whose sum is wanted as well: `amounts`."),
    OpenApiParameter("mean", str, enum=list(MEANS), description="How cohorts are averaged; weighted by their people."),
]
EXAMPLE = {
    "kind": "retention",
    "from": "2026-08-01",
    "to": "2026-10-31",
    "period": "month",
    "mode": "classic",
    "clock": "calendar",
    "who": "first",
    "cells": ["Month 0", "Month 1", "Month 2"],
    "cohorts": [
        {"start": "2026-08-01", "size": 948, "active": [948, 362, 317], "complete": 3},
        {"start": "2026-09-01", "size": 421, "active": [421, 101, 90], "complete": 2},
        {"start": "2026-10-01", "size": 380, "active": [380, 85], "complete": 1},
    ],
    "mean": [1.0, 0.3382, 0.3344],
    "previous": {"mean": [1.0, 0.3301, 0.3292]},
    "definition": "People by the month of their first event ever, and how many of them did any event in month 1, 2 …",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class RetentionQuestion(Question):
    """Who starts, who comes back, and how periods are counted; `now` decides which of them are over."""

    asked: Retention
    cycles: Cycles
    mean: str
    now: datetime


@dataclass(frozen=True)
class Cell:
    """How many of a row came back there; `people` and `share` are None before it has begun.

    `of` are those who could: the size of the row, in a row of several cohorts of those for which the cell is over.
    """

    place: int
    state: str  # "complete" | "partial" | "future"
    of: int
    people: int | None = None
    amount: float | None = None

    @property
    def share(self) -> float | None:
        return self.people / self.of if self.people is not None and self.of else None


@dataclass(frozen=True)
class Row:
    """A cohort, by the number of its period; with a breakdown all cohorts of a value."""

    cohort: int | None
    value: str | None
    size: int
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Result:
    """Rows are cohorts, oldest first; with a breakdown `rows` are its values, and `cohorts` those of each value."""

    question: RetentionQuestion
    cohorts: Sequence[Row]
    rows: Sequence[Row]
    mean: Sequence[Cell]
    mean_shares: Sequence[float | None]
    previous: Sequence[float | None] | None
    answer: Answer
    notes: Sequence[str]

    @property
    def compared(self) -> bool:
        """Say whether cohorts before have anything to compare with."""
        return any(share is not None for share in self.previous or ())

    @cached_property
    def table(self) -> retention_shown.Heat:
        return retention_shown.heat(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> RetentionQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    unit = base.choice(query, "period", ("week", "day", "month"))
    cycles = cycles_of(project, common["period"], unit, now=now)
    mode, clock = base.choice(query, "mode", MODES), base.choice(query, "clock", CLOCKS)
    brackets = _brackets(query.get("brackets", "").strip() or USUAL_BRACKETS[unit], unit) if mode == "bracket" else ()
    of = query.get("of", "").strip()
    asked = Retention(
        start=base.step(query, "start", usual="*"),
        comeback=base.step(query, "return", usual="*"),
        calendar=cycles.calendar,
        first=cycles.first,
        last=cycles.last,
        columns=base.whole(query, "cells", usual=0, least=1, most=MOST_CELLS[unit]),
        once=base.choice(query, "who", WHO) == "first",
        mode=mode,
        clock=clock,
        times=base.whole(query, "times", usual=1, least=1, most=1_000),
        of=Property.parse(of) if of else None,
        brackets=brackets,
        by=common["by"],
        top=common["top"],
    )
    columns = brackets[-1][1] if brackets else asked.columns or _usual_columns(asked, cycles, now)
    asked = _with(asked, columns=columns)
    return RetentionQuestion(**common, asked=asked, cycles=cycles, mean=base.choice(query, "mean", MEANS), now=now)


def _with(asked: Retention, **changes: Any) -> Retention:
    return Retention(**{**vars(asked), **changes})


def _brackets(text: str, unit: str) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for part in text.replace(" ", "").split(","):
        ends = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part)
        first, last = (int(ends[1]), int(ends[2] or ends[1])) if ends else (1, 0)
        if not (found[-1][1] if found else -1) < first <= last <= MOST_CELLS[unit]:
            most = MOST_CELLS[unit]
            raise InvalidField.named("brackets", f"write {unit}s in rising order up to {most}, like 0,1-3,4-7.")
        found.append((first, last))
    if len(found) > MOST_BRACKETS:
        raise InvalidField.named("brackets", f"at most {MOST_BRACKETS} brackets.")
    return tuple(found)


def _usual_columns(asked: Retention, cycles: Cycles, now: datetime) -> int:
    """Return how many cells are shown unless told: not more than have begun for the oldest cohort."""
    begun = [
        place for place in range(1, USUAL_CELLS[cycles.unit] + 1) if _begins(asked, cycles, asked.first, place) <= now
    ]
    return max(begun, default=1)


def _begins(asked: Retention, cycles: Cycles, cohort: int, place: int) -> datetime:
    """Return when the first of a cohort can come back in a period."""
    if asked.clock == "calendar":
        return cycles.start(cohort + place)
    return cycles.start(cohort) + place * timedelta(days=DAYS[cycles.unit])


def _ends(asked: Retention, cycles: Cycles, cohort: int, place: int) -> datetime:
    """Return when the last of a cohort can come back in a period."""
    if asked.clock == "calendar":
        return cycles.end(cohort + place)
    return cycles.end(cohort) + (place + 1) * timedelta(days=DAYS[cycles.unit])


def state(question: RetentionQuestion, cohort: int, place: int) -> str:
    """Say whether a cell of a cohort is over: complete, partial or future."""
    first, last = question.asked.spans[place]
    if _begins(question.asked, question.cycles, cohort, first) > question.now:
        return "future"
    return "complete" if _ends(question.asked, question.cycles, cohort, last) <= question.now else "partial"


def answer(project: Project, question: RetentionQuestion) -> Result:
    """Answer the question; where the period compares, also for as many cohorts right before."""
    asked, cycles = question.asked, question.cycles
    compared = bool(question.period.previous) and not asked.by
    # One answer holds both: whoever came first before is needed anyway to know who is new.
    whole = _with(asked, first=asked.first - len(cycles)) if compared else asked
    found = _relation(project, question, whole).run(_build(question, whole))
    numbers: dict[tuple[str, int], dict[int, tuple[int, float]]] = {}
    for value, cohort, cell, people, amount in found.rows:
        cells = numbers.setdefault((str(value), int(cohort)), {})
        had = cells.get(int(cell), (0, 0.0))
        cells[int(cell)] = (had[0] + int(people), had[1] + float(amount or 0))
    rows = [_row(question, value, cohort, cells) for (value, cohort), cells in sorted(numbers.items())]
    cohorts = [row for row in rows if row.cohort is not None and row.cohort >= cycles.first]
    before = [row for row in rows if row.cohort is not None and row.cohort < cycles.first]
    if not asked.by:
        known = {row.cohort: row for row in cohorts}
        cohorts = [known.get(number) or _row(question, "", number, {}) for number in cycles.numbers]
    return Result(
        question,
        cohorts,
        _grouped(question, cohorts) if asked.by else cohorts,
        _together(question, cohorts),
        _means(question, cohorts),
        _means(question, before) if compared else None,
        found,
        _notes(project, question, found),
    )


def _relation(project: Project, question: RetentionQuestion, asked: Retention) -> Relation:
    """Return the events that count: of all time for those who are new, as nobody is new twice."""
    since = None if asked.once else question.cycles.start(asked.first)
    return base.relation_of(project, question, [asked.start, asked.comeback], since=since, until=None)


def _build(question: RetentionQuestion, asked: Retention) -> Callable[[Tables], ir.Table]:
    return lambda tables: expression.retention(tables, asked, where=question.where, cohort=question.cohort is not None)


def _row(question: RetentionQuestion, value: str, cohort: int, numbers: Mapping[int, tuple[int, float]]) -> Row:
    asked = question.asked
    size = numbers.get(SIZE, (0, 0.0))[0]
    found = []
    for place in range(len(asked.spans)):
        now = state(question, cohort, place)
        if now == "future":
            found.append(Cell(place, now, size))
            continue
        held = [pair for cell, pair in numbers.items() if cell == place or (asked.mode == "unbounded" and cell > place)]
        found.append(Cell(place, now, size, sum(pair[0] for pair in held), sum(pair[1] for pair in held)))
    return Row(cohort, value if asked.by else None, size, found)


def _together(question: RetentionQuestion, rows: Sequence[Row]) -> list[Cell]:
    """Return cohorts as one, in each cell only those for which it is over."""
    found = []
    for place in range(len(question.asked.spans)):
        over = [row.cells[place] for row in rows if row.cells[place].state == "complete"]
        if not over:
            found.append(Cell(place, "future", 0))
            continue
        people = sum(cell.people or 0 for cell in over)
        amount = sum(cell.amount or 0 for cell in over)
        found.append(Cell(place, "complete", sum(cell.of for cell in over), people, amount))
    return found


def _means(question: RetentionQuestion, rows: Sequence[Row]) -> list[float | None]:
    """Return the mean share of each cell over the cohorts for which it is over."""
    if question.mean == "weighted":
        return [cell.share for cell in _together(question, rows)]
    found: list[float | None] = []
    for place in range(len(question.asked.spans)):
        over = [row.cells[place].share for row in rows if row.cells[place].state == "complete"]
        shares = [share for share in over if share is not None]
        found.append(sum(shares) / len(shares) if shares else None)
    return found


def _grouped(question: RetentionQuestion, cohorts: Sequence[Row]) -> list[Row]:
    """Return one row for each value of the breakdown, the largest first and what is left over last."""
    values = dict.fromkeys(row.value for row in cohorts)
    rows = []
    for value in values:
        mine = [row for row in cohorts if row.value == value]
        rows.append(Row(None, value, sum(row.size for row in mine), _together(question, mine)))
    return sorted(rows, key=lambda row: (row.value == OTHER, -row.size, row.value or ""))


def _notes(project: Project, question: RetentionQuestion, found: Answer) -> list[str]:
    events = dict.fromkeys([question.asked.start.event, question.asked.comeback.event])
    return [
        *base.future_notes(question.period),
        *catalogue.unknown(project, list(events)),
        *retention_shown.notes(question),
        *base.missing_notes(found),
    ]


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question, asked = result.question, result.question.asked
    found: dict[str, Any] = {
        "kind": KIND,
        "from": f"{question.cycles.day(question.cycles.first)}",
        "to": f"{question.cycles.last_day}",
        "period": question.cycles.unit,
        "mode": asked.mode,
        "clock": asked.clock,
        "who": "first" if asked.once else "recurring",
        "cells": retention_shown.heads(question),
        "cohorts": [_cohort_json(question, row) for row in result.cohorts],
        "mean": _rounded(result.mean_shares),
        "previous": {"mean": _rounded(result.previous)} if result.previous is not None else None,
    }
    if asked.by:
        found["values"] = [
            {"value": row.value, "size": row.size, "mean": _rounded([cell.share for cell in row.cells])}
            for row in result.rows
        ]
    return found | {
        "definition": retention_shown.definition(question),
        "watermark": result.answer.watermark,
        "missing": base.missing_json(result.answer),
        "notes": list(result.notes),
    }


def _rounded(shares: Sequence[float | None]) -> list[float | None]:
    return [None if share is None else round(share, 6) for share in shares]


def _cohort_json(question: RetentionQuestion, row: Row) -> dict[str, Any]:
    assert row.cohort is not None
    begun = [cell for cell in row.cells if cell.people is not None]
    found: dict[str, Any] = {
        "start": f"{question.cycles.day(row.cohort)}",
        "size": row.size,
        "active": [cell.people for cell in begun],
        "complete": sum(cell.state == "complete" for cell in begun),
    }
    if question.asked.of:
        found["amounts"] = [round(cell.amount or 0, 6) for cell in begun]
    return found | ({"value": row.value} if question.asked.by else {})


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return retention_shown.shown(result)


def people(project: Project, question: RetentionQuestion, place: Mapping[str, str]) -> People:
    """Return the people of a row, of those who came back in a cell, or with away=1 who did not.

    A place is {"row": "2026-11-02", "value": "pro", "cell": "3", "away": "1"}, each part may be left out; without a
    row they are of all cohorts for which the cell is over. Raises InvalidField for a place that can't be.
    """
    asked, cycles = question.asked, question.cycles
    cell = _cell_of(question, place.get("cell", ""))
    row = cycles.named(place["row"], "row") if place.get("row") else None
    value = place.get("value") if asked.by else None
    away = place.get("away") == "1" and cell is not None
    cohorts = (row, row) if row is not None else None
    if cohorts is None and cell is not None:
        over = [number for number in cycles.numbers if state(question, number, cell) == "complete"]
        cohorts = (over[0], over[-1]) if over else (1, 0)

    def build(tables: Tables) -> ir.Table:
        return expression.behind(
            tables,
            asked,
            cohorts=cohorts,
            value=value,
            cell=cell,
            away=away,
            where=question.where,
            cohort=question.cohort is not None,
        )

    title = retention_shown.title_of_people(question, row=row, value=value, cell=cell, away=away)
    return People(title, _relation(project, question, asked), build)


def _cell_of(question: RetentionQuestion, text: str) -> int | None:
    if not text:
        return None
    most = len(question.asked.spans) - 1
    if not text.isascii() or not text.isdigit() or int(text) > most:
        raise InvalidField.named("cell", f"must be a whole number from 0 to {most}.")
    return int(text)
