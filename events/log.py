"""Readers of the log: each reads every event once, in the same transaction as what it makes of it.

An event carries its transaction's number as `position`. Below the oldest transaction that still runs nothing can
appear any more, so everything between a reader's position and that number is complete.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction
from django.utils import timezone

from events import partitions

BATCH_EVENTS = 20_000
FIELDS = (
    "e.project_id, e.message_id, COALESCE(e.user_id, e.anonymous_id), e.ts, e.received_at, host(e.ip), e.properties,"
    " e.context, e.name, COALESCE(e.user_id, '')"
)


@dataclass(frozen=True, slots=True)
class Range:
    """Positions from `low` up to but without `high`; `more` where the log goes on behind it."""

    low: int
    high: int
    more: bool


class EventRow(NamedTuple):
    """What a reader sees of one event; `distinct_id` is the user id, else the anonymous id."""

    project_id: int
    message_id: str
    distinct_id: str
    ts: datetime
    received_at: datetime
    ip: str | None
    properties: dict[str, Any]
    context: dict[str, Any]
    name: str = ""
    user_id: str = ""


def advance(consumer: str, limit: int = BATCH_EVENTS) -> Range | None:
    """Take the next stretch of the log for `consumer`, about `limit` events at the most.

    To be called inside a transaction, which must also hold the effects: rolled back, the stretch is taken again. None
    while another process holds the consumer, or when there is nothing new.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("advance() needs the transaction of its effects.")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO events_consumer (name, position) VALUES (%s, 0) ON CONFLICT DO NOTHING", [consumer])
        cursor.execute("SELECT position FROM events_consumer WHERE name = %s FOR UPDATE SKIP LOCKED", [consumer])
        row = cursor.fetchone()
        if row is None:
            return None
        low = row[0]
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        complete = cursor.fetchone()[0]
        if complete < low:
            _rebase()
            return None
        cursor.execute(
            "SELECT position FROM events_event WHERE position >= %s AND position < %s ORDER BY position"
            " OFFSET %s LIMIT 1",
            [low, complete, limit],
        )
        full = cursor.fetchone()
        high = full[0] + 1 if full else complete
        cursor.execute(
            "UPDATE events_consumer SET position = %s, caught_up_at = COALESCE(%s, caught_up_at) WHERE name = %s",
            [high, None if full else timezone.now(), consumer],
        )
    return Range(low, high, more=full is not None)


def _rebase() -> None:
    """Renumber the log after a dump was restored elsewhere, where transaction numbers begin again.

    Each row gets the number of readers that have read it, each reader the number that stands for where it was: all
    of them below any real transaction number (which begin at 3), so every reader goes on exactly where it stopped.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE events_event, events_consumer, events_seal IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            "UPDATE events_event e SET position = CASE"
            " WHEN EXISTS (SELECT FROM events_seal s WHERE s.project_id = e.project_id AND e.position < s.position)"
            " THEN -2000 ELSE -1000 + (SELECT count(*) FROM events_consumer c WHERE c.position <= e.position) END"
        )
        # What is sealed lies below every seal, what is not above.
        cursor.execute("UPDATE events_seal SET position = -1999")
        cursor.execute(
            "UPDATE events_consumer c SET position ="
            " -1000 + (SELECT count(*) FROM events_consumer d WHERE d.position <= c.position)"
        )
    partitions.forget_marks()


def read(stretch: Range, names: Collection[str], *, with_property: str = "") -> Iterator[EventRow]:
    """Yield the track events of some names in a stretch of the log, of projects that still exist.

    With `with_property` also those of any other name that carry this property.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {FIELDS} FROM events_event e JOIN customers_project p ON p.id = e.project_id"  # noqa: S608 -- constant
            " WHERE e.position >= %s AND e.position < %s AND e.type = 'track'"
            " AND (e.name = ANY(%s) OR (%s <> '' AND e.properties ? %s))"
            " ORDER BY e.received_at, e.id",
            [stretch.low, stretch.high, list(names), with_property, with_property],
        )
        for row in cursor:
            yield row_of(row)


def row_of(row: tuple[Any, ...]) -> EventRow:
    """Return what FIELDS selected."""
    # Django leaves jsonb as text on its connections.
    return EventRow._make((*row[:6], orjson.loads(row[6]), orjson.loads(row[7]), *row[8:]))


def readers() -> dict[str, datetime | None]:
    """Return when each reader of the log had last read everything there was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, caught_up_at FROM events_consumer ORDER BY name")
        return dict(cursor.fetchall())


def caught_up_at(consumer: str) -> datetime | None:
    """Return when `consumer` had last read everything there was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT caught_up_at FROM events_consumer WHERE name = %s", [consumer])
        row = cursor.fetchone()
    return row[0] if row else None
