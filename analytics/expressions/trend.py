"""How often, by how many and how much, over time: several series in one answer. Plain Python and Ibis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import (
    Filter,
    Property,
    Step,
    broken_down,
    bucketed,
    chosen,
    label_of,
    matches,
    needs_traits,
    number_of,
    quantile,
)
from events.engine.tables import Tables

OF_PROPERTY = ("sum", "avg", "min", "max", "p50", "p90")
MEASURES = ("events", "people", "per_person", *OF_PROPERTY)
QUANTILES = {"p50": 0.5, "p90": 0.9}
# The row of an answer that says how many values the breakdown has in all; and those, of the first series, the second …,
# that say how many of its events have no number where one is measured.
VALUES = -1
NUMBERLESS = -2


@dataclass(frozen=True)
class Series:
    """What one curve measures: events, people who did it, events per person, or a sum, mean … of a property."""

    step: Step
    measure: str = "events"
    of: Property | None = None


@dataclass(frozen=True)
class Cut:
    """Time in [since, until), cut into hours, days, weeks or months of a zone."""

    unit: str
    zone: tzinfo
    since: datetime
    until: datetime


def trend(
    tables: Tables,
    series: Sequence[Series],
    cut: Cut,
    *,
    where: Sequence[Filter] = (),
    by: Property | None = None,
    top: int = 10,
    cohort: bool = False,
) -> ir.Table:
    """Measure each series in each bucket and over the whole time.

    Columns: `series` (its place), `value` (of the breakdown; "" without), `bucket` (its local start, null for the
    whole time) and `number`. A bucket without an event has no row. With a breakdown one more row, of series VALUES,
    says how many different values there are; those beyond the `top` most frequent are one, OTHER. For a measure of a
    property a row of series NUMBERLESS - place says how many events have no number in it; they are not measured.
    """
    rows = _rows(tables, series, cut, where=where, by=by, cohort=cohort)
    found = []
    if by:
        found.append(_sized(rows))
        rows = broken_down(rows, "value", top)
    for place, one in enumerate(series):
        mine = rows.filter(rows[f"is_{place}"]).mutate(number=rows[f"number_{place}"])
        if one.measure in OF_PROPERTY:
            found.append(_numberless(mine, NUMBERLESS - place))
        found += [
            _measured(mine, place, one.measure, ["value", "bucket"]),
            _measured(mine, place, one.measure, ["value"]),
        ]
    return ibis.union(*found) if len(found) > 1 else found[0]


def behind(
    tables: Tables,
    series: Series,
    cut: Cut,
    *,
    bucket: datetime | None = None,
    value: str | None = None,
    where: Sequence[Filter] = (),
    by: Property | None = None,
    top: int = 10,
    together: Sequence[Series] = (),
    cohort: bool = False,
) -> ir.Table:
    """Return the people whom a series counted in a bucket (all without) under a value of the breakdown.

    `together` are all series of the question: which values are OTHER depends on them.
    """
    rows = _rows(tables, [series, *together], cut, where=where, by=by, cohort=cohort)
    if by:
        rows = broken_down(rows.filter(_any(rows, range(1, len(together) + 1))) if together else rows, "value", top)
    rows = rows.filter(rows.is_0)
    if series.measure in OF_PROPERTY:
        rows = rows.filter(rows.number_0.notnull())
    if bucket is not None:
        rows = rows.filter(rows.bucket == ibis.timestamp(bucket.replace(tzinfo=None)))
    if value is not None:
        rows = rows.filter(rows.value == value)
    return rows.select("person").distinct()


def _rows(
    tables: Tables,
    series: Sequence[Series],
    cut: Cut,
    *,
    where: Sequence[Filter],
    by: Property | None,
    cohort: bool,
) -> ir.Table:
    """Return the events of any series, narrow: person, bucket, value, and of each series is_0 … and number_0 …"""
    conditions = [*where, *(condition for one in series for condition in one.step.where)]
    traits = needs_traits(conditions, by, *(one.of for one in series))
    events = chosen(tables, where, cohort=cohort, traits=traits)
    wanted: dict[str, Any] = {
        "bucket": bucketed(events.ts, cut.unit, cut.zone, cut.since, cut.until),
        "value": label_of(events, by) if by else ibis.literal(""),
    }
    for place, one in enumerate(series):
        wanted[f"is_{place}"] = matches(events, one.step)
        wanted[f"number_{place}"] = number_of(events, one.of) if one.of else ibis.literal(1.0)
    rows = events.select("person", **wanted)
    return rows.filter(_any(rows, range(len(series))))


def _any(rows: ir.Table, places: range) -> ir.BooleanValue:
    return ibis.or_(*(rows[f"is_{place}"] for place in places))


def _sized(rows: ir.Table) -> ir.Table:
    number = rows.value.nunique().cast("float64")
    return _shaped(rows.agg(number=number).mutate(value=ibis.literal("")), VALUES)


def _numberless(rows: ir.Table, place: int) -> ir.Table:
    number = rows.number.isnull().sum().fill_null(0).cast("float64")
    return _shaped(rows.agg(number=number).mutate(value=ibis.literal("")), place)


def _measured(rows: ir.Table, place: int, measure: str, groups: list[str]) -> ir.Table:
    if measure in QUANTILES:
        return _shaped(quantile(rows, groups, "number", QUANTILES[measure]), place)
    counted: dict[str, ir.Value] = {
        "events": rows.count(),
        "people": rows.person.nunique(),
        "per_person": rows.count() / rows.person.nunique(),
        "sum": rows.number.sum(),
        "avg": rows.number.mean(),
        "min": rows.number.min(),
        "max": rows.number.max(),
    }
    return _shaped(rows.group_by(groups).agg(number=counted[measure].cast("float64")), place)


def _shaped(rows: ir.Table, place: int) -> ir.Table:
    bucket = rows.bucket if "bucket" in rows.columns else ibis.null("timestamp")
    return rows.select(series=ibis.literal(place, "int64"), value=rows.value, bucket=bucket, number=rows.number)
