"""Cursor paging: a page continues after the last row seen, however many rows arrive meanwhile."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import orjson
from django.core.exceptions import ValidationError
from django.db.models import Model, Q, QuerySet

from growthplatform.core.errors import Problem

M = TypeVar("M", bound=Model)
MAX_LIMIT = 500


class InvalidCursor(Problem):
    code = "invalid_cursor"
    message = "This cursor is not one that a list answered with; leave it out to start at the first page."


class InvalidLimit(Problem):
    code = "invalid_limit"
    message = f"limit: a whole number from 1 to {MAX_LIMIT}."


class Page(NamedTuple):
    """Rows of one page and the cursor of the next, None on the last page."""

    rows: list[Any]
    next: str | None


def encode(values: Sequence[Any]) -> str:
    """Return an opaque cursor for the sort values of the last row of a page."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[Any]:
    """Return the sort values inside `cursor`; times come back as text. Raises InvalidCursor."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise InvalidCursor from None
    if not isinstance(values, list) or len(values) != length:
        raise InvalidCursor
    return values


def limit_of(params: Mapping[str, str], default: int = 50) -> int:
    """Return `limit` from the query string. Raises InvalidLimit."""
    text = params.get("limit") or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidLimit
    return int(text)


def _after(fields: Sequence[str], values: Sequence[Any]) -> Q:
    """Rows behind `values` in the order `fields` ("-name" is falling), as a<=x and (a<x or (a=x and b<y) …).

    The first part says nothing new to a reader, but only by it an index finds its way past the pages before.
    """
    condition, equal = Q(), Q()
    for field, value in zip(fields, values, strict=True):
        name, way = (field[1:], "lt") if field.startswith("-") else (field, "gt")
        condition |= equal & Q(**{f"{name}__{way}": value})
        equal &= Q(**{name: value})
    first, way = (fields[0][1:], "lte") if fields[0].startswith("-") else (fields[0], "gte")
    return Q(**{f"{first}__{way}": values[0]}) & condition


def paginate(rows: QuerySet[M], order: Sequence[str], *, cursor: str = "", limit: int = 50) -> Page:
    """Return one page of `rows` in `order`, whose last field must be unique.

    Raises InvalidCursor.
    """
    if cursor:
        values = decode(cursor, len(order))
        try:
            rows = rows.filter(_after(order, values))
        except (ValueError, TypeError, ValidationError):
            raise InvalidCursor from None
    names = [field.lstrip("-") for field in order]
    found = list(rows.order_by(*order)[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    found = found[:limit]
    last = [_plain(getattr(found[-1], name)) for name in names]
    return Page(found, encode(last))


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
