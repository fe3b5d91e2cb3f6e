"""Funnel: how many people go a way of several steps to its end, where the others leave it, and how long it takes."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, funnel_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.time import Buckets, buckets_of
from analytics.expressions import funnel_counts as expression
from analytics.expressions.base import OTHER, Step
from analytics.expressions.funnel import LAST, ORDERS, Funnel
from analytics.expressions.funnel_counts import BARS_S, OVERALL, SHARES, Place
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField
from growthplatform.core.periods import Period

KIND = "funnel"
TITLE = "Funnel"
LEAD = "How many people go from a first step to a last one, where the others stop, and how long it takes."
ICON = "filter"  # icon="filter"
FEWEST, MOST = 2, 20
MOST_EXCLUDED = 5
WINDOW = "7d"
LONGEST_S = 366 * 86_400
STATES = ("reached", "dropped", "open")
TOUCHES = ("first", "last")
ORDER_WORDS = (
    ("sequential", "In this order"),
    ("strict", "In this order, nothing between"),
    ("any", "In any order"),
)
PARTS = [
    Part(
        "step",
        "Steps",
        "steps",
        help="Two to twenty events. One event is never two steps of one attempt.",
        extra={"least": FEWEST, "most": MOST},
    ),
    Part("window", "Within", "span", help="From step 1 on, for all steps together.", usual=WINDOW),
    Part("order", "Order", "choice", choices=ORDER_WORDS, usual=ORDERS[0]),
    Part(
        "exclude",
        "Ends an attempt",
        "events",
        help="Who does this between two steps starts again from step 1.",
        extra={"optional": True, "least": 0, "most": MOST_EXCLUDED, "more": True, "only_if": ("order", ORDERS[::2])},
    ),
    Part(
        "touch",
        "Value of the breakdown",
        "choice",
        help="Which event of a person's attempt gives the value that the person is counted under.",
        choices=(("first", "At step 1"), ("last", "At the last step reached"), ("2", "At step 2"), ("3", "At step 3")),
        usual="first",
        extra={"more": True},
    ),
]
PARAMETERS = [
    OpenApiParameter("step", str, many=True, description=f"An event's name; repeat it, {FEWEST} to {MOST} in all."),
    OpenApiParameter("steps", str, description="Instead of step: the names, with commas between."),
    OpenApiParameter("step1.where", str, many=True, description=f"A filter on step 1: {FILTER_WORDS}; step2.where …"),
    OpenApiParameter("window", str, description=f"Time from step 1 on, like 30m, 12h, 7d; {WINDOW} when absent."),
    OpenApiParameter("order", str, enum=list(ORDERS), description="strict: no other event between the steps."),
    OpenApiParameter("exclude", str, many=True, description="An event that ends an attempt; exclude1.where …"),
    OpenApiParameter("touch", str, description="Which step gives the value of `by`: first, last, or its number."),
]
EXAMPLE: dict[str, Any] = {
    "kind": "funnel",
    "from": "2026-10-24",
    "to": "2026-11-20",
    "order": "sequential",
    "window_s": 604_800,
    "entered": 1_204,
    "converted": 318,
    "open": 96,
    "share": 0.2641,
    "median_s": 9_120.0,
    "steps": [
        {
            "event": "Signed Up",
            "people": 1_204,
            "open": 80,
            "dropped": 806,
            "share": 1.0,
            "share_of_previous": 1.0,
            "median_s": None,
            "p75_s": None,
            "p90_s": None,
            "previous": {"people": 1_150, "share": 1.0},
        },
        {
            "event": "First Video",
            "people": 318,
            "open": 0,
            "dropped": 0,
            "share": 0.2641,
            "share_of_previous": 0.2641,
            "median_s": 9_120.0,
            "p75_s": 70_200.0,
            "p90_s": 241_000.0,
            "previous": {"people": 290, "share": 0.2522},
        },
    ],
    "times": {"median_s": 9_120.0, "p75_s": 70_200.0, "p90_s": 241_000.0, "bars": [{"from_s": 3_600, "people": 141}]},
    "trend": {
        "interval": "day",
        "buckets": ["2026-10-24T00:00:00+02:00"],
        "entered": [41],
        "converted": [12],
        "open": [0],
    },
    "breakdown": None,
    "values": None,
    "definition": "Of the people who did “Signed Up” in the period, those who then did “First Video” within 7 days.",
    "watermark": "7f2c",
    "missing": [],
    "notes": ["80 people are still within 7 days of their first step, and may go on."],
}


@dataclass(frozen=True, kw_only=True)
class FunnelQuestion(Question):
    """The steps, and by which rules they are counted; `now` decides who is open, to the minute."""

    steps: tuple[Step, ...]
    window_s: int
    order: str
    exclude: tuple[Step, ...]
    touch: int
    now: datetime

    @property
    def number(self) -> int:
        return len(self.steps)


@dataclass(frozen=True)
class Seconds:
    """How long the fastest half, three quarters and nine tenths of those who came on took at most."""

    p50: float
    p75: float
    p90: float


@dataclass(frozen=True)
class Counted:
    """What one period holds.

    `levels` says by (value of the breakdown, bucket of the entry), None for all of them, how many came to a step and no
    further, by (step, open).
    """

    buckets: Buckets
    number: int
    levels: Mapping[tuple[str | None, datetime | None], Mapping[tuple[int, bool], int]]
    seconds: Mapping[tuple[str | None, int], Seconds]
    bars: Mapping[int, Sequence[int]]
    values: int | None
    answer: Answer

    def reached(self, step: int, value: str | None = None, bucket: datetime | None = None) -> int:
        """Return how many came to a step or further."""
        return self._sum(range(step, self.number + 1), value, bucket, (True, False))

    def stopped(self, step: int, value: str | None = None, bucket: datetime | None = None, *, is_open: bool) -> int:
        """Return how many came to a step and no further: those who are open, or those who are not."""
        return self._sum(range(step, step + 1), value, bucket, (is_open,)) if step < self.number else 0

    def is_open(self, value: str | None = None, bucket: datetime | None = None) -> int:
        return self._sum(range(1, self.number), value, bucket, (True,))

    def share(self, step: int, value: str | None = None, *, of: int = 1) -> float | None:
        """Return which share of those at step `of` came to a step."""
        whole = self.reached(of, value)
        return self.reached(step, value) / whole if whole else None

    @property
    def by_value(self) -> list[str]:
        """Return the values of the breakdown, those with most people first, what is left over last."""
        sizes = {value: self.reached(1, value) for value, _ in self.levels if value is not None}
        return sorted(sizes, key=lambda value: (value == OTHER, -sizes[value], value))

    def _sum(self, steps: Iterable[int], value: str | None, bucket: datetime | None, states: tuple[bool, ...]) -> int:
        found = self.levels.get((value, bucket), {})
        return sum(found.get((step, state), 0) for step in steps for state in states)


@dataclass(frozen=True)
class Result:
    question: FunnelQuestion
    now: Counted
    previous: Counted | None
    notes: Sequence[str]

    @property
    def rows(self) -> list[funnel_shown.StepRow]:
        return funnel_shown.step_rows(self)

    @property
    def has_open(self) -> bool:
        return self.now.is_open() > 0

    @property
    def few(self) -> int:
        """Return how many people a share needs to be shaded, 0 where all values have as many."""
        return funnel_shown.FEW if any(self.now.reached(1, one) < funnel_shown.FEW for one in self.now.by_value) else 0

    @property
    def breakdown(self) -> list[funnel_shown.ValueRow]:
        return funnel_shown.value_rows(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> FunnelQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    query = _with_steps(query)
    steps = base.steps(query, "step", least=FEWEST, most=MOST)
    exclude = base.steps(query, "exclude", least=0, most=MOST_EXCLUDED)
    if both := [one.event for one in exclude if one in steps]:
        raise InvalidField.named("exclude", f"{both[0]!r} is a step as well; a step can't end an attempt.")
    return FunnelQuestion(
        **common,
        steps=steps,
        window_s=base.span_s(query, "window", usual=WINDOW, most_s=LONGEST_S),
        order=base.choice(query, "order", ORDERS),
        exclude=exclude,
        touch=_touch(query.get("touch", "") or TOUCHES[0], len(steps)),
        now=now.replace(second=0, microsecond=0),
    )


def _with_steps(query: QueryDict) -> QueryDict:
    """Read ?steps=A,B,C as ?step=A&step=B&step=C."""
    if not query.get("steps") or any(query.getlist("step")):
        return query
    query = query.copy()
    query.setlist("step", str(query["steps"]).split(","))
    return query


def _touch(text: str, number: int) -> int:
    if text in TOUCHES:
        return {"first": 1, "last": LAST}[text]
    if text.isascii() and text.isdigit() and 1 <= int(text) <= number:
        return int(text)
    raise InvalidField.named("touch", f"must be first, last, or the number of a step, 1 to {number}.")


def answer(project: Project, question: FunnelQuestion) -> Result:
    """Answer the question, and the same one about the period before where that is to be compared with."""
    period, before = question.period, question.period.previous
    now = _counted(project, question, period, period.end)
    begun = before and period.until > period.start
    previous = _counted(project, question, before, _up_to(before)) if before and begun else None
    notes = [
        *base.future_notes(period),
        *catalogue.unknown(project, [step.event for step in (*question.steps, *question.exclude)]),
        *funnel_shown.notes(question, now),
        *base.missing_notes(now.answer, previous.answer if previous else None),
    ]
    return Result(question, now, previous, notes)


def _up_to(before: Period) -> datetime:
    """Return where entries end in a period to compare with: as far in it as now is in the present one."""
    return before.until.replace(second=0, microsecond=0)


def _funnel(question: FunnelQuestion, since: datetime, until: datetime) -> Funnel:
    return Funnel(
        steps=question.steps,
        window_s=question.window_s,
        since=since,
        until=until,
        now=question.now,
        order=question.order,
        exclude=question.exclude,
        where=question.where,
        by=question.by,
        touch=question.touch,
        cohort=question.cohort is not None,
    )


def _relation(project: Project, question: FunnelQuestion, funnel: Funnel) -> Relation:
    """Return the events that may be steps: up to a window after the last entry; with the order "strict" all events."""
    asked = () if question.order == "strict" else (*question.steps, *question.exclude)
    return base.relation_of(
        project, question, asked, since=funnel.since, until=funnel.until + funnel_shown.window_of(question)
    )


def _counted(project: Project, question: FunnelQuestion, period: Period, until: datetime) -> Counted:
    buckets = buckets_of(period, "auto")
    funnel = _funnel(question, period.start, until)

    def build(tables: Tables) -> ir.Table:
        return expression.counts(tables, funnel, buckets.cut, top=question.top)

    found = _relation(project, question, funnel).run(build)
    levels: defaultdict[tuple[str | None, datetime | None], Counter[tuple[int, bool]]] = defaultdict(Counter)
    shares: dict[tuple[str | None, int], dict[str, float]] = {}
    bars: dict[int, list[int]] = {}
    values = 0
    for part, value, bucket, step, place, number in found.rows:
        if part == "people":
            at = buckets.moment(bucket)
            for key in {(value, at), (None, at), (value, None), (None, None)}:
                levels[key][int(step), bool(place)] += int(number)
        elif part in SHARES:
            shares.setdefault((value, int(step)), {})[part] = float(number)
        elif part == "bars":
            bars.setdefault(int(step), [0] * len(BARS_S))[int(place)] = int(number)
        else:
            values = int(number)
    seconds = {key: Seconds(**one) for key, one in shares.items()}
    return Counted(buckets, question.number, levels, seconds, bars, values if question.by else None, found)


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question, now = result.question, result.now
    overall = now.seconds.get((None, OVERALL))
    return {
        "kind": KIND,
        "from": f"{question.period.first}",
        "to": f"{question.period.last}",
        "order": question.order,
        "window_s": question.window_s,
        "entered": now.reached(1),
        "converted": now.reached(question.number),
        "open": now.is_open(),
        "share": now.share(question.number),
        "median_s": overall.p50 if overall else None,
        "steps": _steps_json(result, None),
        "times": {**_seconds_json(overall), "bars": _bars_json(now.bars.get(OVERALL, ()))},
        "trend": _trend_json(now),
        "breakdown": [_value_json(result, value) for value in now.by_value] if question.by else None,
        "values": now.values,
        "definition": funnel_shown.definition(question),
        "watermark": now.answer.watermark,
        "missing": base.missing_json(now.answer, result.previous.answer if result.previous else None),
        "notes": list(result.notes),
    }


def _steps_json(result: Result, value: str | None) -> list[dict[str, Any]]:
    now, before = result.now, result.previous
    found = []
    for step, one in enumerate(result.question.steps, start=1):
        row: dict[str, Any] = {
            "event": one.event,
            "people": now.reached(step, value),
            "open": now.stopped(step, value, is_open=True),
            "dropped": now.stopped(step, value, is_open=False),
            "share": now.share(step, value),
            "share_of_previous": now.share(step, value, of=max(1, step - 1)),
            **_seconds_json(now.seconds.get((value, step))),
        }
        if before:
            row["previous"] = {"people": before.reached(step, value), "share": before.share(step, value)}
        found.append(row)
    return found


def _seconds_json(seconds: Seconds | None) -> dict[str, float | None]:
    if seconds is None:
        return {"median_s": None, "p75_s": None, "p90_s": None}
    return {"median_s": seconds.p50, "p75_s": seconds.p75, "p90_s": seconds.p90}


def _bars_json(bars: Sequence[int]) -> list[dict[str, int]]:
    return [{"from_s": least, "people": number} for least, number in zip(BARS_S, bars, strict=False) if number]


def _trend_json(now: Counted) -> dict[str, Any]:
    keys = now.buckets.keys
    return {
        "interval": now.buckets.unit,
        "buckets": [start.isoformat() for start in now.buckets.starts],
        "entered": [now.reached(1, bucket=key) for key in keys],
        "converted": [now.reached(now.number, bucket=key) for key in keys],
        "open": [now.is_open(bucket=key) for key in keys],
    }


def _value_json(result: Result, value: str) -> dict[str, Any]:
    overall = result.now.seconds.get((value, OVERALL))
    return {"value": value, "steps": _steps_json(result, value), **_seconds_json(overall)}


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return funnel_shown.shown(result)


def people(project: Project, question: FunnelQuestion, place: Mapping[str, str]) -> People:
    """Return the people at one place: {"at": "2", "state": "dropped", "value": "pro", "bucket": "2026-11-03"}, each
    part but `at` may be left out. Raises InvalidField for a place that can't be.
    """
    at, state = place.get("at") or "1", place.get("state") or STATES[0]
    if not at.isascii() or not at.isdigit() or not 1 <= int(at) <= question.number:
        raise InvalidField.named("at", f"must be the number of a step, 1 to {question.number}.")
    if state not in STATES:
        raise InvalidField.named("state", f"must be one of {', '.join(STATES)}.")
    buckets = buckets_of(question.period, "auto")
    bucket = buckets.named(place["bucket"]) if place.get("bucket") else None
    value = place.get("value") if question.by else None
    wanted = Place(int(at), state, value, bucket)
    funnel = _funnel(question, question.period.start, question.period.end)

    def build(tables: Tables) -> ir.Table:
        return expression.behind(tables, funnel, buckets.cut, wanted, top=question.top)

    title = funnel_shown.title_of_people(question, wanted, buckets)
    return People(title, _relation(project, question, funnel), build)
