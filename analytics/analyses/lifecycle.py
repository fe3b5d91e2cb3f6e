"""Lifecycle: of the people of each day, week or month, who is new, returning or resurrected, and who went dormant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, lifecycle_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.cycles import Cycles, cycles_of
from analytics.expressions import lifecycle as expression
from analytics.expressions.base import Step
from analytics.expressions.calendar import UNITS
from analytics.expressions.lifecycle import STATES
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField

KIND = "lifecycle"
TITLE = "Lifecycle"
LEAD = "Who is new, who keeps coming, who came back after a break, and who stopped coming."
ICON = "recycle"  # icon="recycle"
PERIOD_USUAL = "90d"
BY = False
PARTS = [
    Part("event", "Active with", "event", help="Any event counts unless one is named.", usual="*"),
    Part("interval", "Each", "choice", choices=(("week", "Week"), ("day", "Day"), ("month", "Month")), usual="week"),
]
PARAMETERS = [
    OpenApiParameter("event", str, description="What counts as being active; any event when absent."),
    OpenApiParameter("event.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
    OpenApiParameter("interval", str, enum=list(UNITS), description="week when absent; weeks begin on Monday."),
]
EXAMPLE = {
    "kind": "lifecycle",
    "from": "2026-11-02",
    "to": "2026-11-15",
    "interval": "week",
    "intervals": ["2026-11-02", "2026-11-09"],
    "new": [120, 131],
    "returning": [300, 322],
    "resurrected": [21, 18],
    "dormant": [80, 101],
    "complete": 2,
    "definition": "New: the first time ever that somebody did any event …",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class LifecycleQuestion(Question):
    """What counts as being active, and how long an interval is."""

    step: Step
    cycles: Cycles
    now: datetime


@dataclass(frozen=True)
class Result:
    """People by state ("new" …) and interval, oldest first; `previous` are as many intervals right before."""

    question: LifecycleQuestion
    people: Mapping[str, Sequence[int]]
    previous: Mapping[str, Sequence[int]] | None
    answer: Answer
    notes: Sequence[str]

    @property
    def starts(self) -> list[datetime]:
        cycles = self.question.cycles
        return [datetime.combine(cycles.day(number), time(), cycles.calendar.zone) for number in cycles.numbers]

    @property
    def complete(self) -> int:
        """Return how many of the intervals are over."""
        cycles = self.question.cycles
        return sum(cycles.end(number) <= self.question.now for number in cycles.numbers)

    @property
    def active(self) -> list[int]:
        """Return how many people are active in each interval: new, returning and resurrected ones."""
        return [sum(row) for row in zip(*(self.people[state] for state in STATES[:3]), strict=True)]

    @property
    def table(self) -> lifecycle_shown.Table:
        return lifecycle_shown.page_table(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> LifecycleQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now) | {"by": None}
    unit = base.choice(query, "interval", ("week", "day", "month"))
    step = base.step(query, "event", usual="*")
    return LifecycleQuestion(**common, step=step, cycles=cycles_of(project, common["period"], unit, now=now), now=now)


def answer(project: Project, question: LifecycleQuestion) -> Result:
    """Answer the question; who is new can be said only of all events ever, so the intervals before come with it."""
    cycles = question.cycles
    compared = bool(question.period.previous)
    first = cycles.first - (len(cycles) if compared else 0)

    def build(tables: Tables) -> ir.Table:
        return expression.lifecycle(tables, question.step, cycles.calendar, first, cycles.last, **_narrowed(question))

    found = _relation(project, question).run(build)
    numbers = {(int(cycle), int(state)): int(people) for cycle, state, people in found.rows}
    notes = [
        *base.future_notes(question.period),
        *catalogue.unknown(project, [question.step.event]),
        *lifecycle_shown.notes(question),
        *base.missing_notes(found),
    ]
    before = range(first, cycles.first)
    return Result(
        question,
        _told(numbers, cycles.numbers),
        _told(numbers, before) if compared else None,
        found,
        notes,
    )


def _told(numbers: Mapping[tuple[int, int], int], cycles: range) -> dict[str, list[int]]:
    return {name: [numbers.get((cycle, state), 0) for cycle in cycles] for state, name in enumerate(STATES)}


def _narrowed(question: LifecycleQuestion) -> dict[str, Any]:
    return {"where": question.where, "cohort": question.cohort is not None}


def _relation(project: Project, question: LifecycleQuestion) -> Relation:
    until = question.cycles.end(question.cycles.last)
    return base.relation_of(project, question, [question.step], since=None, until=until)


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question = result.question
    return {
        "kind": KIND,
        "from": f"{result.starts[0].date()}",
        "to": f"{question.cycles.last_day}",
        "interval": question.cycles.unit,
        "intervals": [f"{start.date()}" for start in result.starts],
        **{state: list(result.people[state]) for state in STATES},
        "complete": result.complete,
        "previous": {state: list(result.previous[state]) for state in STATES} if result.previous else None,
        "definition": lifecycle_shown.definition(question),
        "watermark": result.answer.watermark,
        "missing": base.missing_json(result.answer),
        "notes": list(result.notes),
    }


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return lifecycle_shown.shown(result)


def people(project: Project, question: LifecycleQuestion, place: Mapping[str, str]) -> People:
    """Return the people of a bar: place is {"at": "2026-11-02", "state": "dormant"}; without a state all
    that were active. Raises InvalidField for a place that can't be.
    """
    state = place.get("state", "")
    if state and state not in STATES:
        raise InvalidField.named("state", f"must be one of {', '.join(STATES)}.")
    cycle = question.cycles.named(place.get("at", ""), "at")

    def build(tables: Tables) -> ir.Table:
        wanted = STATES.index(state) if state else None
        return expression.behind(tables, question.step, question.cycles.calendar, cycle, wanted, **_narrowed(question))

    return People(lifecycle_shown.title_of_people(question, cycle, state), _relation(project, question), build)
