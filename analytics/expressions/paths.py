"""What people do one after the other inside a session: paths from an event on, or up to one. Plain Python and Ibis."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import OTHER, Filter, Step, chosen, matches, needs_traits, passes
from events.engine.tables import Tables

# Names beyond the most frequent ones are OTHER in the answer, so that it has a bounded number of rows.
MOST_NAMES = 60
MOST_STEPS = 7


@dataclass(frozen=True)
class Walk:
    """Which paths are wanted.

    From the first event of a session, from the first time that `anchor` happens in one, or `backward` from there.
    `once`: of each person only the first path, else one of each session. A session ends where nothing follows for
    more than `gap_s`; an event that repeats the one before is not a step of its own.
    """

    steps: int
    gap_s: int
    anchor: Step | None = None
    backward: bool = False
    once: bool = False
    kind: str = "all"  # "all" | "pages" | "screens" | "actions": which events are steps
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """Paths that are at `event` in step `step` (0 is the first) and then go on to `after`: None anywhere, "" nowhere.

    `named` are the events of each step that have a name in the result; all others are OTHER.
    """

    step: int
    event: str
    after: str | None = None
    named: Sequence[Collection[str]] = ()


def paths(tables: Tables, walk: Walk, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Count the paths between each two steps.

    Columns: `step` (of `source`, from 0), `source`, `target` (null: the path ends there) and `number`. Backward the
    target is what happened before the source.
    """
    names = _names(tables, walk, where, cohort=cohort)
    walked = _walked(tables, walk, names, where, cohort=cohort)
    codes = [f"e{step}" for step in range(walk.steps)]
    beyond = ibis.literal(MOST_NAMES + 1, "int64")
    bounded = walked.select(**{code: ibis.ifelse(walked[code] > MOST_NAMES, beyond, walked[code]) for code in codes})
    whole = bounded.group_by(codes).agg(number=bounded.count())
    links = [
        whole.filter(whole[f"e{step}"].notnull())
        .group_by(first=whole[f"e{step}"], second=whole[f"e{step + 1}"])
        .agg(number=whole.number.sum())
        .mutate(step=ibis.literal(step, "int64"))
        .select("step", "first", "second", "number")
        for step in range(walk.steps - 1)
    ]
    joined = ibis.union(*links) if len(links) > 1 else links[0]
    sources = names.filter(names.code <= MOST_NAMES).select(first=names.code, source=names.event)
    targets = names.filter(names.code <= MOST_NAMES).select(second=names.code, target=names.event)
    found = joined.left_join(sources, "first").left_join(targets, "second")
    target = ibis.ifelse(found.second.isnull(), ibis.null("string"), found.target.fill_null(OTHER))
    return found.select("step", source=found.source.fill_null(OTHER), target=target, number=found.number)


def behind(tables: Tables, walk: Walk, place: Place, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Return the people whose paths go through a place."""
    names = _names(tables, walk, where, cohort=cohort)
    found = _at(_walked(tables, walk, names, where, cohort=cohort), names, place, place.step, place.event)
    if place.after == "":
        found = found.filter(found[f"e{place.step + 1}"].isnull())
    elif place.after is not None:
        found = _at(found, names, place, place.step + 1, place.after)
    return found.select("person").distinct()


def _at(walked: ir.Table, names: ir.Table, place: Place, step: int, event: str) -> ir.Table:
    column = f"e{step}"
    if event != OTHER:
        wanted = names.filter(names.event == event)
        return walked.semi_join(wanted.select(**{column: wanted.code}), column)
    named = names.filter(names.event.isin(list(place.named[step])) & (names.code <= MOST_NAMES))
    known = walked.filter(walked[column].notnull())
    return known.anti_join(named.select(**{column: named.code}), column)


def _kept(events: ir.Table, walk: Walk, where: Sequence[Filter]) -> ir.BooleanValue:
    """Say which events are steps of paths: of the wanted kind, not hidden, holding all filters."""
    kinds: dict[str, Any] = {
        "all": ibis.literal(True),
        "pages": events.type == "page",
        "screens": events.type == "screen",
        "actions": events.type == "track",
    }
    kept = [kinds[walk.kind], *(passes(events, one) for one in where)]
    if walk.hidden:
        kept.append(events.event.notin(list(walk.hidden)))
    return ibis.and_(*kept)


def _events(tables: Tables, walk: Walk, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    anchor = walk.anchor.where if walk.anchor else ()
    return chosen(tables, (), cohort=cohort, traits=needs_traits([*where, *anchor]))


def _names(tables: Tables, walk: Walk, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    """Return a number for each name, 1 for the most frequent: numbers are sorted and compared faster than texts."""
    events = _events(tables, walk, where, cohort=cohort)
    kept = events.filter(_kept(events, walk, where))
    counted = kept.group_by("event").agg(number=kept.count())
    order = [counted.number.desc(), counted.event]
    return counted.select("event", code=ibis.row_number().over(order_by=order) + 1)


def _walked(tables: Tables, walk: Walk, names: ir.Table, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    """Return one row a path: person and the codes e0, e1 … of its steps, null after its end."""
    acts = _acts(tables, walk, names, where, cohort=cohort)
    order = [acts.ts, acts.id]
    window = ibis.window(group_by=acts.person, order_by=order)
    ahead = [(acts.code.lag if walk.backward else acts.code.lead)(k).over(window) for k in range(1, walk.steps)]
    # Forward a step belongs to the path unless it, or one before it, begins a session. Backward the steps that begin
    # sessions are the last ones: what stands before them is another session.
    limits = range(walk.steps - 1) if walk.backward else range(1, walk.steps)
    fresh = {k: (acts.fresh.lag if walk.backward else acts.fresh.lead)(k).over(window) for k in limits}
    if walk.anchor is None:
        first = ibis.row_number().over(window) == 0 if walk.once else acts.fresh
    else:
        first = acts.anchored & _not_before(acts, walk, order)
    walked = acts.select(
        "person",
        first=first,
        e0=acts.code,
        **{f"code_{k}": one for k, one in enumerate(ahead, start=1)},
        **{f"fresh_{k}": one for k, one in fresh.items()},
    )
    walked = walked.filter(walked.first)
    steps = {}
    over = ibis.literal(False)
    for k, limit in enumerate(limits, start=1):
        over |= walked[f"fresh_{limit}"].fill_null(True)
        steps[f"e{k}"] = ibis.ifelse(over, ibis.null("int64"), walked[f"code_{k}"])
    return walked.select("person", "e0", **steps)


def _not_before(acts: ir.Table, walk: Walk, order: Sequence[ir.Value]) -> ir.BooleanValue:
    """Say which rows have no anchor before them in their session, or of their person where one path is wanted."""
    earlier = ibis.window(group_by=acts.person, order_by=order, preceding=(None, 1))
    before = ibis.ifelse(acts.anchored, acts.ts, ibis.null("timestamp")).max().over(earlier)
    if walk.once:
        return before.isnull()
    sofar = ibis.window(group_by=acts.person, order_by=order, preceding=None, following=0)
    begun = ibis.ifelse(acts.fresh, acts.ts, ibis.null("timestamp")).max().over(sofar)
    return before.isnull() | (before < begun)


def _acts(tables: Tables, walk: Walk, names: ir.Table, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    """Return the events that are steps, without repeats: person, ts, id, code, whether it begins its session
    (`fresh`) and whether it is the anchor (`anchored`).
    """
    events = _events(tables, walk, where, cohort=cohort)
    anchored = matches(events, walk.anchor) if walk.anchor else ibis.literal(False)
    kept = _kept(events, walk, where)
    acts = events.select("person", "ts", "id", "event", anchored=anchored, kept=kept)
    acts = acts.filter(acts.kept).drop("kept")
    acts = acts.inner_join(names, "event").select("person", "ts", "id", "code", "anchored")
    window = ibis.window(group_by=acts.person, order_by=[acts.ts, acts.id])
    acts = acts.mutate(code_before=acts.code.lag().over(window), ts_before=acts.ts.lag().over(window))
    pause = acts.ts > acts.ts_before + ibis.interval(seconds=walk.gap_s)
    acts = acts.mutate(fresh=acts.ts_before.isnull() | pause)
    # The anchor may be one of several repeats, where it has filters of its own.
    picked = acts.anchored if walk.anchor and walk.anchor.where else ibis.literal(False)
    return acts.filter(acts.fresh | (acts.code != acts.code_before) | picked)
