"""What the pages of attribution share: the period of the address, its zone, the order of a list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import DataError
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils import timezone

from customers.pages import PageRequest
from growthplatform.core.paging import InvalidCursor, Page, decode, encode, paginate
from growthplatform.core.periods import Period

M = TypeVar("M", bound=Model)
T = TypeVar("T")
PAGE_ROWS = 50


def period_of(request: PageRequest) -> Period:
    """Return the period in the address; from here on times are shown in the project's zone."""
    timezone.activate(request.project.tz)
    return Period.from_query(request.GET.dict(), zone=request.project.tz, now=timezone.now())


def order_of(request: PageRequest, orders: Mapping[str, Sequence[str]], usual: str) -> tuple[str, Sequence[str]]:
    """Return the key and the fields of the order asked for by ?sort=; the usual one when it is unknown."""
    key = request.GET.get("sort") or usual
    key = key if key in orders else usual
    return key, orders[key]


def both_ways(fields: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return for each column its rising and its falling order, ties broken by id in the same way."""
    orders: dict[str, tuple[str, ...]] = {}
    for name, field in fields.items():
        orders[name], orders[f"-{name}"] = (field, "id"), (f"-{field}", "-id")
    return orders


def page_of(request: PageRequest, rows: QuerySet[M], order: Sequence[str]) -> Page:
    """Return the page that ?cursor= names; the first one for a cursor of another order or typed by hand."""
    try:
        return paginate(rows, order, cursor=request.GET.get("cursor", ""), limit=PAGE_ROWS)
    except (InvalidCursor, ValueError, DataError):
        return paginate(rows, order, limit=PAGE_ROWS)


def slice_of(rows: Sequence[T], cursor: str, name_of: Callable[[T], Any]) -> tuple[Sequence[T], str | None]:
    """Cut one page out of rows that are sorted here: those behind the one that `cursor` names, and the next cursor.

    A cursor of another list, or of a row that has gone, begins at the first page.
    """
    try:
        [last] = decode(cursor, 1) if cursor else [None]
    except InvalidCursor:
        last = None
    place = next((number for number, row in enumerate(rows, start=1) if name_of(row) == last), 0) if last else 0
    shown = rows[place : place + PAGE_ROWS]
    return shown, encode([name_of(shown[-1])]) if len(rows) > place + PAGE_ROWS else None


def wants_csv(request: PageRequest) -> bool:
    return request.GET.get("format") == "csv"


def number_of(text: str, prefix: str) -> int:
    """Return the number in a public id such as dec_12, or of the bare number; 404 for anything else."""
    digits = text.removeprefix(prefix)
    if not digits.isascii() or not digits.isdigit() or len(digits) > 18:
        raise Http404("There is no such id.")
    return int(digits)
