"""The questions of the benchmark and of the test of all engines: the product's own expressions over a made-up year."""

from collections.abc import Callable
from typing import NamedTuple

import ibis
import ibis.expr.types as ir

from bench.dataset import STEPS
from events.engine.tables import Tables

_ = ibis._


class Asked(NamedTuple):
    """A question, the names it needs of the stream, and what is promised at ten million events on two cores."""

    name: str
    build: Callable[[Tables], ir.Table]
    names: tuple[str, ...] | None = None
    target_s: float | None = None
    in_postgres: bool = False


def funnel(tables: Tables) -> ir.Table:
    e, span = tables.events, ibis.interval(days=7)
    window = ibis.cumulative_window(group_by="person", order_by=["ts", "id"])
    s1, s2, s3, s4 = STEPS
    e = e.mutate(a1=ibis.cases((_.event == s1, _.ts)).max().over(window))
    e = e.mutate(a2=ibis.cases(((_.event == s2) & (_.ts <= _.a1 + span), _.a1)).max().over(window))
    e = e.mutate(a3=ibis.cases(((_.event == s3) & (_.ts <= _.a2 + span), _.a2)).max().over(window))
    level = ibis.cases(
        ((_.event == s4) & (_.ts <= _.a3 + span), 4),
        (_.a3.notnull(), 3),
        (_.a2.notnull(), 2),
        (_.a1.notnull(), 1),
        else_=0,
    )
    levels = e.mutate(level=level).group_by("person").agg(level=_.level.max())
    return levels.group_by("level").agg(people=_.count()).order_by("level")


def cohorts(tables: Tables) -> ir.Table:
    e = tables.events
    active = e.select("person", month=e.ts.truncate("M")).distinct()
    first = active.group_by("person").agg(cohort=_.month.min())
    both = active.join(first, "person")
    return both.group_by("cohort", "month").agg(people=_.count()).order_by("cohort", "month")


QUESTIONS = [
    Asked("any-entry funnel of four steps", funnel, STEPS, 0.4, in_postgres=True),
    Asked("12-month cohort triangle", cohorts, None, 0.8, in_postgres=True),
]
