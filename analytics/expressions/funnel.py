"""Funnels: how far each person came on a way of several steps, and when. Plain Python and Ibis.

The rules are those of ClickHouse's windowFunnel, with additions; docs/funnels.md tells them, and the tests hold them
against plain Python. In short: an attempt begins with step 1; each further step must come after the one before it, by
an event of its own, within the window that began with step 1. Of several chains of events that lead to a step, the
latest one counts: who repeats a step goes on from the repetition.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import ibis
import ibis.expr.types as ir
from ibis.expr.builders import WindowBuilder

from analytics.expressions.base import Filter, Property, Step, label_of, matches, needs_traits, passes, with_traits
from events.engine.tables import Tables

ORDERS = ("sequential", "strict", "any")
# The event of which step gives the value of a breakdown; numbers from 1 are the steps.
LAST = 0
NOT_REACHED = "(not reached)"
# Calls that tell who a person is are no acts: they stand between no two steps.
NO_ACTS = ("identify", "group", "alias")
# Spans of time that bits of a whole number stand for.
SPANS = 60
# The bit of an event that is no step; at the same moment it stands behind those that are.
NO_STEP = 2**40


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """What is asked: step 1 in [since, until), the others up to `window_s` after it, who is open at `now`."""

    steps: Sequence[Step]
    window_s: int
    since: datetime
    until: datetime
    now: datetime
    order: str = "sequential"
    exclude: Sequence[Step] = ()
    where: Sequence[Filter] = ()
    by: Property | None = None
    touch: int = 1
    cohort: bool = False

    @property
    def number(self) -> int:
        return len(self.steps)

    @property
    def stops(self) -> Sequence[Step]:
        """Return what ends an attempt, where not everything does."""
        return self.exclude if self.order != "strict" else ()

    @property
    def window(self) -> ir.IntervalScalar:
        return ibis.interval(seconds=self.window_s)

    @property
    def traits(self) -> bool:
        steps = [*self.steps, *self.exclude]
        return needs_traits([*self.where, *(one for step in steps for one in step.where)])


@dataclass(frozen=True)
class _Rows:
    """Events that matter to a funnel, narrow: person, ts and `mask` with a bit for each step that the event is, NO_STEP
    for what is none; the id too where it is not `plain`: then events of one moment and first step may differ.

    `keys` part the rows into histories that have nothing to do with each other.
    """

    table: ir.Table
    plain: bool
    keys: tuple[str, ...] = ("person",)

    @property
    def order(self) -> list[ir.Value]:
        """Return what puts events of a history in order: time, then the first step that they are, then id."""
        table = self.table
        return [table.ts, table.mask & -table.mask, *([] if self.plain else [table.id])]

    def window(self, start: int | None = None, end: int | None = None) -> WindowBuilder:
        """Return a frame of rows of the same history: from `start` to `end` rows behind the present one."""
        return ibis.window(group_by=self.keys, order_by=self.order).between(start, end)

    def changed(self, table: ir.Table) -> "_Rows":
        return replace(self, table=table)


def moment(at: datetime) -> ir.TimestampScalar:
    """Return a moment as the engines have it: UTC, without a zone."""
    return ibis.timestamp(at.astimezone(UTC).replace(tzinfo=None))


def journeys(tables: Tables, funnel: Funnel) -> ir.Table:
    """Return one row for each person who entered.

    Columns: `person`; `level`, the highest step reached; `open`, whether more may still come in time; `t1` … `tn`,
    the moments of the counted attempt's steps, null beyond `level`; `value` of the breakdown where one is asked.
    With the order "any", step k is the k-th step that was completed.
    """
    entered = _entered(tables, funnel)
    near = _near(tables, entered, funnel)
    if funnel.stops:
        near = _parted(near)
    further = {"sequential": _sequential, "strict": _strict, "any": _any_order}[funnel.order](near, funnel)
    found = _joined(entered, further, funnel)
    # Always true; it keeps the statement from repeating all of this where a join follows.
    found = found.filter(found.level >= 1)
    return _valued(tables, found, funnel) if funnel.by else found


def _bit(step: int) -> int:
    return 1 << (step - 1)


def _is(mask: ir.IntegerValue, step: int) -> ir.BooleanValue:
    return (mask & _bit(step)) != 0


def _marked(tables: Tables, funnel: Funnel, steps: Iterable[int], *columns: str, acts: bool = False) -> ir.Table:
    """Return the events that are one of some steps or end an attempt, narrow; with `acts` all that is an act.

    Filters are part of the same selection on purpose: what two parts of a statement share would be kept in memory as a
    whole, with all columns.
    """
    events = with_traits(tables, tables.events) if funnel.traits else tables.events
    others = events.type.notin(NO_ACTS) if acts else _any_of(events, funnel.stops)
    mask = _mask(events, funnel, frozenset(steps))
    ends_at = funnel.until + timedelta(seconds=funnel.window_s)
    rows = events.select(
        "person",
        "ts",
        *columns,
        mask=ibis.cases((mask > 0, mask), (others, ibis.literal(NO_STEP, "int64")), else_=ibis.literal(0, "int64"))
        if acts or funnel.stops
        else mask,
        asked=ibis.and_(
            events.ts >= moment(funnel.since),
            events.ts <= moment(ends_at),
            *(passes(events, one) for one in funnel.where),
        ),
    )
    rows = rows.filter(rows.asked & (rows.mask > 0)).drop("asked")
    return rows.semi_join(tables.cohort, "person") if funnel.cohort else rows


def _any_of(events: ir.Table, steps: Sequence[Step]) -> ir.BooleanValue:
    return ibis.or_(*(matches(events, one) for one in steps)) if steps else ibis.literal(False)


def _mask(events: ir.Table, funnel: Funnel, steps: frozenset[int]) -> ir.IntegerValue:
    """Return a bit for each step that an event is; in any order an event is only the first step that it could be.

    Of steps that are not asked for, bits may be missing.
    """
    kinds = [(step, bits) for step, bits in _kinds(funnel) if any(bits & _bit(one) for one in steps)]
    cases = [(matches(events, step), ibis.literal(bits, "int64")) for step, bits in kinds]
    zero = ibis.literal(0, "int64")
    if _is_plain(funnel):
        return ibis.cases(*cases, else_=zero)
    mask: ir.IntegerValue = zero
    for condition, bits in cases:
        mask = mask + ibis.ifelse(condition, bits, zero)
    return mask


def _kinds(funnel: Funnel) -> list[tuple[Step, int]]:
    """Return the different steps with the bits of the places they stand at."""
    bits: dict[Step, int] = {}
    for place, step in enumerate(funnel.steps, start=1):
        bits[step] = bits.get(step, 0) | _bit(place)
    return list(bits.items())


def _is_plain(funnel: Funnel) -> bool:
    """Say whether no event can be two different steps: in any order, and where they all have different names."""
    kinds = _kinds(funnel)
    names = {step.event for step, _ in kinds}
    return funnel.order == "any" or (len(names) == len(kinds) and not any(name.endswith("*") for name in names))


def _entered(tables: Tables, funnel: Funnel) -> ir.Table:
    """Return who entered, when first and last, and when an excluded event happened last.

    `spans1` and `spans2` have a bit for each span of time in which step 1 and step 2 happened.
    """
    in_any_order = funnel.order == "any"
    table = _marked(tables, funnel, range(1, funnel.number + 1) if in_any_order else (1, 2))
    entries = _entries(table, funnel)
    wanted = {"first_at": ibis.cases((entries, table.ts)).min(), "last_at": ibis.cases((entries, table.ts)).max()}
    if funnel.stops:
        wanted["ended_at"] = ibis.cases((table.mask == NO_STEP, table.ts)).max()
    if not in_any_order:
        bit, none = _span_bit(table, funnel), ibis.literal(0, "int64")
        wanted["spans1"] = _all_bits(ibis.ifelse(entries, bit, none))
        wanted["spans2"] = _all_bits(ibis.ifelse(_is(table.mask, 2), bit, none))
    found = table.group_by("person").agg(**wanted)
    return found.filter(found.first_at.notnull())


@ibis.udf.agg.builtin(name="bit_or")  # type: ignore[untyped-decorator]
def _all_bits(bits: int) -> int:  # type: ignore[empty-body]
    """Return every bit that any row has."""


def _span_bit(table: ir.Table, funnel: Funnel) -> ir.IntegerValue:
    """Return the bit of the span of time, as long as the window, that a row lies in; after SPANS they come again."""
    seconds = table.ts.delta(moment(funnel.since), unit="second")
    return ibis.literal(1).cast("int64") << ((seconds // funnel.window_s) % SPANS).cast("int32")


def _later(spans: ir.IntegerValue) -> ir.IntegerValue:
    """Return the spans right behind these."""
    return ((spans << 1) | (spans >> (SPANS - 1))) & (2**SPANS - 1)


def _earlier(spans: ir.IntegerValue) -> ir.IntegerValue:
    """Return the spans right before these."""
    return (spans >> 1) | ((spans & 1) << (SPANS - 1))


def _near(tables: Tables, entered: ir.Table, funnel: Funnel) -> _Rows:
    """Return the events that may be part of a chain beyond step 1: few of all, and sorting them is what takes long.

    Step 2 needs a step 1 in the span before or the same one; what belongs to it lies no more than a span from it.
    """
    strict, plain = funnel.order == "strict", _is_plain(funnel)
    columns = [] if plain else ["id"]
    table = _marked(tables, funnel, range(1, funnel.number + 1), *columns, acts=strict)
    if funnel.order == "any":
        return _Rows(table.semi_join(entered, "person"), plain)
    pairs = entered.spans2 & (entered.spans1 | _later(entered.spans1))
    kept = entered.select("person", pairs=pairs).filter(pairs != 0)
    joined = table.inner_join(kept, "person")
    bit = _span_bit(joined, funnel)
    before = ((joined.pairs | _earlier(joined.pairs)) & bit) != 0
    after = ((joined.pairs | _later(joined.pairs)) & bit) != 0
    if strict:
        useful = before | after
    else:
        useful = (joined.mask == NO_STEP) | (_is(joined.mask, 1) & before) | ((joined.mask > 1) & after)
    return _Rows(joined.filter(useful).select(*table.columns), plain)


def _entries(table: ir.Table, funnel: Funnel) -> ir.BooleanValue:
    is_first = table.mask < NO_STEP if funnel.order == "any" else _is(table.mask, 1)
    return is_first & (table.ts >= moment(funnel.since)) & (table.ts < moment(funnel.until))


def _parted(rows: _Rows) -> _Rows:
    """Part each person's history where an excluded event happened, and leave those events out."""
    so_far = rows.window(end=0)
    parts = (rows.table.mask == NO_STEP).cast("int64").sum().over(so_far)
    table = rows.table.mutate(part=parts)
    return replace(rows, table=table.filter(table.mask < NO_STEP), keys=("person", "part"))


def _sequential(rows: _Rows, funnel: Funnel) -> ir.Table:
    """Return for each person beyond step 1 the event that brought them furthest, first.

    Each step is one pass: what is known of the latest chain up to step k - 1 before an event is the maximum over the
    events before it, as later chains have later times throughout. The frame ends before the event itself, so that one
    event is never two steps of a chain.
    """
    nothing = ibis.null("timestamp(6)")
    entry = _entries(rows.table, funnel)
    table = rows.table.mutate(level=ibis.ifelse(entry, 1, 0).cast("int64"), t1=ibis.cases((entry, rows.table.ts)))
    for step in range(2, funnel.number + 1):
        before = rows.changed(table).window(end=-1)
        came = {
            f"p{k}": ibis.cases((table.level == step - 1, table[f"t{k}"])).max().over(before) for k in range(1, step)
        }
        table = table.mutate(**came)
        reached = _is(table.mask, step) & (table.ts <= table.p1 + funnel.window).fill_null(False)
        times = {f"t{k}": ibis.ifelse(reached, table[f"p{k}"], table[f"t{k}"]) for k in range(1, step)}
        times[f"t{step}"] = ibis.ifelse(reached, table.ts, nothing)
        table = table.mutate(level=ibis.ifelse(reached, step, table.level), **times).drop(*came)
        table = table.filter((table.level >= 2) | (table.mask >= _bit(step + 1)))
    return _furthest(table, rows.changed(table).order)


def _furthest(attempts: ir.Table, order: Sequence[ir.Value]) -> ir.Table:
    """Return one attempt a person, of those beyond step 1 with the highest level the first in an order."""
    best = ibis.row_number().over(group_by="person", order_by=[attempts.level.desc(), *order])
    attempts = attempts.filter(attempts.level >= 2).mutate(best=best)
    return attempts.filter(attempts.best == 0)


def _strict(rows: _Rows, funnel: Funnel) -> ir.Table:
    """Return for each person beyond step 1 the first attempt that came furthest: the steps in unbroken succession."""
    table, all_rows = rows.table, rows.window()
    after = range(1, funnel.number)
    table = table.mutate(
        **{f"mask{k}": table.mask.lead(k).over(all_rows) for k in after},
        **{f"ts{k}": table.ts.lead(k).over(all_rows) for k in after},
    )
    table = table.filter(_entries(table, funnel))
    on: ir.BooleanValue = ibis.literal(True)
    level: ir.IntegerValue = ibis.literal(1, "int64")
    times: dict[str, ir.Value] = {"t1": table.ts}
    for k in after:
        on = on & (_is(table[f"mask{k}"], k + 1) & (table[f"ts{k}"] <= table.ts + funnel.window)).fill_null(False)
        level = ibis.ifelse(on, k + 1, level)
        times[f"t{k + 1}"] = ibis.cases((on, table[f"ts{k}"]))
    table = table.mutate(level=level, **times)
    return _furthest(table, rows.changed(table).order)


def _any_order(rows: _Rows, funnel: Funnel) -> ir.Table:
    """Return for each person with two steps or more the attempt that completed the most of them, first.

    An attempt begins with any step. What completes it is, of each step, the next event from there on; of a step that is
    asked for several times the next, the one after it, and so on.
    """
    table = rows.table
    kinds = _kinds(funnel)
    most = max(bits.bit_count() for _, bits in kinds)
    same = ibis.window(group_by=[*rows.keys, "mask"], order_by=table.ts)
    table = table.mutate(u1=table.ts, **{f"u{j}": table.ts.lead(j - 1).over(same) for j in range(2, most + 1)})
    onward = rows.changed(table).window(start=0)
    names = []
    wanted = {}
    for kind, (_, bits) in enumerate(kinds):
        for j in range(1, bits.bit_count() + 1):
            names.append(f"n{kind}_{j}")
            wanted[names[-1]] = ibis.cases((table.mask == bits, table[f"u{j}"])).min().over(onward)
    table = table.mutate(**wanted)
    return _completed(table.filter(_entries(table, funnel)), names, funnel)


def _completed(table: ir.Table, names: Sequence[str], funnel: Funnel) -> ir.Table:
    """Return the best attempt of each person, with the times of its steps in the order of their completion."""
    never = ibis.timestamp("2200-01-01 00:00:00")
    late = table.ts + funnel.window
    table = table.mutate(
        **{name: ibis.ifelse(table[name] <= late, table[name], never).fill_null(never) for name in names}
    )
    level = sum((table[name] < never).ifelse(1, 0).cast("int64") for name in names)
    done = ibis.greatest(*(ibis.ifelse(table[name] < never, table[name], table.ts) for name in names))
    table = table.mutate(level=level, done=done)
    best = _furthest(table, [table.done, table.ts.desc(), table.mask.desc()])
    places = {name: _place(best, names, name) for name in names}
    best = best.mutate(**{f"r_{name}": place for name, place in places.items()})
    times = {
        f"t{k}": ibis.cases(*((best[f"r_{name}"] == k, best[name]) for name in names)).nullif(never)
        for k in range(1, funnel.number + 1)
    }
    return best.mutate(**times)


def _place(best: ir.Table, names: Sequence[str], name: str) -> ir.IntegerValue:
    """Return which in the order of time a column is, from 1; equal times in the order of `names`."""
    before = names[: names.index(name)]
    ahead = [best[one] <= best[name] if one in before else best[one] < best[name] for one in names if one != name]
    return sum((one.ifelse(1, 0) for one in ahead), ibis.literal(1))


def _joined(entered: ir.Table, further: ir.Table, funnel: Funnel) -> ir.Table:
    """Return everybody who entered: those who came no further at their first entry."""
    times = [f"t{k}" for k in range(1, funnel.number + 1)]
    found = entered.left_join(further.select("person", "level", *times), "person")
    level = found.level.fill_null(1)
    may_come = found.last_at + funnel.window >= moment(funnel.now)
    if "ended_at" in entered.columns:
        may_come = may_come & (found.ended_at.isnull() | (found.last_at > found.ended_at))
    return found.select(
        "person",
        level=level,
        open=(level < funnel.number) & may_come,
        **(dict.fromkeys(times) | {name: found[name] for name in times} | {"t1": found.t1.fill_null(found.first_at)}),
    )


def _valued(tables: Tables, found: ir.Table, funnel: Funnel) -> ir.Table:
    """Add the breakdown's value: of the person, or of the event of the counted attempt that `touch` names.

    Of several events of that step at that moment it is the one with the highest id.
    """
    assert funnel.by
    if funnel.by.place == "person":
        return _of_person(tables, found, funnel.by)
    step: ir.IntegerValue = found.level if funnel.touch == LAST else ibis.literal(funnel.touch, "int64")
    at = found[f"t{funnel.touch}"] if funnel.touch != LAST else _last(found, funnel)
    asked = found.select(asked="person", at=at, bits=_bits(step, funnel))
    marked = _marked(tables, funnel, range(1, funnel.number + 1), "id", funnel.by.place)
    met = marked.join(asked, [marked.person == asked.asked, marked.ts == asked.at])
    met = met.filter((met.mask & met.bits) != 0)
    newest = ibis.row_number().over(group_by="person", order_by=met.id.desc())
    met = met.select("person", value=label_of(met, funnel.by), newest=newest)
    values = met.filter(met.newest == 0).select("person", "value")
    joined = found.left_join(values, "person")
    return joined.select(*found.columns, value=joined.value.fill_null(NOT_REACHED))


def _of_person(tables: Tables, found: ir.Table, by: Property) -> ir.Table:
    people = tables.people.select("person", "traits")
    joined = found.left_join(people, "person")
    return joined.select(*found.columns, value=label_of(joined, by))


def _last(found: ir.Table, funnel: Funnel) -> ir.TimestampValue:
    return ibis.cases(*((found.level == k, found[f"t{k}"]) for k in range(1, funnel.number + 1)))


def _bits(step: ir.IntegerValue, funnel: Funnel) -> ir.IntegerValue:
    """Return the bits of which an event must have one to be a step; in any order that is any."""
    if funnel.order == "any":
        return ibis.literal(_bit(funnel.number + 1) - 1, "int64")
    cases = [(step == k, ibis.literal(_bit(k), "int64")) for k in range(1, funnel.number + 1)]
    return ibis.cases(*cases, else_=ibis.literal(0, "int64"))
