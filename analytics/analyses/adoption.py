"""Adoption: of the people who could use a feature, how many do, how soon, how often, and again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import catalogue
from analytics.analyses import adoption_shown, base
from analytics.analyses.base import FILTER_WORDS, Part, People, Question, Shown
from analytics.analyses.cycles import Cycles, cycles_of
from analytics.expressions import adoption as expression
from analytics.expressions.adoption import ELIGIBLE, Adoption
from analytics.expressions.base import OTHER
from analytics.expressions.calendar import UNITS
from customers.models import Project
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.errors import InvalidField

KIND = "adoption"
TITLE = "Feature adoption"
LEAD = "Of the people who could use a feature: how many do, how soon, how often, and whether they come back to it."
ICON = "puzzle"  # icon="puzzle"
PERIOD_USUAL = "90d"
MOST_FEATURES = 12
STATES = ("adopted", "not", "open", "again", "eligible")
WHO = ("all", "new")
PARTS = [
    Part(
        "event",
        "Features",
        "events",
        help="What using a feature is; each is counted by itself.",
        extra={"least": 1, "most": MOST_FEATURES},
    ),
    Part(
        "eligible",
        "Of the people who did",
        "event",
        help="Who could use it: people of the period with this event. Narrow it down by its filters, like their plan.",
        usual="*",
    ),
    Part("who", "People", "choice", choices=(("all", "All of the period"), ("new", "New ones only")), usual="all"),
    Part(
        "within",
        "Within",
        "span",
        help="How long people have for it from then on. Without, until the end of the period.",
        extra={"units": "hdw", "optional": True},
    ),
    Part("times", "At least this often", "number", usual="1", extra={"least": 1, "most": 1_000}),
    Part(
        "interval",
        "Each",
        "choice",
        choices=(("week", "Week"), ("day", "Day"), ("month", "Month")),
        usual="week",
        extra={"more": True},
    ),
]
PARAMETERS = [
    OpenApiParameter("event", str, many=True, required=True, description="A feature's event; repeat it for up to 12."),
    OpenApiParameter("event1.where", str, many=True, description=f"A filter on the first feature: {FILTER_WORDS}."),
    OpenApiParameter("eligible", str, description="The event that says who could use it; any event when absent."),
    OpenApiParameter("eligible.where", str, many=True, description=f"A filter on it: {FILTER_WORDS}."),
    OpenApiParameter(
        "who", str, enum=list(WHO), description="new: only people whose first such event is in the period."
    ),
    OpenApiParameter("within", str, description="How long they have, like 7d; to the end of the period when absent."),
    OpenApiParameter("times", int, description="How many uses make an adopter; one."),
    OpenApiParameter("interval", str, enum=list(UNITS), description="For the curve: when people became eligible."),
]
EXAMPLE = {
    "kind": "adoption",
    "from": "2026-09-01",
    "to": "2026-11-20",
    "interval": "week",
    "intervals": ["2026-08-31"],
    "eligible": 1204,
    "features": [
        {
            "event": "Template Used",
            "adopters": 402,
            "open": 31,
            "share": 0.333887,
            "uses_per_week": 2.4,
            "again": 120,
            "again_of": 311,
            "again_share": 0.385852,
            "seconds": {"p50": 86_400.0, "p75": 259_200.0, "p90": 604_800.0},
            "points": [0.31],
            "previous": {"share": 0.301},
        }
    ],
    "values": None,
    "definition": "Eligible: people who did any event in the period …",
    "watermark": "7f2c",
    "missing": [],
    "notes": [],
}


@dataclass(frozen=True, kw_only=True)
class AdoptionQuestion(Question):
    """The features, and who could use them."""

    asked: Adoption
    cycles: Cycles
    now: datetime


@dataclass(frozen=True)
class Counted:
    """Sums over people: see expressions.adoption. `eligible` could, `people` did; `waiting` may still."""

    eligible: int = 0
    people: int = 0
    waiting: int = 0
    uses: int = 0
    weeks: int = 0
    ripe: int = 0
    again: int = 0

    @property
    def share(self) -> float | None:
        return self.people / self.eligible if self.eligible else None

    @property
    def uses_per_week(self) -> float | None:
        return self.uses / self.weeks if self.weeks else None

    @property
    def again_share(self) -> float | None:
        return self.again / self.ripe if self.ripe else None


@dataclass(frozen=True)
class Feature:
    """One feature: over all, by cycle and by value of the breakdown; `seconds` say how soon, by share of adopters."""

    place: int
    event: str
    total: Counted
    cycles: Mapping[int, Counted]
    values: Mapping[str, Counted]
    seconds: Mapping[float, float]
    previous: Counted | None


@dataclass(frozen=True)
class Result:
    """The features in the order asked; `eligible` is how many people could use them."""

    question: AdoptionQuestion
    eligible: int
    features: Sequence[Feature]
    answers: Sequence[Answer]
    notes: Sequence[str]

    @property
    def table(self) -> Sequence[adoption_shown.Row]:
        return adoption_shown.page_table(self)

    @property
    def by_value(self) -> adoption_shown.Values | None:
        return adoption_shown.by_value(self)


def parse(project: Project, query: QueryDict, *, now: datetime) -> AdoptionQuestion:
    """Read a question from an address. Raises InvalidField naming the field."""
    common = base.common(project, query, now=now)
    period = common["period"]
    cycles = cycles_of(project, period, base.choice(query, "interval", ("week", "day", "month")), now=now)
    within_s = base.span_s(query, "within", usual="1d", most_s=366 * 86_400) if query.get("within", "").strip() else 0
    asked = Adoption(
        features=base.steps(query, "event", least=1, most=MOST_FEATURES),
        eligible=base.step(query, "eligible", usual="*"),
        calendar=cycles.calendar,
        since=period.start,
        until=period.end,
        # To the minute, so that who asks again asks the same question.
        now=now.replace(second=0, microsecond=0),
        within=timedelta(seconds=within_s) if within_s else None,
        times=base.whole(query, "times", usual=1, least=1, most=1_000),
        fresh=base.choice(query, "who", WHO) == "new",
        by=common["by"],
        top=common["top"],
    )
    return AdoptionQuestion(**common, asked=asked, cycles=cycles, now=now)


def answer(project: Project, question: AdoptionQuestion) -> Result:
    """Answer the question, and the same one about the period before where that is to be compared with."""
    asked, before = question.asked, question.period.previous
    counted, took = (
        _relation(project, question, asked).run(_build(question, asked, expression.adoption)),
        _relation(project, question, asked).run(_build(question, asked, expression.times_to_adopt)),
    )
    answers = [counted, took]
    past: list[tuple[Any, ...]] | None = None
    if before and not asked.by and question.period.until > question.period.start:
        # As people had it then: what came later did not count in a past period either.
        then = Adoption(**{**vars(asked), "since": before.start, "until": before.end, "now": _then(question)})
        found = _relation(project, question, then).run(_build(question, then, expression.adoption))
        answers.append(found)
        past = list(found.rows)
    rows = [_read(counted.columns, row) for row in counted.rows]
    old = [_read(counted.columns, row) for row in past] if past is not None else None
    notes = [
        *base.future_notes(question.period),
        *catalogue.unknown(project, [step.event for step in (*asked.features, asked.eligible)]),
        *adoption_shown.notes(question),
        *base.missing_notes(*answers),
    ]
    return Result(
        question,
        sum(row["people"] for row in rows if row["place"] == ELIGIBLE),
        [_feature(question, place, rows, took, old) for place in range(len(asked.features))],
        answers,
        notes,
    )


def _then(question: AdoptionQuestion) -> datetime:
    """Return the moment of the past period that is as far into it as now is into this one."""
    return question.asked.now - (question.period.end - question.period.start)


def _read(columns: Sequence[str], row: Sequence[Any]) -> dict[str, Any]:
    found = dict(zip(columns, row, strict=True))
    return {name: str(value) if name == "value" else int(value or 0) for name, value in found.items()}


def _feature(
    question: AdoptionQuestion,
    place: int,
    rows: Sequence[Mapping[str, Any]],
    took: Answer,
    past: Sequence[Mapping[str, Any]] | None,
) -> Feature:
    def count(of: Sequence[Mapping[str, Any]], **same: Any) -> Counted:
        return _counted([row for row in of if all(row[name] == value for name, value in same.items())], place)

    values = sorted(
        {str(row["value"]) for row in rows},
        key=lambda value: (value == OTHER, -count(rows, value=value).eligible, value),
    )
    at, share, seconds = (list(took.columns).index(name) for name in ("feature", "share", "seconds"))
    return Feature(
        place,
        question.asked.features[place].event,
        count(rows),
        {cycle: count(rows, cycle=cycle) for cycle in question.cycles.numbers},
        {value: count(rows, value=value) for value in values} if question.by else {},
        {round(float(row[share]), 2): float(row[seconds]) for row in took.rows if int(row[at]) == place},
        count(past) if past is not None else None,
    )


def _counted(rows: Sequence[Mapping[str, Any]], place: int) -> Counted:
    could = [row for row in rows if row["place"] == ELIGIBLE]
    did = [row for row in rows if row["place"] == place]
    sums = {name: sum(row[name] for row in did) for name in ("people", "uses", "weeks", "ripe", "again")}
    return Counted(
        eligible=sum(row["people"] for row in could),
        # Those whose time is not over, without those of them who have adopted already.
        waiting=sum(row["open"] for row in could) - sum(row["open"] for row in did),
        **sums,
    )


def _relation(project: Project, question: AdoptionQuestion, asked: Adoption) -> Relation:
    """Return the events that count: also later ones, as people have time, and earlier ones where only new ones do."""
    since = None if asked.fresh else asked.since
    # Coming back to it may happen after the period, but not after the moment that is asked about.
    until = None if asked.now >= question.asked.now else asked.now
    return base.relation_of(project, question, [*asked.features, asked.eligible], since=since, until=until)


def _build(question: AdoptionQuestion, asked: Adoption, build: Any) -> Any:
    def built(tables: Tables) -> ir.Table:
        table: ir.Table = build(tables, asked, where=question.where, cohort=question.cohort is not None)
        return table

    return built


def as_json(result: Result) -> dict[str, Any]:
    """Return the result for the API."""
    question = result.question
    return {
        "kind": KIND,
        "from": f"{question.period.first}",
        "to": f"{question.period.last}",
        "interval": question.cycles.unit,
        "intervals": [f"{question.cycles.day(number)}" for number in question.cycles.numbers],
        "eligible": result.eligible,
        "features": [_feature_json(question, feature) for feature in result.features],
        "values": [
            {"value": value, "features": [_counted_json(one.values[value]) for one in result.features]}
            for value in result.features[0].values
        ]
        if question.by
        else None,
        "definition": adoption_shown.definition(question),
        "watermark": result.answers[0].watermark,
        "missing": base.missing_json(*result.answers),
        "notes": list(result.notes),
    }


def _feature_json(question: AdoptionQuestion, feature: Feature) -> dict[str, Any]:
    total = feature.total
    return {
        "event": feature.event,
        **_counted_json(total),
        "uses_per_week": _rounded(total.uses_per_week),
        "again": total.again,
        "again_of": total.ripe,
        "again_share": _rounded(total.again_share),
        "seconds": {f"p{share * 100:.0f}": seconds for share, seconds in sorted(feature.seconds.items())},
        "points": [_rounded(feature.cycles[number].share) for number in question.cycles.numbers],
        "previous": {"share": _rounded(feature.previous.share)} if feature.previous else None,
    }


def _counted_json(counted: Counted) -> dict[str, Any]:
    return {
        "eligible": counted.eligible,
        "adopters": counted.people,
        "open": counted.waiting,
        "share": _rounded(counted.share),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def shown(result: Result) -> Shown:
    """Return the result for the page."""
    return adoption_shown.shown(result)


def people(project: Project, question: AdoptionQuestion, place: Mapping[str, str]) -> People:
    """Return the people behind a number: place is {"feature": "1", "state": "adopted", "at": "2026-11-02",
    "value": "pro"}, each part may be left out. Raises InvalidField for a place that can't be.
    """
    asked = question.asked
    feature = place.get("feature") or "1"
    if not feature.isascii() or not feature.isdigit() or not 1 <= int(feature) <= len(asked.features):
        raise InvalidField.named("feature", f"must be a whole number from 1 to {len(asked.features)}.")
    state = place.get("state") or "adopted"
    if state not in STATES:
        raise InvalidField.named("state", f"must be one of {', '.join(STATES)}.")
    cycle = question.cycles.named(place["at"], "at") if place.get("at") else None
    value = place.get("value") if question.by else None

    def build(tables: Tables) -> ir.Table:
        return expression.behind(
            tables,
            asked,
            place=int(feature) - 1,
            state=state,
            cycle=cycle,
            value=value,
            where=question.where,
            cohort=question.cohort is not None,
        )

    title = adoption_shown.title_of_people(question, int(feature) - 1, state, cycle, value)
    return People(title, _relation(project, question, asked), build)
