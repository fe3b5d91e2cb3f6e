"""What dialects read alike: amounts in text, objects in text, ids of devices, message ids that stay. Plain Python."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from events.dialects.base import Note
from events.ingest import Unreadable

# What systems hand out for an advertising id that its owner switched off.
NOBODY = re.compile(r"[0\-]*|null|none|nil|undefined|unknown|\(null\)", re.IGNORECASE)
CURRENCY = re.compile(r"[A-Za-z]{3}")
_any = msgspec.json.Decoder()


def object_of(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is. Raises Unreadable."""
    try:
        plain = _any.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        why = "it is empty" if not body.strip() else str(wrong)
        raise Unreadable("invalid_json", f"The body is not valid JSON: {why}.") from None
    if not isinstance(plain, dict):
        raise Unreadable("not_an_object", "The body must be one JSON object with one event.")
    return plain


def inner_object(value: object) -> dict[str, Any] | None:
    """Return the object that a field holds, as such or written as text; None for what is neither nor empty."""
    if value is None or value == "":
        return {}
    if isinstance(value, str):
        try:
            value = _any.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def text(value: object) -> str:
    """Return a text or a number as text, trimmed; "" for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).strip()


def device_id(*values: object) -> str:
    """Return the first value that is the id of a device, and not what systems say instead of one; else ""."""
    return next((plain for value in values if (plain := text(value)) and not NOBODY.fullmatch(plain)), "")


def amount(value: object) -> int | float | None:
    """Return an amount of money, as number or text with a decimal point; None for anything else."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
        value = int(value) if value.is_integer() and abs(value) < 1e15 else value
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < 1e12 else None


def money(properties: dict[str, Any], revenue: object, currency: object) -> list[Note]:
    """Put `revenue` and `currency` among the properties, where conversions look for them; say what can't be read."""
    notes = []
    if revenue not in (None, ""):
        worth = amount(revenue)
        if worth is None:
            notes.append(Note("revenue_not_a_number", f"{text(revenue)[:40]!r} is kept as text and not counted."))
            properties["revenue_text"] = text(revenue)
        else:
            properties["revenue"] = worth
    if code := text(currency):
        if CURRENCY.fullmatch(code):
            properties["currency"] = code.upper()
        else:
            notes.append(
                Note("unknown_currency", f"{code[:40]!r} is no code of three letters; the project's is taken.")
            )
    return notes


def message_id(dialect: str, *parts: object) -> str:
    """Return the message id of an event that its vendor gives none: the same for the same parts.

    Parts that are objects count the same in whatever order their members come.
    """
    known = msgspec.json.encode(parts, order="deterministic")
    return f"{dialect}:{hashlib.sha256(known).hexdigest()[:40]}"


def leftover(fields: Mapping[str, Any], used: Iterable[str]) -> dict[str, Any]:
    """Return the fields that nothing else has taken."""
    taken = set(used)
    return {name: value for name, value in fields.items() if name not in taken and value not in (None, "", {}, [])}
