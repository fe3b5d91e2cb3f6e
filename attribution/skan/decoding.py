"""What a conversion value means: the schema that was in force when the app set it says it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from typing import Any

COARSE = ("low", "medium", "high")
SEQUENCES = (0, 1, 2)
FINE_VALUES = range(64)
# Apple sends nothing sooner than this after the last value was set: the shortest of its random delays.
LEAST_DELAY = timedelta(hours=24)
MOST_REVENUE = Decimal(1_000_000)
TEXT = 100


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a value stands for; `revenue` is what an install with it is worth on average, None where it says none."""

    label: str
    event: str = ""
    revenue: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """The meanings of an app's values from a day on; `app_id` is None for all apps that have none of their own."""

    valid_from: date
    app_id: int | None = None
    fine: Mapping[int, Meaning] = field(default_factory=dict)
    coarse: Mapping[tuple[int, str], Meaning] = field(default_factory=dict)
    currency: str = ""
    id: int = 0


@dataclass(frozen=True, slots=True)
class Wrong:
    """What can't be taken of a schema, and where it stands: "fine.12.revenue", "coarse.0.low.label"."""

    field: str
    message: str


def day_of(received_at: datetime, zone: tzinfo) -> date:
    """Return the last day on which the value of a postback can have been set."""
    return (received_at - LEAST_DELAY).astimezone(zone).date()


def schema_for(schemas: Iterable[Schema], app_id: int | None, day: date) -> Schema | None:
    """Return the newest schema that was in force on a day: the app's own, else the one for all apps."""
    in_force = [one for one in schemas if one.valid_from <= day and one.app_id in (None, app_id)]
    return max(in_force, key=lambda one: (one.app_id is not None, one.valid_from, one.id), default=None)


def decode(schema: Schema | None, sequence: int, fine: int | None, coarse: str) -> Meaning | None:
    """Return what the values of a postback mean; None where they say nothing, or the schema does not.

    Fine values come with the first postback only.
    """
    if schema is None:
        return None
    if fine is not None and sequence == 0:
        return schema.fine.get(fine)
    return schema.coarse.get((sequence, coarse)) if coarse else None


def fine_from(rows: Sequence[Mapping[str, Any]]) -> dict[int, Meaning]:
    """Read stored meanings of fine values."""
    return {int(row["value"]): _meaning(row) for row in rows}


def coarse_from(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, str], Meaning]:
    """Read stored meanings of coarse values."""
    return {(int(row.get("sequence", 0)), str(row["value"])): _meaning(row) for row in rows}


def checked(fine: Any, coarse: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Wrong]]:
    """Return meanings as they are stored, and what can't be taken of them.

    `fine` and `coarse` are lists of {"value", "label", "event", "revenue"}, coarse ones with a "sequence"; "value" of
    a fine one may be a range as text, "10-19", which stands for each value in it.
    """
    wrong: list[Wrong] = []
    fine_rows: dict[int, dict[str, Any]] = {}
    for place, row in enumerate(_rows(fine, "fine", wrong)):
        values = span_of(row.get("value"))
        if not values:
            wrong.append(Wrong(f"fine.{place}.value", "Give a value from 0 to 63, or a range such as 10-19."))
            continue
        wrong += [Wrong(f"fine.{value}.value", f"{value} has two meanings.") for value in values if value in fine_rows]
        name = f"fine.{values[0]}"
        meaning = _taken(row, name, wrong)
        fine_rows.update({value: {"value": value, **meaning} for value in values})
    coarse_rows: dict[tuple[int, str], dict[str, Any]] = {}
    for place, row in enumerate(_rows(coarse, "coarse", wrong)):
        sequence, level = row.get("sequence", 0), row.get("value")
        if sequence not in SEQUENCES or isinstance(sequence, bool) or level not in COARSE:
            message = "Give a sequence from 0 to 2 and one of low, medium and high."
            wrong.append(Wrong(f"coarse.{place}.value", message))
            continue
        if (sequence, level) in coarse_rows:
            wrong.append(Wrong(f"coarse.{sequence}.{level}.value", f"{level} of window {sequence} has two meanings."))
        meaning = _taken(row, f"coarse.{sequence}.{level}", wrong)
        coarse_rows[sequence, level] = {"sequence": sequence, "value": level, **meaning}
    return (
        [fine_rows[value] for value in sorted(fine_rows)],
        [coarse_rows[key] for key in sorted(coarse_rows, key=lambda key: (key[0], COARSE.index(key[1])))],
        wrong,
    )


def span_of(value: Any) -> list[int]:
    """Return the fine values that a number or a range such as "10-19" names; nothing for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return []
    first, _, last = str(value).replace("–", "-").partition("-")
    ends = [part.strip() for part in (first, last or first)]
    if not all(end.isascii() and end.isdigit() and len(end) < 4 for end in ends):
        return []
    found = range(int(ends[0]), int(ends[1]) + 1)
    return list(found) if found and found[-1] in FINE_VALUES else []


def spread(first: int, last: int, low: Decimal | None, high: Decimal | None) -> list[Decimal | None]:
    """Return a revenue for each value of a range, in even steps from `low` to `high`, in cents."""
    steps = last - first
    if low is None or high is None or steps <= 0:
        return [low] * (max(steps, 0) + 1)
    return [(low + (high - low) * step / steps).quantize(Decimal("0.01")) for step in range(steps + 1)]


def in_short(fine: Mapping[int, Meaning]) -> list[tuple[str, Meaning]]:
    """Return fine values with their meanings, neighbours of the same meaning as one range, such as 10–19."""
    found: list[tuple[int, int, Meaning]] = []
    for value, meaning in sorted(fine.items()):
        if found and found[-1][1] == value - 1 and found[-1][2] == meaning:
            found[-1] = (found[-1][0], value, meaning)
        else:
            found.append((value, value, meaning))
    return [(f"{first}" if first == last else f"{first}–{last}", meaning) for first, last, meaning in found]


def money(value: Any) -> Decimal | None:
    """Read an amount, with a point or a comma; None for an empty one. Raises ValueError."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        amount = Decimal(str(value).strip().replace(",", "."))
    except InvalidOperation:  # also for what is no number at all
        raise ValueError("not a number") from None
    if not amount.is_finite() or not 0 <= amount <= MOST_REVENUE:
        raise ValueError("out of range")
    amount = amount.quantize(Decimal("0.0001"))
    cents = amount.quantize(Decimal("0.01"))
    return cents if cents == amount else amount


def _rows(given: Any, name: str, wrong: list[Wrong]) -> list[Mapping[str, Any]]:
    if isinstance(given, list) and len(given) <= 100 and all(isinstance(row, Mapping) for row in given):
        return given
    wrong.append(Wrong(name, "Give a list of objects with value, label, event and revenue."))
    return []


def _taken(row: Mapping[str, Any], name: str, wrong: list[Wrong]) -> dict[str, Any]:
    texts = {}
    for part in ("label", "event"):
        text = row.get(part) or ""
        if not isinstance(text, str) or len(text.strip()) > TEXT or "\x00" in text:
            wrong.append(Wrong(f"{name}.{part}", f"Give a text of at most {TEXT} characters."))
            text = ""
        texts[part] = text.strip()
    try:
        revenue = money(row.get("revenue"))
    except ValueError:
        wrong.append(Wrong(f"{name}.revenue", f"Give an amount from 0 to {MOST_REVENUE:,}, such as 4.99."))
        revenue = None
    if not texts["label"]:
        texts["label"] = texts["event"]
    if not texts["label"] and revenue is None:
        wrong.append(Wrong(f"{name}.label", "Say what it means."))
    return {**texts, "revenue": None if revenue is None else f"{revenue:f}"}


def _meaning(row: Mapping[str, Any]) -> Meaning:
    revenue = row.get("revenue")
    return Meaning(
        str(row.get("label") or ""),
        str(row.get("event") or ""),
        None if revenue in (None, "") else Decimal(str(revenue)),
    )
