"""Who comes back: people by the time of their start, and when after it they return. Plain Python and Ibis."""

from collections.abc import Sequence
from dataclasses import dataclass

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
    needs_traits,
    number_of,
)
from analytics.expressions.calendar import Calendar
from events.engine.tables import Tables

# The row of a cohort that says how many people it has.
SIZE = -1
# A week and a month of the clock of 24-hour windows, in days.
DAYS = {"day": 1, "week": 7, "month": 30}
DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Retention:
    """What is asked: who starts, who comes back, and how periods are counted.

    Cohorts are the numbered periods `first` to `last` of the calendar. With `once` a person is of one cohort only, by
    the first start ever; else of each in which they start. On the clock "calendar" cell 3 is the third period after
    that of the start; on "window" it is the fourth stretch of 24 hours (times 7 or 30) from the moment of the start.
    `brackets` are cells put together, both ends included.
    """

    start: Step
    comeback: Step
    calendar: Calendar
    first: int
    last: int
    columns: int
    once: bool = True
    mode: str = "classic"
    clock: str = "calendar"
    times: int = 1
    of: Property | None = None
    brackets: tuple[tuple[int, int], ...] = ()
    by: Property | None = None
    top: int = 10

    @property
    def same(self) -> bool:
        """Say whether starting again is coming back: then nothing need be looked up twice."""
        return self.start == self.comeback

    @property
    def spans(self) -> Sequence[tuple[int, int]]:
        """Return the first and the last period of each cell."""
        return self.brackets or [(place, place) for place in range(self.columns + 1)]


def retention(tables: Tables, asked: Retention, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Count the people of each cohort, and those of them who came back, by cell.

    Columns: `value` (of the breakdown; "" without), `cohort` and `cell` (numbers), `people`, and `amount`, the sum of
    the property `of` over what they did there. Cell SIZE holds the size of the cohort. Nobody in a cell: no row.
    Unbounded, each person counts once, in the last cell that they came back in (at most `columns`): those who came
    back in cell n or later are the sum from n on. Of brackets the cell is the bracket's place.
    """
    rows, entries = _entered(tables, asked, where, cohort=cohort)
    hits = _hits(rows, entries, asked)
    sizes = entries.group_by("value", "cohort").agg(people=entries.count())
    found = [_shaped(sizes.mutate(cell=ibis.literal(SIZE, "int64"), amount=ibis.literal(0.0)))]
    if asked.mode == "unbounded":
        last = hits.group_by("value", "person", "cohort").agg(cell=hits.cell.max())
        last = last.mutate(cell=ibis.least(last.cell, asked.columns))
        found.append(_counted(last.mutate(times=ibis.literal(1), amount=ibis.literal(0.0))))
        if asked.of:
            within = hits.mutate(cell=ibis.least(hits.cell, asked.columns))
            found.append(_counted(within).mutate(people=ibis.literal(0, "int64")))
    else:
        found.append(_counted(hits))
    return ibis.union(*found)


def behind(
    tables: Tables,
    asked: Retention,
    *,
    cohorts: tuple[int, int] | None = None,
    value: str | None = None,
    cell: int | None = None,
    away: bool = False,
    where: Sequence[Filter] = (),
    cohort: bool = False,
) -> ir.Table:
    """Return the people of the cohorts from one to another (all without), or of those the ones who came back in a
    cell, or with `away` the ones who did not.
    """
    rows, entries = _entered(tables, asked, where, cohort=cohort)
    hits = _hits(rows, entries, asked)
    people, back = (_of_group(one, cohorts, value) for one in (entries, hits))
    if cell is None:
        return people.select("person").distinct()
    back = back.filter(back.cell >= cell if asked.mode == "unbounded" else back.cell == cell)
    # Somebody may be of several cohorts, and have come back in one of them only.
    kept = people.anti_join(back, ["person", "cohort"]) if away else people.semi_join(back, ["person", "cohort"])
    return kept.select("person").distinct()


def _of_group(rows: ir.Table, cohorts: tuple[int, int] | None, value: str | None) -> ir.Table:
    if cohorts is not None:
        rows = rows.filter(rows.cohort.between(*cohorts))
    return rows if value is None else rows.filter(rows.value == value)


def _entered(tables: Tables, asked: Retention, where: Sequence[Filter], *, cohort: bool) -> tuple[ir.Table, ir.Table]:
    """Return the events that may count, and who is of which cohort: person, cohort, value, and `at`, their start."""
    conditions = [*where, *asked.start.where, *asked.comeback.where]
    traits = needs_traits(conditions, asked.by, asked.of)
    rows = chosen(tables, where, cohort=cohort, traits=traits)
    starts = rows.filter(matches(rows, asked.start))
    number = asked.calendar.number
    if asked.by:
        starts = starts.select("person", "ts", "id", cohort=number(starts.ts), value=label_of(starts, asked.by))
        if not asked.once:
            starts = starts.filter(starts.cohort.between(asked.first, asked.last))
        groups = ["person"] if asked.once else ["person", "cohort"]
        order = ibis.row_number().over(group_by=groups, order_by=[starts.ts, starts.id])
        firsts = starts.mutate(order=order)
        entries = firsts.filter(firsts.order == 0).select("person", "cohort", "value", at="ts")
    elif asked.once:
        entries = starts.group_by("person").agg(at=starts.ts.min())
        entries = entries.select("person", "at", cohort=number(entries.at), value=ibis.literal(""))
    else:
        starts = starts.select("person", "ts", cohort=number(starts.ts))
        starts = starts.filter(starts.cohort.between(asked.first, asked.last))
        entries = starts.group_by("person", "cohort").agg(at=starts.ts.min()).mutate(value=ibis.literal(""))
    entries = entries.filter(entries.cohort.between(asked.first, asked.last))
    return rows, broken_down(entries, "value", asked.top) if asked.by else entries


def _hits(rows: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    """Return in which cells of their cohort people came back often enough: value, person, cohort, cell, amount."""
    backs = rows.filter(matches(rows, asked.comeback))
    amount = number_of(backs, asked.of).fill_null(0.0) if asked.of else ibis.literal(0.0)
    backs = backs.select("person", "ts", amount=amount)
    cells = _by_window(backs, entries, asked) if asked.clock == "window" else _by_calendar(backs, entries, asked)
    if asked.mode == "bracket":
        place = ibis.cases(*((cells.cell.between(*ends), place) for place, ends in enumerate(asked.brackets)))
        placed = cells.mutate(cell=place.cast("int64"))
        placed = placed.filter(placed.cell.notnull())
        cells = placed.group_by("value", "person", "cohort", "cell").agg(
            times=placed.times.sum(), amount=placed.amount.sum()
        )
    elif asked.mode == "classic":
        cells = cells.filter(cells.cell <= asked.columns)
    return cells.filter(cells.times >= asked.times) if asked.times > 1 else cells


def _by_calendar(backs: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    """Count by period of the calendar, per person first: there are far fewer of those than events."""
    backs = backs.mutate(bucket=asked.calendar.number(backs.ts))
    summed = backs.group_by("person", "bucket").agg(times=backs.count(), amount=backs.amount.sum())
    joined = summed.join(entries, "person")
    later = joined.filter(joined.bucket >= joined.cohort if asked.same else joined.bucket > joined.cohort)
    cells = later.select("value", "person", "cohort", "times", "amount", cell=later.bucket - later.cohort)
    if asked.same:
        return cells
    # In the period of the start itself only what came after it is coming back.
    first = backs.join(entries, [backs.person == entries.person, backs.bucket == entries.cohort])
    first = first.filter(first.ts >= first.at)
    started = first.group_by("value", "person", "cohort").agg(times=first.count(), amount=first.amount.sum())
    started = started.select("value", "person", "cohort", "times", "amount", cell=ibis.literal(0, "int64"))
    return cells.union(started)


def _by_window(backs: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    joined = backs.join(entries, "person")
    joined = joined.filter(joined.ts >= joined.at)
    past = joined.ts.delta(joined.at, unit="microsecond").cast("int64")
    joined = joined.mutate(cell=(past // (DAYS[asked.calendar.unit] * DAY_US)).cast("int64"))
    return joined.group_by("value", "person", "cohort", "cell").agg(times=joined.count(), amount=joined.amount.sum())


def _counted(hits: ir.Table) -> ir.Table:
    return _shaped(hits.group_by("value", "cohort", "cell").agg(people=hits.count(), amount=hits.amount.sum()))


def _shaped(rows: ir.Table) -> ir.Table:
    return rows.select(
        "value",
        cohort=rows.cohort.cast("int64"),
        cell=rows.cell.cast("int64"),
        people=rows.people.cast("int64"),
        amount=rows.amount.cast("float64"),
    )
