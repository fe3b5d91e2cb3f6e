"""What people do one after the other inside a session: paths from an event on, or up to one. Plain Python and Ibis."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import ibis
import ibis.expr.types as ir

from analytics.expressions.base import OTHER, Filter, Step, chosen, matches, needs_traits, passes
from events.engine.tables import Tables

# Names beyond the most frequent ones are OTHER in the answer, so that it has a bounded number of rows. Within paths
# names are small numbers, which are sorted and counted faster than texts: ENDED after the last step, then the most
# frequent name, and so on; REST is any other. Seven of them fit into 64 bits.
MOST_NAMES = 60
MOST_STEPS = 7
ENDED = 0
REST = MOST_NAMES + 1
BASE = 64


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
    # A whole path is one number while ten millions of them are counted, a digit each step.
    digits = [walked[f"e{step}"].cast("int64") * BASE**step for step in range(walk.steps)]
    counted = walked.select(path=sum(digits[1:], digits[0])).group_by("path").agg(number=lambda rows: rows.count())
    whole = counted.select("number", **{f"e{step}": (counted.path // BASE**step) % BASE for step in range(walk.steps)})
    links = [_links(whole, step) for step in range(walk.steps - 1)]
    joined = ibis.union(*links) if len(links) > 1 else links[0]
    sources = names.filter(names.code <= MOST_NAMES).select(first=names.code, source=names.event)
    targets = names.filter(names.code <= MOST_NAMES).select(second=names.code, target=names.event)
    found = joined.left_join(sources, "first").left_join(targets, "second")
    target = ibis.ifelse(found.second == ENDED, ibis.null("string"), found.target.fill_null(OTHER))
    return found.select("step", source=found.source.fill_null(OTHER), target=target, number=found.number)


def _links(whole: ir.Table, step: int) -> ir.Table:
    """Count the paths from each event of a step to each of the next."""
    going = whole.filter(whole[f"e{step}"] != ENDED)
    pairs = going.group_by(first=going[f"e{step}"].cast("int64"), second=going[f"e{step + 1}"].cast("int64"))
    counted = pairs.agg(number=going.number.sum()).mutate(step=ibis.literal(step, "int64"))
    return counted.select("step", "first", "second", "number")


def behind(tables: Tables, walk: Walk, place: Place, *, where: Sequence[Filter] = (), cohort: bool = False) -> ir.Table:
    """Return the people whose paths go through a place."""
    names = _names(tables, walk, where, cohort=cohort)
    found = _at(_walked(tables, walk, names, where, cohort=cohort), names, place, place.step, place.event)
    if place.after == "":
        found = found.filter(found[f"e{place.step + 1}"] == ENDED)
    elif place.after is not None:
        found = _at(found, names, place, place.step + 1, place.after)
    return found.select("person").distinct()


def _at(walked: ir.Table, names: ir.Table, place: Place, step: int, event: str) -> ir.Table:
    column = f"e{step}"
    known = names.filter(names.code <= MOST_NAMES)
    if event != OTHER:
        wanted = known.filter(known.event == event)
        return walked.semi_join(wanted.select(**{column: wanted.code.cast("int16")}), column)
    named = known.filter(known.event.isin(list(place.named[step])))
    going = walked.filter(walked[column] != ENDED)
    return going.anti_join(named.select(**{column: named.code.cast("int16")}), column)


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
    """Return the number of each name, 1 for the most frequent."""
    events = _events(tables, walk, where, cohort=cohort)
    kept = events.filter(_kept(events, walk, where))
    counted = kept.group_by("event").agg(number=kept.count())
    order = [counted.number.desc(), counted.event]
    return counted.select("event", code=ibis.row_number().over(order_by=order) + 1)


def _walked(tables: Tables, walk: Walk, names: ir.Table, where: Sequence[Filter], *, cohort: bool) -> ir.Table:
    """Return one row a path: person and the numbers e0, e1 … of its steps, ENDED after its end."""
    acts = _acts(tables, walk, names, where, cohort=cohort)
    if walk.once:
        return _longer(acts, walk)
    # Sessions of a single event are many, and a path of one step needs no look at what is around it.
    lone = acts.filter(acts.lone & acts.anchored) if walk.anchor else acts.filter(acts.lone)
    ended = {f"e{k}": ibis.literal(ENDED, "int16") for k in range(1, walk.steps)}
    short = lone.select("person", e0=(lone.act // 2).cast("int16"), **ended)
    return short.union(_longer(acts.filter(~acts.lone), walk))


def _longer(acts: ir.Table, walk: Walk) -> ir.Table:
    """Return the paths of these events by looking at those around each."""
    order = [acts.ts, acts.id]
    window = ibis.window(group_by=acts.person, order_by=order)
    shift = acts.act.lag if walk.backward else acts.act.lead
    shifted = {f"act_{k}": shift(k).over(window) for k in range(1, walk.steps)}
    if walk.anchor is None:
        first = ibis.row_number().over(window) == 0 if walk.once else acts.fresh
    else:
        first = acts.anchored & _not_before(acts, walk, order)
    walked = acts.select("person", first=first, act_0=acts.act, **shifted)
    walked = walked.filter(walked.first)
    going, steps = ibis.literal(True), {}
    for k in range(1, walk.steps):
        act = walked[f"act_{k}"]
        # Forward a step belongs to the path unless it, or one before it, begins a session. Backward the one that
        # begins the session is the last: what stands before it is another session.
        limit = walked[f"act_{k - 1}"] if walk.backward else act
        going &= act.notnull() & (limit % 2 == 0)
        steps[f"e{k}"] = ibis.ifelse(going, (act // 2).cast("int16"), ibis.literal(ENDED, "int16"))
    return walked.select("person", e0=(walked.act_0 // 2).cast("int16"), **steps)


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
    """Return the events that are steps, without repeats: person, ts, id; whether it begins its session (`fresh`), is
    all of it (`lone`), is the anchor (`anchored`); and `act`: twice the number of its name, one more where fresh.
    """
    events = _events(tables, walk, where, cohort=cohort)
    anchored = matches(events, walk.anchor) if walk.anchor else ibis.literal(False)
    kept = _kept(events, walk, where)
    acts = events.select("person", "ts", "id", "event", anchored=anchored, kept=kept)
    acts = acts.filter(acts.kept).drop("kept")
    acts = acts.inner_join(names, "event").select("person", "ts", "id", "code", "anchored")
    window = ibis.window(group_by=acts.person, order_by=[acts.ts, acts.id])
    acts = acts.mutate(
        code_before=acts.code.lag().over(window),
        ts_before=acts.ts.lag().over(window),
        ts_after=acts.ts.lead().over(window),
    )
    gap = ibis.interval(seconds=walk.gap_s)
    acts = acts.mutate(
        fresh=acts.ts_before.isnull() | (acts.ts > acts.ts_before + gap),
        last=acts.ts_after.isnull() | (acts.ts_after > acts.ts + gap),
    )
    # The anchor may be one of several repeats, where it has filters of its own.
    picked = acts.anchored if walk.anchor and walk.anchor.where else ibis.literal(False)
    acts = acts.filter(acts.fresh | (acts.code != acts.code_before) | picked)
    number = ibis.ifelse(acts.code > MOST_NAMES, REST, acts.code)
    return acts.select(
        "person",
        "ts",
        "id",
        "fresh",
        "anchored",
        lone=acts.fresh & acts.last,
        act=(number * 2 + acts.fresh.cast("int64")).cast("int16"),
    )
