"""Active people: how many different people use the product by day, and in the 7 and 30 days up to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import active_shown, base
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.cycles import Cycles, cycles_of
from analytics.expressions import active as expression
from analytics.expressions.active import WINDOWS
from analytics.expressions.base import OTHER, Step
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField

KIND = "active"
TITLE = "Active people"
LEAD = "How many different people are active each day, and in the 7 and 30 days up to it."
ICON = "users"  # icon="users"
MEASURES = ("dau", "wau", "mau")
DAYS = dict(zip(MEASURES, WINDOWS, strict=True))
SHOWN = ("all", *MEASURES)
PARTS = [
    Part("event", "Active with", "event", help="Any event counts unless one is named.", usual="*"),
    Part(
        "show",
        "Show",
        "choice",
        choices=(("all", "All three"), ("dau", "Daily"), ("wau", "In 7 days"), ("mau", "In 30 days")),
        usual="all",
    ),
]
PARAMETERS = [
    OpenApiParameter("event", str, description="What counts as being active; any event when absent."),
    OpenApiParameter("event.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
    OpenApiParameter("show", str, enum=list(SHOWN), description="Which numbers the chart and the breakdown show."),
]
EXAMPLE = {
    "kind": "active",
    "from": "2026-11-19",
    "to": "2026-11-20",
    "days": ["2026-11-19", "2026-11-20"],
    "dau": [412, 398],
    "wau": [1204, 1199],
    "mau": [3310, 3318],
    "share": [0.124471, 0.119952],
    "previous": {"dau": [377, 401], "wau": [1100, 1112], "mau": [3016, 3025]},
    "values": None,
    "definition": "Daily: different people who did any event on the day …",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class ActiveQuestion(Question):
    """What counts as being active, and which of the three numbers are shown."""

    step: Step
    show: str
    days: Cycles
    now: datetime

    @property
    def measures(self) -> Sequence[str]:
        """Return the numbers that are drawn: of a breakdown one."""
        if self.show != "all":
            return (self.show,)
        return ("dau",) if self.by else MEASURES


@dataclass(frozen=True)
class Active:
    """People by day of one value of the breakdown, oldest day first, for each of "dau", "wau" and "mau"."""

    value: str | None
    people: Mapping[str, Sequence[int]]

    @property
    def shares(self) -> list[float | None]:
        """Return for each day which share of the people of its 30 days were active on it."""
        pairs = zip(self.people["dau"], self.people["mau"], strict=True)
        return [daily / monthly if monthly else None for daily, monthly in pairs]


@dataclass(frozen=True)
class Result:
    question: ActiveQuestion
    lines: Sequence[Active]
    previous: Active | None
    answer: Answer
    notes: Sequence[str]

    @property
    def dates(self) -> list[date]:
        return [self.question.days.day(number) for number in self.question.days.numbers]

    @property
    def starts(self) -> list[datetime]:
        zone = self.question.period.zone
        return [datetime.combine(day, time(), zone) for day in self.dates]

    @property
    def unfinished(self) -> int:
        """Return how many of the last days are not over."""
        days = self.question.days
        return sum(days.end(number) > self.question.now for number in days.numbers)

    @property
    def table(self) -> active_shown.Table:
        return active_shown.page_table(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> ActiveQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    return ActiveQuestion(
        **common,
        step=base.step(query, "event", usual="*"),
        show=base.choice(query, "show", SHOWN),
        days=cycles_of(project, common["period"], "day", now=now),
        now=now,
    )


def answer(project: Project, question: ActiveQuestion) -> Result:
    """Answer the question, and with it the same one about the period before where that is to be compared with."""
    days = question.days
    compared = bool(question.period.previous) and not question.by
    first = days.first - (len(days) if compared else 0)

    def build(tables: Tables) -> ir.Table:
        return expression.active(tables, question.step, days.calendar, **_narrowed(question))

    found = _relation(project, question, first, days.last).run(build)
    rows: dict[str, list[tuple[int, int, int]]] = {}
    for value, window, day, people in found.rows:
        rows.setdefault(str(value), []).append((int(window), int(day), int(people)))
    lines = [_line(question, value, mine, days.first) for value, mine in rows.items()]
    if not question.by:
        lines = lines or [_line(question, "", [], days.first)]
    lines.sort(key=lambda line: (line.value == OTHER, -sum(line.people["dau"]), line.value or ""))
    before = _line(question, "", rows.get("", []), first) if compared else None
    notes = [
        *base.future_notes(question.period),
        *catalogue.unknown(project, [question.step.event]),
        *base.missing_notes(found),
    ]
    return Result(question, lines, before, found, notes)


def _narrowed(question: ActiveQuestion) -> dict[str, Any]:
    return {
        "where": question.where,
        "by": question.by,
        "top": question.top,
        "cohort": question.cohort is not None,
    }


def _relation(project: Project, question: ActiveQuestion, first: int, last: int) -> Relation:
    """Return the events of days, and of those before them that the longest window of the first one reaches back to."""
    days = question.days
    since = days.start(first - max(WINDOWS) + 1)
    return base.relation_of(project, question, [question.step], since=since, until=days.end(last))


def _line(question: ActiveQuestion, value: str, rows: Sequence[tuple[int, int, int]], first: int) -> Active:
    last = first + len(question.days) - 1
    people = {name: expression.trailing(rows, window, first, last) for name, window in DAYS.items()}
    return Active(value if question.by else None, people)


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question, before = result.question, result.previous
    found: dict[str, Any] = {
        "kind": KIND,
        "from": f"{result.dates[0]}",
        "to": f"{result.dates[-1]}",
        "days": [f"{day}" for day in result.dates],
    }
    if not question.by:
        line = result.lines[0]
        found |= {name: list(line.people[name]) for name in MEASURES}
        found["share"] = [None if share is None else round(share, 6) for share in line.shares]
    return found | {
        "previous": {name: list(before.people[name]) for name in MEASURES} if before else None,
        "values": [
            {"value": line.value, **{name: list(line.people[name]) for name in MEASURES}} for line in result.lines
        ]
        if question.by
        else None,
        "definition": active_shown.definition(question),
        "watermark": result.answer.watermark,
        "missing": base.missing_json(result.answer),
        "notes": list(result.notes),
    }


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return active_shown.shown(result)


def people(project: Project, question: ActiveQuestion, place: Mapping[str, str]) -> People:
    """Return the people of a point: place is {"measure": "wau", "day": "2026-11-03", "value": "pro"}.

    Raises InvalidField for a place that can't be.
    """
    measure = place.get("measure") or "dau"
    if measure not in MEASURES:
        raise InvalidField.named("measure", f"must be one of {', '.join(MEASURES)}.")
    day = question.days.named(place.get("day", ""), "day")
    value = place.get("value") if question.by else None
    first = day - DAYS[measure] + 1

    def build(tables: Tables) -> ir.Table:
        return expression.on_days(
            tables, question.step, question.days.calendar, first, day, value=value, **_narrowed(question)
        )

    relation = _relation(project, question, question.days.first, question.days.last)
    return People(active_shown.title_of_people(question, measure, day, value), relation, build)
