"""Filters, properties and local time: what all expressions are made of. Plain Python and Ibis."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import ibis
import ibis.expr.types as ir

from events.engine.tables import Tables, json_text

OPERATORS = ("is", "not", "contains", "gt", "gte", "lt", "lte", "set", "unset", "before", "since")
# Values of a breakdown that are none: the property was not sent, or its value is not among the largest.
NONE = "(none)"
OTHER = "(other)"
NAMELESS = "(nameless)"
# What all engines read as the same number. Their own casts differ: "NaN", "Infinity", "1_000", "0x10" and "1d" are
# numbers to one or the other of them.
NUMBER = r"^-?[0-9]{1,40}([.][0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"


@dataclass(frozen=True)
class Property:
    """Where a value is found: a property of the event, of its context, or a trait of the person."""

    place: str  # "properties" | "context" | "person"
    path: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Property":
        """Read "plan", "context.os.name" or "person.plan"; a dot goes one level down."""
        head, *rest = text.split(".")
        if head in {"context", "person"} and rest:
            return cls(head, tuple(rest))
        return cls("properties", (head, *rest))

    @property
    def json_path(self) -> str:
        """Return the path as engines read it. Quotes, backslashes and a lone star mean something to some of them:
        a name made of nothing else leads nowhere.
        """
        names = (part.replace('"', "").replace("\\", "") for part in self.path)
        return "$" + "".join(f'."{NAMELESS if name in {"", "*"} else name}"' for name in names)

    def __str__(self) -> str:
        return ".".join(self.path if self.place == "properties" else (self.place, *self.path))


@dataclass(frozen=True)
class Filter:
    """A condition on one property; several values mean any of them."""

    property: Property
    operator: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    """An event, and what must hold of it. "*" is any event, "Page: *" any page, "Screen: *" any screen."""

    event: str
    where: tuple[Filter, ...] = ()


def named(events: ir.Table, event: str) -> ir.BooleanValue:
    """Say which rows are of an event."""
    if event == "*":
        return ibis.literal(True)
    if event.endswith(": *"):
        return events.event.startswith(event[:-1])
    return events.event == event


def value_of(events: ir.Table, wanted: Property) -> ir.StringValue:
    """Return a property of each row as text; those of a person need `with_traits` first."""
    column = events.traits if wanted.place == "person" else events[wanted.place]
    return json_text(column, wanted.json_path)


def number_of(events: ir.Table, wanted: Property) -> ir.FloatingValue:
    """Return a property of each row as a number, also one that was sent as text; null for anything else."""
    value = value_of(events, wanted)
    return ibis.ifelse(value.re_search(NUMBER), value, ibis.null("string")).try_cast("float64")


def day_of(events: ir.Table, wanted: Property) -> ir.StringValue:
    """Return the day that a property in ISO form begins with, as text like 2026-11-21; null for anything else."""
    value = value_of(events, wanted)
    return ibis.ifelse(value.re_search(DAY), value.left(10), ibis.null("string"))


def label_of(events: ir.Table, by: Property) -> ir.StringValue:
    """Return the value of a breakdown for each row, NONE where the property is not set."""
    return value_of(events, by).fill_null(NONE)


def with_traits(tables: Tables, events: ir.Table) -> ir.Table:
    """Add the person's traits to each row, as JSON text."""
    people = tables.people.select("person", "traits")
    return events.left_join(people, "person").drop("person_right")


def passes(events: ir.Table, condition: Filter) -> ir.BooleanValue:
    """Say which rows hold a condition.

    Larger and smaller read both sides as numbers, `before` and `since` as days: a value of another kind does not pass.
    All other operators compare texts, so that 3, "3" and true are what they look like.
    """
    if condition.operator in {"gt", "gte", "lt", "lte"}:
        return _compared(number_of(events, condition.property), condition.operator, float(condition.values[0]))
    if condition.operator in {"before", "since"}:
        day = day_of(events, condition.property)
        return _compared(day, {"before": "lt", "since": "gte"}[condition.operator], condition.values[0][:10])
    value = value_of(events, condition.property)
    if condition.operator == "set":
        return value.notnull()
    if condition.operator == "unset":
        return value.isnull()
    if condition.operator == "is":
        return value.isin(condition.values)
    if condition.operator == "not":
        return value.isnull() | value.notin(condition.values)
    return ibis.or_(*(value.lower().contains(text.lower()) for text in condition.values))


def _compared(value: ir.Value, operator: str, bound: float | str) -> ir.BooleanValue:
    compared: dict[str, ir.BooleanValue] = {
        "gt": value > bound,
        "gte": value >= bound,
        "lt": value < bound,
        "lte": value <= bound,
    }
    return compared[operator].fill_null(False)


def matches(events: ir.Table, step: Step) -> ir.BooleanValue:
    """Say which rows are a step: of its event, holding all its conditions."""
    return ibis.and_(named(events, step.event), *(passes(events, one) for one in step.where))


def chosen(tables: Tables, where: Sequence[Filter], *, cohort: bool = False, traits: bool = False) -> ir.Table:
    """Return the events that hold all conditions, of the cohort's people only where asked, with traits where needed."""
    events = tables.events
    if cohort:
        events = events.semi_join(tables.cohort, "person")
    if traits or any(one.property.place == "person" for one in where):
        events = with_traits(tables, events)
    for one in where:
        events = events.filter(passes(events, one))
    return events


def needs_traits(conditions: Iterable[Filter], *properties: Property | None) -> bool:
    """Say whether filters or a breakdown ask for a trait of the person."""
    asked = [one.property for one in conditions] + [one for one in properties if one]
    return any(one.place == "person" for one in asked)


def names_of(steps: Iterable[Step]) -> list[str] | None:
    """Return the names of events that steps are about, None when any name may be one."""
    found = {step.event for step in steps}
    return None if any(name == "*" or name.endswith(": *") for name in found) else sorted(found)


def broken_down(rows: ir.Table, label: str, top: int) -> ir.Table:
    """Replace the values of a column that are not among the `top` most frequent ones by OTHER.

    Ties go to the value that comes first in the alphabet, so that the same rows always give the same answer.
    """
    counted = rows.group_by(label).agg(rows_of_value=rows.count())
    largest = counted.order_by(counted.rows_of_value.desc(), counted[label]).limit(top)
    kept = largest.select(kept_value=largest[label])
    joined = rows.left_join(kept, rows[label] == kept.kept_value)
    return joined.mutate(**{label: joined.kept_value.fill_null(OTHER)}).drop("kept_value")


def quantile(rows: ir.Table, groups: Sequence[str], number: str, share: float) -> ir.Table:
    """Return the quantile of a column in each group as `number`, between two rows where it falls between them.

    Exact, and the same in every engine: their own functions are approximate here, discrete there.
    """
    rows = rows.filter(rows[number].notnull())
    placed = rows.mutate(
        place=ibis.row_number().over(group_by=groups, order_by=rows[number]).cast("float64"),
        wanted=(rows.count().over(group_by=groups).cast("float64") - 1) * share,
    )
    apart = (placed.place - placed.wanted).abs()
    near = placed.filter(apart < 1)
    weighted = near.mutate(weighted=near[number] * (1 - (near.place - near.wanted).abs()))
    return weighted.group_by(groups).agg(number=weighted.weighted.sum())


def bucketed(ts: ir.TimestampValue, unit: str, zone: tzinfo, since: datetime, until: datetime) -> ir.TimestampValue:
    """Return the start of the hour, day, week (from Monday) or month that `ts` lies in, on the clocks of `zone`.

    Hours are counted on from the first one, as the clocks show one of them twice a year: in UTC, but for the minutes
    by which hours of `zone` begin later.
    """
    if unit == "hour":
        return (ts + _span(hour_shift(zone, since))).truncate("h").cast("timestamp")
    letter = {"day": "D", "week": "W", "month": "M"}[unit]
    return local(ts, zone, since, until).truncate(letter).cast("timestamp")


def hour_shift(zone: tzinfo, at: datetime) -> timedelta:
    """Return how far after UTC's full hour those of a zone begin: half an hour in India."""
    return (at.astimezone(zone).utcoffset() or timedelta(0)) % timedelta(hours=1)


def local(ts: ir.TimestampValue, zone: tzinfo, since: datetime, until: datetime) -> ir.TimestampValue:
    """Return `ts` on the clocks of `zone`: plain sums, as engines are slow at zones or know others.

    `since` and `until` bound the times that occur; changes of the clocks between them are looked up here.
    """
    changes = _changes(zone, since, until)
    (_, first), *later = changes
    shifted = ts + _span(first)
    for at, offset in later:
        shifted = ibis.ifelse(ts >= ibis.timestamp(at), ts + _span(offset), shifted)
    return shifted


def _span(offset: timedelta) -> ir.IntervalScalar:
    return ibis.interval(seconds=int(offset.total_seconds()))


def _changes(zone: tzinfo, since: datetime, until: datetime) -> list[tuple[datetime, timedelta]]:
    """Return the moments (UTC, without a zone) from which each offset holds, oldest first."""

    def offset(at: datetime) -> timedelta:
        return at.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta(0)

    at, end = since.astimezone(UTC).replace(tzinfo=None), until.astimezone(UTC).replace(tzinfo=None)
    found = [(at, offset(at))]
    while at < end:
        after = min(at + timedelta(days=1), end)
        if offset(after) != found[-1][1]:
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if offset(middle) == found[-1][1] else (low, middle)
            found.append((high.replace(microsecond=0), offset(after)))
        at = after
    return found
