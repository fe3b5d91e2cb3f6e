"""What a funnel shows of its journeys: people by step, times from step to step. Plain Python and Ibis."""

from dataclasses import dataclass
from datetime import datetime

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import broken_down, bucketed
from analytics.expressions.funnel import Funnel, journeys
from analytics.expressions.trend import Cut
from events.engine.tables import Tables

# Lower bounds of the histogram's bars, in seconds; the first begins at 0.
BARS_S = (
    *(0, 1, 10, 30, 60, 300, 900, 1_800, 3_600, 10_800, 21_600, 43_200),
    *(day * 86_400 for day in (1, 2, 3, 5, 7, 14, 30, 60, 90, 180)),
)
# Which share of those who came on were at least so fast.
SHARES = {"p50": 0.5, "p75": 0.75, "p90": 0.9}
# The time from step 1 to the last one; other numbers are the steps that a time leads to.
OVERALL = 0


@dataclass(frozen=True)
class Place:
    """A part of the result: people who reached `step`, or of those who came no further the open or the lost ones."""

    step: int
    state: str = "reached"  # "reached" | "dropped" | "open"
    value: str | None = None
    bucket: datetime | None = None


def counts(tables: Tables, funnel: Funnel, cut: Cut, *, top: int = 10) -> ir.Table:
    """Count the journeys.

    Columns `part`, `value` (of the breakdown; null over all), `bucket` (of the entry, its local start), `step`,
    `place` and `number`. Part "people": how many entered in the bucket and came to `step` and no further, `place` 1
    for those who are open. Parts "p50", "p75", "p90": seconds to `step` from the step before it, or OVERALL. Part
    "bars": how many took so long, `place` counts BARS_S. Part "values": how many different values there are.
    """
    people = _bucketed(journeys(tables, funnel), funnel, cut)
    found = []
    if funnel.by:
        found.append(_shaped("values", people.agg(number=people.value.nunique())))
        people = broken_down(people, "value", top)
    else:
        people = people.mutate(value=ibis.null("string"))
    found.append(_shaped("people", _by_level(people)))
    times = _times(people, funnel)
    found += [_shaped(part, one) for part, one in _quantiles(times, ["step"])]
    if funnel.by:
        found += [_shaped(part, one) for part, one in _quantiles(times, ["value", "step"])]
    found.append(_shaped("bars", _bars(times)))
    return ibis.union(*found)


def behind(tables: Tables, funnel: Funnel, cut: Cut, place: Place, *, top: int = 10) -> ir.Table:
    """Return the people whom `counts` counted at a place."""
    people = _bucketed(journeys(tables, funnel), funnel, cut)
    if funnel.by:
        people = broken_down(people, "value", top)
    if place.state == "reached":
        people = people.filter(people.level >= place.step)
    else:
        people = people.filter((people.level == place.step) & (people.open == (place.state == "open")))
    if place.bucket is not None:
        people = people.filter(people.bucket == ibis.timestamp(place.bucket))
    if place.value is not None and funnel.by:
        people = people.filter(people.value == place.value)
    return people.select("person")


def _bucketed(people: ir.Table, funnel: Funnel, cut: Cut) -> ir.Table:
    return people.mutate(bucket=bucketed(people.t1, cut.unit, cut.zone, funnel.since, funnel.until))


def _by_level(people: ir.Table) -> ir.Table:
    """Count people by bucket, value, level and whether they are open."""
    grouped = people.group_by("value", "bucket", step=people.level, place=people.open.ifelse(1, 0).cast("int64"))
    return grouped.agg(number=people.count())


def _times(people: ir.Table, funnel: Funnel) -> ir.Table:
    """Return the seconds between steps, a row a person and step: value, step, seconds."""
    pairs = [(step, f"t{step - 1}", f"t{step}") for step in range(2, funnel.number + 1)]
    pairs.append((OVERALL, "t1", f"t{funnel.number}"))
    beyond = people.filter(people.level >= 2)
    found = []
    for step, before, after in pairs:
        mine = beyond.filter(beyond[after].notnull())
        seconds = mine[after].delta(mine[before], unit="microsecond").cast("float64") / 1e6
        found.append(mine.select("value", step=ibis.literal(step, "int64"), seconds=seconds))
    return ibis.union(*found)


def _quantiles(times: ir.Table, groups: list[str]) -> list[tuple[str, ir.Table]]:
    """Return the shares' seconds in each group, between two people where they fall between them."""
    placed = times.mutate(
        rank=ibis.row_number().over(group_by=groups, order_by=times.seconds).cast("float64"),
        people=times.count().over(group_by=groups).cast("float64"),
    )
    near = {}
    for part, share in SHARES.items():
        apart = (placed["rank"] - (placed.people - 1) * share).abs()
        near[part] = ibis.ifelse(apart < 1, placed.seconds * (1 - apart), 0.0).sum()
    found = placed.group_by(groups).agg(**near)
    return [(part, found.mutate(number=found[part])) for part in SHARES]


def _bars(times: ir.Table) -> ir.Table:
    bar: ir.IntegerValue = ibis.literal(0, "int64")
    for place, least in enumerate(BARS_S[1:], start=1):
        bar = ibis.ifelse(times.seconds >= float(least), place, bar)
    return times.group_by("step", place=bar).agg(number=times.count())


def _shaped(part: str, rows: ir.Table) -> ir.Table:
    """Bring rows into the columns of the answer; those they lack are null or 0."""
    has = rows.columns
    return rows.select(
        part=ibis.literal(part),
        value=rows.value if "value" in has else ibis.null("string"),
        bucket=rows.bucket if "bucket" in has else ibis.null("timestamp"),
        step=(rows.step if "step" in has else ibis.literal(0)).cast("int64"),
        place=(rows.place if "place" in has else ibis.literal(0)).cast("int64"),
        number=rows.number.cast("float64"),
    )
