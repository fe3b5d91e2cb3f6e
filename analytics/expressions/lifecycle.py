"""Lifecycle: who is new, returning, resurrected or dormant in each period. Plain Python and Ibis."""

from collections.abc import Sequence

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import Filter, Step, chosen, matches, needs_traits
from analytics.expressions.calendar import Calendar
from events.engine.tables import Tables

NEW, RETURNING, RESURRECTED, DORMANT = 0, 1, 2, 3
STATES = ("new", "returning", "resurrected", "dormant")
# A day, week or month after all that occur.
NEVER = 2**31


def lifecycle(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    first: int,
    last: int,
    *,
    where: Sequence[Filter] = (),
    cohort: bool = False,
) -> ir.Table:
    """Count people by what they are in each cycle from `first` to `last`.

    New: active for the first time ever. Returning: active in the cycle before as well. Resurrected: active before, but
    not in the cycle before. Dormant: not active, but in the cycle before. So those active are new, returning and
    resurrected, and those active in the cycle before are returning and dormant. `tables` must hold all events ever.
    Columns: `cycle`, `state` and `people`.
    """
    rows = _rows(tables, step, calendar, where=where, cohort=cohort)
    following = rows.cycle.lead(1).over(group_by="person", order_by=rows.cycle).fill_null(NEVER)
    moved = rows.select("person", "cycle", following=following)
    # Few rows from here on: how many people are active in a cycle, and next in another one.
    moved = moved.filter(moved.following > moved.cycle)
    pairs = moved.group_by("cycle", "following").agg(people=moved.count())
    again = pairs.filter(pairs.following < NEVER)
    gone = pairs.filter(pairs.following > pairs.cycle + 1)
    back = again.select(
        cycle=again.following,
        state=ibis.ifelse(again.following == again.cycle + 1, RETURNING, RESURRECTED).cast("int64"),
        people=again.people,
    )
    states = ibis.union(
        back,
        gone.select(cycle=gone.cycle + 1, state=ibis.literal(DORMANT, "int64"), people=gone.people),
        # Who is active, and did not come back, is new.
        pairs.select("cycle", state=ibis.literal(NEW, "int64"), people=pairs.people),
        back.select("cycle", state=ibis.literal(NEW, "int64"), people=-back.people),
    )
    counted = states.group_by("cycle", "state").agg(people=states.people.sum().cast("int64"))
    return counted.filter(counted.cycle.between(first, last) & (counted.people > 0))


def behind(
    tables: Tables,
    step: Step,
    calendar: Calendar,
    cycle: int,
    state: int | None,
    *,
    where: Sequence[Filter] = (),
    cohort: bool = False,
) -> ir.Table:
    """Return the people of a state in a cycle; of all three that are active without a state."""
    states = _states(tables, step, calendar, where=where, cohort=cohort)
    wanted = states.state != DORMANT if state is None else states.state == state
    return states.filter((states.cycle == cycle) & wanted).select("person").distinct()


def _rows(tables: Tables, step: Step, calendar: Calendar, *, where: Sequence[Filter], cohort: bool) -> ir.Table:
    rows = chosen(tables, where, cohort=cohort, traits=needs_traits([*where, *step.where]))
    rows = rows.filter(matches(rows, step))
    return rows.select("person", cycle=calendar.number(rows.ts))


def _states(tables: Tables, step: Step, calendar: Calendar, *, where: Sequence[Filter], cohort: bool) -> ir.Table:
    """Return the state of each person in each cycle in which they have one: person, cycle, state."""
    active = _rows(tables, step, calendar, where=where, cohort=cohort).distinct()
    window = ibis.window(group_by="person", order_by=active.cycle)
    seen = active.mutate(before=active.cycle.lag(1).over(window), after=active.cycle.lead(1).over(window))
    state = ibis.cases((seen.before.isnull(), NEW), (seen.before == seen.cycle - 1, RETURNING), else_=RESURRECTED)
    gone = seen.filter(seen.after.fill_null(NEVER) > seen.cycle + 1)
    return seen.select("person", "cycle", state=state.cast("int64")).union(
        gone.select("person", cycle=gone.cycle + 1, state=ibis.literal(DORMANT, "int64"))
    )
