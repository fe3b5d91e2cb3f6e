"""Paths: what people do next, and what they did before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import base, paths_shown
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.expressions import paths as expression
from analytics.expressions.base import OTHER
from analytics.expressions.paths import MOST_STEPS, Place, Walk
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from growthplatform.core.errors import InvalidField

KIND = "paths"
TITLE = "Paths"
LEAD = "What people do next inside a session, or what they did before an event."
ICON = "route"
BY = False
COMPARES = False
ANCHOR_WORDS = (("session", "from where sessions begin"), ("start", "from an event on"), ("end", "up to an event"))
SHOW_WORDS = (("all", "all events"), ("pages", "pages"), ("screens", "screens"), ("actions", "actions, no pages"))
COUNT_WORDS = (("sessions", "sessions"), ("people", "people, once each"))
MOST_NODES = 20
MOST_HIDDEN = 20
PARTS = [
    Part("anchor", "Paths", "choice", choices=ANCHOR_WORDS, usual="session"),
    Part("event", "Event", "event", extra={"only_if": ("anchor", ("start", "end"))}),
    Part("show", "Through", "choice", choices=SHOW_WORDS, usual="all"),
    Part("count", "Counted in", "choice", choices=COUNT_WORDS, usual="sessions"),
    Part("depth", "Steps", "number", usual="5", extra={"least": 2, "most": MOST_STEPS}),
    Part(
        "nodes",
        "Events in each step",
        "number",
        help="The most frequent ones; all others are one, (other).",
        usual="7",
        extra={"least": 2, "most": MOST_NODES, "more": True},
    ),
    Part(
        "gap",
        "A session ends after",
        "span",
        help="So long without any of the events that are shown.",
        usual="30m",
        extra={"units": "mh", "more": True},
    ),
    Part(
        "hide",
        "Without",
        "events",
        help="Events that happen in every path and say nothing.",
        extra={"optional": True, "least": 0, "most": MOST_HIDDEN, "filters": False, "more": True},
    ),
]
PARAMETERS = [
    OpenApiParameter("anchor", str, enum=["session", "start", "end"], description="Where paths are held: session."),
    OpenApiParameter("event", str, description="The event that paths begin with (start) or lead to (end)."),
    OpenApiParameter("event.where", str, many=True, description=f"A filter on that event: {FILTER_WORDS}."),
    OpenApiParameter("show", str, enum=[word for word, _ in SHOW_WORDS], description="Which events are steps."),
    OpenApiParameter("count", str, enum=["sessions", "people"], description="people: only the first path of each."),
    OpenApiParameter("depth", int, description=f"How many steps, 2 to {MOST_STEPS}; 5 when absent."),
    OpenApiParameter("nodes", int, description="How many events of each step have a name; 7 when absent."),
    OpenApiParameter("gap", str, description="A session ends after so long without an event; 30m when absent."),
    OpenApiParameter("hide", str, many=True, description="An event that is no step; repeat it for more."),
]
EXAMPLE = {
    "kind": "paths",
    "from": "2026-11-01",
    "to": "2026-11-20",
    "anchor": "start",
    "event": "Signed Up",
    "count": "sessions",
    "total": 120,
    "steps": [
        {"step": 1, "events": [{"event": "Signed Up", "number": 120, "share": 1.0, "ended": 32}]},
        {"step": 2, "events": [{"event": "Video Created", "number": 88, "share": 0.7333, "ended": None}]},
    ],
    "links": [
        {"step": 1, "event": "Signed Up", "next": "Video Created", "number": 88},
        {"step": 1, "event": "Signed Up", "next": None, "number": 32},
    ],
    "definition": "Sessions from the first “Signed Up” in them on.",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class PathsQuestion(Question):
    walk: Walk
    nodes: int

    @property
    def anchor(self) -> str:
        return "session" if self.walk.anchor is None else "end" if self.walk.backward else "start"


@dataclass(frozen=True)
class Link:
    """Paths that go from an event in a step (0 is the first) to the next; `target` is None where they end."""

    step: int
    source: str
    target: str | None
    number: int


@dataclass(frozen=True)
class Result:
    """Links between steps. `named` are the events of each step that have a name, the most frequent first."""

    question: PathsQuestion
    links: Sequence[Link]
    named: Sequence[Sequence[str]]
    answer: Answer
    notes: Sequence[str]

    @property
    def total(self) -> int:
        return sum(link.number for link in self.links if link.step == 0)

    @property
    def levels(self) -> list[dict[str, int]]:
        """Return how many paths are at each event of each step, the most frequent first, OTHER last."""
        return levels(self.links, self.question.walk.steps)

    def ended(self, step: int, event: str) -> int | None:
        """Return how many paths end at an event of a step; None at the last one, as nobody looked further."""
        if step == self.question.walk.steps - 1:
            return None
        mine = (link for link in self.links if link.step == step and link.source == event)
        return sum(link.number for link in mine if link.target is None)

    @property
    def lines(self) -> list[paths_shown.Row]:
        return paths_shown.rows(self)

    @property
    def flow(self) -> paths_shown.Flow:
        return paths_shown.flow(self)


def parse(project: Project, query: QueryDict, *, now: Any) -> PathsQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    anchor = base.choice(query, "anchor", [word for word, _ in ANCHOR_WORDS])
    hidden = tuple(dict.fromkeys(text.strip() for text in query.getlist("hide") if text.strip()))
    if len(hidden) > MOST_HIDDEN:
        raise InvalidField.named("hide", f"at most {MOST_HIDDEN} events.")
    walk = Walk(
        steps=base.whole(query, "depth", usual=5, least=2, most=MOST_STEPS),
        gap_s=base.span_s(query, "gap", usual="30m", most_s=7 * 86_400),
        anchor=None if anchor == "session" else base.step(query, "event"),
        backward=anchor == "end",
        once=base.choice(query, "count", ["sessions", "people"]) == "people",
        kind=base.choice(query, "show", [word for word, _ in SHOW_WORDS]),
        hidden=hidden,
    )
    if walk.anchor and walk.anchor.event in hidden:
        raise InvalidField.named("hide", f"“{walk.anchor.event}” is where the paths are held.")
    common["by"] = None
    return PathsQuestion(**common, walk=walk, nodes=base.whole(query, "nodes", usual=7, least=2, most=MOST_NODES))


def answer(project: Project, question: PathsQuestion) -> Result:
    """Answer the question."""
    period = question.period
    relation = base.relation_of(project, question, since=period.start, until=period.end)

    def build(tables: Tables) -> ir.Table:
        return expression.paths(tables, question.walk, where=question.where, cohort=question.cohort is not None)

    found = relation.run(build)
    links = [Link(int(step), source, target, int(number)) for step, source, target, number in found.rows]
    named = [_named(level, question.nodes) for level in levels(links, question.walk.steps)]
    notes = [
        *base.future_notes(period),
        *catalogue.unknown(project, [question.walk.anchor.event] if question.walk.anchor else []),
        *base.missing_notes(found),
    ]
    return Result(question, _bounded(links, named), named, found, notes)


def levels(links: Sequence[Link], steps: int) -> list[dict[str, int]]:
    """Return how many paths are at each event of each step, the most frequent first, OTHER last."""
    counted: list[Counter[str]] = [Counter() for _ in range(steps)]
    for link in links:
        if link.step == 0:
            counted[0][link.source] += link.number
        if link.target is not None:
            counted[link.step + 1][link.target] += link.number
    return [dict(sorted(one.items(), key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))) for one in counted]


def _named(level: Mapping[str, int], nodes: int) -> list[str]:
    return [event for event in level if event != OTHER][:nodes]


def _bounded(links: Sequence[Link], named: Sequence[Sequence[str]]) -> list[Link]:
    """Put the events of each step that get no name together as OTHER; the largest links first."""
    sums: Counter[tuple[int, str, str | None]] = Counter()
    for link in links:
        source = link.source if link.source in named[link.step] else OTHER
        target = link.target
        if target is not None and target not in named[link.step + 1]:
            target = OTHER
        sums[link.step, source, target] += link.number
    found = [Link(*key, number) for key, number in sums.items()]
    return sorted(found, key=lambda link: (link.step, -link.number, link.source, link.target or ""))


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API. Of paths that lead to an event the `next` step is the one before it in time."""
    question = result.question
    return {
        "kind": KIND,
        "from": f"{question.period.first}",
        "to": f"{question.period.last}",
        "anchor": question.anchor,
        "event": question.walk.anchor.event if question.walk.anchor else None,
        "count": "people" if question.walk.once else "sessions",
        "total": result.total,
        "steps": [
            {"step": step + 1, "events": [_event_json(result, step, event, number) for event, number in level.items()]}
            for step, level in enumerate(result.levels)
        ],
        "links": [
            {"step": link.step + 1, "event": link.source, "next": link.target, "number": link.number}
            for link in result.links
        ],
        "definition": paths_shown.definition(question),
        "watermark": result.answer.watermark,
        "missing": base.missing_json(result.answer),
        "notes": list(result.notes),
    }


def _event_json(result: Result, step: int, event: str, number: int) -> dict[str, Any]:
    share = round(number / result.total, 4) if result.total else 0.0
    return {"event": event, "number": number, "share": share, "ended": result.ended(step, event)}


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return paths_shown.shown(result)


def people(project: Project, question: PathsQuestion, place: Mapping[str, str]) -> People:
    """Return the people behind a node or a link: place is {"at": "2", "node": "Video Created", "next": "Signed Up"};
    without "next" all at the node, with an empty one those whose path ends there. Raises InvalidField.
    """
    text = place.get("at", "1")
    last = question.walk.steps - ("next" in place)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= last:
        raise InvalidField.named("at", f"must be a step from 1 to {last}.")
    node = place.get("node", "")
    if not node:
        raise InvalidField.named("node", "name the event of the step.")
    found = Place(int(text) - 1, node, place.get("next"), answer(project, question).named)
    period = question.period
    relation = base.relation_of(project, question, since=period.start, until=period.end)

    def build(tables: Tables) -> ir.Table:
        return expression.behind(tables, question.walk, found, where=question.where, cohort=question.cohort is not None)

    return People(paths_shown.title_of_people(question, found), relation, build)
