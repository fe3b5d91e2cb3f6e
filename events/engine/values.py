"""Answers of the same Python types from every engine, by the types that the expression says its columns have."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.schema as sch

Reader = Callable[[Any], Any]
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- times of the stream are UTC without a zone


def shaped(rows: Sequence[tuple[Any, ...]], schema: sch.Schema) -> list[tuple[Any, ...]]:
    """Return the rows with numbers, truths, days and times as Python has them; times in UTC without a zone.

    No number at all (NaN, as some engines make of 0/0) is null.
    """
    readers = [_reader(wanted) for wanted in schema.types]
    columns = zip(*rows, strict=True)
    read = [_column(values, reader) for values, reader in zip(columns, readers, strict=False)]
    return list(zip(*read, strict=True))


def _column(values: Sequence[Any], reader: Reader | None) -> Sequence[Any]:
    return values if reader is None else [None if value is None else reader(value) for value in values]


def _reader(wanted: dt.DataType) -> Reader | None:
    if wanted.is_boolean():
        return bool
    if wanted.is_integer():
        return int
    if wanted.is_floating():
        return _number
    if wanted.is_timestamp():
        return _moment
    return _day if wanted.is_date() else None


def _number(value: Any) -> float | None:
    return None if math.isnan(value) else float(value)


def _moment(value: Any) -> datetime:
    """Read a time: ClickHouse gives those of whole seconds as the number of them."""
    if isinstance(value, int):
        return EPOCH + timedelta(seconds=value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001


def _day(value: Any) -> date:
    if isinstance(value, int):
        return (EPOCH + timedelta(days=value)).date()
    return value.date() if isinstance(value, datetime) else value
