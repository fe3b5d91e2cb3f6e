"""What all analyses share: the question as an address writes it, and the form of what is shown."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import ibis.expr.types as ir
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter

from analytics import cohorts
from analytics.expressions.base import NUMBER, OPERATORS, Filter, Property, Step, names_of
from customers.models import Project
from events import services as events
from events.engine.answers import Answer
from events.engine.tables import Tables
from events.services import Relation
from growthplatform.core.charts import Figure, Kpi
from growthplatform.core.errors import InvalidField
from growthplatform.core.period_query import get_period
from growthplatform.core.periods import Period

MOST_FILTERS = 20
SPAN = re.compile(r"(\d{1,6})(s|m|h|d|w)")
SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
FILTER_WORDS = "`property:operator:value`, for example `plan:is:pro|team` or `context.os.name:is:iOS`; operators " + (
    ", ".join(OPERATORS)
)
QUESTION_PARAMETERS = [
    OpenApiParameter("where", str, many=True, description=f"A filter on all events: {FILTER_WORDS}. Repeat for more."),
    OpenApiParameter("by", str, description="A property to break down by, like `plan` or `person.country`."),
    OpenApiParameter("top", int, description="How many values of the breakdown; the rest is `other`. 10 when absent."),
    OpenApiParameter("cohort", int, description="Only the people of a saved cohort."),
]


@dataclass(frozen=True, kw_only=True)
class Question:
    """What every analysis is asked; each adds its own fields."""

    period: Period
    where: tuple[Filter, ...] = ()
    by: Property | None = None
    top: int = 10
    cohort: int | None = None


@dataclass(frozen=True)
class Shown:
    """A result for the page: what `templates/analytics/explore/{kind}.html` gets as `shown`, beside `result`.

    `columns` and `rows` are the table behind the chart with raw values, also the CSV. `notes` are sentences that
    must be read with the numbers: an unknown event, values left out, a segment that is missing.
    """

    definition: str
    sql: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    figures: Sequence[Figure] = ()
    kpis: Sequence[Kpi] = ()
    notes: Sequence[str] = ()
    empty: bool = False
    answer: Answer | None = None


@dataclass(frozen=True)
class People:
    """The people behind one place of a result: an expression with one column `person`, and what to call them."""

    title: str
    relation: Relation
    build: Callable[[Tables], ir.Table]


@dataclass(frozen=True)
class Part:
    """A field of the builder; `kind` picks its widget. See docs/explore.md."""

    name: str
    label: str
    kind: str  # "event" | "steps" | "events" | "span" | "choice" | "number" | "property" | "filters"
    help: str = ""
    choices: Sequence[tuple[str, str]] = ()
    usual: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


def common(project: Project, query: QueryDict, *, now: datetime) -> dict[str, Any]:
    """Read period, filters, breakdown and cohort, as keyword arguments of a Question. Raises InvalidField."""
    flat = {name: value for name, value in query.items() if isinstance(value, str)}
    if any("\x00" in value for values in query.lists() for value in values[1]):
        raise InvalidField.named("query", "holds a NUL character.")
    by = flat.get("by", "").strip()
    return {
        "period": get_period(flat, zone=project.tz, now=now),
        "where": filters(query, "where"),
        "by": Property.parse(by) if by else None,
        "top": whole(query, "top", usual=10, least=1, most=50),
        "cohort": whole(query, "cohort", usual=None, least=1, most=2**62),
    }


def filters(query: QueryDict, field_name: str) -> tuple[Filter, ...]:
    """Read the filters of ?where=… (or ?where1=… of a step). Raises InvalidField."""
    texts = [text for text in query.getlist(field_name) if text]
    if len(texts) > MOST_FILTERS:
        raise InvalidField.named(field_name, f"at most {MOST_FILTERS} filters.")
    return tuple(_filter(text, field_name) for text in texts)


def _filter(text: str, field_name: str) -> Filter:
    name, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    if not name or operator not in OPERATORS:
        raise InvalidField.named(field_name, f"{text!r} is no filter. Write {FILTER_WORDS}.")
    values = tuple(value.split("|")) if value else ()
    if operator not in {"set", "unset"} and not values:
        raise InvalidField.named(field_name, f"{text!r} needs a value after the last colon.")
    if operator in {"gt", "gte", "lt", "lte"} and not (len(values) == 1 and re.search(NUMBER, values[0])):
        raise InvalidField.named(field_name, f"{value!r} is no number to compare with.")
    if operator in {"before", "since"} and not (len(values) == 1 and _is_day(values[0])):
        raise InvalidField.named(field_name, f"{value!r} is no day to compare with, like 2026-11-21.")
    return Filter(Property.parse(name), operator, values)


def _is_day(text: str) -> bool:
    try:
        return len(text) == 10 and bool(date.fromisoformat(text))
    except ValueError:
        return False


def step(query: QueryDict, name: str, *, usual: str = "") -> Step:
    """Read an event and its own filters: ?name=Signed Up&name.where=plan:is:pro. Raises InvalidField."""
    event = query.get(name, usual).strip()
    if not event:
        raise InvalidField.named(name, "name an event, as it was sent.")
    return Step(event, filters(query, f"{name}.where"))


def steps(query: QueryDict, name: str, *, least: int, most: int) -> tuple[Step, ...]:
    """Read several events with their own filters: ?step=A&step=B&step2.where=plan:is:pro. Raises InvalidField."""
    names = [text.strip() for text in query.getlist(name) if text.strip()]
    if not least <= len(names) <= most:
        wanted = f"{least} to {most} events" if least < most else f"{least} events"
        raise InvalidField.named(name, f"takes {wanted}; {len(names) or 'none'} came.")
    return tuple(Step(event, filters(query, f"{name}{place}.where")) for place, event in enumerate(names, start=1))


def whole(query: QueryDict, name: str, *, usual: Any, least: int, most: int) -> Any:
    """Read a whole number. Raises InvalidField."""
    text = query.get(name, "").strip()
    if not text:
        return usual
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise InvalidField.named(name, f"must be a whole number from {least} to {most}.")
    return int(text)


def choice(query: QueryDict, name: str, options: Sequence[str]) -> str:
    """Read one of some words, the first when absent. Raises InvalidField."""
    value = query.get(name, "") or options[0]
    if value not in options:
        raise InvalidField.named(name, f"must be one of {', '.join(options)}.")
    return value


def span_s(query: QueryDict, name: str, *, usual: str, most_s: int) -> int:
    """Read a length of time like 30m, 12h, 7d or 2w, in seconds. Raises InvalidField."""
    text = query.get(name, "").strip() or usual
    found = SPAN.fullmatch(text)
    seconds = int(found[1]) * SECONDS[found[2]] if found else 0
    if not 0 < seconds <= most_s:
        raise InvalidField.named(
            name, f"must be a length of time like 30m, 12h or 7d, at most {most_s // 86_400} days."
        )
    return seconds


def relation_of(
    project: Project,
    question: Question,
    asked: Iterable[Step] = (),
    *,
    since: datetime | None,
    until: datetime | None,
) -> Relation:
    """Return the events that a question is about: of some steps (all events without), of its cohort's people."""
    found = list(asked)
    return events.relation(
        project,
        since,
        until,
        names_of(found) if found else None,
        cohort=cohorts.person_ids(project, question.cohort),
    )


def missing_notes(*answers: Answer | None) -> list[str]:
    """Say which days lack events, because a segment's file is missing or damaged."""
    found = {one.segment: one for answer in answers if answer for one in answer.missing}
    return [
        f"{one.rows:,} events of {one.first_day} to {one.last_day} are not in these numbers: of segment"
        f" {one.segment}, {one.why}."
        for one in found.values()
    ]


def missing_json(*answers: Answer | None) -> list[dict[str, Any]]:
    """Return the segments that could not be read, for the API."""
    found = {one.segment: one for answer in answers if answer for one in answer.missing}
    return [
        {"segment": one.segment, "from": f"{one.first_day}", "to": f"{one.last_day}", "rows": one.rows, "why": one.why}
        for one in found.values()
    ]


def future_notes(period: Period) -> list[str]:
    """Say that a period has not begun yet."""
    if period.until > period.start:
        return []
    return [f"The period begins on {period.first}, which is in the future: nothing can have happened yet."]
