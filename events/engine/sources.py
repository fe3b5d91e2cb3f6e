"""The table `events` as a view on what engines read it from: files, the hot rows, merges. Plain Python and Ibis."""

from dataclasses import dataclass
from datetime import UTC, datetime

import ibis
import ibis.expr.types as ir

from events.engine.tables import EVENTS

# An engine supplies these names; `segments` are the rows of the sealed files, `hot` those not sealed yet. Both have at
# least the columns of EVENTS; in `segments` the person is as it was known when the file was written.
SEGMENTS = ibis.table(EVENTS, name="segments")
HOT = ibis.table(EVENTS, name="hot")
MERGES = ibis.table({"person_id": "int64", "survivor_id": "int64"}, name="merges")


@dataclass(frozen=True)
class Bounds:
    """Which events a question is about: those that happened in [since, until), of some names or all."""

    since: datetime | None = None
    until: datetime | None = None
    names: frozenset[str] | None = None

    @property
    def text(self) -> str:
        """The bounds in one line, equal for equal bounds."""
        return repr((self.since, self.until, None if self.names is None else sorted(self.names)))


def events_view(bounds: Bounds, *, merged: bool, erased: tuple[int, ...]) -> ir.Table:
    """Return the bounded stream: sealed rows with the people of now, and the hot rows, without those erased."""
    sealed = _within(SEGMENTS, bounds)
    if merged:
        joined = sealed.left_join(MERGES, sealed.person == MERGES.person_id)
        now = ibis.coalesce(joined.survivor_id, joined.person)
        sealed = joined.select(person=now, **{name: joined[name] for name in EVENTS if name != "person"})
    events = sealed.union(_within(HOT, bounds))
    return events.filter(events.person.notin(erased)) if erased else events


def _within(rows: ir.Table, bounds: Bounds) -> ir.Table:
    if bounds.since:
        rows = rows.filter(rows.ts >= _moment(bounds.since))
    if bounds.until:
        rows = rows.filter(rows.ts < _moment(bounds.until))
    if bounds.names is not None:
        rows = rows.filter(rows.event.isin(sorted(bounds.names)))
    return rows.select(*EVENTS)


def _moment(at: datetime) -> ir.TimestampScalar:
    return ibis.timestamp(at.astimezone(UTC).replace(tzinfo=None))
