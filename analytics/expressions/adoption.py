"""Adoption: of the people who could use a feature, who does, how soon, how often, and again. Plain Python and Ibis."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import (
    Filter,
    Property,
    Step,
    broken_down,
    chosen,
    label_of,
    matches,
    names_of,
    needs_traits,
    quantile,
)
from analytics.expressions.calendar import Calendar
from events.engine.tables import Tables

# The place of the rows of an answer that count who could: no feature.
ELIGIBLE = -1
WEEK_US = 7 * 86_400_000_000
AGAIN_FROM, AGAIN_UNTIL = timedelta(days=7), timedelta(days=14)
SHARES = (0.5, 0.75, 0.9)


@dataclass(frozen=True)
class Adoption:
    """What is asked: the features, and who could use them.

    People are eligible from their first event of `eligible` in [since, until); with `fresh` only those whose first
    such event ever lies there. They adopt a feature by using it `times` times from then on, within `within` or, if
    None, before `until`. What is not over at `now` is open.
    """

    features: tuple[Step, ...]
    eligible: Step
    calendar: Calendar
    since: datetime
    until: datetime
    now: datetime
    within: timedelta | None = None
    times: int = 1
    fresh: bool = False
    by: Property | None = None
    top: int = 10

    @property
    def names(self) -> list[str] | None:
        """Return the names of the events that count, None when any may."""
        return names_of([*self.features, self.eligible])


def adoption(tables: Tables, asked: Adoption, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Count, by value of the breakdown and by the cycle in which people became eligible, those who adopted.

    Columns: `place` (of the feature), `value` ("" without a breakdown), `cycle`, and whole numbers: `people` who
    adopted, `open` (those of them whose time is not over), `uses` by them in their time from adopting on, in `weeks`
    (begun ones, up to the end of their time or `now`), `ripe` (adopted two weeks ago or longer), and `again` (those of
    them who used it once more in the second week). At place ELIGIBLE `people` are all who could, `open` those whose
    time is not over; the rest is 0.
    """
    rows = _rows(tables, asked, where, cohort=cohort)
    eligible = _eligible(rows, asked)
    adopters = _adopters(rows, eligible, asked)
    could = eligible.mutate(open=(eligible.ends > _moment(asked.now)).cast("int64"))
    nothing = ibis.literal(0, "int64")
    everybody = could.group_by("value", "cycle").agg(people=could.count(), open=could.open.sum())
    who = adopters.group_by("place", "value", "cycle").agg(
        people=adopters.count(),
        open=(adopters.ends > _moment(asked.now)).cast("int64").sum(),
        uses=adopters.uses.sum(),
        weeks=adopters.weeks.sum(),
        ripe=adopters.ripe.cast("int64").sum(),
        again=(adopters.ripe & adopters.again).cast("int64").sum(),
    )
    return ibis.union(
        _shaped(everybody.mutate(place=nothing + ELIGIBLE, uses=nothing, weeks=nothing, ripe=nothing, again=nothing)),
        _shaped(who),
    )


def _shaped(rows: ir.Table) -> ir.Table:
    numbers = ("place", "cycle", "people", "open", "uses", "weeks", "ripe", "again")
    return rows.select("value", **{name: rows[name].cast("int64") for name in numbers})


def times_to_adopt(tables: Tables, asked: Adoption, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Return how long adopting took from becoming eligible: `feature`, `share` (0.5, 0.75, 0.9) and `seconds`."""
    rows = _rows(tables, asked, where, cohort=cohort)
    adopters = _adopters(rows, _eligible(rows, asked), asked)
    took = adopters.select(feature=adopters.place, seconds=adopters.took_us.cast("float64") / 1_000_000)
    found = [quantile(took, ["feature"], "seconds", share).mutate(share=ibis.literal(share)) for share in SHARES]
    return ibis.union(*(one.select("feature", "share", seconds=one.number) for one in found))


def behind(
    tables: Tables,
    asked: Adoption,
    *,
    place: int,
    state: str,
    cycle: int | None = None,
    value: str | None = None,
    where: Sequence[Filter] = (),
    cohort: bool = False,
) -> ir.Table:
    """Return the people who are "eligible", who "adopted" a feature or did "not" or are still "open", or who used it
    "again".
    """
    rows = _rows(tables, asked, where, cohort=cohort)
    eligible = _eligible(rows, asked)
    people = eligible if cycle is None else eligible.filter(eligible.cycle == cycle)
    people = people if value is None else people.filter(people.value == value)
    if state == "eligible":
        return people.select("person")
    adopters = _adopters(rows, eligible, asked)
    adopters = adopters.filter(adopters.place == place)
    if state == "again":
        adopters = adopters.filter(adopters.ripe & adopters.again)
    if state in {"adopted", "again"}:
        return people.semi_join(adopters, "person").select("person")
    left = people.anti_join(adopters, "person")
    over = left.ends <= _moment(asked.now)
    return left.filter(over if state == "not" else ~over).select("person")


def _rows(tables: Tables, asked: Adoption, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    steps = [*asked.features, asked.eligible]
    conditions = [*where, *(condition for step in steps for condition in step.where)]
    return chosen(tables, where, cohort=cohort, traits=needs_traits(conditions, asked.by))


def _eligible(rows: ir.Table, asked: Adoption) -> ir.Table:
    """Return who could use the features: person, `at`, `ends` (the end of their time), cycle and value."""
    could = rows.filter(matches(rows, asked.eligible))
    if not asked.fresh:
        could = could.filter((could.ts >= _moment(asked.since)) & (could.ts < _moment(asked.until)))
    if asked.by:
        could = could.select("person", "ts", "id", value=label_of(could, asked.by))
        order = ibis.row_number().over(group_by="person", order_by=[could.ts, could.id])
        could = could.mutate(order=order)
        people = could.filter(could.order == 0).select("person", "value", at="ts")
    else:
        people = could.group_by("person").agg(at=could.ts.min()).mutate(value=ibis.literal(""))
    people = people.filter((people["at"] >= _moment(asked.since)) & (people["at"] < _moment(asked.until)))
    if asked.by:
        people = broken_down(people, "value", asked.top)
    until = _moment(asked.until)
    ends = people["at"] + ibis.interval(seconds=int(asked.within.total_seconds())) if asked.within else until
    return people.select("person", "value", "at", ends=ends, cycle=asked.calendar.number(people["at"]))


def _adopters(rows: ir.Table, eligible: ir.Table, asked: Adoption) -> ir.Table:
    """Return who adopted which feature: person, place, value, cycle, ends, uses, weeks, took_us, ripe, again."""
    found = [
        rows.filter(matches(rows, feature)).select("person", "ts", "id", place=ibis.literal(place, "int64"))
        for place, feature in enumerate(asked.features)
    ]
    uses = ibis.union(*found) if len(found) > 1 else found[0]
    used = uses.join(eligible, "person")
    used = used.filter(used.ts >= used["at"])
    adopting = used.ts < used.ends
    if asked.times > 1:
        order = ibis.row_number().over(group_by=["person", "place"], order_by=[used.ts, used.id])
        used = used.mutate(order=order)
        adopting = (used.ts < used.ends) & (used.order == asked.times - 1)
    moment = ibis.ifelse(adopting, used.ts, ibis.null("timestamp(6)"))
    used = used.mutate(moment=moment)
    used = used.mutate(adopted=used.moment.min().over(group_by=["person", "place"]))
    used = used.filter(used.adopted.notnull() & (used.ts >= used.adopted))
    again = (used.ts >= used.adopted + _span(AGAIN_FROM)) & (used.ts < used.adopted + _span(AGAIN_UNTIL))
    used = used.mutate(inside=(used.ts < used.ends).cast("int64"), again=again.cast("int64"))
    people = used.group_by("person", "place", "value", "cycle", "at", "ends", "adopted").agg(
        uses=used.inside.sum(), again=used.again.max()
    )
    now = _moment(asked.now)
    observed = ibis.least(people.ends, now)
    weeks = (observed.delta(people.adopted, unit="microsecond").cast("int64") // WEEK_US + 1).cast("int64")
    return people.select(
        "person",
        "place",
        "value",
        "cycle",
        "ends",
        "uses",
        weeks=ibis.greatest(weeks, 1),
        took_us=people.adopted.delta(people["at"], unit="microsecond").cast("int64"),
        ripe=people.adopted + _span(AGAIN_UNTIL) <= now,
        again=people.again == 1,
    )


def _span(length: timedelta) -> ir.IntervalScalar:
    return ibis.interval(seconds=int(length.total_seconds()))


def _moment(at: datetime) -> ir.TimestampScalar:
    return ibis.timestamp(at.astimezone(UTC).replace(tzinfo=None))
