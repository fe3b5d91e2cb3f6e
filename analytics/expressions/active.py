"""Active people: by day and in the days before it, by how many days, by month. Plain Python and Ibis."""

from collections.abc import Iterable, Sequence
from itertools import accumulate

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import Filter, Property, Step, broken_down, chosen, label_of, matches, needs_traits
from analytics.expressions.calendar import Calendar, cycle_of, first_day_of
from events.engine.tables import Tables

# Days of the windows that end with a day: daily, weekly and monthly active people.
WINDOWS = (1, 7, 30)
# What a row of `stickiness` counts: the people of a day, of a month, those active on so many days, all of them.
OF_DAY, OF_MONTH, OF_DAYS, OF_ALL = 0, 1, 2, 3
NEVER = 2**31


def active(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    *,
    windows: Sequence[int] = WINDOWS,
    where: Sequence[Filter] = (),
    by: Property | None = None,
    top: int = 10,
    cohort: bool = False,
) -> ir.Table:
    """Return how many people are active on each day, and how many cease to be in each longer window on it.

    Columns: `value` (of the breakdown; "" without), `days`, `day` (its number) and `people`. With days = 1 they are
    those active on the day; with days = n those whose last day before lies n days back, so that they fall out of the
    window, or who are active again, so that they are not counted twice. `trailing` adds it up. So each day of a
    person adds one and takes one away, and nobody is joined with all days of a window.
    """
    rows = _rows(tables, step, calendar, where=where, by=by, top=top, cohort=cohort)
    # Without a breakdown no engine need carry its empty value through the sorting of all events.
    values = ["value"] if by else []
    following = rows.day.lead(1).over(group_by=[*values, "person"], order_by=rows.day)
    moved = rows.select(*values, "day", following=following)
    # Few rows from here on: a day and how long until the next event. The last event of a day is the one before a gap.
    gaps = moved.group_by(*values, "day", gap=ibis.least(moved.following - moved.day, max(windows)))
    counted = gaps.agg(people=moved.count())
    counted = counted.mutate(gap=counted.gap.fill_null(max(windows)))
    counted = counted.filter(counted.gap > 0)
    counted = counted if by else counted.mutate(value=ibis.literal(""))
    ends = [counted.day + ibis.least(counted.gap, window) for window in windows if window > 1]
    found = [_counted(counted, counted.day, 1)]
    found += [
        _counted(counted, end, window) for end, window in zip(ends, [one for one in windows if one > 1], strict=True)
    ]
    return ibis.union(*found) if len(found) > 1 else found[0]


def _counted(days: ir.Table, at: ir.IntegerValue, window: int) -> ir.Table:
    moved = days.select("value", "people", at=at)
    counted = moved.group_by("value", "at").agg(people=moved.people.sum())
    return counted.select(
        "value",
        days=ibis.literal(window, "int64"),
        day=counted["at"].cast("int64"),
        people=counted.people.cast("int64"),
    )


def trailing(rows: Iterable[tuple[int, int, int]], window: int, first: int, last: int) -> list[int]:
    """Return the people active in the window that ends with each day from `first` to `last`.

    `rows` are days, day and people of one value, as `active` gives them, of all days from `window` - 1 before `first`.
    """
    active_on: dict[int, int] = {}
    leaving: dict[int, int] = {}
    for days, day, people in rows:
        into = active_on if days == 1 else leaving if days == window else None
        if into is not None:
            into[day] = into.get(day, 0) + people
    if window == 1:
        return [active_on.get(day, 0) for day in range(first, last + 1)]
    begin = min([first, *active_on])
    changes = [active_on.get(day, 0) - leaving.get(day, 0) for day in range(begin, last + 1)]
    return list(accumulate(changes))[first - begin :]


def _rows(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    *,
    where: Sequence[Filter] = (),
    by: Property | None = None,
    top: int = 10,
    cohort: bool = False,
) -> ir.Table:
    """Return the day of each event: value, person, day."""
    rows = chosen(tables, where, cohort=cohort, traits=needs_traits([*where, *step.where], by))
    rows = rows.filter(matches(rows, step))
    value = label_of(rows, by) if by else ibis.literal("")
    days = rows.select("person", day=calendar.number(rows.ts), value=value)
    return broken_down(days, "value", top) if by else days


def stickiness(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    first: int,
    last: int,
    *,
    where: Sequence[Filter] = (),
    cohort: bool = False,
) -> ir.Table:
    """Count the people of each day from `first` to `last`, of each calendar month in it, those active on so many days.

    Columns: `what` (OF_DAY, OF_MONTH, OF_DAYS or OF_ALL), `number` (of the day or month, how many days, or 0) and
    `people`.
    """
    rows = _rows(tables, step, calendar, where=where, cohort=cohort)
    rows = rows.filter(rows.day.between(first, last))
    following = rows.day.lead(1).over(group_by="person", order_by=rows.day).fill_null(NEVER)
    moved = rows.select("person", "day", following=following)
    # The last event of a day, and of a month, stands for the person there.
    days = moved.filter(moved.following > moved.day)
    month, until = (_month_of(day, first, last) for day in (days.day, ibis.least(days.following, last)))
    days = days.mutate(month=month, ends=(days.following > last) | (until > month))
    people = days.group_by("person").agg(days=days.count())
    often = people.group_by("days").agg(people=people.count())
    daily = days.group_by("day", "month").agg(people=days.count(), ending=days.ends.cast("int64").sum())
    monthly = daily.group_by("month").agg(people=daily.ending.sum())
    return ibis.union(
        _shaped(daily, daily.day, OF_DAY),
        _shaped(monthly, monthly.month, OF_MONTH),
        _shaped(often, often.days, OF_DAYS),
        _shaped(often.agg(people=often.people.sum().fill_null(0)), ibis.literal(0), OF_ALL),
    )


def _shaped(rows: ir.Table, number: ir.IntegerValue, what: int) -> ir.Table:
    return rows.select(what=ibis.literal(what, "int64"), number=number.cast("int64"), people=rows.people.cast("int64"))


def _month_of(day: ir.IntegerValue, first: int, last: int) -> ir.IntegerValue:
    """Return the number of the month that a day lies in: days are numbers here, and months few."""
    from_month = cycle_of(first_day_of(first, "day"), "month")
    to_month = cycle_of(first_day_of(last, "day"), "month")
    ends = [(cycle_of(first_day_of(month + 1, "month"), "day"), month) for month in range(from_month, to_month)]
    return ibis.cases(*((day < end, month) for end, month in ends), else_=to_month) if ends else ibis.literal(to_month)


def on_days(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    first: int,
    last: int,
    *,
    least: int = 1,
    most: int | None = None,
    value: str | None = None,
    where: Sequence[Filter] = (),
    by: Property | None = None,
    top: int = 10,
    cohort: bool = False,
) -> ir.Table:
    """Return the people active on `least` to `most` of the days from `first` to `last`."""
    days = _rows(tables, step, calendar, where=where, by=by, top=top, cohort=cohort)
    if value is not None:
        days = days.filter(days.value == value)
    days = days.filter(days.day.between(first, last)).select("person", "day").distinct()
    often = days.group_by("person").agg(days=days.count())
    often = often.filter(often.days >= least)
    return (often if most is None else often.filter(often.days <= most)).select("person")
