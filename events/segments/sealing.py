"""From hot rows to sealed files: stretch by stretch of the log, each committed as a whole."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from events.models import Seal, Segment
from events.segments import files, layout, locks, writing
from events.segments.reading import LOWEST
from events.store import raw_cursor

# Sealed at once at the most, about: what a stretch takes of disk and memory.
STRETCH_ROWS = 250_000
# A project is sealed when it has so many hot rows, or some of such an age.
DUE_ROWS = 20_000
SOME_ROWS, SOME_AGE = 1_000, timedelta(minutes=10)
FEW_AGE = timedelta(hours=1)
# The seal of a project without new rows may lie so many positions behind before it is moved.
LAG = 10_000
# The label must be the one that questions read of hot rows, events/engine/inputs.py.
LABEL = (
    "CASE e.type WHEN 'track' THEN e.name WHEN 'page' THEN 'Page: ' || COALESCE(e.name, '')"
    " WHEN 'screen' THEN 'Screen: ' || COALESCE(e.name, '') ELSE initcap(e.type) END"
)
HOT = (
    f"SELECT i.person_id, {LABEL},"  # noqa: S608 -- constant
    """
       e.ts AT TIME ZONE 'UTC', e.id, e.type, e.name, e.user_id, e.anonymous_id, e.message_id,
       e.received_at AT TIME ZONE 'UTC', e.claimed_at AT TIME ZONE 'UTC', e.clamped, host(e.ip), e.properties, e.context
FROM events_event e
JOIN events_identity i ON i.project_id = e.project_id AND i.value = COALESCE(e.user_id, e.anonymous_id)
WHERE e.project_id = {project} AND e.position >= {low} AND e.position < {high}
"""
)
COLUMNS = {
    "person": "BIGINT",
    "event": "VARCHAR",
    "ts": "TIMESTAMP",
    "id": "BIGINT",
    "type": "VARCHAR",
    "name": "VARCHAR",
    "user_id": "VARCHAR",
    "anonymous_id": "VARCHAR",
    "message_id": "VARCHAR",
    "received_at": "TIMESTAMP",
    "claimed_at": "TIMESTAMP",
    "clamped": "BOOLEAN",
    "ip": "VARCHAR",
    "properties": "VARCHAR",
    "context": "VARCHAR",
}
# PostgreSQL writes null as nothing and the empty text as ""; a line is as long as the longest event.
CSV = (
    "header=false, auto_detect=false, nullstr='', allow_quoted_nulls=false, delim=',', quote='\"', escape='\"',"
    " max_line_size=33554432"
)
# What all readers have read: each of these rows has its person. Below it nothing can appear any more.
TOP = "SELECT min(position) FROM events_consumer"


@dataclass(frozen=True)
class Stretch:
    """Positions of a project's log from `low` up to but without `high`."""

    low: int
    high: int


class Overtaken(Exception):  # noqa: N818
    """The project was sealed by somebody else meanwhile; what was made is left for sweeping."""


def seal(project_id: int, *, stretch_rows: int = STRETCH_ROWS, until: float = float("inf")) -> int:
    """Seal what all readers have read of a project's log; return how many events.

    Safe to repeat and to kill: until a stretch is committed, its rows are hot and its files unknown. Returns 0 while
    another process is at it. Stops at `until`, of the monotonic clock.
    """
    rows = 0
    try:
        with locks.alone(project_id):
            while time.monotonic() < until and (stretch := _next(project_id, stretch_rows)):
                rows += _seal(project_id, stretch)
    except (locks.Busy, Overtaken):
        return rows
    return rows


def seal_due(now: datetime, *, until: float = float("inf")) -> int:
    """Seal the projects that have enough or old enough hot rows; return how many events."""
    return sum(seal(project_id, until=until) for project_id in due(now) if time.monotonic() < until)


def due(now: datetime) -> list[int]:
    """Return the projects to be sealed, those with most to seal first; note of the others that they have nothing."""
    with connection.cursor() as cursor:
        cursor.execute(TOP)
        top = cursor.fetchone()[0]
        if top is None:
            return []
        _begin(top)
        cursor.execute(
            """
            SELECT e.project_id, count(*), min(e.received_at) FROM events_event e
            JOIN events_seal s ON s.project_id = e.project_id AND e.position >= s.position
            WHERE e.position >= (SELECT min(position) FROM events_seal) AND e.position < %s GROUP BY 1 ORDER BY 2 DESC
            """,
            [top],
        )
        waiting = cursor.fetchall()
        cursor.execute(
            "UPDATE events_seal SET position = %s WHERE position < %s AND project_id <> ALL(%s)",
            [top, top - LAG, [project_id for project_id, _, _ in waiting]],
        )
        cursor.execute("SELECT id FROM customers_project WHERE deleted_at IS NOT NULL")
        leaving = {project_id for (project_id,) in cursor.fetchall()}
    return [
        project_id for project_id, rows, oldest in waiting if project_id not in leaving and _is_due(rows, now - oldest)
    ]


def _is_due(rows: int, age: timedelta) -> bool:
    return rows >= DUE_ROWS or age >= FEW_AGE or (rows >= SOME_ROWS and age >= SOME_AGE)


def _begin(top: int) -> None:
    """Give every project a seal: at the beginning of the log where it has rows, else where the log is now."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO events_seal (project_id, position)
            SELECT p.id, CASE WHEN EXISTS (SELECT FROM events_event e WHERE e.project_id = p.id) THEN %s ELSE %s END
            FROM customers_project p WHERE NOT EXISTS (SELECT FROM events_seal s WHERE s.project_id = p.id)
            ON CONFLICT DO NOTHING
            """,
            [LOWEST, top],
        )


def _next(project_id: int, rows: int) -> Stretch | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM events_seal WHERE project_id = %s", [project_id])
        found = cursor.fetchone()
        low = found[0] if found else LOWEST
        cursor.execute(TOP)
        top = cursor.fetchone()[0]
        if top is None or top <= low:
            return None
        cursor.execute(
            "SELECT position FROM events_event WHERE project_id = %s AND position >= %s AND position < %s"
            " ORDER BY position OFFSET %s LIMIT 1",
            [project_id, low, top, rows],
        )
        full = cursor.fetchone()
    return Stretch(low, full[0] + 1 if full else top)


def _seal(project_id: int, stretch: Stretch) -> int:
    with files.workspace() as folder:
        merged_at = _copy(project_id, stretch, folder / "hot.csv")
        with writing.database(folder) as db:
            made = _write(db, project_id, folder, merged_at)
    _commit(project_id, stretch, made)
    return sum(one.rows for one in made)


def _copy(project_id: int, stretch: Stretch, target: Path) -> datetime:
    """Copy the stretch's rows with the people of this moment; return which merges they show."""
    given = {"project": project_id, "low": stretch.low, "high": stretch.high}
    select = sql.SQL(HOT).format(**{name: sql.Literal(value) for name, value in given.items()})
    alone = not connection.in_atomic_block
    with transaction.atomic():
        # Reading only, so it gets no number and holds back no reader of the log, however long it takes.
        if alone:
            raw_cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        merged_at = writing.merged_at(project_id)
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(select)
        with target.open("wb") as out, raw_cursor().copy(statement) as copy:
            for block in copy:
                out.write(block)
    return merged_at


def _write(db: duckdb.DuckDBPyConnection, project_id: int, folder: Path, merged_at: datetime) -> list[Segment]:
    kinds = ", ".join(f"'{name}': '{kind}'" for name, kind in COLUMNS.items())
    source = f"read_csv('{folder / 'hot.csv'}', columns={{{kinds}}}, {CSV})"
    db.execute(f"CREATE TABLE hot AS SELECT {layout.PACKED} FROM {source}")  # noqa: S608 -- our own names
    (folder / "hot.csv").unlink()
    made = []
    for number, span in enumerate(writing.spans(db, "hot")):
        writing.write(db, "hot", span, folder / f"{number}.parquet")
        made.append(writing.segment(project_id, 0, span, folder / f"{number}.parquet", merged_at))
    return made


def _commit(project_id: int, stretch: Stretch, made: list[Segment]) -> None:
    """Make the files known and move the seal, both or neither."""
    with transaction.atomic():
        Seal.objects.get_or_create(project_id=project_id, defaults={"position": LOWEST})
        moved = Seal.objects.filter(project_id=project_id, position=stretch.low)
        if not moved.update(position=stretch.high, sealed_at=timezone.now()):
            raise Overtaken(project_id)
        Segment.objects.bulk_create(made)
