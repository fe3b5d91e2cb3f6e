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
KEYS = ("value", "person", "cohort", "cell")
# All powers of two up to here are exact in every engine, even where they come as floating numbers.
BITS = 52


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
    rows = _rows(tables, asked, where, cohort=cohort)
    if _masked(asked):
        return _by_mask(rows, asked)
    entries = _entries(rows, asked)
    hits = _hits(rows, entries, asked)
    found = [_sizes(entries)]
    if asked.mode == "unbounded":
        last = hits.group_by("value", "person", "cohort").agg(cell=hits.cell.max())
        found.append(_counted(last.mutate(cell=ibis.least(last.cell, asked.columns))))
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
    rows = _rows(tables, asked, where, cohort=cohort)
    entries = _entries(rows, asked)
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


def _rows(tables: Tables, asked: Retention, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    """Return the events that may count."""
    conditions = [*where, *asked.start.where, *asked.comeback.where]
    return chosen(tables, where, cohort=cohort, traits=needs_traits(conditions, asked.by, asked.of))


def _entries(rows: ir.Table, asked: Retention) -> ir.Table:
    """Return who is of which cohort: person, cohort, value, and `at`, their start."""
    starts = rows.filter(matches(rows, asked.start))
    number = asked.calendar.number
    keys = ["person"] if asked.once else ["person", "cohort"]
    if asked.by:
        starts = starts.select("person", "ts", "id", cohort=number(starts.ts), value=label_of(starts, asked.by))
        order = ibis.row_number().over(group_by=keys, order_by=[starts.ts, starts.id])
        firsts = starts.mutate(order=order)
        entries = firsts.filter(firsts.order == 0).select("person", "cohort", "value", at="ts")
    elif asked.once:
        entries = starts.group_by("person").agg(at=starts.ts.min())
        entries = entries.select("person", "at", cohort=number(entries.at), value=ibis.literal(""))
    else:
        starts = starts.select("person", "ts", cohort=number(starts.ts))
        entries = starts.group_by(keys).agg(at=starts.ts.min()).mutate(value=ibis.literal(""))
    entries = entries.filter(entries.cohort.between(asked.first, asked.last))
    return broken_down(entries, "value", asked.top) if asked.by else entries


def _hits(rows: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    """Return in which cells of their cohort people came back often enough: value, person, cohort, cell.

    With `amount` where a property is summed up.
    """
    backs = rows.filter(matches(rows, asked.comeback))
    amount = {"amount": number_of(backs, asked.of).fill_null(0.0)} if asked.of else {}
    backs = backs.select("person", "ts", **amount)
    cells = _by_window(backs, entries, asked) if asked.clock == "window" else _by_calendar(backs, entries, asked)
    if asked.mode == "bracket":
        place = ibis.cases(*((cells.cell.between(*ends), place) for place, ends in enumerate(asked.brackets)))
        placed = cells.mutate(cell=place.cast("int64"))
        cells = _summed(placed.filter(placed.cell.notnull()), KEYS, asked)
    elif asked.mode == "classic":
        cells = cells.filter(cells.cell <= asked.columns)
    return cells.filter(cells.times >= asked.times) if asked.times > 1 else cells


def _summed(rows: ir.Table, keys: Sequence[str], asked: Retention) -> ir.Table:
    """Put rows of the same keys together: how many they are where that matters, what they add up to."""
    sums: dict[str, ir.Value] = {}
    if asked.times > 1:
        sums["times"] = rows.times.sum() if "times" in rows.columns else rows.count()
    if asked.of:
        sums["amount"] = rows.amount.sum()
    return rows.group_by(keys).agg(**sums) if sums else rows.select(keys).distinct()


def _by_calendar(backs: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    """Count by period of the calendar, per person first: there are far fewer of those than events."""
    backs = backs.mutate(bucket=asked.calendar.number(backs.ts))
    joined = _summed(backs, ["person", "bucket"], asked).join(entries, "person")
    later = joined.filter(joined.bucket >= joined.cohort if asked.same else joined.bucket > joined.cohort)
    columns = [name for name in later.columns if name not in {"bucket", "at"}]
    cells = later.select(*columns, cell=later.bucket - later.cohort)
    return cells if asked.same else cells.union(_in_the_first(backs, entries, asked).select(*cells.columns))


def _in_the_first(backs: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    """Return who came back in the period of the start itself: only what happened after it counts."""
    first = backs.join(entries, [backs.person == entries.person, backs.bucket == entries.cohort])
    first = first.filter(first.ts >= first.at).mutate(cell=ibis.literal(0, "int64"))
    return _summed(first, KEYS, asked)


def _by_window(backs: ir.Table, entries: ir.Table, asked: Retention) -> ir.Table:
    joined = backs.join(entries, "person")
    joined = joined.filter(joined.ts >= joined.at)
    past = joined.ts.delta(joined.at, unit="microsecond").cast("int64")
    joined = joined.mutate(cell=(past // (DAYS[asked.calendar.unit] * DAY_US)).cast("int64"))
    return _summed(joined, KEYS, asked)


def _sizes(entries: ir.Table) -> ir.Table:
    return _counted(entries.mutate(cell=ibis.literal(SIZE, "int64")))


def _counted(hits: ir.Table) -> ir.Table:
    sums = {"amount": hits.amount.sum()} if "amount" in hits.columns else {}
    return _shaped(hits.group_by("value", "cohort", "cell").agg(people=hits.count(), **sums))


def _shaped(rows: ir.Table) -> ir.Table:
    amount = rows.amount if "amount" in rows.columns else ibis.literal(0.0)
    return rows.select(
        "value",
        cohort=rows.cohort.cast("int64"),
        cell=rows.cell.cast("int64"),
        people=rows.people.cast("int64"),
        amount=amount.cast("float64"),
    )


@ibis.udf.agg.builtin(name="bit_or")  # type: ignore[untyped-decorator]
def _all_bits(bits: int) -> int:  # type: ignore[empty-body]
    """Return the bits that any row has. All engines know it by this name."""


def _masked(asked: Retention) -> bool:
    """Say whether the periods in which somebody came back fit into the bits of one number."""
    plain = asked.clock == "calendar" and asked.times == 1 and not asked.of and not asked.by
    # Otherwise the cell of the start is found by itself, and only classic cells do not overlap with it.
    return plain and (asked.same or asked.mode == "classic") and asked.last - asked.first + asked.columns < BITS


def _by_mask(rows: ir.Table, asked: Retention) -> ir.Table:
    """Count with one number a person, whose bits are the periods in which they came back: the fastest by far."""
    backs = rows.filter(matches(rows, asked.comeback))
    backs = backs.select("person", "ts", bucket=asked.calendar.number(backs.ts))
    bits = _bit(backs.bucket, asked)
    if asked.same and asked.once:
        people = backs.group_by("person").agg(cohort=backs.bucket.min(), mask=_all_bits(bits))
        people = people.filter(people.cohort.between(asked.first, asked.last)).mutate(value=ibis.literal(""))
        entries = people
    else:
        entries = _entries(rows, asked)
        people = entries.inner_join(backs.group_by("person").agg(mask=_all_bits(bits)), "person")
    found = [_sizes(entries), _unmasked(people, asked)]
    if not asked.same:
        found.append(_counted(_in_the_first(backs, entries, asked)))
    return ibis.union(*found)


def _bit(bucket: ir.IntegerValue, asked: Retention) -> ir.IntegerValue:
    """Return the bit of a period: 1 of the first cohort's, 2 of the next; what is later than all counts as the last."""
    most = asked.last - asked.first + asked.columns
    place = bucket - asked.first
    counted = (place >= 0) if asked.mode == "unbounded" else place.between(0, most)
    power = ibis.literal(2.0).pow(ibis.greatest(0, ibis.least(place, most))).round().cast("int64")
    return ibis.ifelse(counted, power, ibis.literal(0, "int64")).cast("int64")


def _unmasked(people: ir.Table, asked: Retention) -> ir.Table:
    """Count people by cohort and cell from their bits."""
    people = people.mutate(own=_bit(people.cohort, asked))
    places = range(0 if asked.same else 1, len(asked.spans))
    held = {f"cell_{place}": _held(people, asked, place).cast("int64").sum() for place in places}
    wide = people.group_by("value", "cohort").agg(**held)
    cells = ibis.range(ibis.literal(places.start, "int64"), ibis.literal(places.stop, "int64")).unnest()
    crossed = wide.cross_join(cells.name("cell").as_table())
    number = ibis.cases(*((crossed.cell == place, crossed[f"cell_{place}"]) for place in places))
    counted = crossed.select("value", "cohort", "cell", people=number)
    return _shaped(counted.filter(counted.people > 0))


def _held(people: ir.Table, asked: Retention, place: int) -> ir.BooleanValue:
    """Say whose bits say that they came back in a cell: unbounded, that it is their last."""
    first, last = asked.spans[place]
    if asked.mode == "unbounded":
        later = people.mask >= people.own * 2**first
        return later if place == asked.columns else later & (people.mask < people.own * 2 ** (first + 1))
    wanted = sum(2**one for one in range(first, last + 1))
    return (people.mask & (people.own * wanted)) != 0
