"""Stickiness: on how many days people come, and how many of a month's people are there on a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, stickiness_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.cycles import Cycles, cycles_of
from analytics.expressions import active as expression
from analytics.expressions.active import OF_ALL, OF_DAY, OF_DAYS, OF_MONTH
from analytics.expressions.base import Step
from analytics.expressions.calendar import cycle_of, first_day_of
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField

KIND = "stickiness"
TITLE = "Stickiness"
LEAD = "On how many days people come, and which share of a month's people is there on a day."
ICON = "magnet"  # icon="magnet"
BY = False
PARTS = [Part("event", "Active with", "event", help="Any event counts unless one is named.", usual="*")]
PARAMETERS = [
    OpenApiParameter("event", str, description="What counts as being active; any event when absent."),
    OpenApiParameter("event.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
]
EXAMPLE = {
    "kind": "stickiness",
    "from": "2026-11-01",
    "to": "2026-11-30",
    "days": 20,
    "people": 1204,
    "mean_daily": 310.5,
    "share": 0.257890,
    "active_days": [{"days": 1, "people": 402}, {"days": 2, "people": 188}],
    "months": [{"month": "2026-11", "people": 1204, "mean_daily": 310.5, "share": 0.25789, "complete": False}],
    "previous": {"people": 1177, "mean_daily": 301.2, "share": 0.2559},
    "definition": "Mean of the daily different people who did any event, divided by the different people of all days …",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class StickinessQuestion(Question):
    """What counts as being active."""

    step: Step
    days: Cycles
    now: datetime


@dataclass(frozen=True)
class Month:
    """A calendar month as far as it lies in the period; `days` of it are over."""

    number: int
    people: int
    mean_daily: float | None
    complete: bool

    @property
    def title(self) -> str:
        return f"{first_day_of(self.number, 'month'):%b %Y}"

    @property
    def share(self) -> float | None:
        return self.mean_daily / self.people if self.people and self.mean_daily is not None else None


@dataclass(frozen=True)
class Measured:
    """What the days of a period hold: people by day, by how many days they were active, in all.

    `over` are the days that count for the mean: those that are over.
    """

    daily: Sequence[int]
    over: int
    often: Mapping[int, int]
    people: int
    months: Sequence[Month]
    answer: Answer = field(repr=False)

    @property
    def mean_daily(self) -> float | None:
        return sum(self.daily[: self.over]) / self.over if self.over else None

    @property
    def share(self) -> float | None:
        return self.mean_daily / self.people if self.people and self.mean_daily is not None else None

    @property
    def mean_days(self) -> float | None:
        """Return on how many days a person was active, in the mean."""
        return sum(days * people for days, people in self.often.items()) / self.people if self.people else None


@dataclass(frozen=True)
class Result:
    question: StickinessQuestion
    now: Measured
    previous: Measured | None
    notes: Sequence[str]

    @property
    def table(self) -> Sequence[stickiness_shown.Row]:
        return stickiness_shown.page_table(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> StickinessQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now) | {"by": None}
    days = cycles_of(project, common["period"], "day", now=now)
    return StickinessQuestion(**common, step=base.step(query, "event", usual="*"), days=days, now=now)


def answer(project: Project, question: StickinessQuestion) -> Result:
    """Answer the question, and the same one about as many days right before where that is to be compared with."""
    days = question.days
    now = _measured(project, question, days.first, days.last)
    compared = question.period.previous is not None and days.start(days.first) <= question.now
    # As many days of the past as are over now, so that both sides had the same time.
    length = max(1, now.over)
    before = days.first - len(days)
    previous = _measured(project, question, before, before + length - 1) if compared else None
    notes = [
        *base.future_notes(question.period),
        *catalogue.unknown(project, [question.step.event]),
        *base.missing_notes(now.answer, previous.answer if previous else None),
    ]
    return Result(question, now, previous, notes)


def _measured(project: Project, question: StickinessQuestion, first: int, last: int) -> Measured:
    days = question.days

    def build(tables: Tables) -> ir.Table:
        return expression.stickiness(tables, question.step, days.calendar, first, last, **_narrowed(question))

    found = _relation(project, question, first, last).run(build)
    numbers = {(int(what), int(number)): int(people) for what, number, people in found.rows}
    daily = [numbers.get((OF_DAY, day), 0) for day in range(first, last + 1)]
    over = sum(days.end(day) <= question.now for day in range(first, last + 1))
    often = {number: people for (what, number), people in sorted(numbers.items()) if what == OF_DAYS}
    months = [
        _month(number, people, daily[:over], first, last)
        for (what, number), people in sorted(numbers.items())
        if what == OF_MONTH
    ]
    return Measured(daily, over, often, numbers.get((OF_ALL, 0), 0), months, found)


def _month(number: int, people: int, daily: Sequence[int], first: int, last: int) -> Month:
    begin = cycle_of(first_day_of(number, "month"), "day")
    end = cycle_of(first_day_of(number + 1, "month"), "day")
    mine = daily[max(0, begin - first) : max(0, end - first)]
    complete = begin >= first and end - 1 <= last and len(mine) == end - begin
    return Month(number, people, sum(mine) / len(mine) if mine else None, complete)


def _narrowed(question: StickinessQuestion) -> dict[str, Any]:
    return {"where": question.where, "cohort": question.cohort is not None}


def _relation(project: Project, question: StickinessQuestion, first: int, last: int) -> Relation:
    days = question.days
    return base.relation_of(project, question, [question.step], since=days.start(first), until=days.end(last))


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question, now, before = result.question, result.now, result.previous
    return {
        "kind": KIND,
        "from": f"{question.days.day(question.days.first)}",
        "to": f"{question.days.last_day}",
        "days": now.over,
        **_sum_json(now),
        "active_days": [{"days": days, "people": people} for days, people in now.often.items()],
        "months": [
            {
                "month": f"{first_day_of(month.number, 'month'):%Y-%m}",
                "people": month.people,
                "mean_daily": stickiness_shown.rounded(month.mean_daily),
                "share": stickiness_shown.rounded(month.share),
                "complete": month.complete,
            }
            for month in now.months
        ],
        "previous": _sum_json(before) if before else None,
        "definition": stickiness_shown.definition(question),
        "watermark": now.answer.watermark,
        "missing": base.missing_json(now.answer, before.answer if before else None),
        "notes": list(result.notes),
    }


def _sum_json(measured: Measured) -> dict[str, Any]:
    return {
        "people": measured.people,
        "mean_daily": stickiness_shown.rounded(measured.mean_daily),
        "share": stickiness_shown.rounded(measured.share),
    }


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return stickiness_shown.shown(result)


def people(project: Project, question: StickinessQuestion, place: Mapping[str, str]) -> People:
    """Return the people of a bar: place is {"active": "5"}, active on five days, or {"active": "5-"}, on five or more.

    Raises InvalidField for a place that can't be.
    """
    text = place.get("active", "") or "1-"
    days = question.days
    digits = text.removesuffix("-")
    if not digits.isascii() or not digits.isdigit() or not 1 <= int(digits) <= len(days):
        raise InvalidField.named("active", f"must be a number of days from 1 to {len(days)}.")
    least, most = int(digits), None if text.endswith("-") else int(digits)

    def build(tables: Tables) -> ir.Table:
        return expression.on_days(
            tables,
            question.step,
            days.calendar,
            days.first,
            days.last,
            least=least,
            most=most,
            **_narrowed(question),
        )

    title = stickiness_shown.title_of_people(question, least, most)
    return People(title, _relation(project, question, days.first, days.last), build)
