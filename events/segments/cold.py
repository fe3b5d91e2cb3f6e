"""Rows of the log that PostgreSQL has no more: read from sealed segments, as the same objects.

PostgreSQL holds every row that arrived at the border or after it, sealed or not, and of what arrived before only what
is not sealed yet. So a list is the rows of both sides, and each event is on one.
"""

import os
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q

from events import partitions
from events.engine import running, soundness
from events.engine.answers import Missing, TooLarge
from events.models import Event, Segment
from events.segments import layout
from events.segments.reading import SegmentFile, snapshot
from events.store import raw_cursor
from events.wanted import Wanted, plain

COLUMNS = (
    "id", "message_id", "type", "name", "user_id", "anonymous_id", "ts", "claimed_at", "received_at", "clamped", "ip",
    "properties", "context",
)  # fmt: skip
TIMES = ("ts", "claimed_at", "received_at")
DOCUMENTS = ("properties", "context")
MEMORY_MB = 512
NO_DELAY, UNKNOWN_DELAY = timedelta(0), timedelta(days=36_500)
# Whoever was merged into a person, directly or by way of others, until no segment has rows under the former number.
PERSONS = """
WITH RECURSIVE of_them(person_id) AS (
    SELECT person_id FROM events_identity WHERE project_id = %(project)s AND value = ANY(%(ids)s)
    UNION SELECT m.person_id FROM of_them o
    JOIN events_personmerge m ON m.project_id = %(project)s AND m.survivor_id = o.person_id
) SELECT person_id FROM of_them
"""
_starting = threading.Lock()
# Of files, by segment; they never change.
_delays: dict[int, timedelta] = {}
_instances: dict[int, duckdb.DuckDBPyConnection] = {}


@dataclass(frozen=True)
class Border:
    """What lies beyond PostgreSQL: sealed rows that arrived before `at`. All of one moment.

    `files` may hold such rows; `low` is the first position that is not sealed, and people in `erased` are left out.
    """

    project_id: int
    at: datetime
    low: int
    files: tuple[SegmentFile, ...]
    erased: tuple[int, ...]

    @property
    def hither(self) -> Q:
        """Return the condition of rows that PostgreSQL answers for."""
        return Q(received_at__gte=self.at) | Q(position__gte=self.low)


def border(project_id: int, *, now: datetime) -> Border | None:
    """Return where a project's segments begin to answer; None while PostgreSQL has every row."""
    # Nothing happens after its arrival: a file whose rows all happened at the border or later holds none from before.
    live = Segment.objects.filter(project=project_id, replaced_at=None)
    first_ts = live.order_by("first_ts").values_list("first_ts", flat=True).first()
    if first_ts is None or first_ts >= (at := _whole_since(now)):
        return None
    found = snapshot(project_id)
    files = tuple(file for file in found.files if file.first_ts < at)
    return Border(project_id, at, found.low, files, tuple(found.erased))


def _whole_since(now: datetime) -> datetime:
    """Return since when no row of the log can have been dropped: partitions of younger days never are.

    A day later than that where partitions are missing, as after HOT_DAYS was raised.
    """
    today = now.astimezone(UTC).date()
    day = today - timedelta(days=settings.HOT_DAYS - 1)
    present = set(partitions.days_present())
    gaps = [back for back in (today - timedelta(days=n) for n in range(settings.HOT_DAYS)) if back not in present]
    if gaps:
        day = max(day, gaps[0] + timedelta(days=1))
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@contextmanager
def moment() -> Iterator[None]:
    """Let what is read in the block, hot and cold, be of one moment: nothing is sealed or merged in between."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        raw_cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@dataclass(frozen=True)
class Found:
    """Cold rows, and the segments that could not be read."""

    rows: Sequence[Event]
    missing: Sequence[Missing] = ()


def rows(
    border: Border, wanted: Wanted, *, order: str = "received_at", after: tuple[datetime, int] | None = None, limit: int
) -> Found:
    """Return at most `limit` rows, latest first by `order` ("ts" or "received_at") and id, behind `after`.

    Files are read from the latest back, some at a time, until no other can hold a row that belongs on the page.
    """
    key = attrgetter(order, "id")
    conditions = wanted.conditions()
    if after:
        at, row_id = plain(after[0]), after[1]
        conditions.append((f"({order} < ? OR ({order} = ? AND id < ?))", [at, at, row_id]))
    query = _Query(", ".join(COLUMNS), conditions, f"{{rows}} ORDER BY {order} DESC, id DESC LIMIT {int(limit)}")
    found: list[Event] = []
    missing: list[Missing] = []
    for files, latest in _from_the_latest(border, wanted, order, after):
        if len(found) == limit and latest < getattr(found[-1], order):
            break
        more, lost = _ask(border, wanted, query, files)
        missing += lost
        events = (_event(border.project_id, row) for row in more)
        found = sorted([*found, *events], key=key, reverse=True)[:limit]
    return Found(found, missing)


def _from_the_latest(
    border: Border, wanted: Wanted, order: str, after: tuple[datetime, int] | None
) -> Iterator[tuple[list[SegmentFile], datetime]]:
    """Yield files, at first one and then more and more, with the latest moment that a row of them can have."""
    files = [file for file in _holding(border, wanted) if after is None or file.first_ts <= after[0]]
    latest = {file.id: file.last_ts + (_delay_of(file) if order == "received_at" else NO_DELAY) for file in files}
    files.sort(key=lambda file: latest[file.id], reverse=True)
    size = 1
    while files:
        yield files[:size], latest[files[0].id]
        files, size = files[size:], size * 3


def _delay_of(file: SegmentFile) -> timedelta:
    """Return how long after it happened any row of a file arrived, at the most; it is written at the file's end."""
    if file.id not in _delays:
        try:
            written = pq.read_metadata(file.path)
            column = written.schema.names.index("received_us")
            groups = (written.row_group(n).column(column).statistics for n in range(written.num_row_groups))
            _delays[file.id] = timedelta(microseconds=max(one.max for one in groups))
        except Exception:  # noqa: BLE001 -- a file that can't be read is looked at first, and named
            return UNKNOWN_DELAY
    return _delays[file.id]


def count(border: Border, wanted: Wanted) -> tuple[int, Sequence[Missing]]:
    """Count the cold rows that are wanted."""
    found, missing = _ask(border, wanted, _Query("count(*)", wanted.conditions()))
    return (found[0][0] if found else 0), missing


def names(border: Border, wanted: Wanted, limit: int) -> list[str]:
    """Return the names of wanted cold track events, in order."""
    conditions = [*wanted.conditions(), ("type = 'track' AND name IS NOT NULL", [])]
    found, _ = _ask(border, wanted, _Query("DISTINCT name", conditions, f"{{rows}} ORDER BY name LIMIT {int(limit)}"))
    return [name for (name,) in found]


def last_before(border: Border, asked: Sequence[tuple[int, int, datetime, datetime]]) -> dict[int, datetime]:
    """Return for each (number, person, since, before) when the person last did something in that time.

    Only cold rows are looked at; numbers without one are left out.
    """
    if not asked:
        return {}
    first, last = min(since for _, _, since, _ in asked), max(before for _, _, _, before in asked)
    numbers, persons, since, before = (list(column) for column in zip(*asked, strict=True))
    former = _persons_of(border.project_id, persons)
    pairs = [(numbers[at], one) for at, person in enumerate(persons) for one in former.get(person, [person])]
    spans = {number: (plain(a), plain(b)) for number, a, b in zip(numbers, since, before, strict=True)}
    table = [(number, person, *spans[number]) for number, person in pairs]
    files = [file for file in border.files if file.last_ts >= first and file.first_ts < last]
    query = (
        "SELECT a.number, max(e.ts) FROM ({rows}) e JOIN (SELECT unnest(?::BIGINT[]) AS number,"
        " unnest(?::BIGINT[]) AS person, unnest(?::TIMESTAMP[]) AS since, unnest(?::TIMESTAMP[]) AS before) a"
        " ON e.person = a.person AND e.ts >= a.since AND e.ts < a.before GROUP BY 1"
    )
    conditions = [_of_persons({person for _, person in pairs})]
    values = [list(column) for column in zip(*table, strict=True)]
    found, _ = _read(border, files, _Query("person, ts", conditions, query, values))
    return {number: ts.replace(tzinfo=UTC) for number, ts in found}


def _persons_of(project_id: int, persons: Collection[int]) -> dict[int, list[int]]:
    """Return each person with the former numbers that lead to it, where there are any."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE of_them(survivor_id, person_id) AS ("
            " SELECT p, p FROM unnest(%(persons)s::bigint[]) AS p"
            " UNION SELECT o.survivor_id, m.person_id FROM of_them o JOIN events_personmerge m"
            " ON m.project_id = %(project)s AND m.survivor_id = o.person_id)"
            " SELECT survivor_id, array_agg(person_id) FROM of_them GROUP BY 1",
            {"project": project_id, "persons": list(persons)},
        )
        return dict(cursor.fetchall())


def _ask(
    border: Border, wanted: Wanted, query: "_Query", files: Sequence[SegmentFile] | None = None
) -> tuple[list[tuple[Any, ...]], Sequence[Missing]]:
    """Run a query over some files, or over all that may hold what is wanted."""
    if wanted.known_by is not None:
        persons = _known(border.project_id, wanted.known_by)
        if not persons:  # each sealed event has its person, so an id that stands for nobody has none
            return [], ()
        query = replace(query, conditions=[_of_persons(persons), *query.conditions])
    return _read(border, _holding(border, wanted) if files is None else files, query)


def _holding(border: Border, wanted: Wanted) -> list[SegmentFile]:
    return [file for file in border.files if _may_hold(file, wanted)]


def _of_persons(persons: Collection[int]) -> tuple[str, list[Any]]:
    """Return the condition that the rows are of these people; written out, as then whole parts of files are passed."""
    return f"person IN ({', '.join(str(int(person)) for person in sorted(persons))})", []


def _known(project_id: int, ids: Sequence[str]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(PERSONS, {"project": project_id, "ids": list(ids)})
        return [person for (person,) in cursor.fetchall()]


def _may_hold(file: SegmentFile, wanted: Wanted) -> bool:
    too_old = wanted.since is not None and file.last_ts < wanted.since
    too_new = wanted.until is not None and file.first_ts >= wanted.until
    return not too_old and not too_new


@dataclass(frozen=True)
class _Query:
    """`text`, whose "{rows}" are these columns of the cold rows that meet the conditions; `values` fill its marks."""

    columns: str
    conditions: Sequence[tuple[str, list[Any]]]
    text: str = "{rows}"
    values: Sequence[Any] = ()


def _read(
    border: Border, files: Sequence[SegmentFile], query: _Query
) -> tuple[list[tuple[Any, ...]], Sequence[Missing]]:
    readable, missing = soundness.divide(files)
    if not readable:
        return [], missing
    conditions = [("received_at < ?", [plain(border.at)]), *query.conditions]
    if border.erased:
        former = _persons_of(border.project_id, border.erased)
        gone = sorted({one for person in border.erased for one in former.get(person, [person])})
        conditions.append((f"person NOT IN ({', '.join(str(int(one)) for one in gone)})", []))
    paths = ", ".join("'" + str(one.path).replace("'", "''") + "'" for one in readable)
    clauses = " AND ".join(clause for clause, _ in conditions)
    source = f"(SELECT {layout.selected('duckdb')} FROM read_parquet([{paths}]))"  # noqa: S608 -- paths of our own
    rows = f"SELECT {query.columns} FROM {source} WHERE {clauses}"  # noqa: S608 -- names, numbers and marks
    bound = [value for _, some in conditions for value in some]
    with closing(_instance().cursor()) as db:
        try:
            with running.limited(db.interrupt):
                return db.execute(query.text.replace("{rows}", rows), [*bound, *query.values]).fetchall(), missing
        except duckdb.OutOfMemoryException as fault:
            raise TooLarge from fault


def _event(project_id: int, row: tuple[Any, ...]) -> Event:
    values = dict(zip(COLUMNS, row, strict=True))
    for name in TIMES:
        values[name] = values[name].replace(tzinfo=UTC) if values[name] else None
    for name in DOCUMENTS:
        values[name] = orjson.loads(values[name])
    return Event(project_id=project_id, position=0, **values)


def _instance() -> duckdb.DuckDBPyConnection:
    """Return this process's own small DuckDB: pages must not wait for the memory of a large question."""
    with _starting:
        if os.getpid() not in _instances:
            config: dict[str, Any] = {"memory_limit": f"{MEMORY_MB}MB", "autoinstall_known_extensions": "false"}
            _instances[os.getpid()] = duckdb.connect(":memory:", config=config)
        return _instances[os.getpid()]
