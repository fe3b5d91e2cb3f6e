"""What a project's stream is made of: names of events, their properties and values, for the builder and for hints."""

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import ibis.expr.types as ir
import orjson
from django.db.models import Max, Sum
from django.utils import timezone

from analytics.expressions.base import DAY, NUMBER, Property, named, value_of
from analytics.likeness import nearest
from customers.models import Project
from customers.remembered import remembered
from events import services as events
from events.engine.tables import Tables
from events.models import DayCount, Person
from events.services import Relation

MOST_NAMES = 2_000
SAMPLE = 1_000
# What is offered is what is sent these days; only a project without any event in them is read further back.
RECENT = timedelta(days=60)
KEPT_S = 60.0
DEEP = 4
EXAMPLES = 3
MOST_VALUES = 500
LONGEST_VALUE = 200
PREFIXES = {"page": "Page: ", "screen": "Screen: "}
ANY = "*"


@dataclass(frozen=True)
class EventName:
    """A name as a person would call it, with how often it was ever received and when it happened last."""

    label: str
    events: int
    last_day: date


@dataclass(frozen=True)
class PropertyName:
    """A property as filters write it; `share` of the sampled events have it (0-1)."""

    path: str
    kind: str  # "text" | "number" | "yes or no" | "date" | "list" | "mixed"
    share: float
    examples: Sequence[str]


@dataclass
class _Seen:
    rows: int = 0
    kinds: set[str] = field(default_factory=set)
    examples: Counter[str] = field(default_factory=Counter)


def events_of(project: Project) -> list[EventName]:
    """Return the names of the project's events, the most frequent first."""
    return remembered(project, "catalogue:events", lambda: _events_of(project), least_s=KEPT_S)


def _events_of(project: Project) -> list[EventName]:
    rows = DayCount.objects.filter(project=project).values("type", "name")
    counted = rows.annotate(total=Sum("events"), last=Max("day")).order_by("-total", "type", "name")[:MOST_NAMES]
    return [EventName(label(row["type"], row["name"]), row["total"], row["last"]) for row in counted]


def label(kind: str, name: str) -> str:
    """Return what people call an event of a type and a name, as the column `event` of the relation says it."""
    if kind == "track":
        return name
    return PREFIXES[kind] + name if kind in PREFIXES else kind.capitalize()


def properties_of(project: Project, event: str = "") -> list[PropertyName]:
    """Return the properties that events of a name (or all) carry, then those of the context, then traits of people.

    Found in the newest events and people, so a property that almost no event has may be missing.
    """
    event = event or ANY
    return remembered(project, _key("properties", event), lambda: _properties_of(project, event), least_s=KEPT_S)


def _key(*parts: str) -> str:
    """Return a key of the cache: names may hold any sign and have any length, keys may not."""
    return f"catalogue:{parts[0]}:{hashlib.blake2b(repr(parts).encode(), digest_size=12).hexdigest()}"


def _properties_of(project: Project, event: str) -> list[PropertyName]:
    rows = _sampled(project, event)
    traits = Person.objects.filter(project=project).exclude(traits={}).order_by("-last_seen_at", "-pk")
    return [
        *_described("", [_read(properties) for properties, _ in rows]),
        *_described("context.", [_read(context) for _, context in rows]),
        *_described("person.", list(traits.values_list("traits", flat=True)[:SAMPLE])),
    ]


def _sampled(project: Project, event: str) -> Sequence[tuple[Any, ...]]:
    """Return properties and context of the newest events of a name, as JSON texts."""

    def newest(tables: Tables) -> ir.Table:
        rows = tables.events.filter(named(tables.events, event))
        newest = rows.order_by(rows.ts.desc(), rows.id.desc()).limit(SAMPLE)
        return newest.select("properties", "context")

    return _recent_first(project, event, newest)


def _recent_first(project: Project, event: str, build: Callable[[Tables], ir.Table]) -> Sequence[tuple[Any, ...]]:
    return recent(project, event).run(build).rows or everything(project, event).run(build).rows


def recent(project: Project, event: str, *, now: datetime | None = None) -> Relation:
    """Return the relation of an event's last weeks; "*" and "Page: *" are read by all names."""
    return events.relation(project, since=(now or timezone.now()) - RECENT, names=_names(event))


def everything(project: Project, event: str) -> Relation:
    """Return the relation of all that was ever received of an event."""
    return events.relation(project, names=_names(event))


def _names(event: str) -> list[str] | None:
    return None if event == ANY or event.endswith(": *") else [event]


def _read(text: str | None) -> Mapping[str, Any]:
    try:
        found = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _described(prefix: str, documents: Sequence[Mapping[str, Any]]) -> list[PropertyName]:
    seen: defaultdict[str, _Seen] = defaultdict(_Seen)
    for document in documents:
        for path, value in _leaves(document):
            one = seen[path]
            one.rows += 1
            one.kinds.add(kind_of(value))
            if isinstance(value, str | int | float):
                one.examples[_text(value)[:LONGEST_VALUE]] += 1
    found = [_named(prefix + path, one, len(documents)) for path, one in seen.items()]
    return sorted(found, key=lambda one: (-one.share, one.path))


def _named(path: str, seen: _Seen, documents: int) -> PropertyName:
    kind = seen.kinds.pop() if len(seen.kinds) == 1 else "mixed"
    return PropertyName(path, kind, seen.rows / documents, [text for text, _ in seen.examples.most_common(EXAMPLES)])


def _leaves(document: Mapping[str, Any], path: str = "", depth: int = 1) -> Iterator[tuple[str, Any]]:
    """Yield the values of a document with their paths; null counts as not set. Names with a dot have no path."""
    for key, value in document.items():
        if value is None or "." in key or not key:
            continue
        if isinstance(value, dict) and depth < DEEP:
            yield from _leaves(value, f"{path}{key}.", depth + 1)
        else:
            yield f"{path}{key}", value


def kind_of(value: Any) -> str:
    """Return what a value looks like, in words for the builder. A text that reads as a number is one."""
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "number"
    if not isinstance(value, str):
        return "list"
    return "number" if re.search(NUMBER, value) else "date" if re.search(DAY, value) else "text"


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def values_of(
    project: Project, path: str, event: str = "", prefix: str = "", *, most: int = 20
) -> list[tuple[str, int]]:
    """Return the values of a property with how many events (or people, of a trait) have them, the most frequent first.

    With `prefix` only those that contain it, those that begin with it first.
    """
    event, wanted = event or ANY, Property.parse(path)
    key = _key("values", event, str(wanted))
    found = remembered(project, key, lambda: _values_of(project, wanted, event), least_s=KEPT_S)
    if not prefix:
        return found[:most]
    small = prefix.casefold()
    if len(found) == MOST_VALUES:  # there are more: ask for those that are meant
        found = _values_of(project, wanted, event, small)
    fitting = [(value, count) for value, count in found if small in value.casefold()]
    return sorted(fitting, key=lambda pair: not pair[0].casefold().startswith(small))[:most]


def _values_of(project: Project, wanted: Property, event: str, part: str = "") -> list[tuple[str, int]]:
    def counted(tables: Tables) -> ir.Table:
        if wanted.place == "person":
            value = value_of(tables.people, wanted)
            rows = tables.people.select(value=value)
        else:
            rows = tables.events.filter(named(tables.events, event))
            rows = rows.select(value=value_of(rows, wanted))
        rows = rows.filter(rows.value.notnull())
        if part:
            rows = rows.filter(rows.value.lower().contains(part))
        sums = rows.group_by("value").agg(number=rows.count())
        return sums.order_by(sums.number.desc(), sums.value).limit(MOST_VALUES)

    return [(str(value)[:LONGEST_VALUE], int(number)) for value, number in _recent_first(project, event, counted)]


def suggest(project: Project, name: str) -> list[str]:
    """Return up to three names of real events that `name` may have meant, the likeliest first."""
    return nearest(name, [one.label for one in events_of(project)])


def unknown(project: Project, names: Iterable[str]) -> list[str]:
    """Say of each name that was never received which real one may be meant."""
    known = [one.label for one in events_of(project)]
    if len(known) == MOST_NAMES:  # the rare ones may be beyond the list
        return []
    found = set(known)
    asked = [name for name in dict.fromkeys(names) if name != ANY and not name.endswith(": *") and name not in found]
    return [_note(name, nearest(name, known, most=1), empty=not known) for name in asked]


def _note(name: str, meant: Sequence[str], *, empty: bool) -> str:
    if empty:
        return f"No event “{name}” was ever received, nor any other: the project waits for its first event."
    hint = f" Did you mean “{meant[0]}”?" if meant else " Names are told apart by case and spaces."
    return f"No event “{name}” was ever received.{hint}"
