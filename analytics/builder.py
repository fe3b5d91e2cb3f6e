"""The builder of a question: an analysis' parts filled with what the address says, ready for the page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from analytics.analyses.base import Part
from analytics.expressions.base import OPERATORS

WORDS = {
    "is": "is",
    "not": "is not",
    "contains": "contains",
    "gt": "is more than",
    "gte": "is at least",
    "lt": "is less than",
    "lte": "is at most",
    "before": "is before",
    "since": "is on or after",
    "set": "is set",
    "unset": "is not set",
}
WITHOUT_VALUE = ("set", "unset")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
ANY = {"*": "Any event", "Page: *": "Any page", "Screen: *": "Any screen"}
# What every question may carry goes along when another analysis is chosen.
SHARED = ("range", "from", "to", "compare", "where", "by", "top", "cohort")


@dataclass(frozen=True)
class Condition:
    """A filter as the page shows it; half of one while it is being written."""

    path: str = ""
    operator: str = "is"
    values: Sequence[str] = ()

    @property
    def words(self) -> str:
        """Say it as a sentence: "plan is pro or team"."""
        rest = "" if self.operator in WITHOUT_VALUE else f" {' or '.join(self.values)}"
        return f"{self.path} {WORDS[self.operator]}{rest}"


@dataclass(frozen=True)
class Row:
    """An event of the builder, with its filters and, where the part has them, its own choice and property."""

    event: str = ""
    conditions: Sequence[Condition] = ()
    choice: str = ""
    of: str = ""
    needs_of: bool = False

    @property
    def title(self) -> str:
        return ANY.get(self.event, self.event)


@dataclass(frozen=True)
class Control:
    """A part of the builder with what the address says of it."""

    part: Part
    value: str = ""
    rows: Sequence[Row] = ()
    conditions: Sequence[Condition] = ()
    amount: str = ""
    unit: str = "d"
    visible: bool = True
    wrong: str = ""
    new_row: Row = field(default_factory=Row)

    @property
    def units(self) -> list[tuple[str, str]]:
        return [(unit, UNITS[unit]) for unit in self.part.extra.get("units", UNITS)]

    @property
    def ordered(self) -> bool:
        return self.part.kind == "steps"

    @property
    def filtered(self) -> bool:
        return bool(self.part.extra.get("filters", True))

    @property
    def only_if(self) -> str:
        """Write the part and the values it depends on, as the page's script reads them."""
        name, values = self.part.extra.get("only_if", ("", ()))
        return f"{name}={'|'.join(values)}" if name else ""

    @property
    def needs_property(self) -> str:
        return "|".join(self.part.extra.get("needs_property", ()))

    @property
    def words(self) -> str:
        """Say in a few words what is asked for here; nothing where it is as usual."""
        if self.part.kind in {"steps", "events"}:
            return (" → " if self.ordered else ", ").join(row.title for row in self.rows if row.event)
        if self.part.kind == "event":
            said = [row.title for row in self.rows if row.event and (row.conditions or row.event != self.part.usual)]
            return f"{self.part.label.lower()} {said[0]}" if said else ""
        if self.part.kind == "choice":
            return "" if self.value == self.part.usual else dict(self.part.choices).get(self.value, "")
        return ""


def controls(parts: Sequence[Part], query: QueryDict, *, wrong: Mapping[str, str] | None = None) -> list[Control]:
    """Return the parts with their values in the address; `wrong` are refusals by field. Never refuses itself."""
    return [_control(part, parts, query, (wrong or {})) for part in parts]


def _control(part: Part, parts: Sequence[Part], query: QueryDict, wrong: Mapping[str, str]) -> Control:
    said = next((text for name, text in wrong.items() if _owns(part, name)), "")
    common: dict[str, Any] = {"part": part, "visible": _visible(part, parts, query), "wrong": said}
    if part.kind in {"steps", "events"}:
        return Control(**common, rows=_rows(part, query), new_row=_row(part, query, "", ""))
    if part.kind == "event":
        event = query.get(part.name, "") or part.usual
        return Control(**common, rows=[Row(event, conditions(query, f"{part.name}.where"))])
    if part.kind == "filters":
        return Control(**common, conditions=conditions(query, part.name))
    value = query.get(part.name, "") or part.usual
    if part.kind == "span":
        found = re.fullmatch(r"(\d+)([smhdw])", value)
        return Control(**common, value=value, amount=found[1] if found else "", unit=found[2] if found else "d")
    if part.kind == "choice" and not value and part.choices:
        value = part.choices[0][0]
    return Control(**common, value=value)


def _owns(part: Part, name: str) -> bool:
    return bool(re.fullmatch(rf"{re.escape(part.name)}\d*(\.\w+)?", name))


def owned(parts: Sequence[Part], name: str) -> bool:
    """Say whether a parameter of the address belongs to one of the parts."""
    return any(_owns(part, name) for part in parts)


def question(parts: Sequence[Part], query: QueryDict) -> QueryDict:
    """Return what of an address is the question, in its order: not a place in the result, a page of a list, a view."""
    found = QueryDict(mutable=True)
    for name, values in query.lists():
        said = [value for value in values if isinstance(value, str) and value]
        if said and (name in SHARED or owned(parts, name)):
            found.setlist(name, said)
    return found


def _visible(part: Part, parts: Sequence[Part], query: QueryDict) -> bool:
    name, values = part.extra.get("only_if", ("", ()))
    if not name:
        return True
    other = next((one for one in parts if one.name == name), None)
    usual = (other.usual or (other.choices[0][0] if other.choices else "")) if other else ""
    return (query.get(name, "") or usual) in values


def _rows(part: Part, query: QueryDict) -> list[Row]:
    names = [name for name in query.getlist(part.name) if name] or [name for name in part.usual.split("|") if name]
    rows = [_row(part, query, name, f"{part.name}{number}.") for number, name in enumerate(names, start=1)]
    least = max(int(part.extra.get("least", 1)), 0 if part.extra.get("optional") else 1)
    return rows + [_row(part, query, "", "")] * max(0, least - len(rows))


def _row(part: Part, query: QueryDict, event: str, prefix: str) -> Row:
    extra = part.extra
    usual = extra.get("usual") or (extra["choices"][0][0] if extra.get("choices") else "")
    choice = query.get(prefix + extra.get("choice", "measure"), "") if prefix else ""
    value = query.get(prefix + extra.get("property", "of"), "") if prefix else ""
    choice = choice or usual
    found = conditions(query, f"{prefix}where") if prefix else []
    return Row(event, found, choice, value, choice in extra.get("needs_property", ()))


def conditions(query: QueryDict, name: str) -> list[Condition]:
    """Read the filters of a parameter, as far as they can be read."""
    return [_condition(text) for text in query.getlist(name) if text]


def _condition(text: str) -> Condition:
    path, _, rest = text.partition(":")
    operator, _, value = rest.partition(":")
    values = tuple(value.split("|")) if value else ()
    return Condition(path, operator if operator in OPERATORS else "is", values)


def in_words(found: Sequence[Control], query: QueryDict) -> str:
    """Say what is asked, for a folded builder and as the name that is proposed: "Signed Up → First Video, by plan"."""
    said = [one.words for one in found if one.visible and one.words]
    said += [condition.words for condition in conditions(query, "where")]
    said += [f"by {query.get('by', '')}"] if query.get("by") else []
    text = ", ".join(said)
    return text[:1].upper() + text[1:]
