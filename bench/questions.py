"""The questions of the benchmark and of the test of all engines, as addresses write them, over the made-up year."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

import ibis.expr.types as ir

from bench.dataset import BEGIN, DAYS, STEPS
from events.engine.tables import Tables

END = BEGIN + timedelta(days=DAYS)
YEAR = {"from": f"{BEGIN:%Y-%m-%d}", "to": f"{END - timedelta(days=1):%Y-%m-%d}", "compare": "none"}
FUNNEL = [("step", name) for name in STEPS]


class Question(NamedTuple):
    """A question, what is promised for it at ten million events on two cores, and whether PostgreSQL is asked too."""

    name: str
    kind: str
    query: str
    target_s: float | None = None
    beside_postgres: bool = False


class Asked(NamedTuple):
    """What a question asks the stream: a relation, and an expression on it."""

    relation: Any
    build: Callable[[Tables], ir.Table]


def question(
    name: str, kind: str, *parts: tuple[str, str], target_s: float | None = None, pg: bool = False
) -> Question:
    return Question(name, kind, urlencode([*YEAR.items(), *parts]), target_s, pg)


# The four of the promise first; the rest so that each analysis, each order, clock and breakdown meets every engine.
PROMISED = [
    question("any-entry funnel, 4 steps", "funnel", *FUNNEL, ("window", "7d"), target_s=0.4),
    question("12-month cohort triangle", "retention", ("period", "month"), target_s=0.8, pg=True),
    question("DAU, WAU, MAU of a year", "active", target_s=1.0, pg=True),
    question("paths of 5 steps", "paths", target_s=1.5),
]
OTHERS = [
    question("funnel, any order", "funnel", *FUNNEL, ("order", "any"), ("window", "7d")),
    question("funnel, strict", "funnel", *FUNNEL[:3], ("order", "strict"), ("window", "30d")),
    question("funnel by plan", "funnel", *FUNNEL[:3], ("by", "plan"), ("window", "7d")),
    question(
        "retention by day, unbounded", "retention", ("period", "day"), ("start", "Signed Up"), ("mode", "unbounded")
    ),
    question("retention by week, 24 hours", "retention", ("period", "week"), ("return", "Shared"), ("clock", "window")),
    question("trend by day", "trend", ("event", "Video Played"), ("event", "Shared"), ("event2.measure", "people")),
    question(
        "trend of a sum by system",
        "trend",
        *(("event", "Pro"), ("event1.measure", "sum"), ("event1.of", "value"), ("by", "context.os.name")),
    ),
    question(
        "trend, filtered", "trend", ("event", "*"), ("where", "length_s:gte:300"), ("where", "screen:is:home|player")
    ),
    question("adoption", "adoption", ("event", "Template Used")),
    question("stickiness", "stickiness"),
    question("lifecycle", "lifecycle"),
    question("paths to an event", "paths", ("anchor", "end"), ("event", "Pro"), ("count", "people")),
]


def asked(project: Any, wanted: Question) -> list[Asked]:
    """Return what a question asks the stream, found by answering it once."""
    from django.http import QueryDict

    from analytics.analyses import analysis
    from events.engine import asking

    module = analysis(wanted.kind)
    assert module
    found: list[Asked] = []
    answer = asking.answer

    def noted(relation: Any, build: Any, **more: Any) -> Any:
        found.append(Asked(relation, build))
        return answer(relation, build, **more)

    asking.answer = noted
    try:
        module.answer(project, module.parse(project, QueryDict(wanted.query), now=END))
    finally:
        asking.answer = answer
    return found
