"""Reads of the event log for pages and the API: the live feed, one event, filtered lists, the pulse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet
from django.db.models.expressions import RawSQL

from customers.models import Project
from events import listing
from events.models import Event, Identity, Rejected
from events.wanted import Wanted
from growthplatform.core.paging import InvalidCursor, decode, encode

PULSE_S = 10
PULSE_BEATS = 30
FEED_ROWS = 50
RECENT = timedelta(days=1)
# A row's transaction ends at the latest this long after its arrival; what is slower is in the log, not in the feed.
SLOWEST = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True)
class Filters:
    """What a reader of the feed wants to see."""

    q: str = ""
    type: str = ""
    person: str = ""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Filters":
        values = {name: query.get(name, "").replace("\x00", "").strip()[:256] for name in ("q", "type", "person")}
        return cls(**values)

    @property
    def active(self) -> bool:
        return bool(self.q or self.type or self.person)

    @property
    def wanted(self) -> Wanted:
        """Return which events pass; "refused" is no type of event, so none passes it."""
        return Wanted(part=self.q, type=self.type, either_id=self.person)

    def refusals(self, project: Project) -> QuerySet[Rejected]:
        rows = Rejected.objects.filter(project=project, state=Rejected.State.OPEN)
        for text in filter(None, [self.q, self.person]):
            rows = rows.filter(body__icontains=text)
        return rows.none() if self.type not in {"", "refused"} else rows


@dataclass(frozen=True)
class Feed:
    """Rows of the live feed, newest first, and the cursor after which the next poll goes on."""

    rows: Sequence[Event | Rejected]
    cursor: str
    more: int = 0


def feed(project: Project, filters: Filters, *, cursor: str = "", now: datetime) -> Feed:
    """Return what arrived since `cursor`, or the newest rows without one; each row comes once.

    The cursor is a snapshot of the database, since neither arrival times nor ids rise in the order in which rows
    become visible: new is what that snapshot did not see. Raises InvalidCursor.
    """
    with connection.cursor() as db:
        db.execute("SELECT pg_current_snapshot()::text")
        snapshot: str = db.fetchone()[0]
    events = filters.wanted.among(Event.objects.filter(project=project)).filter(_visible(EVENT, snapshot))
    refusals = filters.refusals(project).filter(_visible(REFUSAL, snapshot))
    if cursor:
        since, asked_at = _since(cursor)
        events = events.filter(~Q(_visible(EVENT, since)), received_at__gte=asked_at - SLOWEST)
        refusals = refusals.filter(~Q(_visible(REFUSAL, since)), last_at__gte=asked_at - SLOWEST)
    most = FEED_ROWS + 1
    newest = _newest(events, most, now=now, further=not filters.active and not cursor)
    if not filters.active and not cursor:
        newest = listing.topped_up(project, newest, filters.wanted, most, now=now)
    found: list[Event | Rejected] = [*newest, *refusals.order_by("-last_at", "-id")[:most]]
    found.sort(key=arrived_at, reverse=True)
    more = events.count() + refusals.count() - FEED_ROWS if cursor and len(found) > FEED_ROWS else 0
    return Feed(found[:FEED_ROWS], encode([snapshot, now.isoformat()]), more)


def _newest(events: QuerySet[Event], number: int, *, now: datetime, further: bool = True) -> list[Event]:
    """Look into the last day first: the whole log has a partition for each day, and planning over all takes long.

    Without `further` it stays at that: for what a filter finds seldom, the whole log would be read.
    """
    rows = events.order_by("-received_at", "-id")
    recent = list(rows.filter(received_at__gt=now - RECENT)[:number])
    return recent if len(recent) == number or not further else list(rows[:number])


def arrived_at(row: Event | Rejected) -> datetime:
    return row.last_at if isinstance(row, Rejected) else row.received_at


def _since(cursor: str) -> tuple[str, datetime]:
    snapshot, at = (str(part) for part in decode(cursor, 2))
    parts = snapshot.split(":")
    numbers = [*parts[:2], *filter(None, parts[2].split(","))] if len(parts) == 3 else [""]
    if not all(number.isascii() and number.isdigit() and len(number) < 19 for number in numbers):
        raise InvalidCursor
    low, high, *running = (int(number) for number in numbers)
    if not 0 < low <= high or running != sorted(running) or any(not low <= one < high for one in running):
        raise InvalidCursor
    try:
        asked_at = datetime.fromisoformat(at)
    except ValueError:
        raise InvalidCursor from None
    if asked_at.tzinfo is None:
        raise InvalidCursor
    return snapshot, asked_at


# The number of the transaction that wrote a row. A refusal's is the row's own 32 bits of it: the others are those of
# now, as only rows of the last minute are asked about. Numbers below 3 are those of a restored log.
EVENT = "greatest(position, 3)::text::xid8"
REFUSAL = (
    "(((pg_snapshot_xmax(pg_current_snapshot())::text::bigint >> 32) << 32) | events_rejected.xmin::text::bigint)"
    "::text::xid8"
)


def _visible(transaction: str, snapshot: str) -> RawSQL:
    sql = f"pg_visible_in_snapshot({transaction}, %s::pg_snapshot)"
    return RawSQL(sql, [snapshot], output_field=BooleanField())  # noqa: S611 -- the text is one of the two above


def newest_events(project: Project, number: int, *, now: datetime) -> list[Event]:
    """Return the newest events of a project."""
    found = _newest(Event.objects.filter(project=project), number, now=now)
    return listing.topped_up(project, found, Wanted(), number, now=now)


def get_event(project: Project, event_id: int, received_at: datetime, *, now: datetime) -> Event:
    """Return one event. Its arrival is asked for as well, as the log is indexed by it. Raises DoesNotExist."""
    event = Event.objects.filter(project=project, received_at=received_at, pk=event_id).first()
    if event is None:
        event = listing.find(project.pk, Wanted(id=event_id, until=received_at + INSTANT), now=now)
    if event is None or event.received_at != received_at:
        raise Event.DoesNotExist
    return event


def pulse(project: Project, *, now: datetime) -> list[int]:
    """Count the arrivals of the last five minutes, one number for each ten seconds, oldest first."""
    since = now - timedelta(seconds=PULSE_S * PULSE_BEATS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT floor(extract(epoch FROM received_at - %s) / %s)::int, count(*) FROM events_event"
            " WHERE project_id = %s AND received_at >= %s AND received_at < %s GROUP BY 1",
            [since, PULSE_S, project.pk, since, now],
        )
        counts = dict(cursor.fetchall())
    return [counts.get(beat, 0) for beat in range(PULSE_BEATS)]


def ids_of(project: Project, person_id: int) -> list[str]:
    """Return the ids that stand for a person of the project, known ones first."""
    rows = Identity.objects.filter(project=project, person_id=person_id).order_by("-known", "value")
    return list(rows.values_list("value", flat=True))
